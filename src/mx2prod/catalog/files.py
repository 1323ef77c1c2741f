"""Single files: find, change, retire, delete (catalogue page, section 1.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mx2prod.catalog.drafts import Reference, read_reference
from mx2prod.catalog.indexed import indexed_values
from mx2prod.catalog.lineage import known_files, require_no_cycle
from mx2prod.catalog.records import FileRecord
from mx2prod.catalog.requirements import read_requirements, requirement_problems
from mx2prod.catalog.rows import add_keys, linked, records_of_ids
from mx2prod.catalog.rules import Problem, metadata_problems, normal_checksums, size_problems
from mx2prod.catalog.session import Session, present_time
from mx2prod.catalog.tables import CONTENT, DATASET, DELETED, FILE, LINEAGE, MEMBER
from mx2prod.core.canonical import canonical_json, sha256_of
from mx2prod.core.errors import (
    ConflictError,
    DeniedError,
    InvalidRecordError,
    NotInCatalogError,
)
from mx2prod.core.suggest import nearest


def find_files(
    connection: Connection,
    which: Iterable[Any],
    *,
    with_metadata: bool = True,
    with_provenance: bool = True,
    with_datasets: bool = True,
) -> list[FileRecord]:
    """Files of a list, each once, in its order; missing ones are left out."""
    references = [read_reference(item) for item in which]
    known = known_files(connection, references)
    numbers = dict.fromkeys(known[item] for item in references if item in known)
    return list(
        records_of_ids(
            connection,
            numbers,
            with_metadata=with_metadata,
            with_provenance=with_provenance,
            with_datasets=with_datasets,
        )
    )


def find_file(connection: Connection, which: Any) -> tuple[int, FileRecord]:
    """Find a file, with its number.

    Raises
    ------
    NotInCatalogError
        If it is not there; names the nearest one of its namespace.
    """
    reference = read_reference(which)
    number = known_files(connection, [reference]).get(reference)
    if number is None:
        raise NotInCatalogError(f"no file {reference}" + _nearest_file(connection, reference))
    return number, next(records_of_ids(connection, [number]))


def _nearest_file(connection: Connection, reference: Reference) -> str:
    if isinstance(reference, str):
        return ""
    stem = reference.name[: max(1, 2 * len(reference.name) // 3)]
    query = select(FILE.c.name).where(
        FILE.c.namespace == reference.namespace, FILE.c.name >= stem, FILE.c.name < stem + "~"
    )
    return nearest(reference.name, connection.execute(query.limit(200)).scalars().all())


def update_file(
    session: Session,
    which: Any,
    *,
    metadata: Mapping[str, Any] | None = None,
    replace_metadata: bool = False,
    size: int | None = None,
    checksums: Mapping[str, str] | None = None,
    add_parents: Sequence[Any] = (),
    add_children: Sequence[Any] = (),
    dry_run: bool = False,
) -> FileRecord:
    """Change a file; see :meth:`mx2prod.catalog.Catalog.update_file`."""
    with session.changing(dry_run=dry_run) as connection:
        number, old = find_file(connection, which)
        session.require_owner(connection, old.namespace)
        now = {} if replace_metadata else dict(old.metadata)
        now.update(metadata or {})
        sums, _, wrong = normal_checksums({**old.checksums, **(checksums or {})})
        problems = [*wrong, *metadata_problems(now)]
        problems += size_problems(old.size if size is None else size)
        problems += _requirement_problems(connection, number, now)
        _refuse(old, problems)
        _link(session, connection, number, add_parents, add_children)
        values = {"updated_by": session.actor.user, "updated_timestamp": present_time()}
        changed: dict[str, Any] = {**values, **indexed_values(now)}
        changed["size"] = old.size if size is None else size
        connection.execute(update(FILE).where(FILE.c.id == number).values(changed))
        content = {"metadata": canonical_json(now), "checksums": canonical_json(sums)}
        connection.execute(update(CONTENT).where(CONTENT.c.file == number).values(content))
        add_keys(connection, now)
        new = next(records_of_ids(connection, [number]))
        _note_change(session, connection, old, new)
    return new


def _requirement_problems(
    connection: Connection, number: int, metadata: Mapping[str, Any]
) -> list[Problem]:
    """Problems with the requirements of every dataset that the file is in."""
    query = (
        select(DATASET.c.requirements)
        .join(MEMBER, MEMBER.c.dataset == DATASET.c.id)
        .where(MEMBER.c.file == number, DATASET.c.requirements.is_not(None))
    )
    rules = [read_requirements(json.loads(text)) for text in connection.execute(query).scalars()]
    return [problem for rule in rules for problem in requirement_problems(rule, metadata)]


def _refuse(record: FileRecord, problems: Sequence[Problem]) -> None:
    if problems:
        shown = "; ".join(f"{item.member}: {item.reason}" for item in problems[:5])
        raise InvalidRecordError(
            f"file {record.did}: {shown}", tuple((0, *item) for item in problems)
        )


def _link(
    session: Session,
    connection: Connection,
    number: int,
    parents: Sequence[Any],
    children: Sequence[Any],
) -> None:
    """Add parents and children that are not linked yet."""
    if not parents and not children:
        return
    references = [read_reference(item) for item in (*parents, *children)]
    known = known_files(connection, references)
    missing = [str(item) for item in references if item not in known]
    if missing:
        raise NotInCatalogError(f"parents or children that are not there: {', '.join(missing)}")
    above = {known[item] for item in references[: len(parents)]}
    below = {known[item] for item in references[len(parents) :]}
    for child, found in [(number, above), *((child, {number}) for child in sorted(below))]:
        new = found - set(linked(connection, [child], to="parent").get(child, ()))
        require_no_cycle(connection, child, new)
        if child != number:
            record = next(records_of_ids(connection, [child]))
            session.require_owner(connection, record.namespace)
        for parent in sorted(new):
            connection.execute(insert(LINEAGE).values(child=child, parent=parent))


def _note_change(
    session: Session, connection: Connection, old: FileRecord, new: FileRecord
) -> None:
    """Keep what was changed, with the old and the new text of each member."""
    before, after = (
        {"size": item.size, "checksums": item.checksums, "parents": sorted(item.parents),
         "children": sorted(item.children), **item.metadata}
        for item in (old, new)
    )  # fmt: skip
    texts: dict[str, list[str | None]] = {}
    for key in sorted({*before, *after}):
        pair = [canonical_json(side[key]) if key in side else None for side in (before, after)]
        if pair[0] != pair[1]:
            texts[key] = pair
    if texts:
        session.note(connection, "update", new.did, {"fid": new.fid, "changed": texts})


def retire_file(
    session: Session, which: Any, *, retire: bool = True, dry_run: bool = False
) -> FileRecord:
    """Hide a file, or show it again; see :meth:`mx2prod.catalog.Catalog.retire`."""
    with session.changing(dry_run=dry_run) as connection:
        number, old = find_file(connection, which)
        session.require_owner(connection, old.namespace)
        if old.retired == retire:
            return old
        now, user = present_time(), session.actor.user
        values: dict[str, Any] = {"retired": int(retire), "updated_by": user,
                                  "updated_timestamp": now}  # fmt: skip
        if retire:
            values |= {"retired_by": user, "retired_timestamp": now}
        connection.execute(update(FILE).where(FILE.c.id == number).values(values))
        action = "retire" if retire else "unretire"
        session.note(connection, action, old.did, {"fid": old.fid})
        return next(records_of_ids(connection, [number]))


def delete_file(session: Session, which: Any, *, force: bool = False, dry_run: bool = False) -> str:
    """Delete a file; see :meth:`mx2prod.catalog.Catalog.delete_file`."""
    with session.changing(dry_run=dry_run) as connection:
        number, old = find_file(connection, which)
        session.require_owner(connection, old.namespace)
        if old.children and not force:
            raise ConflictError(
                f"file {old.did} has {len(old.children)} children", old.children,
                next_step=f"mx2 catalog retire {old.did}",
            )  # fmt: skip
        _require_not_frozen(connection, number, old)
        gone = (LINEAGE.c.child == number) | (LINEAGE.c.parent == number)
        connection.execute(delete(LINEAGE).where(gone))
        connection.execute(delete(MEMBER).where(MEMBER.c.file == number))
        connection.execute(delete(CONTENT).where(CONTENT.c.file == number))
        connection.execute(delete(FILE).where(FILE.c.id == number))
        row = {"fid": old.fid, "namespace": old.namespace, "name": old.name,
               "deleted_by": session.actor.user, "deleted_timestamp": present_time()}  # fmt: skip
        connection.execute(insert(DELETED).values(row))
        body = {"fid": old.fid, "sha256": sha256_of(old.to_json()), "children": len(old.children)}
        session.note(connection, "delete", old.did, body)
    return old.fid


def _require_not_frozen(connection: Connection, number: int, record: FileRecord) -> None:
    query = (
        select(DATASET.c.namespace, DATASET.c.name)
        .join(MEMBER, MEMBER.c.dataset == DATASET.c.id)
        .where(MEMBER.c.file == number, DATASET.c.digest.is_not(None) | (DATASET.c.frozen == 1))
    )
    row = connection.execute(query).first()
    if row is not None:
        raise DeniedError(f"file {record.did}: is in snapshot {row.namespace}:{row.name}")
