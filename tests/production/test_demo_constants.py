"""The demonstration of constants, on small tables; ``tests/e2e`` runs all of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mx2prod.cli.demo_output import show_constants
from mx2prod.conditions import aliases, open_store, verify_store
from mx2prod.constants import Pedestal, Period, PmtGain, Table, write_table
from mx2prod.core.errors import ConfigError, HashMismatch, NoConditionsError, PolicyError
from mx2prod.core.workspace import Settings, write_workspace
from mx2prod.journal import role_store
from mx2prod.production.calibration_report import CalibrationReport, TableReport
from mx2prod.production.demo import Run1Report
from mx2prod.production.demo_constants import ALIAS, ConstantsReport, promote_run1
from mx2prod.production.demo_workspace import PERSONS, demo_roles, demo_workspace
from mx2prod.production.report import ProcessReport
from mx2prod.simulation import SimulatedFile
from tests.conditions.making import gains, pedestals

PERIOD = Period(1712898840000000, 1712899840000000)
RAW = (
    "TS1_00001700_0001_pdstl_v09_2404120514",
    "TS1_00001700_0004_numib_v09_2404121900",
    "TS1_00001797_0001_numip_v09_2405280500",
    "TS1_00001797_0002_numil_v09_2405280600",
    "TS1_00050002_0001_numip_v09_2407080500",
)


def table_report(folder: Path, raw: str, word: str, table: Table, verdict: str) -> TableReport:
    """Files of a table as ``mx2 calibrate`` writes them, as far as they are read here."""
    stem = folder / f"{raw}_{word}_table"
    write_table(replace(table, period=PERIOD), stem.with_suffix(".dat"), overwrite=True)
    stem.with_suffix(".html").write_text("plots")
    content = {"verdict": verdict, "file": f"{raw}_RawData.dat", "settings_sha256": "0" * 64,
               "run": int(raw[4:12]), "subrun": int(raw[13:17])}  # fmt: skip
    stem.with_suffix(".verdict.json").write_text(json.dumps(content))
    application = {"family": "mx2prod", "name": "calibrate-pedestals", "version": "0"}
    record = {"core.file_type": "mc"} | {
        f"core.application.{key}": value for key, value in application.items()
    }
    stem.with_suffix(".dat.json").write_text(json.dumps({"metadata": record}))
    return TableReport(content, {"table": stem.with_suffix(".dat")})


def run1(folder: Path, *, entries: float = 750.0) -> Run1Report:
    """Small Run 1: no gains in run 1a, and run 1c is to be investigated."""
    simulated = [
        SimulatedFile(
            path=folder / f"{raw}_RawData.dat",
            sidecar=folder / "x.json",
            truth=folder / raw,
            beam=None,
            gates=1,
            bytes=1,
            adler32="",
            board_hits=1,
            seconds=1.0,
        )
        for raw in RAW
    ]
    tables = [
        table_report(folder, RAW[0], "pedestal", pedestals(430.0, entries=entries), "good"),
        table_report(folder, RAW[2], "pedestal", pedestals(431.0), "good"),
        table_report(folder, RAW[4], "pedestal", pedestals(432.0), "investigate"),
    ]
    gain = [table_report(folder, RAW[3], "gain", gains(), "good")]
    reports = [CalibrationReport("pedestal", tables), CalibrationReport("gain", gain)]
    return Run1Report(simulated, *reports, [], {})


def promoted(folder: Path) -> ConstantsReport:
    workspace = demo_workspace(folder)
    assert workspace is not None
    return promote_run1(workspace, folder, run1(folder), Settings())


def test_constants_are_promoted_and_read_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = promoted(tmp_path)
    assert "signature of a convener" in made.refused
    assert (made.promotion.gtag, made.frozen.parent, made.frozen.good) == ("mx2-demo-v1", None, 3)
    assert made.verified.made_by == ("demo-calibrator",)
    assert made.verified.signed_by == ("demo-convener", "demo-reviewer")
    chosen = [(str(gap.interval), gap.choice.choice) for gap in made.frozen.gaps if gap.choice]
    assert chosen == [
        ("[50002/1, 50019/0)", "exclude"), ("[1700/4, 1796/0)", "extend"),
        ("[1797/1, 1797/2)", "extend"), ("[50002/1, 50019/0)", "exclude"),
    ]  # fmt: skip
    with (
        open_store("sqlite:///conditions-prod.db", root=tmp_path) as production,
        production.view(made.reference) as view,
    ):
        assert view.get(PmtGain.folder, 1700, 4).choice == "extend"
        with pytest.raises(NoConditionsError):
            view.get(Pedestal.folder, 50002, 1)
    document = json.loads(json.dumps(made.as_dict()))
    assert document["constants"] == made.reference
    assert len(document["tables"]) == 3 + 9
    show_constants(made, ProcessReport("sup-digits", salvage=False, dry_run=False))
    text = capsys.readouterr().out
    assert "3 good tables, 9 nominal" in text
    assert "11 passed, 1 waived" in text


def test_a_second_demonstration_makes_the_next_version(tmp_path: Path) -> None:
    first, second = promoted(tmp_path), promoted(tmp_path)
    assert (second.promotion.gtag, second.frozen.parent) == ("mx2-demo-v2", "mx2-demo-v1")
    assert second.promotion.copied == 0
    assert first.page.exists()
    with open_store("sqlite:///conditions-prod.db", root=tmp_path) as production:
        assert [(a.name, a.gtag) for a in aliases(production)] == [(ALIAS, "mx2-demo-v2")]
        assert [item.problems for item in verify_store(production)] == [(), ()]


def test_one_that_was_interrupted_is_left_as_it_is(tmp_path: Path) -> None:
    workspace = demo_workspace(tmp_path)
    assert workspace is not None
    with pytest.raises(PolicyError, match=r"checks failed; entries: .* fewer than 100 readings"):
        promote_run1(workspace, tmp_path, run1(tmp_path, entries=10), Settings())
    made = promoted(tmp_path)
    assert (made.promotion.gtag, made.frozen.parent) == ("mx2-demo-v2", None)


def test_a_file_that_does_not_come_back_as_it_was_is_an_error(tmp_path: Path) -> None:
    workspace, report = demo_workspace(tmp_path), run1(tmp_path)
    assert workspace is not None
    path = report.pedestals.tables[0].paths["table"]
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(HashMismatch, match="differs from"):
        promote_run1(workspace, tmp_path, report, Settings())


def test_persons_are_enrolled_once(tmp_path: Path) -> None:
    workspace = demo_workspace(tmp_path)
    assert workspace is not None
    _, keys = demo_roles(workspace)
    again = demo_workspace(tmp_path)
    assert again is not None
    _, same = demo_roles(again)
    assert {name: key.public for name, key in keys.items()} == {
        name: key.public for name, key in same.items()
    }
    newest = role_store(workspace).load()
    assert newest.version == len(PERSONS)
    assert all(person.name.startswith("DEMO") for person in newest.persons)


def test_only_a_workspace_of_the_demonstration_is_used(tmp_path: Path) -> None:
    assert demo_workspace(tmp_path, dry_run=True) is None
    assert list(tmp_path.iterdir()) == []
    write_workspace(tmp_path, "run1")
    with pytest.raises(ConfigError, match="is the workspace 'run1'"):
        demo_workspace(tmp_path)
