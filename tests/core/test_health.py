from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from mx2prod.core import health
from mx2prod.core.health import State
from mx2prod.core.workspace import FILE, write_workspace

GOOD_TIME = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


def program(folder: Path, name: str, text: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_this_installation_is_healthy(tmp_path: Path) -> None:
    write_workspace(tmp_path, "demo")
    checks = {check.name: check for check in health.check_all(tmp_path)}
    assert [c for c in checks.values() if c.state == State.FAILED] == []
    assert checks["workspace"].state == State.OK
    assert {*health.PACKAGES, *health.SERVICES, "clock", "kernel cache"} <= set(checks)
    assert all(check.detail for check in checks.values())


def test_version_says_what_runs_where() -> None:
    check = health.check_version()
    assert check.detail.startswith("0.")
    assert check.detail.endswith(str(Path(health.__file__).parents[1]))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No module named"),
        ("raise OSError('libllvm.so is missing')", "libllvm.so is missing"),
    ],
)
def test_a_package_that_does_not_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "broken_package.py").write_text(content)
        monkeypatch.syspath_prepend(tmp_path)
    check = health.check_import("broken_package")
    assert check.state == State.FAILED
    assert why in check.detail


def test_no_workspace_is_absent_and_a_bad_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, check = health.check_workspace(None)
    assert (folder, check.state) == (tmp_path, State.ABSENT)
    (tmp_path / FILE).write_text("[raw]\ntik_ns = 1\n")
    folder, check = health.check_workspace(None)
    assert (folder, check.state) == (tmp_path, State.FAILED)
    assert "did you mean 'tick_ns'" in check.detail
    assert health.check_workspace(tmp_path / "nowhere")[1].state == State.FAILED


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "nowhere", tmp_path / "file"):
        assert health.check_folder("disk", folder).state == State.FAILED
        assert health.check_file_clock(folder).state == State.WARNING
    assert health.check_folder("disk", tmp_path).detail.startswith(f"{tmp_path}: ")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(
    ("free", "state"),
    [(0, State.FAILED), (99_999_999, State.FAILED), (10**8, State.WARNING), (10**10, State.OK)],
)
def test_free_space(free: int, state: State) -> None:
    assert health.disk_state(free) == state


@pytest.mark.parametrize(
    ("local", "step", "state"),
    [
        (GOOD_TIME, 0.0, State.OK),
        (GOOD_TIME.astimezone(timezone(timedelta(hours=-6))), 0.01, State.OK),
        (GOOD_TIME, -0.2, State.WARNING),
        (GOOD_TIME.replace(year=1970), 0.0, State.FAILED),
        (datetime(2022, 12, 31, 23, tzinfo=UTC), 0.0, State.FAILED),
    ],
)
def test_clock(local: datetime, step: float, state: State) -> None:
    assert health.check_clock(local, step).state == state


def test_clock_is_watched_for_real() -> None:
    assert abs(health.clock_step()) < 0.5


@pytest.mark.parametrize(
    ("script", "state", "detail"),
    [
        ("echo yes", State.OK, "synchronised"),
        ("echo no", State.WARNING, "not synchronised"),
        ("echo no bus >&2; exit 1", State.ABSENT, "unknown: no bus"),
        ("exit 1", State.ABSENT, "unknown: no answer"),
    ],
)
def test_time_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, state: State, detail: str
) -> None:
    program(tmp_path, "timedatectl", script)
    monkeypatch.setenv("PATH", str(tmp_path))
    check = health.check_synchronisation()
    assert check.state == state
    assert check.detail.startswith(detail)


def test_time_server_is_unknown_without_the_program_or_when_it_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert health.check_synchronisation().detail == "unknown: no timedatectl here"
    (program(tmp_path, "timedatectl")).write_bytes(b"\x7fELF nonsense")
    check = health.check_synchronisation()
    assert check.state == State.ABSENT
    assert "Exec format error" in check.detail


def test_kernel_cache_is_the_first_folder_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "package").mkdir()
    check = health.check_kernel_cache(tmp_path / "package")
    assert (check.state, check.detail) == (State.OK, str(tmp_path / "package" / "__pycache__"))
    (tmp_path / "file").write_text("")
    check = health.check_kernel_cache(tmp_path / "file")
    assert (check.state, check.detail) == (State.OK, str(tmp_path / "home" / "numba"))


def test_kernel_cache_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    check = health.check_kernel_cache(tmp_path)
    assert check.state == State.WARNING
    assert "Not a directory" in check.detail
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    assert health.check_kernel_cache(tmp_path).detail == str(tmp_path / "cache")


def test_services_are_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(health, "PROGRAM_FOLDERS", (str(tmp_path / "sbin"),))
    assert health.check_service("HTCondor").state == State.ABSENT
    submit = program(tmp_path, "condor_submit")
    check = health.check_service("HTCondor")
    assert (check.state, check.detail) == (State.OK, f"{submit}; not found: condor_q")
    server = program(tmp_path / "sbin", "xrootd")
    assert str(server) in health.check_service("XRootD").detail


def test_no_path_at_all_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert health.find_program("no-such-program-anywhere") is None
    assert os.environ.get("PATH") is None
