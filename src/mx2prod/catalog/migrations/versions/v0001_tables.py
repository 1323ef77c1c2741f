"""Namespaces, files, lineage, datasets and named queries.

The tables are written out here and not taken from ``tables.py``, which follows later versions.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "catalog0001"
down_revision = None

_NUMBERS = ("event_count", "run")
_TEXTS = (
    "data_stream", "data_tier", "group_name", "campaign", "dqc_quality", "workflow",
    "application_family", "application_name", "application_version",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables."""
    _make("namespace", _text("name", key=True),
          *_texts("owner_user", "owner_role", "description", "creator"),
          _double("created_timestamp"))  # fmt: skip
    _make_file()
    _make_links()
    _make_dataset()
    _make(
        "query",
        _text("namespace", key=True),
        _text("name", key=True),
        _text("source"),
        *_texts("description"),
        _text("metadata"),
        *_texts("creator"),
        _double("created_timestamp"),
    )


def _make(name: str, *items: Any, **options: Any) -> None:
    op.create_table(f"catalog_{name}", *items, **options)


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def _text(name: str, *, key: bool = False, nullable: bool = False) -> sa.Column[Any]:
    # Compared by code point on both: SQLite by bytes of UTF-8, PostgreSQL with collation C.
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=key, nullable=nullable)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [_text(name, nullable=True) for name in names]


def _double(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.SmallInteger, nullable=False)


def _make_file() -> None:
    _make(
        "file",
        _key("id"),
        _flag("retired"),
        sa.Column("undecided", sa.Integer, nullable=False),
        _whole("size"),
        *(_double(name) for name in _NUMBERS),
        *_texts(*_TEXTS),
        *_texts("creator"),
        _double("created_timestamp"),
        *(_text(name) for name in ("namespace", "name", "fid")),
        *_texts("updated_by"),
        _double("updated_timestamp"),
        *_texts("retired_by"),
        _double("retired_timestamp"),
        sa.UniqueConstraint("fid", name="catalog_file_fid"),
        sa.UniqueConstraint("name", "namespace", name="catalog_file_did"),
        sa.CheckConstraint("size >= 0", name="catalog_file_size"),
        sa.CheckConstraint("retired IN (0, 1)", name="catalog_file_retired"),
    )
    op.create_index("catalog_file_run", "catalog_file", ["run", "data_stream"])
    op.create_index("catalog_file_order", "catalog_file", ["created_timestamp", "fid"])
    op.create_index(
        "catalog_file_undecided", "catalog_file", ["undecided"],
        sqlite_where=sa.text("undecided <> 0"), postgresql_where=sa.text("undecided <> 0"),
    )  # fmt: skip
    _make("content", _key("file"), _text("metadata"), _text("checksums"),
          _refers("file", "file"))  # fmt: skip
    _make("key", _text("name", key=True))
    _make(
        "deleted",
        _text("fid", key=True),
        *(_text(name) for name in ("namespace", "name", "deleted_by")),
        _double("deleted_timestamp", nullable=False),
        sa.UniqueConstraint("name", "namespace", name="catalog_deleted_did"),
    )


def _make_links() -> None:
    _make("lineage", _key("child"), _key("parent"), _refers("child", "file"),
          _refers("parent", "file"), sa.CheckConstraint("child <> parent", name="catalog_self"),
          sqlite_with_rowid=False)  # fmt: skip
    op.create_index("catalog_lineage_parent", "catalog_lineage", ["parent", "child"])


def _refers(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"catalog_{table}.id"])


def _make_dataset() -> None:
    _make(
        "dataset",
        _key("id"),
        *(_text(name) for name in ("namespace", "name", "description", "metadata")),
        *_texts("creator"),
        _double("created_timestamp"),
        *_texts("updated_by"),
        _double("updated_timestamp"),
        _flag("frozen"),
        _flag("monotonic"),
        *_texts("requirements", "definition", "definition_sha256"),
        _double("evaluated_timestamp"),
        _whole("file_count", nullable=True),
        _whole("total_size", nullable=True),
        *_texts("digest"),
        sa.UniqueConstraint("name", "namespace", name="catalog_dataset_did"),
    )
    _make("member", _key("dataset"), _key("file"), _refers("dataset", "dataset"),
          _refers("file", "file"), sqlite_with_rowid=False)  # fmt: skip
    op.create_index("catalog_member_file", "catalog_member", ["file", "dataset"])
    _make("subset", _key("parent"), _key("child"), _refers("parent", "dataset"),
          _refers("child", "dataset"),
          sa.CheckConstraint("child <> parent", name="catalog_own_subset"),
          sqlite_with_rowid=False)  # fmt: skip
    op.create_index("catalog_subset_child", "catalog_subset", ["child", "parent"])
