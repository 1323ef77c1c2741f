"""What a job did: files read, written and lost, with times and memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mx2prod.core.errors import BadInputError, LossesError, Mx2Error
from mx2prod.raw.faults import Fault

DONE = 0
FAILED = Mx2Error.exit_code
REFUSED = BadInputError.exit_code
LOSSES = LossesError.exit_code


@dataclass(frozen=True)
class OutputReport:
    """One file that was written, or that would be.

    Attributes
    ----------
    path : Path
    tier : str
    input : Path
    run_index : int
        Which run of the input, where the DAQ appended a second one.
    gates : int
    bytes : int
        Zero in a dry run.
    adler32 : str
    record_path : Path
        The metadata record beside the file.
    record : dict
    problems : list of dict
        Findings of the checks on the record.
    counters : dict of str to int
        What the stage counted: of suppressed digits, those read, kept and dropped, by reason.
    """

    path: Path
    tier: str
    input: Path
    run_index: int
    gates: int
    bytes: int = 0
    adler32: str = ""
    record_path: Path = Path()
    record: dict[str, Any] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Members of the interface page: the output with its metadata."""
        return {
            "path": str(self.path),
            "tier": self.tier,
            "input": str(self.input),
            "run_index": self.run_index,
            "gates": self.gates,
            "bytes": self.bytes,
            "adler32": self.adler32,
            "record": str(self.record_path),
            "metadata": self.record,
            "problems": self.problems,
            "counters": self.counters,
        }


@dataclass
class FileReport:
    """What became of one input file.

    Attributes
    ----------
    path : Path
    bytes, bytes_lost : int
    gates_read : int
        Gates with a DAQ header in the file.
    gates_intact : int
        Of these, complete and undamaged ones.
    gates_written : int
    gates_lost : int
        Gates whose frames are in the file but which cannot be kept, for example without header.
    faults : list of Fault
    notices : list of str
        What else a shifter should know, for example boards that are in no detector table.
    outputs : list of OutputReport
    record_path : Path or None
        Metadata record of the input itself.
    problems : list of dict
        Findings of the checks on that record.
    seconds : dict of str to float
    error : Mx2Error or None
        Why the file was not processed.
    """

    path: Path
    bytes: int = 0
    bytes_lost: int = 0
    gates_read: int = 0
    gates_intact: int = 0
    gates_written: int = 0
    gates_lost: int = 0
    faults: list[Fault] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    outputs: list[OutputReport] = field(default_factory=list)
    record_path: Path | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    error: Mx2Error | None = None

    @property
    def has_losses(self) -> bool:
        """Something of the file is missing or wrong in the outputs or their records."""
        return bool(
            self.bytes_lost
            or self.gates_lost
            or any(fault.severity == "error" for fault in self.faults)
            or self.record_errors
        )

    @property
    def record_errors(self) -> int:
        """Number of errors that the checks found in the records."""
        return sum(problem["severity"] == "error" for problem in self.record_problems)

    @property
    def record_problems(self) -> list[dict[str, Any]]:
        """Findings of the checks on all records of the file."""
        return [*self.problems, *(p for output in self.outputs for p in output.problems)]

    @property
    def exit_code(self) -> int:
        """Exit code of this file alone (interface page)."""
        if self.error is not None:
            return self.error.exit_code
        return LOSSES if self.has_losses else DONE

    @property
    def status(self) -> str:
        """``done``, ``losses``, ``refused`` (bad input) or ``failed`` (output not written)."""
        names = {DONE: "done", LOSSES: "losses", REFUSED: "refused"}
        return names.get(self.exit_code, "failed")

    def faults_by_kind(self) -> dict[str, int]:
        """Count the findings by their code, notes included."""
        return dict(Counter(str(fault.kind) for fault in self.faults))

    def as_dict(self) -> dict[str, Any]:
        """Members of the interface page."""
        return {
            "path": str(self.path),
            "status": self.status,
            "error": _error_document(self.error),
            "bytes": self.bytes,
            "bytes_lost": self.bytes_lost,
            "gates_read": self.gates_read,
            "gates_intact": self.gates_intact,
            "gates_written": self.gates_written,
            "gates_lost": self.gates_lost,
            "faults_by_kind": self.faults_by_kind(),
            "faults": [fault.as_dict() for fault in self.faults],
            "notices": self.notices,
            "outputs": [str(output.path) for output in self.outputs],
            "record": str(self.record_path) if self.record_path else None,
            "problems": self.problems,
            "seconds": _rounded(self.seconds),
        }


@dataclass
class ProcessReport:
    """What one call of the job did.

    Attributes
    ----------
    tier : str
        The last tier made.
    salvage, dry_run : bool
    files : list of FileReport
        In the order of the inputs.
    seconds : dict of str to float
        By step, all files together; ``start`` is loading programs and compiled kernels.
    peak_memory_bytes : int
        Largest resident memory of the process so far.
    constants : dict or None
        Global tag that was read, with its digest, state, source and signers.
    """

    tier: str
    salvage: bool = False
    dry_run: bool = False
    files: list[FileReport] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: int = 0
    constants: dict[str, Any] | None = None

    @property
    def outputs(self) -> list[OutputReport]:
        """All files written."""
        return [output for file in self.files for output in file.outputs]

    @property
    def gates_per_second(self) -> float:
        """Gates written per second of all steps."""
        total = sum(self.seconds.values())
        return sum(file.gates_written for file in self.files) / total if total else 0.0

    @property
    def cold_start_share(self) -> float:
        """Share of the time that went into loading programs and compiled kernels."""
        total = sum(self.seconds.values())
        return self.seconds.get("start", 0.0) / total if total else 0.0

    @property
    def exit_code(self) -> int:
        """1 if an output failed, else 2 if an input was refused, else 3 with losses, else 0."""
        codes = {file.exit_code for file in self.files}
        return next((code for code in (FAILED, REFUSED, LOSSES) if code in codes), DONE)

    def as_dict(self) -> dict[str, Any]:
        """Members of the interface page."""
        return {
            "to": self.tier,
            "salvage": self.salvage,
            "dry_run": self.dry_run,
            "constants": self.constants,
            "exit_code": self.exit_code,
            "outputs": [output.as_dict() for output in self.outputs],
            "files": [file.as_dict() for file in self.files],
            "seconds": _rounded(self.seconds),
            "gates_per_second": round(self.gates_per_second, 1),
            "peak_memory_bytes": self.peak_memory_bytes,
            "cold_start_share": round(self.cold_start_share, 4),
        }


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in seconds.items()}


def _error_document(error: Mx2Error | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "type": type(error).__name__,
        "message": error.message,
        "next_step": error.next_step,
        "exit_code": error.exit_code,
    }
