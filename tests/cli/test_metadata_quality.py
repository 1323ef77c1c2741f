"""``mx2 metadata quality``: verdicts, their storage, and their way into the records."""

from __future__ import annotations

import json

import pytest

from mx2prod.core.ids import FileName
from mx2prod.journal import events
from mx2prod.metadata import (
    Application,
    Job,
    OutputFacts,
    derived_record,
    raw_record,
    read_record,
    write_record,
)
from mx2prod.raw.info import summarise

FACTS = {"constants": 1.0, "reconstruction": 1.2, "dead_hot_channels": 0.001, "beam_gates": 1.0}


@pytest.fixture
def workspace(mx2, tmp_path, monkeypatch):
    root = tmp_path / "ws"
    assert mx2("init", root).code == 0
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def raw(samples):
    return next(samples["p03_numib_small"].glob("*.dat"))


@pytest.fixture
def facts(tmp_path):
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(FACTS))
    return path


@pytest.fixture
def reco(raw, tmp_path):
    """Record of a reco file of the raw file, in a folder of records with its parent."""
    parent = raw_record(summarise(raw))
    name = str(FileName.parse(raw.name).derived("RecoData.root", "2611241700", "abc234"))
    gates = parent["metadata"]["core.event_count"]
    record = derived_record(
        parent, OutputFacts(name, 5000, "12345678", gates, 1, gates),
        Job(1764003600, 1764003660, workflow_id=4000),
        application=Application("reco", family="gaudi", version="v102r1p1"),
        global_subruns=[500170000542],
    )  # fmt: skip
    write_record(parent, tmp_path / "records")
    return write_record(record, tmp_path / "records")


def test_a_raw_file_that_passes_waits_for_a_signature(mx2, workspace, raw):
    call = mx2("metadata", "quality", raw)
    assert call.code == 0, call.err
    assert "UNKNOWN" in call.out
    assert "not signed" in call.out
    signed = mx2("--json", "metadata", "quality", raw, "--sign")
    (document,) = signed.document
    assert document["verdict"] == "good"
    assert document["signed_by"] == events.account()
    assert document["dq_version"] is None


def test_bad_files_are_findings(mx2, workspace, samples):
    path = next(samples["b02_bad_crc"].glob("*.dat"))
    call = mx2("metadata", "quality", path)
    assert call.code == 3
    assert "BAD" in call.out
    assert "frame_errors" in call.out


def test_a_reco_file_needs_constants_and_reconstruction(mx2, workspace, raw, reco, facts):
    call = mx2("--json", "metadata", "quality", raw, "--record", reco, "--sign")
    first, second = call.document
    assert first["verdict"] == "good"
    assert second["verdict"] == "unknown"
    assert any(reason.startswith("constants:") for reason in second["reasons"])
    call = mx2("--json", "metadata", "quality", raw, "--record", reco, "--facts", facts, "--sign")
    assert [item["verdict"] for item in call.document] == ["good", "good"]
    assert call.document[1]["dqc_quality"] == "good"


def test_stored_verdicts_reach_the_records(mx2, workspace, raw, reco, facts, tmp_path):
    words = ("metadata", "quality", raw, "--record", reco, "--facts", facts, "--sign", "--store")
    assert mx2(*words, "--dry-run").code == 0
    assert not (workspace / "production.db").exists()
    stored = mx2("--json", *words)
    assert [item["dq_version"] for item in stored.document] == [1, 1]
    plan, folder = tmp_path / "plan.json", reco.parent
    planned = mx2("--json", "metadata", "repair", "--records", folder, "--rule", "dqc", "-o", plan)
    assert planned.code == 0, planned.err
    assert planned.document["keys"] == {"dune.dqc_quality": 2}
    done = mx2("metadata", "repair", "--records", folder, "--apply", plan, "--approver", "x")
    assert done.code == 0, done.err
    assert read_record(reco)["metadata"]["dune.dqc_quality"] == "good"
    assert mx2("workspace", "verify").code == 0


def test_definition_of_the_good_files(mx2, workspace):
    call = mx2("metadata", "quality", "--dataset", "files from twalton:mx2_run1c")
    assert call.out == (
        "files from twalton:mx2_run1c where dune.dqc_quality = good "
        "and dune.output_status = confirmed\n"
    )


def test_thresholds_of_ones_own(mx2, workspace, raw, tmp_path):
    from importlib.resources import files

    text = (files("mx2prod.metadata") / "data" / "quality-1.toml").read_text()
    own = tmp_path / "own.toml"
    own.write_text(text.replace("auto_sign = false", "auto_sign = true"))
    (document,) = mx2("--json", "metadata", "quality", raw, "--thresholds", own).document
    assert (document["verdict"], document["signed_by"]) == ("good", "auto-sign")
    own.write_text("version = [")
    assert "not TOML" in mx2("metadata", "quality", raw, "--thresholds", own).err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "expected"),
        ('{"constant": 1}', "did you mean 'constants'"),
        ('{"constants": "1"}', "expected a number"),
        ('{"constants": -1}', "expected a number"),
        ('{"constants": NaN}', "expected a number"),
    ],
)
def test_facts_are_checked(mx2, workspace, raw, tmp_path, text, message):
    path = tmp_path / "facts.json"
    path.write_text(text)
    call = mx2("metadata", "quality", raw, "--facts", path)
    assert call.code == 2
    assert message in call.err


def test_calls_that_cannot_be_meant(mx2, workspace, raw, reco, samples):
    other = next(samples["p01_pedestal_small"].glob("*.dat"))
    assert mx2("metadata", "quality").code == 2
    assert mx2("metadata", "quality", raw, other, "--record", reco).code == 2
    assert "is of run/subrun" in mx2("metadata", "quality", other, "--record", reco).err
    assert mx2("metadata", "quality", reco).code == 2
