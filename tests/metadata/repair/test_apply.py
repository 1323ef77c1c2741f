"""Applying a plan: idempotent, resumable after a kill at any point, undone to the byte, logged."""

from __future__ import annotations

import pytest

from mx2prod.core.errors import OutputError
from mx2prod.journal import events, reading
from mx2prod.metadata import read_record, write_record
from mx2prod.metadata.repair import (
    Evidence,
    FolderStore,
    apply_plan,
    inverse_of,
    make_plan,
)
from mx2prod.metadata.repair.apply import REPAIRED, STARTED

BY = "twalton"


@pytest.fixture
def plan(store):
    return make_plan(store, "", "runs_subruns", Evidence())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def log_of(engine):
    with reading(engine) as connection:
        assert events.verify(connection).problems == ()
        return list(events.read(connection))


def test_apply_twice_and_undo(engine, store, folder, plan):
    before = contents(folder)
    done = apply_plan(plan, store, engine, approver=BY)
    assert (len(done.changed), done.already, done.skipped) == (8, [], [])
    assert make_plan(store, "", "runs_subruns", Evidence()).files == ()
    repaired = contents(folder)
    again = apply_plan(plan, store, engine, approver=BY)
    assert (again.changed, len(again.already), again.skipped) == ([], 8, [])
    assert contents(folder) == repaired
    undone = apply_plan(inverse_of(plan), store, engine, approver=BY)
    assert len(undone.changed) == 8
    assert contents(folder) == before
    log = log_of(engine)
    assert [event.kind for event in log].count(REPAIRED) == 16
    started = [event.body for event in log if event.kind == STARTED]
    assert [body["approver"] for body in started] == [BY] * 3
    assert started[2]["undo_of"] == plan.sha256


def test_a_dry_run_changes_and_logs_nothing(engine, store, folder, plan):
    before = contents(folder)
    done = apply_plan(plan, store, engine, approver=BY, dry_run=True)
    assert len(done.changed) == 8
    assert contents(folder) == before
    assert log_of(engine) == []


def test_a_record_that_changed_since_is_skipped_and_listed(engine, store, folder, plan):
    did = plan.files[0].did
    store.update(did, {"core.event_count": 5}, ())
    gone = plan.files[1].did
    (folder / f"{gone.split(':')[1]}.json").unlink()
    done = apply_plan(plan, store, engine, approver=BY)
    assert dict(done.skipped)[did].startswith("changed since the plan was made")
    assert dict(done.skipped)[gone] == "not there any more"
    assert len(done.changed) == 6


class KilledStore(FolderStore):
    """A store whose process dies at its n-th update, before or after writing it."""

    def __init__(self, folder, at, after):
        super().__init__(folder)
        self.left, self.after = at, after

    def update(self, did, values, remove):
        self.left -= 1
        if self.left < 0 and not self.after:
            raise KeyboardInterrupt
        super().update(did, values, remove)
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(8))
def test_killed_at_any_point_it_goes_on(engine, store, folder, plan, at, after):
    with pytest.raises(KeyboardInterrupt):
        apply_plan(plan, KilledStore(folder, at, after), engine, approver=BY)
    done = apply_plan(plan, store, engine, approver=BY)
    assert done.skipped == []
    assert len(done.changed) == 8 - at - after
    logged = [event.object for event in log_of(engine) if event.kind == REPAIRED]
    assert sorted(logged) == sorted(file.did for file in plan.files)


class ForgetfulStore(FolderStore):
    """A store that refuses one record, and writes another value into a second."""

    def __init__(self, folder, refused, spoiled):
        super().__init__(folder)
        self.refused, self.spoiled = refused, spoiled

    def update(self, did, values, remove):
        if did == self.refused:
            raise OutputError("disk full")
        if did == self.spoiled:
            values = {key: str(value) for key, value in values.items()}
        super().update(did, values, remove)


def test_what_is_refused_or_read_back_otherwise_is_listed(engine, folder, plan):
    refused, spoiled = (file.did for file in plan.files[:2])
    done = apply_plan(plan, ForgetfulStore(folder, refused, spoiled), engine, approver=BY)
    skipped = dict(done.skipped)
    assert skipped[refused] == "refused by the store: disk full"
    assert skipped[spoiled].startswith("read back")
    assert len(done.changed) == 6


def test_a_key_that_was_not_there_is_taken_out_again(engine, folder, cases):
    record = cases[0].record
    del record["metadata"]["dune.mx2x2_global_subrun_numbers"]
    path = write_record(record, folder)
    before = path.read_bytes()
    store = FolderStore(folder)
    plan = make_plan(store, "", "global_subruns", Evidence(global_subruns=lambda _: [6, 7]))
    apply_plan(plan, store, engine, approver=BY)
    assert read_record(path)["metadata"]["dune.mx2x2_global_subrun_numbers"] == [6, 7]
    apply_plan(inverse_of(plan), store, engine, approver=BY)
    assert path.read_bytes() == before


class Tape:
    """Everything is on tape now."""

    def unverified(self, did):
        return []

    def on_tape(self, did):
        return True


class Disk(Tape):
    """Nothing is on tape."""

    def on_tape(self, did):
        return False


def test_a_tape_replica_made_since_the_plan_stops_a_change_of_its_path(engine, folder, cases):
    record = cases[0].record
    record["metadata"]["core.data_tier"] = "reco"
    write_record(record, folder)
    store = FolderStore(folder)
    plan = make_plan(store, "", "tier", Evidence(replicas=Disk()))
    done = apply_plan(plan, store, engine, approver=BY, replicas=Tape())
    assert done.changed == []
    assert "a replica exists" in done.skipped[0][1]
    assert apply_plan(plan, store, engine, approver=BY, replicas=Disk()).changed
