"""``kill -9`` during a declaration of 10,000 files, a snapshot and a freeze (catalogue page, 8)."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mx2prod.catalog
from mx2prod.catalog import Catalog
from tests.catalog.making import ALL, NS, kinds, prepared

pytestmark = pytest.mark.stores

FILES = 10_000
CHILD = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
import mx2prod.catalog
from tests.catalog.making import ALL, records

work, url, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
steps = 0

def step(*_):
    global steps
    steps += 1
    if steps == limit:
        os.kill(os.getpid(), signal.SIGKILL)

with mx2prod.catalog.open(url) as catalogue:
    for when in ("after_cursor_execute", "commit"):
        event.listen(Engine, when, step)
    print("ready", flush=True)
    if work == "declare":
        catalogue.declare(records(10_000, parents=[{"did": "neardet-2x2-minerva:p"}]), ALL)
    else:
        catalogue.snapshot("twalton:set", frozen=work == "freeze")
print(steps, flush=True)
"""


def run(work: str, url: str, limit: int = 0, kill_after: float | None = None) -> int:
    """Let a child work; the number of its steps, 0 if it was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, work, url, str(limit)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        if kill_after is not None:
            time.sleep(kill_after)
            child.kill()
        output = child.stdout.read()
        code = child.wait()
    assert code in (0, -signal.SIGKILL), code
    return int(output) if code == 0 else 0


def state(url: str) -> tuple[int, int, int, bool]:
    """Files, members of dune:all, links, and whether the set is frozen; whole in any case."""
    with mx2prod.catalog.open(url) as catalogue:
        events = kinds(catalogue)
        with catalogue.session.reading() as connection:
            numbers = [
                int(connection.exec_driver_sql(f"SELECT count(*) FROM catalog_{name}").scalar_one())
                for name in ("file", "content", "member", "lineage")
            ]
        snapshot = catalogue.snapshot_of("twalton:set")
        if snapshot is not None:
            assert catalogue.diff("twalton:set").intact
            assert snapshot.file_count == numbers[2] - numbers[0]
        assert numbers[0] == numbers[1]
        assert events.count("catalog.declare") == 1 + (numbers[0] > 1)
        frozen = snapshot is not None and snapshot.frozen
        return numbers[0], numbers[2], numbers[3], frozen


def fresh(catalogue: Catalog) -> None:
    prepared(catalogue)
    catalogue.declare([{"namespace": NS, "name": "p", "size": 1}], ALL)
    catalogue.define("twalton:set", "files from dune:all where core.runs = 1702")


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_kills_during_a_declaration(store_url: str, times: int) -> None:
    with mx2prod.catalog.open(store_url, create=True) as catalogue:
        fresh(catalogue)
    rng = random.Random(3)
    for limit in (9, 30):
        assert run("declare", store_url, limit) == 0
        assert state(store_url) == (1, 1, 0, False), "nothing of the batch is there"
    for _ in range(times):
        run("declare", store_url, kill_after=rng.uniform(0.05, 1.0))
        assert state(store_url)[0] in (1, FILES + 1)
    assert run("declare", store_url) > 0
    assert state(store_url) == (FILES + 1, FILES + 1, FILES, False)
    run("declare", store_url)
    assert state(store_url) == (FILES + 1, FILES + 1, FILES, False), "once more changes nothing"


def test_kills_during_snapshot_and_freeze(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/catalog.db"
    with mx2prod.catalog.open(url, create=True) as catalogue:
        fresh(catalogue)
    assert run("declare", url) > 0
    members = FILES + 1
    for work, whole, is_frozen in (("snapshot", FILES, False), ("freeze", FILES, True)):
        before = state(url)
        for limit in (8, 12):
            assert run(work, url, limit) == 0
            assert state(url) == before
        run(work, url, kill_after=random.Random(4).uniform(0.02, 0.3))
        assert state(url)[1] in (before[1], members + whole)
        if not state(url)[3]:
            assert run(work, url) > 0
        assert state(url) == (FILES + 1, members + whole, FILES, is_frozen)
