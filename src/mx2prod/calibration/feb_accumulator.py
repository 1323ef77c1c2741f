"""Sums of the response of the front-end boards: charge injection, and ratios of gains in situ.

Source: pre-production page, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.merging import Mergeable, add_counts, join_files, require_alike
from mx2prod.calibration.sources import SourceFile, join_sources

Integers = npt.NDArray[np.int64]


class FebSumsKind(StrEnum):
    """What is summed."""

    INJECTION = "injection"
    """Keys are counts of InjectDAC; for each gain n, sum, sum of squares, readings at a rail."""
    IN_SITU = "in-situ"
    """Keys are :class:`Relation`; n, Sx, Sy, Sxx, Sxy, Syy in ADC, and pairs of lit pixels."""

    @property
    def width(self) -> int:
        """Numbers of a key and channel."""
        return 12 if self is FebSumsKind.INJECTION else 7


class Relation(IntEnum):
    """Pairs of gains: x is the larger gain, y the next."""

    HIGH_MEDIUM = 0
    """All ADC frames."""
    MEDIUM_LOW = 1
    """Untimed frames of boards without a timed hit; low gain holds the charge in any mode."""
    MEDIUM_LOW_TIMED = 2
    """Timed frames; low gain holds the charge only if it is pushed with the others."""


@dataclass(frozen=True)
class FebSums(Mergeable):
    """Exact sums; they merge in any order and grouping to the same content.

    Attributes
    ----------
    kind : FebSumsKind
    selection : dict
        Settings that decide the content.
    hardware : str
        Sha256 of the table of the hardware map that the channel numbers belong to.
    keys : ndarray of int64, shape (n_keys,)
        Ascending; see :class:`FebSumsKind`.
    sums : ndarray of int64, shape (n_keys, n_channels, kind.width)
    sources : ndarray of SOURCE_DTYPE
        What has been read, see :mod:`~mx2prod.calibration.sources`.
    gates : dict of str to int
        ``type <n>``: gates by trigger type; ``skipped <flag>``; ``used``.
    unmapped : dict of str to int
        Boards that the hardware map does not have, by address: selected gates that had them.
    tables : dict of str to list of str
        Content hashes of the constants that the selection used, by schema.
    files : tuple of SourceFile
        Raw files, in order of their names.
    """

    kind: FebSumsKind
    selection: dict[str, Any]
    hardware: str
    keys: Integers
    sums: Integers
    sources: npt.NDArray[np.void]
    gates: dict[str, int]
    unmapped: dict[str, int]
    tables: dict[str, list[str]]
    files: tuple[SourceFile, ...] = ()

    @property
    def merge_key(self) -> dict[str, Any]:
        """Kind, selection and hardware map; sums that differ in it do not merge."""
        return {"kind": str(self.kind), "selection": self.selection, "hardware": self.hardware}

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.sums.shape[1])


def merge_feb_sums(parts: Sequence[FebSums]) -> FebSums:
    """Merge sums; the answer does not depend on order or grouping.

    Parameters
    ----------
    parts : sequence of FebSums
        At least one.

    Raises
    ------
    ConfigError
        If kinds, selections or hardware maps differ.
    UsageError
        If a range of gates of a subrun is in two of them, or there is none.
    """
    require_alike("sums of the FEB response", parts)
    first = parts[0]
    keys = np.unique(np.concatenate([part.keys for part in parts]))
    sums = np.zeros((len(keys), *first.sums.shape[1:]), np.int64)
    for part in parts:
        sums[np.searchsorted(keys, part.keys)] += part.sums
    names = sorted({name for part in parts for name in part.tables})
    return FebSums(
        first.kind,
        first.selection,
        first.hardware,
        keys,
        sums,
        join_sources(np.concatenate([part.sources for part in parts])),
        add_counts(part.gates for part in parts),
        add_counts(part.unmapped for part in parts),
        {n: sorted({h for part in parts for h in part.tables.get(n, [])}) for n in names},
        join_files(part.files for part in parts),
    )
