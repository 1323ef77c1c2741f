"""The rules behind the wiring tables (detector page, sections 5.2 to 5.4).

The rules make ``boards_v1`` and ``plex_v1`` again, row by row (a test compares the bytes), judge
the weave of a board, and make the invented wiring ``plex_synth``.  Programs read the tables, not
the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from mx2prod.detector.schemas import BOARDS, PIXELS_PER_BOARD, PLEX, STRIP_GROUPS

HALF_SLOTS = 32
"""Slots of half a board: slots 0-31 are the low half, 32-63 the high half."""

MODULES_PER_SET = 4
"""A chain of an odd CROC-E and the same chain of the next even one read a set of four modules."""

_CHAINS_PER_CROC = 4
_ODD_TRACKER = {
    2: "g2cx g2dx", 3: "g2ax g2bx", 4: "g0as g0cs", 5: "g3cx g3dx",
    6: "g3ax g3bx", 7: "g1as g1cs", 8: "g3as g3cs", 9: "g2as g2cs",
}  # fmt: skip
_EVEN_TRACKER = {
    2: "g1bs g1ds", 3: "g0bs g0ds", 4: "g2bs g2ds", 5: "g0ax g0bx",
    6: "g0cx g0dx", 7: "g3bs g3ds", 8: "g1ax g1bx", 9: "g1cx g1dx",
}  # fmt: skip
_ODD_HCAL = {2: "g2ax g2cx", 3: "g0bx g3ax", 4: "g3cx g1bx", 5: "g2bx g3bx"}
_EVEN_HCAL = {2: "g0dx g1dx", 3: "g2dx g0ax", 4: "g0cx g3dx", 5: "g1ax g1cx"}
BOARD_RULE = {
    1: _ODD_TRACKER, 2: _EVEN_TRACKER, 3: _ODD_TRACKER, 4: _EVEN_TRACKER,
    5: _ODD_HCAL, 6: _EVEN_HCAL,
}  # fmt: skip
"""By CROC-E and board: low half and high half, each a group (``g0``..``g3``), the module in its set
(``a``..``d``) and the plane (``s`` plane 1, stereo; ``x`` plane 2)."""

_WEAVE_B_WORDS = (
    "1-0-3 1-0-8 1-1-2 1-1-3 1-1-4 1-2-9 1-3-2 2-0-4 2-1-4 2-1-7 3-0-4 3-2-5 "
    "4-2-4 4-2-6 4-2-8 4-3-3 5-1-2 5-1-3 5-1-4 5-2-3 5-2-4 5-2-5 6-2-2 6-2-5"
)
WEAVE_B = frozenset(_WEAVE_B_WORDS.split())
"""Boards (croc-chain-board) with weave B; all others have weave A."""

EXCHANGED_PIXELS = {"6-0-5": (4, 6)}
"""The one board where two pixels are exchanged against its weave."""


def weave_slots(weave: str) -> npt.NDArray[np.int64]:
    """Slot of every pixel of a board.

    Parameters
    ----------
    weave : {"A", "B", "reversed"}
        ``reversed`` is that of ``plex_synth``: slot 63 - pixel.

    Returns
    -------
    ndarray of int64, shape (64,)

    Raises
    ------
    KeyError
        For another weave.
    """
    pixel = np.arange(PIXELS_PER_BOARD)
    row, column = np.divmod(pixel, 8)
    base = 48 - 16 * (row // 2)
    odd_row, odd_column = row % 2, column % 2
    if weave == "A":
        start = np.array([[15, 7], [3, 11]])[odd_row, odd_column]
        return np.asarray(base + start - column // 2)
    if weave == "B":
        start = np.array([[15, 7], [7, 15]])[odd_row, odd_column]
        return np.asarray(base + start - column)
    return {"reversed": PIXELS_PER_BOARD - 1 - pixel}[weave]


def best_weave(slots: npt.NDArray[np.integer]) -> tuple[str, int]:
    """Weave that agrees best with the slots of a board.

    Parameters
    ----------
    slots : ndarray of int, shape (64,)
        Slot of every pixel.

    Returns
    -------
    weave : {"A", "B", "reversed"}
    mismatches : int
        Pixels that have another slot in that weave.
    """
    counts = {
        weave: int(np.count_nonzero(slots != weave_slots(weave)))
        for weave in ("A", "B", "reversed")
    }
    best = min(counts, key=lambda weave: counts[weave])
    return best, counts[best]


def group_strips(group: str) -> tuple[int, int]:
    """First and last strip of a group, from its spelling ``first-last``."""
    first, last = group.split("-")
    return int(first), int(last)


def _half(word: str, first_module: int) -> tuple[int, int, str]:
    module = first_module + "abcd".index(word[2])
    plane = {"s": 1, "x": 2}[word[3]]
    return module, plane, STRIP_GROUPS[int(word[1])]


def board_rows(hardware: npt.NDArray[np.void]) -> Iterator[tuple[object, ...]]:
    """Rows of ``boards_v1``, by the board rule.

    Parameters
    ----------
    hardware : ndarray with fields crate, croc, chain, febs
        The chains, in order.

    Yields
    ------
    tuple
        In the order of the table's columns.
    """
    for crate, croc, chain, febs in hardware.tolist():
        rule = BOARD_RULE[croc]
        module_set = (croc - 1) // 2 * _CHAINS_PER_CROC + chain
        first_module = 1 + MODULES_PER_SET * module_set
        for board in (board for board in rule if board <= febs):
            low, high = (_half(word, first_module) for word in rule[board].split())
            weave = "B" if f"{croc}-{chain}-{board}" in WEAVE_B else "A"
            yield (crate, croc, chain, board, weave, *low, *high)


def _strip_of_slot(slot: int, halves: tuple[tuple[int, int, str], ...]) -> tuple[int, int, int]:
    half, place = divmod(slot, HALF_SLOTS)
    module, plane, group = halves[half]
    first, last = group_strips(group)
    strip = first + place
    return (module, plane, strip) if strip <= last else (0, 0, 0)


def plex_rows(
    boards: Iterable[tuple[object, ...]], views: dict[tuple[int, int], str]
) -> Iterator[tuple[object, ...]]:
    """Rows of a plex, by the pixel rule.

    Parameters
    ----------
    boards : iterable of tuple
        Rows of ``boards_v1`` (weave ``reversed`` too).
    views : dict
        View of each (module, plane).

    Yields
    ------
    tuple
        In the order of the table's columns; spare pixels have 0, 0, 0, ``-``.
    """
    for crate, croc, chain, board, weave, *halves in boards:
        slots = weave_slots(str(weave)).tolist()
        first, second = EXCHANGED_PIXELS.get(f"{croc}-{chain}-{board}", (0, 0))
        if weave != "reversed":
            slots[first], slots[second] = slots[second], slots[first]
        low, high = tuple(halves[:3]), tuple(halves[3:])
        for pixel, slot in enumerate(slots):
            strip = _strip_of_slot(slot, (low, high))  # type: ignore[arg-type]
            yield (crate, croc, chain, board, pixel, *strip, views.get(strip[:2], "-"))


def synthetic_board_rows(
    boards: npt.NDArray[np.void], planes: npt.NDArray[np.void]
) -> Iterator[tuple[object, ...]]:
    """Boards of the invented wiring (section 5.4).

    Boards in address order take strip groups in plane order: planes 2i and 2i+1 share four boards,
    one for each group.

    Parameters
    ----------
    boards : ndarray with fields crate, croc, chain, board
        The inner-detector boards, in order.
    planes : ndarray with fields module, plane
        The planes along the beam.

    Yields
    ------
    tuple
        Like a row of ``boards_v1``, with weave ``reversed``.
    """
    addresses = iter(boards[["crate", "croc", "chain", "board"]].tolist())
    pairs = planes[["module", "plane"]].tolist()
    for low, high in zip(pairs[0::2], pairs[1::2], strict=True):
        for group in STRIP_GROUPS:
            yield (*next(addresses), "reversed", *low, group, *high, group)


def boards_text(hardware: npt.NDArray[np.void]) -> str:
    """``boards_v1.csv`` without its comments."""
    return _text(BOARDS.names, board_rows(hardware))


def plex_text(boards: Iterable[tuple[object, ...]], planes: npt.NDArray[np.void]) -> str:
    """Make a plex file without comments, from the rows of boards and the plane table."""
    views = {
        (module, plane): view
        for module, plane, view in planes[["module", "plane", "view"]].tolist()
    }
    return _text(PLEX.names, plex_rows(boards, views))


def _text(names: Iterable[str], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    return "\n".join(lines) + "\n"
