"""Tables of datasets as the workflow talk shows them (catalogue page, section 4)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from mx2prod.catalog.locations import Location, Locations, locations
from mx2prod.catalog.members import Members
from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.parse import parse
from mx2prod.catalog.rules import as_did
from mx2prod.core.errors import NotInCatalogError
from mx2prod.core.ids import Did
from mx2prod.core.units import BYTES_PER_GB

COLUMNS = ("Start Run", "End Run", "Dataset", "Definition", "NFiles", "Size", "Location")
_NUMI = "<numi data>"


@dataclass(frozen=True)
class DatasetLine:
    """One line of the table.

    Attributes
    ----------
    did : str
    definition : str or None
        MQL text.
    start_run, end_run : int or None
        Least and greatest ``core.runs`` of the files; None without a file.
    bounds : tuple of (int or None, int or None)
        Runs that the definition asks for.
    files, total_size : int
    locations : tuple of Location
    snapshot_files : int or None
        Files of the snapshot, the retired ones included; None if it is none.
    """

    did: str
    definition: str | None
    start_run: int | None
    end_run: int | None
    bounds: tuple[int | None, int | None]
    files: int
    total_size: int
    locations: tuple[Location, ...]
    snapshot_files: int | None

    def cells(self) -> list[str]:
        """Texts of :data:`COLUMNS`."""
        low, high = self.bounds
        return [
            _run(self.start_run, low),
            _run(self.end_run, high),
            self.did,
            self.definition or "(files added by hand)",
            str(self.files),
            size_text(self.total_size),
            location_text(self.locations),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Members for JSON."""
        return {
            "start_run": self.start_run,
            "end_run": self.end_run,
            "definition_start_run": self.bounds[0],
            "definition_end_run": self.bounds[1],
            "name": self.did,
            "description": self.definition,
            "nfiles": self.files,
            "size": size_text(self.total_size),
            "bytes": self.total_size,
            "location": [item.directory for item in self.locations],
            "predicted": any(item.predicted for item in self.locations),
            "snapshot_files": self.snapshot_files,
        }


@dataclass(frozen=True)
class DatasetTable:
    """Lines of several datasets, and their sums.

    Attributes
    ----------
    lines : tuple of DatasetLine
    files, total_size : int
        Of all files, each counted once.
    """

    lines: tuple[DatasetLine, ...]
    files: int
    total_size: int

    @property
    def counted_twice(self) -> int:
        """Files by which the lines add to more than the union."""
        return sum(line.files for line in self.lines) - self.files

    def as_dict(self) -> dict[str, Any]:
        """Members for JSON."""
        rows = sum(line.files for line in self.lines), sum(line.total_size for line in self.lines)
        return {
            "rows": [line.as_dict() for line in self.lines],
            "sum_of_rows": {"nfiles": rows[0], "bytes": rows[1], "size": size_text(rows[1])},
            "union": {
                "nfiles": self.files,
                "bytes": self.total_size,
                "size": size_text(self.total_size),
            },
        }


def dataset_table(
    catalogue: Members, names: Sequence[Did | str], replicas: Locations | None = None
) -> DatasetTable:
    """Lines for datasets, and the sums over all their files.

    Parameters
    ----------
    catalogue : Members
    names : sequence of Did or str
    replicas : Locations, optional
        Who knows where files are; without it locations are predicted.

    Raises
    ------
    NotInCatalogError
        If a dataset is not there.
    """
    lines = []
    sizes: dict[str, int] = {}
    for name in names:
        line, members = _line(catalogue, as_did(name), replicas)
        lines.append(line)
        sizes.update(members)
    return DatasetTable(tuple(lines), len(sizes), sum(sizes.values()))


def _line(
    catalogue: Members, did: Did, replicas: Locations | None
) -> tuple[DatasetLine, dict[str, int]]:
    dataset = catalogue.dataset(did)
    if dataset is None:
        raise NotInCatalogError(f"no dataset {did}", next_step="mx2 dataset show")
    records = list(catalogue.dataset_files(did, with_metadata=True))
    runs = [run for record in records for run in _runs(record.metadata.get("core.runs"))]
    snapshot = catalogue.snapshot_of(did)
    line = DatasetLine(
        did=str(did),
        definition=dataset.definition,
        start_run=min(runs, default=None),
        end_run=max(runs, default=None),
        bounds=run_bounds(dataset.definition) if dataset.definition else (None, None),
        files=len(records),
        total_size=sum(record.size for record in records),
        locations=tuple(locations(records, replicas)),
        snapshot_files=None if snapshot is None else snapshot.file_count,
    )
    return line, {record.fid: record.size for record in records}


def _runs(value: Any) -> list[int]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if type(item) is int]


