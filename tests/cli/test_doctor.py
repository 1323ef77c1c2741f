from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mx2prod.core.workspace import FILE

Mx2 = Callable[..., Any]


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mx2: Mx2) -> None:
    mx2("init", tmp_path)
    monkeypatch.chdir(tmp_path)


def test_table_for_people(mx2: Mx2, tmp_path: Path) -> None:
    call = mx2("doctor")
    assert call.code == 0
    assert f"{tmp_path / FILE} is valid" in call.out
    assert call.err == "healthy\n"


def test_list_for_programs(mx2: Mx2) -> None:
    checks = mx2("doctor", "--json", "--quiet").document
    assert all(set(check) == {"name", "state", "detail"} for check in checks)
    assert {check["state"] for check in checks} <= {"ok", "warning", "failed", "absent"}
    names = [check["name"] for check in checks]
    assert len(names) == len(set(names))


def test_a_broken_workspace_is_a_failed_check(mx2: Mx2, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[engine]\ndefalt = 'local'\n")
    call = mx2("doctor", "--json")
    assert call.code == 1
    assert call.err.splitlines()[-1] == "failed: workspace"
    detail = next(check["detail"] for check in call.document if check["state"] == "failed")
    assert "did you mean 'default'?" in detail


def test_a_workspace_that_is_not_there_is_a_failed_check(mx2: Mx2, tmp_path: Path) -> None:
    call = mx2("doctor", "--workspace", tmp_path / "nowhere")
    assert call.code == 1
    assert "failed: workspace" in call.err
