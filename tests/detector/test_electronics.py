"""Constants with provenance, and the TriP maps (raw-format page, section 5; detector page, 6)."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from mx2prod.core.errors import ConfigError
from mx2prod.core.workspace import RawSection
from mx2prod.detector import (
    CHANNEL_OF_PIXEL,
    GAIN_OF_CHANNEL,
    PIXEL_OF_CHANNEL,
    TRIP_OF_PIXEL,
    DetectorConstants,
    Electronics,
    FebCurve,
    Gain,
    Mark,
    PlaneShape,
    Response,
    pixels_by_gain,
)

CONSTANTS_SHA256 = "e3e900c569c797f56057428040f2d59f0ebc524353be86e444b5014f9068f8f6"
LOW_OUTER = [26, 34, 25, 33, 24, 32, 23, 31, 22, 30, 21, 29, 20, 28, 19, 27]
LOW_INNER = [11, 3, 12, 4, 13, 5, 14, 6, 15, 7, 16, 8, 17, 9, 18, 10]


def test_trip_maps_of_the_page() -> None:
    for pixel in range(64):
        trip = 2 * (pixel // 32) + (pixel // 16) % 2
        assert TRIP_OF_PIXEL[:, pixel].tolist() == [trip, trip, 4 + pixel // 32]
        low = LOW_INNER if 16 <= pixel < 48 else LOW_OUTER
        expected = [3 + pixel % 16, 19 + pixel % 16, low[pixel % 16]]
        assert CHANNEL_OF_PIXEL[:, pixel].tolist() == expected


def test_trip_maps_invert() -> None:
    used = PIXEL_OF_CHANNEL >= 0
    assert used.sum() == 3 * 64
    assert not used[:, [0, 1, 2, 35]].any()
    assert ((GAIN_OF_CHANNEL >= 0) == used).all()
    for gain in Gain:
        trip, channel = TRIP_OF_PIXEL[gain], CHANNEL_OF_PIXEL[gain]
        assert (PIXEL_OF_CHANNEL[trip, channel] == np.arange(64)).all()
        assert (GAIN_OF_CHANNEL[trip, channel] == gain).all()


def test_words_by_gain_and_pixel() -> None:
    words = np.arange(2 * 6 * 36, dtype=np.uint16).reshape(2, 6, 36)
    sorted_words = pixels_by_gain(words)
    assert sorted_words.shape == (2, 3, 64)
    assert sorted_words.dtype == np.uint16
    assert sorted_words[1, Gain.LOW, 17] == words[1, 4, 3]


def test_maps_are_read_only() -> None:
    for array in (TRIP_OF_PIXEL, CHANNEL_OF_PIXEL, PIXEL_OF_CHANNEL, GAIN_OF_CHANNEL):
        assert not array.flags.writeable


def test_maps_find_the_pedestals_of_the_emulated_pedestal_file(samples: dict[str, Path]) -> None:
    """The emulator has another implementation of the maps; its pedestals differ by channel."""
    folder = samples["p09_ped_full"]
    truth = json.loads(gzip.decompress((folder / "truth.json.gz").read_bytes()))
    pedestals = read_pedestals(folder / "channels.csv.gz")
    checked = 0
    for chain in truth["gates"][0]["chains"]:
        for feb in chain["febs"]:
            if "adc_raw_trip_chan" not in feb:
                continue
            untimed = pixels_by_gain(np.array(feb["adc_raw_trip_chan"][-1]))
            mean = pedestals[chain["croc"], chain["chan"], feb["feb"]]
            if len(feb["adc_raw_trip_chan"]) == 1:
                assert np.abs(untimed - mean).max() < 60
                assert np.corrcoef(untimed.ravel(), mean.ravel())[0, 1] > 0.9
                checked += 1
    assert checked >= 10


def read_pedestals(path: Path) -> dict[tuple[int, int, int], np.ndarray]:
    means: dict[tuple[int, int, int], np.ndarray] = {}
    with gzip.open(path, "rt") as handle:
        for row in csv.DictReader(handle):
            address = (int(row["croc"]), int(row["chan"]), int(row["feb"]))
            board = means.setdefault(address, np.zeros((3, 64)))
            board[:, int(row["pixel"])] = [float(row[f"ped_{g}"]) for g in ("hi", "med", "lo")]
    return means


@pytest.mark.parametrize("kind", [PlaneShape, Electronics, Response])
def test_every_constant_has_unit_mark_and_source(kind: type[PlaneShape]) -> None:
    rows = kind().rows()
    assert {row["name"] for row in rows} == set(kind.model_fields)
    for row in rows:
        assert row["mark"] in list(Mark)
        assert row["source"]
        assert row["meaning"]
        assert isinstance(row["unit"], str)
    json.dumps(rows, allow_nan=False)


@pytest.mark.parametrize("kind", [PlaneShape, Electronics, Response])
def test_help_text_lists_every_constant_with_its_mark(kind: type[PlaneShape]) -> None:
    text = kind.__doc__ or ""
    for row in kind().rows():
        assert f"\n{row['name']} : default " in text
        assert f"{row['meaning']}. {row['mark'].capitalize()}: {row['source']}." in text


def test_values_of_the_page() -> None:
    electronics, response = Electronics(), Response()
    assert electronics.adc_max == 4095
    assert electronics.gate_length_ticks * RawSection().tick_ns == pytest.approx(16_025, abs=1)
    assert electronics.integration_ticks * RawSection().tick_ns == pytest.approx(150.6, abs=0.1)
    assert electronics.hv_volts_per_count == 0.0170213
    high, medium, low = (response.charge_per_pe * curve.slope1 for curve in response.curves)
    assert (high, medium, low) == pytest.approx((72, 18, 4.8), abs=0.4)
    assert [curve.kink1 for curve in response.curves] == pytest.approx([1900, 7600, 28500])
    assert response.threshold_pe * response.charge_per_pe == pytest.approx(68, abs=0.5)
    assert electronics.gain_split == (1, 1 / 4, 1 / 15)


def test_layout_numbers_agree_with_the_maps() -> None:
    electronics = Electronics()
    assert PIXEL_OF_CHANNEL.shape == (electronics.trips, electronics.trip_channels)
    assert CHANNEL_OF_PIXEL.shape == (len(Gain), electronics.pixels)
    assert TRIP_OF_PIXEL[Gain.HIGH].max() + 1 == electronics.timed_trips


def test_replacing_values() -> None:
    changed = Response().replaced({"dark_rate": 100.0})
    assert changed.dark_rate == 100.0
    assert changed.birks == Response().birks
    assert changed.sha256 != Response().sha256
    assert Response().replaced({}).sha256 == Response().sha256


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dark_rat": 1.0}, "Response: unknown key 'dark_rat'; did you mean 'dark_rate'"),
        ({"dark_rate": -1.0}, "dark_rate: Input should be greater than or equal to 0"),
        ({"w2": 1.5}, "w2: Input should be less than or equal to 1"),
        ({"birks": float("nan")}, "birks: Input should be a finite number"),
        ({"low_gain": "never"}, "low_gain: Input should be 'gate_end' or 'per_push'"),
        ({"gain_mean": 3e5}, "gain_mean 300000 is 48.1 fC, charge_per_pe is 90.4 fC: set both"),
    ],
)
def test_values_that_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Response().replaced(values)
    assert caught.value.next_step == "mx2 detector constants"


def test_kinks_in_order() -> None:
    with pytest.raises(ValueError, match="not positive and in order"):
        FebCurve(adc0=0, slope1=1, kink1=2000, slope2=1, kink2=1000, slope3=1)


def test_defaults_change_only_with_their_version() -> None:
    """Whoever changes a default gives ``CONSTANTS_VERSION`` a new name and pins the new hash."""
    constants = DetectorConstants()
    assert (constants.version, constants.sha256) == ("constants_v2", CONSTANTS_SHA256)
