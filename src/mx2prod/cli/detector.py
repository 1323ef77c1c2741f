"""``mx2 detector``: geometry, wiring, identifiers and constants of the detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import Frame, pass_frame, print_table
from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest

if TYPE_CHECKING:
    from mx2prod.detector import Detector

Row = dict[str, Any]
_LARGE_TABLE = 2_000


@click.group("detector")
def command() -> None:
    """Geometry, wiring and identifiers of the detector.

    Versions of the tables come from mx2.toml ([detector]) unless --geometry or --plex name others;
    a name that is a path (with a slash, or ending in .csv) loads a table of your own.
    """


def _with_detector(function: Callable[..., None]) -> Callable[..., None]:
    """Add ``--geometry`` and ``--plex``, and pass the frame and the loaded detector."""

    @click.option("--geometry", metavar="NAME|PATH", help="Plane table (default: workspace).")
    @click.option("--plex", metavar="NAME|PATH", help="Pixel-to-strip map (default: workspace).")
    @pass_frame
    @wraps(function)
    def wrapped(
        frame: Frame, /, *args: Any, geometry: str | None, plex: str | None, **kwargs: Any
    ) -> None:
        function(frame, _load(frame, geometry, plex), *args, **kwargs)

    return wrapped


def _load(frame: Frame, geometry: str | None, plex: str | None) -> Detector:
    from mx2prod.detector import load_detector

    settings = frame.workspace.settings.detector
    return load_detector(geometry or settings.geometry, plex or settings.plex, settings.fibres)


def _filter_option(name: str, meaning: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        f"--{name}", type=int, multiple=True, metavar="N", help=f"Only this {meaning}; repeatable."
    )


_crate = _filter_option("crate", "crate")
_croc = _filter_option("croc", "CROC-E")
_chain = _filter_option("chain", "chain (0-3)")
_board = _filter_option("board", "board address")
_module = _filter_option("module", "module")
_plane = _filter_option("plane", "plane number in the module")


def select(rows: list[Row], **wanted: Sequence[object]) -> list[Row]:
    """Keep the rows that have one of the wanted values in every column that is asked for.

    Raises
    ------
    UsageError
        If a wanted value is in no row at all; says which values there are.
    """
    for column, values in wanted.items():
        known = {row[column] for row in rows if row[column] is not None}
        for value in values:
            if value not in known:
                raise UsageError(_no_such(column, value, known))
    return [
        row
        for row in rows
        if all(not values or row[column] in values for column, values in wanted.items())
    ]


def _no_such(column: str, value: object, known: set[Any]) -> str:
    if all(isinstance(item, int) for item in known):
        return f"no {column} {value}: there are {min(known)}..{max(known)}"
    words = sorted(map(str, known))
    return f"no {column} {value!r} (known: {', '.join(words)})" + nearest(str(value), words)


def _emit(frame: Frame, title: str, rows: list[Row], columns: Sequence[str]) -> None:
    """Print the rows: all members as JSON, the named columns as a table."""
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    empty = "no row agrees with all filters"
    if len(rows) > _LARGE_TABLE:
        frame.emit(rows, lambda: _print_lines(title, columns, cells))
    else:
        frame.emit(rows, lambda: print_table(title, columns, cells, empty=empty))


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{name}={part:g}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(f"{part:g}" for part in value)
    return value


def _print_lines(title: str, columns: Sequence[str], cells: list[list[Any]]) -> None:
    """Print a long table in plain aligned columns, at once."""
    texts = [
        list(columns),
        *(["-" if cell is None else str(cell) for cell in row] for row in cells),
    ]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = (
        "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
        for row in texts
    )
    click.echo("\n".join([title, *lines]))


@command.command("planes")
@_module
@_plane
@click.option("--view", type=click.Choice(["X", "U", "V"]), multiple=True, help="Only this view.")
@click.option("--region", multiple=True, help="Only this region, for example ecal.")
@_with_detector
def planes(
    frame: Frame,
    detector: Detector,
    *,
    module: tuple[int, ...],
    plane: tuple[int, ...],
    view: tuple[str, ...],
    region: tuple[str, ...],
) -> None:
    """Planes along the beam: view, region, absorber, position."""
    from mx2prod.detector.describe import plane_rows

    rows = select(plane_rows(detector), module=module, plane=plane, view=view, region=region)
    columns = ("module", "plane", "view", "region", "subdet", "absorber", "z_det_mm", "z_2x2_mm")
    _emit(frame, f"planes of {detector.planes.name}", rows, columns)


@command.command("boards")
@_crate
@_croc
@_chain
@_board
@_module
@click.option(
    "--status",
    type=click.Choice(["mapped", "od", "unmapped"]),
    multiple=True,
    help="Only boards of this status.",
)
@_with_detector
def boards(
    frame: Frame, detector: Detector, *, module: tuple[int, ...], **filters: tuple[object, ...]
) -> None:
    """Front-end boards: status and the strips of each half."""
    from mx2prod.detector.describe import board_rows

    status = filters.pop("status")
    rows = [
        row
        for row in select(board_rows(detector), **filters)
        if not status or row["status"] in status
    ]
    if module:
        detector.planes.require(module, 2)
        rows = [row for row in rows if set(row["modules"]) & set(module)]
    columns = ("crate", "croc", "chain", "board", "feb_index", "first_channel_id", "status",
               "modules", "weave", "weave_mismatches", "low", "high")  # fmt: skip
    title = f"boards of {detector.hardware.table.name} with {detector.plex.name}"
    _emit(frame, title, rows, columns)


@command.command("plex")
@_crate
@_croc
@_chain
@_board
@_filter_option("pixel", "pixel")
@_module
@_plane
@_filter_option("strip", "strip")
@click.option(
    "--role",
    type=click.Choice(["strip", "spare", "od", "unmapped"]),
    multiple=True,
    help="Only pixels of this role.",
)
@_with_detector
def plex(
    frame: Frame, detector: Detector, *, role: tuple[str, ...], **filters: tuple[object, ...]
) -> None:
    """Pixels and their strips.

    Every pixel of the readout is listed, spares and outer detector included.
    """
    from mx2prod.detector.describe import channel_rows

    rows = [
        row for row in select(channel_rows(detector), **filters) if not role or row["role"] in role
    ]
    columns = ("channel_id", "crate", "croc", "chain", "board", "pixel", "role", "strip_id",
               "module", "plane", "strip", "view")  # fmt: skip
    _emit(frame, f"pixels of {detector.plex.name} ({detector.planes.name})", rows, columns)


@command.command("channel")
@click.argument("address")
@_with_detector
def channel(frame: Frame, detector: Detector, *, address: str) -> None:
    """Everything known about one pixel.

    ADDRESS is a channel id (1056768) or crate-croc-chain-board-pixel (0-1-0-2-0).
    """
    from mx2prod.detector import ChannelAddress
    from mx2prod.detector.describe import channel_card

    found = ChannelAddress.parse(address)
    _emit_card(frame, f"channel {found}", channel_card(detector, found))


@command.command("strip")
@click.argument("strip")
@_with_detector
def strip(frame: Frame, detector: Detector, *, strip: str) -> None:
    """The pixel of a strip, and everything known about both.

    STRIP is a strip id (1481210880) or module/plane/strip (4/2/95).
    """
    from mx2prod.detector.describe import channel_card, find_strip

    found = find_strip(detector, strip)
    card = channel_card(detector, detector.plex.of_strip(found))
    _emit_card(frame, f"strip {found}", card)


def _emit_card(frame: Frame, title: str, card: Row) -> None:
    cells = [(name, _cell(value)) for name, value in card.items()]
    frame.emit([card], lambda: print_table(title, ("what", "value"), cells, empty=""))


@command.command("tables")
@pass_frame
def tables(frame: Frame) -> None:
    """Tables known by name, and their sha256."""
    from mx2prod.detector.describe import table_rows

    rows = table_rows()
    _emit(frame, "detector tables", rows, ("name", "kind", "rows", "made_by", "sha256"))


@command.command("constants")
@click.argument("part", type=click.Choice(["shape", "electronics", "response"]), required=False)
@pass_frame
def constants(frame: Frame, *, part: str | None) -> None:
    """Constants that are not tables, and how each is known."""
    from mx2prod.detector import DetectorConstants

    every = DetectorConstants()
    rows = [
        {"part": name, **row}
        for name in ("shape", "electronics", "response")
        if part in (None, name)
        for row in getattr(every, name).rows()
    ]
    columns = ("part", "name", "value", "unit", "mark", "source")
    _emit(frame, f"constants of the detector, {every.version}", rows, columns)
