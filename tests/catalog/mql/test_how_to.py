"""The commands and the program of the how-to page do what the page says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from mx2prod.catalog.mql import parse
from tests.calls import Call

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "mql.md").read_text()
BLOCKS = re.findall(r"^```console\n\$ mx2 (.*?)     # exit code (\d)\n(.*?)```", PAGE, re.S | re.M)


@pytest.mark.parametrize(("command", "code", "shown"), BLOCKS)
def test_command(mx2: Callable[..., Call], command: str, code: str, shown: str) -> None:
    done = mx2(*shlex.split(command))
    assert done.code == int(code)
    for line in shown.splitlines():
        assert line in done.out + done.err


def test_there_are_commands() -> None:
    assert len(BLOCKS) == 2


def test_conditions_of_the_page_can_be_read() -> None:
    table = PAGE.split("## Conditions")[1].split("##")[0]
    conditions = re.findall(r"^\| `(.*?)` \|", table, re.M)
    assert len(conditions) > 8
    for condition in conditions:
        parse(f"files where {condition}")


def test_the_program_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program = re.search(r"```python\n(.*?)```", PAGE, re.S)
    assert program is not None
    exec(program[1], {})
    assert "L01 SIL" in capsys.readouterr().out
