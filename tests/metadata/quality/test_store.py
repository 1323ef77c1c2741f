"""Stored verdicts: each change a new version, nothing overwritten."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, func, select, update

from mx2prod.core.errors import StoreError
from mx2prod.journal import events, reading, writing
from mx2prod.metadata.quality import Measurement, QualityStore, judge, load_thresholds
from mx2prod.metadata.quality.tables import ITEM, VERDICT

DID = "neardet-2x2-minerva:TS1_00050017_0017_numib_v09_2407100856_RawData.dat"
GOOD = {
    "gates_decoded": 1.0, "bytes_lost": 0.0, "sentinel": 1.0, "febs_missing": 0.0,
    "frame_errors": 0.0, "high_voltage": 1.0, "charge_match": 0.0,
}  # fmt: skip


def verdict(did=DID, signed_by="convener", **changes):
    values = {name: Measurement(value) for name, value in (GOOD | changes).items()}
    return judge(did, values, load_thresholds(), letter="R", beam=True, signed_by=signed_by)


@pytest.fixture
def store(engine):
    return QualityStore(engine, create=True)


def test_a_flip_is_a_new_version(store):
    assert store.latest(DID) is None
    assert store.value(DID) is None
    first = store.put(verdict())
    again = store.put(verdict())
    assert first == again
    assert (first.dq_version, first.value) == (1, ["good", "no_match"])
    flipped = store.put(verdict(frame_errors=0.5))
    assert (flipped.dq_version, flipped.word) == (2, "bad")
    assert [item.word for item in store.history(DID)] == ["good", "bad"]
    assert store.value(DID) == ["bad", "no_match"]
    assert flipped.reasons[0].startswith("frame_errors: 0.5")


def test_a_signature_later_is_a_new_version_too(store):
    assert store.put(verdict(signed_by="")).word == "unknown"
    signed = store.put(verdict())
    assert (signed.dq_version, signed.word, signed.signed_by) == (2, "good", "convener")


def test_items_keep_value_threshold_and_reason(store, engine):
    store.put(verdict(high_voltage=0.5))
    query = select(ITEM).where(ITEM.c.item == "high_voltage")
    with reading(engine) as connection:
        row = connection.execute(query).one()
        count = connection.execute(select(func.count()).select_from(ITEM)).scalar_one()
        unknown = connection.execute(select(ITEM).where(ITEM.c.item == "beam_gates")).one()
    assert (row.value, row.threshold, row.passed) == (0.5, ">= 0.99", 0)
    assert (unknown.value, unknown.passed) == (None, None)
    assert count == len(verdict().items)


def test_the_database_refuses_changes(store, engine):
    store.put(verdict())
    for statement in (update(VERDICT).values(verdict="bad"), delete(ITEM)):
        with pytest.raises(StoreError, match="append-only"), writing(engine) as connection:
            connection.execute(statement)


def test_every_version_is_an_event(store, engine):
    store.put(verdict())
    store.put(verdict())
    store.put(verdict(frame_errors=0.5))
    with reading(engine) as connection:
        found = list(events.read(connection, kind="quality.verdict", obj=DID))
        assert events.verify(connection).problems == ()
    assert [event.body["verdict"] for event in found] == ["good", "bad"]
