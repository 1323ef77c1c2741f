"""Raw SQL against the rules inside the database (conditions page, section 4.5)."""

from __future__ import annotations

import pytest

from mx2prod.conditions import Gap, Interval, Store, create_tag, group, position, put
from mx2prod.conditions.intervals import insert_gap
from mx2prod.conditions.tags import find_tag
from mx2prod.core.errors import GuardError, StoreError
from tests.conditions.making import PEDESTALS, World, pedestals

A, B = position(1702), position(1750)

EVERYWHERE = {
    "payload changed": "UPDATE conditions_payload SET n_rows = 1",
    "payload deleted": "DELETE FROM conditions_payload",
    "provenance changed": "UPDATE conditions_provenance SET value = 'x'",
    "document deleted": "DELETE FROM conditions_document",
    "schema changed": "UPDATE conditions_schema SET columns = ''",
    "folder deleted": "DELETE FROM conditions_folder",
    "evidence changed": "UPDATE conditions_evidence SET body = ''",
    "stop deleted": "DELETE FROM conditions_stop",
    "role changed": "UPDATE conditions_store SET role = 'production'",
    "second role": "INSERT INTO conditions_store (id, role) VALUES (2, 'production')",
    "interval changed": f"UPDATE conditions_iov SET until = until - 1 WHERE since = {A}",
    "interval overlaps": (
        "INSERT INTO conditions_iov SELECT tag_id, since + 1, until, content_sha256, built "
        f"FROM conditions_iov WHERE since = {A}"
    ),
    "interval around": (
        f"INSERT INTO conditions_iov SELECT tag_id, {A} - 5, {B} + 5, content_sha256, built "
        f"FROM conditions_iov WHERE since = {A} AND tag_id = 2"
    ),
    "interval in a gap": (
        f"INSERT INTO conditions_iov SELECT tag_id, {B} + 1, {B} + 2, content_sha256, built "
        f"FROM conditions_iov WHERE since = {A} AND tag_id = 2"
    ),
    "gap in an interval": (
        f"INSERT INTO conditions_gap VALUES (2, {A} + 1, {A} + 2, 'exclude', 'x', NULL)"
    ),
    "gap changed": "UPDATE conditions_gap SET choice = 'exclude'",
    "interval of a frozen tag": (
        f"INSERT INTO conditions_iov SELECT tag_id, {B} + 100, {B} + 101, content_sha256, built "
        f"FROM conditions_iov WHERE since = {A} AND tag_id = 1"
    ),
    "interval of a frozen tag deleted": "DELETE FROM conditions_iov WHERE tag_id = 1",
    "gap of a frozen tag": (
        f"INSERT INTO conditions_gap VALUES (1, {B} + 1, {B} + 2, 'exclude', 'x', NULL)"
    ),
    "frozen tag opened": "UPDATE conditions_tag SET state = 'OPEN' WHERE id = 1",
    "frozen tag with another digest": (
        f"UPDATE conditions_tag SET digest = '{'0' * 64}' WHERE id = 1"
    ),
    "tag renamed": "UPDATE conditions_tag SET name = 'other' WHERE id = 1",
    "tag with another id": "UPDATE conditions_tag SET id = 77 WHERE id = 2",
    "tag deleted": "DELETE FROM conditions_tag",
    "tag born frozen": (
        f"INSERT INTO conditions_tag VALUES (9, '{PEDESTALS}', 'x', 'VALIDATED', NULL, "
        f"'{'0' * 64}', 'a', 'b', 'c')"
    ),
    "tag frozen without digest": "UPDATE conditions_tag SET state = 'VALIDATED' WHERE id = 2",
    "tag to a state that is none": "UPDATE conditions_tag SET state = 'PUBLISHED' WHERE id = 1",
    "global tag opened": "UPDATE conditions_gtag SET state = 'OPEN' WHERE name = 'frozen'",
    "global tag jumps": "UPDATE conditions_gtag SET state = 'PUBLISHED' WHERE name = 'frozen'",
    "global tag with another digest": (
        f"UPDATE conditions_gtag SET digest = '{'0' * 64}' WHERE name = 'frozen'"
    ),
    "global tag with other checks": (
        "UPDATE conditions_gtag SET checks = '' WHERE name = 'frozen'"
    ),
    "global tag with another parent": "UPDATE conditions_gtag SET parent = 'x'",
    "global tag deleted": "DELETE FROM conditions_gtag",
    "global tag born published": (
        "INSERT INTO conditions_gtag VALUES ('x', 'PUBLISHED', '', 0, NULL, '', '', '', '', "
        "'a', 'b', 'c')"
    ),
    "open global tag validated with an open tag": (
        f"UPDATE conditions_gtag SET state = 'VALIDATED', digest = '{'0' * 64}' WHERE name = 'open'"
    ),
    "member of a frozen global tag": (
        f"INSERT INTO conditions_gtag_map VALUES ('frozen', '{PEDESTALS}x', 2)"
    ),
    "member of another folder": (
        "INSERT INTO conditions_gtag_map VALUES ('open', 'minerva2x2_feb_constants', 1)"
    ),
    "member of a frozen global tag deleted": (
        "DELETE FROM conditions_gtag_map WHERE gtag = 'frozen'"
    ),
    "member changed": "UPDATE conditions_gtag_map SET tag_id = 2",
    "alias of what is not published": (
        "INSERT INTO conditions_alias VALUES ('current', 'frozen', 'now')"
    ),
    "new edge": "INSERT INTO conditions_edge VALUES ('tag', 'VALIDATED', 'OPEN')",
    "edge deleted": "DELETE FROM conditions_edge",
    "event changed": "UPDATE journal_event SET actor = 'x'",
    "event deleted": "DELETE FROM journal_event",
}
SQLITE = {
    "payload replaced": (
        "INSERT OR REPLACE INTO conditions_payload SELECT content_sha256, schema_id, 1, encoding, "
        "file_sha256, size, data FROM conditions_payload"
    ),
    "tag replaced": (
        "INSERT OR REPLACE INTO conditions_tag SELECT id, folder, name, 'OPEN', parent_tag, '', "
        "created_by, created_utc, reason FROM conditions_tag WHERE id = 1"
    ),
    "tag replaced by its name": (
        "INSERT OR REPLACE INTO conditions_tag SELECT 99, folder, name, 'OPEN', parent_tag, '', "
        "created_by, created_utc, reason FROM conditions_tag WHERE id = 1"
    ),
    "global tag replaced": (
        "INSERT OR REPLACE INTO conditions_gtag SELECT name, 'OPEN', '', 0, parent, hardware_map, "
        "run_list, runtime, checks, created_by, created_utc, reason FROM conditions_gtag"
    ),
    "interval replaced": (
        "INSERT OR REPLACE INTO conditions_iov SELECT tag_id, since, until + 1, content_sha256, "
        "built FROM conditions_iov WHERE tag_id = 2"
    ),
    "member replaced": (
        f"INSERT OR REPLACE INTO conditions_gtag_map VALUES ('frozen', '{PEDESTALS}', 2)"
    ),
    "document replaced": (
        "INSERT OR REPLACE INTO conditions_document SELECT sha256, kind, '{}' "
        "FROM conditions_document"
    ),
    "interval moved onto another": (
        f"UPDATE OR REPLACE conditions_iov SET since = {B} WHERE since = {A}"
    ),
}
POSTGRESQL = {
    "payload upserted": (
        "INSERT INTO conditions_payload SELECT * FROM conditions_payload "
        "ON CONFLICT (content_sha256) DO UPDATE SET n_rows = 1"
    ),
    "tag upserted": (
        "INSERT INTO conditions_tag SELECT * FROM conditions_tag WHERE id = 2 "
        "ON CONFLICT (id) DO UPDATE SET state = 'PUBLISHED'"
    ),
    "payloads truncated": "TRUNCATE conditions_payload CASCADE",
    "intervals truncated": "TRUNCATE conditions_iov",
    "gaps truncated": "TRUNCATE conditions_gap",
    "members truncated": "TRUNCATE conditions_gtag_map",
    "tags truncated": "TRUNCATE conditions_tag CASCADE",
}


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of this room."""
    names = ("payload", "tag", "iov", "gap", "gtag", "gtag_map", "document", "edge", "stop")
    with store.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"SELECT * FROM conditions_{name}").fetchall()
            for name in names
        }
    return {name: sorted(map(tuple, rows), key=repr) for name, rows in found.items()}


def test_no_attack_with_raw_sql_succeeds(world: World) -> None:
    world.frozen("frozen", 430.0)
    development = world.development
    create_tag(development, PEDESTALS, "open", reason="x")
    table = pedestals(2.0)
    put(development, PEDESTALS, table, tag="open", since=A, until=A + 9, reason="x")
    group(development, "open", {PEDESTALS: "open"}, reason="x")
    with development.writing() as connection:
        tag = find_tag(connection, PEDESTALS, "open")
        insert_gap(connection, tag.id, Gap(Interval(B, B + 9), "exclude", "x", None))
        connection.exec_driver_sql("INSERT INTO conditions_evidence VALUES ('open', 1, 'x', '')")
    before = contents(development)
    more = SQLITE if development.engine.dialect.name == "sqlite" else POSTGRESQL
    succeeded = []
    for name, statement in (EVERYWHERE | more).items():
        try:
            with development.writing() as connection:
                done = connection.exec_driver_sql(statement)
                succeeded.append((name, done.rowcount))
        except StoreError as error:
            refused = isinstance(error, GuardError) or "no_overlap" in str(error)
            assert refused, f"{name}: {error}"
    assert succeeded == [], "each statement must be refused, and touch a row"
    assert contents(development) == before


def test_the_development_database_never_publishes(world: World) -> None:
    world.frozen("run1-v1", 430.0)
    world.sign("run1-v1", "rev", "con")
    with (
        pytest.raises(GuardError, match="only the production database publishes"),
        world.development.writing() as connection,
    ):
        connection.exec_driver_sql("UPDATE conditions_gtag SET state = 'PUBLISHED'")


def test_production_keeps_what_it_has(world: World) -> None:
    world.frozen("run1-v1", 430.0)
    world.sign("run1-v1", "rev", "con")
    world.promote("run1-v1")
    before = contents(world.production)
    for statement in (
        "UPDATE conditions_gtag SET state = 'APPROVED'",
        "UPDATE conditions_gtag SET provisional = 1",
        "DELETE FROM conditions_iov",
        "INSERT INTO conditions_evidence VALUES ('run1-v1', 99, 'event', '{}')",
        "DELETE FROM conditions_evidence",
    ):
        with pytest.raises(GuardError), world.production.writing() as connection:
            connection.exec_driver_sql(statement)
    assert contents(world.production) == before
