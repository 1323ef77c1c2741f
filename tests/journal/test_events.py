from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from mx2prod.core.canonical import canonical_json, sha256_of
from mx2prod.core.errors import ChainError, GuardError, InputFileError, StoreError, TrustError
from mx2prod.core.time import now
from mx2prod.journal import events, migrate, new_key, open_engine, reading, writing
from mx2prod.journal.engine import is_sqlite
from mx2prod.journal.heads import read_heads, write_heads
from mx2prod.journal.keys import load_key
from tests.examples import share

COUNT = 6


@pytest.fixture
def filled(engine: Engine) -> Engine:
    for number in range(1, COUNT + 1):
        with writing(engine) as connection:
            events.append(connection, f"test.{number % 2}", f"o{number % 3}", {"n": number})
    return engine


def problems(engine: Engine, *known: events.Head) -> tuple[str, ...]:
    with reading(engine) as connection:
        return events.verify(connection, known).problems


def without_guards(engine: Engine, *statements: str) -> None:
    """Do what only the owner of a database can do: drop its guards and write."""
    with writing(engine) as connection:
        if is_sqlite(engine):
            found = connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).scalars()
            for name in list(found):
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            for table in ("journal_event", "journal_head", "journal_lease"):
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_events_keep_everything_in_order(filled: Engine) -> None:
    with reading(filled) as connection:
        found = list(events.read(connection))
    assert [event.seq for event in found] == list(range(1, COUNT + 1))
    assert found[0].prev_hash == events.GENESIS
    assert [e.prev_hash for e in found[1:]] == [e.hash for e in found[:-1]]
    assert found[2].body == {"n": 3}
    assert {event.actor for event in found} == {events.account()}
    assert problems(filled) == ()


def test_the_hash_is_that_of_the_page(filled: Engine) -> None:
    """Sha256 of the canonical JSON of all other columns, computed here from the raw row."""
    with reading(filled) as connection:
        row = dict(
            connection.execute(text("SELECT * FROM journal_event WHERE seq = 2")).mappings().one()
        )
    found = row.pop("hash")
    assert found == sha256_of({**row, "body": {"n": 2}})


def test_events_by_kind_object_and_place(filled: Engine) -> None:
    def numbers(**which: Any) -> list[int]:
        with reading(filled) as connection:
            return [event.seq for event in events.read(connection, **which)]

    assert numbers(kind="test.0") == [2, 4, 6]
    assert numbers(kind="test.") == [1, 2, 3, 4, 5, 6]
    assert numbers(kind="test") == []
    assert numbers(obj="o1") == [1, 4]
    assert numbers(obj="o1", kind="test.0", after=2) == [4]
    assert numbers(after=5) == [6]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_event SET actor = 'nobody' WHERE seq = 2",
        "UPDATE journal_event SET actor = 'nobody' WHERE seq = 99",
        "DELETE FROM journal_event WHERE seq = 6",
        "DELETE FROM journal_event",
        "INSERT OR REPLACE INTO journal_event SELECT * FROM journal_event WHERE seq = 2",
        "INSERT OR REPLACE INTO journal_event SELECT * FROM journal_event WHERE seq = 6",
        "INSERT OR IGNORE INTO journal_event SELECT * FROM journal_event WHERE seq = 6",
        "REPLACE INTO journal_event SELECT * FROM journal_event WHERE seq = 6",
        "INSERT INTO journal_event SELECT * FROM journal_event WHERE seq = 6"
        " ON CONFLICT (seq) DO UPDATE SET actor = 'nobody'",
        "INSERT INTO journal_event SELECT 8, utc, 0, actor, host, kind, object, body, hash, 'x'"
        " FROM journal_event WHERE seq = 6",
        "INSERT INTO journal_event SELECT 7, utc, 0, actor, host, kind, object, body, 'x', 'y'"
        " FROM journal_event WHERE seq = 6",
        "INSERT INTO journal_event SELECT 0, utc, 0, actor, host, kind, object, body, 'x', 'y'"
        " FROM journal_event WHERE seq = 6",
        "UPDATE journal_head SET seq = 5",
        "UPDATE journal_head SET seq = 7, hash = 'x'",
        "UPDATE journal_head SET hash = 'x'",
        "UPDATE journal_head SET id = 2",
        "DELETE FROM journal_head",
        "INSERT INTO journal_head VALUES (2, 0, 'x')",
        "INSERT OR REPLACE INTO journal_head VALUES (1, 0, 'x')",
        "TRUNCATE journal_event",
        "TRUNCATE journal_head",
        "TRUNCATE journal_lease",
    ],
)
def test_the_database_refuses_every_change(filled: Engine, statement: str) -> None:
    """Conditions page, section 4.5; a statement that only one back end knows is an error there."""
    only_sqlite = "INSERT OR" in statement or statement.startswith("REPLACE")
    if is_sqlite(filled) == statement.startswith("TRUNCATE") or (
        only_sqlite and not is_sqlite(filled)
    ):
        expected: type[StoreError] = StoreError
    else:
        expected = GuardError
    nothing = statement.endswith("99") and is_sqlite(filled)
    if nothing:  # A change of no row fires no trigger of a row.
        with writing(filled) as connection:
            connection.exec_driver_sql(statement)
    else:
        with pytest.raises(expected) as caught, writing(filled) as connection:
            connection.exec_driver_sql(statement)
        assert isinstance(caught.value, expected)
    with reading(filled) as connection:
        assert len(list(events.read(connection))) == COUNT
    assert problems(filled) == ()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "'nobody'"), ("host", "'h'"), ("kind", "'k'"), ("object", "'o'"),
        ("utc", "'2026-01-01T00:00:00.000000Z'"), ("clock_back_us", "5"), ("body", "'{\"n\":9}'"),
        ("body", "'no json'"), ("body", "'7'"), ("hash", "'x'"),
    ],
)  # fmt: skip
def test_an_edited_row_is_found(filled: Engine, column: str, value: str) -> None:
    without_guards(filled, f"UPDATE journal_event SET {column} = {value} WHERE seq = 3")
    assert any(problem.startswith("event 3: edited") for problem in problems(filled))


