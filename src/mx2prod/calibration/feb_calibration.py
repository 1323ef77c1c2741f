"""Response of the front-end boards: import, calibration by charge injection, check in situ.

Source: pre-production page, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod import raw
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.feb_accumulator import FebSums, merge_feb_sums
from mx2prod.calibration.feb_bench import read_bench_folder
from mx2prod.calibration.feb_filling import accumulate_in_situ, accumulate_injection
from mx2prod.calibration.feb_fit import fit_injection
from mx2prod.calibration.feb_in_situ import BoardMatch, GainRatios, boards_off, gain_ratios
from mx2prod.calibration.feb_in_situ_verdict import judge_ratios
from mx2prod.calibration.feb_product import FebProduct, product_of_curves
from mx2prod.calibration.gates import gate_types, gates_by_kind, trigger_name, types_text
from mx2prod.calibration.input_files import check_names, naming, runs_by_subrun, source_of
from mx2prod.calibration.outputs import product_members
from mx2prod.calibration.sources import SourceFile
from mx2prod.calibration.verdict import Reason, TableVerdict, Verdict
from mx2prod.constants import Table
from mx2prod.detector import Detector, load_detector
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.raw.columns import GateChunk


@dataclass(frozen=True)
class InSituProduct:
    """Ratios of gains in the data of a period against the constants.

    Attributes
    ----------
    files : tuple of Path
    verdict : TableVerdict
        On the constants that were checked.
    ratios : GainRatios or None
        None without an intact gate.
    boards : tuple of BoardMatch
        Boards that are off as a whole.
    sums : FebSums or None
    deviations : tuple of str
        Settings that are not the defaults.
    """

    files: tuple[Path, ...]
    verdict: TableVerdict
    ratios: GainRatios | None = None
    boards: tuple[BoardMatch, ...] = ()
    sums: FebSums | None = None
    deviations: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Members as ``mx2 calibrate --json`` has them, without the paths of outputs."""
        return product_members(self.files, None, self.verdict, self.deviations)


def import_feb(
    folder: Path, settings: Preproduction | None = None, *, detector: Detector | None = None
) -> FebProduct:
    """Import a folder of bench files.

    Boards without a file get the median of all boards and the status ``nominal``.

    Parameters
    ----------
    folder : Path
    settings : Preproduction, optional
    detector : Detector, optional

    Raises
    ------
    InputFileError, TableError
        See :func:`~mx2prod.calibration.feb_bench.read_bench_folder`.
    """
    settings, hardware = settings or Preproduction(), (detector or load_detector()).hardware
    expected = settings.expected_boards(hardware)
    bench = read_bench_folder(folder, hardware, expected, settings.feb)
    notes = []
    if bench.unused:
        text = f"files of {folder.name} that are of no expected board"
        notes.append(Reason("unused_files", text, Verdict.GOOD, len(bench.unused), bench.unused))
    curves = (bench.curves, bench.errors, bench.chi2ndf)
    absent = expected & ~bench.found
    return product_of_curves(curves, absent, hardware, settings, files=[folder], notes=notes)


def calibrate_feb(
    files: Sequence[Path],
    settings: Preproduction | None = None,
    *,
    detector: Detector | None = None,
    dac: npt.ArrayLike | None = None,
    checksums: Mapping[str, str] | None = None,
) -> FebProduct:
    """Fit the response to the charge-injection gates of raw files, all files together.

    Parameters
    ----------
    files : sequence of Path
        Raw files.
    settings : Preproduction, optional
    detector : Detector, optional
    dac : array_like of int, optional
        InjectDAC counts of gate 1, 2, ... of each subrun; by default those of the FPGA registers.
    checksums : mapping of str to str, optional
        adler32 by file name, as the catalogue has them; others are refused.

    Raises
    ------
    InputFileError
        If a file cannot be opened, or has another adler32 than the catalogue says.
    UsageError
        If there is no file, one is named twice, or a gate stands in two files.
    """
    settings, hardware = settings or Preproduction(), (detector or load_detector()).hardware
    expected = settings.expected_boards(hardware)
    sums, notes = _accumulate_files(
        files,
        lambda chunks, source: accumulate_injection(
            chunks, hardware, settings.feb, dac, files=[source]
        ),
        checksums,
    )
    status = np.zeros(hardware.n_channels, np.int32)
    deviations = tuple(settings.deviations())
    if sums is None:
        verdict = TableVerdict.of("feb", notes)
        return FebProduct(tuple(files), verdict, status, deviations=deviations)
    if not (sums.sums[..., ::4] >= settings.feb.step_readings).any():
        notes.append(_too_few(sums, settings.feb.injection_trigger))
        verdict = TableVerdict.of("feb", notes, gates=gates_by_kind(sums.gates))
        return FebProduct(tuple(files), verdict, status, sums=sums, deviations=deviations)
    fit = fit_injection(sums, settings.feb)
    seen = sums.sums.any(axis=(0, 2)).reshape(-1, PIXELS_PER_BOARD).any(axis=1)
    absent = expected & ~seen
    curves = (fit.curves, fit.errors, fit.chi2ndf)
    return product_of_curves(
        curves, absent, hardware, settings, files=files, notes=notes, sums=sums
    )


