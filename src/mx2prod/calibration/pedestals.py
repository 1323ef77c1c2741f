"""Pedestals from raw files: accumulate, fit, judge, make tables.

Every input file ends as a product, one for each run and subrun in it, with a verdict; none is
dropped (pre-production page, decision 6).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from mx2prod import raw
from mx2prod.calibration.accumulator_file import is_accumulator
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.input_files import (
    FileFacts,
    check_names,
    naming,
    require_usable,
    runs_by_subrun,
    source_of,
    unreadable,
)
from mx2prod.calibration.pedestal_accumulator import PedestalAccumulator
from mx2prod.calibration.pedestal_accumulator import merge as merge_accumulators
from mx2prod.calibration.pedestal_compare import PreviousPedestals
from mx2prod.calibration.pedestal_file import read_accumulator
from mx2prod.calibration.pedestal_filling import accumulate
from mx2prod.calibration.pedestal_full_range import read_rows_again
from mx2prod.calibration.pedestal_product import PedestalCalibration, PedestalProduct
from mx2prod.calibration.sources import SourceFile
from mx2prod.calibration.verdict import TableVerdict
from mx2prod.constants.table import Table
from mx2prod.detector.load import Detector, load_detector
from mx2prod.raw.reader import RawFile

_Accumulated = tuple[PedestalAccumulator, FileFacts] | PedestalProduct
"""An accumulator with what is known of its file, or what is unreadable."""


def calibrate_pedestals(
    files: Sequence[Path],
    settings: Preproduction | None = None,
    *,
    detector: Detector | None = None,
    previous: PreviousPedestals | None = None,
    bad_channels: Table | None = None,
    swaps: Collection[str] = (),
    merge: bool = False,
    checksums: Mapping[str, str] | None = None,
) -> Iterator[PedestalProduct]:
    """Make pedestal tables.

    Parameters
    ----------
    files : sequence of Path
        Raw files, or accumulators (``.acc.parquet``) that were made of some.
    settings : Preproduction, optional
    detector : Detector, optional
    previous : PreviousPedestals, optional
        The table valid just before.
    bad_channels : Table, optional
        Schema BadChannel.
    swaps : collection of str
        Boards whose FEB or PMT was exchanged since the previous table.
    merge : bool
        One table of all files instead of one of each subrun.
    checksums : mapping of str to str, optional
        adler32 by file name, as the catalogue has them; others are refused.

    Returns
    -------
    iterator of PedestalProduct
        At least one a file, or one for all files that have an intact gate and one for each other,
        as they are made: an accumulator takes tens of megabytes, so keep no more than needed.

    Raises
    ------
    InputFileError
        If a file is missing, is no accumulator, or has another adler32 than the catalogue says.
    ConfigError
        If an accumulator was made with other settings or another hardware map.
    UsageError
        If there is no file, or a file or a range of gates is named twice.
    """
    check_names(files)
    calibration = PedestalCalibration(
        settings or Preproduction(), detector or load_detector(), previous, bad_channels, swaps
    )
    return (_merged if merge else _single)(files, calibration, checksums or {})


def _single(
    files: Sequence[Path], calibration: PedestalCalibration, checksums: Mapping[str, str]
) -> Iterator[PedestalProduct]:
    """Yield the products of files one by one, so that only one is in memory."""
    for path in files:
        for item in _accumulators(path, calibration, checksums):
            if isinstance(item, PedestalProduct):
                yield item
                continue
            accumulator, facts = item
            yield calibration.product(accumulator, [path], facts)


def _merged(
    files: Sequence[Path], calibration: PedestalCalibration, checksums: Mapping[str, str]
) -> Iterator[PedestalProduct]:
    """Yield one product of all files, after those of files that are unreadable."""
    total: PedestalAccumulator | None = None
    used: dict[Path, None] = {}
    facts: list[FileFacts] = []
    for path in files:
        for item in _accumulators(path, calibration, checksums):
            if isinstance(item, PedestalProduct):
                yield item
                continue
            accumulator, own = item
            with naming(path):
                total = accumulator if total is None else merge_accumulators([total, accumulator])
            facts.append(own)
            used[path] = None
    if total is not None:
        yield calibration.product(total, list(used), FileFacts.joined(facts))


def _accumulators(
    path: Path, calibration: PedestalCalibration, checksums: Mapping[str, str]
) -> Iterator[_Accumulated]:
    """Yield an accumulator for each run and subrun of a file that has a gate to use, if any."""
    config, hardware = calibration.settings.pedestal, calibration.detector.hardware
    if is_accumulator(path):
        stored = read_accumulator(path)
        require_usable(path, stored, config, hardware)
        yield stored, FileFacts.of_names(stored.files)
        return
    source = source_of(path, checksums)
    with raw.open(path) as file:
        facts = FileFacts.of(file)
        subruns = runs_by_subrun(file.scan())
        if not subruns:
            yield PedestalProduct((path,), TableVerdict.of("pedestal", [unreadable(facts)]))
        for runs in subruns.values():
            parts = [_accumulate_run(file, run, source, calibration) for run in runs]
            yield (parts[0] if len(parts) == 1 else merge_accumulators(parts)), facts


def _accumulate_run(
    file: RawFile, run: int, source: SourceFile, calibration: PedestalCalibration
) -> PedestalAccumulator:
    read = partial(file.chunks, strict=False, run_index=run)
    hardware = calibration.detector.hardware
    first = accumulate(read(), hardware, calibration.settings.pedestal, [source])
    return read_rows_again(read, hardware, first)
