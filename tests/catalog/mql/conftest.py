"""The recorded catalogues, in memory."""

from __future__ import annotations

import pytest

from mx2prod.catalog.mql.source import MemorySource
from tests.catalog.mql.recorded import source_of


@pytest.fixture(scope="session")
def catalogue() -> MemorySource:
    """The catalogue that the recorded queries were asked of."""
    return source_of("catalogue.jsonl")


@pytest.fixture(scope="session")
def seed() -> MemorySource:
    """The Run-1 catalogue."""
    return source_of("seed_catalogue.jsonl")
