"""Write the undamaged gates of a raw file as a well-formed raw file (section 11)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import RawFileError
from mx2prod.core.files import atomic_path, refuse_existing, write_text
from mx2prod.raw.columns import GateFlag
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.layout import DAQ_HEADER_BYTES, SENTINEL_MAGIC
from mx2prod.raw.reader import RawFile, Scan

_NOT_KEPT = GateFlag.DAMAGED | GateFlag.WRAPPED | GateFlag.DUPLICATE | GateFlag.ASIDE
_LOSSES = frozenset({Kind.TRUNCATED, Kind.NO_DAQ_HEADER, Kind.BYTES_LOST, Kind.NO_RUN_HEADER})


@dataclass(frozen=True)
class SalvagedRun:
    """One file that was written.

    Attributes
    ----------
    path : Path
    run_index : int
        Which run of the damaged file it holds.
    gates : list of int
        Gate numbers, in file order.
    bytes : int
    """

    path: Path
    run_index: int
    gates: list[int]
    bytes: int


@dataclass(frozen=True)
class Salvage:
    """What was kept and what was not.

    Attributes
    ----------
    outputs : list of SalvagedRun
    lost : list of dict
        Gates and byte ranges that no output holds: ``gate``, ``offset``, ``length``, ``reason``.
    """

    outputs: list[SalvagedRun]
    lost: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Members of the interface page, and the files written."""
        return {
            "kept": [gate for output in self.outputs for gate in output.gates],
            "lost": self.lost,
            "outputs": [
                {
                    "path": str(output.path),
                    "run_index": output.run_index,
                    "gates": output.gates,
                    "bytes": output.bytes,
                }
                for output in self.outputs
            ],
        }


def salvage(
    file: RawFile, out: Path, *, run_index: int | None = None, dry_run: bool = False
) -> Salvage:
    """Write each run of a raw file to a file of its own, gates whose bytes are damaged left out.

    A gate in which a board is missing or does not answer is kept: its bytes are whole.

    Parameters
    ----------
    file : RawFile
    out : Path
        Output file, or an existing folder to write a file of the same name into.  A second run
        goes to ``<stem>.run1<suffix>``.
    run_index : int, optional
        Write only this run.
    dry_run : bool
        Write nothing.

    Raises
    ------
    RawFileError
        If no gate can be kept.
    OutputError
        If an output exists or cannot be written.
    """
    scan = file.scan()
    kept = (scan.gates["flags"] & _NOT_KEPT) == 0
    target = out / file.path.name if out.is_dir() else out
    outputs: list[SalvagedRun] = []
    for run in scan.runs:
        chosen = scan.gates[kept & (scan.run_of_gate == run.index)]
        if not len(chosen) or run_index not in (None, run.index):
            continue
        path = target.with_name(f"{target.stem}.run{run.index}{target.suffix}")
        path = path if outputs else target
        written = _write_run(file, scan, run.index, chosen, path, dry_run=dry_run)
        outputs.append(SalvagedRun(path, run.index, chosen["gate"].tolist(), written))
    if not outputs:
        raise _nothing_to_keep(file, scan)
    result = Salvage(outputs, _losses(scan, kept, run_index))
    if not dry_run:
        _write_summaries(file, result)
    return result


def _write_run(
    file: RawFile,
    scan: Scan,
    run_index: int,
    gates: npt.NDArray[np.void],
    path: Path,
    *,
    dry_run: bool,
) -> int:
    header = scan.runs[run_index].header.encode()
    starts, stops = gates["offset"], gates["header_offset"] + DAQ_HEADER_BYTES
    last = int(stops[-1])
    sentinel = SENTINEL_MAGIC + bytes(file.buffer[last - DAQ_HEADER_BYTES + 8 : last])
    total = len(header) + int((stops - starts).sum()) + len(sentinel)
    if dry_run:
        refuse_existing(path)
        return total
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        handle.write(header)
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            handle.write(file.buffer[start:stop].data)
        handle.write(sentinel)
    return total


def _write_summaries(file: RawFile, result: Salvage) -> None:
    summary = {"source": file.path.name, "source_bytes": file.size, **result.as_dict()}
    summary["faults"] = [fault.as_dict() for fault in file.faults]
    for output in result.outputs:
        path = output.path.with_name(f"{output.path.name}.salvage.json")
        write_text(path, canonical_json(summary) + "\n")


def _losses(scan: Scan, kept: npt.NDArray[np.bool_], run_index: int | None) -> list[dict[str, Any]]:
    chosen = ~kept
    if run_index is not None:
        chosen = chosen | (scan.run_of_gate != run_index)
    losses = [
        {
            "gate": int(gate["gate"]),
            "offset": int(gate["offset"]),
            "length": int(gate["header_offset"]) + DAQ_HEADER_BYTES - int(gate["offset"]),
            "reason": _reason(int(gate["flags"])),
        }
        for gate in scan.gates[chosen]
    ]
    return losses + [_loss_of(fault) for fault in scan.faults if fault.kind in _LOSSES]


def _loss_of(fault: Fault) -> dict[str, Any]:
    return {
        "gate": fault.gate,
        "offset": fault.offset,
        "length": fault.length,
        "reason": f"{fault.kind}: {fault.detail}",
    }


def _reason(flags: int) -> str:
    names = [flag.name.lower() for flag in GateFlag if flags & flag & _NOT_KEPT and flag.name]
    return ", ".join(names) or "of another run of the file"


def _nothing_to_keep(file: RawFile, scan: Scan) -> RawFileError:
    errors = [fault for fault in scan.faults if fault.severity is Severity.ERROR]
    first = errors[0] if errors else None
    return RawFileError(
        f"{file.path}: no undamaged gate to keep" + (f"; first finding: {first}" if first else ""),
        kind=str(first.kind if first else Kind.NO_GATES),
        offset=first.offset if first else None,
        next_step=f"mx2 raw verify {file.path}",
    )
