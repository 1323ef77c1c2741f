"""The command as a user calls it, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.calls import Call

PROGRAM = Path(sys.executable).with_name("mx2")


@pytest.fixture(scope="session")
def mx2_program() -> Callable[..., Call]:
    """Run the installed program, in a folder."""

    def call(*words: object, cwd: Path) -> Call:
        line = [str(PROGRAM), *map(str, words)]
        done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=cwd)
        return Call(done.returncode, done.stdout, done.stderr)

    return call
