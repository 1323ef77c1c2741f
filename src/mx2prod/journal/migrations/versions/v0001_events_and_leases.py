"""Events with their head, and leases.

The tables are written out here and not taken from ``tables.py``, which follows later versions.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mx2prod.journal.guards import after_insert, append_only, refuse, refuse_second

revision = "journal0001"
down_revision = None

_GENESIS = "0" * 64
_LAST_SEQ = "(SELECT seq FROM journal_head WHERE id = 1)"
_LAST_HASH = "(SELECT hash FROM journal_head WHERE id = 1)"


def upgrade() -> None:
    """Make the tables and their guards."""
    _make_event()
    _make_head()
    op.create_table(
        "journal_lease",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
    )
    _guard()


def _make_event() -> None:
    op.create_table(
        "journal_event",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("clock_back_us", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("actor", "host", "kind", "object", "body", "prev_hash", "hash")
        ),
        sa.UniqueConstraint("hash", name="journal_event_hash"),
    )
    op.create_index("journal_event_object", "journal_event", ["object", "seq"])
    op.create_index("journal_event_kind", "journal_event", ["kind", "seq"])


def _make_head() -> None:
    head = op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": _GENESIS}])


def _guard() -> None:
    """Rows are only added, each after the last one; the head follows by itself."""
    connection = op.get_bind()
    append_only(connection, "journal_event", ["seq"])
    refuse(
        connection,
        "journal_event",
        "INSERT",
        "in_order",
        "journal_event goes on after its last row only",
        when=f"NEW.seq <> {_LAST_SEQ} + 1 OR NEW.prev_hash <> {_LAST_HASH}",
    )
    only = "only the next event moves journal_head"
    event = "(SELECT hash FROM journal_event WHERE seq = NEW.seq)"
    refuse(
        connection,
        "journal_head",
        "UPDATE",
        "forward",
        only,
        when=f"NEW.id <> 1 OR NEW.seq <> OLD.seq + 1 OR NEW.hash <> COALESCE({event}, '')",
    )
    refuse(connection, "journal_head", "DELETE", "stays", only)
    refuse(connection, "journal_head", "INSERT", "one_row", only)
    after_insert(
        connection,
        "journal_event",
        "moves_head",
        "UPDATE journal_head SET seq = NEW.seq, hash = NEW.hash WHERE id = 1",
    )
    refuse_second(connection, "journal_lease", ["name"])
    refuse(connection, "journal_lease", "DELETE", "stays", "a lease keeps its row")
    refuse(
        connection,
        "journal_lease",
        "UPDATE",
        "token",
        "the token of a lease only grows",
        when="NEW.name <> OLD.name OR NEW.token < OLD.token",
    )
