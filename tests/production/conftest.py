"""Published constants and raw files, made once."""

from __future__ import annotations

import pytest

from tests.production.published import Published, make_published


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Workspace with published pedestals, and simulated raw files."""
    return make_published(tmp_path_factory.mktemp("published"))
