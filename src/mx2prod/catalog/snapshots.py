"""Snapshots: the files that a definition selected at a time (catalogue page, section 1.2).

A snapshot keeps the definition and its sha256, the time of evaluation, the members, their number
and size, and the sha256 of their fids.  Frozen, nothing changes it; production runs on these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from mx2prod.catalog.dataset_rows import DatasetRow, dataset_or_none, find_dataset
from mx2prod.catalog.definitions import require_definition
from mx2prod.catalog.querying import ids_of
from mx2prod.catalog.rows import chunks
from mx2prod.catalog.rules import as_did, checked_did
from mx2prod.catalog.session import Session, next_id, present_time
from mx2prod.catalog.tables import DATASET, FILE, MEMBER
from mx2prod.core.errors import CatalogError, ConflictError, DeniedError
from mx2prod.core.ids import Did


@dataclass(frozen=True)
class Snapshot:
    """What a snapshot is of.

    Attributes
    ----------
    did : str
    definition : str or None
        MQL text; None for a dataset whose files were added by hand.
    definition_sha256 : str or None
    evaluated_timestamp : float
        UTC seconds.
    file_count, total_size : int
        Files, and their bytes.
    digest : str
        sha256 of the sorted fids, one a line.
    frozen : bool
    """

    did: str
    definition: str | None
    definition_sha256: str | None
    evaluated_timestamp: float
    file_count: int
    total_size: int
    digest: str
    frozen: bool

    def as_dict(self) -> dict[str, Any]:
        """Members for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """A snapshot against what its definition selects now.

    Attributes
    ----------
    did : str
    added : tuple of str
        Dids that the definition selects now and the snapshot lacks.
    lost : tuple of str
        Members, not retired, that the definition does not select any more.
    retired : tuple of str
        Members that are retired now.
    intact : bool
        The members are those whose digest was kept.
    """

    did: str
    added: tuple[str, ...]
    lost: tuple[str, ...]
    retired: tuple[str, ...]
    intact: bool

    @property
    def same(self) -> bool:
        """True if nothing differs."""
        return self.intact and not (self.added or self.lost or self.retired)


def take_snapshot(
    session: Session,
    did: Did | str,
    into: Did | str | None = None,
    *,
    frozen: bool = False,
    dry_run: bool = False,
) -> Snapshot:
    """Store what a dataset holds now; see :meth:`mx2prod.catalog.Catalog.snapshot`."""
    with session.changing(dry_run=dry_run) as connection:
        found = find_dataset(connection, as_did(did))
        target = found if into is None else _target(session, connection, found, into)
        session.require_owner(connection, target.did.namespace)
        return store_snapshot(session, connection, target, frozen=frozen)


def _target(
    session: Session, connection: Connection, origin: DatasetRow, into: Did | str
) -> DatasetRow:
    """Make the dataset that a snapshot of another one goes into."""
    name = checked_did(into, "dataset")
    session.require_owner(connection, name.namespace)
    if dataset_or_none(connection, name) is not None:
        raise ConflictError(f"dataset {name} is there already", (str(name),))
    row = {column.name: getattr(origin.row, column.name) for column in DATASET.c}
    now, user = present_time(), session.actor.user
    row |= {
        "id": next_id(connection, DATASET), "namespace": name.namespace, "name": name.name,
        "creator": user, "created_timestamp": now, "updated_by": user, "updated_timestamp": now,
        "frozen": 0, "monotonic": 0, "requirements": None,
        "definition": _selecting(origin), "definition_sha256": None,
        "evaluated_timestamp": None, "file_count": None, "total_size": None, "digest": None,
    }  # fmt: skip
    connection.execute(insert(DATASET).values(row))
    return find_dataset(connection, name)


def _selecting(origin: DatasetRow) -> str:
    defined = origin.definition if origin.kind == "defined" else None
    return defined or f"files from {origin.did}"


