"""Detector tables by version name: where each comes from and the hash that its bytes must have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from mx2prod.core.errors import InputFileError, UsageError
from mx2prod.core.files import require_regular_file
from mx2prod.core.suggest import nearest
from mx2prod.core.workspace import is_table_path
from mx2prod.detector import schemas, wiring
from mx2prod.detector.table import NEXT_STEP, Schema, Table, parse_table

DEFAULT_GEOMETRY = "planes_v4"
DEFAULT_PLEX = "plex_v1"
DEFAULT_FIBRES = "fibres_v0"
HARDWARE_VERSION = "hardware_v1"
BOARDS_VERSION = "boards_v1"
OD_BOARDS_VERSION = "od_boards_v1"


@dataclass(frozen=True)
class Version:
    """A table that mx2prod knows by name.

    Attributes
    ----------
    schema : Schema
    sha256 : str
        Hash of the bytes.
    rule : callable or None
        Makes the text of a table that is not a file.
    """

    schema: Schema
    sha256: str
    rule: Callable[[], str] | None = None


def _plex_synth() -> str:
    planes = load_table("planes_v4", "planes").rows
    boards = load_table(BOARDS_VERSION, "boards").rows
    return wiring.plex_text(wiring.synthetic_board_rows(boards, planes), planes)


BAGGED_WLS_MM = 300
CLEAR_FIBRE_MM = 1_500
READOUT_END = 1


def _fibres_v0() -> str:
    """One length for every strip, read at +l (detector page, section 6; proposal)."""
    lines = [",".join(schemas.FIBRES.names)]
    for module, plane in load_table("planes_v4", "planes").rows[["module", "plane"]].tolist():
        for strip in range(1, schemas.STRIPS_PER_PLANE + 1):
            lines.append(f"{module},{plane},{strip},{BAGGED_WLS_MM},{CLEAR_FIBRE_MM},{READOUT_END}")
    return "\n".join(lines) + "\n"


VERSIONS = {
    "planes_v4": Version(
        schemas.PLANES, "6830f54452b7b6f0167419feaf468fc2e381a84326ccfd2643280d19e4d9333f"
    ),
    "planes_v3": Version(
        schemas.PLANES, "0fa6d0515755b406f77fac654a822ce008637f86b322008a1b8dff67124f583f"
    ),
    "hardware_v1": Version(
        schemas.HARDWARE, "65393f73a162a16784e083cc9039d0d6ad1803517ea2fc9272fa660afa350cfc"
    ),
    "boards_v1": Version(
        schemas.BOARDS, "bcd52a94c51da0386fa91fd8ccb8311ff2447b0d4487372c02d74877bbdfed8a"
    ),
    "plex_v1": Version(
        schemas.PLEX, "5151b65a13ec4bdfd1c7d995719847e6c39af0eee74324f26ed7b3a2056ba0f1"
    ),
    "plex_synth": Version(
        schemas.PLEX,
        "c9fc27f731ecd6ac16b3e4c636e2fd3012250fc60f73eab3cb59d211a8cb1a9e",
        _plex_synth,
    ),
    "od_boards_v1": Version(
        schemas.OD_BOARDS, "e8feb580287182d517c3fa4daac8e903090ae4ebb73007ba8492425919154bfa"
    ),
    "od_frames_v4": Version(
        schemas.OD_FRAMES, "1510b542261713e69dde5a946f10c9006cc5e978122c11eb0b4b0438201fdc21"
    ),
    "fibres_v0": Version(
        schemas.FIBRES,
        "286fdc0c316ccf09e13636fae6f342e0b62c86e517407b013b8f11fd625dfef1",
        _fibres_v0,
    ),
}
"""The tables that ship with mx2prod."""

OD_FRAMES_OF_GEOMETRY = {"planes_v4": "od_frames_v4"}
"""Outer-detector frames that belong to a geometry version."""

_SCHEMAS = {
    schema.kind: schema
    for schema in (
        schemas.PLANES,
        schemas.HARDWARE,
        schemas.BOARDS,
        schemas.PLEX,
        schemas.OD_BOARDS,
        schemas.OD_FRAMES,
        schemas.FIBRES,
    )
}


def version_names(kind: str | None = None) -> list[str]:
    """Names of the tables that ship, of one kind or of all."""
    return [name for name, entry in VERSIONS.items() if kind in (None, entry.schema.kind)]


def load_table(name: str, kind: str | None = None, *, sha256: str | None = None) -> Table:
    """Load a table by version name, or a file of one's own by path; check it as a whole.

    Parameters
    ----------
    name : str
        A version name, or a path (with a ``/``, or ending in ``.csv``).
    kind : str, optional
        ``planes``, ``hardware``, ``boards``, ``plex``, ``od_boards``, ``od_frames`` or ``fibres``;
        required for a path.
    sha256 : str, optional
        Refuse a table with another hash; known versions are always checked against theirs.

    Returns
    -------
    Table

    Raises
    ------
    UsageError
        If no version of that kind has this name.
    InputFileError
        If the file of a path cannot be read.
    TableError
        If the content is not as its schema and hash say.
    """
    if is_table_path(name):
        if kind is None:
            raise UsageError(f"{name}: say which kind of table it is: {', '.join(_SCHEMAS)}")
        return _load_file(Path(name), _SCHEMAS[kind], sha256)
    known = version_names(kind)
    if name not in known:
        what = "detector table" if kind is None else f"table of {kind}"
        raise UsageError(
            f"no {what} {name!r} (known: {', '.join(known)}, or the path of a .csv file)"
            + nearest(name, known),
            next_step=NEXT_STEP,
        )
    return _load_version(name, sha256)


@lru_cache(maxsize=32)
def _load_version(name: str, sha256: str | None) -> Table:
    entry = VERSIONS[name]
    if entry.rule is not None:
        content, source = entry.rule().encode(), f"rule of {name}"
    else:
        file = files("mx2prod.detector") / "tables" / f"{name}.csv"
        try:
            content = file.read_bytes()
        except OSError as error:
            raise InputFileError(
                f"{file}: {error.strerror or error}", next_step="reinstall mx2prod"
            ) from error
        source = f"{name}.csv"
    table = parse_table(content, entry.schema, name=name, source=source, sha256=entry.sha256)
    if sha256 not in (None, table.sha256):
        return parse_table(content, entry.schema, name=name, source=source, sha256=sha256)
    return table


def _load_file(path: Path, schema: Schema, sha256: str | None) -> Table:
    require_regular_file(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    return parse_table(content, schema, name=path.name, source=str(path), sha256=sha256)
