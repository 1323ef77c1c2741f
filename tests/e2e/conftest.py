"""The command as a user calls it: in this process, where that is enough, or in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mx2prod.cli.frame import log
from mx2prod.cli.main import run

PROGRAM = Path(sys.executable).with_name("mx2")


@dataclass(frozen=True)
class Call:
    """Exit code and both outputs of one call."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


@pytest.fixture
def mx2(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Call]]:
    """Run one command line in this process."""

    def call(*words: object) -> Call:
        capsys.readouterr()
        code = run([str(word) for word in words])
        return Call(code, *capsys.readouterr())

    yield call
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()


@pytest.fixture(scope="session")
def mx2_program() -> Callable[..., Call]:
    """Run the installed program, in a folder."""

    def call(*words: object, cwd: Path) -> Call:
        line = [str(PROGRAM), *map(str, words)]
        done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=cwd)
        return Call(done.returncode, done.stdout, done.stderr)

    return call
