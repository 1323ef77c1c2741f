"""Records of the catalogue: files, datasets, named queries, namespaces.

Plain values, in the server's JSON form on both sides (catalogue page, sections 1.1, 1.2 and 6).
Whether a record may be declared is decided by the rules of the catalogue, not here; a JSON text
that has another shape is refused.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, StrictBool, StrictFloat, StrictInt, TypeAdapter, ValidationError

from mx2prod.core.errors import CatalogError
from mx2prod.core.ids import Did

_Record = TypeVar("_Record")
_KNOWN_MEMBERS = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file of the catalogue.

    Attributes
    ----------
    fid : str
        Unique for ever.
    namespace, name : str
        Unique together for ever, retired files included.
    size : int
        Bytes.
    creator, updated_by, retired_by : str or None
    created_timestamp, updated_timestamp, retired_timestamp : float or None
        UTC seconds.
    retired : bool
    checksums : dict of str to str
        Kind, for example ``adler32``, to hexadecimal digits.
    metadata : dict of str to any JSON value
        Flat: every key has a dot.
    parents, children : tuple of str
        Fids.
    datasets : tuple of Did
    """

    __pydantic_config__ = _KNOWN_MEMBERS

    fid: str
    namespace: str
    name: str
    size: StrictInt
    creator: str | None = None
    created_timestamp: StrictFloat | None = None
    updated_by: str | None = None
    updated_timestamp: StrictFloat | None = None
    retired: StrictBool = False
    retired_by: str | None = None
    retired_timestamp: StrictFloat | None = None
    checksums: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    datasets: tuple[Did, ...] = ()

    @property
    def did(self) -> str:
        """``namespace:name``."""
        return f"{self.namespace}:{self.name}"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FileRecord:
        """Read the server's form; ``parents`` and ``children`` as ``{"fid"}`` or bare fids.

        Raises
        ------
        CatalogError
            If a member is missing, unknown, or of another type.
        """
        return _read(cls, "file", document)

    def to_json(
        self,
        *,
        with_metadata: bool = True,
        with_provenance: bool = True,
        with_datasets: bool = False,
    ) -> dict[str, Any]:
        """Write the server's form; metadata, provenance and datasets only where asked for."""
        document: dict[str, Any] = {
            "fid": self.fid,
            "namespace": self.namespace,
            "name": self.name,
            "retired": self.retired,
            "retired_by": self.retired_by,
            "updated_by": self.updated_by,
            "retired_timestamp": self.retired_timestamp,
            "updated_timestamp": self.updated_timestamp,
            "created_timestamp": self.created_timestamp,
            "checksums": dict(self.checksums),
            "size": self.size,
            "creator": self.creator,
        }
        if with_metadata:
            document["metadata"] = dict(self.metadata)
        if with_provenance:
            document["parents"] = [{"fid": fid} for fid in self.parents]
            document["children"] = [{"fid": fid} for fid in self.children]
        if with_datasets:
            document["datasets"] = [
                {"namespace": did.namespace, "name": did.name} for did in self.datasets
            ]
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """A dataset of the catalogue.

    Attributes
    ----------
    namespace, name : str
    description : str
    metadata : dict of str to any JSON value
    creator, updated_by : str or None
    created_timestamp, updated_timestamp : float or None
        UTC seconds.
    frozen, monotonic : bool
    file_meta_requirements : dict or None
        Rules for the metadata of its files.
    file_count : int
        Non-retired members, exact.
    definition : str or None
        MQL text that selects the files (ours, not the server's).
    parents, children : tuple of Did
        The datasets it is a subset of, and its own subsets.
    """

    __pydantic_config__ = _KNOWN_MEMBERS

    namespace: str
    name: str
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    creator: str | None = None
    created_timestamp: StrictFloat | None = None
    updated_by: str | None = None
    updated_timestamp: StrictFloat | None = None
    frozen: StrictBool = False
    monotonic: StrictBool = False
    file_meta_requirements: dict[str, Any] | None = None
    file_count: StrictInt = 0
    definition: str | None = None
    parents: tuple[Did, ...] = ()
    children: tuple[Did, ...] = ()

    @property
    def did(self) -> str:
        """``namespace:name``."""
        return f"{self.namespace}:{self.name}"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> DatasetRecord:
        """Read the server's form, with ``parents`` and ``children`` as ``"namespace:name"``.

        Raises
        ------
        CatalogError
            If a member is missing, unknown, or of another type.
        """
        return _read(cls, "dataset", document)

    def to_json(self, *, with_relations: bool = False) -> dict[str, Any]:
        """Write the server's form, with our ``definition`` where there is one."""
        requirements = self.file_meta_requirements
        document: dict[str, Any] = {
            "namespace": self.namespace,
            "name": self.name,
            "frozen": self.frozen,
            "monotonic": self.monotonic,
            "metadata": dict(self.metadata),
            "creator": self.creator,
            "created_timestamp": self.created_timestamp,
            "file_meta_requirements": None if requirements is None else dict(requirements),
            "description": self.description,
            "file_count": self.file_count,
            "updated_timestamp": self.updated_timestamp,
            "updated_by": self.updated_by,
        }
        if self.definition is not None:
            document["definition"] = self.definition
        if with_relations:
            document["parents"] = [str(did) for did in self.parents]
            document["children"] = [str(did) for did in self.children]
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuery:
    """An MQL text that other queries may use by name.

    Attributes
    ----------
    namespace, name : str
    source : str
        The MQL text.
    description : str or None
    metadata : dict of str to any JSON value
    creator : str or None
    created_timestamp : float or None
        UTC seconds.
    """

    __pydantic_config__ = _KNOWN_MEMBERS

    namespace: str
    name: str
    source: str
    description: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    creator: str | None = None
    created_timestamp: StrictFloat | None = None

    @property
    def did(self) -> str:
        """``namespace:name``."""
        return f"{self.namespace}:{self.name}"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> NamedQuery:
        """Read the server's form.

        Raises
        ------
        CatalogError
            If a member is missing, unknown, or of another type.
        """
        return _read(cls, "named query", document)

    def to_json(self) -> dict[str, Any]:
        """Write the server's form."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace and who may write into it.

    Attributes
    ----------
    name : str
    owner_user, owner_role : str or None
        One of the two.
    description, creator : str or None
    created_timestamp : float or None
        UTC seconds.
    """

    __pydantic_config__ = _KNOWN_MEMBERS

    name: str
    owner_user: str | None = None
    owner_role: str | None = None
    description: str | None = None
    creator: str | None = None
    created_timestamp: StrictFloat | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Namespace:
        """Read the server's form.

        Raises
        ------
        CatalogError
            If a member is missing, unknown, or of another type.
        """
        return _read(cls, "namespace", document)

    def to_json(self) -> dict[str, Any]:
        """Write the server's form."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def _read(kind: type[_Record], what: str, document: Mapping[str, Any]) -> _Record:
    """Check the members of a JSON object and make the record of them."""
    if not isinstance(document, Mapping):
        raise CatalogError(f"{what} record: expected a JSON object, found {document!r}")
    members = dict(document)
    as_reference = _fid if kind is FileRecord else _did
    for key, reference in (
        ("parents", as_reference),
        ("children", as_reference),
        ("datasets", _did),
    ):
        if isinstance(members.get(key), list | tuple):
            members[key] = tuple(reference(item) for item in members[key])
    try:
        record: _Record = _adapter(cast("Hashable", kind)).validate_python(members)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        name = document.get("name", document.get("fid", "?"))
        text = f"{what} {name}: {where}: {first['msg']}, found {first['input']!r}"
        raise CatalogError(text) from error
    return record


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _fid(item: Any) -> Any:
    return item.get("fid") if isinstance(item, Mapping) else item


def _did(item: Any) -> Any:
    if isinstance(item, Mapping):
        item = f"{item.get('namespace', '')}:{item.get('name', '')}"
    return Did.parse(item) if isinstance(item, str) else item
