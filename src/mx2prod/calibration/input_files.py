"""Input files of a calibration: raw files and accumulators, their runs, what is wrong with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from mx2prod.calibration.gates import GATES_NOT_USED, gate_types, types_text
from mx2prod.calibration.merging import differences_of
from mx2prod.calibration.sources import SourceFile
from mx2prod.calibration.verdict import Reason, Verdict
from mx2prod.core.errors import ConfigError, InputFileError, NameFormatError, UsageError
from mx2prod.core.files import adler32_of
from mx2prod.core.ids import FileName, RunSubrun
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.faults import Fault, Severity
from mx2prod.raw.layout import TRIGGER_BY_STREAM
from mx2prod.raw.reader import RawFile, Scan


@dataclass(frozen=True)
class FileFacts:
    """What is known of a raw file beside its decoded gates.

    Attributes
    ----------
    faults : tuple of Fault
        Findings of the reader.
    stream : str or None
        Stream in the file name; None if the name does not say one.
    """

    faults: tuple[Fault, ...] = ()
    stream: str | None = None

    @classmethod
    def of(cls, file: RawFile) -> FileFacts:
        """Facts of an open file."""
        return cls(tuple(file.faults), file.name.stream if file.name else None)

    @classmethod
    def of_names(cls, files: Iterable[SourceFile]) -> FileFacts:
        """Facts of the raw files behind an accumulator: their stream, nothing of their faults."""
        return cls.joined([cls((), _stream_of(file.name)) for file in files])

    @classmethod
    def joined(cls, facts: Sequence[FileFacts]) -> FileFacts:
        """Faults of all files; the stream if it is that of all."""
        streams = {own.stream for own in facts}
        faults = tuple(fault for own in facts for fault in own.faults)
        return cls(faults, streams.pop() if len(streams) == 1 else None)


def check_names(files: Sequence[Path]) -> None:
    """Require at least one file, and every name once.

    Raises
    ------
    UsageError
        Otherwise.
    """
    if not files:
        raise UsageError("no input file given", next_step="name at least one file")
    seen: dict[str, Path] = {}
    for path in files:
        if path.name in seen:
            raise UsageError(
                f"{path}: a file of this name is given already, {seen[path.name]}",
                next_step="name every file once",
            )
        seen[path.name] = path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in an error of a merge."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", next_step=error.next_step) from error


def source_of(path: Path, checksums: Mapping[str, str] | None = None) -> SourceFile:
    """Name and adler32 of a raw file.

    Parameters
    ----------
    path : Path
    checksums : mapping of str to str, optional
        adler32 by file name, as the catalogue has them.

    Raises
    ------
    InputFileError
        If the file cannot be read, or has another adler32 than the catalogue says.
    """
    found = adler32_of(path)
    expected = (checksums or {}).get(path.name, found)
    if found != expected:
        raise InputFileError(
            f"{path}: adler32 {found}, the catalogue says {expected}",
            next_step=f"mx2 raw verify {path}",
        )
    return SourceFile(path.name, found)


def runs_by_subrun(scan: Scan) -> dict[RunSubrun, list[int]]:
    """List the runs of a file that have an intact gate of their own, by run and subrun."""
    runs: dict[RunSubrun, list[int]] = defaultdict(list)
    intact = (scan.gates["flags"] & GATES_NOT_USED.value) == 0
    for index in np.unique(scan.run_of_gate[intact]).tolist():
        identity = scan.identities[index]
        runs[RunSubrun(identity.run, identity.subrun)].append(index)
    return dict(runs)


def require_usable(path: Path, accumulator: Any, config: BaseModel, hardware: HardwareMap) -> None:
    """Check that an accumulator was made as the files of this call would be.

    Parameters
    ----------
    path : Path
    accumulator : PedestalAccumulator or LightInjectionAccumulator
    config : PedestalConfig or LightInjectionConfig
    hardware : HardwareMap

    Raises
    ------
    ConfigError
        If it is of another configuration or hardware map.
    InputFileError
        If it has read no gate.
    """
    ours = {"config": config.model_dump(), "hardware": hardware.table.sha256}
    theirs = {"config": accumulator.config.model_dump(), "hardware": accumulator.hardware}
    differences = differences_of(theirs, ours)
    if differences:
        raise ConfigError(
            f"{path}: made with other settings (its own first): {', '.join(differences)}",
            next_step="give the settings that it was made with, or make it again from raw files",
        )
    if not len(accumulator.sources):
        raise InputFileError(
            f"{path}: an accumulator that has read no gate", next_step="leave it out"
        )


def unreadable(facts: FileFacts) -> Reason:
    """Say that a file has no intact gate."""
    kinds = sorted({str(fault.kind) for fault in facts.faults}) or ["no gates"]
    text = f"no intact gate in the file: {', '.join(kinds)}"
    return Reason("unreadable", text, Verdict.UNREADABLE, len(facts.faults))


def stream_reasons(gates: Mapping[str, int], facts: FileFacts) -> Iterator[Reason]:
    """Name gates that a file of this stream does not have.

    Parameters
    ----------
    gates : mapping of str to int
        Counts of an accumulator.
    facts : FileFacts
    """
    allowed = TRIGGER_BY_STREAM.get(facts.stream or "")
    if allowed is None:
        return
    others = {kind: n for kind, n in gate_types(gates).items() if kind not in allowed}
    if others:
        text = f"{types_text(others)} in a file of stream {facts.stream}; used by their type"
        yield Reason("stream", text, Verdict.INVESTIGATE, sum(others.values()))


def integrity_reasons(facts: FileFacts) -> Iterator[Reason]:
    """Name errors and warnings of the reader."""
    for severity, code, text, verdict in (
        (Severity.ERROR, "integrity", "the file had to be salvaged", Verdict.INVESTIGATE),
        (Severity.WARNING, "warnings", "the reader warns", Verdict.GOOD),
    ):
        kinds = Counter(str(fault.kind) for fault in facts.faults if fault.severity is severity)
        if kinds:
            said = ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items()))
            yield Reason(code, f"{text}: {said}", verdict, kinds.total())


def _stream_of(name: str) -> str | None:
    try:
        return FileName.parse(name).stream
    except NameFormatError:
        return None
