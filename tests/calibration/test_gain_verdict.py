"""Status bits of gains and verdicts of gain tables; tests 9 and 11 of the pre-production page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.gain_fit import GainFit, fit_gains
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.gain_spectra import choose_spectra
from mx2prod.calibration.gain_spectrum import SpectrumFit, fit_spectra_of_channels
from mx2prod.calibration.gain_status import (
    ABSENT,
    CHANGED,
    DARK,
    GAIN_BITS,
    HV,
    IMPRECISE,
    KNOWN,
    LIGHT,
    NO_DATA,
    NO_FEB,
    NO_PEDESTAL,
    PMT_SPREAD,
    RANGE,
    SATURATED,
    PreviousGains,
    gain_status,
)  # fmt: skip
from mx2prod.calibration.gain_table import gain_table, problem_channels, suggested_voltages
from mx2prod.calibration.gain_verdict import JudgedGains, judge_gains, too_few_verdict
from mx2prod.calibration.light_injection_accumulator import LightInjectionAccumulator
from mx2prod.calibration.light_injection_filling import accumulate_light
from mx2prod.calibration.verdict import StatusBit, TableVerdict, Verdict
from mx2prod.constants import CHANNEL_COLUMN, PmtGain, Table, read_table, write_table
from mx2prod.detector.hardware import HardwareMap
from tests.calibration.light_pulses import FIRST_US, HV_COUNTS, Pulses, hardware_of

BOARDS = ["0-6-0-1", "0-6-0-2", "0-6-0-3", "0-6-0-4", "0-6-0-5"]
N = 320
INNER = 64
"""First channel of the inner detector: board 1 of a chain is of the outer one."""
CONFIG = Preproduction(boards=tuple(BOARDS))
HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Run:
    """A fitted run of four boards with even light."""

    hardware: HardwareMap
    inputs: GainInputs
    accumulator: LightInjectionAccumulator
    fit: GainFit
    spectrum: SpectrumFit | None = None
    previous: PreviousGains | None = None
    known: tuple[int, ...] = ()

    def status(self, config: Preproduction = CONFIG) -> npt.NDArray[np.int32]:
        known = np.zeros(N, np.bool_)
        known[list(self.known)] = True
        return gain_status(
            self.fit, self.accumulator, self.inputs, config.gain, config.gain_verdict,
            previous=self.before, known_bad=known,
        )  # fmt: skip

    @property
    def before(self) -> PreviousGains:
        return self.previous or PreviousGains.of(None, self.hardware)

    def verdict(self, config: Preproduction = CONFIG) -> TableVerdict:
        judged = JudgedGains(
            self.accumulator, self.fit, self.spectrum, self.status(config), self.inputs, self.before
        )
        return judge_gains(judged, self.hardware, config)

    def with_fit(self, **columns: object) -> Run:
        return replace(self, fit=replace(self.fit, **columns))

    def with_boards(self, **columns: Sequence[int]) -> Run:
        boards = self.accumulator.boards.copy()
        for name, values in columns.items():
            boards[name] = values
        return replace(self, accumulator=replace(self.accumulator, boards=boards))


def gains_of(n: int) -> npt.NDArray[np.float64]:
    return 5.6e5 * np.linspace(0.8, 1.2, n)


def run_of(pulses: Pulses, config: Preproduction = CONFIG) -> Run:
    inputs = GainInputs.of(pulses.hardware, pulses.pedestals())
    accumulator = accumulate_light(pulses.chunks(), pulses.hardware, inputs, config.gain.li)
    one = accumulator[pulses.level]
    fit = fit_gains(one, inputs, config.gain)
    spectrum = fit_spectra_of_channels(choose_spectra(one, inputs), fit, inputs, config.gain)
    return Run(pulses.hardware, inputs, one, fit, spectrum)


@pytest.fixture(scope="module")
def run() -> Run:
    hardware = hardware_of([(0, 6, 0, 5)])
    return run_of(Pulses(hardware, 3200, np.full(N, 2.5), gains_of(N)))


def with_bit(run: Run, bit: StatusBit, config: Preproduction = CONFIG) -> list[int]:
    return np.flatnonzero(run.status(config) & bit.mask).tolist()


def codes(verdict: TableVerdict) -> dict[str, Verdict]:
    return {reason.code: reason.verdict for reason in verdict.reasons}


def test_a_good_run_is_good(run: Run) -> None:
    verdict = run.verdict()
    assert not run.status().any()
    assert verdict.verdict is Verdict.GOOD
    assert verdict.channels == {"good": N, "investigate": 0, "bad": 0}
    assert verdict.gates == {
        "pedestal": 0, "li": 3200, "injection": 0, "beam": 0, "other": 0, "used": 3200,
    }  # fmt: skip
    assert codes(verdict)["spectra"] is Verdict.GOOD
    assert codes(verdict)["no_reference"] is Verdict.GOOD


def test_bits_are_those_of_the_page() -> None:
    names = {bit.number: bit.name for bit in GAIN_BITS}
    assert names == {
        0: "absent", 1: "no_data", 2: "dark", 3: "range", 4: "imprecise", 5: "saturated",
        6: "changed", 7: "pmt_spread", 8: "hv", 9: "light", 10: "no_pedestal", 11: "no_feb",
        13: "known",
    }  # fmt: skip
    investigate = {bit.name for bit in GAIN_BITS if bit.verdict is Verdict.INVESTIGATE}
    assert investigate == {"imprecise", "saturated", "changed", "pmt_spread", "light"}


def changed(values: npt.NDArray[np.generic], place: int, value: float) -> npt.NDArray[np.generic]:
    copy = values.copy()
    copy[place] = value
    return copy


@pytest.mark.parametrize(
    ("bit", "column", "value"),
    [
        (NO_DATA, "pulses", 99),
        (DARK, "pe_mean", 0.19),
        (RANGE, "gain", 0.9e5),
        (RANGE, "gain", 2.1e6),
        (SATURATED, "saturated", 0.011),
    ],
)
def test_conditions_of_single_channels(run: Run, bit: StatusBit, column: str, value: float) -> None:
    changes = {column: changed(getattr(run.fit, column), 17, value)}
    assert with_bit(run.with_fit(**changes), bit) == [17]


@pytest.mark.parametrize(
    ("relative", "verdict"), [(0.049, "good"), (0.051, "investigate"), (0.101, "bad")]
)
def test_imprecise_gains_have_two_limits(run: Run, relative: float, verdict: str) -> None:
    error = changed(run.fit.gain_err, 3, relative * run.fit.gain[3])
    found = run.with_fit(gain_err=error)
    assert with_bit(found, IMPRECISE) == ([3] if relative > 0.05 else [])
    assert found.verdict().channels[verdict] == (N if verdict == "good" else 1)


def test_channels_without_a_gain_are_dark_or_out_of_range(run: Run) -> None:
    gain = run.fit.gain.copy()
    gain[[4, 5]] = np.nan
    charge = changed(run.fit.q_mean, 4, 5.0)
    found = run.with_fit(gain=gain, q_mean=charge)
    assert with_bit(found, DARK) == [4]
    assert with_bit(found, RANGE) == [5]


def test_absent_boards_and_lost_tables(run: Run) -> None:
    found = run.with_boards(untimed=[3200, 0, 3200, 3200, 3200])
    assert with_bit(found, ABSENT) == list(range(64, 128))
    reasons = {reason.code: reason for reason in found.verdict().reasons}
    assert reasons["missing_pmts"].places == ("0-6-0-2",)
    assert found.verdict().verdict is Verdict.BAD  # 75 % good
    mean = run.inputs.mean.copy()
    mean[7] = np.nan
    assert with_bit(replace(run, inputs=replace(run.inputs, mean=mean)), NO_PEDESTAL) == [7]
    feb = run.inputs.has_feb.copy()
    feb[8] = False
    assert with_bit(replace(run, inputs=replace(run.inputs, has_feb=feb)), NO_FEB) == [8]


def test_voltages_off_or_far_from_their_target(run: Run) -> None:
    n = 3200
    actual = np.array([HV_COUNTS, HV_COUNTS + 199, HV_COUNTS + 201, HV_COUNTS, HV_COUNTS]) * n
    found = run.with_boards(hv_sum=actual, hv_off=[0, 0, 0, n, n // 3])
    assert with_bit(found, HV) == list(range(128, 256))


def test_a_pmt_of_unequal_pixels(run: Run) -> None:
    gain = changed(run.fit.gain, 70, 3.6 * run.fit.gain[64:128].min())
    assert with_bit(run.with_fit(gain=gain), PMT_SPREAD) == list(range(64, 128))
    bad = changed(run.fit.gain, 70, 2.5e6)  # out of range: not a good pixel
    assert with_bit(run.with_fit(gain=bad), PMT_SPREAD) == []


def previous_of(run: Run, **factors: npt.NDArray[np.float64] | float) -> PreviousGains:
    hv = np.full(N, float(HV_COUNTS))
    columns = {
        "gain": run.fit.gain, "gain_err": run.fit.gain_err, "pe_mean": run.fit.pe_mean, "hv": hv,
    }  # fmt: skip
    return PreviousGains(**{name: v * factors.get(name, 1.0) for name, v in columns.items()})


def test_changes_against_the_previous_table(run: Run) -> None:
    factor = np.ones(N)
    factor[[1, 2]] = 1 / 1.3, 1 / 1.05
    found = replace(run, previous=previous_of(run, gain=factor))
    assert with_bit(found, CHANGED) == [1]
    assert found.verdict().verdict is Verdict.GOOD
    other_hv = replace(run, previous=previous_of(run, gain=factor, hv=1.01))
    assert with_bit(other_hv, CHANGED) == []
    large_errors = replace(run, previous=previous_of(run, gain=factor, gain_err=3.0))
    assert with_bit(large_errors, CHANGED) == []
    every = replace(run, previous=previous_of(run, gain=0.9))
    assert codes(every.verdict())["median_change"] is Verdict.INVESTIGATE


def test_light_of_single_channels_against_the_previous_table(run: Run) -> None:
    factor = np.full(N, 2.0)
    factor[[10, 11, 12]] = 2 * 5.1, 2 * 4.9, 2 * 0.19
    found = replace(run, previous=previous_of(run, pe_mean=factor))
    assert with_bit(found, LIGHT) == [10, 12]


def test_11_a_pmt_with_less_voltage_is_the_only_one_changed() -> None:
    """20 V of about 800 V: gain times 0.8, the FPGA counts within those of an equal voltage."""
    hardware = hardware_of([(0, 6, 0, 5)])
    light, gain = np.full(N, 4.0), gains_of(N)
    first = run_of(Pulses(hardware, 10_000, light, gain, seed=1))
    reduced = gain.copy()
    reduced[128:192] *= 0.8
    second = run_of(Pulses(hardware, 10_000, light, reduced, seed=2))
    table = gain_table(first.fit, first.accumulator, first.status(), hardware, CONFIG)
    found = replace(second, previous=PreviousGains.of(table, hardware))
    assert with_bit(found, CHANGED) == list(range(128, 192))
    ratio = (second.fit.gain / first.fit.gain).reshape(5, 64).mean(axis=1)
    assert ratio == pytest.approx([1, 1, 0.8, 1, 1], abs=0.01)


def test_known_bad_channels_do_not_count_against_the_table(run: Run) -> None:
    gain = run.fit.gain.copy()
    gain[INNER : INNER + 20] = 1.0
    found = run.with_fit(gain=gain)
    assert found.verdict().verdict is Verdict.INVESTIGATE  # 92 % good
    known = replace(found, known=tuple(range(INNER, INNER + 20)))
    assert with_bit(known, KNOWN) == list(range(INNER, INNER + 20))
    assert known.verdict().verdict is Verdict.GOOD
    assert known.verdict().channels["bad"] == 20


@pytest.mark.parametrize(
    ("bad", "verdict"), [(12, "good"), (13, "investigate"), (51, "investigate"), (52, "bad")]
)
def test_fractions_of_good_channels(run: Run, bad: int, verdict: str) -> None:
    gain = run.fit.gain.copy()
    gain[:INNER] = 1.0  # the outer detector does not decide
    gain[INNER : INNER + bad] = 1.0
    assert str(run.with_fit(gain=gain).verdict().verdict) == verdict


@pytest.mark.parametrize(
    ("hours", "verdict"), [(23.9, "good"), (24.1, "investigate"), (-25, "investigate")]
)
def test_old_pedestals(run: Run, hours: float, verdict: str) -> None:
    first, _ = run.accumulator.time_range_us()
    inputs = replace(run.inputs, end_us=int(first - hours * HOUR_US))
    assert str(replace(run, inputs=inputs).verdict().verdict) == verdict
    unknown = replace(run, inputs=replace(run.inputs, end_us=None))
    assert codes(unknown.verdict())["pedestal_age"] is Verdict.INVESTIGATE


def test_common_spread_of_the_light_and_single_boards(run: Run) -> None:
    assert codes(run.with_fit(light_variance=0.0099).verdict()).get("light_spread") is None
    wide = run.with_fit(light_variance=0.0101)
    assert codes(wide.verdict())["light_spread"] is Verdict.INVESTIGATE
    slices = run.accumulator.slices.copy()
    slices["pairs"] = 0
    alone = replace(run, accumulator=replace(run.accumulator, slices=slices))
    assert codes(alone.verdict())["one_board"] is Verdict.INVESTIGATE


def test_fitted_spectra_that_disagree(run: Run) -> None:
    spectrum = replace(run.spectrum, gain=run.spectrum.gain * 1.06)
    found = replace(run, spectrum=spectrum).verdict()
    assert codes(found)["spectra"] is Verdict.INVESTIGATE


def test_times_types_levels_and_blocks(run: Run) -> None:
    pulses = run.accumulator.pulses.copy()
    pulses["time_us"][100:] += 2 * HOUR_US
    gates = run.accumulator.gates | {"level 2": 5, "type 7": 40, "skipped damaged": 3}
    boards = run.accumulator.boards.copy()
    boards["untimed"], boards["timed"] = [3200, 3100, 0, 0, 0], [0, 100, 3200, 3200, 3200]
    boards["missed"] = 0, 0, 200, 10, 0
    accumulator = replace(
        run.accumulator, pulses=pulses, gates=gates, boards=boards, unmapped={"0-1-9-1": 4}, level=3
    )
    verdict = replace(run, accumulator=accumulator).verdict()
    reasons = {reason.code: reason for reason in verdict.reasons}
    assert reasons["time"].count == 1
    assert reasons["levels"].verdict is Verdict.GOOD
    assert (reasons["unknown_type"].count, str(reasons["unknown_type"].verdict)) == (
        40, "investigate",
    )  # fmt: skip
    assert reasons["skipped"].count == 3
    assert reasons["unmapped"].places == ("0-1-9-1",)
    assert reasons["mixed_blocks"].places == ("0-6-0-2",)
    assert reasons["missed_blocks"].places == ("0-6-0-3",)
    assert reasons["level"].verdict is Verdict.INVESTIGATE


def test_9_too_few_gates_say_so_in_the_words_of_the_talk() -> None:
    hardware = hardware_of([(0, 6, 0, 1)])
    pulses = Pulses(hardware, 500, np.full(64, 3.0), np.full(64, 5.6e5))
    inputs = GainInputs.of(hardware, pulses.pedestals())
    found = accumulate_light(pulses.chunks(), hardware, inputs)[1]
    verdict = too_few_verdict(found, 3000)
    assert verdict.verdict is Verdict.TOO_FEW
    assert verdict.reasons[0].text == "Not enough events for a gains table"
    assert "500 light-injection gates of level 1 used, 3,000 needed" in verdict.reasons[1].text
    beam = replace(found, gates={"type 16": 7200, "used": 0})
    text = too_few_verdict(beam, 3000).reasons[1].text
    assert text.endswith("7,200 NuMI gates: wrong stream?")


def test_tables_hold_what_was_fitted_and_are_read_again(run: Run, tmp_path: Path) -> None:
    gain = changed(run.fit.gain, 9, np.nan)
    found = run.with_fit(gain=gain)
    table = gain_table(found.fit, found.accumulator, found.status(), run.hardware, CONFIG)
    assert table.schema is PmtGain
    assert len(table) == N - 1
    channel = run.hardware.channel_index(table[CHANNEL_COLUMN])
    assert 9 not in channel
    assert np.array_equal(table["gain"], run.fit.gain[channel])
    assert (table["hv"] == HV_COUNTS).all()
    assert table.period.begin_us == FIRST_US + 100_000
    write_table(table, tmp_path / "t.dat")
    again = read_table(tmp_path / "t.dat", PmtGain)
    assert all(np.array_equal(again[name], table[name]) for name in PmtGain.names())


def test_channels_without_a_gain_can_have_the_median_of_their_pmt(run: Run) -> None:
    config = CONFIG.model_copy(
        update={"export": CONFIG.export.model_copy(update={"missing": "nominal"})}
    )
    gain, error = run.fit.gain.copy(), run.fit.gain_err.copy()
    for lost in (9, *range(64, 128)):
        gain[lost] = error[lost] = np.nan
    found = run.with_fit(gain=gain, gain_err=error)
    table = gain_table(found.fit, found.accumulator, found.status(), run.hardware, config)
    by_channel = dict(
        zip(run.hardware.channel_index(table.channel).tolist(), table["gain"], strict=True)
    )
    own = np.delete(run.fit.gain[:64], 9)
    assert by_channel[9] == np.median(own)
    rest = np.concatenate([own, run.fit.gain[128:]])
    assert by_channel[64] == by_channel[127] == np.median(rest)
    rows = table["n_events"] == 0
    assert rows.sum() == 65
    assert (table["gain_err"][rows] > 0).all()
    assert (table["status"][rows] > 0).all()
    nothing = run.with_fit(gain=np.full(N, np.nan))
    assert gain_table(nothing.fit, run.accumulator, nothing.status(), run.hardware, config) is None


def test_problem_channels_are_listed_with_their_reasons(run: Run) -> None:
    gain = changed(changed(run.fit.gain, 70, 0.5e5), 200, np.nan)
    found = run.with_fit(gain=gain)
    lines = problem_channels(found.fit, found.status(), run.hardware, CONFIG).splitlines()
    cells = {tuple(map(int, line.split()[3:5])): line.split()[5:] for line in lines[1:]}
    assert set(cells) == {(2, 6), (4, 8)}
    assert cells[2, 6][0] == cells[4, 8][0] == "bad"
    assert cells[2, 6][2] == "50000"
    assert cells[4, 8][2] == "-"
    assert cells[4, 8][-1] == "range"


def test_suggested_voltages_follow_the_power_law(run: Run) -> None:
    text = suggested_voltages(
        run.fit, run.accumulator, run.status(), run.hardware, CONFIG.gain
    ).splitlines()
    assert "not a setting" in text[0]
    for line, pixels in zip(text[2:], run.fit.gain.reshape(5, 64), strict=True):
        name, n, mean, actual, wanted, change = line.split()
        assert name in BOARDS
        assert (int(n), int(actual)) == (64, HV_COUNTS)
        assert float(mean) == pytest.approx(pixels.mean(), abs=1)
        expected = HV_COUNTS * (5.6e5 / pixels.mean()) ** (1 / 9)
        assert float(wanted) == pytest.approx(expected, abs=1)
        assert float(change) == pytest.approx(expected - HV_COUNTS, abs=1)
        assert pixels.mean() * (float(wanted) / HV_COUNTS) ** 9 == pytest.approx(5.6e5, rel=1e-3)


def test_previous_tables_of_other_boards_are_compared_where_they_overlap(run: Run) -> None:
    table = gain_table(run.fit, run.accumulator, run.status(), run.hardware, CONFIG)
    whole = HardwareMap.load()
    previous = PreviousGains.of(table, whole)
    assert np.isfinite(previous.gain).sum() == N
    assert isinstance(table, Table)
