"""Declare files: a batch comes in as a whole or not at all (catalogue page, section 1.1)."""

from __future__ import annotations

import hashlib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, select, text

from mx2prod.catalog.dataset_rows import DatasetRow, find_dataset, require_open
from mx2prod.catalog.drafts import Draft, draft_of
from mx2prod.catalog.indexed import indexed_values
from mx2prod.catalog.lineage import parents_of_batch, retired_among
from mx2prod.catalog.making import make_missing
from mx2prod.catalog.redeclaring import files_there, require_free
from mx2prod.catalog.requirements import read_requirements, requirement_problems
from mx2prod.catalog.rows import add_keys, chunks, insert_rows
from mx2prod.catalog.rules import Problem, as_did
from mx2prod.catalog.session import Session, next_id, present_time
from mx2prod.catalog.tables import CONTENT, FILE, LINEAGE, MEMBER
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import DeniedError, InvalidRecordError
from mx2prod.core.ids import Did

_SHOWN = 5


@dataclass(frozen=True)
class Declared:
    """A file of a batch that is in the catalogue now.

    Attributes
    ----------
    did : str
        ``namespace:name``.
    fid : str
    state : {"new", "there"}
        ``there``: it was declared before, with the same content.
    notices : tuple of str
        What was changed on the way in, or is unusual.
    """

    did: str
    fid: str
    state: Literal["new", "there"]
    notices: tuple[str, ...] = ()


def declare(
    session: Session,
    files: Iterable[Mapping[str, Any]],
    dataset: Did | str,
    *,
    make_names: bool = False,
    dry_run: bool = False,
    validate: bool = True,
) -> list[Declared]:
    """Declare a batch of files into a dataset, all or none.

    Parameters
    ----------
    session : Session
    files : iterable of mapping
        JSON objects: namespace and name (or did, or auto_name) and size; fid, metadata, parents,
        checksums, creator and created_timestamp where wanted, the last two by an administrator.
    dataset : Did or str
    make_names : bool
        Make the dataset and the namespaces where they are missing; an administrator may.
    dry_run : bool
        Check everything, write nothing.
    validate : bool
        False for records that were checked before: names, checksums and metadata keys are then
        taken as they are.

    Returns
    -------
    list of Declared
        In the order of the files.

    Raises
    ------
    InvalidRecordError
        If records break rules, or requirements of the dataset.
    ConflictError
        If a name is taken by other content, by a retired or by a deleted file.
    NotInCatalogError
        If there is no such dataset or namespace.
    DeniedError
        If the actor may not write there, or nothing may be added to the dataset.
    """
    drafts = read_drafts(session, files, validate=validate)
    namespaces = {draft.did.namespace for draft in drafts}
    with session.changing(dry_run=dry_run) as connection:
        if make_names and session.actor.admin:
            make_missing(session, connection, namespaces, as_did(dataset))
        target = find_dataset(connection, as_did(dataset))
        require_open(target)
        for namespace in namespaces | {target.did.namespace}:
            session.require_owner(connection, namespace)
        there = place(session, connection, target, drafts)
    return [
        Declared(
            str(draft.did),
            draft.fid,
            "there" if draft.index in there else "new",
            tuple(draft.notices),
        )
        for draft in drafts
    ]


def place(
    session: Session, connection: Connection, target: DatasetRow, drafts: Sequence[Draft]
) -> dict[int, int]:
    """Write drafts into a dataset, in the transaction of the caller, who may do so.

    Returns
    -------
    dict of int to int
        Numbers of the files that were there before, by the index of the draft.
    """
    _require_met(target, drafts)
    there = files_there(connection, drafts)
    new = [draft for draft in drafts if draft.index not in there]
    require_free(connection, new)
    parents = _write(connection, session, target, new)
    add_members(connection, target.id, there.values())
    _note(session, connection, target, new)
    retired = retired_among(connection, (n for items in parents.values() for n in items))
    for draft in new:
        draft.notices += [
            f"parent {retired[n]} is retired" for n in parents[draft.index] if n in retired
        ]
    return there


def read_drafts(
    session: Session, files: Iterable[Mapping[str, Any]], *, validate: bool
) -> list[Draft]:
    """Read the records of a batch; see :func:`declare`."""
    drafts: list[Draft] = []
    problems: list[tuple[int, Problem]] = []
    for index, document in enumerate(files):
        draft, wrong = draft_of(index, document, validate=validate)
        problems += [(index, problem) for problem in wrong]
        if draft is not None:
            drafts.append(draft)
    _refuse(problems)
    _require_distinct(drafts)
    actor = session.actor
    for draft in drafts:
        if not actor.admin and (draft.created or draft.creator not in (None, actor.user)):
            raise DeniedError(f"{draft.did}: only an administrator says who made a file, and when")
    return drafts