def test_an_edited_row_with_a_new_hash_is_found(filled: Engine) -> None:
    with reading(filled) as connection:
        event = list(events.read(connection))[2]
    edited = events.Event(**{**vars(event), "actor": "nobody"})
    without_guards(
        filled,
        f"UPDATE journal_event SET actor = 'nobody', hash = '{edited.computed_hash()}' "
        "WHERE seq = 3",
    )
    assert problems(filled) == ("event 4: does not continue event 3",)


def test_a_removed_row_is_found(filled: Engine) -> None:
    without_guards(filled, "DELETE FROM journal_event WHERE seq = 3")
    assert problems(filled) == ("event 4: follows event 2, rows between are missing",)


def test_a_dropped_last_row_is_found_by_the_head(filled: Engine) -> None:
    without_guards(filled, "DELETE FROM journal_event WHERE seq = 6")
    assert problems(filled) == ("the last event is 5, but the head says 6",)


def test_a_dropped_last_row_with_its_head_is_found_by_the_exported_head(filled: Engine) -> None:
    with reading(filled) as connection:
        exported = events.head(connection)
        before = list(events.read(connection))[4]
    without_guards(
        filled,
        "DELETE FROM journal_event WHERE seq = 6",
        f"UPDATE journal_head SET seq = 5, hash = '{before.hash}'",
    )
    assert problems(filled) == ()
    assert problems(filled, exported) == ("event 6: missing, but its head was exported",)


def test_a_log_written_anew_is_found_by_the_exported_head(filled: Engine, tmp_path: Path) -> None:
    with reading(filled) as connection:
        exported = events.head(connection)
    other = open_engine(f"sqlite:///{tmp_path}/other.db", create=True)
    migrate(other)
    with writing(other) as connection:
        for number in range(COUNT + 1):
            events.append(connection, "test", "o", {"n": number})
    assert problems(other) == ()
    assert problems(other, exported) == ("event 6: not the one whose head was exported",)
    assert problems(filled, exported) == ()
    other.dispose()


def test_a_missing_head_is_found(filled: Engine) -> None:
    without_guards(filled, "DELETE FROM journal_head")
    assert problems(filled) == ("journal_head is empty",)
    with pytest.raises(ChainError), writing(filled) as connection:
        events.append(connection, "test", "o", {})


