"""The walk of the how-to page, command by command, as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mx2prod.constants import Period, Table, write_table
from tests.calls import Call
from tests.conditions.making import gains, pedestals

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "conditions.md"
SHOWN_DIGEST = "5ad941447d4c72af"
PERIOD = Period(1712898840000000, 1712899840000000)
TABLES: dict[str, Table] = {
    "TS1_00001702_0004_pdstl_v09_2404140514_pedestal_table": pedestals(430.0),
    "TS1_00001797_0003_numip_v09_2405280500_pedestal_table": pedestals(431.0),
    "TS1_00001797_0004_numil_v09_2405280600_gain_table": gains(),
}


def commands() -> list[tuple[str, int]]:
    """Commands of the console blocks, with the exit codes that the page says."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    found = []
    for line in lines:
        command, _, comment = line.partition("     # ")
        found.append((command, int(comment.removeprefix("exit code ")) if comment else 0))
    return found


def run(command: str, mx2: Callable[..., Call]) -> tuple[int, str]:
    """Exit code and output of a command in the present folder."""
    words = shlex.split(command)
    if words[0] == "mx2":
        call = mx2(*words[1:])
        return call.code, call.out + call.err
    if words[0] == "cd":
        os.chdir(words[1])
        return 0, ""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_command_of_the_page_does_what_the_page_says(
    mx2: Callable[..., Call], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stem, table in TABLES.items():
        write_table(replace(table, period=PERIOD), tmp_path / f"{stem}.dat")
        verdict = {"verdict": "good", "file": f"{stem}.dat", "settings_sha256": "0" * 64}
        (tmp_path / f"{stem}.verdict.json").write_text(json.dumps(verdict))
    monkeypatch.chdir(tmp_path)
    digest = SHOWN_DIGEST
    for command, expected in commands():
        line = command.replace(SHOWN_DIGEST, digest)
        code, text = run(line, mx2)
        assert code == expected, f"{line}\n{text}"
        if " freeze " in command:
            digest = re.search("VALIDATED ([0-9a-f]{16})", text)[1]
    assert digest != SHOWN_DIGEST
    original = tmp_path / "TS1_00001797_0003_numip_v09_2405280500_pedestal_table.dat"
    assert Path("back.dat").read_bytes() == original.read_bytes()
    assert "mx2-run1-v1" in Path("mx2-run1-v1.html").read_text()
