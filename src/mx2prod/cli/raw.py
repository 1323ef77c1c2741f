"""``mx2 raw``: look into, check, repair and re-encode raw DAQ files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import Frame, log, pass_frame
from mx2prod.core.errors import InputFileError

if TYPE_CHECKING:
    from mx2prod.raw import Fault, RawInfo

_FILE = click.Path(path_type=Path)
_SHOWN = 20
LOSSES = 3
BAD_INPUT = 2


@click.group("raw")
def command() -> None:
    """Look into, check, repair and re-encode raw DAQ files."""


@command.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@pass_frame
def info(frame: Frame, files: tuple[Path, ...]) -> None:
    """Say what raw files hold: gates, triggers, frames, times, checksum, findings.

    Every byte is read and every CRC checked.  Exit code 2 if no gate can be had from a file.
    """
    infos, unreadable = _summaries(files)
    document = [item.as_dict() for item in infos]
    document += [{"path": path, "error": text} for path, text in unreadable.items()]
    frame.emit(document, lambda: _show_infos(infos))
    if unreadable or any(not item.gates for item in infos):
        _exit(BAD_INPUT)


@command.command()
@click.argument("file", type=_FILE)
@click.option("--gate", "gates", multiple=True, type=int, help="Gate number in the subrun.")
@click.option("--run-index", default=0, show_default=True, help="Which run of an appended file.")
@pass_frame
def dump(frame: Frame, file: Path, gates: tuple[int, ...], run_index: int) -> None:
    """Decode gates of FILE completely and print them as JSON (all gates without --gate)."""
    from mx2prod.raw import open as open_raw
    from mx2prod.raw.dump import dump as dump_gates

    with open_raw(file) as raw_file:
        document = dump_gates(raw_file, gates or None, run_index=run_index)
    frame.emit(document, lambda: click.echo(json.dumps(document)))


@command.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--all", "show_all", is_flag=True, help="Print every finding, notes too.")
@pass_frame
def verify(frame: Frame, files: tuple[Path, ...], *, show_all: bool) -> None:
    """Check every rule of the raw format.

    Exit code 0: no finding above a note; 3: warnings or errors; 2: no gate can be had from a file.
    """
    infos, unreadable = _summaries(files)
    document: list[dict[str, Any]] = [
        {"path": str(item.path), "faults": [fault.as_dict() for fault in item.faults]}
        for item in infos
    ]
    document += [{"path": path, "error": text} for path, text in unreadable.items()]
    frame.emit(document, lambda: _show_findings(infos, show_all=show_all))
    if unreadable or any(not item.gates for item in infos):
        _exit(BAD_INPUT)
    if any(fault.severity != "note" for item in infos for fault in item.faults):
        _exit(LOSSES)


@command.command()
@click.argument("file", type=_FILE)
@pass_frame
def roundtrip(frame: Frame, file: Path) -> None:
    """Decode FILE, encode it again and compare; exit code 1 if any byte differs."""
    from mx2prod.raw.roundtrip import roundtrip as run_roundtrip

    result = run_roundtrip(file)
    document = {
        "path": str(file),
        "equal": result.equal,
        "first_difference": result.first_difference,
        "decoded_frames": result.decoded_frames,
        "opaque_frames": result.opaque_frames,
    }
    text = "identical" if result.equal else f"differs at byte {result.first_difference}"
    counts = f"{result.decoded_frames} frames decoded, {result.opaque_frames} pieces kept as bytes"
    frame.emit(document, lambda: click.echo(f"{file}: {text} ({counts})"))
    if not result.equal:
        _exit(1)


@command.command()
@click.argument("file", type=_FILE)
@click.option("-o", "--output", required=True, type=_FILE, help="File or existing folder.")
@click.option("--run-index", type=int, help="Only this run of an appended file.")
@click.option("--dry-run", is_flag=True, help="Say what would be kept; write nothing.")
@pass_frame
def salvage(
    frame: Frame, file: Path, output: Path, run_index: int | None, *, dry_run: bool
) -> None:
    """Write the undamaged gates of FILE as a well-formed raw file, and list what is lost.

    Gates in which a board is missing are kept; gates whose bytes are damaged are not.  A summary
    is written beside the output.  Exit code 3 if anything is lost.
    """
    from mx2prod.raw import open as open_raw
    from mx2prod.raw.salvage import salvage as run_salvage

    with open_raw(file) as raw_file:
        result = run_salvage(raw_file, output, run_index=run_index, dry_run=dry_run)
    document = {**result.as_dict(), "dry_run": dry_run}
    frame.emit(document, lambda: _show_salvage(document))
    if result.lost:
        _exit(LOSSES)


def _summaries(files: tuple[Path, ...]) -> tuple[list[RawInfo], dict[str, str]]:
    """Summarise every file; give the message of those that cannot be read, by path."""
    from mx2prod.raw import summarise

    done: list[RawInfo] = []
    unreadable: dict[str, str] = {}
    for file in files:
        try:
            done.append(summarise(file))
        except InputFileError as error:
            unreadable[str(file)] = error.message
            log.error("%s", error.message)
            click.echo(f"next: {error.next_step}", err=True)
    return done, unreadable


def _exit(code: int) -> None:
    click.get_current_context().exit(code)


def _show_infos(infos: list[RawInfo]) -> None:
    from mx2prod.core.time import iso

    for item in infos:
        first, last = item.first_trigger_time_us, item.last_trigger_time_us
        triggers = ", ".join(f"{count} of type {kind}" for kind, count in item.triggers.items())
        ranges = ", ".join(f"{r.first}..{r.last}" for r in item.global_ranges[:5])
        more = " ..." if len(item.global_ranges) > 5 else ""
        rows: list[tuple[str, object]] = [
            ("run / subrun", f"{item.run} / {item.subrun}"),
            ("stream", item.stream),
            ("detector", item.detector),
            ("gates", f"{item.gates} ({item.intact_gates} intact)"),
            ("triggers", triggers or None),
            ("global gates", (ranges + more) or None),
            ("first gate", iso(first) if first is not None else None),
            ("last gate", iso(last) if last is not None else None),
            ("chains / FEBs", f"{item.chains} / {item.febs}"),
            ("frames", ", ".join(f"{count} {name}" for name, count in item.frames.items())),
            ("bytes", f"{item.bytes} ({item.bytes_lost} lost)"),
            ("adler32", item.adler32),
            ("sentinel", "yes" if item.sentinel else "no"),
            ("findings", _count_findings(item.faults)),
        ]
        click.echo(f"{item.path}")
        for name, value in rows:
            click.echo(f"  {name:<14}{'-' if value is None else value}")


def _count_findings(faults: list[Fault]) -> str:
    counts = Counter(str(fault.severity) for fault in faults)
    words = [f"{counts[name]} {name}(s)" for name in ("error", "warning", "note") if counts[name]]
    return ", ".join(words) or "none"


def _show_findings(infos: list[RawInfo], *, show_all: bool) -> None:
    for item in infos:
        shown = [f for f in item.faults if show_all or f.severity != "note"]
        click.echo(f"{item.path}: {_count_findings(item.faults)}")
        limit = len(shown) if show_all else _SHOWN
        for fault in shown[:limit]:
            click.echo(f"  {fault}")
        if len(shown) > limit:
            kinds = Counter(str(fault.kind) for fault in shown[limit:])
            rest = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
            click.echo(f"  ... and {rest} (--all prints them)")


def _show_salvage(document: dict[str, Any]) -> None:
    verb = "would write" if document["dry_run"] else "wrote"
    for output in document["outputs"]:
        click.echo(
            f"{verb} {output['path']}: {len(output['gates'])} gates, {output['bytes']} bytes"
        )
    for loss in document["lost"][:_SHOWN]:
        gate = "no gate" if loss["gate"] is None else f"gate {loss['gate']}"
        click.echo(f"  lost: {gate}, byte {loss['offset']}: {loss['reason']}")
    if len(document["lost"]) > _SHOWN:
        click.echo(f"  ... and {len(document['lost']) - _SHOWN} more (--json lists them)")
