"""Which run databases may be used: a list of hashes, kept by the operator.

The list is what ``sha256sum`` prints, one line a file; the last line is the release in use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mx2prod.core.errors import InputFileError
from mx2prod.core.files import require_regular_file
from mx2prod.metadata.matching.runs_database import RunsDatabase, read_runs_database

LIST_NAME = "runs-databases.sha256"
"""File in the workspace."""

_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](?P<path>\S.*)")


@dataclass(frozen=True)
class TrustedDatabases:
    """A list of run databases.

    Attributes
    ----------
    path : Path
        The list; relative names in it start at its folder.
    entries : tuple of (str, Path)
        sha256 and path, in the order of the list.
    """

    path: Path
    entries: tuple[tuple[str, Path], ...]

    @classmethod
    def read(cls, path: Path) -> TrustedDatabases:
        """Read a list; one that does not exist is empty.

        Raises
        ------
        InputFileError
            If a line is not of the form ``<sha256>  <path>``; names the line.
        """
        if not path.exists():
            return cls(path, ())
        require_regular_file(path)
        entries = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = _LINE.fullmatch(line)
            if match:
                entries.append((match["sha256"], path.parent / match["path"]))
            elif line.strip() and not line.startswith("#"):
                raise InputFileError(
                    f"{path}: line {number}: {line!r}, expected a line of sha256sum",
                    next_step=f"sha256sum FILE >> {path}",
                )
        return cls(path, tuple(entries))

    @property
    def current(self) -> Path:
        """The database of the last line.

        Raises
        ------
        InputFileError
            If the list is empty.
        """
        if not self.entries:
            raise InputFileError(
                f"{self.path}: no run database listed, and none given",
                next_step=f"sha256sum FILE.sqlite >> {self.path}",
            )
        return self.entries[-1][1]

    def open(self, path: Path) -> RunsDatabase:
        """Read a database whose hash is listed.

        Raises
        ------
        InputFileError
            If its hash is not in the list, or it cannot be read.
        """
        database = read_runs_database(path)
        if database.sha256 not in {sha256 for sha256, _ in self.entries}:
            raise InputFileError(
                f"{path}: sha256 {database.sha256} is not in {self.path}: numbers of an unknown "
                "release are not used",
                next_step=f"sha256sum {path} >> {self.path}   # after a look at its origin",
            )
        return database
