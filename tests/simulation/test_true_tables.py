"""The truth as constants tables: their conventions are those of the calibrations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mx2prod.detector import strip_ends
from mx2prod.simulation.hardware import TrueDetector
from mx2prod.simulation.true_tables import true_tables
from tests.simulation.making import START, file_of, spec_of
from tests.simulation.readout_tools import (
    FIRST_CHANNEL,
    deposits,
    light_of,
    quiet_spec,
    read,
    strip_at,
    truth_of,
)


def truth_with(**values: Any) -> TrueDetector:
    return TrueDetector.of(spec_of(**values), 50017, START)


def test_all_tables_have_all_rows() -> None:
    tables = true_tables(truth_with())
    assert {name: len(table) for name, table in tables.items()} == {
        "pedestal": 11_840, "pmtgain": 11_840, "feb": 11_840, "atten_id": 9_652, "s2s": 9_652,
        "meu": 1, "timing": 370, "slewing": 1, "alignment": 76,
    }  # fmt: skip


def test_width_of_a_pedestal_has_rounding_and_common_mode_in_it() -> None:
    truth = truth_with()
    table = truth.tables()["pedestal"]
    for gain, name in enumerate(("hg", "mg", "lg")):
        assert np.array_equal(table[f"{name}_mean"], truth.pedestal[:, gain])
        expected = np.sqrt(truth.noise[:, gain] ** 2 + 0.3**2 + 1 / 12)
        assert table[f"{name}_rms"] == pytest.approx(expected)
        assert (expected / np.sqrt(table[f"{name}_entries"]) < 1e-3).all()


def test_gains_and_high_voltage() -> None:
    truth = truth_with(faults=[{"kind": "hv_off", "address": "0-1-0-2"}])
    table = truth.tables()["pmtgain"]
    assert np.array_equal(table["gain"], truth.gain)
    assert set(table["w2"]) == {0.25}
    assert (table["hv"][64:128] == 0).all() and (table["hv"][:64] == truth.hv[0]).all()


def test_strip_factors_are_one_over_the_response_with_a_mean_of_one() -> None:
    truth = truth_with(miscalibrate={"strip": [{"kind": "gauss", "size": 0.2}]})
    factor = truth.tables()["s2s"]["s2s"]
    assert factor.mean() == pytest.approx(1, abs=1e-12)
    product = factor * truth.strip_response
    assert np.ptp(product) == pytest.approx(0, abs=1e-12)


def test_energy_from_light_with_all_tables_has_no_bias() -> None:
    """Digits of reconstruction page, section 5, by hand: light back to energy, strip by strip."""
    gates, energy = 4000, 20.0
    spec = quiet_spec(file_of(gates=gates)).model_copy(
        update={"miscalibrate": spec_of(miscalibrate={
            "strip": [{"kind": "uniform", "size": 0.3}], "light": [{"kind": "scale", "size": 0.9}],
            "attenuation": [{"kind": "uniform", "size": 0.1}],
        }).miscalibrate}
    )  # fmt: skip
    truth = truth_of(spec)
    tables, fibres = truth.tables(), truth.detector.fibres
    pixels = np.array([1, 9, 27, 36, 62])
    strips = np.array([strip_at(truth, pixel) for pixel in pixels])
    which = np.arange(gates) % len(pixels)
    readout = read(spec, deposits(np.arange(1, gates + 1), strips[which], energy), 1, gates, truth)
    low, high = strip_ends(truth.detector.planes.strips()["strip"][strips])
    for number, (pixel, strip) in enumerate(zip(pixels, strips, strict=True)):
        row = {name: tables["atten_id"][name][strip] for name in ("atten", "reflect", "amp")}
        d, length = high[number], high[number] - low[number]
        of_strip = row["amp"] * (
            math.exp(-d / row["atten"])
            + row["reflect"] * math.exp(-(2 * length - d) / row["atten"])
        )
        pe = light_of(readout, FIRST_CHANNEL + pixel, gates)[which == number]
        pe = pe * math.exp(fibres.clear[strip] / 7830 + fibres.bagged_wls[strip] / row["atten"])
        found = pe / of_strip * tables["s2s"]["s2s"][strip] * tables["meu"]["meu"][0]
        error = found.std() / math.sqrt(len(found))
        assert found.mean() == pytest.approx(energy, abs=4 * error)
        assert error / energy < 0.005


def test_energy_scale_without_known_errors_is_one_over_the_light() -> None:
    truth = truth_with()
    scale = truth.tables()["meu"]["meu"][0]
    assert scale * truth.light == pytest.approx(1 / truth.response.pe_per_mev)


def test_offsets_are_what_is_subtracted_from_times() -> None:
    spec = quiet_spec(file_of(gates=2)).model_copy(
        update={"miscalibrate": spec_of(
            miscalibrate={"timing": [{"kind": "uniform", "size": 30}]}).miscalibrate}
    )  # fmt: skip
    truth = truth_of(spec)
    table = truth.tables()["timing"]
    still = truth_of(quiet_spec(file_of(gates=2)))
    for pixel, half in ((27, 0), (40, 1)):
        strip = strip_at(truth, pixel)
        times = []
        for which in (truth, still):
            which.slewing_ns = 0.0
            hits = read(spec, deposits([1], strip, 20.0), 1, 1, which).hits
            times.append(float(hits["time_ns"][0]))
        row = np.flatnonzero((table["croc"] == 1) & (table["chain"] == 0)
                             & (table["board"] == 2) & (table["half"] == half))[0]  # fmt: skip
        assert times[0] - table["offset_ns"][row] == pytest.approx(times[1], abs=2e-3)


def test_slewing_is_zero_at_ten_photoelectrons() -> None:
    table = truth_with(miscalibrate={"slewing": [{"kind": "scale", "size": 1.4}]}).tables()
    row = table["slewing"]
    assert [row[f"p{k}"][0] for k in range(5)] == pytest.approx([0, 7, 0, 0, 0])
    assert row["n_index"][0] == pytest.approx(299.792458 / 175)


def test_alignment_is_minus_the_displacement() -> None:
    truth = truth_with(
        miscalibrate={"planes": [{"kind": "gauss", "size": 2}],
                      "rotations": [{"kind": "gauss", "size": 0.002}]}
    )  # fmt: skip
    table = truth.tables()["alignment"]
    assert np.array_equal(table["shift_mm"], -truth.plane_shift_mm)
    assert np.array_equal(table["rot_rad"], -truth.plane_rotation_rad)
    assert truth.plane_shift_mm.std() > 1


def test_curves_and_attenuation_are_the_true_ones() -> None:
    law = [{"kind": "uniform", "size": 0.1}]
    truth = truth_with(miscalibrate={"feb": law, "attenuation": law})
    tables = truth.tables()
    for gain, name in enumerate(("hg", "mg", "lg")):
        for number, column in enumerate(("adc0", "slope1", "xkink1", "slope2", "xkink2", "slope3")):
            assert np.array_equal(tables["feb"][f"{name}_{column}"], truth.curve[:, gain, number])
    for number, column in enumerate(("atten", "reflect", "amp")):
        assert np.array_equal(tables["atten_id"][column], truth.attenuation[:, number])


def test_bad_channels_are_listed_with_their_reasons() -> None:
    assert "badchannel" not in truth_with().tables()
    kinds = ["dead_pixel", "hot_pixel", "stuck_bit", "noisy_pixel"]
    faults = [{"kind": kind, "address": f"0-1-0-2-{10 + n}"} for n, kind in enumerate(kinds)]
    faults.append({"kind": "noisy_pixel", "address": "0-1-0-2-10"})
    table = truth_with(faults=faults).tables()["badchannel"]
    assert table["pixel"].tolist() == [10, 11, 12, 13]
    assert table["flags"].tolist() == [1 | 4, 2, 4, 4]
    assert table["reason"].tolist() == [
        "simulated: dead, noisy", "simulated: hot", "simulated: stuck bit", "simulated: noisy",
    ]  # fmt: skip
