"""The store: a database of constants, development or production (conditions page, section 0)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Engine, insert, select

from mx2prod.conditions import tables
from mx2prod.conditions.axis import position
from mx2prod.conditions.room import CONDITIONS
from mx2prod.constants import FOLDERS, SCHEMAS, Constants, DetectorMaps
from mx2prod.constants.keys import default_maps
from mx2prod.core.canonical import canonical_json, sha256_of
from mx2prod.core.errors import StateError, StoreError, UsageError
from mx2prod.core.suggest import nearest
from mx2prod.journal import JOURNAL, address, events, migrate, open_engine, versions
from mx2prod.journal import engine as engines

if TYPE_CHECKING:
    from mx2prod.conditions.view import View
    from mx2prod.conditions.views import Use

Role = Literal["development", "production"]
DEFAULT_STOPS = (
    (position(1796), "period", "run-1a ends with run 1795"),
    (position(50001), "period", "run-1b ends with run 1805"),
    (position(50019), "period", "run-1c ends with run 50018"),
)
"""Borders of the periods of Run 1 (conditions page, sections 4.3 and 8)."""


@dataclass(frozen=True)
class Store:
    """A database of constants.

    Made by :func:`open_store` or :func:`create_store`.

    Attributes
    ----------
    engine : Engine
    role : str
        ``development``: tags are made, checked and signed there.  ``production``: whole global
        tags come in by promotion only.
    maps : DetectorMaps
        What says which channels, strips and planes exist.
    """

    engine: Engine
    role: Role
    maps: DetectorMaps = field(default_factory=default_maps)

    @property
    def address(self) -> str:
        """Address without secrets, for messages."""
        return address(self.engine)

    @property
    def hardware_map(self) -> str:
        """sha256 of the tables that say which keys exist."""
        return hardware_map_sha256(self.maps)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Transaction that sees one state of the database."""
        with engines.reading(self.engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Transaction of the only writer."""
        with engines.writing(self.engine) as connection:
            yield connection

    @contextmanager
    def developing(self, *, dry_run: bool = False) -> Iterator[Connection]:
        """Transaction of a change of the development database; undone at the end of a dry run.

        Raises
        ------
        StateError
            If this is the production database.
        """
        if self.role != "development":
            raise StateError(
                f"{self.address}: constants come into production by promotion only",
                next_step="mx2 conditions promote GTAG",
            )
        with self.changing(dry_run=dry_run) as connection:
            yield connection

    @contextmanager
    def changing(self, *, dry_run: bool = False) -> Iterator[Connection]:
        """Transaction of a change; undone at the end of a dry run."""
        with self.writing() as connection:
            yield connection
            if dry_run:
                connection.rollback()

    def view(self, reference: str, *, use: Use | None = None, allow_invalid: bool = False) -> View:
        """Pinned view of a global tag; see :func:`mx2prod.conditions.views.open_view`."""
        from mx2prod.conditions.views import open_view

        return open_view(self, reference, use=use, allow_invalid=allow_invalid)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def hardware_map_sha256(maps: DetectorMaps) -> str:
    """sha256 of hardware map and geometry."""
    return sha256_of([maps.hardware.table.sha256, maps.planes.table.sha256])


def open_store(url: str, *, root: Path | None = None, maps: DetectorMaps | None = None) -> Store:
    """Open a database of constants.

    Parameters
    ----------
    url : str
        ``sqlite:///file.db`` or ``postgresql+psycopg://...``.
    root : Path, optional
        Folder that a relative SQLite path starts at.
    maps : DetectorMaps, optional
        Hardware map and geometry; those of mx2prod by default.

    Raises
    ------
    StoreError
        If it cannot be reached, or has not the tables of this room.
    """
    engine = open_engine(url, root=root)
    for version in versions(engine, (JOURNAL, CONDITIONS)):
        if not version.current:
            raise StoreError(
                f"{address(engine)}: tables of {version.room} are {version.found or 'missing'}, "
                f"expected {version.newest}",
                next_step="mx2 conditions init",
            )
    with engines.reading(engine) as connection:
        role = connection.execute(select(tables.STORE.c.role)).scalar_one_or_none()
    if role is None:
        raise StoreError(
            f"{address(engine)}: no store of constants", next_step="mx2 conditions init"
        )
    return Store(engine, role, maps or default_maps())


def create_store(
    url: str,
    role: Role,
    *,
    root: Path | None = None,
    maps: DetectorMaps | None = None,
) -> Store:
    """Make the tables of a database of constants, with its folders; nothing if they are there.

    Parameters
    ----------
    url : str
    role : str
        ``development`` or ``production``.
    root, maps
        As in :func:`open_store`.

    Raises
    ------
    StateError
        If it is there with the other role.
    """
    engine = open_engine(url, root=root, create=True)
    migrate(engine, (JOURNAL, CONDITIONS))
    store = Store(engine, role, maps or default_maps())
    with store.writing() as connection:
        found = connection.execute(select(tables.STORE.c.role)).scalar_one_or_none()
        if found is None:
            _fill(connection, role)
        elif found != role:
            raise StateError(f"{store.address}: is the {found} database, not the {role} one")
        else:
            _add_folders(connection)
    return store


def _fill(connection: Connection, role: Role) -> None:
    connection.execute(insert(tables.STORE), {"id": 1, "role": role})
    stops = [
        {"place": place, "folder": "", "kind": kind, "reason": reason}
        for place, kind, reason in DEFAULT_STOPS
    ]
    connection.execute(insert(tables.STOP), stops)
    _add_folders(connection)
    note(connection, "init", "store", {"role": role})


def _add_folders(connection: Connection) -> None:
    """Add schemas and folders that this program has and the database has not."""
    known = set(connection.execute(select(tables.SCHEMA.c.schema_id)).scalars())
    schemas = [
        {"schema_id": name, "columns": schema_text(schema)}
        for name, schema in SCHEMAS.items()
        if name not in known
    ]
    there = set(connection.execute(select(tables.FOLDER.c.name)).scalars())
    folders = [
        {
            "name": name,
            "schema_id": schema.schema,
            "axis": "run_subrun",
            "hardware_map": str(schema.key),
        }
        for name, schema in FOLDERS.items()
        if name not in there
    ]
    for table, rows in ((tables.SCHEMA, schemas), (tables.FOLDER, folders)):
        if rows:
            connection.execute(insert(table), rows)


def schema_text(schema: type[Constants]) -> str:
    """Columns of a schema as canonical JSON; limits are texts, because JSON numbers vary."""
    columns = [
        {
            "name": column.name,
            "type": column.type,
            "unit": column.unit,
            "meaning": column.meaning,
            "limits": column.limits,
        }
        for column in schema.columns()
    ]
    return canonical_json({"key": str(schema.key), "columns": columns})


def note(connection: Connection, action: str, obj: str, body: Mapping[str, Any]) -> events.Event:
    """Add an event ``conditions.<action>`` in the transaction of what it tells about."""
    return events.append(connection, f"conditions.{action}", obj, body)


def folder_schema(connection: Connection, folder: str) -> type[Constants]:
    """Find the schema class of a folder.

    Raises
    ------
    UsageError
        If there is no such folder; names the nearest one.
    """
    query = select(tables.FOLDER.c.schema_id).where(tables.FOLDER.c.name == folder)
    schema_id = connection.execute(query).scalar_one_or_none()
    if schema_id is None:
        names = connection.execute(select(tables.FOLDER.c.name)).scalars().all()
        raise UsageError(
            f"no constants folder {folder!r}" + nearest(folder, names),
            next_step="mx2 conditions ls",
        )
    return SCHEMAS[schema_id]


def add_document(connection: Connection, kind: str, body: Any) -> str:
    """Keep a document; return the sha256 of its canonical JSON."""
    text = canonical_json(body)
    sha256 = sha256_of(body)
    query = select(tables.DOCUMENT.c.sha256).where(tables.DOCUMENT.c.sha256 == sha256)
    if connection.execute(query).first() is None:
        row = {"sha256": sha256, "kind": kind, "body": text}
        connection.execute(insert(tables.DOCUMENT), row)
    return sha256


def read_document(connection: Connection, sha256: str) -> Any:
    """Content of a document.

    Raises
    ------
    StoreError
        If it is missing or not what its hash says.
    """
    query = select(tables.DOCUMENT.c.body).where(tables.DOCUMENT.c.sha256 == sha256)
    text = connection.execute(query).scalar_one_or_none()
    body = None if text is None else json.loads(text)
    if body is None or sha256_of(body) != sha256:
        raise StoreError(
            f"document {sha256[:16]} is missing or damaged", next_step="mx2 conditions verify"
        )
    return body
