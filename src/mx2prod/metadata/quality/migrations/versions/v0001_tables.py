"""Verdicts and their items; rows are only added.

The tables are written out here and not taken from ``tables.py``, which follows later versions.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mx2prod.journal.guards import append_only

revision = "quality0001"
down_revision = None


def upgrade() -> None:
    """Make the tables and their guards."""
    op.create_table(
        "quality_verdict",
        sa.Column("did", sa.Text, primary_key=True),
        sa.Column("dq_version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("signed_by", sa.Text, nullable=False),
        sa.Column("thresholds", sa.Text, nullable=False),
        sa.Column("inputs_sha256", sa.Text, nullable=False),
        sa.Column("utc", sa.Text, nullable=False),
    )
    op.create_table(
        "quality_item",
        sa.Column("did", sa.Text, primary_key=True),
        sa.Column("dq_version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("item", sa.Text, primary_key=True),
        sa.Column("value", sa.Double),
        sa.Column("threshold", sa.Text, nullable=False),
        sa.Column("passed", sa.SmallInteger),
        sa.Column("detail", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["did", "dq_version"], ["quality_verdict.did", "quality_verdict.dq_version"]
        ),
    )
    connection = op.get_bind()
    append_only(connection, "quality_verdict", ["did", "dq_version"])
    append_only(connection, "quality_item", ["did", "dq_version", "item"])
