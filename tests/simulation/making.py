"""Small specs and files that the tests of the driver share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mx2prod.simulation.spec import Spec

START = datetime(2024, 7, 10, 9, 46, tzinfo=UTC)
BOARDS = ["0-1-0-1", "0-1-0-2", "0-1-0-3", "0-2-0-1", "0-2-0-2", "0-5-1-1", "0-5-1-2"]
"""Seven boards on three chains; 1 is outer detector on each."""


def file_of(stream: str = "numib", **values: Any) -> dict[str, Any]:
    """Entry of ``files``."""
    run = {"pdstl": 1702, "linjc": 1703, "numib": 50017, "numip": 1797, "numil": 1799}[stream]
    return {"stream": stream, "run": run, "subrun": 22, "gates": 6, "start": START, **values}


def spec_of(*files: dict[str, Any], febs: Any = tuple(BOARDS), **values: Any) -> Spec:
    """Spec of some boards; one beam file unless others are given."""
    detector = {"febs": febs if febs == "all" else list(febs)}
    document = {"seed": 7, "files": files or (file_of(),), "detector": detector, **values}
    return Spec.model_validate(document)
