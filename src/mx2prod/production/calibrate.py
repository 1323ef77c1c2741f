"""Pre-production: raw files to tables with verdicts, records and pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mx2prod.core.errors import OutputError, UsageError
from mx2prod.core.files import write_text
from mx2prod.metadata.records import record_path
from mx2prod.production.calibration_report import CalibrationReport, TableReport
from mx2prod.production.clock import StepClock
from mx2prod.production.constants_files import in_order_of_runs
from mx2prod.production.memory import peak_memory_bytes
from mx2prod.production.products import Joining, MadeTable, Maker
from mx2prod.production.table_records import RawRecords, facts_of_verdict, write_table_records
from mx2prod.validation.verdict_file import SUFFIX, VerdictFile

Progress = Callable[[Path, int, int], None]


@dataclass(frozen=True)
class Options:
    """How a call of :func:`calibrate` works.

    Attributes
    ----------
    joining : Joining
        Which files become one table.
    plots : bool
        Write a page of each table.
    overwrite : bool
    label : str
        Said on every page, for example that the data are simulated.
    """

    joining: Joining = field(default_factory=Joining)
    plots: bool = True
    overwrite: bool = False
    label: str = ""


def calibrate(
    maker: Maker,
    files: Sequence[Path],
    out: Path,
    *,
    options: Options | None = None,
    progress: Progress | None = None,
) -> CalibrationReport:
    """Make the tables of raw files, with verdicts, records and pages.

    A table is complete when the record of its verdict is there: it is written last.  A complete
    table of the same settings is kept, an incomplete one is made again, so that the same command
    finishes work that broke off.  Without a record of the raw files there is none to be found, and
    such tables are made again each time.

    Parameters
    ----------
    maker : Maker
    files : sequence of Path
        Raw files; taken in order of run and subrun.
    out : Path
        Folder of the outputs; made if needed.
    options : Options, optional
    progress : callable, optional
        Called with a file, the number of files done, and the number of files.

    Raises
    ------
    InputFileError
        If a file or a table cannot be read.
    OutputError
        If a table is there that was made with other settings or constants, or a file cannot be
        written.
    UsageError
        If there is no file, or one is given twice.
    """
    _refuse_repetition(files)
    call = _Call(maker, out, options or Options(), RawRecords(), StepClock(), time.time())
    report = CalibrationReport(maker.kind)
    groups = call.groups(in_order_of_runs(files))
    for number, group in enumerate(groups):
        if progress is not None:
            progress(group[0], number, len(groups))
        report.tables += call.kept(group) or call.tables(group)
    report.notices = [*call.notices, *call.raw_records.notices]
    report.seconds = call.clock.seconds
    report.peak_memory_bytes = peak_memory_bytes()
    return report


def _refuse_repetition(files: Sequence[Path]) -> None:
    if not files:
        raise UsageError("no file given", next_step="name at least one raw file")
    seen: set[str] = set()
    for path in files:
        if path.name in seen:
            raise UsageError(f"{path}: a file of this name is given twice")
        seen.add(path.name)


@dataclass(frozen=True)
class _Call:
    """State of one call."""

    maker: Maker
    out: Path
    options: Options
    raw_records: RawRecords
    clock: StepClock
    started: float
    notices: list[str] = field(default_factory=list)

    def groups(self, files: list[Path]) -> list[list[Path]]:
        """Files that are given to the maker together."""
        joining = self.options.joining
        together = joining.merge or joining.merge_until is not None or self.maker.kind == "feb"
        return [files] if together else [[path] for path in files]

    @cached_property
    def verdicts_before(self) -> list[tuple[Path, set[str]]]:
        """Verdicts that lie there when the call begins, each with the names of its raw files."""
        paths = sorted(self.out.glob(f"*_{self.maker.table_word}{SUFFIX}"))
        return [(path, set(VerdictFile.read(path).inputs)) for path in paths]

    def kept(self, files: Sequence[Path]) -> list[TableReport]:
        """Complete tables of these files; none if one is missing or is to be overwritten."""
        if self.options.overwrite:
            return []
        names = {path.name for path in files}
        found: list[VerdictFile] = []
        for path, inputs in self.verdicts_before:
            if inputs <= names:
                file = VerdictFile.read(path)
                self._require_same_settings(file)
                found += [file] if self._is_complete(file) else []
        joining = str(self.options.joining)
        found = [file for file in found if file.content.get("joining", joining) == joining]
        if {name for file in found for name in file.inputs} != names:
            return []
        for file in found:
            self._compare_reference(file)
            self.maker.note(file)
        return [_report_of(file) for file in found]

    def _is_complete(self, file: VerdictFile) -> bool:
        """Whether everything of a verdict was written: its record, or else its page, is last."""
        if self.maker.has_raw_files:
            return record_path(file.path).exists()
        return not self.options.plots or file.beside(".html").exists()

    def _require_same_settings(self, file: VerdictFile) -> None:
        ours, theirs = self.maker.settings_sha256, str(file.content.get("settings_sha256"))
        differs = f"settings ({theirs[:12]}, now {ours[:12]})" if ours != theirs else ""
        read = file.content.get("constants") or {}
        if not differs and read:
            now = self.maker.constants_of(file)
            others = [name for name in sorted(now) if read.get(name) != now[name]]
            differs = f"constants ({', '.join(others)})" if others else ""
        if differs:
            raise OutputError(
                f"{file.path}: made with other {differs}",
                next_step="another folder (-o), or --overwrite",
            )

    def _compare_reference(self, file: VerdictFile) -> None:
        before = file.reference
        now = self.maker.reference_of(file)
        if before != now:
            self.notices.append(
                f"{file.path.name}: kept as it was compared with {before or 'no table'}; now it "
                f"would be {now or 'no table'} (--overwrite makes it again)"
            )

    def tables(self, files: Sequence[Path]) -> Iterator[TableReport]:
        """Make, write and record the tables of some files, one after the other."""
        products = self.maker.products(files, self.options.joining)
        while True:
            with self.clock.step("calibrate"):
                made = next(products, None)
            if made is None:
                return
            yield self._written(made)

    def _written(self, made: MadeTable) -> TableReport:
        """Write a product; what an earlier attempt left unfinished is replaced."""
        with self.clock.step("write"):
            paths = made.write(self.out)
            file = VerdictFile.read(paths["verdict"])
        report = TableReport(file.content, paths)
        if self.options.plots and {"table", "accumulator"} & set(paths):
            with self.clock.step("plots"):
                page = file.beside(".html")
                write_text(page, self.maker.page(file, self.options.label), overwrite=True)
                report.plots = [page]
        with self.clock.step("records"):
            report.problems = self._record(made, report)
        self.maker.note(file)
        return report

    def _record(self, made: MadeTable, report: TableReport) -> list[dict[str, Any]]:
        """Write the records of all files, that of the verdict last."""
        if not self.maker.has_raw_files:
            return []
        parents = [record for path in made.files if (record := self.raw_records.of(path))]
        others = [path for name, path in report.paths.items() if name != "verdict"]
        files = [path for path in (*others, *report.plots) if path.is_file()]
        facts = facts_of_verdict(self.maker.kind, report.content, made.sources)
        records = write_table_records(
            [*files, report.paths["verdict"]], parents, facts, self.started
        )
        return [problem for record in records for problem in record.problems_as_dicts()]


def _report_of(file: VerdictFile) -> TableReport:
    paths = {"verdict": file.path}
    for name in ("table", "accumulator"):
        if file.content.get(name):
            paths[name] = file.path.with_name(file.content[name])
    page = file.beside(".html")
    return TableReport(file.content, paths, [page] if page.exists() else [], kept=True)
