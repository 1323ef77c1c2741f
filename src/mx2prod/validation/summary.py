"""The summary table of a product: one row a run range, in the shape of the workflow talk.

Source: pre-production page, section 7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mx2prod.calibration.verdict import Verdict
from mx2prod.metadata.schema import Period, load_schema
from mx2prod.validation.verdict_file import VerdictFile

WORDS = tuple(map(str, Verdict))
NOT_ENOUGH_GAINS = "Not enough events for a gains table"
TALK_COLUMNS = (
    "Start Run", "End Run", "NFiles", "Directory Size", "Location", "Validation Plots", "Comments",
)  # fmt: skip
COLUMNS = (*TALK_COLUMNS, "files in", *(word.replace("_", " ") for word in WORDS), "gates used")
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True)
class RunRange:
    """Runs that are summarised together.

    Attributes
    ----------
    first, last : int
        Both included.
    name : str
        For file names, for example ``run1_prod_a``.
    """

    first: int
    last: int
    name: str

    def __contains__(self, run: int) -> bool:
        return self.first <= run <= self.last

    @property
    def subject(self) -> str:
        """The runs in words."""
        return f"runs {self.first} to {self.last}"


@dataclass(frozen=True)
class RangeSummary:
    """What came of the files of a run range.

    Attributes
    ----------
    runs : RunRange
    files : tuple of VerdictFile
        All of them, in order of run and subrun.
    location : Path
    size : int
        Bytes of all files of the tables.
    plots : str
        Name of the PDF file.
    """

    runs: RunRange
    files: tuple[VerdictFile, ...]
    location: Path
    size: int
    plots: str

    @property
    def counts(self) -> dict[str, int]:
        """Files by verdict; the sum is the number of files."""
        found = Counter(file.verdict for file in self.files)
        return {word: found[word] for word in WORDS}

    @property
    def gates_used(self) -> int:
        """Gates behind the tables."""
        return sum(file.gates_used for file in self.files)

    @property
    def comment(self) -> str:
        """Give the comment of the talk, and how many files have no good table."""
        counts = self.counts
        if self.files and counts["too_few"] == len(self.files) and self.files[0].kind == "gain":
            return NOT_ENOUGH_GAINS
        others = ", ".join(
            f"{number} {word.replace('_', ' ')}"
            for word, number in counts.items()
            if number and word != "good"
        )
        good = f"{counts['good']} good table{'' if counts['good'] == 1 else 's'}"
        return good + (f"; {others}" if others else "")

    def row(self) -> list[str | int]:
        """Cells in the order of :data:`COLUMNS`."""
        counts = self.counts
        return [
            self.runs.first, self.runs.last, counts["good"], size_text(self.size),
            str(self.location), self.plots, self.comment, len(self.files),
            *counts.values(), self.gates_used,
        ]  # fmt: skip


def size_text(size: int) -> str:
    """Bytes as the talk writes them, for example ``387 MB``."""
    for factor, unit in _UNITS:
        if size >= factor:
            value = size / factor
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"
    return f"{size} B"


def run_ranges(
    files: Iterable[VerdictFile], given: Sequence[tuple[int, int]] = ()
) -> list[RunRange]:
    """Give the run ranges that files belong to.

    Parameters
    ----------
    files : iterable of VerdictFile
    given : sequence of (int, int), optional
        First and last run of each; by default the run periods of the metadata schema, and one
        range for each other run.

    Returns
    -------
    list of RunRange
        Those that have a file, in order of runs.
    """
    runs = sorted({run for file in files for run, _ in file.runs})
    if given:
        ranges = [RunRange(first, last, f"runs_{first}_{last}") for first, last in given]
    else:
        schema = load_schema()
        ranges = [_of_period(period) for period in schema.periods]
        outside = [run for run in runs if not any(run in known for known in ranges)]
        ranges += [RunRange(run, run, f"run_{run}") for run in outside]
    return sorted(
        (item for item in ranges if any(run in item for run in runs)), key=lambda item: item.first
    )


def _of_period(period: Period) -> RunRange:
    letter = period.name.lstrip("0123456789")
    return RunRange(period.first_run, period.last_run, f"{period.campaign}_prod_{letter}")


def summarise(
    files: Sequence[VerdictFile], location: Path, product: str, given: Sequence[tuple[int, int]]
) -> list[RangeSummary]:
    """Sum up the files of each run range.

    A file without any run is counted in the first range, a file of runs outside the given ranges
    in none.

    Parameters
    ----------
    files : sequence of VerdictFile
    location : Path
        Folder that the tables stand in.
    product : str
        ``pedestals``, ``gains`` or ``feb``.
    given : sequence of (int, int)
        See :func:`run_ranges`.
    """
    ranges = run_ranges(files, given)
    if not ranges and any(not file.runs for file in files):
        ranges = [RunRange(0, 0, "no_run")]
    members: dict[RunRange, list[VerdictFile]] = {item: [] for item in ranges}
    for file in files:
        own = next((item for item in ranges if _belongs(file, item)), None)
        if own is not None:
            members[own].append(file)
        elif not file.runs:
            members[ranges[0]].append(file)
    return [
        RangeSummary(
            item, tuple(chosen), location, _size(chosen), f"mx2_{product}_{item.name}.pdf"
        )
        for item, chosen in members.items()
    ]  # fmt: skip


def _belongs(file: VerdictFile, runs: RunRange) -> bool:
    return any(run in runs for run, _ in file.runs)


def _size(files: Iterable[VerdictFile]) -> int:
    paths = {path for file in files for path in file.path.parent.glob(f"{file.stem}.*")}
    return sum(path.stat().st_size for path in paths if path.is_file())


def markdown(rows: Sequence[Sequence[object]], columns: Sequence[str] = COLUMNS) -> str:
    """Give the table as Markdown."""
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    body = [f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([*head, *body]) + "\n"
