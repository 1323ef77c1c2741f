"""What became of each file of ``mx2 metadata make`` and ``check``, and the exit code of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import FINDINGS, Frame, log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx2prod.core.errors import Mx2Error
    from mx2prod.metadata import Problem
    from mx2prod.metadata.schema import Schema

BAD_INPUT = 2


@dataclass
class Outcome:
    """What became of one file.

    Attributes
    ----------
    path : Path
    problems : list of Problem
    error : Mx2Error or None
        Why there is no record to check.
    record : dict or None
        The derived record, of ``make`` only.
    written : Path or None
    """

    path: Path
    problems: Sequence[Problem] = ()
    error: Mx2Error | None = None
    record: dict[str, Any] | None = None
    written: Path | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True for a record without errors."""
        from mx2prod.metadata import has_errors

        return self.error is None and not has_errors(self.problems)

    def as_dict(self) -> dict[str, Any]:
        """Members of the interface page, and those of ``make``."""
        document: dict[str, Any] = {
            "path": str(self.path),
            "ok": self.ok,
            "problems": [problem.as_dict() for problem in self.problems],
        }
        if self.error is not None:
            document["error"] = self.error.message
        return {**document, **self.extra}


def schema_of(frame: Frame) -> Schema:
    """Rule table with the file name suffixes of the workspace."""
    from mx2prod.metadata import load_schema

    return load_schema().with_suffixes(frame.workspace.settings.names.suffix)


def report_error(item: Outcome) -> None:
    """Say why there is no record, and what to type next."""
    if item.error is not None:
        log.error("%s", item.error.message)
        if item.error.next_step:
            click.echo(f"next: {item.error.next_step}", err=True)


def exit_with(done: Sequence[Outcome]) -> None:
    """End the call with the code of its worst file."""
    codes = [item.error.exit_code for item in done if item.error is not None]
    if codes:
        code = BAD_INPUT if BAD_INPUT in codes else codes[0]
    else:
        code = 0 if all(item.ok for item in done) else FINDINGS
    click.get_current_context().exit(code)
