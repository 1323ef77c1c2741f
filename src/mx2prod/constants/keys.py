"""What a row of a constants table belongs to: a pixel, half a board, a strip, a bar, a plane, all.

The key is an integer, computed from the address columns of the row (conditions page, section 2);
on the wire and in Parquet it is the column ``channel``, whatever it numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mx2prod.detector import (
    CHANNEL_ID,
    OD_BAR_ID,
    STRIP_ID,
    HardwareMap,
    Planes,
    pack_channel_ids,
    pack_od_bar_ids,
    pack_strip_ids,
    unpack_channel_ids,
    unpack_od_bar_ids,
    unpack_strip_ids,
)

CHANNEL_COLUMN = "channel"
"""Name of the key column."""

PIXELS_PER_HALF = 32
Integers = npt.NDArray[np.int64]


class DetectorMaps(Protocol):
    """What tells existing keys from others; a :class:`~mx2prod.detector.Detector` is one."""

    @property
    def hardware(self) -> HardwareMap:
        """Boards of the readout."""

    @property
    def planes(self) -> Planes:
        """Planes and strips."""


@dataclass(frozen=True)
class _DefaultMaps:
    hardware: HardwareMap
    planes: Planes


@lru_cache(maxsize=1)
def default_maps() -> DetectorMaps:
    """Hardware map and geometry that ship with mx2prod."""
    return _DefaultMaps(HardwareMap.load(), Planes.load())


@dataclass(frozen=True)
class AddressField:
    """One address column.

    Attributes
    ----------
    name, meaning : str
    low, high : int
        Inclusive range of legal values.
    """

    name: str
    meaning: str
    low: int
    high: int


_MEANINGS = {
    "crate": "crate of the readout",
    "croc": "CROC-E in the crate, from 1",
    "chain": "chain of the CROC-E, from 0 (operators say CHANNEL 1 to 4)",
    "board": "address of the FEB on the chain, from 1",
    "pixel": "pixel of the PMT",
    "half": "half of the FEB: 0 for pixels 0-31, 1 for pixels 32-63",
    "detector": "detector code of strip ids",
    "subdet": "sub-detector code: 3 tracker, 4 ECAL, 5 HCAL",
    "module": "module, in the order of the beam",
    "plane": "plane in its module",
    "strip": "strip in its plane, from 1",
    "frame": "frame of the outer detector: the module that it surrounds",
    "tower": "side of the hexagon, from 1",
    "story": "layer of the tower, from the inside",
    "bar": "bar of the story",
}
_RANGES = {
    field.name: (field.low, field.high)
    for field in (*CHANNEL_ID.fields, *STRIP_ID.fields, *OD_BAR_ID.fields)
} | {"half": (0, 1)}
_BOARD = ("crate", "croc", "chain", "board")
_PLANE = ("detector", "subdet", "module", "plane")


class Key(StrEnum):
    """Kinds of keys."""

    CHANNEL = "channel"
    """A pixel of the readout."""
    HALF_BOARD = "half board"
    """32 pixels that share a discriminator clock; the id is that of pixel 0 or 32."""
    STRIP = "strip"
    OD_BAR = "bar of the outer detector"
    PLANE = "plane"
    """The id is that of strip 0."""
    ONE_ROW = "whole detector"
    """One row with the number 0."""

    @property
    def address(self) -> tuple[str, ...]:
        """Names of the address columns."""
        return {
            Key.CHANNEL: (*_BOARD, "pixel"),
            Key.HALF_BOARD: (*_BOARD, "half"),
            Key.STRIP: (*_PLANE, "strip"),
            Key.OD_BAR: ("detector", "frame", "tower", "story", "bar"),
            Key.PLANE: _PLANE,
            Key.ONE_ROW: (),
        }[self]

    @property
    def fields(self) -> tuple[AddressField, ...]:
        """The address columns with meaning and range."""
        return tuple(AddressField(name, _MEANINGS[name], *_RANGES[name]) for name in self.address)

    @property
    def meaning(self) -> str:
        """What the number of a row is."""
        return {
            Key.CHANNEL: "channel id, hit block 0",
            Key.HALF_BOARD: "channel id of pixel 0 or 32",
            Key.STRIP: "strip id",
            Key.OD_BAR: "bar id",
            Key.PLANE: "strip id with strip 0",
            Key.ONE_ROW: "0: the whole detector",
        }[self]

    def ids(self, columns: Mapping[str, npt.NDArray[Any]], n_rows: int) -> Integers:
        """Keys of rows, from address columns whose values are in range.

        Parameters
        ----------
        columns : mapping of str to ndarray of int, shape (n_rows,)
            At least the address columns.
        n_rows : int
            For a key without address.

        Returns
        -------
        ndarray of int64, shape (n_rows,)

        Raises
        ------
        AddressError
            If a value does not fit in the id.
        """
        if self is Key.ONE_ROW:
            return np.zeros(n_rows, dtype=np.int64)
        if self in {Key.CHANNEL, Key.HALF_BOARD}:
            crate, croc, chain, board, last = (columns[name] for name in self.address)
            pixel = last if self is Key.CHANNEL else last * PIXELS_PER_HALF
            ids = pack_channel_ids(crate, croc, chain, board, pixel)
        elif self is Key.OD_BAR:
            ids = pack_od_bar_ids(*(columns[name] for name in self.address[1:]))
        else:
            _, subdet, module, plane, *strip = (columns[name] for name in self.address)
            ids = pack_strip_ids(subdet, module, plane, strip[0] if strip else 0)
        return ids.astype(np.int64)

    def address_of(self, key: int) -> tuple[int, ...]:
        """Values of the address columns of a key.

        Raises
        ------
        AddressError
            If it is no such id.
        """
        if self is Key.ONE_ROW:
            return ()
        if self is Key.OD_BAR:
            return tuple(int(part) for part in unpack_od_bar_ids(key).item())
        if self in {Key.STRIP, Key.PLANE}:
            return tuple(int(part) for part in unpack_strip_ids(key).item())[: len(self.address)]
        *board, pixel, _ = (int(part) for part in unpack_channel_ids(key).item())
        return (*board, pixel if self is Key.CHANNEL else pixel // PIXELS_PER_HALF)

    def existing(self, maps: DetectorMaps) -> Integers:
        """All keys that the detector has, in ascending order.

        Parameters
        ----------
        maps : DetectorMaps

        Returns
        -------
        ndarray of int64
        """
        if self is Key.ONE_ROW:
            return np.zeros(1, dtype=np.int64)
        if self is Key.CHANNEL:
            ids = maps.hardware.channel_ids()
        elif self is Key.HALF_BOARD:
            ids = maps.hardware.channel_ids()[::PIXELS_PER_HALF]
        elif self is Key.STRIP:
            ids = maps.planes.strips()["strip_id"]
        elif self is Key.OD_BAR:
            ids = _bars(np.unique(maps.planes.module))
        else:
            planes = maps.planes
            ids = pack_strip_ids(planes.subdet, planes.module, planes.plane, 0)
        return np.sort(ids.astype(np.int64))

    def where_from(self, maps: DetectorMaps) -> str:
        """Name of the table that says which keys exist."""
        if self in {Key.CHANNEL, Key.HALF_BOARD}:
            return maps.hardware.table.name
        return maps.planes.name if self is not Key.ONE_ROW else "a table of one row"


def _bars(frames: Integers) -> npt.NDArray[np.uint32]:
    """Ids of all bars: 6 towers of 4 stories of 2 bars a frame (detector page, section 2)."""
    low_high = [(field.low, field.high) for field in OD_BAR_ID.fields[2:]]
    towers, stories, bars = (np.arange(low, high + 1) for low, high in low_high)
    grid = np.meshgrid(frames, towers, stories, bars, indexing="ij")
    return pack_od_bar_ids(*(part.ravel() for part in grid))
