"""The how-to page: every command and option of it exists, and what can run as it stands runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.calls import Call
from tests.catalog.making import DATA

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "catalog.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [
    line.removeprefix("$ mx2 ").partition(" #")[0].strip()
    for block in BLOCKS
    for line in block.splitlines()
]
RUNNABLE = [
    command
    for command in COMMANDS
    if command.startswith("dataset") and not re.search(r"\.\.\.|\bNAME\b|GTAG", command)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_and_options_exist(mx2: Callable[..., Call], command: str) -> None:
    room, verb, *_ = command.split()
    shown = mx2(room, verb, "--help")
    assert shown.code == 0
    for option in re.findall(r"--[a-z][a-z0-9-]+", command):
        assert option in shown.out, option


def test_the_walk_with_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mx2: Callable[..., Call]
) -> None:
    """From the shipped definitions to a frozen dataset, in the order of the page."""
    monkeypatch.chdir(tmp_path)
    assert mx2("init", ".").code == 0
    assert mx2("catalog", "import", DATA / "seed_catalogue.jsonl").code == 0
    assert len(RUNNABLE) > 4
    for command in RUNNABLE:
        done = mx2(*command.split())
        assert done.code == 0, (command, done.err)


def test_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    mx2: Callable[..., Call],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert mx2("init", ".").code == 0
    assert mx2("catalog", "import", DATA / "seed_catalogue.jsonl").code == 0
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert program is not None
    exec(program[1], {})
    assert "Summary(files=" in capsys.readouterr().out
