"""``kill -9`` at each step: nothing is half done, nothing that was done is lost.

A step is a file operation in the workspace, or the begin and end of an SQL statement.  The work
runs in a forked process, which kills itself at the step that is asked for.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from mx2prod.core.errors import ApprovalError
from mx2prod.core.workspace import FILE, Workspace
from mx2prod.journal import (
    JOURNAL,
    Approvals,
    Database,
    Decision,
    RoleStore,
    SigningKey,
    State,
    Subject,
    back_up,
    events,
    migrate,
    new_key,
    open_engine,
    reading,
    restore,
    versions,
)
from mx2prod.journal.role_changes import enrol
from tests.journal.forked import fork
from tests.journal.people import make_keys, person, standard_store

pytestmark = pytest.mark.stores

FILE_STEPS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.chmod"}
SUBJECT = Subject("gtag", "v1", "a" * 64)
DATABASE = Database("production", "sqlite:///a.db", (JOURNAL,))
Work = Callable[[], object]


def killed_at(number: int, root: Path, work: Work) -> bool:
    """Do the work in another process, killed at a step; False if it ended before."""
    child = fork()
    if child == 0:
        _do(number, root, work)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "see the traceback above"
    return False


def _do(number: int, root: Path, work: Work) -> None:
    steps = 0

    def step(*_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(name: str, arguments: tuple[object, ...]) -> None:
        if name in FILE_STEPS and str(root) in str(arguments):
            step()

    code = 1
    try:
        for when in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(Engine, when, step)
        sys.addaudithook(watch)
        work()
        step()
        code = 0
    except BaseException:  # noqa: BLE001  # a forked process must not go on with pytest
        traceback.print_exc()
    finally:
        os._exit(code)


def kill_at_each_step(root: Path, work: Work, check: Callable[[], None]) -> int:
    """Do the work again and again, killed one step later each time; return the steps."""
    number = 1
    while killed_at(number, root, work):
        check()
        number += 1
    return number - 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_text("")
    return tmp_path


@pytest.fixture
def keys(root: Path) -> dict[str, SigningKey]:
    return make_keys(root)


@pytest.fixture
def store(root: Path, keys: dict[str, SigningKey]) -> RoleStore:
    made = open_engine(f"sqlite:///{root}/a.db", create=True)
    migrate(made)
    made.dispose()
    return standard_store(root, keys)


def approvals(root: Path) -> Approvals:
    """Opened anew in each process."""
    return Approvals(open_engine(f"sqlite:///{root}/a.db"), RoleStore(root / "roles").load())


def whole(root: Path) -> int:
    """Check the log; return the number of its events."""
    made = open_engine(f"sqlite:///{root}/a.db")
    with reading(made) as connection:
        found = events.verify(connection)
    made.dispose()
    assert found.problems == ()
    return found.head.seq


def test_migrate(root: Path) -> None:
    found = set()

    def work() -> None:
        migrate(open_engine(f"sqlite:///{root}/a.db", create=True))

    def check() -> None:
        engine = open_engine(f"sqlite:///{root}/a.db", create=True)
        found.add(versions(engine, [JOURNAL])[0].found)
        engine.dispose()
        for file in root.glob("a.db*"):
            file.unlink()

    assert kill_at_each_step(root, work, check) > 20
    assert found == {None, "journal0001"}


def test_request(root: Path, store: RoleStore) -> None:
    counts = []

    def check() -> None:
        counts.append(whole(root))
        if counts[-1]:
            assert approvals(root).status("gtag:v1").state is State.WAITING
        else:
            with pytest.raises(ApprovalError):
                approvals(root).status("gtag:v1")

    kill_at_each_step(root, lambda: approvals(root).request(SUBJECT, reason="x"), check)
    assert len(counts) > 10
    assert set(counts) == {0, 2}, "the list that was seen and the request come together"
    assert whole(root) == 2, "asking again after a kill asks once"


def test_sign(root: Path, store: RoleStore, keys: dict[str, SigningKey]) -> None:
    approvals(root).request(SUBJECT, reason="x")

    def work() -> None:
        approvals(root).decide("gtag:v1", Decision("approve"), keys["con"])

    number = 0
    while whole(root) == 2:
        number += 1
        assert killed_at(number, root, work)
        signatures = approvals(root).status("gtag:v1").signatures
        assert len(signatures) == whole(root) - 2
    assert number > 10
    assert whole(root) == 3


def test_enrol(root: Path, store: RoleStore, keys: dict[str, SigningKey]) -> None:
    def work() -> None:
        store.propose(enrol(store.load(), person("neo", ["viewer"]), reason="x"), keys["rita"])

    counts = []

    def check() -> None:
        counts.append(len(store.history()))
        store.path(2).unlink(missing_ok=True)

    assert kill_at_each_step(root, work, check) >= 4
    assert set(counts) == {1, 2}
    assert store.load().find("neo") is not None


def test_new_key(root: Path) -> None:
    path = root / "fresh.pem"

    def check() -> None:
        for secret in [*root.glob(".fresh*.pem"), *root.glob("fresh.pem")]:
            assert secret.stat().st_mode & 0o077 == 0
        for file in (path, path.with_suffix(".pub")):
            file.unlink(missing_ok=True)

    assert kill_at_each_step(root, lambda: new_key(path), check) >= 4
    assert path.exists()


def test_backup(root: Path, store: RoleStore) -> None:
    approvals(root).request(SUBJECT, reason="x")
    backup, new = root / "backup", root / "new"
    counts = []

    def check() -> None:
        """The folder is not there, or complete."""
        counts.append(backup.exists())
        if backup.exists():
            new.mkdir()
            (new / FILE).write_text("")
            restore(Workspace.load(new), [DATABASE], backup)
            shutil.rmtree(new)
            shutil.rmtree(backup)

    kill_at_each_step(root, lambda: back_up(Workspace.load(root), [DATABASE], backup), check)
    assert len(counts) > 10
    assert set(counts) == {False, True}


def test_restore(root: Path, store: RoleStore) -> None:
    approvals(root).request(SUBJECT, reason="x")
    back_up(Workspace.load(root), [DATABASE], root / "backup")
    new = root / "new"
    counts = []

    def clear() -> None:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        (new / FILE).write_text("")

    def check() -> None:
        """The database is not there, or whole."""
        counts.append((new / "a.db").exists())
        if counts[-1]:
            assert whole(new) == 2
        clear()

    clear()
    kill_at_each_step(
        root, lambda: restore(Workspace.load(new), [DATABASE], root / "backup"), check
    )
    assert len(counts) > 4
    assert set(counts) == {False, True}
