"""``mx2 metadata quality`` with constants that went to production, and with beam records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mx2prod.core.ids import FileName
from mx2prod.metadata import (
    Application,
    Job,
    OutputFacts,
    derived_record,
    raw_record,
    write_record,
)
from mx2prod.raw.info import summarise
from tests.calls import Call
from tests.production.published import BAD, GTAG, LATE, Published

Mx2 = Callable[..., Call]


@pytest.fixture
def raw(published: Published) -> Path:
    """Beam file of run 1702."""
    return published.raw[2]


@pytest.fixture
def reco(raw: Path, tmp_path: Path) -> Path:
    parent = raw_record(summarise(raw))
    name = str(FileName.parse(raw.name).derived("RecoData.root", "2611241700", "abc234"))
    gates = parent["metadata"]["core.event_count"]
    output = OutputFacts(name, 5000, "12345678", gates, 1, gates)
    job = Job(1764003600, 1764003660, workflow_id=4000)
    record = derived_record(parent, output, job, application=Application("reco"))
    return write_record(record, tmp_path)


def items_of(
    mx2: Mx2, published: Published, raw: Path, reco: Path, *words: object
) -> dict[str, dict[str, object]]:
    root = published.workspace.root
    call = mx2("--json", "--workspace", root, "metadata", "quality", raw, "--record", reco, *words)
    assert call.code in (0, 3), call.err
    return {item["item"]: item for item in call.document[1]["items"]}


def test_constants_of_the_file(mx2: Mx2, published: Published, raw: Path, reco: Path) -> None:
    good = items_of(mx2, published, raw, reco, "--constants", GTAG)["constants"]
    assert (good["value"], good["passed"]) == (1.0, True)
    late = items_of(mx2, published, raw, reco, "--constants", LATE)["constants"]
    assert (late["value"], late["passed"]) == (0.0, False)
    assert "nothing" in str(late["detail"])
    none = items_of(mx2, published, raw, reco)["constants"]
    assert (none["value"], none["passed"]) == (None, None)


def test_bad_channels_of_the_global_tag(
    mx2: Mx2, published: Published, raw: Path, reco: Path
) -> None:
    found = items_of(mx2, published, raw, reco, "--constants", BAD)["dead_hot_channels"]
    assert found["detail"] == "64 of 11840 channels"
    assert found["passed"] is True


def test_constants_that_nobody_signed_are_refused(
    mx2: Mx2, published: Published, raw: Path
) -> None:
    root = published.workspace.root
    call = mx2("--workspace", root, "metadata", "quality", raw, "--constants", "unsigned-v1")
    assert call.code == 2


def test_protons_of_the_beam_gates(
    mx2: Mx2, published: Published, raw: Path, reco: Path, tmp_path: Path
) -> None:
    (records,) = raw.parent.glob(f"{raw.name.removesuffix('_RawData.dat')}*beam*")
    assert mx2("beam", "import", records, "-o", tmp_path, "--name", "run").code == 0
    table = tmp_path / "run.beam.parquet"
    found = items_of(mx2, published, raw, reco, "--beam", table)["beam_gates"]
    assert found["passed"] is True
    assert str(found["detail"]).endswith("beam gates with a reading, 0 without")


def test_beam_records_of_another_time_leave_it_unknown(
    mx2: Mx2, published: Published, raw: Path, reco: Path, tmp_path: Path
) -> None:
    other = published.raw[3]
    (records,) = other.parent.glob(f"{other.name.removesuffix('_RawData.dat')}*beam*")
    assert mx2("beam", "import", records, "-o", tmp_path, "--name", "run").code == 0
    found = items_of(mx2, published, raw, reco, "--beam", tmp_path / "run.beam.parquet")
    assert (found["beam_gates"]["value"], found["beam_gates"]["passed"]) == (None, None)
    assert "no reading" in str(found["beam_gates"]["detail"])
