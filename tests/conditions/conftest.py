"""Fixtures of this room: databases, people who can sign, a workspace, a running server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mx2prod.conditions import Store, create_store
from tests.calls import Call
from tests.conditions.making import World, make_world, urls_of
from tests.conditions.serving import Serving, serving_fixture
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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Development database."""
    with create_store(f"sqlite:///{tmp_path}/a.db", "development") as made:
        yield made


@pytest.fixture(scope="module")
def fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Server of the fixture of section 10."""
    with serving_fixture(tmp_path_factory.mktemp("fixture")) as serving:
        yield serving


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One client, because making one takes long."""
    with httpx.Client(trust_env=False) as made:
        yield made


@pytest.fixture
def workspace(tmp_path: Path, mx2: Callable[..., Call]) -> Path:
    """Workspace with both databases of constants."""
    folder = tmp_path / "work"
    assert mx2("init", folder).code == 0
    assert mx2("--workspace", folder, "conditions", "init").code == 0
    return folder
