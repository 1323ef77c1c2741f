"""ADC words: curve, noise, common mode, rounding, clipping, stuck bits, drift of the pedestals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mx2prod.detector.trip import CHANNEL_OF_PIXEL, N_TRIP_CHANNELS, TRIP_OF_PIXEL
from mx2prod.raw.columns import FEB_DTYPE
from mx2prod.simulation.adc_kernels import CHARGE_DTYPE, NO_PIXEL_ADC, make_adc
from mx2prod.simulation.random_kernels import normal_table
from tests.simulation.making import file_of
from tests.simulation.readout_tools import FIRST_CHANNEL, quiet_spec, read, truth_of

WORD = TRIP_OF_PIXEL.astype(np.int64) * N_TRIP_CHANNELS + CHANNEL_OF_PIXEL
"""Place of gain and pixel among the 216 words, shape (3, 64)."""
ADC0 = 17.0
CURVE = np.array(
    [
        [ADC0, 0.8, 1900, 0.65, 2600, 0.05],
        [ADC0, 0.2, 7600, 0.1625, 10400, 0.0125],
        [ADC0, 0.8 / 15, 28500, 0.65 / 15, 39000, 0.05 / 15],
    ]
)


def plain_curve(charge: float, curve: npt.NDArray[np.float64]) -> float:
    """ADC above the pedestal, by interpolation between the kinks."""
    _, slope1, kink1, slope2, kink2, slope3 = curve
    at1 = slope1 * kink1
    at2 = at1 + slope2 * (kink2 - kink1)
    far = 1e6
    return float(
        np.interp(charge, [0, kink1, kink2, far], [0, at1, at2, at2 + slope3 * (far - kink2)])
    )


def digitise(
    charges: list[tuple[int, int, float, float]], *, frames: int = 1, gates: int = 1,
    noise: float = 0.0, common: float = 0.0, pedestal: float = 430.0, shift: float = 0.0,
    stuck: int = 0,
) -> npt.NDArray[np.uint16]:  # fmt: skip
    """One board; charges are frame, pixel, charge, charge of the low gain."""
    febs = np.zeros(gates, FEB_DTYPE)
    febs["n_adc"], febs["first_adc"] = frames, frames * np.arange(gates)
    rows = np.zeros(len(charges), CHARGE_DTYPE)
    for row, (frame, pixel, charge, low) in zip(rows, charges, strict=True):
        row["frame"], row["pixel"], row["charge"], row["low"] = frame, pixel, charge, low
    adc = np.zeros((gates * frames, 216), np.uint16)
    make_adc(
        np.uint64(3), np.r_[1, 1, 1 : gates + 1], normal_table(), np.zeros(1, np.int64), febs, rows,
        np.full((1, 64, 3), pedestal), np.full((1, 64, 3), noise), np.tile(CURVE, (1, 64, 1, 1)),
        np.full((gates, 1), shift), common, np.full((1, 64), stuck, np.uint16), WORD.T.copy(), adc,
    )  # fmt: skip
    return adc


@pytest.mark.parametrize("pixel", [0, 17, 40, 63])
def test_the_curve_is_trilinear(pixel: int) -> None:
    for charge in [0.0, 1.0, 90.4, 1899.0, 1901.0, 2599.0, 2601.0, 5000.0, 20_000.0, 30_000.0]:
        adc = digitise([(0, pixel, charge, 2 * charge)])[0]
        for gain in range(3):
            x = 2 * charge if gain == 2 else charge
            value = 430 + plain_curve(x, CURVE[gain])
            assert adc[WORD[gain, pixel]] == min(4095, math.floor(value + 0.5))
        others = np.setdiff1d(WORD.ravel(), WORD[:, pixel])
        assert (adc[others] == 430).all()


def test_words_that_are_no_pixels() -> None:
    adc = digitise([])[0]
    rest = np.setdiff1d(np.arange(216), WORD.ravel())
    assert len(rest) == 24
    assert (adc[rest] == NO_PIXEL_ADC).all()


def test_a_charge_belongs_to_its_frame() -> None:
    adc = digitise([(0, 5, 500.0, 0.0), (2, 5, 900.0, 0.0), (2, 6, 100.0, 0.0)], frames=3)
    assert adc[:, WORD[0, 5]].tolist() == [830, 430, 1150]
    assert adc[:, WORD[0, 6]].tolist() == [430, 430, 510]


@pytest.mark.parametrize(("pedestal", "found"), [(-30.0, 0), (4200.0, 4095), (430.49, 430)])
def test_words_are_clipped_and_rounded(pedestal: float, found: int) -> None:
    assert set(digitise([], pedestal=pedestal)[0][WORD.ravel()]) == {found}


@pytest.mark.parametrize("bit", [0, 4, 11])
def test_stuck_bits_are_always_one(bit: int) -> None:
    adc = digitise([], stuck=1 << bit)[0][WORD.ravel()]
    assert set(adc) == {430 | 1 << bit}


def test_noise_is_gaussian_with_its_width() -> None:
    adc = digitise([], gates=500, noise=5.0)[:, WORD.ravel()].astype(float)
    n = adc.size
    width = math.sqrt(25 + 1 / 12)
    assert adc.mean() == pytest.approx(430, abs=4 * width / math.sqrt(n))
    assert adc.std() == pytest.approx(width, abs=4 * width / math.sqrt(2 * n))
    beyond = (np.abs(adc - 430) > 2.5 * 4).mean()
    # |x| >= 11 of a rounded Gaussian of width 5: beyond 10.5
    assert beyond == pytest.approx(math.erfc(10.5 / 5 / math.sqrt(2)), abs=4 * 0.19 / math.sqrt(n))
    correlation = np.corrcoef(adc.T)[np.triu_indices(192, 1)]
    assert correlation.std() == pytest.approx(1 / math.sqrt(500), rel=0.05)


def test_common_mode_moves_all_pixels_of_a_frame_together() -> None:
    adc = digitise([], gates=2000, noise=3.0, common=2.0)[:, WORD.ravel()].astype(float)
    of_frame = adc.mean(axis=1)
    expected = math.sqrt(4 + (9 + 1 / 12) / 192)
    assert of_frame.std() == pytest.approx(expected, abs=4 * expected / math.sqrt(4000))
    assert adc.std() == pytest.approx(math.sqrt(4 + 9 + 1 / 12), rel=0.03)


def test_pedestals_of_a_board_shift() -> None:
    assert set(digitise([], shift=3.0)[0][WORD.ravel()]) == {433}


# Through the whole readout


def pedestal_file(**values: Any) -> dict[str, Any]:
    return file_of("pdstl", gates=36_001, start="2024-07-10T00:00:00Z", **values)


def test_drift_is_zero_in_the_middle_and_follows_the_wave_of_the_day() -> None:
    """One hour of pedestals at the steepest place of a large wave, without noise."""
    spec = quiet_spec(pedestal_file(), pedestal_drift=40.0, common_shift=0.0)
    truth = truth_of(spec)
    truth.noise[:] = 0
    for gate, hours in ((1, -0.5), (18_001, 0.0), (36_001, 0.5)):
        adc = read(spec, None, gate, gate, truth).adc.reshape(7, 216)
        middle = truth.when.timestamp() / 3600
        phase = truth.day_phase[1]
        wave = [
            40 * 24 / (2 * math.pi) * math.sin(2 * math.pi * (t / 24 + phase))
            for t in (middle, middle + hours)
        ]
        expected = truth.pedestal[FIRST_CHANNEL : FIRST_CHANNEL + 64] + wave[1] - wave[0]
        for gain in range(3):
            assert adc[1][WORD[gain]] == pytest.approx(expected[:, gain], abs=0.52)


def test_two_files_of_one_detector_differ_by_the_wave() -> None:
    """The pedestals of the afternoon file are those of the morning, moved board by board."""
    spec = quiet_spec(pedestal_file(), pedestal_drift=40.0)
    later = quiet_spec({**pedestal_file(), "start": "2024-07-10T06:00:00Z"}, pedestal_drift=40.0)
    moved = truth_of(later).pedestal - truth_of(spec).pedestal
    by_board = moved.reshape(185, -1)
    assert np.ptp(by_board, axis=1) == pytest.approx(np.zeros(185), abs=1e-9)
    assert 100 < by_board[:, 0].std() < 250


def test_pedestal_gates_have_the_true_mean_and_width() -> None:
    """Pulls of 7 boards and 3 gains; the widths have common mode and rounding in them."""
    spec = quiet_spec(file_of("pdstl", gates=1000))
    truth = truth_of(spec)
    adc = np.concatenate(
        [read(spec, None, first, first + 199, truth).adc for first in range(1, 1001, 200)]
    )
    values = adc.reshape(1000, 7, 216)[:, 1:3, :][:, :, WORD].astype(float)
    table = truth.tables()["pedestal"]
    own = slice(FIRST_CHANNEL, FIRST_CHANNEL + 128)
    for gain, name in enumerate(("hg", "mg", "lg")):
        mean, rms = (
            np.asarray(table[f"{name}_{word}"])[own].reshape(2, 64) for word in ("mean", "rms")
        )
        found = values[:, :, gain, :]
        pull = (found.mean(axis=0) - mean) / (rms / math.sqrt(1000))
        # 0.3 ADC of common mode are shared by a board: its part of the pull is no spread
        assert abs(pull.mean()) < 4 * math.sqrt(1 / 128 + 0.3**2 / np.mean(rms**2) / 2)
        assert pull.std() == pytest.approx(1, abs=4 / math.sqrt(256))
        ratio = found.std(axis=0, ddof=1) / rms
        assert ratio.mean() == pytest.approx(1, abs=4 / math.sqrt(2 * 1000 * 128) + 0.002)
        assert ratio.std() == pytest.approx(1 / math.sqrt(2000), rel=0.3)