def run_bounds(definition: str) -> tuple[int | None, int | None]:
    """Least and greatest run that every file of a definition has, where its text says so."""
    low: list[int] = []
    high: list[int] = []
    for node in syntax.walk(parse(definition)):
        if isinstance(node, syntax.Where):
            for term in syntax.conjuncts(node.condition):
                _add_bounds(term, low, high)
    return max(low, default=None), min(high, default=None)


def _add_bounds(term: syntax.Expression, low: list[int], high: list[int]) -> None:
    left = getattr(term, "left", None)
    if not isinstance(left, syntax.Key | syntax.AnyItem | syntax.Item) or left.name != "core.runs":
        return
    if isinstance(term, syntax.InRange) and not term.negated:
        low += _integers(term.low)
        high += _integers(term.high)
    elif isinstance(term, syntax.Compare):
        numbers = _integers(term.value)
        shift = {">": 1, "<": -1}.get(term.op, 0)
        if term.op in (">", ">=", "="):
            low += [number + shift for number in numbers]
        if term.op in ("<", "<=", "="):
            high += [number + shift for number in numbers]


def _integers(value: syntax.Value) -> list[int]:
    found = value.value if isinstance(value, syntax.Constant) else None
    return [found] if type(found) is int else []


def _run(of_files: int | None, of_definition: int | None) -> str:
    """Run of the files, with that of the definition where it is another."""
    if of_files is None:
        return "-" if of_definition is None else f"- ({of_definition})"
    if of_definition is None or of_definition == of_files:
        return str(of_files)
    return f"{of_files} ({of_definition})"


def size_text(size: int) -> str:
    """Size in GB of 10^9 bytes with one decimal, half rounded up."""
    value = (Decimal(size) / BYTES_PER_GB).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    return f"{value} GB"


def location_text(found: Sequence[Location]) -> str:
    """Directories in one text; those of several NuMI streams as ``<numi data>``."""
    mark = " (predicted)" if any(item.predicted for item in found) else ""
    directories = sorted({item.directory for item in found})
    streams = numi_streams(found)
    if streams:
        return f"{directories[0].rpartition('/')[0]}/{_NUMI}{mark}"
    return ", ".join(directories) + mark


def numi_streams(found: Sequence[Location]) -> list[str]:
    """Streams that a location ``<numi data>`` stands for; none where it is one directory."""
    directories = sorted({item.directory for item in found})
    parents = {text.rpartition("/")[0] for text in directories}
    names = [text.rpartition("/")[2] for text in directories]
    mixed = len(directories) > 1 and len(parents) == 1
    return names if mixed and all(name.startswith("num") for name in names) else []


def legend(table: DatasetTable) -> str:
    """Explain ``<numi data>`` in a table; empty if it does not occur."""
    streams = sorted({name for line in table.lines for name in numi_streams(line.locations)})
    if not streams:
        return ""
    return f"{_NUMI} := {', '.join(streams[:-1])} and {streams[-1]}"


def sums_text(table: DatasetTable) -> str:
    """Tell the sums under a table."""
    total = sum(line.total_size for line in table.lines)
    rows = sum(line.files for line in table.lines)
    text = f"All files, each counted once: {table.files}, {size_text(table.total_size)}"
    if table.counted_twice:
        text += f" (the rows add to {rows}, {size_text(total)}: some files are in two datasets)"
    return text


def as_csv(table: DatasetTable) -> str:
    """Comma-separated values, with exact bytes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, "Bytes"])
    for line in table.lines:
        cells = line.cells()
        cells[-1] = " ".join(item.directory for item in line.locations)
        writer.writerow([*cells, line.total_size])
    return out.getvalue()


def as_markdown(table: DatasetTable) -> str:
    """Markdown table, with legend and sums."""
    rows = [COLUMNS, ["---"] * len(COLUMNS)]
    rows += [[_in_markdown(cell, code=n == 3) for n, cell in enumerate(line.cells())]
             for line in table.lines]  # fmt: skip
    text = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return text + _in_markdown(_below(table), code=False)


def _in_markdown(cell: str, *, code: bool) -> str:
    escaped = cell.replace("|", "\\|")
    return f"`{escaped}`" if code else escaped.replace("<", "&lt;").replace(">", "&gt;")


def as_wiki(table: DatasetTable) -> str:
    """Table of MediaWiki, with legend and sums; what looks like markup is shown as it is."""
    head = "! " + " !! ".join(COLUMNS)
    rows = ['{| class="wikitable"', head]
    for line in table.lines:
        cells = [f"<nowiki>{_escaped(cell)}</nowiki>" for cell in line.cells()]
        rows += ["|-", "| " + " || ".join(cells)]
    return "\n".join([*rows, "|}", ""]) + _escaped(_below(table))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _below(table: DatasetTable) -> str:
    lines: Iterable[str] = filter(None, [legend(table), sums_text(table)])
    return "\n" + "\n\n".join(lines) + "\n"
