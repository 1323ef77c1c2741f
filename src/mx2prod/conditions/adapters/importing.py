"""Bring the tables of another system into an open tag (conditions page, sections 12 and 17)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mx2prod.conditions.adapters.reply import Reply
from mx2prod.conditions.axis import OPEN_END, Interval, place_text
from mx2prod.conditions.documents import RunTimeMap
from mx2prod.conditions.putting import Provenance, Put, put
from mx2prod.conditions.store import Store
from mx2prod.constants import table_of_folder
from mx2prod.core.errors import TableError


@dataclass(frozen=True)
class Imported:
    """What was brought in.

    Attributes
    ----------
    puts : tuple of Put
    without_subruns : int
        Tables whose time holds no subrun of the map; they were left out.
    """

    puts: tuple[Put, ...]
    without_subruns: int


def import_folder(
    store: Store,
    folder: str,
    replies: Iterable[Reply],
    *,
    tag: str,
    runtime: RunTimeMap,
    reason: str,
    dry_run: bool = False,
) -> Imported:
    """Put tables with a validity in time into an open tag, for the subruns of that time.

    All tables are read and checked before the first is put.

    Parameters
    ----------
    store : Store
    folder : str
    replies : iterable of Reply
        For example of :meth:`~mx2prod.conditions.adapters.MnvconServer.walk`.
    tag : str
    runtime : RunTimeMap
        Says which subruns a time belongs to.
    reason : str
    dry_run : bool

    Raises
    ------
    TableError
        If a table breaks the folder's schema, or changes within a subrun.
    OverlapError, StateError
        As :func:`mx2prod.conditions.put`.
    """
    schema = table_of_folder(folder)
    found, without = [], 0
    for reply in replies:
        interval = subruns_of(reply, runtime)
        if interval is None:
            without += 1
        else:
            found.append((interval, reply.table(schema, maps=store.maps), reply.source))
    puts = [
        put(
            store, folder, table, tag=tag, since=interval.since, until=interval.until,
            reason=reason, provenance=[Provenance("input", source)], dry_run=dry_run,
        )
        for interval, table, source in found
    ]  # fmt: skip
    return Imported(tuple(puts), without)


def subruns_of(reply: Reply, runtime: RunTimeMap) -> Interval | None:
    """Subruns whose gates all lie in the time of a table; None if there is none.

    Raises
    ------
    TableError
        If the time begins or ends within a subrun.
    """
    for subrun in runtime.subruns:
        for border in (reply.begin_us, reply.end_us):
            if border is not None and subrun.begin_us < border <= subrun.end_us:
                raise TableError(
                    f"{reply.source}: holds from {reply}, a border within subrun "
                    f"{place_text(subrun.place)} ({subrun.source})"
                )
    inside = [subrun.place for subrun in runtime.subruns if subrun.begin_us in reply]
    if not inside:
        return None
    later = [subrun.place for subrun in runtime.subruns if subrun.place > inside[-1]]
    return Interval(inside[0], OPEN_END if reply.end_us is None else min(later, default=OPEN_END))
