"""A stand-in of MetaCat, and the adapter connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mx2prod.catalog.metacat import connect
from mx2prod.catalog.metacat.server import MetaCat
from tests.catalog.metacat.stand_in import StandIn, standing_in


@pytest.fixture
def real() -> Iterator[StandIn]:
    """What stands for the real server."""
    with standing_in() as state:
        yield state


def joined(real: StandIn, folder: Path, deadline_s: float) -> MetaCat:
    """The adapter, logged in."""
    library = folder / "tokens"
    library.write_text(f"{real.url} {real.token()}\n")
    library.chmod(0o600)
    return connect(real.url, library, deadline_s=deadline_s)


@pytest.fixture
def metacat(real: StandIn, tmp_path: Path) -> MetaCat:
    """The adapter with a short deadline."""
    return joined(real, tmp_path, 0.6)


@pytest.fixture
def patient(real: StandIn, tmp_path: Path) -> MetaCat:
    """The adapter for much at once, on a machine that does other work too."""
    return joined(real, tmp_path, 60.0)
