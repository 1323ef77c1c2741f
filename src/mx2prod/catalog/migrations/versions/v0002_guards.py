"""Rules inside the database: names stay, frozen datasets stay (catalogue page, 1.1 and 1.2)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mx2prod.journal.engine import is_sqlite
from mx2prod.journal.engine_errors import GUARD
from mx2prod.journal.guards import append_only, refuse, refuse_second

revision = "catalog0002"
down_revision = "catalog0001"

_SNAPSHOT = ("definition_sha256", "digest")
_COUNTS = ("file_count", "total_size", "evaluated_timestamp")


def upgrade() -> None:
    """Make the guards."""
    connection = op.get_bind()
    _guard_file(connection)
    _guard_dataset(connection)
    _guard_member(connection)
    append_only(connection, "catalog_deleted", ["fid"])


def _same(*columns: str) -> str:
    return " AND ".join(f"{column} = NEW.{column}" for column in columns)


def _taken(table: str, *columns: str) -> str:
    return f"EXISTS (SELECT 1 FROM catalog_{table} WHERE {_same(*columns)})"  # noqa: S608


def _guard_file(connection: sa.Connection) -> None:
    """Keep a did and a fid to one file for ever."""
    table = "catalog_file"
    if is_sqlite(connection):
        # INSERT OR REPLACE would delete the old row, whichever unique column it meets.
        taken = " OR ".join(
            _taken("file", *key) for key in (("id",), ("fid",), ("name", "namespace"))
        )
        refuse(connection, table, "INSERT", "second", f"{table} has this row already", when=taken)
    gone = f"{_taken('deleted', 'fid')} OR {_taken('deleted', 'name', 'namespace')}"
    refuse(connection, table, "INSERT", "deleted", "the name belonged to a deleted file", when=gone)
    changed = " OR ".join(
        f"NEW.{column} <> OLD.{column}" for column in ("id", "fid", "namespace", "name")
    )
    refuse(connection, table, "UPDATE", "name", "the name of a file does not change", when=changed)


def _guard_dataset(connection: sa.Connection) -> None:
    table = "catalog_dataset"
    refuse_second(connection, table, ["id"])
    if is_sqlite(connection):
        refuse(
            connection, table, "INSERT", "second_name", "the dataset is there already",
            when=_taken("dataset", "name", "namespace"),
        )  # fmt: skip
    changed = "NEW.id <> OLD.id OR NEW.namespace <> OLD.namespace OR NEW.name <> OLD.name"
    refuse(connection, table, "UPDATE", "name", "the name of a dataset stays", when=changed)
    texts = [f"COALESCE(NEW.{c}, '') <> COALESCE(OLD.{c}, '')" for c in ("definition", *_SNAPSHOT)]
    numbers = [f"COALESCE(NEW.{c}, -1) <> COALESCE(OLD.{c}, -1)" for c in _COUNTS]
    refuse(
        connection, table, "UPDATE", "frozen", "the dataset is frozen",
        when=f"OLD.frozen <> 0 AND ({' OR '.join(texts + numbers)})",
    )  # fmt: skip
    refuse(
        connection, table, "DELETE", "frozen_stays", "the dataset is frozen",
        when="OLD.frozen <> 0",
    )  # fmt: skip


def _guard_member(connection: sa.Connection) -> None:
    """Nothing comes into a frozen dataset or leaves it; only what may be added leaves another."""
    table = "catalog_member"
    refuse(connection, table, "UPDATE", "fixed", "a member is added or removed, never changed")
    for action, row in (("INSERT", "NEW"), ("DELETE", "OLD")):
        frozen = f"(SELECT frozen FROM catalog_dataset WHERE id = {row}.dataset)"  # noqa: S608
        refuse(
            connection, table, action, f"frozen_{action.lower()}", "the dataset is frozen",
            when=f"{frozen} <> 0",
        )  # fmt: skip
    if not is_sqlite(connection):
        for name in ("member", "dataset", "file"):
            _refuse_truncate(connection, f"catalog_{name}")


def _refuse_truncate(connection: sa.Connection, table: str) -> None:
    connection.exec_driver_sql(
        f"CREATE FUNCTION {table}_truncate() RETURNS trigger LANGUAGE plpgsql AS "
        f"$mx2$ BEGIN RAISE EXCEPTION '{GUARD}{table} is never emptied'; END $mx2$"
    )
    connection.exec_driver_sql(
        f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_truncate()"
    )
