"""Simulated light through boards, suppression and calibration: what comes back is what went in.

Reconstruction page, section 16, checks 1 and 8, on a few boards.
"""

from __future__ import annotations

import numpy as np
import pytest

from mx2prod.constants import Slewing, Timing
from mx2prod.core.units import LIGHT_SPEED
from mx2prod.detector import strip_ends
from mx2prod.digits import CalDigitFlag
from tests.digits.calibration_tools import (
    calibrated_by,
    gate_numbers,
    simulated,
    tables_of,
    true_hits,
)
from tests.simulation.making import file_of, spec_of
from tests.simulation.readout_tools import deposits, quiet_spec, strip_at, truth_of

PIXELS = np.array([1, 9, 27, 36, 62])
FIRST = 64
QUARTER_NS = 9.4154 / 4


def ladder(n_gates, low, high, **response):
    """One deposit a gate, from ``low`` to ``high`` MeV in equal ratios, at the strip's middle."""
    spec = quiet_spec(file_of(gates=n_gates), **response)
    truth = truth_of(spec)
    strips = np.array([strip_at(truth, pixel) for pixel in PIXELS])[np.arange(n_gates) % 5]
    low_end, high_end = strip_ends(truth.detector.planes.strips()["strip"][strips])
    energy = np.geomspace(low, high, n_gates)
    rows = deposits(np.arange(1, n_gates + 1), strips, energy, l_mm=(low_end + high_end) / 2)
    sup, hits = simulated(spec, truth, rows, n_gates)
    return truth, sup, hits, energy, strips


def fired_digits(made):
    return np.flatnonzero(made.digits["flags"] & int(CalDigitFlag.FIRED))


@pytest.fixture(scope="module")
def light_ladder():
    return ladder(4000, 2.0, 900.0)


def gain_of(digits):
    flags = digits["flags"]
    return np.where(flags & int(CalDigitFlag.LOW_USED), 2,
                    np.where(flags & int(CalDigitFlag.MED_USED), 1, 0))  # fmt: skip


def test_charge_comes_back_in_all_three_gains(light_ladder):
    """Bias below 0.5 % in each gain (check 1); widths are those of the pedestal noise."""
    truth, sup, hits, _, _ = light_ladder
    made = calibrated_by(sup, truth)
    digit, hit = true_hits(made, hits)
    digits, charge = made.digits[digit], hits["charge"][hit].astype(float)
    gains = gain_of(digits)
    assert np.bincount(gains, minlength=3).min() > 300
    for gain in range(3):
        of = (gains == gain) & (charge > 200)
        ratio = digits["q"][of] / charge[of]
        assert abs(np.average(ratio, weights=charge[of]) - 1) < 0.005
        assert abs(np.median(ratio) - 1) < 0.005


def test_no_step_where_the_next_gain_takes_over(light_ladder):
    """Mean found over true charge is 1 within 1 % in every step of charge through both kinks."""
    truth, sup, hits, _, _ = light_ladder
    made = calibrated_by(sup, truth)
    digit, hit = true_hits(made, hits)
    charge, found = hits["charge"][hit].astype(float), made.digits["q"][digit]
    for kink in truth.curve[0, :2, 4]:
        edges = kink * np.array([0.7, 0.85, 0.95, 1.05, 1.15, 1.3, 1.6])
        place = np.digitize(charge, edges)
        for step in range(1, len(edges)):
            of = place == step
            assert of.sum() > 40
            assert found[of].sum() / charge[of].sum() == pytest.approx(1, abs=0.01)


def test_gains_change_at_the_second_kinks(light_ladder):
    """Beyond a kink 5 sigma of noise are up to 0.9 pC in high and 1.2 pC in medium gain."""
    truth, sup, hits, _, _ = light_ladder
    made = calibrated_by(sup, truth)
    digit, hit = true_hits(made, hits)
    charge, gains = hits["charge"][hit], gain_of(made.digits[digit])
    high, medium = truth.curve[0, 0, 4], truth.curve[0, 1, 4]
    assert (gains[charge < 0.95 * high] == 0).all()
    assert (gains[(charge > high + 900) & (charge < 0.95 * medium)] == 1).all()
    of = charge > medium + 1200
    low = gains[of] == 2
    ambiguous = made.digits["flags"][digit][of] & int(CalDigitFlag.LOW_AMBIGUOUS)
    assert ((ambiguous != 0) == ~low).all()
    assert low.mean() > 0.99  # of the others noise passed the suppression in the untimed block


