"""The DAQ's JSON beside a raw file: found, read, compared with the bytes.

Source: raw-format page, section 8; metadata page, 5.3.  The file is never trusted: size and
checksum may be those of an unfinished file, counts include a gate that failed, run numbers wrap.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.core.ids import RunSubrun
from mx2prod.raw.faults import Fault, Kind, Severity

_TOO_EARLY = (0, "00000001")
"""Size and checksum of a file that was read before anything was written."""


@dataclass(frozen=True)
class Content:
    """What the bytes of the raw file say, to compare the JSON with.

    Attributes
    ----------
    size : int
    adler32 : str
    gates : int
    sentinel : bool
    run, subrun : int or None
    first_global_gate, last_global_gate : int or None
    stream : str or None
        From the file name.
    name : str
    """

    size: int
    adler32: str
    gates: int
    sentinel: bool
    run: int | None
    subrun: int | None
    first_global_gate: int | None
    last_global_gate: int | None
    stream: str | None
    name: str


def find_sidecar(path: Path) -> Path | None:
    """JSON file of a raw file: ``NAME.json`` or, until July 2024, ``STEM.metadata.json``."""
    stem = path.name.removesuffix(".dat")
    names = (f"{path.name}.json", f"{path.name}.metadata.json", f"{stem}.metadata.json")
    for name in (*names, f"{stem.removesuffix('_RawData')}.metadata.json"):
        candidate = path.with_name(name)
        if candidate.is_file():
            return candidate
    return None


def read_sidecar(path: Path) -> tuple[dict[str, Any] | None, list[Fault]]:
    """Read the JSON beside a raw file.

    Returns
    -------
    dict or None, list of Fault
        The document, and a finding when there is none or it cannot be used.
    """
    sidecar = find_sidecar(path)
    if sidecar is None:
        detail = f"no {path.name}.json beside the file; everything is computed from the bytes"
        return None, [Fault(Kind.JSON_MISSING, Severity.NOTE, detail)]
    try:
        document = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        detail = f"{sidecar.name} cannot be read: {error}"
        return None, [Fault(Kind.JSON_UNRELIABLE, Severity.WARNING, detail)]
    if not isinstance(document, dict) or not isinstance(document.get("metadata", {}), dict):
        detail = f"{sidecar.name} is not a JSON object with an object 'metadata'"
        return None, [Fault(Kind.JSON_UNRELIABLE, Severity.WARNING, detail)]
    return document, []


def check_sidecar(document: dict[str, Any], content: Content) -> Iterator[Fault]:
    """Compare the DAQ's JSON with the content of the file."""
    metadata = document.get("metadata", {})
    yield from _check_bytes(document, content)
    yield from _check_counts(metadata, content)
    yield from _check_identity(document, metadata, content)


def _check_bytes(document: dict[str, Any], content: Content) -> Iterator[Fault]:
    checksums = document.get("checksums")
    adler32 = checksums.get("adler32") if isinstance(checksums, dict) else None
    size = document.get("size")
    if (size, adler32) == (content.size, content.adler32):
        return
    if _TOO_EARLY[0] == size or _TOO_EARLY[1] == adler32:
        yield Fault(
            Kind.JSON_UNRELIABLE,
            Severity.WARNING,
            f"the DAQ's JSON was made before the file was written (size {size}, adler32 "
            f"{adler32}); the file has size {content.size}, adler32 {content.adler32}",
        )
        return
    if size is not None and size != content.size:
        detail = f"the DAQ's JSON says size {size}, the file has {content.size} bytes"
        yield Fault(Kind.CHECKSUM_MISMATCH, Severity.ERROR, detail)
    if adler32 is not None and str(adler32).rjust(8, "0") != content.adler32:
        detail = f"the DAQ's JSON says adler32 {adler32}, the bytes give {content.adler32}"
        yield Fault(Kind.CHECKSUM_MISMATCH, Severity.ERROR, detail)


def _check_counts(metadata: dict[str, Any], content: Content) -> Iterator[Fault]:
    count = metadata.get("core.event_count")
    if isinstance(count, int) and count != content.gates:
        detail = f"the DAQ's JSON counts {count} gates, the file has {content.gates} DAQ headers"
        if count > content.gates and not content.sentinel:
            yield Fault(
                Kind.NO_SENTINEL, Severity.ERROR, f"{detail} and no sentinel", offset=content.size
            )
        else:
            yield Fault(Kind.JSON_UNRELIABLE, Severity.WARNING, f"{detail}; the headers count")
    for key, value in (
        ("core.first_event_number", content.first_global_gate),
        ("core.last_event_number", content.last_global_gate),
    ):
        found = metadata.get(key)
        if isinstance(found, int) and value is not None and found != value:
            detail = f"the DAQ's JSON says {key} {found}, the headers {value}"
            yield Fault(Kind.JSON_UNRELIABLE, Severity.WARNING, detail)


def _check_identity(
    document: dict[str, Any], metadata: dict[str, Any], content: Content
) -> Iterator[Fault]:
    pairs = (
        ("name", document.get("name"), content.name),
        ("core.data_stream", metadata.get("core.data_stream"), content.stream),
        ("core.runs", _first_run(metadata.get("core.runs")), content.run),
    )
    for key, said, found in pairs:
        if said is not None and found is not None and said != found:
            detail = f"the DAQ's JSON says {key} {said}, the file says {found}"
            yield Fault(Kind.HEADER_MISMATCH, Severity.ERROR, detail)
    if content.run is None or content.subrun is None:
        return
    number = RunSubrun(content.run, content.subrun).number
    said = metadata.get("core.runs_subruns")
    if isinstance(said, list) and said != [number]:
        wrapped = said in ([number % 2**32], [(number % 2**32 - 2**32) % 2**64])
        detail = f"the DAQ's JSON says core.runs_subruns {said}, the headers give {number}" + (
            " (computed in 32 bits)" if wrapped else ""
        )
        severity = Severity.NOTE if wrapped else Severity.WARNING
        yield Fault(Kind.JSON_UNRELIABLE, severity, detail)


def _first_run(value: Any) -> Any:
    """Run of ``[run]``, and of the older ``[run, subrun]`` and ``[[run, subrun]]``."""
    while isinstance(value, list):
        value = value[0] if value else None
    return value
