"""Matches against a brute-force count on a grid of seconds; the talk's file; the traps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mx2prod.core.errors import InputFileError, UsageError
from mx2prod.metadata import RecordsInMemory, example
from mx2prod.metadata.matching import (
    Matcher,
    RowKind,
    fill_record,
    global_subruns_of,
    interval_of_did,
    interval_of_record,
    known_dids,
    numbers_of_record,
    query_of,
    write_match,
)
from mx2prod.metadata.matching.generate import RUN_WINDOWS, made_run, other_subruns
from mx2prod.metadata.matching.match import interval_of
from mx2prod.metadata.matching.numbering import MadeSubrun

from .conftest import TALK_START, matcher_of, talk_run

T = 1_720_000_000
EXAMPLE_DID = f"neardet-2x2-minerva:{example('corrected')['name']}"


def all_files(matcher: Matcher, system: str) -> Iterator[tuple[int, int]]:
    rows = matcher.database.summaries[system].rows
    yield from zip(rows["run"].tolist(), rows["subrun"].tolist(), strict=True)


def seconds_in_common(one: MadeSubrun, others: list[MadeSubrun]) -> dict[tuple[int, int], int]:
    """Overlaps, counted second by second on a grid."""
    grid = np.zeros(one.end - one.start + 1, bool)
    grid[: one.end - one.start] = True
    found = {}
    for other in others:
        low = max(other.start - one.start, 0)
        count = int(grid[low : max(other.end - one.start, 0)].sum())
        if count:
            found[other.run, other.subrun] = count
    return found


def real_runs(rng: random.Random) -> list[list[MadeSubrun]]:
    start, end = RUN_WINDOWS[50005]
    middle = (start + end) // 2
    both = made_run(rng, 50005, (start, end), mx2=0)
    both += made_run(rng, 50005, (start, middle), mx2=10, charge=0, light=0)
    both += made_run(rng, 50005, (middle, end), mx2=10, charge=0, light=0, mx2_run=50006)
    return [both, *(made_run(rng, run, RUN_WINDOWS[run]) for run in (50011, 50017, 50018))]


def test_all_sets_are_those_of_a_grid_of_seconds(tmp_path: Path, rng: random.Random):
    runs = real_runs(rng)
    matcher = matcher_of(tmp_path / "runs.sqlite", *runs)
    made = [subrun for run in runs for subrun in run]
    by_system = {name: [s for s in made if s.system == name] for name in ("CRS", "LRS", "Mx2")}
    straddles = doubles = false_gaps = 0
    for system, others in (("Mx2", ("CRS", "LRS")), ("CRS", ("Mx2",)), ("LRS", ("Mx2",))):
        for subrun in by_system[system]:
            match = matcher.match(matcher.of_subrun(system, subrun.run, subrun.subrun))
            for other in others:
                wanted = seconds_in_common(subrun, by_system[other])
                found = {
                    (row.run, row.subrun): row.overlap_s
                    for row in match.rows
                    if row.system == other
                }
                assert found == wanted
            straddles += bool(match.straddles)
            doubles += len(match.matched("Mx2")) > 1
            false_gaps += any(finding.kind == "false_gap" for finding in match.findings)
            assert match.declarable
    assert min(straddles, doubles, false_gaps) > 10


def test_numbers_are_the_rows_on_the_grid(tmp_path: Path, rng: random.Random):
    matcher = matcher_of(tmp_path / "runs.sqlite", *real_runs(rng))
    rows = matcher.database.rows
    taken: list[int] = []
    for run, subrun in all_files(matcher, "Mx2"):
        match = matcher.match(matcher.of_subrun("Mx2", run, subrun))
        file = match.file
        common = np.array(
            [
                len(range(max(s, int(file.start)), min(e, int(file.end))))
                for s, e in zip(rows["start"].tolist(), rows["end"].tolist(), strict=True)
            ]
        )
        # Below 6 s the numbering itself moves borders: such rows may be in or out.
        sure, possible = (set(rows["number"][common >= n].tolist()) for n in (6, 1))
        assert sure <= set(match.numbers) <= possible
        assert set(match.edges) == possible - set(match.numbers)
        taken += match.numbers
    assert len(taken) == len(set(taken)), "a global subrun belongs to one Mx2 file"
    assert {number // 10**7 for number in taken} == {50006, 50011, 50017, 50018}


def test_sum_of_overlaps_and_gaps_is_the_duration(tmp_path: Path, rng: random.Random):
    run = [
        s for s in made_run(rng, 50017, RUN_WINDOWS[50017]) if (s.system, s.subrun) != ("CRS", 5)
    ]
    matcher = matcher_of(tmp_path / "runs.sqlite", run)
    gaps = 0
    for run_number, subrun in all_files(matcher, "Mx2"):
        match = matcher.match(matcher.of_subrun("Mx2", run_number, subrun))
        for system in ("CRS", "LRS"):
            rows = [row for row in match.rows if row.system == system]
            bare = sum(g.end - g.start for g in match.gaps if g.kind == f"no_{system.lower()}")
            total = sum(row.overlap_s for row in rows) + bare
            assert abs(total - match.file.duration) <= len(rows) + 1
            gaps += bare > 100
    assert gaps == 1


def test_the_file_of_the_talk(talk: Matcher):
    record = example("corrected")
    numbers, match = global_subruns_of(talk, interval_of_record(record))
    assert list(numbers) == record["metadata"]["dune.mx2x2_global_subrun_numbers"]
    assert numbers[0] == 500170000542
    assert numbers[-1] == 500170000578
    assert numbers_of_record(talk, record) == numbers
    assert match.declarable
    assert not match.edges
    assert [row.kind for row in match.rows].count(RowKind.STRADDLE) >= 2


def test_and_query_misses_exactly_the_straddlers(talk: Matcher):
    """The public scripts ask for files with all numbers of a charge file; ours for any."""
    numbers = {
        subrun: set(talk.global_subruns(50017, subrun)) for _, subrun in all_files(talk, "Mx2")
    }
    missed, straddlers = set(), set()
    for run, subrun in all_files(talk, "CRS"):
        rows = talk.database.rows[talk.database.labelled("CRS", run, subrun)]
        own = set(rows["number"].tolist())
        if not any(own <= of_file for of_file in numbers.values()):
            missed.add(subrun)
        match = talk.match(talk.of_subrun("CRS", run, subrun))
        if len(match.matched("Mx2")) > 1 or match.gaps:
            straddlers.add(subrun)
        any_of = {sub for sub, of_file in numbers.items() if own & of_file}
        assert any_of == {row.subrun for row in match.matched("Mx2")}
    assert missed == straddlers
    assert len(straddlers) > 5


def test_gaps_doubles_and_straddles_by_hand(tmp_path: Path):
    run = [
        MadeSubrun("Mx2", 50017, 1, T, T + 1000, "TS1_one"),
        *other_subruns("CRS", 50017, [T - 100, T + 300]),
        MadeSubrun("CRS", 50017, 2, T + 250, T + 600, "binary-two.h5"),
        MadeSubrun("CRS", 50017, 3, T + 999, T + 1500, "binary-three.h5"),
    ]
    match = matcher_of(tmp_path / "runs.sqlite", run).match(
        matcher_of(tmp_path / "again.sqlite", run).of_subrun("Mx2", 50017, 1)
    )
    kinds = {row.subrun: row.kind for row in match.rows}
    assert kinds == {1: RowKind.STRADDLE, 2: RowKind.FULL, 3: RowKind.EDGE}
    assert [(g.kind, g.start - T, g.end - T) for g in match.gaps] == [
        ("no_crs", 600, 999),
        ("no_lrs", 0, 1000),
    ]
    assert [(g.kind, g.start - T, g.end - T) for g in match.doubles] == [("double_crs", 250, 300)]
    assert [row.subrun for row in match.straddles] == [1]


def test_files_on_either_side_of_a_boundary(talk: Matcher):
    charge = next(
        (run, subrun)
        for run, subrun in all_files(talk, "CRS")
        if (file := talk.of_subrun("CRS", run, subrun)).start < TALK_START < file.end
    )
    match = talk.match(talk.of_subrun("CRS", *charge))
    assert [row.subrun for row in match.matched("Mx2")] == [16, 17]
    shares = [row.overlap_s / match.file.duration for row in match.rows]
    assert sum(shares) == pytest.approx(1)


def test_disagreement_of_times_and_gates(talk: Matcher):
    good = interval_of_record(example("corrected"))
    near = talk.match(replace(good, start=good.start + 10))
    assert near.declarable
    assert {finding.kind for finding in near.findings} == {"times_differ"}
    far = talk.match(replace(good, end=good.end - 61))
    assert not far.declarable
    other = talk.match(replace(good, ranges=()))
    assert not other.findings
    record = example("corrected")
    record["metadata"]["core.lum_block_ranges"] = [[26511430, 26518628]]
    with pytest.raises(InputFileError, match=r"26511430\.\.26518628"):
        fill_record(talk, record)


def test_times_of_the_daq_are_whole_seconds(talk: Matcher):
    record = example("corrected")
    assert interval_of_record(record).source == "content"
    record["metadata"] |= {"core.start_time": 1720601760, "core.end_time": 1720610400}
    match = talk.match(interval_of_record(record))
    assert match.file.source == "daq"
    assert match.declarable


def test_file_over_two_subruns_is_an_error(talk: Matcher):
    good = interval_of_record(example("corrected"))
    match = talk.match(replace(good, start=good.start - 3600))
    assert {finding.kind for finding in match.findings} == {"times_differ", "foreign_label"}
    assert not match.declarable


def test_label_far_outside_the_file_is_an_error(talk: Matcher):
    good = interval_of_record(example("corrected"))
    match = talk.match(replace(good, end=good.start + 2000))
    assert "label_outside" in {finding.kind for finding in match.findings}
    assert not match.declarable


def test_run_that_the_database_does_not_have(talk: Matcher):
    record = example("corrected")
    record["name"] = record["name"].replace("00050017", "00001700")
    record["metadata"] |= {"core.start_time": 1.7e9, "core.end_time": 1.7e9 + 8640}
    filled, match = fill_record(talk, record)
    assert "dune.mx2x2_global_subrun_numbers" not in filled["metadata"]
    assert [finding.kind for finding in match.findings] == ["not_in_database"]
    assert [gap.kind for gap in match.gaps] == ["no_crs", "no_lrs"]
    with pytest.raises(UsageError, match="50017"):
        talk.of_subrun("Mx2", 1700, 17)


def test_subrun_without_times_is_matched_by_time_only(tmp_path: Path):
    run = [
        MadeSubrun("Mx2", 50017, 17, 0, -1, "TS1"),
        *other_subruns("CRS", 50017, [TALK_START - 60, TALK_START + 9000]),
    ]
    matcher = matcher_of(tmp_path / "runs.sqlite", run)
    match = matcher.match(interval_of_record(example("corrected")))
    assert match.numbers == ()
    assert [(row.system, row.method) for row in match.rows] == [("CRS", "time")]
    assert [finding.kind for finding in match.findings] == ["not_in_database"]


def test_filled_record_is_the_example_and_ours_is_not_changed(talk: Matcher, tmp_path: Path):
    wanted = example("corrected")
    record = example("corrected")
    del record["metadata"]["dune.mx2x2_global_subrun_numbers"]
    filled, match = fill_record(talk, record)
    assert filled == wanted
    assert "dune.mx2x2_global_subrun_numbers" not in record["metadata"]
    path = write_match(tmp_path, match)
    assert path.name == f"{wanted['name']}.match.json"
    assert match.sha256 in path.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "neardet-2x2-minerva:TS1_00050017_0017_numib_v09_2407100856_RawData.dat",
        "TS1_00050017_0017_numib_v09_2407100856_RawData.dat",
        EXAMPLE_DID,
    ],
)
def test_mx2_file_by_name(talk: Matcher, text: str):
    match = talk.match(interval_of_did(talk, text))
    assert len(match.numbers) == 37


def test_charge_and_light_files_by_name(talk: Matcher):
    summaries = talk.database.summaries
    stem = summaries["CRS"].filenames[-1].removesuffix(".h5")
    file = interval_of_did(talk, f"neardet-2x2-lar-charge:{stem}.hdf5")
    assert (file.system, file.subrun) == ("CRS", summaries["CRS"].rows["subrun"][-1])
    light = interval_of_did(talk, summaries["LRS"].filenames[3])
    assert (light.system, light.subrun) == ("LRS", 4)
    others = [{"name": "x"}, {"namespace": "a", "name": "b"}]
    at_hand = known_dids(RecordsInMemory([]), [example("corrected"), *others])
    from_catalogue = known_dids(RecordsInMemory([example("corrected"), *others]))
    for known in (at_hand, from_catalogue):
        found = Matcher(talk.database, known).match(file).matched("Mx2")
        assert [row.dids for row in found] == [(EXAMPLE_DID,)]


def test_unknown_names(talk: Matcher):
    with pytest.raises(UsageError, match="did you mean"):
        interval_of_did(talk, "neardet-2x2-lar-chrge:binary-1.hdf5")
    with pytest.raises(UsageError, match="no such file"):
        interval_of_did(talk, "neardet-2x2-lar-charge:binary-1.hdf5")


@pytest.mark.parametrize(
    "change",
    [{"name": "x"}, {"metadata": {}}, {"metadata": {"core.start_time": 2, "core.end_time": 1}}],
)
def test_record_without_an_interval(change: dict[str, object]):
    with pytest.raises(InputFileError, match="record of"):
        interval_of_record({**example("corrected"), **change})


def test_query_finds_a_file_with_any_of_the_numbers():
    assert query_of([3, 1, 3]) == (
        "files from dune:all where dune.mx2x2_global_subrun_numbers[any] in (1,3)"
    )
    with pytest.raises(UsageError):
        query_of([])


def test_match_record_is_plain_data(talk: Matcher):
    document = talk.match(interval_of_record(example("corrected"))).as_dict()
    assert document["database"] == {"name": "talk.sqlite", "sha256": talk.database.sha256}
    assert document["matches"][0]["kind"] == "straddle"
    assert document["did"] == EXAMPLE_DID
    assert set(document["straddles"]) >= {f"CRS 50017/{document['matches'][0]['subrun']}"}


def test_database_interval_without_a_name(talk: Matcher):
    summary = replace(talk.database.summaries["Mx2"], filenames=("",) * 17)
    assert interval_of(summary, 0).did == ""
    assert len(talk_run()) > 500
