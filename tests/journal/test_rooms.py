from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from mx2prod.core.errors import BadInputError, StoreError, UsageError
from mx2prod.journal import (
    JOURNAL,
    Room,
    Version,
    events,
    grant,
    migrate,
    open_engine,
    reading,
    require_current,
    versions,
    writing,
)
from mx2prod.journal.engine import is_sqlite
from mx2prod.journal.tables import METADATA

FIRST = """
import sqlalchemy as sa
from alembic import op
revision = "shop0001"
down_revision = None
def upgrade():
    op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision = "shop0002"
down_revision = "shop0001"
def upgrade():
    op.add_column("shop_item", sa.Column("price", sa.Integer))
    {more}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Room:
    room = Room("shop", tmp_path / "shop", "shop_")
    (room.migrations / "versions").mkdir(parents=True)
    write(room, "v0001_first", FIRST.format(table="shop_item"))
    return room


def write(room: Room, name: str, content: str) -> None:
    (room.migrations / "versions" / f"{name}.py").write_text(content)


def columns(engine: Engine, table: str) -> set[str]:
    with reading(engine) as connection:
        return {column["name"] for column in inspect(connection).get_columns(table)}


def test_tables_are_made_once(store_url: str) -> None:
    made = open_engine(store_url, create=True)
    assert versions(made, [JOURNAL]) == [Version("journal", None, "journal0001")]
    assert migrate(made) == [Version("journal", None, "journal0001")]
    assert migrate(made) == [Version("journal", "journal0001", "journal0001")]
    require_current(made)
    made.dispose()


def test_migrations_make_the_tables_that_the_code_uses(engine: Engine) -> None:
    with reading(engine) as connection:
        found = set(inspect(connection).get_table_names())
    assert found == {*METADATA.tables, JOURNAL.version_table}
    for name, table in METADATA.tables.items():
        assert columns(engine, name) == set(table.columns.keys())


def test_another_room_has_its_own_versions(engine: Engine, shop: Room) -> None:
    with pytest.raises(StoreError, match="tables of shop are missing, expected shop0001") as caught:
        require_current(engine, [JOURNAL, shop])
    assert caught.value.next_step == "mx2 workspace migrate"
    migrate(engine, [JOURNAL, shop])
    write(shop, "v0002_second", SECOND.format(more=""))
    assert migrate(engine, [JOURNAL, shop])[1] == Version("shop", "shop0001", "shop0002")
    assert columns(engine, "shop_item") == {"id", "price"}


def test_a_migration_that_fails_changes_nothing(engine: Engine, shop: Room) -> None:
    migrate(engine, [shop])
    write(shop, "v0002_second", SECOND.format(more="op.execute('SELECT * FROM nowhere')"))
    with pytest.raises(StoreError):
        migrate(engine, [shop])
    assert columns(engine, "shop_item") == {"id"}
    assert versions(engine, [shop])[0].found == "shop0001"


def test_all_rooms_change_or_none(store_url: str, shop: Room) -> None:
    write(shop, "v0001_first", FIRST.format(table="shop_item").replace("Integer,", "NoType,"))
    made = open_engine(store_url, create=True)
    with pytest.raises(AttributeError, match="NoType"):
        migrate(made, [JOURNAL, shop])
    with reading(made) as connection:
        assert inspect(connection).get_table_names() == []
    made.dispose()


def test_a_table_without_the_prefix_of_its_room_is_refused(engine: Engine, shop: Room) -> None:
    write(shop, "v0001_first", FIRST.format(table="item"))
    with pytest.raises(StoreError, match=r"room shop makes \['item'\], expected names shop_"):
        migrate(engine, [shop])
    with reading(engine) as connection:
        assert not inspect(connection).has_table("item")


def test_a_database_of_a_newer_program_is_refused(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE journal_version SET version_num = 'journal9999'"))
    for work in (lambda: versions(engine, [JOURNAL]), lambda: migrate(engine)):
        with pytest.raises(BadInputError, match="journal9999, written by a newer mx2prod"):
            work()


def test_a_room_without_migrations_is_refused(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "empty" / "versions").mkdir(parents=True)
    with pytest.raises(StoreError, match="no migration of room empty"):
        migrate(engine, [Room("empty", tmp_path / "empty", "empty_")])


def test_the_rights_of_a_writer(engine: Engine) -> None:
    """Conditions page, section 4.5: INSERT only; what it may not do, the server refuses."""
    if is_sqlite(engine):
        with pytest.raises(UsageError, match="SQLite has no roles"):
            grant(engine, [JOURNAL], "writer")
        return
    role = f"writer-{id(engine)}"
    with writing(engine) as connection:
        connection.exec_driver_sql(f'CREATE ROLE "{role}"')
        (schema,) = connection.execute(text("SELECT current_schema()")).one()
        connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA {schema} TO "{role}"')
    assert len(grant(engine, [JOURNAL], role)) == 8
    become = f'SET LOCAL ROLE "{role}"'
    with writing(engine) as connection:
        connection.exec_driver_sql(become)
        events.append(connection, "test", "o", {})
        assert events.verify(connection).problems == ()
        connection.exec_driver_sql("INSERT INTO journal_lease VALUES ('a', 'b', 1, 1)")
        connection.exec_driver_sql("UPDATE journal_lease SET token = 2")
    for statement in (
        "UPDATE journal_event SET actor = 'x'",
        "DELETE FROM journal_event",
        "TRUNCATE journal_event",
        "UPDATE journal_head SET seq = 2",
        "DELETE FROM journal_lease",
        "UPDATE journal_version SET version_num = 'x'",
        "ALTER TABLE journal_event DISABLE TRIGGER ALL",
        "DROP TRIGGER journal_event_append_only ON journal_event",
    ):
        with pytest.raises(StoreError) as caught, writing(engine) as connection:
            connection.exec_driver_sql(become)
            connection.exec_driver_sql(statement)
        assert "may not do that" in caught.value.message, statement
    with pytest.raises(StoreError, match="does not exist"):
        grant(engine, [JOURNAL], "nobody there")
    with pytest.raises(UsageError, match="would lose its own rights"):
        grant(engine, [JOURNAL], "mx2")
