"""Rules that the database itself holds: triggers for migrations, on both back ends.

A rule here stops careless SQL, also by programs that are not ours.  It does not stop the owner of
the database, who can drop it; against that stand the chain of the events, signatures, and heads
kept elsewhere (conditions page, section 4.5).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from mx2prod.journal.engine import is_sqlite
from mx2prod.journal.engine_errors import GUARD

_AS_OWNER = "SECURITY DEFINER SET search_path FROM CURRENT"


def append_only(connection: Connection, table: str, key: Sequence[str]) -> None:
    """Refuse every change and deletion of a row, by whatever statement.

    ``INSERT OR REPLACE`` of SQLite deletes the old row without its delete trigger, so a second
    row of the same key is refused before it is inserted.

    Parameters
    ----------
    connection : Connection
        Of a migration.
    table : str
    key : sequence of str
        Columns of the primary key.
    """
    message = f"{table} is append-only"
    if not is_sqlite(connection):
        _refuse_in_postgresql(
            connection, table, "UPDATE OR DELETE OR TRUNCATE", "append_only", message
        )
        return
    for action in ("UPDATE", "DELETE"):
        refuse(connection, table, action, f"append_only_{action.lower()}", message)
    refuse_second(connection, table, key)


def refuse_second(connection: Connection, table: str, key: Sequence[str]) -> None:
    """Refuse a second row of a key before SQLite could replace the first one by it.

    PostgreSQL knows no replacing insert, so its primary key is enough there.
    """
    if is_sqlite(connection):
        # Names of a migration, never of a user.
        same = " AND ".join(f"{column} = NEW.{column}" for column in key)
        when = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608
        message = f"{table} has this row already"
        refuse(connection, table, "INSERT", "second", message, when=when)


def refuse(
    connection: Connection, table: str, action: str, name: str, message: str, *, when: str = ""
) -> None:
    """Refuse an action on rows, always or under a condition on ``OLD`` and ``NEW``.

    On PostgreSQL a refused ``DELETE`` is a refused ``TRUNCATE`` too.

    Parameters
    ----------
    connection : Connection
    table, name : str
        The trigger is called ``<table>_<name>``.
    action : str
        ``INSERT``, ``UPDATE`` or ``DELETE``.
    message : str
        What the writer reads.
    when : str
        SQL that both back ends understand; always if empty.
    """
    if is_sqlite(connection):
        condition = f"WHEN {when} " if when else ""
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_{name} BEFORE {action} ON {table} FOR EACH ROW {condition}"
            f"BEGIN SELECT RAISE(ABORT, '{GUARD}{message}'); END"
        )
        return
    body = f"IF {when or 'TRUE'} THEN RAISE EXCEPTION '{GUARD}{message}'; END IF;"
    value = "OLD" if action == "DELETE" else "NEW"
    _function(connection, f"{table}_{name}", f"{body} RETURN {value};")
    connection.exec_driver_sql(
        f"CREATE TRIGGER {table}_{name} BEFORE {action} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_{name}()"
    )
    if action == "DELETE" and not when:
        _refuse_in_postgresql(connection, table, "TRUNCATE", f"{name}_whole", message)


def after_insert(connection: Connection, table: str, name: str, statement: str) -> None:
    """Run one SQL statement, which may use ``NEW``, after each inserted row.

    On PostgreSQL it runs with the rights of the owner of the tables, so that a writer needs none
    of its own on what it changes.
    """
    if is_sqlite(connection):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_{name} AFTER INSERT ON {table} FOR EACH ROW "
            f"BEGIN {statement}; END"
        )
        return
    _function(connection, f"{table}_{name}", f"{statement}; RETURN NULL;", _AS_OWNER)
    connection.exec_driver_sql(
        f"CREATE TRIGGER {table}_{name} AFTER INSERT ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_{name}()"
    )


def _refuse_in_postgresql(
    connection: Connection, table: str, actions: str, name: str, message: str
) -> None:
    """Refuse whole statements, so that ``TRUNCATE`` and a change of no row are refused too."""
    _function(connection, f"{table}_{name}", f"RAISE EXCEPTION '{GUARD}{message}';")
    connection.exec_driver_sql(
        f"CREATE TRIGGER {table}_{name} BEFORE {actions} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_{name}()"
    )


def _function(connection: Connection, name: str, body: str, options: str = "") -> None:
    connection.exec_driver_sql(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {options} AS "
        f"$mx2$ BEGIN {body} END $mx2$".replace("%", "%%")
    )
