"""The room as one that keeps tables (see :mod:`mx2prod.journal.rooms`)."""

from __future__ import annotations

from pathlib import Path

from mx2prod.conditions.tables import PREFIX
from mx2prod.journal import Room

CONDITIONS = Room("conditions", Path(__file__).parent / "migrations", PREFIX)
