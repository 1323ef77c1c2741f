"""What ``mx2 calibrate`` tells about the tables it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mx2prod.calibration.verdict import Verdict
from mx2prod.core.errors import LossesError
from mx2prod.production.constants_files import USABLE


@dataclass
class TableReport:
    """One table, with everything that was written of it.

    Attributes
    ----------
    content : mapping
        Content of the verdict file.
    paths : dict of str to Path
        Files by what they are.
    plots : list of Path
    problems : list of dict
        Findings of the checks on the records.
    kept : bool
        The table was there already, complete.
    """

    content: Mapping[str, Any]
    paths: dict[str, Path]
    plots: list[Path] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    kept: bool = False

    @property
    def verdict(self) -> Verdict:
        """Verdict of the table."""
        return Verdict(self.content["verdict"])

    def as_dict(self) -> dict[str, Any]:
        """Members of the pre-production page, 2.5."""
        return {
            **self.content,
            "table": str(self.paths["table"]) if "table" in self.paths else None,
            "accumulator": str(self.paths["accumulator"]) if "accumulator" in self.paths else None,
            "plots": [str(path) for path in self.plots],
            "verdict_file": str(self.paths["verdict"]) if "verdict" in self.paths else None,
            "problems": self.problems,
            "kept": self.kept,
        }


@dataclass
class CalibrationReport:
    """What a call made.

    Attributes
    ----------
    kind : str
    tables : list of TableReport
    notices : list of str
    seconds : dict of str to float
    peak_memory_bytes : int
    """

    kind: str
    tables: list[TableReport] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: int = 0

    @property
    def exit_code(self) -> int:
        """0 if every verdict is good or investigate, 3 otherwise."""
        return 0 if all(table.verdict in USABLE for table in self.tables) else LossesError.exit_code

    @property
    def counts(self) -> dict[str, int]:
        """Tables by verdict."""
        return {str(word): sum(table.verdict is word for table in self.tables) for word in Verdict}
