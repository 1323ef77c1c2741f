"""The driver: files of every stream, the same bytes in any way, nothing half-written."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mx2prod import raw
from mx2prod.constants import read_parquet
from mx2prod.core.errors import ConfigError, OutputError, UsageError
from mx2prod.core.files import adler32_of
from mx2prod.raw.dump import dump
from mx2prod.raw.roundtrip import roundtrip
from mx2prod.simulation import SimulatedFile, Spec, simulate
from mx2prod.simulation import run as driver
from mx2prod.simulation.truth import CONSTANTS_FOLDER, META_FILE
from mx2prod.simulation.truth_schema import TRUTH_TABLES
from tests.simulation.making import BOARDS, file_of, spec_of

STREAMS = ("pdstl", "linjc", "numib", "numip", "numil")
GATES = 70
"""More than a block."""
RUN_HEADER, SENTINEL = 492, 56


def every_kind() -> Spec:
    """All streams; independent push; firmware 95."""
    return spec_of(
        *(file_of(stream, gates=GATES) for stream in STREAMS),
        file_of(subrun=23, gates=10, push="independent"),
        file_of("linjc", subrun=24, gates=10, push="independent", led_level=2),
        file_of("linjc", subrun=25, gates=10, firmware=95, led_level=2),
        truth="raw",
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[SimulatedFile]:
    return simulate(every_kind(), tmp_path_factory.mktemp("every_kind"))


def content(folder: Path) -> dict[str, bytes]:
    """Bytes of all files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_no_finding_above_a_note(files: list[SimulatedFile]) -> None:
    for file, expected in zip(files, every_kind().files, strict=True):
        info = raw.summarise(file.path)
        assert [f for f in info.faults if f.severity != "note"] == []
        assert (info.run, info.subrun) == (expected.run, expected.subrun)
        assert info.stream == expected.stream
        assert info.gates == info.intact_gates == file.gates == expected.gates
        assert (info.adler32, info.bytes) == (file.adler32, file.bytes)
        assert info.febs == len(BOARDS)
        assert info.global_ranges[0].first == expected.first_global_gate


def test_the_wrong_run_number_of_the_json_is_the_only_note(files: list[SimulatedFile]) -> None:
    for file in files:
        kinds = {str(fault.kind) for fault in raw.summarise(file.path).faults}
        wraps = "0005001" in file.path.name
        assert kinds == {"header_mismatch", *({"json_unreliable"} if wraps else ())}


def test_files_encode_again_to_their_bytes(files: list[SimulatedFile]) -> None:
    for file in files:
        result = roundtrip(file.path)
        assert (result.equal, result.opaque_frames) == (True, 0)


def test_what_is_decoded_is_what_was_simulated(files: list[SimulatedFile]) -> None:
    for file in files:
        truth = json.loads(gzip.decompress((file.truth / "truth.json.gz").read_bytes()))
        with raw.open(file.path) as opened:
            assert dump(opened) == truth


def test_truth_of_the_gates_agrees_with_the_headers(files: list[SimulatedFile]) -> None:
    for file in files:
        truth = pq.read_table(file.truth / "truth_gates.parquet")
        with raw.open(file.path) as opened:
            chunks = list(opened.chunks())
        gates = np.concatenate([chunk.gates for chunk in chunks])
        for name in ("run", "subrun", "gate", "global_gate", "trigger_type", "time_us"):
            assert np.array_equal(truth.column(name).to_numpy(), gates[name]), name
        hits = sum(int(chunk.febs["n_timed"].astype(int).sum()) for chunk in chunks)
        assert truth.column("n_board_hits").to_numpy().sum() == hits == file.board_hits


def test_particles_and_interactions_are_counted(files: list[SimulatedFile]) -> None:
    file = files[STREAMS.index("numib")]
    gates = pq.read_table(file.truth / "truth_gates.parquet")
    particles = pq.read_table(file.truth / "truth_particles.parquet")
    rock = particles.column("gate").to_numpy()[particles.column("kind").to_numpy() == 1]
    counts = np.bincount(rock, minlength=GATES + 1)[1:]
    assert np.array_equal(gates.column("n_rock").to_numpy(), counts)
    assert counts.sum() > GATES / 2
    vertices = pq.read_table(file.truth / "truth_vertices.parquet").column("gate").to_numpy()
    counts = np.bincount(vertices, minlength=GATES + 1)[1:]
    assert np.array_equal(gates.column("n_neutrino").to_numpy(), counts)


