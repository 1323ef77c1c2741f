"""Tables of this room, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

PREFIX = "journal_"
METADATA = MetaData()


def text_column(name: str, *, primary_key: bool = False) -> Column[str]:
    """Text that is always there."""
    return Column(name, Text, primary_key=primary_key, nullable=False)


def number_column(name: str) -> Column[int]:
    """Whole number of 64 bits that is always there."""
    return Column(name, BigInteger, nullable=False)


EVENT = Table(
    f"{PREFIX}event",
    METADATA,
    # INTEGER and not BIGINT on SQLite, where only INTEGER is the row id.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    text_column("utc"),
    number_column("clock_back_us"),
    text_column("actor"),
    text_column("host"),
    text_column("kind"),
    text_column("object"),
    text_column("body"),
    text_column("prev_hash"),
    text_column("hash"),
)
"""Hash-chained events (conditions page, section 4.5)."""

HEAD = Table(
    f"{PREFIX}head",
    METADATA,
    Column("id", Integer, primary_key=True),
    number_column("seq"),
    text_column("hash"),
)
"""One row: the last event, so that a missing last row shows."""

LEASE = Table(
    f"{PREFIX}lease",
    METADATA,
    text_column("name", primary_key=True),
    text_column("holder"),
    number_column("expires_us"),
    number_column("token"),
)
"""Leases; a released one keeps its row, so that its token never comes again."""
