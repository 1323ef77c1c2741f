"""Calls of the commands of tables, shared by their tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.calls import Call
from tests.validation import making


@pytest.fixture
def calibrate(
    mx2: Callable[..., Call], tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., Call]:
    """Run ``mx2 calibrate`` for the ``KIND`` of the test file into the folder ``out``.

    With the settings of few boards, and without plots unless they are asked for.
    """
    settings = making.settings_file(tmp_path)

    def call(*words: object, out: str = "out", plots: bool = False) -> Call:
        flags = [] if plots else ["--no-plots"]
        where = ["-o", tmp_path / out, "--settings", settings]
        return mx2("calibrate", request.module.KIND, *words, *where, *flags)

    return call
