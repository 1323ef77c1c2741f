"""Where the rows of a table come from, so that a message can name the place."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from mx2prod.core.errors import TableError


def refuse_line(name: str, line: int, problem: str) -> NoReturn:
    """Raise :class:`TableError` about a line (counted from 1) of a file.

    Raises
    ------
    TableError
        Always.
    """
    raise TableError(
        f"{name}, line {line}: {problem}", next_step=f"sed -n {line}p {shlex.quote(name)}"
    )


@dataclass(frozen=True)
class Source:
    """Where rows come from, for messages.

    Attributes
    ----------
    name : str
        A file, or what made the rows.
    lines : sequence of int or None
        Line of each row in the file, from 1; None if the rows do not stand in lines.
    """

    name: str
    lines: Sequence[int] | None = None

    def refuse(self, row: int, problem: str) -> NoReturn:
        """Raise :class:`TableError` about a row (counted from 0).

        Raises
        ------
        TableError
            Always.
        """
        if self.lines is not None:
            refuse_line(self.name, self.lines[row], problem)
        raise TableError(f"{self.name}, {self.place(row)}: {problem}")

    def place(self, row: int) -> str:
        """Line of a row, or its number from 0."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"
