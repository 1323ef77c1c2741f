"""What changed between two tables, and between two global tags (conditions page, section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.conditions.axis import Interval
from mx2prod.conditions.gtags import find_gtag
from mx2prod.conditions.intervals import Iov
from mx2prod.conditions.manifest import FolderManifest, manifest_of
from mx2prod.conditions.payloads import decode
from mx2prod.conditions.putting import read_payload
from mx2prod.conditions.store import Store
from mx2prod.constants import Column, Table
from mx2prod.constants.keys import Key
from mx2prod.core.errors import UsageError
from mx2prod.detector import CHANNEL_ID

SIGMAS = 5.0
WORST = 10
_BOARD_SHIFT = next(field.shift for field in CHANNEL_ID.fields if field.name == "board")
_MAD = 1.4826
_CHANGED_BOARD = 0.5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """One channel whose value changed.

    Attributes
    ----------
    channel : int
    address : str
    before, after : float
    """

    channel: int
    address: str
    before: float
    after: float


@dataclass(frozen=True)
class ColumnDiff:
    """Change of one column over the rows that both tables have.

    Attributes
    ----------
    column, unit : str
    kind : str
        ``ratio`` where all former values are positive, otherwise ``difference``.
    median, rms : float
        Of the ratio, or of the difference.
    beyond : int
        Rows farther than :data:`SIGMAS` robust standard deviations from the median.
    worst : tuple of Change
        The farthest ones, at most :data:`WORST`.
    """

    column: str
    unit: str
    kind: str
    median: float
    rms: float
    beyond: int
    worst: tuple[Change, ...]


@dataclass(frozen=True)
class TableDiff:
    """Change of a table.

    Attributes
    ----------
    common : int
        Rows that both have.
    only_before, only_after : tuple of int
        Keys of the other rows.
    columns : tuple of ColumnDiff
        Number columns that changed.
    boards : tuple of str
        Boards of which more than half of the pixels changed beyond :data:`SIGMAS`, as
        ``crate-croc-chain-board``.
    """

    common: int
    only_before: tuple[int, ...]
    only_after: tuple[int, ...]
    columns: tuple[ColumnDiff, ...]
    boards: tuple[str, ...]


@dataclass(frozen=True)
class IntervalDiff:
    """Change of what holds in an interval.

    Attributes
    ----------
    folder : str
    interval : Interval
        Where both held.
    before, after : str
        Content hashes.
    table : TableDiff
    """

    folder: str
    interval: Interval
    before: str
    after: str
    table: TableDiff

    def as_dict(self) -> dict[str, Any]:
        """Members of ``mx2 conditions diff --json``."""
        table = self.table
        return {
            "folder": self.folder,
            **self.interval.as_dict(),
            "before": self.before,
            "after": self.after,
            "common": table.common,
            "only_before": list(table.only_before),
            "only_after": list(table.only_after),
            "boards": list(table.boards),
            "columns": [
                {**vars(column), "worst": [vars(change) for change in column.worst]}
                for column in table.columns
            ],
        }


@dataclass(frozen=True)
class GtagDiff:
    """Change between two global tags.

    Attributes
    ----------
    only_before, only_after : tuple of str
        Folders that the other one has not.
    intervals : tuple of IntervalDiff
        Where another table holds.
    same : int
        Pairs of intervals with the same table.
    """

    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    intervals: tuple[IntervalDiff, ...]
    same: int = field(default=0)


def compare_tables(before: Table, after: Table) -> TableDiff:
    """Compare two tables of one schema, row by row of the keys that both have.

    Raises
    ------
    UsageError
        If the schemas differ.
    """
    if before.schema is not after.schema:
        raise UsageError(f"tables of {before.schema.schema} and {after.schema.schema}")
    common, old, new = np.intersect1d(before.channel, after.channel, return_indices=True)
    columns, changed = [], np.zeros(len(common), dtype=bool)
    for column in before.schema.values:
        if column.type == "utf8" or not len(common):
            continue
        a = before[column.name][old].astype(np.float64)
        b = after[column.name][new].astype(np.float64)
        if np.array_equal(a, b):
            continue
        diff, beyond = _compare(column, a, b, common, after.schema.key)
        columns.append(diff)
        changed |= beyond
    return TableDiff(
        len(common),
        tuple(np.setdiff1d(before.channel, common).tolist()),
        tuple(np.setdiff1d(after.channel, common).tolist()),
        tuple(columns),
        _boards(after, common, changed),
    )


def compare_gtags(store: Store, before: str, after: str) -> GtagDiff:
    """Compare what two global tags of a store give.

    Raises
    ------
    UsageError
        If there is no such global tag.
    """
    with store.reading() as connection:
        old = {f.folder: f for f in manifest_of(connection, find_gtag(connection, before))}
        new = {f.folder: f for f in manifest_of(connection, find_gtag(connection, after))}
    found: list[IntervalDiff] = []
    same = 0
    for folder in sorted(old.keys() & new.keys()):
        pairs = list(changed_pairs(old[folder], new[folder]))
        same += len(list(overlaps(old[folder].iovs, new[folder].iovs))) - len(pairs)
        found += _compare_pairs(store, folder, pairs)
    return GtagDiff(
        tuple(sorted(old.keys() - new.keys())), tuple(sorted(new.keys() - old.keys())),
        tuple(found), same,
    )  # fmt: skip


def overlaps(
    before: tuple[Iov, ...], after: tuple[Iov, ...]
) -> Iterator[tuple[Interval, str, str]]:
    """Stretches where both have a table: interval, former and new content hash."""
    number = 0
    for new in after:
        while number < len(before) and before[number].interval.until <= new.interval.since:
            number += 1
        place = number
        while place < len(before) and before[place].interval.since < new.interval.until:
            old = before[place]
            interval = Interval(
                max(old.interval.since, new.interval.since),
                min(old.interval.until, new.interval.until),
            )
            yield interval, old.content_sha256, new.content_sha256
            place += 1


def changed_pairs(
    before: FolderManifest, after: FolderManifest
) -> Iterator[tuple[Interval, str, str]]:
    """Stretches of :func:`overlaps` where the tables differ, each pair of tables once."""
    seen = set()
    for interval, old, new in overlaps(before.iovs, after.iovs):
        if old != new and (old, new) not in seen:
            seen.add((old, new))
            yield interval, old, new


def _compare_pairs(
    store: Store, folder: str, pairs: list[tuple[Interval, str, str]]
) -> Iterator[IntervalDiff]:
    for interval, old, new in pairs:
        with store.reading() as connection:
            tables = [decode(read_payload(connection, sha256)) for sha256 in (old, new)]
        yield IntervalDiff(folder, interval, old, new, compare_tables(*tables))


def _compare(
    column: Column, a: Floats, b: Floats, keys: npt.NDArray[np.int64], key: Key
) -> tuple[ColumnDiff, npt.NDArray[np.bool_]]:
    ratio = bool((a > 0).all())
    change = b / a if ratio else b - a
    median = float(np.median(change))
    away = np.abs(change - median)
    beyond = away > SIGMAS * _MAD * float(np.median(away))
    order = np.argsort(-away, kind="stable")[:WORST]
    worst = tuple(
        Change(int(keys[n]), _address(key, int(keys[n])), float(a[n]), float(b[n]))
        for n in order
        if away[n] > 0
    )
    rms = float(np.sqrt(np.mean((change - change.mean()) ** 2)))
    kind = "ratio" if ratio else "difference"
    diff = ColumnDiff(column.name, column.unit, kind, median, rms, int(beyond.sum()), worst)
    return diff, beyond


def _address(key: Key, number: int) -> str:
    return "-".join(map(str, key.address_of(number))) or str(key)


def _boards(
    table: Table, keys: npt.NDArray[np.int64], changed: npt.NDArray[np.bool_]
) -> tuple[str, ...]:
    if table.schema.key is not Key.CHANNEL or not changed.any():
        return ()
    board, number, size = np.unique(keys >> _BOARD_SHIFT, return_inverse=True, return_counts=True)
    share = np.bincount(number, weights=changed) / size
    return tuple(
        "-".join(map(str, table.schema.key.address_of(int(b) << _BOARD_SHIFT)[:4]))
        for b in board[share > _CHANGED_BOARD]
    )