def test_the_folder_of_the_truth(files: list[SimulatedFile]) -> None:
    for file, expected in zip(files, every_kind().files, strict=True):
        assert {path.stem for path in file.truth.glob("*.parquet")} == set(TRUTH_TABLES)
        meta = json.loads((file.truth / META_FILE).read_text())
        assert meta["seed"] == 7
        assert meta["spec_sha256"] == every_kind().sha256
        assert Spec.model_validate(meta["spec"]) == every_kind()
        assert meta["file"]["run"] == expected.run
        assert meta["boards"] == BOARDS
        assert set(meta["detector"]) >= {"geometry", "plex", "fibres"}
        constants = list((file.truth / CONSTANTS_FOLDER).glob("*.parquet"))
        assert len(constants) >= 8
        for path in constants:
            assert len(read_parquet(path)) > 0


def test_same_seed_same_bytes_other_seed_others(tmp_path: Path) -> None:
    spec = spec_of(file_of("numil", gates=12), truth="full")
    for name in ("a", "b"):
        simulate(spec, tmp_path / name)
    other = simulate(spec.model_copy(update={"seed": 8}), tmp_path / "c")
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert other[0].path.read_bytes() != (tmp_path / "a" / other[0].path.name).read_bytes()


@pytest.mark.timeout(120)
def test_two_workers_write_the_bytes_of_one(tmp_path: Path) -> None:
    spec = spec_of(
        file_of("numip", gates=150), file_of("linjc", gates=70), file_of("pdstl", gates=3),
        truth="raw",
    )  # fmt: skip
    simulate(spec, tmp_path / "one")
    simulate(spec, tmp_path / "two", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_gate_is_the_same_from_any_start(tmp_path: Path) -> None:
    spec = spec_of(file_of("numil", gates=100, led_level=1))
    whole = simulate(spec, tmp_path / "whole")[0]
    later = simulate(spec, tmp_path / "later", start_gate=31, gates=20)[0]
    gate_bytes = {}
    for file in (whole, later):
        with raw.open(file.path) as opened:
            gates = opened.scan().gates
        data = file.path.read_bytes()
        gate_bytes[file] = {
            int(row["gate"]): data[int(row["offset"]) : int(row["header_offset"]) + SENTINEL]
            for row in gates
        }
    assert list(gate_bytes[later]) == list(range(31, 51))
    for gate, data in gate_bytes[later].items():
        assert data == gate_bytes[whole][gate]


def test_boards_that_are_left_out_change_no_other(tmp_path: Path) -> None:
    spec = spec_of(file_of("linjc", gates=5))
    some = ["0-1-0-1", "0-1-0-2"]
    chunks = []
    for name, febs in (("all", None), ("some", some)):
        path = simulate(spec, tmp_path / name, febs=febs)[0].path
        with raw.open(path) as opened:
            chunks.append(next(opened.chunks()))
    both, few = chunks
    assert len(few.febs) == 10
    names = [
        "-".join(map(str, key))
        for key in few.febs[["crate", "croc", "chain", "board"]][:2].tolist()
    ]
    assert names == some
    for gate in range(5):
        for board in range(2):
            ours, theirs = few.febs[2 * gate + board], both.febs[7 * gate + board]
            assert ours["n_hits"].tolist() == theirs["n_hits"].tolist()
            frames = (
                chunk.adc[int(feb["first_adc"]) : int(feb["first_adc"]) + int(feb["n_adc"])]
                for chunk, feb in ((few, ours), (both, theirs))
            )
            assert np.array_equal(*frames)


def test_the_whole_detector_without_hits_has_the_exact_size(tmp_path: Path) -> None:
    spec = spec_of(file_of("pdstl", gates=3), febs="all", response={"dark_rate": 0.0})
    file = simulate(spec, tmp_path)[0]
    assert file.bytes == RUN_HEADER + 3 * 103_656 + SENTINEL
    info = raw.summarise(file.path)
    assert [str(fault.kind) for fault in info.faults] == []
    assert (info.chains, info.febs) == (22, 185)


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (
            {"kind": "truncated", "size": 0.6},
            {"truncated", "checksum_mismatch", "no_sentinel", "json_unreliable"},
        ),
        ({"kind": "no_sentinel"}, {"no_sentinel"}),
        ({"kind": "absent_feb", "address": "0-1-1-4"}, {"feb_missing"}),
        ({"kind": "stopped_feb", "address": "0-1-1-4", "from_gate": 4}, {"feb_no_answer"}),
        ({"kind": "status_error", "address": "0-1-1-4", "from_gate": 6}, {"frame_status"}),
    ],
)
def test_defects_are_found(fault: dict[str, Any], kinds: set[str], tmp_path: Path) -> None:
    thirty = [
        "0-1-0",
        "0-1-1",
        "0-1-2",
    ]  # one of fewer boards is more than 5 %, an error of its own
    file = simulate(spec_of(file_of("pdstl"), febs=thirty, faults=[fault]), tmp_path)[0]
    info = raw.summarise(file.path)
    assert {str(f.kind) for f in info.faults if f.severity != "note"} == kinds
    assert (info.bytes, info.adler32) == (file.bytes, adler32_of(file.path))
    assert info.adler32 == file.adler32
    assert roundtrip(file.path).equal


