from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mx2prod.core.workspace import FILE, Settings, Workspace

Mx2 = Callable[..., Any]


def test_writes_exactly_the_defaults(mx2: Mx2, tmp_path: Path) -> None:
    call = mx2("init", tmp_path / "space")
    assert (call.code, call.out) == (0, f"wrote {tmp_path / 'space' / FILE}\n")
    assert Workspace.load(tmp_path / "space").settings == Settings()
    assert [path.name for path in (tmp_path / "space").iterdir()] == [FILE]


def test_into_the_present_folder(mx2: Mx2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call = mx2("init", "--json", "--name", "run 1")
    assert call.document == {
        "workspace": str(tmp_path),
        "settings": str(tmp_path / FILE),
        "dry_run": False,
    }
    assert Workspace.find().settings.workspace.name == "run 1"


def test_dry_run_writes_nothing(mx2: Mx2, tmp_path: Path) -> None:
    call = mx2("init", tmp_path / "space", "--dry-run")
    assert (call.code, call.out) == (0, f"would write {tmp_path / 'space' / FILE}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_second_workspace_in_one_folder_is_refused(
    mx2: Mx2, tmp_path: Path, options: list[str]
) -> None:
    """The dry run says what the real one would."""
    mx2("init", tmp_path, "--name", "first")
    call = mx2("init", tmp_path, "--name", "second", *options)
    assert (call.code, call.out) == (1, "")
    assert "exists already" in call.err
    assert Workspace.load(tmp_path).settings.workspace.name == "first"


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_name_that_cannot_be_written(mx2: Mx2, tmp_path: Path, options: list[str]) -> None:
    call = mx2("init", tmp_path, "--name", 'a"b', *options)
    assert (call.code, call.out) == (2, "")
    assert list(tmp_path.iterdir()) == []
