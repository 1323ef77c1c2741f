"""Defects of boards: in the bytes as the DAQ writes them, found at the right address."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mx2prod import raw
from mx2prod.core.errors import ConfigError
from mx2prod.detector import HardwareMap, as_boards
from mx2prod.raw.columns import FebFlag, GateChunk
from mx2prod.raw.encoder import encode
from mx2prod.raw.layout import RunHeader
from mx2prod.simulation.faults import FileFaults
from mx2prod.simulation.spec import Fault, FaultKind, FileSpec
from tests.simulation.making import spec_of

BOARDS = HardwareMap.load().boards
FILE: FileSpec = spec_of().files[0]
ABSENT = FebFlag.ABSENT | FebFlag.NO_DISCRIMINATOR | FebFlag.NO_FPGA | FebFlag.ADC_INCOMPLETE


@pytest.fixture(scope="module")
def beam(samples: dict[str, Path]) -> tuple[str, RunHeader, GateChunk]:
    """Name, run header and gates of a sample of the whole detector."""
    path = next(samples["p10_numib_full"].glob("*.dat"))
    with raw.open(path) as file:
        chunks = list(file.chunks())
        assert len(chunks) == 1
        return path.name, file.scan().runs[0].header, chunks[0]


def copy_of(chunk: GateChunk) -> GateChunk:
    return GateChunk(*(getattr(chunk, name).copy() for name in GateChunk.__dataclass_fields__))


def written(
    beam: tuple[str, RunHeader, GateChunk], folder: Path, *faults: Fault
) -> tuple[GateChunk, GateChunk, raw.RawInfo]:
    """Gates with defects; the same decoded again; findings."""
    name, header, chunk = beam
    faulty = FileFaults.of(faults, FILE, BOARDS).apply(copy_of(chunk))
    path = folder / name
    path.write_bytes(b"".join(encode(header, [faulty])))
    with raw.open(path) as file:
        found = next(file.chunks(strict=False))
    return faulty, found, raw.summarise(path)


def addresses(info: raw.RawInfo, kind: str) -> Counter[str]:
    """How often a finding names each board."""
    return Counter(
        f"{fault.crate}-{fault.croc}-{fault.channel}-{fault.feb}"
        for fault in info.faults
        if fault.kind == kind and fault.severity != "note"
    )


@pytest.mark.parametrize(
    ("kind", "flag", "finding", "of_a_gate"),
    [
        ("absent_feb", ABSENT, "feb_missing", 1),
        ("stopped_feb", FebFlag.NO_ANSWER, "feb_no_answer", 1),
    ],
)
def test_silent_board(
    beam: tuple[str, RunHeader, GateChunk],
    tmp_path: Path,
    kind: FaultKind,
    flag: FebFlag,
    finding: str,
    of_a_gate: int,
) -> None:
    fault = Fault(kind=kind, address="0-5-1-3", from_gate=4, to_gate=9)
    faulty, found, info = written(beam, tmp_path, fault)
    row = BOARDS.tolist().index((0, 5, 1, 3))
    flags = found.febs["flags"].reshape(14, 185)[:, row]
    assert flags.tolist() == [0] * 3 + [flag.value] * 6 + [0] * 5
    assert addresses(info, finding) == {"0-5-1-3": 6 * of_a_gate}
    for name in ("febs", "records", "adc", "adc_frames", "registers"):
        ours, read = getattr(faulty, name), getattr(found, name)
        assert np.array_equal(ours, read), name


def test_status_error(beam: tuple[str, RunHeader, GateChunk], tmp_path: Path) -> None:
    fault = Fault(kind="status_error", address="0-6-0-5", from_gate=14)
    faulty, found, info = written(beam, tmp_path, fault)
    row = 13 * 185 + BOARDS.tolist().index((0, 6, 0, 5))
    assert np.flatnonzero(found.febs["flags"]).tolist() == [row]
    assert found.febs["flags"][row] == FebFlag.STATUS
    assert set(addresses(info, "frame_status")) == {"0-6-0-5"}
    assert np.array_equal(faulty.adc, found.adc), "the content is still there"


def test_last_board_of_a_chain_and_a_whole_chain(
    beam: tuple[str, RunHeader, GateChunk], tmp_path: Path
) -> None:
    faults = [Fault(kind="stopped_feb", address="0-1-0-10")] + [
        Fault(kind="absent_feb", address=f"0-6-2-{board}") for board in range(1, 6)
    ]
    faulty, found, info = written(beam, tmp_path, *faults)
    assert np.array_equal(faulty.febs, found.febs)
    assert addresses(info, "feb_no_answer") == {"0-1-0-10": 14}
    assert addresses(info, "feb_missing") == {f"0-6-2-{board}": 14 for board in range(1, 6)}


def test_without_defects_nothing_is_changed(beam: tuple[str, RunHeader, GateChunk]) -> None:
    chunk = copy_of(beam[2])
    assert FileFaults.of([], FILE, BOARDS).apply(chunk) is chunk


def test_a_defect_belongs_to_runs() -> None:
    def number(from_run: int, to_run: int) -> int:
        fault = Fault(kind="absent_feb", address="0-1-0-1", from_run=from_run, to_run=to_run)
        return len(FileFaults.of([fault], FILE, BOARDS).boards)

    run = FILE.run
    assert [number(0, 0), number(run, 0), number(run, run), number(0, run)] == [1, 1, 1, 1]
    assert [number(run + 1, 0), number(0, run - 1)] == [0, 0]


def test_defects_of_the_file() -> None:
    faults = [
        Fault(kind="truncated", size=0.7),
        Fault(kind="truncated", size=0.4),
        Fault(kind="no_sentinel", from_run=FILE.run + 1),
    ]
    found = FileFaults.of(faults, FILE, BOARDS)
    assert (found.left, found.sentinel) == (0.4, True)
    assert not FileFaults.of([Fault(kind="no_sentinel")], FILE, BOARDS).sentinel


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(kind="absent_feb", address="0-1-0-11"), r"'0-1-0-11'.*did you mean '0-1-0-1"),
        (Fault(kind="status_error"), "board '', which is not simulated"),
        (Fault(kind="stopped_feb", address="0-2-0-3"), "'0-2-0-3', which is not simulated"),
        (Fault(kind="truncated"), "size between 0 and 1, .* found 0"),
        (Fault(kind="truncated", size=1.0), "size between 0 and 1, .* found 1"),
    ],
)
def test_a_defect_that_cannot_be(fault: Fault, why: str) -> None:
    some = as_boards([(0, 1, 0, n) for n in range(1, 11)])
    with pytest.raises(ConfigError, match=why):
        FileFaults.of([fault], FILE, some)
