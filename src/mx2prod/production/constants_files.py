"""Constants tables that are files: read one, find the one that is valid for a subrun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mx2prod.calibration.outputs import subrun_of_name
from mx2prod.calibration.pedestal_outputs import read_with_companion
from mx2prod.calibration.verdict import Verdict
from mx2prod.constants import Constants, Pedestal, Table, read_parquet, read_table
from mx2prod.core.errors import InputFileError, TableError
from mx2prod.core.ids import RunSubrun
from mx2prod.validation.verdict_file import VerdictFile, verdict_files

USABLE = (Verdict.GOOD, Verdict.INVESTIGATE)
"""Verdicts of tables that a later step may read."""


def read_constants(path: Path, schema: type[Constants]) -> Table:
    """Read a constants table of a schema, from Parquet or from its text format.

    Parameters
    ----------
    path : Path
        ``.parquet``, or else a text file.
    schema : type of Constants

    Raises
    ------
    InputFileError, TableError
        If it cannot be read, is refused, or has another schema.
    """
    if path.suffix != ".parquet":
        return read_table(path, schema)
    if schema is Pedestal:
        return read_pedestals(path)[0]
    table = read_parquet(path)
    if table.schema is not schema:
        raise TableError(f"{path}: a table of {table.schema.schema}, expected {schema.schema}")
    return table


def read_pedestals(path: Path) -> tuple[Table, Table | None]:
    """Read pedestals, and their companion columns where the file has them.

    Raises
    ------
    InputFileError, TableError
        If it cannot be read, is refused, or holds no pedestals.
    """
    if path.suffix != ".parquet":
        return read_table(path, Pedestal), None
    try:
        return read_with_companion(path)
    except TableError:
        table = read_parquet(path)
        if table.schema is not Pedestal:
            raise
        return table, None


@dataclass(frozen=True)
class PedestalsOfSubruns:
    """Pedestal tables of some subruns; valid from their own subrun to the next one.

    Attributes
    ----------
    folder : Path
        For messages.
    files : tuple of VerdictFile
        Usable tables, in order of run and subrun.
    """

    folder: Path
    files: tuple[VerdictFile, ...]

    @classmethod
    def find(cls, folder: Path) -> PedestalsOfSubruns:
        """Find the usable pedestal tables in a folder and below it.

        Raises
        ------
        InputFileError
            If there is none.
        """
        files = [
            file
            for file in verdict_files(folder, "pedestal")
            if file.verdict in USABLE and file.runs and file.content["table"] is not None
        ]
        if not files:
            raise InputFileError(
                f"{folder}: no pedestal table with the verdict good or investigate",
                next_step=f"mx2 report pedestals {folder} -o FOLDER",
            )
        return cls(folder, tuple(files))

    def __call__(self, subrun: RunSubrun) -> Table:
        """Read the table that is valid for a subrun: the last one that does not begin after it.

        Raises
        ------
        InputFileError
            If every table begins later; nothing is taken instead.
        """
        return read_with_companion(self._valid_for(subrun).beside(".parquet"))[0]

    def content_of(self, subrun: RunSubrun) -> str:
        """Content hash of the table that is valid for a subrun.

        Raises
        ------
        InputFileError
            See :meth:`__call__`.
        """
        return str(self._valid_for(subrun).content["content_sha256"])

    def _valid_for(self, subrun: RunSubrun) -> VerdictFile:
        wanted = (subrun.run, subrun.subrun)
        before = [file for file in self.files if file.runs[0] <= wanted]
        if not before:
            run, first = self.files[0].runs[0]
            raise InputFileError(
                f"{self.folder}: no pedestal table is valid for {subrun}: the first one begins at "
                f"{run}/{first}",
                next_step="make pedestals of an earlier subrun, or name a table: --pedestals FILE",
            )
        return before[-1]


def in_order_of_runs(files: Sequence[Path]) -> list[Path]:
    """Sort raw files by run and subrun of their names; others keep their order at the end."""

    def key(item: tuple[int, Path]) -> tuple[int, int, int]:
        number, path = item
        subrun = subrun_of_name(path.name)
        return (2**32, 0, number) if subrun is None else (subrun.run, subrun.subrun, number)

    return [path for _, path in sorted(enumerate(files), key=key)]
