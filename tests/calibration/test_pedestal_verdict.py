"""Verdicts of tables: each rule of the pre-production page, 2.7 to 2.9 and 10, by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mx2prod.calibration import PedestalConfig, accumulate
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.input_files import FileFacts
from mx2prod.calibration.pedestal_compare import PreviousPedestals
from mx2prod.calibration.pedestal_product import PedestalCalibration, PedestalProduct
from mx2prod.calibration.pedestal_status import PedestalBit, has_bit
from mx2prod.calibration.verdict import Reason, Verdict
from mx2prod.constants.table import Table
from mx2prod.constants.tables import BadChannel
from mx2prod.core.errors import TableError, UsageError
from mx2prod.detector.load import Detector, load_detector
from mx2prod.raw.columns import FebFlag, GateChunk, GateFlag
from mx2prod.raw.faults import Fault, Kind, Severity
from tests.calibration.pedestal_gates import Pedestals, chunks

BOARDS = np.arange(20)
INNER = np.setdiff1d(BOARDS, [0, 9, 10, 19])
SETTINGS = Preproduction(boards=("0-1-0", "0-1-1"))
TRUTH = Pedestals.random(BOARDS, 31)
GATES = 600


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector()


def gates_of(detector: Detector, truth: Pedestals = TRUTH, n: int = GATES, **options: object):  # type: ignore[no-untyped-def]
    return list(chunks(detector.hardware, truth, range(1, n + 1), **options))  # type: ignore[arg-type]


def judged(
    detector: Detector,
    gates: Sequence[GateChunk],
    *,
    settings: Preproduction = SETTINGS,
    facts: FileFacts | None = None,
    **more: object,
) -> PedestalProduct:
    accumulator = accumulate(gates, detector.hardware, settings.pedestal)
    calibration = PedestalCalibration(settings, detector, **more)  # type: ignore[arg-type]
    return calibration.product(accumulator, [], facts or FileFacts(stream="pdstl"))


def reason(product: PedestalProduct, code: str) -> Reason:
    """The only reason of a code."""
    (found,) = [r for r in product.verdict.reasons if r.code == code]
    return found


@pytest.fixture(scope="module")
def before(detector: Detector) -> PreviousPedestals:
    product = judged(detector, gates_of(detector, subrun=3))
    assert product.tables is not None
    return PreviousPedestals(product.tables.pedestals, product.tables.companion, "subrun 3")


def test_good_pedestals_are_good(detector: Detector, before: PreviousPedestals) -> None:
    product = judged(detector, gates_of(detector), previous=before)
    assert product.verdict.verdict is Verdict.GOOD, product.verdict.reasons
    assert product.verdict.channels == {"good": 16 * 64, "investigate": 0, "bad": 0}
    assert product.verdict.gates == {
        "pedestal": 600, "li": 0, "injection": 0, "beam": 0, "other": 0, "used": 600,
    }  # fmt: skip
    assert [r.code for r in product.verdict.reasons] == ["deviations"]
    assert product.deviations == ("boards",)


def test_without_a_previous_table_nothing_is_compared(detector: Detector) -> None:
    product = judged(detector, gates_of(detector))
    assert reason(product, "no_reference").verdict is Verdict.GOOD
    assert product.verdict.verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("n", "verdict", "code"),
    [
        (499, Verdict.INVESTIGATE, "few_gates"),
        (100, Verdict.INVESTIGATE, "few_gates"),
        (99, Verdict.TOO_FEW, "too_few_gates"),
    ],
)
def test_few_gates(detector: Detector, n: int, verdict: Verdict, code: str) -> None:
    product = judged(detector, gates_of(detector, n=n))
    assert product.verdict.verdict is verdict
    assert reason(product, code).count == n
    assert (product.tables is None) == (verdict is Verdict.TOO_FEW)
    if verdict is Verdict.TOO_FEW:
        assert "not enough events for a pedestal table" in reason(product, code).text
        assert product.accumulator is not None


def test_gates_of_another_type_are_said_to_be_the_wrong_stream(detector: Detector) -> None:
    product = judged(detector, gates_of(detector, n=7200, truth=few_boards(), trigger_type=16))
    assert product.verdict.verdict is Verdict.TOO_FEW
    assert (
        reason(product, "wrong_stream").text == "0 pedestal gates, 7,200 NuMI gates: wrong stream?"
    )
    assert product.verdict.gates["beam"] == 7200


def few_boards() -> Pedestals:
    """One board."""
    return Pedestals(BOARDS[:1], TRUTH.mean[:1], TRUTH.rms[:1])


def test_beam_gates_in_a_pedestal_stream_are_named(detector: Detector) -> None:
    gates = gates_of(detector, n=700, trigger_type=lambda gate: np.where(gate > 600, 16, 1))
    product = judged(detector, gates)
    assert product.verdict.verdict is Verdict.INVESTIGATE
    assert reason(product, "stream").text.startswith("100 NuMI gates in a file of stream pdstl")
    assert judged(detector, gates, facts=FileFacts(stream="numip")).verdict.verdict is Verdict.GOOD


@pytest.mark.parametrize(("n", "verdict"), [(3, Verdict.GOOD), (30, Verdict.INVESTIGATE)])
def test_unknown_trigger_types_are_counted(detector: Detector, n: int, verdict: Verdict) -> None:
    gates = gates_of(detector, trigger_type=lambda gate: np.where(gate <= n, 0, 1))
    product = judged(detector, gates, facts=FileFacts())
    assert reason(product, "unknown_type").count == n
    assert product.verdict.verdict is verdict


@pytest.mark.parametrize(
    ("n", "verdict"), [(3, Verdict.GOOD), (30, Verdict.INVESTIGATE), (100, Verdict.BAD)]
)
def test_damaged_gates_are_counted(detector: Detector, n: int, verdict: Verdict) -> None:
    gates = gates_of(detector)
    for chunk in gates:
        chunk.gates["flags"][chunk.gates["gate"] <= n] = int(GateFlag.DAMAGED)
    product = judged(detector, gates)
    assert reason(product, "skipped_gates").text == f"{n} of 600 pedestal gates skipped damaged"
    assert product.verdict.verdict is verdict


def without(gates: Sequence[GateChunk], boards: Sequence[int], detector: Detector,
            first_gate: int = 0) -> list[GateChunk]:  # fmt: skip
    """Gates in which boards are absent, from a gate on."""
    result = []
    for chunk in gates:
        febs = chunk.febs.copy()
        lost = np.isin(detector.hardware.feb_index(febs), boards)
        lost &= chunk.gates["gate"][febs["gate"]] >= first_gate
        febs["flags"][lost] |= int(FebFlag.ABSENT)
        kept = ~lost[chunk.adc_frames["feb"]]
        result.append(replace(chunk, febs=febs, adc_frames=chunk.adc_frames[kept],
                              adc=chunk.adc[kept]))  # fmt: skip
    return result


@pytest.mark.parametrize(
    ("boards", "verdict", "places"),
    [
        ([0], Verdict.GOOD, ("0-1-0-1",)),
        ([3], Verdict.INVESTIGATE, ("0-1-0-4",)),
        ([1, 2, 3, 4, 5], Verdict.BAD, ("0-1-0-2", "0-1-0-3", "0-1-0-4", "0-1-0-5", "0-1-0-6")),
    ],
)
def test_absent_boards_are_named(
    detector: Detector, boards: list[int], verdict: Verdict, places: tuple[str, ...]
) -> None:
    """An outer-detector board does not decide; no row is invented for any."""
    product = judged(detector, without(gates_of(detector), boards, detector))
    found = reason(product, "absent_boards")
    assert (found.verdict, found.places, found.count) == (verdict, places, len(boards))
    assert product.verdict.verdict is verdict
    assert product.tables is not None
    assert len(product.tables.pedestals) == (20 - len(boards)) * 64
    status = product.status
    assert status is not None
    absent = np.flatnonzero(has_bit(status, PedestalBit.ABSENT)[:1280])
    assert sorted({int(channel) // 64 for channel in absent}) == boards


def test_a_board_that_stops_is_named(detector: Detector) -> None:
    product = judged(detector, without(gates_of(detector), [4], detector, first_gate=301))
    assert reason(product, "partly_absent").places == ("0-1-0-5",)
    assert product.verdict.verdict is Verdict.INVESTIGATE


def test_boards_outside_the_hardware_map_are_named(detector: Detector) -> None:
    gates = gates_of(detector)
    for chunk in gates:
        chunk.febs["croc"][detector.hardware.feb_index(chunk.febs) == 2] = 14
    product = judged(detector, gates)
    assert reason(product, "unmapped_boards").places == ("0-14-0-3",)
    assert reason(product, "absent_boards").places == ("0-1-0-3",)


def test_boards_that_are_not_expected_get_no_rows(detector: Detector) -> None:
    product = judged(detector, gates_of(detector), settings=Preproduction(boards=("0-1-0",)))
    assert reason(product, "unexpected_boards").count == 10
    assert product.tables is not None and len(product.tables.pedestals) == 640
    assert product.verdict.verdict is Verdict.GOOD
    only_outer = judged(detector, gates_of(detector), settings=Preproduction(boards=("0-1-0-1",)))
    assert reason(only_outer, "no_inner_boards").verdict is Verdict.INVESTIGATE


def test_two_firmware_versions_are_named(detector: Detector) -> None:
    gates = gates_of(detector)
    for chunk in gates:
        chunk.febs["firmware"][detector.hardware.feb_index(chunk.febs) == 5] = 97
    found = reason(judged(detector, gates), "firmware")
    assert (found.verdict, found.places) == (Verdict.INVESTIGATE, ("0-1-0-6",))
    assert "95, 97" in found.text


def test_faults_of_the_reader_are_reasons(detector: Detector) -> None:
    facts = FileFacts(
        (
            Fault(Kind.BYTES_LOST, Severity.ERROR, "10 bytes"),
            Fault(Kind.NO_SENTINEL, Severity.WARNING, "no sentinel"),
            Fault(Kind.GATE_GAP, Severity.NOTE, "nothing"),
        ),
        "pdstl",
    )
    product = judged(detector, gates_of(detector), facts=facts)
    assert reason(product, "integrity").text == "the file had to be salvaged: bytes_lost (1)"
    assert reason(product, "warnings").verdict is Verdict.GOOD
    assert product.verdict.verdict is Verdict.INVESTIGATE


def test_times_that_jump_are_flagged(detector: Detector) -> None:
    for step in (3_700_000_000, -50_000_000):
        gates = gates_of(detector)
        for chunk in gates:
            later = chunk.gates["gate"] > 300
            chunk.gates["time_us"][later] = chunk.gates["time_us"][later].astype(np.int64) + step
        product = judged(detector, gates)
        found = reason(product, "time")
        assert found.verdict is product.verdict.verdict is Verdict.INVESTIGATE
        assert ("the longest 3,70" in found.text) == (step > 0)
    back = FileFacts((Fault(Kind.TIME_ORDER, Severity.WARNING, "back"),), "pdstl")
    assert reason(judged(detector, gates_of(detector), facts=back), "time").count == 1


def test_impossible_times_give_no_table(detector: Detector) -> None:
    gates = gates_of(detector)
    for chunk in gates:
        chunk.gates["time_us"] = 5 * 10**15
    product = judged(detector, gates)
    assert product.tables is None
    assert reason(product, "no_table").verdict is product.verdict.verdict is Verdict.BAD


def test_known_bad_channels_do_not_count(detector: Detector) -> None:
    dead = TRUTH.mean.copy(), TRUTH.rms.copy()
    dead[0][2, :10], dead[1][2, :10] = 0, 0
    gates = gates_of(detector, TRUTH.changed(mean=dead[0], rms=dead[1]))
    spoiled = judged(detector, gates)
    assert spoiled.verdict.channels["bad"] == 10
    assert reason(spoiled, "bad_channels").places[0] == "0-1-0-3-0"
    columns = {
        "crate": [0] * 10, "croc": [1] * 10, "chain": [0] * 10, "board": [3] * 10,
        "pixel": list(range(10)), "flags": [1] * 10, "reason": ["dead"] * 10,
    }  # fmt: skip
    known = judged(detector, gates, bad_channels=Table.of(BadChannel, columns))
    assert known.verdict.channels["bad"] == 0
    assert known.verdict.verdict is Verdict.GOOD
    assert reason(known, "channels_known").count == 10
    assert reason(known, "channels_stuck").count == 10


def test_bad_channels_of_the_outer_detector_do_not_decide(detector: Detector) -> None:
    mean = TRUTH.mean.copy()
    mean[0] = 20.0
    product = judged(detector, gates_of(detector, TRUTH.changed(mean=mean)))
    assert product.verdict.verdict is Verdict.GOOD
    assert reason(product, "channels_rail").count == 64


def test_a_board_with_many_channels_is_named(detector: Detector) -> None:
    rms = TRUTH.rms.copy()
    rms[5, :17, 0] = 20.0
    product = judged(detector, gates_of(detector, TRUTH.changed(rms=rms)))
    assert reason(product, "crowded_boards").places == ("0-1-0-6",)
    assert product.verdict.channels["investigate"] == 17
    rms[5, :, 0] = 6.0
    rms[5, :16, 0] = 20.0
    product = judged(detector, gates_of(detector, TRUTH.changed(rms=rms)))
    assert [r.code for r in product.verdict.reasons if r.code == "crowded_boards"] == []


def test_wide_is_also_relative_to_the_board(detector: Detector) -> None:
    rms = TRUTH.rms.copy()
    rms[5, :, 0] = 2.0
    rms[5, 7, 0] = 10.0
    product = judged(detector, gates_of(detector, TRUTH.changed(rms=rms)))
    assert reason(product, "channels_wide").places == ("0-1-0-6-7",)


def test_tails_set_the_flag_shape(detector: Detector) -> None:
    """Half of the readings of a channel are wide: the core is narrower than the rms."""
    gates = gates_of(detector)
    rng = np.random.default_rng(8)
    for chunk in gates:
        rows = np.flatnonzero(detector.hardware.feb_index(chunk.febs)[chunk.adc_frames["feb"]] == 2)
        wide = rng.random(len(rows)) < 0.4
        values = np.rint(430 + rng.normal(0, np.where(wide, 9, 2))).astype(np.uint16)
        chunk.adc[rows, 0, 3] = values  # pixel 0, high gain
    product = judged(detector, gates)
    assert reason(product, "channels_shape").places == ("0-1-0-3-0",)


def test_dependence_on_the_hit_block_is_named(detector: Detector) -> None:
    truth = TRUTH.changed(timed=0.5, block_offset=4.0)
    product = judged(detector, gates_of(detector, truth))
    assert reason(product, "block_dependence").verdict is Verdict.INVESTIGATE
    assert product.tables is not None
    offset = product.tables.companion["block_offset"]
    assert abs(np.median(offset) - 4.0) < 0.3
    assert judged(detector, gates_of(detector, TRUTH.changed(timed=0.5))).verdict.verdict is (
        Verdict.GOOD
    )


def test_a_shift_of_all_is_bad_and_of_some_is_looked_at(
    detector: Detector, before: PreviousPedestals
) -> None:
    some = TRUTH.mean.copy()
    some[1, :14, 0] += 10
    product = judged(detector, gates_of(detector, TRUTH.changed(mean=some)), previous=before)
    assert reason(product, "shifted_channels").count == 14
    assert reason(product, "shifted_channels").places[0] == "0-1-0-2-0"
    assert product.verdict.verdict is Verdict.INVESTIGATE
    everything = TRUTH.changed(mean=TRUTH.mean - 10)
    product = judged(detector, gates_of(detector, everything), previous=before)
    assert "shifted down together" in reason(product, "common_shift").text
    assert product.verdict.verdict is Verdict.BAD


def test_medium_and_low_gain_are_compared_too(
    detector: Detector, before: PreviousPedestals
) -> None:
    mean = TRUTH.mean.copy()
    mean[2, 5, 2] += 3.0
    product = judged(detector, gates_of(detector, TRUTH.changed(mean=mean)), previous=before)
    assert reason(product, "channels_shifted").places == ("0-1-0-3-5",)


def test_the_first_table_of_a_period_may_drift_more(
    detector: Detector, before: PreviousPedestals
) -> None:
    moved = gates_of(detector, TRUTH.changed(mean=TRUTH.mean + np.array([6.0, 0, 0])))
    assert judged(detector, moved, previous=before).verdict.verdict is Verdict.BAD
    product = judged(detector, moved, previous=replace(before, same_period=False))
    assert product.verdict.verdict is Verdict.GOOD
    assert "3 times the shift" in reason(product, "first_in_period").text


def test_changed_widths_are_found(detector: Detector, before: PreviousPedestals) -> None:
    rms = TRUTH.rms.copy()
    rms[3, 3, 0] *= 1.8
    product = judged(detector, gates_of(detector, TRUTH.changed(rms=rms)), previous=before)
    assert reason(product, "channels_rms_changed").places == ("0-1-0-4-3",)


def test_an_exchanged_board_is_found_and_a_listed_swap_is_not_compared(
    detector: Detector, before: PreviousPedestals
) -> None:
    mean = TRUTH.mean.copy()
    mean[[2, 12]] = mean[[12, 2]]
    gates = gates_of(detector, TRUTH.changed(mean=mean))
    product = judged(detector, gates, previous=before)
    assert reason(product, "exchanged_boards").places == ("0-1-0-3", "0-1-1-3")
    assert "0-1-0-3 <-> 0-1-1-3" in reason(product, "exchanged_boards").text
    assert product.verdict.verdict is Verdict.BAD
    product = judged(detector, gates, previous=before, swaps=["0-1-0-3", "0-1-1-3"])
    assert reason(product, "swapped_boards").count == 2
    assert product.verdict.verdict is Verdict.GOOD
    with pytest.raises(UsageError, match="no board 0-1-0-33"):
        judged(detector, gates, previous=before, swaps=["0-1-0-33"])


def test_a_board_that_moved_alone_is_said_in_one_direction(
    detector: Detector, before: PreviousPedestals
) -> None:
    mean = TRUTH.mean.copy()
    mean[2] = mean[12]
    product = judged(detector, gates_of(detector, TRUTH.changed(mean=mean)), previous=before)
    assert "0-1-0-3 has that of 0-1-1-3" in reason(product, "exchanged_boards").text


def test_gates_soon_after_beam_are_left_out_by_choice(detector: Detector) -> None:
    gates = gates_of(detector, n=1200, trigger_type=lambda gate: np.where(gate % 4 == 1, 16, 1))
    config = PedestalConfig(after_beam_ms=150)
    settings = SETTINGS.model_copy(update={"pedestal": config})
    product = judged(detector, gates, settings=settings, facts=FileFacts(stream="numip"))
    assert product.accumulator is not None
    assert product.accumulator.gates == {
        "type 1": 900, "type 16": 300, "used": 600, "skipped after beam": 300,
    }  # fmt: skip
    assert product.verdict.verdict is Verdict.GOOD


def test_tables_of_another_kind_are_refused(detector: Detector, before: PreviousPedestals) -> None:
    with pytest.raises(TableError, match="expected pedestal/1"):
        PreviousPedestals(before.companion)  # type: ignore[arg-type]
    with pytest.raises(TableError, match="expected badchannel/1"):
        judged(detector, gates_of(detector), bad_channels=before.table)
