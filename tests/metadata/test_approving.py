"""The rule table as a subject of approval."""

from __future__ import annotations

import pytest

from mx2prod.metadata import check_record, example
from mx2prod.metadata.approving import disagreements, schema_subject


def test_the_digest_is_that_of_the_tables(monkeypatch):
    first = schema_subject()
    assert first.object == "metadata-schema:1"
    assert schema_subject() == first
    monkeypatch.setattr(
        "mx2prod.metadata.approving.read_table", lambda kind, version: {kind: version}
    )
    assert schema_subject().digest != first.digest


@pytest.mark.parametrize(
    ("authority", "field", "value"),
    [
        ("MC", "core.file_type", "importedDetector"),
        ("MC", "core.group", "minerva"),
        ("MC", "dune.conditions_tag", None),
        ("MC", "dune.conditions_digest", None),
        ("MC", "dune.output_status", "recorded"),
        ("MU", "core.data_tier", "dst-reconstructed"),
        ("TC", "core.data_tier", "dst-reconstructed"),
        ("MU", "dune.output_status", "recorded"),
    ],
)
def test_disagreements_that_the_signers_must_see(authority, field, value):
    found = [i for i in disagreements() if (i.authority, i.field) == (authority, field)]
    assert any(value in item.values if value else not item.values for item in found)
    assert all(item.reason for item in found)


def test_every_authority_finding_about_a_good_record_is_listed():
    known = {(item.authority, item.field) for item in disagreements()}
    for tier, suffix in (("full-reconstructed", "RecoData"), ("dst-reconstructed", "DST")):
        record = example("corrected")
        record["name"] = record["name"].replace("RecoData", suffix)
        record["metadata"] |= {"core.data_tier": tier, "dune.conditions_tag": "x"}
        found = {(i.authority, i.field) for i in check_record(record) if i.authority != "ours"}
        assert found <= known


def test_they_stand_on_the_page_of_the_request(mx2, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MX2_SIGNING_KEY", str(tmp_path / "key.pem"))
    mx2("init")
    mx2("keys", "new", "--no-passphrase", "--key", "key.pem")
    roles = ("--role", "root", "--role", "calibrator")
    assert mx2("keys", "enrol", "rita", *roles, "--reason", "start").code == 0
    shown = mx2("--json", "metadata", "schema")
    assert shown.document["digest"] == schema_subject().digest
    assert len(shown.document["disagreements"]) == len(disagreements())
    words = ("--digest", shown.document["digest"], "--reason", "run 1")
    assert mx2("approval", "request", shown.document["subject"], *words).code == 0
    page = mx2("approval", "show", shown.document["subject"], "--format", "md").out
    assert "Known disagreements" in page
    for word in ("importedDetector", "minerva", "dst-reconstructed"):
        assert word in page.replace("\\", "")
    mx2("approval", "show", shown.document["subject"], "-o", "pages")
    (written,) = (tmp_path / "pages").glob("*.html")
    assert "dst-reconstructed" in written.read_text()
