"""File records on their way into the catalogue: read, checked and made uniform."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mx2prod.catalog.rules import (
    NAME,
    Problem,
    metadata_problems,
    name_problems,
    normal_checksums,
    size_problems,
    storage_notice,
)
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import Did
from mx2prod.core.suggest import nearest

Reference = Did | str
"""A file by its name, or by its fid."""

_MEMBERS = {
    "namespace", "name", "did", "auto_name", "fid", "size", "metadata", "parents", "checksums",
    "creator", "created_timestamp",
}  # fmt: skip


@dataclass(slots=True)
class Draft:
    """A file to be declared.

    Attributes
    ----------
    index : int
        Place in the batch.
    did : Did
    fid : str
    fid_given : bool
    size : int
    creator : str or None
    created : float or None
    checksums, metadata : dict
    body : str
        Canonical JSON of the metadata.
    parents : list of Did or str
    notices : list of str
    retired : bool
        Of an import: it may be there as a retired file.
    """

    index: int
    did: Did
    fid: str
    fid_given: bool
    size: int
    creator: str | None
    created: float | None
    checksums: dict[str, str]
    metadata: dict[str, Any]
    body: str
    parents: list[Reference]
    notices: list[str] = field(default_factory=list)
    retired: bool = False


def new_fid() -> str:
    """Sixteen hexadecimal digits at random."""
    return secrets.token_hex(8)


def read_reference(item: Any) -> Reference:
    """File meant by ``{"fid"}``, ``{"did"}``, ``{"namespace", "name"}``, a did or a bare fid.

    Raises
    ------
    NameFormatError
        If it is none of these.
    """
    if isinstance(item, Did):
        return item
    if isinstance(item, str):
        return Did.parse(item) if ":" in item else item
    if isinstance(item, Mapping) and all(isinstance(value, str) for value in item.values()):
        members = set(item)
        if members == {"fid"}:
            return str(item["fid"])
        if members == {"did"}:
            return Did.parse(item["did"])
        if members == {"namespace", "name"}:
            return Did(item["namespace"], item["name"])
    raise NameFormatError(
        f"{item!r}: expected a did, a fid, or an object with did, fid, or namespace and name"
    )


def draft_of(
    index: int, document: Mapping[str, Any], *, validate: bool
) -> tuple[Draft | None, list[Problem]]:
    """Read one record of a batch.

    Parameters
    ----------
    index : int
    document : mapping
        Record in its JSON form.
    validate : bool
        Check names, checksums and metadata; without it they are taken as they are.

    Returns
    -------
    Draft or None
        None if there are problems.
    list of Problem
    """
    fid_given = document.get("fid") is not None
    fid = document["fid"] if fid_given else new_fid()
    metadata = document.get("metadata") or {}
    checksums: dict[str, str] = document.get("checksums") or {}
    notices: list[str] = []
    try:
        did, parents = _did_of(document, fid), _parents_of(document)
        created = _time_of(document.get("created_timestamp"))
    except NameFormatError as error:
        return None, [Problem("record", error.message, dict(document))]
    problems = list(size_problems(document.get("size")))
    if validate:
        problems += _checked(document, did, fid)
        checksums, notices, wrong = normal_checksums(checksums)
        notice = storage_notice(did.name) if isinstance(did.name, str) else ""
        notices += [notice] if notice else []
        problems += wrong
    if problems:
        return None, problems
    try:
        body = canonical_json(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        return None, [Problem("metadata", f"not JSON: {error}", metadata)]
    return (
        Draft(index, did, fid, fid_given, document["size"], document.get("creator"), created,
              checksums, metadata, body, parents, notices),
        [],
    )  # fmt: skip


def _checked(document: Mapping[str, Any], did: Did, fid: Any) -> Iterator[Problem]:
    yield from name_problems(did.namespace, did.name)
    if not isinstance(fid, str) or not NAME.match(fid):
        yield Problem("fid", "expected letters, digits and _ . / - only", fid)
    for member in document.keys() - _MEMBERS:
        yield Problem(member, "no member of a record" + nearest(member, _MEMBERS), document[member])
    creator = document.get("creator")
    if creator is not None and not (isinstance(creator, str) and creator.isprintable()):
        yield Problem("creator", "expected the name of an account", creator)
    yield from metadata_problems(document.get("metadata") or {})


def _did_of(document: Mapping[str, Any], fid: str) -> Did:
    """Name of a record: namespace and name, did, or a pattern to make the name of."""
    if "did" in document:
        did = Did.parse(str(document["did"]))
        if document.get("namespace", did.namespace) != did.namespace:
            raise NameFormatError(f"did {did} and namespace {document['namespace']} differ")
        return did
    name = document.get("name")
    if name is None and document.get("auto_name"):
        name = automatic_name(str(document["auto_name"]), fid)
    return Did(document.get("namespace", ""), "" if name is None else name)


def automatic_name(pattern: str, fid: str) -> str:
    """Name of a pattern with ``$clock[3|6|9]`` (ms), ``$uuid[8|16]`` and ``$fid``.

    The numbers say how many last digits of the clock, or first ones of the UUID, are taken.
    """
    clock = f"{int(datetime.now().timestamp() * 1000):09d}"
    code = uuid.uuid4().hex
    words = {f"$clock{n}": clock[-n:] for n in (9, 6, 3)}
    words |= {"$clock": clock, "$uuid16": code[:16], "$uuid8": code[:8], "$uuid": code}
    words["$fid"] = fid
    for word, value in words.items():
        pattern = pattern.replace(word, value)
    return pattern


def _parents_of(document: Mapping[str, Any]) -> list[Reference]:
    parents = document.get("parents") or []
    if not isinstance(parents, list | tuple):
        raise NameFormatError(f"parents: expected a list, found {parents!r}")
    return [read_reference(item) for item in parents]


def _time_of(value: Any) -> float | None:
    """UTC seconds of a number, or of an ISO text that carries a zone."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return None if value is None else float(value)
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise NameFormatError(
            f"created_timestamp: {value!r} is neither seconds nor ISO text"
        ) from error
    if when.tzinfo is None:
        raise NameFormatError(f"created_timestamp: {value!r} has no time zone; append Z for UTC")
    return when.timestamp()
