from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import STREAMS, Did, FileName, GateRange, RunSubrun, gate_ranges

RUNS = st.integers(0, 99_999_999)
SUBRUNS = st.integers(0, 9_999)
RAW = "TS1_00050017_0017_numib_v09_2407100856_RawData.dat"


@given(RUNS, SUBRUNS)
def test_number_of_a_subrun_and_back(run: int, subrun: int) -> None:
    subject = RunSubrun(run, subrun)
    assert subject.number == run * 100_000 + subrun
    assert RunSubrun.from_number(subject.number) == subject


def test_number_does_not_fit_in_32_bits() -> None:
    """Run 50017 subrun 17: the DAQ writes 706732721, its 32-bit overflow."""
    assert RunSubrun(50017, 17).number == 5_001_700_017
    assert RunSubrun(50017, 17).number % 2**32 == 706_732_721
    with pytest.raises(NameFormatError, match="subrun 32721"):
        RunSubrun.from_number(706_732_721)


@pytest.mark.parametrize("pair", [(-1, 0), (100_000_000, 0), (1, -1), (1, 10_000)])
def test_runs_and_subruns_out_of_range(pair: tuple[int, int]) -> None:
    with pytest.raises(NameFormatError, match=r"is not in 0\.\."):
        RunSubrun(*pair)


def test_subruns_are_written_and_ordered_by_run() -> None:
    assert str(RunSubrun(50017, 17)) == "50017/17"
    assert RunSubrun(2, 1) > RunSubrun(1, 9)


@given(st.lists(st.integers(0, 60)))
def test_ranges_hold_exactly_the_gates_and_do_not_touch(gates: list[int]) -> None:
    ranges = gate_ranges(gates)
    assert [g for r in ranges for g in range(r.first, r.last + 1)] == sorted(set(gates))
    assert all(a.last + 1 < b.first for a, b in itertools.pairwise(ranges))
    assert sum(len(r) for r in ranges) == len(set(gates))


@pytest.mark.parametrize("ends", [(-1, 3), (4, 3), (0, 2**63)])
def test_gate_range_is_ordered_and_64_bit(ends: tuple[int, int]) -> None:
    with pytest.raises(NameFormatError, match="gate range"):
        GateRange(*ends)


def test_did_and_back() -> None:
    did = Did.parse(f"neardet-2x2-minerva:{RAW}")
    assert (did.namespace, did.name) == ("neardet-2x2-minerva", RAW)
    assert str(did) == f"neardet-2x2-minerva:{RAW}"


@pytest.mark.parametrize("text", ["", "name", ":name", "space:", "a:b:c"])
def test_what_is_no_did(text: str) -> None:
    with pytest.raises(NameFormatError, match="namespace:name"):
        Did.parse(text)


ATTEMPTS = st.none() | st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=6, max_size=6)


@given(RUNS, SUBRUNS, st.sampled_from(STREAMS), ATTEMPTS)
def test_file_name_and_back(run: int, subrun: int, stream: str, attempt: str | None) -> None:
    name = FileName(RunSubrun(run, subrun), stream, "2407100856", attempt, "DST.root")
    assert FileName.parse(str(name)) == name


def test_parts_of_a_raw_name() -> None:
    name = FileName.parse(RAW)
    assert (name.run_subrun, name.stream) == (RunSubrun(50017, 17), "numib")
    assert (name.stamp, name.attempt, name.suffix) == ("2407100856", None, "RawData.dat")
    assert name.time.isoformat() == "2024-07-10T08:56:00+00:00"


def test_name_of_a_derived_file() -> None:
    made = FileName.parse(RAW).derived("RawDigits.root", "2611240001", "abc234")
    assert str(made) == "TS1_00050017_0017_numib_v09_2611240001-abc234_RawDigits.root"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "not an Mx2 file name"),
        (f"folder/{RAW}", "not an Mx2 file name"),
        (f"{RAW}\n", "not an Mx2 file name"),
        (RAW.replace("00050017", "50017"), "not an Mx2 file name"),
        (RAW.replace("2407100856", "2407100856-ABC234"), "not an Mx2 file name"),
        (RAW.replace("0005", "\u0660\u0660\u0660\u0665"), "not an Mx2 file name"),
        (RAW.replace("numib", "pdstk"), "did you mean 'pdstl'"),
        (RAW.replace("2407100856", "2413100856"), "stamp '2413100856'"),
    ],
)
def test_what_is_no_file_name(name: str, why: str) -> None:
    with pytest.raises(NameFormatError, match=why):
        FileName.parse(name)