def store_snapshot(
    session: Session,
    connection: Connection,
    dataset: DatasetRow,
    *,
    frozen: bool,
    evaluate: bool = True,
) -> Snapshot:
    """Evaluate a dataset and store its members, in the transaction of the caller.

    Without ``evaluate`` the members that are stored are taken as they are.

    Raises
    ------
    DeniedError
        If it is frozen.
    CatalogError
        If it has no file.
    """
    if dataset.kind == "frozen":
        raise DeniedError(f"dataset {dataset.did} is frozen")
    text = dataset.definition
    if text is not None and evaluate:
        require_definition(connection, dataset.did, text)
        _replace_members(connection, dataset.id, ids_of(session, connection, text))
    digest, count, size = digest_of(connection, dataset.id)
    if not count and evaluate:
        raise CatalogError(
            f"dataset {dataset.did}: has no file, so there is nothing to keep",
            next_step=f"mx2 dataset show {dataset.did}",
        )
    values = {
        "definition_sha256": None if text is None else hashlib.sha256(text.encode()).hexdigest(),
        "evaluated_timestamp": present_time(),
        "file_count": count,
        "total_size": size,
        "digest": digest,
        "frozen": int(frozen),
    }
    connection.execute(update(DATASET).where(DATASET.c.id == dataset.id).values(values))
    body = {"files": count, "bytes": size, "digest": digest, "definition": text}
    session.note(connection, "freeze" if frozen else "snapshot", str(dataset.did), body)
    found = snapshot_of(find_dataset(connection, dataset.did))
    if found is None:
        raise CatalogError(f"dataset {dataset.did}: its snapshot was not written")
    return found


def _replace_members(connection: Connection, dataset: int, numbers: Iterable[int]) -> None:
    wanted = set(numbers)
    query = select(MEMBER.c.file).where(MEMBER.c.dataset == dataset)
    known = set(connection.execute(query).scalars())
    for chunk in chunks(sorted(known - wanted)):
        gone = (MEMBER.c.dataset == dataset) & MEMBER.c.file.in_(chunk)
        connection.execute(delete(MEMBER).where(gone))
    rows = [{"dataset": dataset, "file": number} for number in sorted(wanted - known)]
    if rows:
        connection.execute(insert(MEMBER), rows)


def digest_of(connection: Connection, dataset: int) -> tuple[str, int, int]:
    """Digest of the fids of all stored members, their number, and their bytes."""
    members = MEMBER.join(FILE, FILE.c.id == MEMBER.c.file)
    of_dataset = MEMBER.c.dataset == dataset
    found = connection.execute(select(FILE.c.fid).select_from(members).where(of_dataset)).scalars()
    fids = found.all()
    query = select(func.sum(FILE.c.size)).select_from(members).where(of_dataset)
    size = connection.execute(query).scalar() or 0
    return digest_of_fids(fids), len(fids), int(size)


def digest_of_fids(fids: Iterable[str]) -> str:
    """sha256 of fids in order, one a line: the same for the same files anywhere."""
    return hashlib.sha256("\n".join(sorted(fids)).encode()).hexdigest()


def snapshot_of(dataset: DatasetRow) -> Snapshot | None:
    """Snapshot of a dataset; None if it has none."""
    row = dataset.row
    if row.digest is None:
        return None
    return Snapshot(
        str(dataset.did), row.definition, row.definition_sha256, row.evaluated_timestamp,
        row.file_count, row.total_size, row.digest, bool(row.frozen),
    )  # fmt: skip


def difference(session: Session, connection: Connection, did: Did) -> Difference:
    """Compare a snapshot with its definition; see :meth:`mx2prod.catalog.Catalog.diff`.

    Raises
    ------
    CatalogError
        If it is no snapshot.
    """
    found = find_dataset(connection, did)
    if found.row.digest is None:
        raise CatalogError(
            f"dataset {did} is no snapshot: there is nothing to compare",
            next_step=f"mx2 dataset freeze {did}",
        )
    members = MEMBER.join(FILE, FILE.c.id == MEMBER.c.file)
    query = select(FILE.c.id, FILE.c.retired).select_from(members)
    rows = connection.execute(query.where(MEMBER.c.dataset == found.id)).all()
    stored = {row.id for row in rows if not row.retired}
    retired = {row.id for row in rows if row.retired}
    now = stored if found.definition is None else set(ids_of(session, connection, found.definition))
    digest, _, _ = digest_of(connection, found.id)
    return Difference(
        str(did),
        _dids(connection, now - stored),
        _dids(connection, stored - now),
        _dids(connection, retired),
        intact=digest == found.row.digest,
    )


def _dids(connection: Connection, numbers: Iterable[int]) -> tuple[str, ...]:
    found: list[str] = []
    for chunk in chunks(sorted(numbers)):
        query = select(FILE.c.namespace, FILE.c.name).where(FILE.c.id.in_(chunk))
        found += [f"{row.namespace}:{row.name}" for row in connection.execute(query)]
    return tuple(sorted(found))
