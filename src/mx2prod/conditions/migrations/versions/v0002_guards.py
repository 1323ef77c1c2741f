"""Rules inside the database: nothing approved changes, nothing overlaps (conditions page, 4.5)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mx2prod.journal.engine import is_sqlite
from mx2prod.journal.engine_errors import GUARD
from mx2prod.journal.guards import append_only, refuse, refuse_second

revision = "conditions0002"
down_revision = "conditions0001"

_EDGES = (
    ("tag", "OPEN", "VALIDATED"),
    ("gtag", "OPEN", "VALIDATED"),
    ("gtag", "VALIDATED", "APPROVED"),
    ("gtag", "APPROVED", "PUBLISHED"),
    ("gtag", "PUBLISHED", "SUPERSEDED"),
    ("gtag", "PUBLISHED", "INVALID"),
    ("gtag", "SUPERSEDED", "INVALID"),
)
_APPEND_ONLY = {
    "store": ["id"],
    "schema": ["schema_id"],
    "folder": ["name"],
    "payload": ["content_sha256"],
    "provenance": ["content_sha256", "kind", "value"],
    "document": ["sha256"],
    "stop": ["place", "folder"],
    "evidence": ["gtag", "number"],
}
_KEPT = {
    "folder_alias": ["requested"],
    "unknown_folder": ["requested"],
    "upload": ["filepath", "datatype", "tag"],
    "alias": ["name"],
    "tag": ["id"],
    "gtag": ["name"],
}


def upgrade() -> None:
    """Make the guards."""
    connection = op.get_bind()
    _make_edges(connection)
    for name, key in _APPEND_ONLY.items():
        append_only(connection, f"conditions_{name}", key)
    for name, key in _KEPT.items():
        refuse_second(connection, f"conditions_{name}", key)
        refuse(connection, f"conditions_{name}", "DELETE", "stays", f"{name} rows stay")
    refuse(
        connection, "conditions_store", "INSERT", "one_row", "conditions_store has one row",
        when="NEW.id <> 1 OR NEW.role NOT IN ('development', 'production')",
    )  # fmt: skip
    _guard_states(connection, "tag", _TAG_FIXED, "")
    _guard_tag(connection)
    _guard_states(connection, "gtag", _GTAG_FIXED, _GTAG_FROZEN)
    _guard_gtag(connection)
    for name in ("iov", "gap"):
        _guard_intervals(connection, name)
    _guard_map(connection)
    _guard_evidence_and_alias(connection)
    if not is_sqlite(connection):
        _exclude_overlap(connection)


def _changed(*columns: str) -> str:
    return " OR ".join(f"COALESCE(NEW.{c}, '') <> COALESCE(OLD.{c}, '')" for c in columns)


_TAG_FIXED = (
    "NEW.id <> OLD.id OR COALESCE(NEW.parent_tag, -1) <> COALESCE(OLD.parent_tag, -1) OR "
    + _changed("folder", "name", "created_by", "created_utc", "reason")
)
_GTAG_FIXED = _changed("name", "parent", "hardware_map", "created_by", "created_utc", "reason")
_GTAG_FROZEN = " OR " + _changed("run_list", "runtime", "checks")


def _make_edges(connection: sa.Connection) -> None:
    edge = op.create_table(
        "conditions_edge",
        *(
            sa.Column(name, sa.Text, primary_key=True)
            for name in ("kind", "old_state", "new_state")
        ),
    )
    op.bulk_insert(
        edge, [dict(zip(("kind", "old_state", "new_state"), row, strict=True)) for row in _EDGES]
    )
    append_only(connection, "conditions_edge", ["kind", "old_state", "new_state"])
    refuse(connection, "conditions_edge", "INSERT", "fixed", "the edges of states are fixed")


def _guard_states(connection: sa.Connection, name: str, fixed: str, frozen: str) -> None:
    """States go along the edges only; the digest is fixed when a tag is no longer open."""
    table = f"conditions_{name}"
    edge = (
        f"EXISTS (SELECT 1 FROM conditions_edge WHERE kind = '{name}' AND old_state = OLD.state "  # noqa: S608
        "AND new_state = NEW.state)"
    )
    rules = {
        "starts_open": ("INSERT", f"a {name} starts OPEN", "NEW.state <> 'OPEN'"),
        "fixed": ("UPDATE", f"what a {name} is called and was made for does not change", fixed),
        "edge": (
            "UPDATE",
            f"no such step of the state of a {name}",
            f"NEW.state <> OLD.state AND NOT {edge}",
        ),
        "digest": (
            "UPDATE",
            f"the digest of a {name} that is not OPEN does not change",
            f"OLD.state <> 'OPEN' AND ({_changed('digest')}{frozen})",
        ),
        "has_digest": (
            "UPDATE",
            f"a {name} that is not OPEN has a digest",
            "NEW.state <> 'OPEN' AND length(NEW.digest) <> 64",
        ),
    }
    for rule, (action, message, when) in rules.items():
        refuse(connection, table, action, rule, message, when=when)


def _guard_tag(connection: sa.Connection) -> None:
    named = "EXISTS (SELECT 1 FROM conditions_tag WHERE folder = NEW.folder AND name = NEW.name)"
    refuse(
        connection, "conditions_tag", "INSERT", "second_name", "the folder has this tag already",
        when=named,
    )  # fmt: skip


def _guard_gtag(connection: sa.Connection) -> None:
    table = "conditions_gtag"
    tags = (
        "SELECT 1 FROM conditions_gtag_map m JOIN conditions_tag t ON t.id = m.tag_id "
        "WHERE m.gtag = NEW.name"
    )
    rules = {
        "tags_frozen": (
            "a global tag is validated with its tags, and has one",
            "NEW.state = 'VALIDATED' AND OLD.state = 'OPEN' AND "
            f"(NOT EXISTS ({tags}) OR EXISTS ({tags} AND t.state = 'OPEN'))",
        ),
        "only_production": (
            "only the production database publishes",
            "NEW.state = 'PUBLISHED' AND NOT EXISTS "
            "(SELECT 1 FROM conditions_store WHERE role = 'production')",
        ),
        "provisional": (
            "what an approval was does not change",
            "NEW.provisional <> OLD.provisional AND OLD.state <> 'VALIDATED'",
        ),
    }
    for rule, (message, when) in rules.items():
        refuse(connection, table, "UPDATE", rule, message, when=when)


def _guard_intervals(connection: sa.Connection, name: str) -> None:
    """Intervals and gaps of a tag never overlap, and change only while the tag is OPEN."""
    table = f"conditions_{name}"
    for other in ("iov", "gap"):
        last = (
            f"(SELECT until FROM conditions_{other} WHERE tag_id = NEW.tag_id "  # noqa: S608
            "AND since < NEW.until ORDER BY since DESC LIMIT 1)"
        )
        refuse(
            connection, table, "INSERT", f"overlaps_{other}", f"it overlaps a row of {other}",
            when=f"COALESCE({last}, 0) > NEW.since",
        )  # fmt: skip
    _only_in_open(
        connection, table, "conditions_tag WHERE id = {row}.tag_id", "the tag is not OPEN"
    )
    refuse(connection, table, "UPDATE", "fixed", f"a row of {name} is replaced, never changed")


def _guard_map(connection: sa.Connection) -> None:
    table, parent = "conditions_gtag_map", "conditions_gtag WHERE name = {row}.gtag"
    refuse_second(connection, table, ["gtag", "folder"])
    _only_in_open(connection, table, parent, "the global tag is not OPEN")
    folder = "(SELECT folder FROM conditions_tag WHERE id = NEW.tag_id)"
    wrong = f"COALESCE({folder}, '') <> NEW.folder"
    refuse(connection, table, "INSERT", "folder", "the tag is of another folder", when=wrong)
    refuse(connection, table, "UPDATE", "fixed", "a row of the map is replaced, never changed")


def _only_in_open(connection: sa.Connection, table: str, parent: str, message: str) -> None:
    for action, row in (("INSERT", "NEW"), ("DELETE", "OLD")):
        state = f"(SELECT state FROM {parent.format(row=row)})"  # noqa: S608
        refuse(
            connection, table, action, f"open_{action.lower()}", message,
            when=f"COALESCE({state}, '') <> 'OPEN'",
        )  # fmt: skip
    if not is_sqlite(connection):
        connection.exec_driver_sql(
            f"CREATE FUNCTION {table}_truncate() RETURNS trigger LANGUAGE plpgsql AS "
            f"$mx2$ BEGIN RAISE EXCEPTION '{GUARD}{message}'; END $mx2$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_truncate()"
        )


def _guard_evidence_and_alias(connection: sa.Connection) -> None:
    state = "(SELECT state FROM conditions_gtag WHERE name = NEW.gtag)"
    refuse(
        connection, "conditions_evidence", "INSERT", "before", "the global tag is published",
        when=f"COALESCE({state}, '') NOT IN ('OPEN', 'VALIDATED', 'APPROVED')",
    )  # fmt: skip
    for action in ("INSERT", "UPDATE"):
        refuse(
            connection, "conditions_alias", action, f"published_{action.lower()}",
            "an alias names a global tag that is PUBLISHED or SUPERSEDED",
            when=f"COALESCE({state}, '') NOT IN ('PUBLISHED', 'SUPERSEDED')",
        )  # fmt: skip


def _exclude_overlap(connection: sa.Connection) -> None:
    """PostgreSQL holds the rule also between writers that do not wait for each other."""
    connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS btree_gist")
    for name in ("iov", "gap"):
        connection.exec_driver_sql(
            f"ALTER TABLE conditions_{name} ADD CONSTRAINT conditions_{name}_no_overlap "
            "EXCLUDE USING gist (tag_id WITH =, int8range(since, until) WITH &&)"
        )