def test_what_exists_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    spec = spec_of(file_of("pdstl", gates=2), file_of("linjc", gates=2))
    first, second = simulate(spec, tmp_path)
    before = content(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        simulate(spec, tmp_path)
    first.path.unlink()
    first.sidecar.unlink()
    shutil.rmtree(first.truth)
    for left in (second.path, second.sidecar, second.truth):
        with pytest.raises(OutputError, match=f"{left.name}: exists already"):
            simulate(spec, tmp_path)
        assert not first.path.exists()
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    simulate(spec, tmp_path)
    simulate(spec, tmp_path, overwrite=True)
    assert content(tmp_path) == before


def test_a_failure_leaves_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second block of the first file fails; nothing of it stays, not even temporary."""
    real = driver.FileSimulation.block

    def fails(self: Any, first: int, last: int) -> Any:
        if first > 1:
            raise KeyboardInterrupt
        return real(self, first, last)

    monkeypatch.setattr(driver.FileSimulation, "block", fails)
    with pytest.raises(KeyboardInterrupt):
        simulate(spec_of(file_of("pdstl", gates=100)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        simulate(spec_of(file_of("pdstl", gates=1)), tmp_path / "file")


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"start_gate": 7}, UsageError, "run 50017 subrun 22 has 6 gates, first gate 7"),
        ({"start_gate": 0}, UsageError, "expected 1 or more"),
        ({"gates": 0}, UsageError, "expected 1 or more"),
        ({"workers": 0}, UsageError, "0 workers"),
        ({"febs": ["0-9-0"]}, ConfigError, "no chain or board '0-9-0'"),
    ],
)
def test_requests_that_cannot_be(
    options: dict[str, Any], error: type[Exception], why: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=why):
        simulate(spec_of(), tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_address_of_a_later_file_stops_before_the_first(tmp_path: Path) -> None:
    spec = spec_of(
        file_of("pdstl"), file_of("numib"), faults=[{"kind": "absent_feb", "address": "0-9-0-1"}]
    )
    with pytest.raises(ConfigError, match="0-9-0-1"):
        simulate(spec, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_dry_run(tmp_path: Path) -> None:
    spec = spec_of(file_of("pdstl", gates=9), file_of("numib", gates=4))
    planned = simulate(spec, tmp_path / "out", dry_run=True, gates=5)
    assert [file.gates for file in planned] == [5, 4]
    assert not (tmp_path / "out").exists()
    done = simulate(spec, tmp_path / "out", gates=5)
    for plan, file in zip(planned, done, strict=True):
        assert (plan.path, plan.sidecar, plan.truth) == (file.path, file.sidecar, file.truth)


def test_progress_ends_at_the_number_of_gates(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    spec = spec_of(file_of("pdstl", gates=70), file_of("linjc", gates=3))
    simulate(spec, tmp_path, progress=lambda path, *n: seen.append((path.name[16:21], *n)))
    assert [entry[1:] for entry in seen] == [(64, 70), (70, 70), (3, 3)]


def test_figures(files: list[SimulatedFile]) -> None:
    file = replace(files[0], gates=10, bytes=5_000, board_hits=25, seconds=2.0)
    assert (file.gates_per_s, file.kb_per_gate, file.hits_per_gate) == (5.0, 0.5, 2.5)
    assert file.as_dict()["path"] == str(file.path)