def _require_distinct(drafts: Sequence[Draft]) -> None:
    problems: list[tuple[int, Problem]] = []
    dids: set[Did] = set()
    fids: set[str] = set()
    for draft in drafts:
        if draft.did in dids:
            problems.append((draft.index, Problem("name", "twice in the batch", str(draft.did))))
        if draft.fid in fids:
            problems.append((draft.index, Problem("fid", "twice in the batch", draft.fid)))
        dids.add(draft.did)
        fids.add(draft.fid)
    _refuse(problems)


def _refuse(problems: Sequence[tuple[int, Problem]]) -> None:
    """Raise InvalidRecordError if there is a problem."""
    if not problems:
        return
    shown = [
        f"record {index}: {problem.member}: {problem.reason}, found {reprlib.repr(problem.value)}"
        for index, problem in problems[:_SHOWN]
    ]
    more = len(problems) - len(shown)
    shown += [f"and {more} more"] if more else []
    raise InvalidRecordError(
        "; ".join(shown),
        tuple((index, *problem) for index, problem in problems),
        next_step="correct the records; nothing of the batch was declared",
    )


def _require_met(target: DatasetRow, drafts: Sequence[Draft]) -> None:
    rules = read_requirements(target.requirements)
    if rules:
        _refuse(
            [
                (draft.index, problem)
                for draft in drafts
                for problem in requirement_problems(rules, draft.metadata)
            ]
        )


def _write(
    connection: Connection, session: Session, target: DatasetRow, drafts: Sequence[Draft]
) -> dict[int, list[int]]:
    """Write new files; return the numbers of the parents of each, by its index."""
    first = next_id(connection, FILE)
    numbers = {draft.index: first + place for place, draft in enumerate(drafts)}
    parents, problems = parents_of_batch(connection, drafts, numbers)
    _refuse(problems)
    if not drafts:
        return parents
    user, now = session.actor.user, present_time()
    rows = [_file_row(draft, numbers[draft.index], user, now) for draft in drafts]
    insert_rows(connection, FILE, rows)
    contents = [
        {"file": numbers[draft.index], "metadata": draft.body,
         "checksums": canonical_json(draft.checksums)}
        for draft in drafts
    ]  # fmt: skip
    insert_rows(connection, CONTENT, contents)
    links = [
        {"child": numbers[index], "parent": parent}
        for index, items in parents.items()
        for parent in items
    ]
    insert_rows(connection, LINEAGE, links)
    members = [{"dataset": target.id, "file": number} for number in numbers.values()]
    insert_rows(connection, MEMBER, members)
    add_keys(connection, {key for draft in drafts for key in draft.metadata})
    _analyse(connection, first, first + len(drafts))
    return parents


def _file_row(draft: Draft, number: int, user: str, now: float) -> dict[str, Any]:
    return {
        "id": number,
        "retired": 0,
        **indexed_values(draft.metadata),
        "size": draft.size,
        "creator": user if draft.creator is None else draft.creator,
        "created_timestamp": now if draft.created is None else draft.created,
        "namespace": draft.did.namespace,
        "name": draft.did.name,
        "fid": draft.fid,
        "updated_by": user,
        "updated_timestamp": now,
    }


def add_members(connection: Connection, dataset: int, numbers: Iterable[int]) -> None:
    """Add files to a dataset, where they are not in it yet."""
    for chunk in chunks(numbers):
        known = (MEMBER.c.dataset == dataset) & MEMBER.c.file.in_(chunk)
        members = set(connection.execute(select(MEMBER.c.file).where(known)).scalars())
        rows = [{"dataset": dataset, "file": n} for n in chunk if n not in members]
        insert_rows(connection, MEMBER, rows)


def _analyse(connection: Connection, before: int, after: int) -> None:
    """Tell the database about the distribution of values, each time the catalogue has doubled."""
    if before.bit_length() != after.bit_length():
        connection.execute(text("ANALYZE catalog_file"))
        connection.execute(text("ANALYZE catalog_member"))
        connection.execute(text("ANALYZE catalog_lineage"))


def _note(
    session: Session, connection: Connection, target: DatasetRow, drafts: Sequence[Draft]
) -> None:
    if not drafts:
        return
    digest = hashlib.sha256()
    for draft in drafts:
        digest.update(f"{draft.did}\n{draft.fid}\n{draft.size}\n{draft.body}\n".encode())
    body = {
        "files": len(drafts),
        "bytes": sum(draft.size for draft in drafts),
        "first": str(drafts[0].did),
        "last": str(drafts[-1].did),
        "sha256": digest.hexdigest(),
    }
    session.note(connection, "declare", str(target.did), body)
