"""Names of channels and the order in which a person should look at them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import board_names
from mx2prod.calibration.verdict import StatusBit, bit_names, channel_verdicts
from mx2prod.detector import Detector, Role, View
from mx2prod.detector.schemas import PIXELS_PER_BOARD

_MOST_ORDERED = 4096
"""Channels among which the worst are looked for, so that a table of bad ones takes no time."""


def channel_name(detector: Detector, channel: int) -> str:
    """Address ``crate-croc-chain-board-pixel`` of a dense channel."""
    board = board_names(detector.hardware)[channel // PIXELS_PER_BOARD]
    return f"{board}-{channel % PIXELS_PER_BOARD}"


def strip_name(detector: Detector, channel: int) -> str:
    """Say what a channel reads: ``module/plane/strip view``, or its role without a strip."""
    row = detector.plex.channels[channel]
    if row["role"] != Role.STRIP:
        return {Role.SPARE: "spare pixel", Role.OD: "outer detector"}.get(
            Role(int(row["role"])), "unmapped"
        )
    return f"{row['module']}/{row['plane']}/{row['strip']} {View(int(row['view'])).letter}"


def inner_pixels(detector: Detector) -> npt.NDArray[np.bool_]:
    """Tell the pixels of the boards of the inner detector, shape (n_channels,)."""
    return np.repeat(detector.plex.role_of_feb == Role.STRIP, PIXELS_PER_BOARD)


def worst_channels(
    status: npt.NDArray[np.int32],
    bits: Sequence[StatusBit],
    inner: npt.NDArray[np.bool_],
    *,
    without_data: npt.NDArray[np.bool_],
    most: int,
) -> npt.NDArray[np.int64]:
    """Give dense channels that are not good: bad before investigate, inner detector first.

    Channels with data come before those without, and of a board that is bad as a whole at most
    two are listed, so that one dead board does not fill the list.

    Parameters
    ----------
    status : ndarray of int32, shape (n_channels,)
    bits : sequence of StatusBit
    inner, without_data : ndarray of bool, shape (n_channels,)
    most : int

    Returns
    -------
    ndarray of int64, shape (n,), n <= most
    """
    ranks = channel_verdicts(status, bits)
    candidates = np.flatnonzero(ranks > 0)
    order = np.lexsort(
        (candidates, ~inner[candidates], -ranks[candidates].astype(int), without_data[candidates])
    )
    ordered = candidates[order][:_MOST_ORDERED]
    board = ordered // PIXELS_PER_BOARD
    same = [int(np.count_nonzero(board[:place] == feb)) for place, feb in enumerate(board)]
    crowded = np.bincount(candidates // PIXELS_PER_BOARD)[board] > 16
    keep = ~(crowded & (np.array(same, np.int64) >= 2))
    return ordered[keep][:most].astype(np.int64)


def status_text(status: int, bits: Sequence[StatusBit]) -> str:
    """Names of the bits of one status word, joined."""
    return ", ".join(bit_names(status, bits)) or "-"
