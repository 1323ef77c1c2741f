"""Verdicts as data: of channels by status bits, of tables by reasons.

Source: pre-production page, sections 2.5 to 2.7 and 3.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mx2prod.core.canonical import canonical_json

Status = npt.NDArray[np.int32]
STRONG_SHIFT = 16
"""Bit ``n + 16`` of a status word: the channel is beyond the second, stronger limit of bit n."""

PLACES_IN_TEXT = 5


class Verdict(StrEnum):
    """What may be done with a channel or a table; in order, the worst last.

    Channels are good, investigate or bad; the other two exist for tables only.
    """

    GOOD = "good"
    INVESTIGATE = "investigate"
    BAD = "bad"
    TOO_FEW = "too_few"
    UNREADABLE = "unreadable"

    @property
    def rank(self) -> int:
        """Place in the order, 0 for good."""
        return list(Verdict).index(self)

    @classmethod
    def worst(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """Return the worst of some verdicts; good if there is none."""
        return max(verdicts, key=lambda verdict: verdict.rank, default=cls.GOOD)


CHANNEL_VERDICTS = (Verdict.GOOD, Verdict.INVESTIGATE, Verdict.BAD)
"""Verdicts of channels; the place is the number in arrays."""


@dataclass(frozen=True)
class StatusBit:
    """One bit of the status word of a channel.

    Attributes
    ----------
    number : int
        0 to 14; bit ``number + STRONG_SHIFT`` is set beside it beyond the stronger limit.
    name : str
    verdict : Verdict
        Of a channel that has the bit; good for a bit that only informs.
    condition : str
        When it is set, in words.
    counts_against_table : bool
        Whether the bit counts against the table although the bad-channel table lists the channel.
    strong_condition : str
        When the channel is bad by this bit; empty without a stronger limit.
    """

    number: int
    name: str
    verdict: Verdict
    condition: str
    counts_against_table: bool = True
    strong_condition: str = ""

    @property
    def mask(self) -> int:
        """The bit as a number."""
        return 1 << self.number

    @property
    def strong_mask(self) -> int:
        """The bit of the stronger limit as a number."""
        return 1 << (self.number + STRONG_SHIFT)


def channel_verdicts(status: Status, bits: Sequence[StatusBit]) -> npt.NDArray[np.int8]:
    """Verdicts of channels; the worst bit decides.

    Parameters
    ----------
    status : ndarray of int32, any shape
    bits : sequence of StatusBit

    Returns
    -------
    ndarray of int8, shape of ``status``
        Places in :data:`CHANNEL_VERDICTS`.
    """
    ranks = np.zeros(status.shape, np.int8)
    for bit in bits:
        of_bit = np.where(status & bit.mask, bit.verdict.rank, 0)
        if bit.strong_condition:
            of_bit = np.where(status & bit.strong_mask, Verdict.BAD.rank, of_bit)
        np.maximum(ranks, of_bit, out=ranks, casting="unsafe")
    return ranks


def counted_status(status: Status, known_bad: StatusBit, bits: Sequence[StatusBit]) -> Status:
    """Status words as they count for the table: known-bad channels without what is excused.

    Parameters
    ----------
    status : ndarray of int32, any shape
    known_bad : StatusBit
        The bit of channels that the bad-channel table lists.
    bits : sequence of StatusBit
    """
    excused = sum(bit.mask | bit.strong_mask for bit in bits if not bit.counts_against_table)
    return np.where(status & known_bad.mask, status & ~excused, status).astype(np.int32)


def count_verdicts(ranks: npt.NDArray[np.int8]) -> dict[str, int]:
    """Count channels by verdict: ``good``, ``investigate``, ``bad``, in this order."""
    return {
        str(verdict): int(np.count_nonzero(ranks == verdict.rank)) for verdict in CHANNEL_VERDICTS
    }


def bit_names(status: int, bits: Sequence[StatusBit]) -> list[str]:
    """Names of the bits that are set in one status word."""
    return [bit.name for bit in bits if status & bit.mask]


def places_text(places: Sequence[str]) -> str:
    """Say the first places, and how many more there are."""
    more = len(places) - PLACES_IN_TEXT
    listed = ", ".join(places[:PLACES_IN_TEXT])
    return f"{listed} and {more} more" if more > 0 else listed


@dataclass(frozen=True)
class Reason:
    """Why a table has its verdict.

    Attributes
    ----------
    code : str
        Stable word, for example ``absent_boards``.
    text : str
        One sentence for people.
    verdict : Verdict
        The best verdict that the table can have with it.
    count : int
        How many channels, boards, gates or findings.
    places : tuple of str
        Addresses of all of them: ``crate-croc-chain-board`` or ``…-pixel``; empty without any.
    """

    code: str
    text: str
    verdict: Verdict
    count: int = 0
    places: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Members in a fixed order; the places are complete."""
        return {
            "code": self.code,
            "text": self.text,
            "verdict": str(self.verdict),
            "count": self.count,
            "places": list(self.places),
        }

    def __str__(self) -> str:
        where = f": {places_text(self.places)}" if self.places else ""
        return f"{self.verdict}: {self.text}{where}"


@dataclass(frozen=True)
class TableVerdict:
    """Verdict of a table, with its reasons as data.

    Attributes
    ----------
    kind : {"pedestal", "gain", "feb"}
    verdict : Verdict
        The worst of the reasons.
    reasons : tuple of Reason
        Worst first; those that only inform have the verdict good.
    channels : dict of str to int
        Channels by verdict: good, investigate, bad.
    gates : dict of str to int
        Gates by kind, for example pedestal, li, beam.
    """

    kind: Literal["pedestal", "gain", "feb"]
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    channels: Mapping[str, int] = field(default_factory=dict)
    gates: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        kind: Literal["pedestal", "gain", "feb"],
        reasons: Iterable[Reason],
        channels: Mapping[str, int] | None = None,
        gates: Mapping[str, int] | None = None,
    ) -> TableVerdict:
        """Verdict from the reasons: the worst decides, the worst is named first."""
        ordered = sorted(reasons, key=lambda reason: -reason.verdict.rank)
        worst = Verdict.worst(reason.verdict for reason in ordered)
        none = dict.fromkeys(map(str, CHANNEL_VERDICTS), 0)
        return cls(kind, worst, tuple(ordered), dict(channels or none), dict(gates or {}))

    def as_dict(self) -> dict[str, Any]:
        """Members as ``mx2 calibrate --json`` has them."""
        return {
            "kind": self.kind,
            "verdict": str(self.verdict),
            "reasons": [reason.as_dict() for reason in self.reasons],
            "channels": dict(self.channels),
            "gates": dict(self.gates),
        }

    def as_json(self) -> str:
        """Canonical JSON text of :meth:`as_dict`."""
        return canonical_json(self.as_dict())