def test_light_and_energy_come_back(light_ladder):
    """Photoelectrons to 1 % (they fluctuate in charge), energy of all gates within statistics."""
    truth, sup, hits, energy, strips = light_ladder
    made = calibrated_by(sup, truth)
    digit, hit = true_hits(made, hits)
    digits = made.digits[digit]
    pe = hits["pe"][hit].astype(float)
    large = pe > 20
    ratio = digits["pe"][large] / pe[large]
    error = ratio.std() / np.sqrt(large.sum())
    assert abs(ratio.mean() - 1) < 4 * error
    assert error < 0.004
    assert (digits["strip"] == strips[gate_numbers(made)[digit] - 1]).all()
    true = energy[gate_numbers(made)[digit] - 1]
    # variance of the energy: photoelectrons (1 + w2), most of it from the largest deposits
    per_pe = digits["energy"] / digits["pe"]
    error = np.sqrt(np.sum(per_pe**2 * pe * 1.25)) / true.sum()
    assert digits["energy"].sum() / true.sum() == pytest.approx(1, abs=4 * error)
    assert error < 0.004
    small = true < 40
    error = np.sqrt(np.sum(per_pe[small] ** 2 * pe[small] * 1.25)) / true[small].sum()
    assert digits["energy"][small].sum() / true[small].sum() == pytest.approx(1, abs=4 * error)


WRONG = {
    "do_clear_fiber_atten": lambda t, s: np.exp(-t.detector.fibres.clear[s] / 7830),
    "do_wls_baggie_atten": lambda t, s: np.exp(-t.detector.fibres.bagged_wls[s] / 3500),
    "do_pe_to_energy": lambda t, s: np.full(len(s), 1 / tables_of(t)[
        "minerva2x2_meu_constants"]["meu"][0]),
    "do_cal_pe": lambda t, s: t.charge_per_pe[t.channel_of_strip[s]],
}  # fmt: skip


@pytest.mark.parametrize("switch", WRONG)
def test_a_switch_that_is_off_leaves_its_factor_out(light_ladder, switch):
    truth, sup, _, _, strips = light_ladder
    right, wrong = calibrated_by(sup, truth), calibrated_by(sup, truth, **{switch: False})
    with_light = fired_digits(right)
    of = strips[gate_numbers(right)[with_light] - 1]
    same = right.digits["strip"][with_light] == of
    with_light, of = with_light[same], of[same]
    expected = right.digits["energy"][with_light] * WRONG[switch](truth, of)
    assert wrong.digits["energy"][with_light] == pytest.approx(expected, rel=1e-5)


def test_strip_attenuation_and_strip_constants_off(light_ladder):
    truth, sup, _, _, _ = light_ladder
    right = calibrated_by(sup, truth)
    off = calibrated_by(sup, truth, do_strip_atten=False)
    row = fired_digits(right)[-1]
    strip = right.digits["strip"][row]
    low, high = strip_ends(truth.detector.planes.strips()["strip"][strip])
    length = high - low
    light = np.exp(-length / 2 / 3500) + 0.8 * np.exp(-1.5 * length / 3500)
    ratio = off.digits["energy"][row] / right.digits["energy"][row]
    assert ratio == pytest.approx(light, rel=1e-5)


def test_without_the_response_the_charge_is_adc(light_ladder):
    truth, sup, _, _, _ = light_ladder
    made = calibrated_by(sup, truth, do_cal_charge=False)
    pedestal = truth.pedestal[made.digits["chan"], 0]
    assert made.digits["q"] == pytest.approx(made.digits["adc_hi"] - pedestal, abs=1e-3)


def test_strip_to_strip_constants_make_strips_equal():
    spec = quiet_spec(file_of(gates=1500)).model_copy(
        update={"miscalibrate": spec_of(
            miscalibrate={"strip": [{"kind": "uniform", "size": 0.3}]}).miscalibrate}
    )  # fmt: skip
    truth = truth_of(spec)
    strips = np.array([strip_at(truth, pixel) for pixel in PIXELS])
    which = np.arange(1500) % len(strips)
    sup, _ = simulated(spec, truth, deposits(np.arange(1, 1501), strips[which], 100.0), 1500)
    on, off = calibrated_by(sup, truth), calibrated_by(sup, truth, do_cal_strip=False)
    rows = fired_digits(on)
    response = truth.strip_response[on.digits["strip"][rows]] * np.mean(1 / truth.strip_response)
    assert np.ptp(response) > 0.1
    assert off.digits["energy"][rows] == pytest.approx(
        on.digits["energy"][rows] * response, rel=1e-5
    )
    for strip in strips:
        of = rows[on.digits["strip"][rows] == strip]
        energy = on.digits["energy"][of]
        assert energy.mean() == pytest.approx(100, abs=4 * energy.std() / np.sqrt(len(of)) + 1)


@pytest.fixture(scope="module")
def timed():
    """Deposits of 5 to 200 MeV at the readout end of their strips; half boards 30 ns apart."""
    n = 3000
    spec = quiet_spec(file_of(gates=n)).model_copy(
        update={"miscalibrate": spec_of(
            miscalibrate={"timing": [{"kind": "uniform", "size": 30}]}).miscalibrate}
    )  # fmt: skip
    truth = truth_of(spec)
    rng = np.random.default_rng(3)
    strips = np.array([strip_at(truth, pixel) for pixel in PIXELS])[np.arange(n) % 5]
    _, high = strip_ends(truth.detector.planes.strips()["strip"][strips])
    time = rng.uniform(500, 15000, n)
    energy = np.geomspace(5, 200, n)
    rows = deposits(np.arange(1, n + 1), strips, energy, time, l_mm=high)
    sup, hits = simulated(spec, truth, rows, n)
    return truth, sup, hits, time


