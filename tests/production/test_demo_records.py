"""The demonstration of catalogue, metadata, matching and beam, on files of few gates."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mx2prod import catalog
from mx2prod.catalog.lookup import CatalogueRecords
from mx2prod.cli.demo_records import next_commands, paths_to_look_at, show_records
from mx2prod.core.workspace import Workspace
from mx2prod.metadata import check_record, has_errors
from mx2prod.metadata.matching import LIST_NAME, TrustedDatabases
from mx2prod.production.calibration_report import CalibrationReport
from mx2prod.production.demo import Run1Report
from mx2prod.production.demo_beam import beam_of_run1
from mx2prod.production.demo_records import RecordsReport, records_of_run1
from mx2prod.production.demo_workspace import demo_workspace
from mx2prod.simulation import SimulatedFile, Spec, simulate

NUMBERS = "dune.mx2x2_global_subrun_numbers"
CUT, SHORT = "TS1_00001701_0001_pdstl", "TS1_00001702_0002_numib"
SPEC = {
    "seed": 7,
    "detector": {"febs": ["0-1-0"]},
    "files": [
        {"stream": "pdstl", "run": 1701, "subrun": 1, "gates": 20, "start": "2024-04-13T05:14:00Z"},
        {"stream": "numib", "run": 1702, "subrun": 1, "gates": 20, "start": "2024-04-13T19:00:00Z"},
        {"stream": "numib", "run": 1702, "subrun": 2, "gates": 1, "start": "2024-04-13T19:03:00Z"},
        {"stream": "numil", "run": 1797, "subrun": 2, "gates": 20, "start": "2024-05-28T06:00:00Z"},
    ],
    "faults": [{"kind": "truncated", "size": 0.3, "from_run": 1701, "to_run": 1701}],
    "truth": "light",
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    simulate(Spec.model_validate(SPEC), folder / "raw", workers=1)
    return folder


@pytest.fixture(scope="module")
def workspace(raw: Path) -> Workspace:
    made = demo_workspace(raw)
    assert made is not None
    return made


def simulated(folder: Path) -> list[SimulatedFile]:
    """Files that are there, as a repeated demonstration finds them."""
    return simulate(Spec.model_validate(SPEC), folder / "raw", workers=1, overwrite=True)


def run1(folder: Path) -> Run1Report:
    none = CalibrationReport("pedestal", []), CalibrationReport("gain", [])
    return Run1Report(simulated(folder), *none, [], {})


@pytest.fixture(scope="module")
def records(raw: Path, workspace: Workspace) -> RecordsReport:
    return records_of_run1(workspace, raw, run1(raw))


def test_files_are_declared_and_the_cut_one_is_refused(records: RecordsReport) -> None:
    assert [item.state for item in records.catalog.seen] == ["refused", *["declared"] * 3]
    rejected = {item.name[:23]: item for item in records.catalog.rejected}
    assert set(rejected) == {CUT, SHORT}
    assert "sidecar size" in rejected[CUT].reason
    assert rejected[CUT].dataset == ""
    assert rejected[SHORT].dataset == "mx2_numib_raw_run1_prod_a"
    assert rejected[SHORT].reason == "core.event_count > 1; it has core.event_count 1"


def test_datasets_have_the_files_of_their_definitions(records: RecordsReport) -> None:
    files = {line.did.partition(":")[2]: line.files for line in records.catalog.table.lines}
    assert files == {
        "mx2_pdstl_raw_run1_prod_a": 0, "mx2_pdstl_raw_run1_prod_b": 0,
        "mx2_pdstl_raw_run1_prod_c": 0, "mx2_numib_raw_run1_prod_a": 1,
        "mx2_numib_raw_run1_prod_b": 1, "mx2_numib_raw_run1_prod_c": 0,
    }  # fmt: skip
    snapshot = records.catalog.snapshot
    assert (snapshot.frozen, snapshot.file_count) == (True, 1)
    assert "<nowiki>" in records.catalog.paths[1].read_text()


def test_declared_records_have_their_global_subruns(
    records: RecordsReport, workspace: Workspace
) -> None:
    numbers = {match.file.did: list(match.numbers) for match in records.matching.matches}
    assert records.matching.changed == 2
    with catalog.open(workspace.settings.catalog.url, root=workspace.root) as opened:
        known = CatalogueRecords(opened)
        for did, expected in numbers.items():
            record = known.find(did)
            assert record is not None
            assert record["metadata"].get(NUMBERS, []) == expected
            sent = {key: record[key] for key in ("name", "namespace", "size", "checksums")}
            assert not has_errors(check_record({**sent, "metadata": record["metadata"]}))
    (alone,) = records.matching.unmatched
    assert SHORT in alone.file.did
    assert len(TrustedDatabases.read(workspace.root / LIST_NAME).entries) == 1


def test_protons_are_summed_for_files_and_datasets(records: RecordsReport) -> None:
    beam = records.beam
    assert beam.misses == []
    files = {item.name[:23]: item.protons for item in beam.files}
    datasets = {item.name.partition(":")[2]: item.protons for item in beam.datasets}
    assert datasets == {
        "mx2_numib_raw_run1_prod_a": files["TS1_00001702_0001_numib"],
        "mx2_numib_raw_run1_prod_b": files["TS1_00001797_0002_numil"],
    }
    assert beam.plot.stat().st_size > 0


def test_talk_example_is_wrong_as_printed_only(records: RecordsReport) -> None:
    assert len(records.metadata.errors("printed")) == 23
    assert records.metadata.errors("corrected") == []
    assert json.loads(records.metadata.paths[1].read_text())["name"].endswith("RecoData.root")
    table = records.metadata.paths[2].read_text()
    assert '| ours | error | value | dune.requestid | `""` |' in table


def test_nothing_is_good_without_a_signature(records: RecordsReport) -> None:
    words = {item.did.partition(":")[2][:23]: item.value for item in records.metadata.verdicts}
    assert words[CUT] == ["bad", "recovered"]  # 48 of 34,100 bytes belong to no gate
    assert words["TS1_00001702_0001_numib"] == "unknown"
    assert "signed" in records.metadata.verdicts[1].reasons[0]


def test_tables_are_printed(
    records: RecordsReport, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_records(records)
    text = capsys.readouterr().out
    assert "raw files in the catalogue: 3 declared, 1 refused" in text
    assert "in 2 records, 2 of them written now" in text
    assert "missed: none" in text
    assert "corrected: 0" in text
    assert all(path.exists() for path in paths_to_look_at(records))
    assert all(words.startswith("mx2 ") for words in next_commands(records, raw))
    document = json.loads(json.dumps(records.as_dict()))
    assert document["catalog"]["snapshot_is_current"]
    assert document["beam"]["misses"] == []


def test_a_second_demonstration_changes_nothing_in_the_catalogue(
    records: RecordsReport, raw: Path, workspace: Workspace
) -> None:
    again = records_of_run1(workspace, raw, run1(raw))
    assert [item.state for item in again.catalog.seen] == ["refused", *["there"] * 3]
    assert again.matching.changed == 0
    assert again.catalog.difference.same
    assert again.catalog.snapshot.digest == records.catalog.snapshot.digest
    assert [match.numbers for match in again.matching.matches] == [
        match.numbers for match in records.matching.matches
    ]


def test_gates_without_a_spill_are_listed(
    raw: Path, workspace: Workspace, records: RecordsReport, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (first, *others) = [file for file in simulated(raw) if file.beam is not None]
    with catalog.open(workspace.settings.catalog.url, root=workspace.root) as opened:
        table = records.catalog.table
        made = beam_of_run1(opened, table, [first, *others], tmp_path / "whole")
        assert made.misses == []
        cut = _without_last_spill(first, tmp_path)
        made = beam_of_run1(opened, table, [cut, *others], tmp_path / "cut")
    assert [(name, row["gate"]) for name, row in made.misses] == [(first.path.name, 20)]
    assert made.files[0].state == "partly"
    show_records(replace(records, beam=made))
    assert f"missed: {first.path.name} gate 20 at" in capsys.readouterr().out


def _without_last_spill(file: SimulatedFile, folder: Path) -> SimulatedFile:
    """The same file, with beam data that end one spill too early."""
    assert file.beam is not None
    lines = file.beam.read_text().splitlines(keepends=True)
    last = lines[-1].split(",")[0]
    path = folder / file.beam.name
    path.write_text("".join(line for line in lines if line.split(",")[0] != last))
    return replace(file, beam=path)
