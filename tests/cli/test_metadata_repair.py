"""``mx2 metadata repair``: on a folder of records, on the catalogue, and on one file."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from mx2prod import catalog
from mx2prod.metadata import check_record, example, has_errors, read_record, write_record
from mx2prod.metadata.repair import make_plan
from tests.metadata.conftest import make_case

PRINTED = Path(__file__).parents[1] / "data" / "metadata" / "talk-record-as-printed.txt"
NAMESPACE = "neardet-2x2-minerva"
RULE = ("--rule", "runs_subruns")


@pytest.fixture
def workspace(mx2, tmp_path, monkeypatch):
    root = tmp_path / "ws"
    assert mx2("init", root).code == 0
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def records():
    """Raw and reco records of one run of 1a and one of 1c, numbers wrapped to 32 bits."""
    rng, found = random.Random(5), []
    while len({record["metadata"]["core.runs"][0] > 50000 for record in found}) < 2:
        case = make_case("F", rng, "numib")
        found += [case.parent, case.record]
    for record in found:
        numbers = record["metadata"]["core.runs_subruns"]
        record["metadata"]["core.runs_subruns"] = [number % 2**32 for number in numbers]
    return found


@pytest.fixture
def folder(records, tmp_path):
    path = tmp_path / "records"
    for record in records:
        write_record(record, path)
    return path


@pytest.fixture
def declared(records, workspace):
    """Catalogue of the workspace with the records in a dataset, and a definition by number."""
    url = f"sqlite:///{workspace}/catalog.db"
    with catalog.open(url, create=True) as opened:
        opened.create_namespace(NAMESPACE)
        opened.create_dataset(f"{NAMESPACE}:all")
        for record in records:
            opened.declare([record], f"{NAMESPACE}:all", validate=False)
        for which in ("wrapped", "right"):
            sign = "<" if which == "wrapped" else ">="
            text = f"files from {NAMESPACE}:all where core.runs_subruns[any] {sign} 2000000000"
            text += " and core.runs[any] > 50000"
            opened.create_dataset(f"{NAMESPACE}:{which}", definition=text)
    return url


def wrong(records):
    return [r for r in records if r["metadata"]["core.runs"][0] > 50000]


def test_plan_apply_and_undo_on_a_folder(mx2, workspace, folder, records, tmp_path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    plan = tmp_path / "plan.json"
    planned = mx2("--json", "metadata", "repair", "--records", folder, *RULE, "-o", plan)
    assert planned.code == 0, planned.err
    assert len(planned.document["files"]) == len(wrong(records))
    assert "mx2 approval request repair-plan:" in planned.err
    apply = ("metadata", "repair", "--records", folder, "--apply", plan, "--approver", "twalton")
    dry = mx2("--json", *apply, "--dry-run")
    assert len(dry.document["changed"]) == len(wrong(records))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    done = mx2("--json", *apply)
    assert done.code == 0, done.err
    assert done.document["approver"] == "twalton (not signed)"
    again = mx2("--json", *apply)
    assert again.document["changed"] == []
    assert len(again.document["already"]) == len(wrong(records))
    undone = mx2(*apply, "--undo")
    assert undone.code == 0
    assert f"changed {len(wrong(records))} records" in undone.out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_unsigned_plan_is_refused(mx2, workspace, folder, tmp_path):
    plan = tmp_path / "plan.json"
    mx2("metadata", "repair", "--records", folder, *RULE, "-o", plan)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    refused = mx2("metadata", "repair", "--records", folder, "--apply", plan)
    assert refused.code in (1, 2)
    assert "next: mx2 " in refused.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_signed_plan_is_applied_in_the_name_of_its_signers(
    mx2, workspace, folder, records, tmp_path, monkeypatch
):
    monkeypatch.setenv("MX2_SIGNING_KEY", str(tmp_path / "rita.pem"))
    for name in ("rita", "rev"):
        mx2("keys", "new", "--no-passphrase", "--key", tmp_path / f"{name}.pem")
    enrol = ("keys", "enrol", "--reason", "start")
    mx2(*enrol, "rita", "--role", "root", "--role", "calibrator")
    mx2(*enrol, "rev", "--public-key", tmp_path / "rev.pub", "--role", "reviewer")
    plan = tmp_path / "plan.json"
    planned = mx2("--json", "metadata", "repair", "--records", folder, *RULE, "-o", plan)
    digest = planned.document["sha256"]
    subject = f"repair-plan:{digest[:16]}"
    apply = ("--json", "metadata", "repair", "--records", folder, "--apply", plan)
    asked = mx2("approval", "request", subject, "--digest", digest, "--reason", "overflow")
    assert asked.code == 0, asked.err
    assert mx2(*apply).code == 2
    signed = mx2("approval", "sign", subject, "--key", tmp_path / "rev.pem")
    assert signed.code == 0, signed.err
    done = mx2(*apply)
    assert done.code == 0, done.err
    assert done.document["approver"] == "rev"
    assert len(done.document["changed"]) == len(wrong(records))
    assert len(mx2(*apply, "--undo").document["changed"]) == len(wrong(records))
    assert mx2("workspace", "verify").code == 0


def test_a_named_approver_is_no_signature_outside_a_simulation(mx2, workspace, folder, tmp_path):
    plan = tmp_path / "plan.json"
    mx2("metadata", "repair", "--records", folder, *RULE, "-o", plan)
    settings = workspace / "mx2.toml"
    text = settings.read_text()
    settings.write_text(text.replace("simulated = true", "simulated = false", 1))
    call = mx2("metadata", "repair", "--records", folder, "--apply", plan, "--approver", "x")
    assert call.code == 2
    assert "simulated workspaces" in call.err


def test_plan_and_apply_on_the_catalogue(mx2, declared, records, tmp_path):
    plan = tmp_path / "plan.json"
    dataset = f"{NAMESPACE}:all"
    planned = mx2("--json", "metadata", "repair", "--dataset", dataset, *RULE, "-o", plan)
    assert planned.code == 0, planned.err
    document = planned.document
    names = {f"{NAMESPACE}:{record['name']}" for record in wrong(records)}
    assert {item["did"] for item in document["files"]} == names
    effects = {item["dataset"]: item for item in document["effects"]}
    assert set(effects[f"{NAMESPACE}:wrapped"]["lost"]) == names
    assert set(effects[f"{NAMESPACE}:right"]["gained"]) == names
    done = mx2("metadata", "repair", "--apply", plan, "--approver", "twalton")
    assert done.code == 0, done.err
    with catalog.open(declared) as opened:
        for did in names:
            metadata = opened.file(did).metadata
            run, subrun = did.split("_")[1:3]
            assert metadata["core.runs_subruns"] == [int(run) * 100_000 + int(subrun)]
        assert set(opened.query(f"files from {NAMESPACE}:right").dids()) == names
    assert f"changed {len(names)} records" in done.out
    second = mx2("--json", "metadata", "repair", "--dataset", dataset, *RULE)
    assert second.document["files"] == []
    undone = mx2("metadata", "repair", "--apply", plan, "--approver", "twalton", "--undo")
    assert undone.code == 0, undone.err
    with catalog.open(declared) as opened:
        assert set(opened.query(f"files from {NAMESPACE}:wrapped").dids()) == names


def test_planning_leaves_the_catalogue_as_it_was(declared, records):
    from mx2prod.catalog.repairing import CatalogueStore
    from mx2prod.metadata.repair import Evidence

    with catalog.open(declared) as opened:
        store = CatalogueStore(opened)
        before = {item.did: item.sha256 for item in store.select(f"{NAMESPACE}:all")}
        make_plan(store, f"files from {NAMESPACE}:all where core.runs[any] > 0", "runs_subruns",
                  Evidence())  # fmt: skip
        assert {item.did: item.sha256 for item in store.select(f"{NAMESPACE}:all")} == before
        reco = next(item for item in store.select(f"{NAMESPACE}:all") if "Reco" in item.did)
        original = next(r for r in records if r["name"] == reco.record["name"])
        assert reco.record == original


def test_a_key_added_to_a_file_of_the_catalogue_is_taken_out_by_the_undo(
    declared, records, tmp_path
):
    from mx2prod.catalog.repairing import CatalogueStore
    from mx2prod.core.errors import NotInCatalogError, UsageError
    from mx2prod.journal import migrate, open_engine
    from mx2prod.metadata.repair import Evidence, apply_plan, inverse_of

    raw = wrong(records)[0]
    did = f"{NAMESPACE}:{raw['name']}"
    engine = open_engine(f"sqlite:///{tmp_path}/log.db", create=True)
    migrate(engine)
    evidence = Evidence(global_subruns=lambda _: [500170000542])
    with catalog.open(declared) as opened:
        store = CatalogueStore(opened)
        before = store.find(did)
        plan = make_plan(store, did, "global_subruns", evidence)
        assert apply_plan(plan, store, engine, approver="x").changed == [did]
        key = "dune.mx2x2_global_subrun_numbers"
        assert store.find(did).metadata[key] == [500170000542]
        assert apply_plan(inverse_of(plan), store, engine, approver="x").changed == [did]
        assert store.find(did).sha256 == before.sha256
        assert store.find("no did") is None
        with pytest.raises(NotInCatalogError, match="neither a dataset nor a file"):
            list(store.select(f"{NAMESPACE}:none"))
        with pytest.raises(NotInCatalogError):
            store.update(f"{NAMESPACE}:none", {}, ["a.b"])
        with pytest.raises(UsageError, match="expected files"):
            list(store.select(f"datasets matching {NAMESPACE}:*"))
    engine.dispose()


def test_records_of_the_catalogue_are_checked_with_their_parents(mx2, declared, records):
    raw, reco = wrong(records)[:2]
    did = f"{NAMESPACE}:{reco['name']}"
    call = mx2("--json", "metadata", "check", did)
    assert call.code == 3
    (document,) = call.document
    errors = {item["rule"] for item in document["problems"] if item["severity"] == "error"}
    assert errors == {"X03"}
    back = mx2("--json", "metadata", "check", did, "--read-back").document[0]
    assert "creator" in {item["field"] for item in back["problems"]}
    with catalog.open(declared) as opened:
        opened.retire(f"{NAMESPACE}:{raw['name']}")
    retired = mx2("metadata", "check", did)
    assert "a file that is not retired" in retired.out
    missing = mx2("metadata", "check", f"{NAMESPACE}:none")
    assert missing.code == 2
    assert "neither a file here nor one of" in missing.err


def test_a_did_without_a_catalogue(mx2, workspace):
    call = mx2("metadata", "check", f"{NAMESPACE}:none")
    assert call.code == 1
    assert "no such database" in call.err


def test_a_plan_for_another_store_is_refused(mx2, workspace, folder, tmp_path):
    plan = tmp_path / "plan.json"
    mx2("metadata", "repair", "--records", folder, *RULE, "-o", plan)
    other = tmp_path / "other"
    other.mkdir()
    call = mx2("metadata", "repair", "--records", other, "--apply", plan, "--approver", "x")
    assert call.code == 2
    assert "a plan for" in call.err


def test_refused_records_are_listed(mx2, workspace, folder):
    call = mx2("metadata", "repair", "--records", folder, "--rule", "dqc")
    assert call.code == 3
    assert "no verdict is stored" in call.out


def test_the_talks_example(mx2, workspace, tmp_path):
    call = mx2("metadata", "repair", PRINTED, "--dry-run")
    assert call.code == 0, call.err
    record = json.loads(call.out)
    assert record["metadata"]["core.runs_subruns"] == [5001700017]
    problems = check_record(record)
    assert not has_errors(problems)
    assert {i.field for i in problems if i.rule == "old-word"} == {"core.file_type", "core.group"}
    assert "STAND-IN core.start_time" in call.err
    path = tmp_path / "corrected.json"
    path.write_text(call.out)
    assert mx2("metadata", "check", path).code == 0


def test_a_record_with_stand_ins_is_not_written(mx2, workspace, tmp_path):
    out = tmp_path / "out.json"
    call = mx2("metadata", "repair", PRINTED, "-o", out)
    assert call.code == 2
    assert "nothing tells the true core.start_time" in call.err
    assert not out.exists()


def test_with_the_raw_file_it_is_written(mx2, workspace, tmp_path, samples):
    raw = next(samples["p03_numib_small"].glob("*.dat"))
    out = tmp_path / "out.json"
    facts = ("--raw", raw, "--workflow-id", 4000, "--config", "mx2-run1c-full-v1.opts")
    call = mx2("--json", "metadata", "repair", PRINTED, *facts, "-o", out)
    assert call.code == 0, call.err
    assert not any(step["stand_in"] for step in call.document["corrections"])
    record = read_record(out)
    shipped = example("corrected")["metadata"]
    assert record["metadata"]["core.start_time"] == pytest.approx(
        shipped["core.start_time"], abs=120
    )


@pytest.mark.parametrize("words", [(), (PRINTED, *RULE), RULE, ("--rule", "time")])
def test_calls_that_cannot_be_meant(mx2, workspace, words):
    assert mx2("metadata", "repair", *words).code == 2


def test_a_file_without_a_record(mx2, workspace, tmp_path):
    path = tmp_path / "x.json"
    path.write_text("[1]")
    call = mx2("metadata", "repair", path)
    assert call.code == 2
    assert "no record with metadata" in call.err
