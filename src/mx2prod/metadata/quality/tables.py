"""Tables of this room, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Double, Integer, MetaData, SmallInteger, Table, Text

from mx2prod.journal import Room

PREFIX = "quality_"
METADATA = MetaData()
QUALITY = Room("quality", Path(__file__).parent / "migrations", PREFIX)
"""The room as one that keeps tables, in the database of the production."""

VERDICT = Table(
    f"{PREFIX}verdict",
    METADATA,
    Column("did", Text, primary_key=True),
    Column("dq_version", Integer, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("flags", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("signed_by", Text, nullable=False),
    Column("thresholds", Text, nullable=False),
    Column("inputs_sha256", Text, nullable=False),
    Column("utc", Text, nullable=False),
)
"""Verdicts; a later one of the same file is a new ``dq_version``, never an overwrite."""

ITEM = Table(
    f"{PREFIX}item",
    METADATA,
    Column("did", Text, primary_key=True),
    Column("dq_version", Integer, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("value", Double),
    Column("threshold", Text, nullable=False),
    Column("passed", SmallInteger),
    Column("detail", Text, nullable=False),
)
"""Items of each verdict; ``value`` and ``passed`` are null where nothing tells it."""
