"""The DAQ's JSON beside the file, and the files that salvage writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mx2prod import raw
from mx2prod.core.errors import OutputError, RawFileError
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.salvage import salvage
from mx2prod.raw.sidecar import find_sidecar
from tests.raw.conftest import kinds

NAME = "TS1_00050017_0017_numib_v09_2407100856_RawData.dat"


@pytest.fixture
def pair(raw_path: Any, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A raw file in a folder of its own, and the document of its JSON."""
    source = raw_path("p03_numib_small")
    path = tmp_path / NAME
    path.write_bytes(source.read_bytes())
    document: dict[str, Any] = json.loads(source.with_name(f"{NAME}.json").read_text())
    return path, document


def summarise_with(path: Path, document: Any) -> raw.RawInfo:
    path.with_name(f"{path.name}.json").write_text(json.dumps(document))
    return raw.summarise(path)


def test_missing_json_is_a_note(pair: Any) -> None:
    assert "json_missing" in kinds(raw.summarise(pair[0]), "note")


@pytest.mark.parametrize("text", ["{", "[]", '{"metadata": 3}', "\xff", "[" * 100_000])
def test_unreadable_json(pair: Any, text: str) -> None:
    path = pair[0]
    path.with_name(f"{path.name}.json").write_bytes(text.encode("latin-1"))
    assert kinds(raw.summarise(path), "warning") == {"json_unreliable"}


def test_wrapped_run_number_is_named(pair: Any) -> None:
    info = summarise_with(*pair)
    assert kinds(info, "error", "warning") == set()
    assert any("706732721" in f.detail and "5001700017" in f.detail for f in info.faults)


@pytest.mark.parametrize(
    ("key", "value", "kind", "severity"),
    [
        ("size", 50905, "checksum_mismatch", "error"),
        ("name", "other.dat", "header_mismatch", "error"),
        ("core.data_stream", "numip", "header_mismatch", "error"),
        ("core.runs", [50018], "header_mismatch", "error"),
        ("core.event_count", 7, "json_unreliable", "warning"),
        ("core.last_event_number", 1, "json_unreliable", "warning"),
        ("core.runs_subruns", [5001800017], "json_unreliable", "warning"),
    ],
)
def test_json_that_disagrees(pair: Any, key: str, value: Any, kind: str, severity: str) -> None:
    path, document = pair
    (document["metadata"] if key.startswith("core.") else document)[key] = value
    assert kind in kinds(summarise_with(path, document), severity)


def test_checksum_without_its_leading_zero_is_accepted(pair: Any) -> None:
    path, document = pair
    document["checksums"]["adler32"] = "abcdef"
    assert "checksum_mismatch" in kinds(summarise_with(path, document), "error")
    document["checksums"]["adler32"] = raw.summarise(path).adler32.lstrip("0")
    assert kinds(summarise_with(path, document), "error") == set()


def test_gates_lost_without_a_sentinel_are_an_error(pair: Any, raw_path: Any) -> None:
    path, document = pair
    path.write_bytes(raw_path("d02_no_sentinel").read_bytes())
    document["metadata"]["core.event_count"] = 9
    info = summarise_with(path, document)
    assert "no_sentinel" in kinds(info, "error")
    assert "no_sentinel" not in kinds(info, "warning")