def residuals(made, time):
    """Found minus true time of the digits that the deposits fired; the rest are noise."""
    rows = fired_digits(made)
    rows = rows[made.digits["pe"][rows] > 3]
    return rows, made.digits["t"][rows] - time[gate_numbers(made)[rows] - 1]


def test_time_of_light_leaving_the_strip(timed):
    """All photoelectrons of a deposit come at one time: what is left is the quarter tick.

    Uniform over a quarter tick: 2.354 ns / sqrt(12) = 0.68 ns.  Slewing of the measured instead of
    the true light adds 1.25 ns / pe: 0.1 ns at 10 PE.  The 3 ns of data (check 8) are the decay
    times of scintillator and fibre, which are not simulated.
    """
    truth, sup, _, time = timed
    rows, residual = residuals(calibrated_by(sup, truth), time)
    assert len(rows) > 2900
    assert abs(residual.mean()) < 0.2
    assert residual.std() == pytest.approx(QUARTER_NS / np.sqrt(12), rel=0.1)
    assert np.abs(residual).max() < QUARTER_NS


def test_time_without_corrections(timed):
    truth, sup, _, time = timed
    on, off = calibrated_by(sup, truth), calibrated_by(sup, truth, do_cal_time=False)
    rows, residual = residuals(off, time)
    assert (off.digits["t"][rows] == off.digits["t_raw"][rows]).all()
    chan, pe = off.digits["chan"][rows], off.digits["pe"][rows].astype(float)
    offset = truth.offset_ns[chan // 64, chan % 64 // 32]
    walk = truth.slewing_ns * (1 / np.sqrt(pe) - 1 / np.sqrt(10))
    fibre = 1800 / 175
    assert residual == pytest.approx(offset + walk + fibre, abs=QUARTER_NS)
    assert np.abs(offset).max() > 2
    assert (on.digits["t_raw"][rows] == off.digits["t_raw"][rows]).all()


def test_the_refractive_index_is_that_of_the_slewing_table(timed):
    truth, sup, _, _ = timed
    tables = tables_of(truth)
    del tables[Slewing.folder], tables[Timing.folder]
    made = calibrated_by(sup, truth, tables, use_defaults=["slewing", "time_offset"])
    rows = fired_digits(made)
    delay = made.digits["t_raw"][rows] - made.digits["t"][rows]
    assert delay == pytest.approx(np.full(len(rows), 1800 * 1.6 / LIGHT_SPEED), abs=3e-3)
    missing = int(CalDigitFlag.NO_SLEWING | CalDigitFlag.NO_TIME_OFFSET)
    assert (made.digits["flags"][rows] & missing == missing).all()


def test_two_hits_of_a_pixel_make_the_low_gain_ambiguous():
    """The low gain holds both; the larger is read from the medium gain beyond its kink."""
    spec = quiet_spec(file_of(gates=200))
    truth = truth_of(spec)
    strip = strip_at(truth, 9)
    gates = np.repeat(np.arange(1, 201), 2)
    rows = deposits(gates, strip, np.tile([150.0, 30.0], 200), np.tile([2000.0, 9000.0], 200))
    sup, hits = simulated(spec, truth, rows, 200)
    made = calibrated_by(sup, truth)
    large = made.digits[(made.digits["block"] == 0) & (made.digits["pe"] > 100)]
    capped = int(CalDigitFlag.LOW_AMBIGUOUS | CalDigitFlag.MED_USED)
    assert len(large) > 190
    assert (large["flags"] & (capped | int(CalDigitFlag.LOW_USED)) == capped).all()
    digit, hit = true_hits(made, hits)
    of = hits["charge"][hit] > 20_000
    ratio = made.digits["q"][digit][of] / hits["charge"][hit][of]
    assert ratio.mean() == pytest.approx(1, abs=0.005)


def test_low_gain_with_every_push():
    """Then each block has its own low gain, and nothing is ambiguous."""
    spec = quiet_spec(file_of(gates=200), low_gain="per_push")
    truth = truth_of(spec)
    strip = strip_at(truth, 9)
    gates = np.repeat(np.arange(1, 201), 2)
    rows = deposits(gates, strip, np.tile([600.0, 500.0], 200), np.tile([2000.0, 9000.0], 200))
    sup, hits = simulated(spec, truth, rows, 200)
    made = calibrated_by(sup, truth, low_gain="per_push")
    digit, hit = true_hits(made, hits)
    low = (made.digits["flags"][digit] & int(CalDigitFlag.LOW_USED)) != 0
    assert low.sum() > 380
    ratio = made.digits["q"][digit][low] / hits["charge"][hit][low]
    assert ratio.mean() == pytest.approx(1, abs=0.005)