def test_a_clock_that_went_back_is_recorded(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(filled) as connection:
        last = list(events.read(connection))[-1]
    early = events.utc_time(last.utc) - timedelta(hours=1)
    monkeypatch.setattr(events, "now", lambda: early)
    with writing(filled) as connection:
        event = events.append(connection, "test", "o", {})
    assert (event.utc, event.clock_back_us) == (last.utc, 3_600_000_000)
    monkeypatch.undo()
    with writing(filled) as connection:
        after = events.append(connection, "test", "o", {})
    assert after.clock_back_us == 0
    assert after.utc > last.utc
    with reading(filled) as connection:
        found = events.verify(connection)
    assert found.problems == ()
    assert found.clock_went_back == (event.seq,)


def test_times_that_go_back_in_the_log_are_found(filled: Engine) -> None:
    with reading(filled) as connection:
        last = events.head(connection)
    fields: dict[str, Any] = {
        "seq": 7, "utc": "2026-01-01T00:00:00.000000Z", "clock_back_us": 0, "actor": "a",
        "host": "h", "kind": "k", "object": "o", "body": {}, "prev_hash": last.hash,
    }  # fmt: skip
    row = {**fields, "body": "{}", "hash": sha256_of(fields)}
    columns = ", ".join(f"'{value}'" for value in row.values())
    with writing(filled) as connection:
        connection.exec_driver_sql(f"INSERT INTO journal_event VALUES ({columns})")
    (problem,) = problems(filled)
    assert problem.startswith("event 7: time 2026-01-01T00:00:00.000000Z before")


@pytest.mark.parametrize("body", [{"x": 1.0}, {"x": [1, {"y": 0.5}]}, {"x": b"1"}, {1: "x"}])
def test_bodies_that_are_not_exact_are_refused(engine: Engine, body: Any) -> None:
    with pytest.raises(StoreError, match=r"event test: "), writing(engine) as connection:
        events.append(connection, "test", "o", body)


exact = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@share(5)
@given(body=st.dictionaries(st.text(), exact))
def test_the_hash_survives_the_way_through_text(body: dict[str, Any]) -> None:
    import json

    event = events.Event(1, "u", 0, "a", "h", "k", "o", body, events.GENESIS, "")
    again = events.Event(**{**vars(event), "body": json.loads(canonical_json(body))})
    assert again.computed_hash() == event.computed_hash()
    other = events.Event(**{**vars(event), "body": {**body, "more": 1, "x": len(body)}})
    assert other.computed_hash() != event.computed_hash()


def test_an_account_without_a_name_has_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events.os, "geteuid", lambda: 54_321)
    assert events.account() == "uid54321"


def test_times_survive_the_way_through_text() -> None:
    moment = now()
    assert events.utc_time(events.utc_text(moment)) == moment


def test_exported_heads_come_back_and_say_who_signed(tmp_path: Path) -> None:
    keys = {name: new_key(tmp_path / f"{name}.pem") for name in ("a", "b")}
    heads = {"production": events.Head(3, "f" * 64), "catalog": events.Head(0, events.GENESIS)}
    write_heads(tmp_path / "signed.json", heads, load_key(tmp_path / "a.pem"))
    write_heads(tmp_path / "plain.json", heads)
    found = read_heads(tmp_path / "signed.json", frozenset(keys.values()))
    assert found.heads == heads
    assert found.signed_by == {keys["a"]}
    assert read_heads(tmp_path / "plain.json", frozenset(keys.values())).signed_by == frozenset()


def test_a_file_that_holds_no_heads_is_refused(tmp_path: Path) -> None:
    from mx2prod.journal.envelopes import envelope_of, text_of
    from mx2prod.journal.heads import PAYLOAD_TYPE

    path = tmp_path / "h.json"
    path.write_text("{}")
    with pytest.raises(TrustError, match="not a DSSE envelope"):
        read_heads(path)
    path.write_text(text_of(envelope_of(b'{"utc": "now"}', PAYLOAD_TYPE)))
    with pytest.raises(InputFileError, match="not a file of heads"):
        read_heads(path)
