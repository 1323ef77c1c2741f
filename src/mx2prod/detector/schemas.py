"""What each kind of detector table must hold (detector page, sections 1, 5.5 and 8)."""

from __future__ import annotations

import re

import numpy as np

from mx2prod.core.errors import TableError
from mx2prod.detector.table import NEXT_STEP, Column, Schema, Table

PIXELS_PER_BOARD = 64
STRIP_GROUPS = ("1-32", "33-63", "64-95", "96-127")
"""Strip groups g0..g3 of a plane; half a board reads one of them (section 5.2)."""
STRIPS_PER_PLANE = 127

_BOARD = (
    Column("crate", int, "VME crate", 0, 15),
    Column("croc", int, "CROC-E number", 1, 31),
    Column("chain", int, "chain of the CROC-E, from 0", 0, 3),
    Column("board", int, "FEB address on the chain, from 1", 1, 15),
)
_BOARD_KEY = ("crate", "croc", "chain", "board")
_Z_TOLERANCE_MM = 0.011


def _module(name: str, low: int = 1) -> Column:
    return Column(name, int, "module", low, 127)


def _check_planes(table: Table) -> None:
    rows = table.rows
    backward = np.flatnonzero(np.diff(rows["z_det_mm"]) <= 0)
    if backward.size:
        table.refuse(int(backward[0]) + 1, "z_det_mm is not above that of the row before")
    shift = rows["z_2x2_mm"] - rows["z_det_mm"]
    off = np.flatnonzero(np.abs(shift - np.median(shift)) > _Z_TOLERANCE_MM)
    if off.size:
        table.refuse(
            int(off[0]),
            f"z_2x2_mm - z_det_mm is {shift[off[0]]:.2f}, expected {np.median(shift):.2f} "
            "as in the other rows",
        )


def _check_od_boards(table: Table) -> None:
    bad = np.flatnonzero(table.rows["first_module"] > table.rows["last_module"])
    if bad.size:
        table.refuse(int(bad[0]), "first_module is above last_module")


def _check_boards(table: Table) -> None:
    seen: dict[tuple[int, int, str], int] = {}
    for row in range(len(table)):
        for half in ("low", "high"):
            module, plane, group = (
                table.rows[f"{half}_{part}"][row] for part in ("module", "plane", "group")
            )
            other = seen.setdefault((int(module), int(plane), str(group)), row)
            if other != row or (half == "high" and _halves_equal(table, row)):
                table.refuse(
                    row,
                    f"strip group {module}/{plane}/{group} is read by line {table.lines[other]} "
                    "too; expected once",
                )


def _halves_equal(table: Table, row: int) -> bool:
    return all(
        table.rows[f"low_{part}"][row] == table.rows[f"high_{part}"][row]
        for part in ("module", "plane", "group")
    )


def _check_plex(table: Table) -> None:
    rows = table.rows
    spare = rows["strip"] == 0
    half_spare = ((rows["module"] == 0) | (rows["plane"] == 0) | (rows["view"] == "-") | spare) & ~(
        (rows["module"] == 0) & (rows["plane"] == 0) & (rows["view"] == "-") & spare
    )
    if half_spare.any():
        table.refuse(
            int(np.argmax(half_spare)), "a spare pixel has module, plane, strip, view 0,0,0,-"
        )
    table.refuse_repeated(("module", "plane", "strip"), ~spare)
    boards, first, counts = np.unique(rows[list(_BOARD_KEY)], return_index=True, return_counts=True)
    short = np.flatnonzero(counts != PIXELS_PER_BOARD)
    if short.size:
        address = "-".join(str(part) for part in boards[short[0]])
        table.refuse(
            int(first[short[0]]),
            f"board {address} has {counts[short[0]]} pixels, expected {PIXELS_PER_BOARD}",
        )


