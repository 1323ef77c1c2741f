"""Tables of this room, the same on SQLite and PostgreSQL (catalogue page, sections 1 and 5)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, SmallInteger, Table, Text

from mx2prod.catalog.indexed import INDEXED_KEYS

PREFIX = "catalog_"
METADATA = MetaData()


def _key(name: str) -> Column[Any]:
    return Column(name, Integer, primary_key=True, autoincrement=False)


def _named() -> tuple[Column[Any], Column[Any]]:
    return Column("namespace", Text, nullable=False), Column("name", Text, nullable=False)


def _created() -> tuple[Column[Any], Column[Any]]:
    return Column("creator", Text), Column("created_timestamp", Double)


def _updated() -> tuple[Column[Any], Column[Any]]:
    return Column("updated_by", Text), Column("updated_timestamp", Double)


def _column_type(kind: str) -> type[Text] | type[Double[float]]:
    return Text if kind == "text" else Double


NAMESPACE = Table(
    f"{PREFIX}namespace",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("owner_user", Text),
    Column("owner_role", Text),
    Column("description", Text),
    *_created(),
)

FILE = Table(
    f"{PREFIX}file",
    METADATA,
    _key("id"),
    Column("retired", SmallInteger, nullable=False),
    Column("undecided", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    *(Column(item.column, _column_type(item.kind)) for item in INDEXED_KEYS.values()),
    *_created(),
    *_named(),
    Column("fid", Text, nullable=False),
    *_updated(),
    Column("retired_by", Text),
    Column("retired_timestamp", Double),
)
"""One short row a file, first what counts and sums read.

``id`` is only for this database; everybody else says fid or did.
"""

CONTENT = Table(
    f"{PREFIX}content",
    METADATA,
    _key("file"),
    Column("metadata", Text, nullable=False),
    Column("checksums", Text, nullable=False),
)
"""Canonical JSON of each file."""

KEY = Table(f"{PREFIX}key", METADATA, Column("name", Text, primary_key=True))
"""Every metadata key that a file or a dataset has, or had."""

LINEAGE = Table(f"{PREFIX}lineage", METADATA, _key("child"), _key("parent"))

DELETED = Table(
    f"{PREFIX}deleted",
    METADATA,
    Column("fid", Text, primary_key=True),
    *_named(),
    Column("deleted_by", Text, nullable=False),
    Column("deleted_timestamp", Double, nullable=False),
)
"""Files that were deleted: their names are never given again."""

DATASET = Table(
    f"{PREFIX}dataset",
    METADATA,
    _key("id"),
    *_named(),
    Column("description", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    *_created(),
    *_updated(),
    Column("frozen", SmallInteger, nullable=False),
    Column("monotonic", SmallInteger, nullable=False),
    Column("requirements", Text),
    Column("definition", Text),
    Column("definition_sha256", Text),
    Column("evaluated_timestamp", Double),
    Column("file_count", BigInteger),
    Column("total_size", BigInteger),
    Column("digest", Text),
)
"""Datasets; the last five columns are those of a snapshot, NULL where there is none."""

MEMBER = Table(f"{PREFIX}member", METADATA, _key("dataset"), _key("file"))

SUBSET = Table(f"{PREFIX}subset", METADATA, _key("parent"), _key("child"))

QUERY = Table(
    f"{PREFIX}query",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("description", Text),
    Column("metadata", Text, nullable=False),
    *_created(),
)