@pytest.mark.parametrize(
    "name",
    [f"{NAME}.json", f"{NAME}.metadata.json", NAME.replace(".dat", ".metadata.json")],
)
def test_names_of_the_json(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    assert find_sidecar(tmp_path / NAME) == tmp_path / name


@pytest.mark.parametrize("name", ["[50017, 17]", "[[50017, 17]]"])
def test_old_forms_of_the_run(pair: Any, name: str) -> None:
    path, document = pair
    document["metadata"]["core.runs"] = json.loads(name)
    assert kinds(summarise_with(path, document), "error") == set()


SALVAGED = {
    "b02_bad_crc": [1, 3],
    "b03_feb_missing": [1, 2, 3],
    "b04_block_over_64k": [2],
    "d01_truncated_midframe": [1, 2, 3],
    "d02_no_sentinel": [1, 2, 3, 4, 5, 6],
    "d03_no_daq_header": [1, 2, 4, 5, 6],
    "d04_appended_same_run": [1, 2, 3, 4, 5, 6],
    "d06_unknown_device_function": [1, 3, 4, 5, 6],
    "d07_gates_out_of_order": [1, 2, 4, 3, 5, 6],
    "d09_length_zero": [1, 2, 3, 4, 6],
}


@pytest.mark.parametrize("name", SALVAGED)
def test_salvage_keeps_the_undamaged_gates(name: str, raw_path: Any, tmp_path: Path) -> None:
    with raw.open(raw_path(name)) as file:
        result = salvage(file, tmp_path)
        original = {
            int(g["gate"]): file.buffer[g["offset"] : g["header_offset"]].tobytes()
            for g in file.scan().gates
        }
    (output,) = result.outputs
    assert output.gates == SALVAGED[name]
    assert output.bytes == output.path.stat().st_size
    with raw.open(output.path) as file:
        scan = file.scan()
        for gate in scan.gates:
            assert (
                file.buffer[gate["offset"] : gate["header_offset"]].tobytes()
                == original[int(gate["gate"])]
            )
    damage = {"crc_error", "bytes_lost", "truncated", "no_daq_header", "unknown_frame"}
    assert not damage & {str(fault.kind) for fault in scan.faults}
    summary = json.loads(output.path.with_name(f"{output.path.name}.salvage.json").read_text())
    assert summary["kept"] == SALVAGED[name]
    clean = (
        name == "d02_no_sentinel" or name == "b03_feb_missing" or name == "d07_gates_out_of_order"
    )
    assert bool(result.lost) != clean


def test_salvage_of_a_good_file_gives_the_same_bytes(raw_path: Any, tmp_path: Path) -> None:
    with raw.open(raw_path("p03_numib_small")) as file:
        result = salvage(file, tmp_path / "copy.dat")
    assert result.lost == []
    assert (tmp_path / "copy.dat").read_bytes() == raw_path("p03_numib_small").read_bytes()


def test_two_runs_become_two_files(raw_path: Any, tmp_path: Path) -> None:
    both = tmp_path / NAME
    parts = [raw_path(name).read_bytes() for name in ("p03_numib_small", "p05_independent_push")]
    both.write_bytes(b"".join(parts))
    with raw.open(both) as file:
        result = salvage(file, tmp_path / "out.dat")
        assert [output.path.name for output in result.outputs] == ["out.dat", "out.run1.dat"]
        assert [output.path.read_bytes() for output in result.outputs] == parts
        only = salvage(file, tmp_path / "second.dat", run_index=1, dry_run=True)
    assert [output.run_index for output in only.outputs] == [1]
    assert len(only.lost) == 6
    assert not (tmp_path / "second.dat").exists()


def test_salvage_refuses(raw_path: Any, tmp_path: Path) -> None:
    with raw.open(raw_path("d05_empty")) as file, pytest.raises(RawFileError, match="no undamaged"):
        salvage(file, tmp_path / "out.dat")
    with raw.open(raw_path("p03_numib_small")) as file:
        (tmp_path / "taken.dat").write_text("mine")
        for dry_run in (True, False):
            with pytest.raises(OutputError, match="exists already"):
                salvage(file, tmp_path / "taken.dat", dry_run=dry_run)
    assert (tmp_path / "taken.dat").read_text() == "mine"


def test_finding_as_text_and_data() -> None:
    fault = Fault(
        Kind.CRC_ERROR, Severity.ERROR, "text", offset=9, gate=2, crate=0, croc=1, channel=2, feb=3
    )
    assert str(fault) == "error crc_error at byte 9, gate 2, crate 0 CROC-E 1 channel 2 FEB 3: text"
    members = "kind severity offset length gate crate croc channel feb hit detail"
    assert list(fault.as_dict()) == members.split()
    assert str(Fault(Kind.EMPTY, Severity.ERROR, "text")) == "error empty: text"
