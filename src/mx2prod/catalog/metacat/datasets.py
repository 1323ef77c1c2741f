"""Datasets of a MetaCat server: made, filled, frozen, each step counted (A8 to A15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mx2prod.catalog.metacat.connection import LostReplyError, in_our_words
from mx2prod.catalog.metacat.server import MetaCat, batches, require_files
from mx2prod.catalog.records import DatasetRecord
from mx2prod.catalog.requirements import read_requirements
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import DeniedError, NotInCatalogError, StoreError
from mx2prod.core.ids import Did


def create_dataset(
    server: MetaCat,
    did: Did | str,
    *,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
    requirements: Mapping[str, Any] | None = None,
    monotonic: bool = False,
    frozen: bool = False,
    query: str | None = None,
) -> DatasetRecord:
    """Make a dataset, fill it by a query, count its files, then freeze it.

    The query is read by our parser first (A11), answered by the server, and its files are added
    by name: queries inside of the server's own filling fail on named queries (A12), and filling
    and freezing at once leaves the dataset open (A10).

    Raises
    ------
    ConflictError
        If it is there already.
    StoreError
        If the server has something else afterwards.
    """
    server.require_login()
    rules = read_requirements(requirements)
    if query is not None:
        require_files(query)
        if rules:
            raise DeniedError(f"dataset {did}: with requirements files are only declared into it")
    dids = [] if query is None else [_did_of(item) for item in server.query(query)]
    namespace, _, name = str(did).partition(":")
    document = {
        "namespace": namespace, "name": name, "description": description,
        "metadata": dict(metadata or {}), "monotonic": monotonic, "frozen": False,
        "file_meta_requirements": dict(requirements or {}) if rules else None,
    }  # fmt: skip
    with in_our_words():
        made = server.client.post_json("data/create_dataset", document)
    kept = made.get("file_meta_requirements")
    if rules and canonical_json(kept) != canonical_json(dict(requirements or {})):  # A8
        raise StoreError(f"dataset {did}: the server has other requirements than what was sent")
    add_files(server, did, dids)
    if frozen:
        freeze(server, did, expected=len(set(dids)))
    return _found(server, did)


def add_files(server: MetaCat, did: Did | str, dids: Sequence[Did]) -> int:
    """Add files by name, and count afterwards (A13); return how many were new.

    Raises
    ------
    NotInCatalogError
        If a file is not at the server, which would add the others and say nothing.
    DeniedError
        If the dataset is frozen, or has requirements: the server then always fails (A9).
    StoreError
        If the count is not what it should be.
    """
    server.require_login()
    dids = list(dict.fromkeys(dids))
    if not dids:
        return 0
    found = _found(server, did)
    if found.frozen:
        raise DeniedError(f"dataset {did} is frozen")
    if found.file_meta_requirements:
        raise DeniedError(f"dataset {did}: with requirements files are only declared into it")
    records = {record.did: record for record in server.files(dids)}
    missing = [str(item) for item in dids if str(item) not in records]
    if missing:
        raise NotInCatalogError(f"{len(missing)} files not at the server: {', '.join(missing[:5])}")
    alive = {name for name, record in records.items() if not record.retired}
    members = {str(_did_of(item)) for item in server.query(f"files from {did}")}
    for batch in batches([item for item in dids if str(item) not in members]):
        _add(server, did, batch)
    now = server.summary(f"files from {did}").files
    expected = len(members | alive)
    if now != expected:
        raise StoreError(f"dataset {did}: {now} files, expected {expected}")
    return len(alive - members)


def freeze(server: MetaCat, did: Did | str, *, expected: int) -> DatasetRecord:
    """Freeze a dataset that has as many files as expected (A10).

    The server still lets files in by other ways (A14): production reads its own snapshot.

    Raises
    ------
    StoreError
        If it has another number of files, or is not frozen afterwards.
    """
    server.require_login()
    count = server.summary(f"files from {did}").files
    if count != expected:
        raise StoreError(f"dataset {did}: {count} files, expected {expected}; not frozen")
    with in_our_words():
        server.client.update_dataset(str(did), frozen=True)
    found = _found(server, did)
    if not found.frozen:
        raise StoreError(f"dataset {did} is not frozen")
    return found


def _add(server: MetaCat, did: Did | str, dids: Sequence[Did]) -> None:
    """Add a batch; one that was lost on the way is sent once more, which does no harm."""
    listed = [{"namespace": item.namespace, "name": item.name} for item in dids]
    try:
        with in_our_words():
            server.client.add_files(str(did), file_list=listed)
    except LostReplyError:
        with in_our_words():
            server.client.add_files(str(did), file_list=listed)


def _found(server: MetaCat, did: Did | str) -> DatasetRecord:
    found = server.dataset(did)
    if found is None:
        raise NotInCatalogError(f"no dataset {did} at the server")
    return found


def _did_of(item: Mapping[str, Any]) -> Did:
    return Did(item["namespace"], item["name"])
