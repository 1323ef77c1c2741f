"""Calls of ``mx2`` inside this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from mx2prod.cli.frame import log
from mx2prod.cli.main import run


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
    """Run one command line, given as words."""

    def call(*words: object) -> Call:
        capsys.readouterr()
        code = run([str(word) for word in words])
        return Call(code, *capsys.readouterr())

    yield call
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
