"""Fixtures of this room: both databases on each back end, with people who can sign."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conditions.making import World, make_world, urls_of
from tests.stores import PARAMETERS


@pytest.fixture(params=PARAMETERS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Both databases on each back end."""
    made = make_world(tmp_path, urls_of(request.param, tmp_path, request))
    yield made
    made.close()


@pytest.fixture
def small_world(tmp_path: Path) -> Iterator[World]:
    """Both databases on SQLite, for tests of what does not depend on the back end."""
    made = make_world(tmp_path, (f"sqlite:///{tmp_path}/dev.db", f"sqlite:///{tmp_path}/prod.db"))
    yield made
    made.close()
