"""Fixtures of the server's tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalog.facade.serving import Metacat, Serving, metacat_runner, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    """Server of a catalogue in SQLite."""
    with serving(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def runner() -> Iterator[subprocess.Popen[str]]:
    """Process that runs the stock command line."""
    with metacat_runner() as process:
        yield process


@pytest.fixture
def stranger(server: Serving, runner: subprocess.Popen[str]) -> Metacat:
    """The stock command line, not logged in."""
    return Metacat(server, runner)


@pytest.fixture
def metacat(stranger: Metacat) -> Metacat:
    """The stock command line, logged in as dunepro."""
    stranger.login()
    return stranger
