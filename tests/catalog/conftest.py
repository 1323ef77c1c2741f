"""Fixtures of this room: catalogues on both back ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import mx2prod.catalog
from mx2prod.catalog import Catalog
from tests.catalog.making import prepared


@pytest.fixture
def both(store_url: str) -> Iterator[Catalog]:
    """An empty catalogue on each back end, with the names of :func:`prepared`."""
    with mx2prod.catalog.open(store_url, create=True) as made:
        yield prepared(made)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Catalog]:
    """The same on SQLite, for what does not depend on the back end."""
    with mx2prod.catalog.open(f"sqlite:///{tmp_path}/catalog.db", create=True) as made:
        yield prepared(made)
