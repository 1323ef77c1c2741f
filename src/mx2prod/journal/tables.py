"""Tables of this room, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

PREFIX = "journal_"
METADATA = MetaData()

EVENT = Table(
    f"{PREFIX}event",
    METADATA,
    # INTEGER and not BIGINT on SQLite, where only INTEGER is the row id.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("utc", Text, nullable=False),
    Column("clock_back_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
"""Hash-chained events (conditions page, section 4.5)."""

HEAD = Table(
    f"{PREFIX}head",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)
"""One row: the last event, so that a missing last row shows."""

LEASE = Table(
    f"{PREFIX}lease",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
)
"""Leases; a released one keeps its row, so that its token never comes again."""
