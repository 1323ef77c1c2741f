"""Payloads, tags with their intervals and gaps, global tags, aliases and the ledger of uploads.

The tables are written out here and not taken from ``tables.py``, which follows later versions.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "conditions0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _make("store", _number("id", key=True), _text("role"))
    _make("schema", _text("schema_id", key=True), _text("columns"))
    _make(
        "folder",
        _text("name", key=True),
        _text("schema_id"),
        _text("axis"),
        _text("hardware_map"),
        sa.ForeignKeyConstraint(["schema_id"], ["conditions_schema.schema_id"]),
    )
    _make("folder_alias", _text("requested", key=True), _text("folder"))
    _make("unknown_folder", _text("requested", key=True), _number("requests"), _text("last_utc"))
    _make_payload()
    _make_tag()
    _make_intervals()
    _make_gtag()
    _make_upload()


def _make(name: str, *items: Any) -> None:
    op.create_table(f"conditions_{name}", *items)


def _text(name: str, *, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=False)


def _number(name: str, *, key: bool = False) -> sa.Column[Any]:
    kind = sa.Integer if key and name not in {"since", "place"} else sa.BigInteger
    return sa.Column(name, kind, primary_key=key, nullable=False, autoincrement=False)


def _make_payload() -> None:
    _make(
        "payload",
        _text("content_sha256", key=True),
        _text("schema_id"),
        _number("n_rows"),
        _text("encoding"),
        _text("file_sha256"),
        _number("size"),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["schema_id"], ["conditions_schema.schema_id"]),
    )
    _make(
        "provenance",
        _text("content_sha256", key=True),
        _text("kind", key=True),
        _text("value", key=True),
        sa.ForeignKeyConstraint(["content_sha256"], ["conditions_payload.content_sha256"]),
    )
    _make("document", _text("sha256", key=True), _text("kind"), _text("body"))


def _make_tag() -> None:
    _make(
        "tag",
        _number("id", key=True),
        _text("folder"),
        _text("name"),
        _text("state"),
        sa.Column("parent_tag", sa.Integer),
        _text("digest"),
        _text("created_by"),
        _text("created_utc"),
        _text("reason"),
        sa.UniqueConstraint("folder", "name", name="conditions_tag_name"),
        sa.ForeignKeyConstraint(["folder"], ["conditions_folder.name"]),
        sa.ForeignKeyConstraint(["parent_tag"], ["conditions_tag.id"]),
    )


def _make_intervals() -> None:
    for name, columns in {
        "iov": [_text("content_sha256"), _number("built")],
        "gap": [_text("choice"), _text("reason"), sa.Column("content_sha256", sa.Text)],
    }.items():
        _make(
            name,
            _number("tag_id", key=True),
            _number("since", key=True),
            _number("until"),
            *columns,
            sa.CheckConstraint("0 <= since AND since < until", name=f"conditions_{name}_order"),
            sa.ForeignKeyConstraint(["tag_id"], ["conditions_tag.id"]),
            sa.ForeignKeyConstraint(["content_sha256"], ["conditions_payload.content_sha256"]),
        )
    _make(
        "stop", _number("place", key=True), _text("folder", key=True), _text("kind"),
        _text("reason"),
    )  # fmt: skip


def _make_gtag() -> None:
    _make(
        "gtag",
        _text("name", key=True),
        _text("state"),
        _text("digest"),
        _number("provisional"),
        sa.Column("parent", sa.Text),
        *(_text(name) for name in ("hardware_map", "run_list", "runtime", "checks")),
        *(_text(name) for name in ("created_by", "created_utc", "reason")),
    )
    _make(
        "gtag_map",
        _text("gtag", key=True),
        _text("folder", key=True),
        _number("tag_id"),
        sa.ForeignKeyConstraint(["gtag"], ["conditions_gtag.name"]),
        sa.ForeignKeyConstraint(["tag_id"], ["conditions_tag.id"]),
    )
    _make(
        "evidence",
        _text("gtag", key=True),
        _number("number", key=True),
        _text("kind"),
        _text("body"),
        sa.ForeignKeyConstraint(["gtag"], ["conditions_gtag.name"]),
    )
    _make(
        "alias", _text("name", key=True), _text("gtag"), _text("moved_utc"),
        sa.ForeignKeyConstraint(["gtag"], ["conditions_gtag.name"]),
    )  # fmt: skip


def _make_upload() -> None:
    _make(
        "upload",
        *(_text(name, key=True) for name in ("filepath", "datatype", "tag")),
        _text("detector"),
        *(_number(name) for name in ("loaded", "verified", "obsolete", "error")),
        *(_text(name) for name in ("comment", "add_utc", "modify_utc", "modify_user")),
    )
