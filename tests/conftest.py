"""Fixtures that every room's tests share; the test tiers; the profiles of the random tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.calls import mx2  # noqa: F401  # a fixture, found by pytest in this module
from tests.stores import (  # noqa: F401  # fixtures, found by pytest in this module
    engine,
    postgresql,
    store_url,
)
from tests.tiers import (  # noqa: F401  # hooks, found by pytest in this module
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_setup,
)

RAW_DATA = Path(__file__).parent / "data" / "raw"

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("ci", max_examples=500, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("nightly", max_examples=20_000, deadline=None, print_blob=True)
settings.load_profile(
    os.environ.get("MX2_HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "default")
)


@pytest.fixture(scope="session")
def samples() -> dict[str, Path]:
    """Folder of each raw sample, by its name."""
    return {folder.name: folder for folder in sorted(RAW_DATA.iterdir()) if folder.is_dir()}
