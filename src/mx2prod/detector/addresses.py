"""Channel ids, strip ids and board addresses: bit layouts, packing, spelling.

The layouts are those of the constants tables (detector page, section 3; raw-format page, section
10).  Nothing is masked in silence: a field that does not fit is an :class:`AddressError`.

The layout of the strip id is inferred from a few public keys; :data:`STRIP_ID` is the only place
that knows it.  That of the bars of the outer detector is a proposal in its likeness
(:data:`OD_BAR_ID`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import AddressError

DETECTOR_CODE = 1
"""Detector field of every strip id."""

CHANNEL_DTYPE = np.dtype(
    [(name, "u1") for name in ("crate", "croc", "chain", "board", "pixel", "hit")]
)
"""Fields of a channel id."""

STRIP_DTYPE = np.dtype(
    [(name, "u1") for name in ("detector", "subdet", "module", "plane", "strip")]
)
"""Fields of a strip id."""

OD_BAR_DTYPE = np.dtype([(name, "u1") for name in ("detector", "frame", "tower", "story", "bar")])
"""Fields of the id of a bar of the outer detector."""


@dataclass(frozen=True)
class BitField:
    """Place of one field in an id, and the values that it may have.

    Attributes
    ----------
    name : str
    shift, width : int
        Lowest bit and number of bits.
    low, high : int
        Inclusive range of legal values.
    """

    name: str
    shift: int
    width: int
    low: int
    high: int


@dataclass(frozen=True)
class IdLayout:
    """Bit layout of a 32-bit id.

    Attributes
    ----------
    name : str
        For messages.
    fields : tuple of BitField
    """

    name: str
    fields: tuple[BitField, ...]

    def pack(self, values: Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.uint32]:
        """Join fields into ids; fields broadcast against each other.

        Parameters
        ----------
        values : mapping of str to int or array_like of int
            One entry for each field of the layout.

        Returns
        -------
        ndarray of uint32
            Broadcast shape of the fields.

        Raises
        ------
        AddressError
            If a value is not an integer or out of its range; names field, value and row.
        """
        ids: npt.NDArray[np.uint32] = np.zeros((), dtype=np.uint32)
        for field in self.fields:
            value = np.asarray(values[field.name])
            self._require_integers(field.name, value)
            self._require(field.name, value, (value >= field.low) & (value <= field.high),
                          f"{field.low}..{field.high}")  # fmt: skip
            ids = ids | np.left_shift(value.astype(np.uint32), np.uint32(field.shift))
        return ids

    def unpack(self, ids: npt.ArrayLike, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
        """Split ids into their fields.

        Parameters
        ----------
        ids : int or array_like of int
        dtype : dtype
            Structured, with the names of the fields.

        Returns
        -------
        ndarray of dtype
            Shape of ``ids``.

        Raises
        ------
        AddressError
            If an id is not an integer, has a bit outside the layout, or a field out of range.
        """
        values = np.asarray(ids)
        self._require_integers("id", values)
        used = sum(((1 << field.width) - 1) << field.shift for field in self.fields)
        self._require("id", values, (values >= 0) & (values <= 0xFFFF_FFFF), "0..4294967295")
        words = values.astype(np.uint32)
        self._require("id", words, (words & np.uint32(~used & 0xFFFF_FFFF)) == 0,
                      f"ids without bits outside 0x{used:08x}")  # fmt: skip
        result = np.zeros(words.shape, dtype=dtype)
        for field in self.fields:
            part = (words >> np.uint32(field.shift)) & np.uint32((1 << field.width) - 1)
            self._require(field.name, part, (part >= field.low) & (part <= field.high),
                          f"{field.low}..{field.high}")  # fmt: skip
            result[field.name] = part
        return result

    def _require_integers(self, field: str, value: npt.NDArray[np.generic]) -> None:
        if value.dtype.kind not in "iu" and value.size:
            raise AddressError(f"{self.name}: {field} is {value.dtype}, expected integers")

    def _require(
        self,
        field: str,
        value: npt.NDArray[np.generic],
        good: npt.NDArray[np.bool_],
        expected: str,
    ) -> None:
        if np.all(good):
            return
        row = int(np.argmin(np.ravel(good)))
        where = f" in row {row}" if value.ndim else ""
        raise AddressError(
            f"{self.name}: {field} {np.ravel(value)[row]}{where} is out of range, "
            f"expected {expected}"
        )


CHANNEL_ID = IdLayout(
    "channel id",
    (
        BitField("crate", 25, 4, 0, 15),
        BitField("croc", 20, 5, 0, 31),
        BitField("chain", 17, 3, 0, 7),
        BitField("board", 12, 5, 0, 31),
        BitField("pixel", 5, 7, 0, 63),
        BitField("hit", 0, 5, 0, 31),
    ),
)
"""Channel id; bits 31-29 are zero, ``hit`` is zero in tables."""

STRIP_ID = IdLayout(
    "strip id",
    (
        BitField("detector", 30, 2, DETECTOR_CODE, DETECTOR_CODE),
        BitField("subdet", 27, 3, 0, 7),
        BitField("module", 20, 7, 0, 127),
        BitField("plane", 18, 2, 0, 3),
        BitField("strip", 10, 7, 0, 127),
    ),
)
"""Strip id; bits 17 and 9-0 are zero.  Strip 0 stands for the whole plane in alignment tables."""

OD_BAR_ID = IdLayout(
    "outer-detector bar id",
    (
        BitField("detector", 30, 2, DETECTOR_CODE, DETECTOR_CODE),
        BitField("frame", 20, 7, 0, 127),
        BitField("tower", 17, 3, 1, 6),
        BitField("story", 14, 3, 1, 4),
        BitField("bar", 12, 2, 1, 2),
    ),
)
"""Bar id (proposal); bits 29-27 and 11-0 are zero, so that no strip id of Mx2 is one."""


def pack_channel_ids(
    crate: npt.ArrayLike,
    croc: npt.ArrayLike,
    chain: npt.ArrayLike,
    board: npt.ArrayLike,
    pixel: npt.ArrayLike,
    *,
    hit: npt.ArrayLike = 0,
) -> npt.NDArray[np.uint32]:
    """Join addresses into channel ids; see :meth:`IdLayout.pack`."""
    return CHANNEL_ID.pack(
        {"crate": crate, "croc": croc, "chain": chain, "board": board, "pixel": pixel, "hit": hit}
    )


def unpack_channel_ids(ids: npt.ArrayLike) -> npt.NDArray[np.void]:
    """Split channel ids into fields, as :data:`CHANNEL_DTYPE`; see :meth:`IdLayout.unpack`."""
    return CHANNEL_ID.unpack(ids, CHANNEL_DTYPE)


def pack_strip_ids(
    subdet: npt.ArrayLike, module: npt.ArrayLike, plane: npt.ArrayLike, strip: npt.ArrayLike
) -> npt.NDArray[np.uint32]:
    """Join strips into strip ids; see :meth:`IdLayout.pack`."""
    return STRIP_ID.pack(
        {
            "detector": DETECTOR_CODE,
            "subdet": subdet,
            "module": module,
            "plane": plane,
            "strip": strip,
        }
    )


def unpack_strip_ids(ids: npt.ArrayLike) -> npt.NDArray[np.void]:
    """Split strip ids into their fields, as :data:`STRIP_DTYPE`; see :meth:`IdLayout.unpack`."""
    return STRIP_ID.unpack(ids, STRIP_DTYPE)


def pack_od_bar_ids(
    frame: npt.ArrayLike, tower: npt.ArrayLike, story: npt.ArrayLike, bar: npt.ArrayLike
) -> npt.NDArray[np.uint32]:
    """Join bars of the outer detector into ids; see :meth:`IdLayout.pack`."""
    return OD_BAR_ID.pack(
        {"detector": DETECTOR_CODE, "frame": frame, "tower": tower, "story": story, "bar": bar}
    )


def unpack_od_bar_ids(ids: npt.ArrayLike) -> npt.NDArray[np.void]:
    """Split bar ids into their fields, as :data:`OD_BAR_DTYPE`; see :meth:`IdLayout.unpack`."""
    return OD_BAR_ID.unpack(ids, OD_BAR_DTYPE)


def _numbers(text: str, separator: str, form: str) -> list[int]:
    words = text.strip().split(separator)
    if len(words) != form.count(separator) + 1 or not all(
        re.fullmatch(r"[0-9]{1,9}", word) for word in words
    ):
        raise AddressError(f"{text!r} is not of the form {form}")
    return [int(word) for word in words]


@dataclass(frozen=True, order=True)
class BoardAddress:
    """Address of a front-end board.

    Attributes
    ----------
    crate, croc, chain, board : int
        ``chain`` counts from 0 (operators say CHANNEL 1-4), ``board`` from 1.

    Raises
    ------
    AddressError
        If a field does not fit in a channel id.
    """

    crate: int
    croc: int
    chain: int
    board: int

    def __post_init__(self) -> None:
        pack_channel_ids(self.crate, self.croc, self.chain, self.board, 0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``crate-croc-chain-board``.

        Raises
        ------
        AddressError
            If the text has another form or a field is out of range.
        """
        return cls(*_numbers(text, "-", "crate-croc-chain-board"))

    def __str__(self) -> str:
        return f"{self.crate}-{self.croc}-{self.chain}-{self.board}"


