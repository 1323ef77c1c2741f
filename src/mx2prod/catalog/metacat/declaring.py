"""Declare files at a MetaCat server so that a repetition does no harm (page, section 3).

Look up, classify, declare what is new, read back and compare, write the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from mx2prod.catalog.declaring import Declared
from mx2prod.catalog.drafts import Draft, draft_of
from mx2prod.catalog.metacat.connection import LostReplyError, in_our_words
from mx2prod.catalog.metacat.server import MetaCat, batches
from mx2prod.catalog.metacat.texts import impossible_keys, unsafe_keys
from mx2prod.catalog.records import FileRecord
from mx2prod.catalog.rules import Problem
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import (
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidRecordError,
    NotInCatalogError,
    StoreError,
)
from mx2prod.core.ids import Did

Note = Callable[[str, Mapping[str, Any]], None]
_ATTEMPTS = 3


def declare(
    server: MetaCat,
    files: Iterable[Mapping[str, Any]],
    dataset: Did | str,
    *,
    admin: bool = False,
    dry_run: bool = False,
    note: Note = lambda *_: None,
) -> list[Declared]:
    """Declare files into a dataset; those that are there with the same content are left alone.

    Parameters
    ----------
    server : MetaCat
    files : iterable of mapping
        JSON objects as for :meth:`mx2prod.catalog.Catalog.declare`; parents by did only.
    dataset : Did or str
    admin : bool
        The token is an administrator's: creator and created_timestamp are sent (A18).
    dry_run : bool
        Check everything here, send nothing that changes the server (A5).
    note : callable
        Is given ``("declare", body)`` after each batch that is on the server, compared.

    Returns
    -------
    list of Declared
        In the order of the files.

    Raises
    ------
    InvalidRecordError
        If records break rules, of ours or of the server's.
    ConflictError
        If a name is taken by other content, or by a retired file; nothing was declared.
    NotInCatalogError
        If the dataset or a parent is not there.
    LostReplyError
        If the server does not answer; a repetition goes on where it ended.
    StoreError
        If the server has something else than what was sent.
    """
    drafts = _drafts(files, admin=admin)
    found = server.dataset(dataset)
    if found is None:
        raise NotInCatalogError(f"no dataset {dataset} at the server")
    if found.frozen:  # the server itself would let them in (A14)
        raise DeniedError(f"dataset {dataset} is frozen")
    known = _known(server, drafts)
    before = set(known)
    _require_same(drafts, known)
    generations = _generations(server, drafts)
    if not dry_run:
        server.require_login()
        for generation in generations:
            for batch in batches(generation):
                _declare_batch(server, batch, str(dataset), known)
                note("declare", {"dataset": str(dataset), "files": [str(d.did) for d in batch]})
        _add_those_there(server, [d for d in drafts if d.did in before], found.did)
    return [
        Declared(
            str(draft.did),
            known[draft.did].fid if draft.did in known else draft.fid,
            "there" if draft.did in before else "new",
            tuple(draft.notices),
        )
        for draft in drafts
    ]


def _drafts(files: Iterable[Mapping[str, Any]], *, admin: bool) -> list[Draft]:
    drafts: list[Draft] = []
    problems: list[tuple[int, Problem]] = []
    for index, document in enumerate(files):
        draft, wrong = draft_of(index, document, validate=True)
        problems += [(index, problem) for problem in wrong]
        if draft is None:
            continue
        if not admin and (draft.creator is not None or draft.created is not None):
            raise DeniedError(f"{draft.did}: the server ignores creator and time of creation")
        for key in impossible_keys(draft.metadata):
            text = "a text that the server cannot store"
            problems.append((index, Problem(key, text, draft.metadata[key])))
        drafts.append(draft)
    counts: dict[Did, int] = {}
    for draft in drafts:
        counts[draft.did] = counts.get(draft.did, 0) + 1
        if counts[draft.did] == 2:
            problems.append((draft.index, Problem("name", "twice in the batch", str(draft.did))))
    _refuse(problems)
    return drafts


def _refuse(problems: Sequence[tuple[int, Problem]]) -> None:
    if problems:
        shown = "; ".join(f"record {n}: {item.member}: {item.reason}" for n, item in problems[:5])
        raise InvalidRecordError(shown, tuple((n, *item) for n, item in problems))


def _known(server: MetaCat, drafts: Sequence[Draft]) -> dict[Did, FileRecord]:
    """Look up what the server has, by name."""
    records = server.files([draft.did for draft in drafts])
    return {Did(record.namespace, record.name): record for record in records}


def _require_same(drafts: Sequence[Draft], known: Mapping[Did, FileRecord]) -> None:
    """Refuse names that other content has; a file without its unsafe texts is ours, unfinished."""
    different: dict[str, str] = {}
    for draft in drafts:
        record = known.get(draft.did)
        if record is None:
            continue
        members = _differences(draft, record)
        if members == ["metadata"] and _same(record.metadata, _safe(draft)):
            continue
        if members:
            different[str(draft.did)] = ", ".join(members)
    if different:
        shown = "; ".join(f"{did}: {what}" for did, what in list(different.items())[:5])
        raise ConflictError(f"at the server with another content: {shown}", tuple(different))


def _differences(draft: Draft, record: FileRecord) -> list[str]:
    same = {
        "retired": not record.retired,
        "size": record.size == draft.size,
        "checksums": record.checksums == draft.checksums,
        "metadata": _same(record.metadata, draft.metadata),
        "number of parents": len(record.parents) == len(draft.parents),
    }
    return [member for member, is_so in same.items() if not is_so]


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return canonical_json(dict(one)) == canonical_json(dict(other))


def _safe(draft: Draft) -> dict[str, Any]:
    """Metadata without the texts that declaring would change (A6)."""
    unsafe = unsafe_keys(draft.metadata)
    return {key: value for key, value in draft.metadata.items() if key not in unsafe}


def _generations(server: MetaCat, drafts: Sequence[Draft]) -> list[list[Draft]]:
    """Files in the order in which their parents are there before them (A7).

    Raises
    ------
    InvalidRecordError
        For own and cyclic parents, which the server accepts.
    NotInCatalogError
        For parents that are nowhere.
    """
    by_did = {draft.did: draft for draft in drafts}
    outside: set[Did] = set()
    graph: dict[Did, set[Did]] = {}
    for draft in drafts:
        if not all(isinstance(item, Did) for item in draft.parents):
            raise CatalogError(f"{draft.did}: parents are named by did at a server")
        parents = {item for item in draft.parents if isinstance(item, Did)}
        if draft.did in parents or len(parents) != len(draft.parents):
            wrong = Problem("parents", "the file itself, or one twice", str(draft.did))
            _refuse([(draft.index, wrong)])
        graph[draft.did] = parents & by_did.keys()
        outside |= parents - by_did.keys()
    missing = outside - {Did(item.namespace, item.name) for item in server.files(outside)}
    if missing:
        raise NotInCatalogError(f"no parent {', '.join(sorted(map(str, missing))[:5])}")
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        draft = by_did[error.args[1][0]]
        _refuse([(draft.index, Problem("parents", "are cyclic", str(draft.did)))])
    generations = []
    while sorter.is_active():
        ready = sorter.get_ready()
        generations.append([by_did[did] for did in ready])
        sorter.done(*ready)
    return generations


def _declare_batch(
    server: MetaCat, batch: Sequence[Draft], dataset: str, known: dict[Did, FileRecord]
) -> None:
    """Bring a batch to the server, whatever became of earlier attempts (A4)."""
    for attempt in range(1, _ATTEMPTS + 1):
        missing = [draft for draft in batch if draft.did not in known]
        if not missing:
            break
        try:
            _post(server, missing, dataset)
        except (LostReplyError, ConflictError):
            known.update(_known(server, missing))
            _require_same(missing, known)
            if attempt == _ATTEMPTS and any(draft.did not in known for draft in batch):
                raise
        else:
            known.update(_known(server, missing))
    for draft in batch:
        known[draft.did] = _completed(server, draft, known.get(draft.did))


def _post(server: MetaCat, drafts: Sequence[Draft], dataset: str) -> None:
    documents = []
    for draft in drafts:
        document: dict[str, Any] = {
            "namespace": draft.did.namespace,
            "name": draft.did.name,
            "size": draft.size,
            "metadata": _safe(draft),  # always there: without it the server answers 500 (A19)
            "checksums": draft.checksums,
            "parents": [
                {"namespace": p.namespace, "name": p.name} for p in map(_did, draft.parents)
            ],
        }
        if draft.fid_given:
            document["fid"] = draft.fid
        if draft.creator is not None:
            document["creator"] = draft.creator
        if draft.created is not None:
            document["created_timestamp"] = draft.created
        documents.append(document)
    with in_our_words():
        server.client.declare_files(dataset, documents)


def _did(item: Did | str) -> Did:
    return item if isinstance(item, Did) else Did.parse(item)


def _completed(server: MetaCat, draft: Draft, record: FileRecord | None) -> FileRecord:
    """Add the texts that declaring would have changed, and compare field by field."""
    if record is None:
        raise StoreError(f"{draft.did}: the server said that it is there, and has it not")
    unsafe = {key: draft.metadata[key] for key in unsafe_keys(draft.metadata)}
    if any(key not in record.metadata for key in unsafe):
        record = replace(record, metadata=server.update_file(draft.did, unsafe).metadata)
    wrong = _differences(draft, record)
    if wrong:
        raise StoreError(
            f"{draft.did}: the server has another {', '.join(wrong)} than what was sent",
            next_step=f"metacat file show -m -l {draft.did}",
        )
    return record


def _add_those_there(server: MetaCat, drafts: Sequence[Draft], dataset: str) -> None:
    """Files that were there already may be in other datasets only."""
    if drafts:
        from mx2prod.catalog.metacat.datasets import add_files

        add_files(server, dataset, [draft.did for draft in drafts])
