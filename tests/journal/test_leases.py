from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import Engine, text

from mx2prod.core.errors import GuardError, LeaseError
from mx2prod.journal import leases, open_engine, writing
from mx2prod.journal.processes import is_gone, this_process

FAR = "elsewhere/1/1"
"""A process of another machine, of which nothing can be known."""


def test_one_holder_at_a_time(engine: Engine) -> None:
    lease = leases.take(engine, "controller", 60, FAR)
    assert (lease.token, lease.good) == (1, True)
    with pytest.raises(LeaseError, match=rf"held by {FAR} for \d+ s more"):
        leases.take(engine, "controller", 60, "third/2/2")
    with pytest.raises(LeaseError):
        leases.take(engine, "controller", 60, FAR)
    assert leases.take(engine, "other", 60, "third/2/2").token == 1


def test_a_released_lease_is_free_and_its_token_never_comes_again(engine: Engine) -> None:
    first = leases.take(engine, "controller", 60, FAR)
    leases.release(engine, first)
    with pytest.raises(LeaseError, match="lost, token 1 is old; now free"):
        leases.release(engine, first)
    assert leases.take(engine, "controller", 60, FAR).token == 2


def test_an_expired_lease_is_taken_and_the_old_holder_is_fenced(engine: Engine) -> None:
    old = leases.take(engine, "controller", 0.05, FAR)
    time.sleep(0.1)
    assert not old.good
    new = leases.take(engine, "controller", 60, "third/2/2")
    assert new.token == 2
    for use in (leases.renew, leases.release):
        with pytest.raises(LeaseError, match="now held by third/2/2"):
            use(engine, old)
    with pytest.raises(LeaseError), writing(engine) as connection:
        leases.confirm(connection, old)
    with writing(engine) as connection:
        leases.confirm(connection, new)


def test_a_renewed_lease_lives_on(engine: Engine) -> None:
    lease = leases.take(engine, "controller", 0.3, FAR)
    for _ in range(4):
        time.sleep(0.1)
        lease = leases.renew(engine, lease)
    assert lease.good
    assert lease.token == 1
    with pytest.raises(LeaseError):
        leases.take(engine, "controller", 60, "third/2/2")


def test_a_living_process_of_this_machine_keeps_its_lease_when_the_clock_jumps(
    engine: Engine,
) -> None:
    leases.take(engine, "controller", 0, this_process())
    with pytest.raises(LeaseError):
        leases.take(engine, "controller", 60, FAR)


def test_the_lease_of_a_killed_process_is_free_at_once(engine: Engine, store_url: str) -> None:
    code = (
        "import os, signal, sys; from mx2prod.journal import leases, open_engine; "
        "leases.take(open_engine(sys.argv[1]), 'controller', 3600); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, store_url], check=False)
    assert done.returncode == -9
    assert leases.take(engine, "controller", 60).token == 2


def test_of_many_who_ask_at_once_one_gets_it(engine: Engine, store_url: str) -> None:
    won: list[str] = []
    start = threading.Barrier(6)

    def ask(name: str) -> None:
        own = open_engine(store_url)
        start.wait()
        try:
            leases.take(own, "controller", 60, f"elsewhere/{name}/1")
            won.append(name)
        except LeaseError:
            pass
        finally:
            own.dispose()

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    with writing(engine) as connection:
        row = connection.execute(text("SELECT holder, token FROM journal_lease")).one()
    assert tuple(row) == (f"elsewhere/{won[0]}/1", 1)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM journal_lease",
        "UPDATE journal_lease SET token = 0",
        "UPDATE journal_lease SET name = 'x'",
    ],
)
def test_tokens_never_go_back(engine: Engine, statement: str) -> None:
    leases.take(engine, "controller", 60)
    with pytest.raises(GuardError), writing(engine) as connection:
        connection.exec_driver_sql(statement)


def test_who_is_gone() -> None:
    assert is_gone(this_process()) is False
    host, pid, start = this_process().split("/")
    assert is_gone(f"{host}/{pid}/{int(start) + 1}") is True
    assert is_gone(f"{host}/{os.getppid()}/{start}") is True
    assert is_gone(FAR) is None
    assert is_gone("a person") is None
