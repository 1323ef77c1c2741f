"""Names that are taken: the same file again, or a conflict (catalogue page, section 1.1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, tuple_

from mx2prod.catalog.drafts import Draft
from mx2prod.catalog.rows import chunks, ids_by_did, ids_by_fid, linked
from mx2prod.catalog.tables import CONTENT, DELETED, FILE
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import ConflictError
from mx2prod.core.ids import Did

_SHOWN = 5


def files_there(connection: Connection, drafts: Sequence[Draft]) -> dict[int, int]:
    """Numbers of the files of the batch that are there already, with the same content."""
    known = ids_by_did(connection, (draft.did for draft in drafts))
    if not known:
        return {}
    present = {known[draft.did]: draft for draft in drafts if draft.did in known}
    parents = linked(connection, present, to="parent")
    differing: dict[str, str] = {}
    for chunk in chunks(present):
        query = select(
            FILE.c.id, FILE.c.fid, FILE.c.size, FILE.c.retired, CONTENT.c.metadata,
            CONTENT.c.checksums,
        ).join(CONTENT, CONTENT.c.file == FILE.c.id)  # fmt: skip
        for row in connection.execute(query.where(FILE.c.id.in_(chunk))):
            draft = present[row.id]
            known_parents = _numbers(connection, draft)
            members = _differences(draft, row, known_parents == set(parents.get(row.id, ())))
            if members:
                differing[str(draft.did)] = ", ".join(members)
            draft.fid = row.fid
    if differing:
        shown = "; ".join(f"{did}: {what}" for did, what in list(differing.items())[:_SHOWN])
        text = f"declared before with another content: {shown}"
        raise ConflictError(text, tuple(differing), next_step="mx2 catalog show DID")
    return {draft.index: number for number, draft in present.items()}


def _numbers(connection: Connection, draft: Draft) -> set[int]:
    dids = ids_by_did(connection, (item for item in draft.parents if isinstance(item, Did)))
    fids = ids_by_fid(connection, (item for item in draft.parents if isinstance(item, str)))
    return {*dids.values(), *fids.values()}


def _differences(draft: Draft, row: Any, same_parents: bool) -> list[str]:
    """Members in which a record differs from what is there."""
    different = {
        "retired": bool(row.retired) and not draft.retired,
        "fid": draft.fid_given and draft.fid != row.fid,
        "size": draft.size != row.size,
        "checksums": draft.checksums != json.loads(row.checksums),
        "metadata": draft.body != row.metadata,
        "parents": not same_parents,
    }
    names = [name for name, is_so in different.items() if is_so]
    if "metadata" in names:
        old = json.loads(row.metadata)
        keys = sorted(
            key
            for key in {**old, **draft.metadata}
            if canonical_json([old.get(key), key in old])
            != canonical_json([draft.metadata.get(key), key in draft.metadata])
        )
        names[names.index("metadata")] = f"metadata ({', '.join(keys)})"
    return names


def require_free(connection: Connection, drafts: Sequence[Draft]) -> None:
    """Refuse fids of other files, and names and fids of deleted ones."""
    taken = [*ids_by_fid(connection, (draft.fid for draft in drafts if draft.fid_given))]
    some_deleted = connection.execute(select(DELETED.c.fid).limit(1)).first() is not None
    for chunk in chunks(drafts if some_deleted else ()):
        pairs = [(draft.did.name, draft.did.namespace) for draft in chunk]
        query = select(DELETED.c.namespace, DELETED.c.name).where(
            tuple_(DELETED.c.name, DELETED.c.namespace).in_(pairs)
            | DELETED.c.fid.in_([draft.fid for draft in chunk])
        )
        taken += [f"{row.namespace}:{row.name}" for row in connection.execute(query)]
    if taken:
        shown = ", ".join(taken[:_SHOWN])
        raise ConflictError(f"names of other or deleted files: {shown}", tuple(taken))
