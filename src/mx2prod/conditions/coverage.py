"""Which subruns of a run list have no table, and what was decided for them (page, section 8)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from mx2prod.conditions.axis import Interval
from mx2prod.conditions.documents import RunList, RunTimeMap
from mx2prod.conditions.gtags import Gtag, find_gtag, require_open, set_gtag
from mx2prod.conditions.intervals import (
    Gap,
    Iov,
    Stop,
    covering,
    gaps,
    iovs,
    stops,
)
from mx2prod.conditions.store import Store, add_document, note, read_document
from mx2prod.conditions.tags import Tag
from mx2prod.core.errors import PolicyError


@dataclass(frozen=True)
class Missing:
    """Neighbouring subruns of the run list without a table, and what was decided.

    Attributes
    ----------
    folder : str
    interval : Interval
        From the first missing subrun to the next table, gap or stop.
    subruns : int
        Subruns of the run list in it.
    before, after : Iov or None
        The tables around it.
    choice : Gap or None
        What was decided; None: nothing yet.
    """

    folder: str
    interval: Interval
    subruns: int
    before: Iov | None
    after: Iov | None
    choice: Gap | None = None

    def as_dict(self) -> dict[str, Any]:
        """Members of ``mx2 conditions gaps --json``."""
        chosen = self.choice
        return {
            "folder": self.folder,
            **self.interval.as_dict(),
            "subruns": self.subruns,
            "before": _neighbour(self.before),
            "after": _neighbour(self.after),
            "choice": None if chosen is None else chosen.choice,
            "reason": None if chosen is None else chosen.reason,
            "content_sha256": None if chosen is None else chosen.content_sha256,
        }


def missing_of(
    folder: str,
    runs: RunList,
    rows: Sequence[Iov],
    decided: Sequence[Gap],
    at: Sequence[Stop],
) -> list[Missing]:
    """Subruns without a table, as maximal stretches between tables, gaps and stops.

    Parameters
    ----------
    folder : str
    runs : RunList
    rows : sequence of Iov
        In order.
    decided : sequence of Gap
        In order.
    at : sequence of Stop

    Returns
    -------
    list of Missing
        In order; those with a choice too.
    """
    found: list[Missing] = []
    for place in runs.places:
        if covering(rows, place) >= 0 or (found and place in found[-1].interval):
            continue
        number = covering(decided, place)
        chosen = decided[number] if number >= 0 else None
        interval = chosen.interval if chosen else _stretch(place, runs, rows, decided, at)
        before, after = _around(interval, rows)
        count = len(runs.within(interval))
        found.append(Missing(folder, interval, count, before, after, chosen))
    return found


def set_run_list(store: Store, gtag: str, runs: RunList, *, dry_run: bool = False) -> str:
    """Say which subruns a global tag is for; return the sha256 of the list.

    Raises
    ------
    StateError
        If the global tag is no longer open.
    """
    return _set_document(store, gtag, "run_list", runs, len(runs.places), dry_run=dry_run)


def set_runtime(store: Store, gtag: str, runtime: RunTimeMap, *, dry_run: bool = False) -> str:
    """Say when each subrun was taken; return the sha256 of the map.

    Raises
    ------
    StateError
        If the global tag is no longer open.
    TableError
        If run order and time order disagree inside one of its intervals; see
        :meth:`~mx2prod.conditions.documents.RunTimeMap.of`.
    """
    return _set_document(store, gtag, "runtime", runtime, len(runtime.subruns), dry_run=dry_run)


def gap_report(store: Store, gtag: str) -> list[Missing]:
    """Subruns of the global tag's run list without a table, of every folder.

    Raises
    ------
    PolicyError
        If the global tag has no run list.
    """
    with store.reading() as connection:
        found = find_gtag(connection, gtag)
        return [row for tag in found.tags.values() for row in folder_gaps(connection, found, tag)]


def folder_gaps(connection: Connection, gtag: Gtag, tag: Tag) -> list[Missing]:
    """Subruns without a table in one folder."""
    runs = run_list_of(connection, gtag)
    rows, decided = iovs(connection, tag.id), gaps(connection, tag.id)
    return missing_of(tag.folder, runs, rows, decided, stops(connection, tag.folder))


def run_list_of(connection: Connection, gtag: Gtag) -> RunList:
    """Run list of a global tag.

    Raises
    ------
    PolicyError
        If it has none.
    """
    if not gtag.run_list:
        raise PolicyError(
            f"global tag {gtag.name}: no run list, so nobody can tell whether it has gaps",
            next_step=f"mx2 conditions gaps {gtag.name} --runs FILE",
        )
    return RunList.of_document(read_document(connection, gtag.run_list))


def _set_document(
    store: Store,
    gtag: str,
    part: str,
    content: RunList | RunTimeMap,
    subruns: int,
    *,
    dry_run: bool,
) -> str:
    """Make a document the named part of an open global tag."""
    kind = part.replace("_", "-")
    with store.developing(dry_run=dry_run) as connection:
        found = require_open(find_gtag(connection, gtag))
        sha256 = add_document(connection, kind, content.document())
        if getattr(found, part) != sha256:
            set_gtag(connection, gtag, **{part: sha256})
            note(connection, kind, gtag, {part: sha256, "subruns": subruns})
    return sha256


def _around(interval: Interval, rows: Sequence[Iov]) -> tuple[Iov | None, Iov | None]:
    """Last table before an interval, and first one after it."""
    number = bisect_right(rows, interval.since, key=lambda row: row.interval.since)
    before = rows[number - 1] if number else None
    after = rows[number] if number < len(rows) else None
    return before, after


def _stretch(
    place: int, runs: RunList, rows: Sequence[Iov], decided: Sequence[Gap], at: Sequence[Stop]
) -> Interval:
    """From a place to the next row or stop; without one, to the last subrun of the list."""
    ends = [stop.place for stop in at if stop.place > place]
    for table in (rows, decided):
        number = bisect_right(table, place, key=lambda row: row.interval.since)
        ends += [row.interval.since for row in table[number : number + 1]]
    return Interval(place, min(ends, default=runs.places[-1] + 1))


def _neighbour(iov: Iov | None) -> dict[str, Any] | None:
    if iov is None:
        return None
    return {**iov.interval.as_dict(), "content_sha256": iov.content_sha256}
