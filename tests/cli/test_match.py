"""``mx2 match`` on a simulated run with straddling subruns: exactly as its truth says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mx2prod import catalog
from mx2prod.catalog.lookup import CatalogueRecords
from mx2prod.core.files import sha256_of_file
from mx2prod.metadata import raw_record
from mx2prod.metadata.matching.generate import (
    other_subruns,
    runs_of_records,
    subruns_of_records,
    write_runs_database,
)
from mx2prod.raw.info import summarise
from mx2prod.simulation import SimulatedFile, simulate
from tests.calls import Call
from tests.simulation.making import START, file_of, spec_of

GATES, PERIOD_S, SUBRUNS = 20, 1.2, 3
SECONDS = 30
"""From one subrun to the next; the last 6 s of it are without data."""
T = int(START.timestamp())
CHARGE = [T - 5, T + 10, T + 20, T + 40, T + 62, T + 80, T + 100]
LIGHT = [T - 5, T + 36, T + 100]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[SimulatedFile]:
    subruns = [
        file_of(gates=GATES, subrun=22 + i, start=START + timedelta(seconds=SECONDS * i))
        for i in range(SUBRUNS)
    ]
    return simulate(spec_of(*subruns, febs=["0-1-0-1"]), tmp_path_factory.mktemp("run"))


@pytest.fixture
def database(files: list[SimulatedFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    run = [
        *subruns_of_records(raw_record(summarise(file.path)) for file in files),
        *other_subruns("CRS", 50017, CHARGE),
        *other_subruns("LRS", 50017, LIGHT),
    ]
    path = write_runs_database(tmp_path / "runs.sqlite", [run])
    trust(path)
    return path


def trust(path: Path) -> None:
    with (path.parent / "runs-databases.sha256").open("a") as handle:
        handle.write(f"{sha256_of_file(path)}  {path.name}\n")


def true_gates(file: SimulatedFile) -> list[int]:
    times: list[int] = pq.read_table(file.truth / "truth_gates.parquet")["time_us"].to_pylist()
    return times


def charge_of(times: list[int]) -> set[int]:
    """Charge subruns that run while a file takes gates, from its first gate to its last."""
    first, last = times[0] / 1e6, times[-1] / 1e6
    return {
        number
        for number, (start, end) in enumerate(pairwise(CHARGE), 1)
        if start < last and end > first
    }


def test_simulated_run_matches_as_its_truth_says(
    mx2: Callable[..., Call], files: list[SimulatedFile], database: Path
) -> None:
    done = mx2("--json", "match", *(file.path for file in files))
    assert done.code == 0
    for file, match in zip(files, done.document["matches"], strict=True):
        charge = [row for row in match["matches"] if row["system"] == "CRS"]
        assert {row["subrun"] for row in charge} == charge_of(true_gates(file))
        assert match["straddles"]
        assert match["global_subruns"]
        assert match["declarable"]
        assert match["database"]["sha256"] == sha256_of_file(database)
        assert match["gaps"] == match["doubles"] == []
    numbers = [number for match in done.document["matches"] for number in match["global_subruns"]]
    assert len(numbers) == len(set(numbers))


def test_charge_files_find_their_mx2_files_and_gates(
    mx2: Callable[..., Call], files: list[SimulatedFile], database: Path
) -> None:
    gates = {file.path.name: true_gates(file) for file in files}
    names = [subrun.filename for subrun in other_subruns("CRS", 50017, CHARGE)]
    for number, name in enumerate(names):
        done = mx2("--json", "match", f"neardet-2x2-lar-charge:{name}", "--gates", files[1].path)
        (match,) = done.document["matches"]
        start, end = CHARGE[number], CHARGE[number + 1]
        wanted = {
            file
            for file, times in gates.items()
            if times[0] // 10**6 < end and -(-times[-1] // 10**6) > start
        }
        assert {row["file"] for row in match["matches"]} == wanted
        inside = [
            gate
            for gate, time in enumerate(gates[files[1].path.name], 1)
            if (start - 1) * 1e6 <= time <= (end + 1) * 1e6
        ]
        assert match["gates"]["gate"] == inside
        assert done.code == (3 if match["gaps"] or not match["matches"] else 0)


def test_gates_agree_with_each_match(
    mx2: Callable[..., Call], files: list[SimulatedFile], database: Path
) -> None:
    path, times = files[1].path, true_gates(files[1])
    done = mx2("--json", "match", path, "--gates", path)
    assert done.code == 0
    (match,) = done.document["matches"]
    found = {(row["system"], row["subrun"]): row["n"] for row in match["gates"]["by_file"]}
    for system, borders in (("CRS", CHARGE), ("LRS", LIGHT)):
        for subrun, (start, end) in enumerate(pairwise(borders), 1):
            inside = [t for t in times if (start - 1) * 10**6 <= t <= (end + 1) * 10**6]
            assert found.get((system, subrun), 0) == len(inside)
    other = mx2("match", path, "--gates", files[0].path)
    assert other.code == 3
    assert "NO GATE, although the times overlap" in other.out


def test_runs_of_records_straddle(
    mx2: Callable[..., Call],
    files: list[SimulatedFile],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    records = [raw_record(summarise(file.path)) for file in files]
    runs = runs_of_records(records, charge_s=25, light_s=20)
    trust(write_runs_database(tmp_path / "made.sqlite", runs))
    done = mx2("--json", "match", *(file.path for file in files))
    assert done.code == 0
    assert all(match["straddles"] and not match["gaps"] for match in done.document["matches"])


def test_what_people_see(
    mx2: Callable[..., Call], files: list[SimulatedFile], database: Path
) -> None:
    done = mx2("match", files[0].path.name, "--health")
    assert done.code == 0
    assert "global subruns: 500170000" in done.out
    assert "CRS: 6 subruns of runs 50017" in done.out
    assert "straddle" in done.out
    back = mx2("match", other_subruns("CRS", 50017, CHARGE)[3].filename, "--gates", files[1].path)
    assert back.code == 3
    assert "no_mx2: " in back.out
    assert "dune.mx2x2_global_subrun_numbers[any] in (500170000" in back.out
    assert "of them within 1 s of its borders" in back.out


def test_records_are_filled_and_matches_written_beside_them(
    mx2: Callable[..., Call], files: list[SimulatedFile], database: Path, tmp_path: Path
) -> None:
    made = mx2("metadata", "make", files[0].path, "-o", tmp_path / "records")
    assert made.code == 0
    record = next((tmp_path / "records").glob("*.json"))
    words = ["match", record, "-o", tmp_path / "out", "--fill"]
    planned = mx2(*words, "--dry-run")
    assert "would write" in planned.out
    assert not (tmp_path / "out").exists()
    done = mx2("--json", *words)
    written = [Path(path) for path in done.document["written"]]
    assert [path.name for path in written] == [
        f"{files[0].path.name}.match.json", f"{files[0].path.name}.json"
    ]  # fmt: skip
    match, filled = (json.loads(path.read_text()) for path in written)
    numbers = filled["metadata"]["dune.mx2x2_global_subrun_numbers"]
    assert numbers == match["global_subruns"]
    assert mx2("metadata", "check", written[1]).code == 0
    again = mx2(*words)
    assert again.code == 1
    assert "never overwritten" in again.err
    known = mx2("--json", "match", other_subruns("CRS", 50017, CHARGE)[1].filename,
                "--records", tmp_path / "out")  # fmt: skip
    did = f"neardet-2x2-minerva:{files[0].path.name}"
    assert known.document["matches"][0]["matches"][0]["dids"] == [did]


def test_files_of_the_catalogue_are_found_by_did(
    mx2: Callable[..., Call], files: list[SimulatedFile], database: Path, tmp_path: Path
) -> None:
    raw = raw_record(summarise(files[0].path))
    reco = {**raw, "name": raw["name"].replace("RawData.dat", "RecoData.root")}
    did = f"{raw['namespace']}:{raw['name']}"
    reco["metadata"] = {**raw["metadata"], "core.data_tier": "full-reconstructed"}
    with catalog.open("sqlite:///catalog.db", root=tmp_path, create=True) as opened:
        opened.create_namespace(raw["namespace"])
        opened.create_dataset(f"{raw['namespace']}:all")
        opened.declare([raw], f"{raw['namespace']}:all")
        opened.declare([{**reco, "parents": [{"did": did}]}], f"{raw['namespace']}:all")
        lookup = CatalogueRecords(opened)
        assert lookup.find("no did") is None
        child = next(iter(lookup.children(did)))
        assert child["parents"] == [{"did": did}]
    charge = other_subruns("CRS", 50017, CHARGE)[1].filename
    found = mx2("--json", "match", charge, did).document["matches"]
    assert found[0]["matches"][0]["dids"] == [did, f"{reco['namespace']}:{reco['name']}"]
    assert (found[1]["did"], found[1]["source"]) == (did, "content")


def test_new_release(mx2: Callable[..., Call], files: list[SimulatedFile], database: Path) -> None:
    run = [
        *subruns_of_records(raw_record(summarise(file.path)) for file in files),
        *other_subruns("CRS", 50017, [*CHARGE[:2], T + 15, *CHARGE[2:]]),
        *other_subruns("LRS", 50017, LIGHT),
    ]
    new = write_runs_database(database.with_name("new.sqlite"), [run])
    refused = mx2("match", "--compare", database, "--runsdb", new)
    assert refused.code == 2
    assert f"next: sha256sum {new} >>" in refused.err
    trust(new)
    done = mx2("match", "--compare", database)
    assert done.code == 0
    assert "times too" in done.out
    assert "numbers only" in done.out
    document = mx2("--json", "match", "--compare", database).document["comparison"]
    assert [item["subrun"] for item in document["changed"]] == [22, 23, 24]
    assert [item["times_changed"] for item in document["changed"]] == [True, False, False]
    same = mx2("match", "--compare", new)
    assert "no subrun has other numbers" in same.out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "no file to match"),
        (["a", "--fill"], "give a folder"),
        (["neardet-2x2-lar-charge:none.hdf5"], "no such file"),
        (["none.json", "--records", "nowhere"], "nowhere: no folder"),
    ],
)
def test_requests_that_cannot_be(
    mx2: Callable[..., Call], database: Path, words: list[Any], why: str
) -> None:
    done = mx2("match", *words)
    assert done.code == 2
    assert why in done.err


def test_without_a_list_nothing_is_matched(
    mx2: Callable[..., Call], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = mx2("match", "TS1_00050017_0017_numib_v09_2407100856_RawData.dat")
    assert done.code == 2
    assert "sha256sum FILE.sqlite >>" in done.err