PLANES = Schema(
    kind="planes",
    columns=(
        _module("module"),
        Column("plane", int, "1 stereo (U or V), 2 X; modules 33-44 have plane 2 only", 1, 2),
        Column("view", str, "coordinate that the strips measure", choices=("X", "U", "V")),
        Column(
            "region", str, "part of the detector",
            choices=("tracker_us", "tracker_ds", "ecal", "hcal"),
        ),
        Column("subdet", int, "sub-detector code of strip ids", 0, 7),
        Column(
            "absorber", str, "lead or steel of the plane, thickness in mm",
            choices=("pb_collar_1.98", "pb_full_1.98", "fe_full_25.4"),
        ),
        Column("z_det_mm", float, "centre of the strips, detector frame, mm"),
        Column("z_2x2_mm", float, "the same in the 2x2 frame of this version, mm"),
    ),
    key=("module", "plane"),
    rows=76,
    check=_check_planes,
)  # fmt: skip

HARDWARE = Schema(
    kind="hardware",
    columns=(*_BOARD[:3], Column("febs", int, "boards on the chain", 1, 15)),
    key=_BOARD_KEY[:3],
    rows=22,
)

BOARDS = Schema(
    kind="boards",
    columns=(
        *_BOARD,
        Column("weave", str, "pixel weave (section 5.3)", choices=("A", "B")),
        _module("low_module"),
        Column("low_plane", int, "plane of slots 0-31", 1, 2),
        Column("low_group", str, "strip group of slots 0-31", choices=STRIP_GROUPS),
        _module("high_module"),
        Column("high_plane", int, "plane of slots 32-63", 1, 2),
        Column("high_group", str, "strip group of slots 32-63", choices=STRIP_GROUPS),
    ),
    key=_BOARD_KEY,
    rows=152,
    check=_check_boards,
)

PLEX = Schema(
    kind="plex",
    columns=(
        *_BOARD,
        Column("pixel", int, "pixel of the PMT", 0, PIXELS_PER_BOARD - 1),
        _module("module", 0),
        Column("plane", int, "plane, 0 for a spare pixel", 0, 2),
        Column("strip", int, "strip, 0 for a spare pixel", 0, STRIPS_PER_PLANE),
        Column("view", str, "view, - for a spare pixel", choices=("X", "U", "V", "-")),
    ),
    key=(*_BOARD_KEY, "pixel"),
    rows=9728,
    check=_check_plex,
)

OD_BOARDS = Schema(
    kind="od_boards",
    columns=(
        *_BOARD,
        _module("first_module"),
        _module("last_module"),
        Column("detector", str, "what the board reads", choices=("od",)),
        Column("status", str, "how sure that is", choices=("inferred", "confirmed")),
    ),
    key=_BOARD_KEY,
    rows=33,
    check=_check_od_boards,
)

OD_FRAMES = Schema(
    kind="od_frames",
    columns=(
        _module("module"),
        Column("type", str, "kind of frame", choices=("frame", "hcal_frame")),
        Column("z_det_mm", float, "centre of the frame, detector frame, mm"),
        Column("z_2x2_mm", float, "the same in the 2x2 frame of this version, mm"),
    ),
    key=("module",),
    rows=44,
    check=_check_planes,
)

FIBRES = Schema(
    kind="fibres",
    columns=(
        _module("module"),
        Column("plane", int, "plane", 1, 2),
        Column("strip", int, "strip", 1, STRIPS_PER_PLANE),
        Column("bagged_wls_mm", float, "wavelength-shifting fibre outside the strip, mm", 0, 1e5),
        Column("clear_mm", float, "clear fibre, mm", 0, 1e5),
        Column("readout_end", int, "end that is read: 1 at +l, -1 at -l", choices=(1, -1)),
    ),
    key=("module", "plane", "strip"),
    rows=9652,
)

_FRAME = re.compile(r"^frame_2x2 = (\S+) (\S+) (\S+)$")


def frame_comment(table: Table) -> tuple[float, float, float] | None:
    """Origin stated by a plane table's comment ``# frame_2x2 = x y z``, mm; None without one.

    Raises
    ------
    TableError
        If the comment is there but does not hold three finite numbers.
    """
    for comment in table.comments:
        if comment.startswith("frame_2x2"):
            match = _FRAME.match(comment)
            try:
                origin = [float(word) for word in match.groups()] if match else []
            except ValueError:
                origin = []
            if len(origin) != 3 or not np.isfinite(origin).all():
                raise TableError(
                    f"{table.source}: comment {comment!r}: expected '# frame_2x2 = x y z' in mm",
                    next_step=NEXT_STEP,
                )
            return origin[0], origin[1], origin[2]
    return None