@dataclass(frozen=True, order=True)
class ChannelAddress:
    """Address of a pixel.

    Attributes
    ----------
    crate, croc, chain, board, pixel : int
    hit : int
        Hit block; 0 in tables.

    Raises
    ------
    AddressError
        If a field does not fit in a channel id.
    """

    crate: int
    croc: int
    chain: int
    board: int
    pixel: int
    hit: int = 0

    def __post_init__(self) -> None:
        _ = self.id

    @property
    def id(self) -> int:
        """The channel id."""
        return int(
            pack_channel_ids(
                self.crate, self.croc, self.chain, self.board, self.pixel, hit=self.hit
            )
        )

    @property
    def feb(self) -> BoardAddress:
        """Address of the board."""
        return BoardAddress(self.crate, self.croc, self.chain, self.board)

    @classmethod
    def from_id(cls, channel_id: int) -> Self:
        """Split a channel id.

        Raises
        ------
        AddressError
            If the id has bits outside the layout or a field out of range.
        """
        return cls(*(int(part) for part in unpack_channel_ids(channel_id).item()))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``crate-croc-chain-board-pixel``, or a channel id.

        Raises
        ------
        AddressError
            If the text has another form or a field is out of range.
        """
        if re.fullmatch(r"[0-9]{1,20}", text.strip()):
            return cls.from_id(int(text))
        return cls(*_numbers(text, "-", "crate-croc-chain-board-pixel"))

    def __str__(self) -> str:
        return f"{self.feb}-{self.pixel}"


@dataclass(frozen=True, order=True)
class StripAddress:
    """A strip, by the numbers that people say.

    Attributes
    ----------
    module, plane, strip : int

    Raises
    ------
    AddressError
        If a field does not fit in a strip id.
    """

    module: int
    plane: int
    strip: int

    def __post_init__(self) -> None:
        pack_strip_ids(0, self.module, self.plane, self.strip)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``module/plane/strip``.

        Raises
        ------
        AddressError
            If the text has another form or a field is out of range.
        """
        return cls(*_numbers(text, "/", "module/plane/strip"))

    def __str__(self) -> str:
        return f"{self.module}/{self.plane}/{self.strip}"
