"""Check of the constants in situ: closure, and closure test 12 of the pre-production page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_filling import accumulate_in_situ, accumulate_injection
from mx2prod.calibration.feb_in_situ import BoardMatch, GainRatios, boards_off, gain_ratios
from mx2prod.calibration.feb_in_situ_verdict import judge_ratios
from mx2prod.calibration.verdict import TableVerdict, Verdict
from mx2prod.core.errors import ConfigError, UsageError
from mx2prod.raw.columns import GateChunk
from tests.calibration.feb_gates import (
    Floats,
    chunk_of,
    feb_table,
    light,
    map_of,
    pedestal_table,
    readings,
    varied_curves,
    varied_pedestals,
)

HARDWARE = map_of([(0, 1, 0, 10), (0, 2, 0, 2)])
N = HARDWARE.n_channels
RNG = np.random.default_rng(21)
CURVES, PEDESTALS = varied_curves(N, RNG), varied_pedestals(N, RNG)
PEDESTAL_TABLE = pedestal_table(PEDESTALS, HARDWARE)
EXPECTED = np.ones(HARDWARE.n_febs, np.bool_)
CONFIG = FebConfig()


def gates_of(charge: Floats, first: int, trigger: int = 2, curves: Floats = CURVES) -> GateChunk:
    adc = readings(charge, curves, PEDESTALS, np.random.default_rng(first))
    return chunk_of(adc, HARDWARE, trigger=trigger, first_gate=first)


@pytest.fixture(scope="module")
def light_gates() -> list[GateChunk]:
    """2000 light-injection gates, 3 PE a pulse."""
    rng = np.random.default_rng(22)
    return [gates_of(light(500, N, rng), 1 + 500 * k) for k in range(4)]


def check(
    gates: list[GateChunk], curves: Floats
) -> tuple[GainRatios, list[BoardMatch], TableVerdict]:
    feb = feb_table(curves, HARDWARE)
    sums = accumulate_in_situ(gates, HARDWARE, PEDESTAL_TABLE, feb)
    ratios = gain_ratios(sums, HARDWARE, PEDESTAL_TABLE, feb)
    boards = boards_off(ratios)
    return ratios, boards, judge_ratios(ratios, boards, HARDWARE, EXPECTED, CONFIG)


def codes(verdict: TableVerdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_true_constants_are_confirmed(light_gates: list[GateChunk]) -> None:
    ratios, boards, verdict = check(light_gates, CURVES)
    assert ratios.judged.all() and not boards
    assert (verdict.verdict, verdict.channels["good"]) == (Verdict.GOOD, N)
    pulls = (ratios.ratio - 1) / ratios.error
    # width of 768 pulls: error 0.026
    assert np.abs(pulls.std(axis=1) - 1).max() < 0.1
    assert (
        np.abs(ratios.ratio.mean(axis=1) - 1) < 4 * ratios.error.mean(axis=1) / np.sqrt(N)
    ).all()
    assert ratios.low_gain == "unknown", "no timed blocks in these gates"


def test_wide_pedestals_do_not_flatten_the_slope() -> None:
    """At 1 PE, noise of 9 ADC lowers the slope by 0.7 % if 5 ADC are taken off."""
    rng = np.random.default_rng(23)
    chunk = gates_of(light(4000, N, rng, 1.0), 1)
    noisy = chunk.adc.astype(np.int64)
    high = np.round(rng.normal(0, np.sqrt(81 - 25), noisy[:, :4, 3:19].shape)).astype(np.int64)
    noisy[:, :4, 3:19] += high
    chunk = replace(chunk, adc=noisy.astype(np.uint16))
    feb = feb_table(CURVES, HARDWARE)
    sums = accumulate_in_situ([chunk], HARDWARE, PEDESTAL_TABLE, feb)
    biased = gain_ratios(sums, HARDWARE, PEDESTAL_TABLE, feb).ratio[0].mean() - 1
    wide = dict(PEDESTAL_TABLE.columns) | {"hg_rms": np.full(N, 9.0)}
    table = replace(PEDESTAL_TABLE, columns=wide)
    corrected = gain_ratios(sums, HARDWARE, table, feb).ratio[0].mean() - 1
    assert biased < -0.004
    assert abs(corrected) < 0.001


def test_curve_error_of_one_board_is_found(light_gates: list[GateChunk]) -> None:
    """Closure test 12: +10 % of the high-gain curve in one board."""
    wrong = CURVES.copy()
    wrong[3 * 64 : 4 * 64, 0, [1, 3, 5]] *= 1.1
    _, boards, verdict = check(light_gates, wrong)
    assert [(match.board, match.same_as) for match in boards] == [(3, -1)]
    assert boards[0].ratio == pytest.approx(1.1, abs=0.005)
    assert verdict.verdict is Verdict.BAD
    assert verdict.reasons[0].code == "board_off" and verdict.reasons[0].places == ("0-1-0-4",)
    assert verdict.channels == {"good": N - 64, "investigate": 0, "bad": 64}


def test_common_error_of_all_gains_is_invisible(light_gates: list[GateChunk]) -> None:
    """A limit of the method, stated in its documentation: only ratios are seen."""
    wrong = CURVES.copy()
    wrong[3 * 64 : 4 * 64, :, [1, 3, 5]] *= 1.1
    assert check(light_gates, wrong)[2].verdict is Verdict.GOOD


def test_exchanged_files_are_named_with_both_boards(light_gates: list[GateChunk]) -> None:
    """Closure test 12: two FEB files exchanged."""
    wrong = CURVES.copy()
    a, b = slice(3 * 64, 4 * 64), slice(7 * 64, 8 * 64)
    wrong[a], wrong[b] = CURVES[b], CURVES[a]
    _, boards, verdict = check(light_gates, wrong)
    assert [(match.board, match.same_as) for match in boards] == [(3, 7), (7, 3)]
    assert verdict.verdict is Verdict.BAD
    assert verdict.reasons[0].text == "boards exchanged: 0-1-0-4 <-> 0-1-0-8"
    assert verdict.reasons[0].places == ("0-1-0-4", "0-1-0-8")


def test_files_moved_in_a_circle_are_named(light_gates: list[GateChunk]) -> None:
    wrong = CURVES.copy().reshape(-1, 64, 3, 6)
    wrong[[2, 5, 9]] = CURVES.reshape(-1, 64, 3, 6)[[5, 9, 2]]
    _, boards, verdict = check(light_gates, wrong.reshape(CURVES.shape))
    assert [(match.board, match.same_as) for match in boards] == [(2, 9), (5, 2), (9, 5)]
    assert codes(verdict)[:3] == ["wrong_board"] * 3
    assert "board 0-1-0-3: off, the constants given for board 0-1-0-10 fit it" in str(
        verdict.reasons[0]
    )


def test_too_many_single_channels_off_is_to_be_investigated(light_gates: list[GateChunk]) -> None:
    wrong = CURVES.copy()
    wrong[::10, 0, [1, 3, 5]] *= 0.9
    ratios, boards, verdict = check(light_gates, wrong)
    assert not boards and verdict.verdict is Verdict.INVESTIGATE
    assert verdict.channels["investigate"] == len(range(0, N, 10))
    assert np.flatnonzero(ratios.beyond(0.03)).tolist() == list(range(0, N, 10))
    few = CURVES.copy()
    few[::30, 0, [1, 3, 5]] *= 0.9
    assert check(light_gates, few)[2].verdict is Verdict.GOOD, "up to 5 % may be off"


def test_too_little_light_is_said(light_gates: list[GateChunk]) -> None:
    short = [gates_of(light(150, N, np.random.default_rng(1)), 1)]
    ratios, _, verdict = check(short, CURVES)
    assert not ratios.judged.any() and verdict.verdict is Verdict.TOO_FEW
    assert "0 of 576 channels have enough light" in verdict.reasons[0].text
    dark = [gates_of(np.zeros((300, N)), 1)]
    assert not check(dark, CURVES)[0].readings.any()


def timed(chunk: GateChunk, *, charge_in_low: bool) -> GateChunk:
    """The same readings in timed blocks; low gain without charge if it is pushed at gate end."""
    febs, adc = chunk.febs.copy(), chunk.adc.copy()
    febs["n_timed"] = 1
    if not charge_in_low:
        adc[:, 4:] = np.random.default_rng(2).permutation(adc[:, 4:], axis=0)
    return replace(chunk, febs=febs, adc=adc)


@pytest.mark.parametrize(("charge_in_low", "mode"), [(True, "per_push"), (False, "gate_end")])
def test_low_gain_is_checked_only_where_it_holds_charge(
    light_gates: list[GateChunk], charge_in_low: bool, mode: str
) -> None:
    gates = [timed(chunk, charge_in_low=charge_in_low) for chunk in light_gates]
    ratios, boards, verdict = check(gates, CURVES)
    assert ratios.low_gain == mode and not boards
    assert ratios.judged[0].all() and ratios.judged[1].all() == charge_in_low
    assert verdict.verdict is Verdict.GOOD


def test_beam_gates_serve_too() -> None:
    rng = np.random.default_rng(31)
    charge = light(3000, N, rng, 12.0) * (rng.random((3000, N)) < 0.2)
    ratios, boards, _ = check([gates_of(charge, 1, trigger=16)], CURVES)
    assert ratios.judged[0].all() and not boards
    assert np.abs(ratios.ratio[0] - 1).max() < 0.03


def test_sums_of_another_kind_or_map_are_refused() -> None:
    feb = feb_table(CURVES, HARDWARE)
    with pytest.raises(UsageError, match="expected in-situ"):
        gain_ratios(accumulate_injection([], HARDWARE), HARDWARE, PEDESTAL_TABLE, feb)
    sums = accumulate_in_situ([], HARDWARE, PEDESTAL_TABLE, feb)
    with pytest.raises(ConfigError, match="sums of hardware map"):
        gain_ratios(replace(sums, hardware="0" * 64), HARDWARE, PEDESTAL_TABLE, feb)
