"""Parents and children: what may be linked (catalogue page, section 1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sqlalchemy import Connection, select

from mx2prod.catalog.drafts import Draft, Reference
from mx2prod.catalog.rows import chunks, ids_by_did, ids_by_fid, linked
from mx2prod.catalog.rules import Problem
from mx2prod.catalog.tables import FILE
from mx2prod.core.errors import CatalogError
from mx2prod.core.ids import Did


def known_files(connection: Connection, references: Iterable[Reference]) -> dict[Reference, int]:
    """Numbers of files that the catalogue has; others are left out."""
    wanted = set(references)
    found: dict[Reference, int] = {}
    dids = ids_by_did(connection, (item for item in wanted if isinstance(item, Did)))
    fids = ids_by_fid(connection, (item for item in wanted if isinstance(item, str)))
    found.update(dids.items())
    found.update(fids.items())
    return found


def parents_of_batch(
    connection: Connection, drafts: Sequence[Draft], numbers: Mapping[int, int]
) -> tuple[dict[int, list[int]], list[tuple[int, Problem]]]:
    """Numbers of the parents of each file of a batch, and what is wrong with them.

    Parameters
    ----------
    connection : Connection
    drafts : sequence of Draft
    numbers : mapping
        Number in the database of each draft, by its index.

    Returns
    -------
    dict of int to list of int
        By the index of the draft.
    list of (int, Problem)
        Missing, repeated, own and cyclic parents, with the index.
    """
    if not any(draft.parents for draft in drafts):
        return {draft.index: [] for draft in drafts}, []
    known = known_files(connection, (ref for draft in drafts for ref in draft.parents))
    for draft in drafts:
        known[draft.did] = known[draft.fid] = numbers[draft.index]
    found: dict[int, list[int]] = {}
    problems: list[tuple[int, Problem]] = []
    for draft in drafts:
        parents = [known.get(item, -1) for item in draft.parents]
        found[draft.index] = parents
        for reason, item in _wrong(parents, draft.parents, numbers[draft.index]):
            problems.append((draft.index, Problem("parents", reason, str(item))))
    return found, problems or _cycles(drafts, numbers, found)


def _wrong(
    parents: Sequence[int], references: Sequence[Reference], own: int
) -> list[tuple[str, Reference]]:
    found = []
    for place, (number, item) in enumerate(zip(parents, references, strict=True)):
        if number < 0:
            found.append(("no such file in the catalogue or the batch", item))
        elif number == own:
            found.append(("a file is not its own parent", item))
        elif number in parents[:place]:
            found.append(("the same parent twice", item))
    return found


def _cycles(
    drafts: Sequence[Draft], numbers: Mapping[int, int], parents: Mapping[int, Sequence[int]]
) -> list[tuple[int, Problem]]:
    """Find a cycle; only files of the batch can be part of one."""
    by_number = {numbers[draft.index]: draft for draft in drafts}
    graph = {numbers[draft.index]: parents[draft.index] for draft in drafts}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names = [str(by_number[number].did) for number in error.args[1]]
        reason = "files are parents of each other: " + " <- ".join(names)
        return [(by_number[error.args[1][0]].index, Problem("parents", reason, names))]
    return []


def require_no_cycle(connection: Connection, child: int, parents: Iterable[int]) -> None:
    """Refuse new parents of a file that descend from it.

    Raises
    ------
    CatalogError
        Naming the parent.
    """
    below = descendants(connection, [child])
    wrong = sorted(set(parents) & (below | {child}))
    if wrong:
        name = connection.execute(select(FILE.c.name).where(FILE.c.id == wrong[0])).scalar_one()
        raise CatalogError(f"parents: {name} is the file itself or descends from it")


def descendants(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Numbers of all files made of these, however many steps below."""
    return _closure(connection, ids, "child")


def ancestors(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Numbers of all files these are made of, however many steps above."""
    return _closure(connection, ids, "parent")


def _closure(connection: Connection, ids: Iterable[int], to: str) -> set[int]:
    found: set[int] = set()
    edge = set(ids)
    while edge:
        steps = linked(connection, edge, to=to)
        edge = {number for reached in steps.values() for number in reached} - found
        found |= edge
    return found


def retired_among(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """Names of those files that are retired."""
    found: dict[int, str] = {}
    for chunk in chunks(set(ids)):
        query = select(FILE.c.id, FILE.c.namespace, FILE.c.name)
        rows: Any = connection.execute(query.where(FILE.c.id.in_(chunk), FILE.c.retired == 1))
        found.update((row.id, f"{row.namespace}:{row.name}") for row in rows)
    return found
