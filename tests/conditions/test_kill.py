"""``kill -9`` at each step of put and promote, and at random times (conditions page, 18.5)."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mx2prod.conditions import create_store, create_tag, position, verify_store
from mx2prod.conditions.gtags import gtag_row
from mx2prod.conditions.intervals import iovs
from mx2prod.conditions.tags import find_tag
from mx2prod.journal import events
from tests.conditions.making import PEDESTALS, World

pytestmark = pytest.mark.stores

CHILD = """
import os, signal, sys, threading, time
from pathlib import Path
from sqlalchemy import Engine, event
from mx2prod.conditions import open_store, position, promote, put
from mx2prod.journal import RoleStore
from tests.conditions.making import ORIGIN, PEDESTALS, pedestals

root, table, steps, limit = Path(sys.argv[1]), pedestals(431.0), 0, 0

def step(*_):
    global steps
    steps += 1
    if steps == limit:
        os.kill(os.getpid(), signal.SIGKILL)

def do_put():
    with open_store(f"sqlite:///{root}/dev.db") as store:
        put(store, PEDESTALS, table, tag="t", since=position(1702), reason="x", provenance=ORIGIN)

def do_promote():
    roles = RoleStore(root / "roles")
    with (open_store(f"sqlite:///{root}/dev.db") as development,
          open_store(f"sqlite:///{root}/prod.db") as production):
        promote(development, production, roles, "run1-v1", reason="x")

for when in ("after_cursor_execute", "commit"):  # what follows a step changes no row
    event.listen(Engine, when, step)
for line in sys.stdin:
    work, limit, seconds = line.split()
    limit = int(limit)
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        globals()[f"do_{work}"]()
        os._exit(0)
    if float(seconds):
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), time.perf_counter() - start, flush=True)
"""


class Worker:
    """A process that forks one child after the other, which put or promote and can be killed."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, work: str, limit: int = 0, kill_after: float = 0.0) -> None:
        """Let a child work, and kill it at a step or after some seconds."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{work} {limit} {kill_after}\n")
        self.process.stdin.flush()

    def end(self) -> tuple[bool, float]:
        """Wait for the child: was it killed, and how long did it live, s."""
        assert self.process.stdout is not None
        code, seconds = self.process.stdout.readline().split()
        assert int(code) in {0, -signal.SIGKILL}, code
        return int(code) != 0, float(seconds)

    def run(self, work: str, limit: int = 0, kill_after: float = 0.0) -> tuple[bool, float]:
        """Start and wait."""
        self.start(work, limit, kill_after)
        return self.end()

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


Workers = Callable[[], Worker]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    """Make workers that end with the test."""
    made: list[Worker] = []

    def new() -> Worker:
        made.append(Worker(tmp_path))
        return made[-1]

    yield new
    for worker in made:
        worker.close()


def whole(world: World) -> bool:
    """Check that production has nothing, or all of the global tag; tell which."""
    with world.production.reading() as connection:
        assert events.verify(connection).problems == ()
        there = gtag_row(connection, "run1-v1") is not None
        rows = connection.exec_driver_sql("SELECT count(*) FROM conditions_payload").scalar()
    (found,) = verify_store(world.production) if there else (None,)
    assert found is None or found.problems == ()
    assert rows == (2 if there else 0)
    return there


@pytest.fixture
def approved(small_world: World) -> World:
    small_world.frozen("run1-v1", 430.0, 431.0)
    small_world.sign("run1-v1", "rev", "con")
    return small_world


@pytest.mark.parametrize(
    ("work", "stride"),
    [("put", 2), ("promote", 7), pytest.param("promote", 1, marks=pytest.mark.slow)],
)
def test_kill_at_each_step(approved: World, workers: Workers, work: str, stride: int) -> None:
    create_tag(approved.development, PEDESTALS, "t", reason="x")

    def put_is_whole() -> bool:
        with approved.development.reading() as connection:
            assert events.verify(connection).problems == ()
            rows = iovs(connection, find_tag(connection, PEDESTALS, "t").id)
            noted = list(events.read(connection, kind="conditions.put", obj=f"{PEDESTALS}:t"))
        assert len(rows) == len(noted)
        return bool(rows)

    def check() -> bool:
        return put_is_whole() if work == "put" else whole(approved)

    worker = workers()
    limit, killed, there = 1 - stride, True, False
    while killed and not there:
        limit += stride
        killed, _ = worker.run(work, limit)
        there = check()
    assert limit > 20, "many steps, and at each of them nothing was half done"
    assert there
    assert worker.run(work)[0] is False, "once more changes nothing and succeeds"
    assert check()


@pytest.mark.parametrize("times", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_kills_at_random_times(
    approved: World, tmp_path: Path, workers: Workers, times: int
) -> None:
    worker, rng = workers(), random.Random(5)
    url = f"sqlite:///{tmp_path}/prod.db"

    def anew() -> None:
        approved.production.close()
        for file in tmp_path.glob("prod.db*"):
            file.unlink()
        create_store(url, "production").close()

    _, whole_s = worker.run("promote")
    assert whole(approved)
    anew()
    outcomes = []
    for number in range(times):
        # Every third one gets time enough, however busy the machine is.
        first, last = (0.02, 1.0) if number % 3 else (2.0, 4.0)
        worker.run("promote", kill_after=rng.uniform(first, last) * whole_s)
        outcomes.append(whole(approved))
        if outcomes[-1]:
            anew()
    assert {True, False} == set(outcomes), "killed before and after the end"
    worker.run("promote")
    assert whole(approved)


def test_writers_at_once_lose_nothing(small_world: World, workers: Workers) -> None:
    """Three processes put the same table: one puts it, the others find it there."""
    create_tag(small_world.development, PEDESTALS, "t", reason="x")
    many = [workers() for _ in range(3)]
    for worker in many:
        worker.start("put")
    assert [worker.end()[0] for worker in many] == [False] * 3
    with small_world.development.reading() as connection:
        tag = find_tag(connection, PEDESTALS, "t")
        assert [iov.interval.since for iov in iovs(connection, tag.id)] == [position(1702)]
        assert events.verify(connection).problems == ()
        assert len(list(events.read(connection, kind="conditions.put"))) == 1
