"""The tri-linear curve and its inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.calibration.feb_curve import (
    KINK1,
    KINK2,
    SLOPE3,
    adc_at_kinks,
    adc_of_charge,
    charge_of_adc,
    charge_of_gains,
    curves_of_table,
    nominal_curves,
)
from mx2prod.constants import Pedestal
from mx2prod.core.errors import TableError
from mx2prod.detector import Response
from tests.calibration.feb_gates import feb_table, map_of, pedestal_table, varied_curves
from tests.constants.making import some_table

GRID = np.linspace(0, 10_000, 20_001)


def plain_adc(charge: float, curve: list[float]) -> float:
    """The curve as the page words it."""
    _, slope1, kink1, slope2, kink2, slope3 = curve
    first = slope1 * min(charge, kink1)
    second = slope2 * min(max(charge - kink1, 0), kink2 - kink1)
    return first + second + slope3 * max(charge - kink2, 0)


@st.composite
def curves(draw: st.DrawFn) -> list[float]:
    slope = st.floats(1e-3, 10)
    kink1 = draw(st.floats(10, 20_000))
    kink2 = kink1 + draw(st.floats(10, 20_000))
    return [draw(st.floats(-100, 600)), draw(slope), kink1, draw(slope), kink2, draw(slope)]


@given(curves(), st.floats(-500, 50_000))
def test_kernels_agree_with_the_plain_curve(curve: list[float], charge: float) -> None:
    array = np.array(curve)
    adc = float(adc_of_charge(charge, array))
    assert adc == pytest.approx(plain_adc(charge, curve), rel=1e-12, abs=1e-12)
    assert float(charge_of_adc(adc, array)) == pytest.approx(charge, rel=1e-9, abs=1e-9)


def test_inverse_is_the_identity_on_the_grid_of_the_page() -> None:
    """0-10,000 fC to 1e-9, every gain, nominal and varied curves."""
    varied = varied_curves(64, np.random.default_rng(1)).reshape(-1, 6)
    for curve in [*nominal_curves(), *varied]:
        assert np.abs(charge_of_adc(adc_of_charge(GRID, curve), curve) - GRID).max() < 1e-9


def test_the_most_sensitive_gain_that_is_not_saturated_is_used() -> None:
    all_gains = varied_curves(8, np.random.default_rng(2))
    adc = adc_of_charge(GRID[:, None, None], all_gains)
    charge, gain = charge_of_gains(adc, all_gains)
    assert np.abs(charge - GRID[:, None]).max() < 1e-9
    kink2 = all_gains[:, :, KINK2]
    assert (gain == 0)[GRID[:, None] < kink2[:, 0] * 0.999].all()
    assert (gain == 1)[(GRID[:, None] > kink2[:, 0] * 1.001)].all(), "10,000 fC fit medium gain"
    beyond = np.array([4000.0, 4000.0, 2000.0])
    assert charge_of_gains(beyond, nominal_curves())[1] == 2, "the last gain if all are beyond"
    only_high = charge_of_gains(beyond[:1], nominal_curves()[:1])
    assert only_high[1] == 0 and only_high[0] == charge_of_adc(4000.0, nominal_curves()[0])
    assert charge_of_gains([np.nan, 100.0, 20.0], nominal_curves())[1] == 1, "high gain not read"


def test_flat_third_slope_gives_infinite_charge() -> None:
    curve = nominal_curves()[0].copy()
    curve[SLOPE3] = 0
    _, at_kink2 = adc_at_kinks(curve)
    assert charge_of_adc(at_kink2, curve) == curve[KINK2]
    assert charge_of_adc(at_kink2 + 1, curve) == np.inf


def test_first_slope_goes_on_below_zero() -> None:
    curve = nominal_curves()[0]
    assert adc_of_charge(-10.0, curve) == pytest.approx(-8.0)
    assert charge_of_adc(-8.0, curve) == pytest.approx(-10.0)


def test_nominal_curves_are_those_of_the_detector_page() -> None:
    table = nominal_curves(Response())
    assert table[0].tolist() == [0, 0.8, 1900, 0.65, 2600, 0.05]
    assert table[1].tolist() == pytest.approx([0, 0.2, 7600, 0.1625, 10400, 0.0125])
    assert table[2, KINK1] == pytest.approx(28_500)


def test_curves_of_a_table_by_channel_number() -> None:
    hardware = map_of([(0, 1, 0, 2), (0, 2, 3, 1)])
    truth = varied_curves(hardware.n_channels, np.random.default_rng(4))
    table = feb_table(truth, hardware)
    assert np.array_equal(curves_of_table(table, hardware), truth)
    fewer = map_of([(0, 2, 3, 1)])
    assert np.array_equal(curves_of_table(table, fewer), truth[128:]), "other boards do not matter"


def test_missing_channels_and_other_tables_are_refused() -> None:
    small, large = map_of([(0, 1, 0, 1)]), map_of([(0, 1, 0, 2)])
    table = feb_table(varied_curves(64, np.random.default_rng(4)), small)
    with pytest.raises(TableError, match=r"64 channels of a_few_boards .* the first is 0-1-0-2-0"):
        curves_of_table(table, large)
    with pytest.raises(TableError, match="expected feb/1"):
        curves_of_table(some_table(Pedestal), small)
    pedestals = pedestal_table(np.full((64, 3), 400.0), small)
    with pytest.raises(TableError, match="expected feb/1"):
        curves_of_table(pedestals, small)


def test_boards_of_another_hardware_map_have_curves_too() -> None:
    other = map_of([(0, 10, 1, 2)])
    truth = varied_curves(other.n_channels, np.random.default_rng(6))
    assert np.array_equal(curves_of_table(feb_table(truth, other), other), truth)