def check_in_situ(
    files: Sequence[Path],
    settings: Preproduction | None = None,
    *,
    pedestals: Table,
    feb: Table,
    detector: Detector | None = None,
    checksums: Mapping[str, str] | None = None,
) -> InSituProduct:
    """Check the constants of a period with light-injection or beam gates.

    Parameters
    ----------
    files : sequence of Path
        Raw files.
    settings : Preproduction, optional
    pedestals, feb : Table
        Constants of the period, schemas Pedestal and FebResponse.
    detector : Detector, optional

    Raises
    ------
    InputFileError
        If a file cannot be opened, or has another adler32 than the catalogue says.
    TableError
        If the table of the response lacks a channel.
    UsageError
        If there is no file, one is named twice, or a gate stands in two files.
    """
    settings, hardware = settings or Preproduction(), (detector or load_detector()).hardware
    sums, notes = _accumulate_files(
        files,
        lambda chunks, source: accumulate_in_situ(
            chunks, hardware, pedestals, feb, settings.feb, files=[source]
        ),
        checksums,
    )
    deviations = tuple(settings.deviations())
    if sums is None:
        verdict = TableVerdict.of("feb", notes)
        return InSituProduct(tuple(files), verdict, deviations=deviations)
    ratios = gain_ratios(sums, hardware, pedestals, feb, settings.feb)
    boards = boards_off(ratios, settings.feb)
    expected = settings.expected_boards(hardware)
    verdict = judge_ratios(
        ratios,
        boards,
        hardware,
        expected,
        settings.feb,
        notes=notes,
        gates=gates_by_kind(sums.gates),
    )
    return InSituProduct(tuple(files), verdict, ratios, tuple(boards), sums, deviations)


def _accumulate_files(
    files: Sequence[Path],
    accumulate: Callable[[Iterator[GateChunk], SourceFile], FebSums],
    checksums: Mapping[str, str] | None,
) -> tuple[FebSums | None, list[Reason]]:
    """Add up all runs of all files; None if no file has an intact gate."""
    check_names(files)
    total: FebSums | None = None
    reasons, damaged = [], []
    for path in files:
        source = source_of(path, checksums)
        with raw.open(path) as file:
            runs = [run for runs in runs_by_subrun(file.scan()).values() for run in runs]
            if not runs:
                text = f"{path.name}: no intact gate"
                reasons.append(Reason("unreadable", text, Verdict.INVESTIGATE, 1, (path.name,)))
            elif any(fault.severity is raw.Severity.ERROR for fault in file.faults):
                damaged.append(path.name)
            for run in runs:
                part = accumulate(file.chunks(strict=False, run_index=run), source)
                with naming(path):
                    total = part if total is None else merge_feb_sums([total, part])
    if damaged:
        text = "files with damage; their intact gates are used"
        reasons.append(
            Reason("damaged_files", text, Verdict.INVESTIGATE, len(damaged), tuple(damaged))
        )
    if total is None:
        reasons = [Reason("unreadable", "no intact gate", Verdict.UNREADABLE, len(files))]
    return total, reasons


def _too_few(sums: FebSums, trigger: int) -> Reason:
    types = gate_types(sums.gates)
    wanted = types.pop(trigger, 0)
    text = f"{wanted:,} {trigger_name(trigger)} gates"
    text += f", {types_text(types)}" if types else ""
    if not wanted:
        text += ": wrong stream?"
    return Reason("too_few", text, Verdict.TOO_FEW, sums.gates.get("used", 0))
