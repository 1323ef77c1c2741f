"""Findings about a run database; what a new release changes; gates of a charge file."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mx2prod.core.errors import InputFileError
from mx2prod.metadata.matching import (
    GateTimes,
    Matcher,
    compare,
    global_subruns_of,
    health,
    read_runs_database,
)
from mx2prod.metadata.matching.generate import (
    RUN_WINDOWS,
    made_run,
    other_subruns,
    write_runs_database,
)
from mx2prod.metadata.matching.numbering import MadeSubrun

from .conftest import matcher_of, talk_run

T = 1_720_000_000


def changed(path: Path, *statements: str) -> Matcher:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return Matcher(read_runs_database(path))


def kinds(matcher: Matcher) -> Counter[str]:
    return Counter(str(finding.kind) for finding in matcher.health)


def test_clean_run_has_no_finding(talk: Matcher):
    assert talk.health == []


def test_rows_that_overlap_block_the_numbers_of_their_files_only(tmp_path: Path):
    path = tmp_path / "runs.sqlite"
    matcher_of(path, talk_run())
    move = "update All_global_subruns set {0} = {0} + 30 where global_subrun = 500170000550"
    matcher = changed(path, move.format("end_time_unix"))
    assert kinds(matcher) == {"overlap": 1}
    with pytest.raises(InputFileError, match="overlap by 30 s") as caught:
        global_subruns_of(matcher, matcher.of_subrun("Mx2", 50017, 17))
    assert caught.value.next_step.startswith("mx2 match")
    assert global_subruns_of(matcher, matcher.of_subrun("Mx2", 50017, 3))[0]


def test_order(tmp_path: Path):
    path = tmp_path / "runs.sqlite"
    matcher_of(path, talk_run())
    matcher = changed(
        path,
        "update All_global_subruns set global_subrun = 500170009999 "
        "where global_subrun = 500170000003",
    )
    assert kinds(matcher) == {"order": 1}
    assert "500170009999 starts before" in matcher.health[0].detail


def test_warnings_of_each_kind(tmp_path: Path):
    start, end = RUN_WINDOWS[50005]
    subruns = [
        *other_subruns("CRS", 50005, [start, start + 600, start + 1200]),
        MadeSubrun("CRS", 50005, 3, start + 1199, start + 1800, "c3"),
        MadeSubrun("CRS", 50005, 4, start + 1700, start + 1701, "c4"),
        MadeSubrun("LRS", 50005, 1, start, start + 1000, "l1"),
        MadeSubrun("LRS", 50005, 2, start + 900, start + 1900, "l2"),
        MadeSubrun("Mx2", 50005, 1, start, start + 1500, "m1"),
        MadeSubrun("Mx2", 50006, 1, start + 1600, end, "m2"),
        MadeSubrun("Mx2", 50006, 2, 0, 0, "m3"),
    ]
    path = tmp_path / "runs.sqlite"
    matcher_of(path, subruns)
    last = "(select max(global_subrun) from All_global_subruns)"
    matcher = changed(
        path,
        "delete from All_global_subruns where global_subrun = 500060000002",
        f"update All_global_subruns set start_time_unix = start_time_unix + 10 "
        f"where global_subrun = {last}",
    )
    found = kinds(matcher)
    assert set(found) == {"gap", "false_gap", "double", "unreferenced", "prefix", "dropped"}
    details = " ".join(finding.detail for finding in matcher.health)
    assert "CRS 50005/3 runs for" in details
    assert "LRS 50005/1 and LRS 50005/2 run at the same time for 100 s" in details
    assert "CRS 50005/4 is in no global subrun" in details
    assert "numbers of run 50006 carry CRS run 50005" in details
    assert all(finding.severity == "warning" for finding in health(matcher.database))
    assert {"kind", "severity", "detail"} <= set(matcher.health[0].as_dict())


def test_new_release_with_one_subrun_inserted(tmp_path: Path, rng: random.Random):
    run = made_run(rng, 50017, RUN_WINDOWS[50017], mx2=20, charge=100, light=100)
    other = made_run(rng, 50018, RUN_WINDOWS[50018], mx2=5, charge=20, light=20)
    late = [s for s in run if (s.system, s.subrun) == ("CRS", 50)]
    run = [s for s in run if s not in late]
    without = [s for s in run if (s.system, s.subrun) != ("Mx2", 20)]
    run += [replace(s, start=s.start + 100, end=s.end - 100) for s in late]
    old = read_runs_database(write_runs_database(tmp_path / "v1.sqlite", [without, other]))
    new = read_runs_database(write_runs_database(tmp_path / "v2.sqlite", [run, other]))
    result = compare(old, new)
    before, after = Matcher(old), Matcher(new)
    wanted = {
        (50017, subrun)
        for subrun in range(1, 20)
        if list(before.global_subruns(50017, subrun)) != list(after.global_subruns(50017, subrun))
    }
    assert {(item.run, item.subrun) for item in result.changed} == wanted
    assert result.gained == ((50017, 20),)
    assert result.lost == ()
    assert 1 <= sum(item.times_changed for item in result.changed) <= 2
    renumbered = [item for item in result.changed if not item.times_changed]
    assert len(renumbered) >= 8
    for item in renumbered:
        assert [result.numbers[number] for number in item.old] == list(item.new)
    assert not result.same_numbers
    assert compare(old, old).same_numbers
    document = result.as_dict()
    assert document["old"]["sha256"] == old.sha256 != document["new"]["sha256"]
    assert not any(key.startswith("50018") for key in document["numbers"])
    assert compare(new, old).lost == ((50017, 20),)


def test_gates_of_a_charge_file(talk: Matcher):
    file = replace(talk.of_subrun("CRS", 50017, 2), start=float(T), end=float(T + 10))
    times = T * 10**6 + np.array(
        [-1_000_001, -1_000_000, 0, 1_000_000, 1_000_001, 8_999_999, 9_000_000, 11_000_000,
         11_000_001]
    )  # fmt: skip
    numbers = np.arange(1, 10)
    gates = GateTimes(numbers, numbers + 100, times, np.full(9, 16)).during(file)
    assert gates.gates.tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert gates.boundary.tolist() == [True, True, True, False, False, True, True]
    neighbour = replace(file, start=float(T + 10), end=float(T + 20))
    both = GateTimes(numbers, numbers, times, numbers).during(neighbour).gates.tolist()
    assert set(both) & set(gates.gates.tolist()) == {7, 8}
    assert gates.as_dict()["n_boundary"] == 5
