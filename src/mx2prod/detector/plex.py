"""The plex: which strip each pixel reads, and back (detector page, section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import AddressError
from mx2prod.detector.addresses import (
    ChannelAddress,
    StripAddress,
    pack_channel_ids,
    unpack_channel_ids,
)
from mx2prod.detector.coordinates import View
from mx2prod.detector.hardware import BOARD_DTYPE, HardwareMap, board_columns
from mx2prod.detector.planes import STRIP_ROW_DTYPE, Planes
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.table import Table
from mx2prod.detector.versions import DEFAULT_PLEX, OD_BOARDS_VERSION, load_table

Integers = npt.NDArray[np.int64]


class Role(IntEnum):
    """What a pixel of the hardware map reads."""

    STRIP = 1
    SPARE = 2
    """Pixel of an inner-detector board without a strip."""
    OD = 3
    """Pixel of an outer-detector board; never mapped to a strip."""
    UNMAPPED = 4
    """Pixel of a board that neither the plex nor the outer-detector table has."""

    @property
    def word(self) -> str:
        """Lower-case name."""
        return self.name.lower()


ADDRESS_DTYPE = np.dtype(
    [
        ("channel_id", "<u4"),
        ("crate", "u1"),
        ("croc", "u1"),
        ("chain", "u1"),
        ("board", "u1"),
        ("pixel", "u1"),
        ("role", "u1"),  # Role
        ("strip_index", "<i4"),  # dense strip number; -1 without a strip
        *((name, STRIP_ROW_DTYPE[name]) for name in STRIP_ROW_DTYPE.names or ()),
    ]
)
"""A pixel and its strip: both ids and their fields; zero and -1 without a strip."""


@dataclass(frozen=True)
class Plex:
    """Wiring of the detector, checked against planes and hardware map.

    Attributes
    ----------
    table : Table
        crate, croc, chain, board, pixel, module, plane, strip, view of the inner-detector pixels.
    od_table : Table
        The boards of the outer detector.
    planes : Planes
    hardware : HardwareMap
    channels : ndarray of ADDRESS_DTYPE, shape (hardware.n_channels,)
        Every pixel of the hardware map in dense order, outer detector included; read-only.
    channel_of_strip : ndarray of int32, shape (planes.n_strips,)
        Dense channel of each dense strip; read-only.

    Raises
    ------
    TableError
        If the table names a strip that the geometry does not have, with another view, leaves a
        strip out, or names a board outside the hardware map; or if a board stands in both tables.
    """

    table: Table
    od_table: Table
    planes: Planes
    hardware: HardwareMap
    channels: npt.NDArray[np.void] = field(init=False, repr=False)
    channel_of_strip: npt.NDArray[np.int32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        channel = self._channels_of_rows()
        strip = self._strips_of_rows()
        back = np.full(self.planes.n_strips, -1, dtype=np.int32)
        back[strip[strip >= 0]] = channel[strip >= 0]
        self._require_all_strips(back)
        channels = self._fill(channel, strip)
        for name, array in (("channels", channels), ("channel_of_strip", back)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def load(
        cls,
        name: str = DEFAULT_PLEX,
        *,
        planes: Planes | None = None,
        hardware: HardwareMap | None = None,
        sha256: str | None = None,
    ) -> Plex:
        """Load a plex by version name or path (see :func:`~.versions.load_table`).

        Parameters
        ----------
        name : str
        planes : Planes, optional
        hardware : HardwareMap, optional
            The default versions if not given.
        sha256 : str, optional
            Refuse another content.

        Raises
        ------
        UsageError, InputFileError, TableError
            See :func:`~.versions.load_table` and the class.
        """
        return cls(
            load_table(name, "plex", sha256=sha256),
            load_table(OD_BOARDS_VERSION, "od_boards"),
            planes if planes is not None else Planes.load(),
            hardware if hardware is not None else HardwareMap.load(),
        )

    @property
    def name(self) -> str:
        """Version name."""
        return self.table.name

    @property
    def strip_of_channel(self) -> npt.NDArray[np.int32]:
        """Dense strip of each dense channel, -1 without a strip; shape (n_channels,)."""
        return np.asarray(self.channels["strip_index"])

    @property
    def role_of_feb(self) -> npt.NDArray[np.uint8]:
        """Role of each board by its pixel 1 ... 63 (:class:`Role` STRIP, OD or UNMAPPED)."""
        roles = self.channels["role"].reshape(-1, PIXELS_PER_BOARD)
        return np.where(roles == Role.SPARE, Role.STRIP, roles)[:, 0].astype(np.uint8)

    def strip_index(self, channel_index: npt.ArrayLike) -> Integers:
        """Dense strips of dense channels; -1 for channels without a strip, and for -1.

        Parameters
        ----------
        channel_index : int or array_like of int
            As :meth:`HardwareMap.channel_index` gives them.

        Returns
        -------
        ndarray of int64

        Raises
        ------
        AddressError
            If a number is not in -1 .. n_channels - 1.
        """
        index = _in_range(channel_index, self.hardware.n_channels, "channel")
        return np.where(index < 0, -1, self.strip_of_channel[index]).astype(np.int64)

    def channel_index(self, strip_index: npt.ArrayLike) -> Integers:
        """Dense channels of dense strips; -1 for -1.

        Parameters
        ----------
        strip_index : int or array_like of int

        Returns
        -------
        ndarray of int64

        Raises
        ------
        AddressError
            If a number is not in -1 .. n_strips - 1.
        """
        index = _in_range(strip_index, self.planes.n_strips, "strip")
        return np.where(index < 0, -1, self.channel_of_strip[index]).astype(np.int64)

    def addresses(self, channel_ids: npt.ArrayLike) -> npt.NDArray[np.void]:
        """Everything about pixels, by channel id.

        A pixel of a board that the hardware map does not have keeps its address, with role
        UNMAPPED and no strip.

        Parameters
        ----------
        channel_ids : array_like of int, shape (n,)

        Returns
        -------
        ndarray of ADDRESS_DTYPE, shape (n,)

        Raises
        ------
        AddressError
            If an id has bits outside the layout or a field out of range.
        """
        ids = np.atleast_1d(np.asarray(channel_ids))
        index = self.hardware.channel_index(ids)
        result = self.channels[index]
        result[index < 0] = _unmapped(ids[index < 0])
        return result

    def of_channel(self, address: ChannelAddress) -> StripAddress | None:
        """Strip of a pixel; None without a strip.

        Raises
        ------
        AddressError
            If the hardware map has no such board.
        """
        row = self.channels[self.hardware.require_channel(address)]
        if row["strip_index"] < 0:
            return None
        return StripAddress(int(row["module"]), int(row["plane"]), int(row["strip"]))

    def of_strip(self, strip: StripAddress) -> ChannelAddress:
        """Pixel of a strip.

        Raises
        ------
        AddressError
            If the geometry has no such strip.
        """
        self.planes.require(strip.module, strip.plane)
        index = int(self.planes.strip_index(strip.module, strip.plane, strip.strip))
        if index < 0:
            raise AddressError(
                f"no strip {strip}: strips are 1..{self.planes.shape.strips_per_plane}",
                next_step=f"mx2 detector plex --module {strip.module}",
            )
        row = self.channels[self.channel_of_strip[index]]
        parts = ("crate", "croc", "chain", "board", "pixel")
        return ChannelAddress(*(int(row[part]) for part in parts))

    def _channels_of_rows(self) -> Integers:
        for table in (self.table, self.od_table):
            outside = np.flatnonzero(self.hardware.feb_index(table.rows) < 0)
            if outside.size:
                table.refuse(int(outside[0]), f"no such board in {self.hardware.table.name}")
        own = self.hardware.feb_index(self.table.rows)
        shared = np.flatnonzero(np.isin(own, self.hardware.feb_index(self.od_table.rows)))
        if shared.size:
            self.table.refuse(int(shared[0]), f"{self.od_table.name} has this board too")
        return np.asarray(own * PIXELS_PER_BOARD + self.table.rows["pixel"])

    def _strips_of_rows(self) -> Integers:
        rows = self.table.rows
        strip = self.planes.strip_index(rows["module"], rows["plane"], rows["strip"])
        unknown = np.flatnonzero((strip < 0) & (rows["strip"] > 0))
        if unknown.size:
            self.table.refuse(int(unknown[0]), f"no such strip in {self.planes.name}")
        view = self.planes.table.rows["view"][strip // self.planes.shape.strips_per_plane]
        other = np.flatnonzero((strip >= 0) & (rows["view"] != view))
        if other.size:
            row = int(other[0])
            self.table.refuse(row, f"the view is {view[row]} in {self.planes.name}")
        return strip

    def _require_all_strips(self, back: npt.NDArray[np.int32]) -> None:
        missing = np.flatnonzero(back < 0)
        if missing.size:
            plane, strip = divmod(int(missing[0]), self.planes.shape.strips_per_plane)
            spares = np.flatnonzero(self.table.rows["strip"] == 0)
            self.table.refuse(
                int(spares[0]) if spares.size else 0,
                f"{missing.size} strips have no pixel, the first is {self.planes.module[plane]}/"
                f"{self.planes.plane[plane]}/{strip + 1}; found {spares.size} spare pixels",
            )

    def _fill(self, channel: Integers, strip: Integers) -> npt.NDArray[np.void]:
        channels = _unmapped(self.hardware.channel_ids())
        od = np.isin(
            np.arange(len(channels)) // PIXELS_PER_BOARD,
            self.hardware.feb_index(self.od_table.rows),
        )
        channels["role"][od] = Role.OD
        channels["role"][channel] = np.where(strip < 0, Role.SPARE, Role.STRIP)
        channels["strip_index"][channel] = strip
        mapped = channels["strip_index"] >= 0
        strips = self.planes.strips()[channels["strip_index"][mapped]]
        for name in STRIP_ROW_DTYPE.names or ():
            channels[name][mapped] = strips[name]
        return channels


def _unmapped(channel_ids: npt.NDArray[np.integer]) -> npt.NDArray[np.void]:
    fields = unpack_channel_ids(channel_ids)
    rows = np.zeros(len(channel_ids), dtype=ADDRESS_DTYPE)
    for name in (*(BOARD_DTYPE.names or ()), "pixel"):
        rows[name] = fields[name]
    rows["channel_id"] = pack_channel_ids(*board_columns(rows), pixel=rows["pixel"])
    rows["role"] = Role.UNMAPPED
    rows["strip_index"] = -1
    rows["view"] = View.UNKNOWN
    return rows


def _in_range(numbers: npt.ArrayLike, count: int, what: str) -> Integers:
    index = np.asarray(numbers)
    if index.size and (index.dtype.kind not in "iu" or index.min() < -1 or index.max() >= count):
        raise AddressError(
            f"dense {what} number out of range, expected integers in -1..{count - 1}"
        )
    return index.astype(np.int64)
