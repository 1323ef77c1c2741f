"""The room as one that keeps tables (see :mod:`mx2prod.journal.rooms`)."""

from __future__ import annotations

from pathlib import Path

from mx2prod.catalog.tables import CONTENT, DATASET, FILE, PREFIX, QUERY
from mx2prod.journal import Room

CATALOG = Room(
    "catalog",
    Path(__file__).parent / "migrations",
    PREFIX,
    tuple(table.name for table in (FILE, CONTENT, DATASET, QUERY)),
)
