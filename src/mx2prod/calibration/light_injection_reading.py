"""Light-injection accumulators of raw files, and of files of accumulators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mx2prod import raw
from mx2prod.calibration.accumulator_file import is_accumulator
from mx2prod.calibration.gain_config import LightInjectionConfig
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.gain_merging import GainGroup
from mx2prod.calibration.gain_product import GainProduct
from mx2prod.calibration.input_files import (
    FileFacts,
    integrity_reasons,
    require_usable,
    runs_by_subrun,
    source_of,
    stream_reasons,
    unreadable,
)
from mx2prod.calibration.light_injection_accumulator import merge_light
from mx2prod.calibration.light_injection_file import read_light
from mx2prod.calibration.light_injection_filling import accumulate_light
from mx2prod.calibration.merging import add_counts
from mx2prod.calibration.sources import SourceFile, subruns_of
from mx2prod.calibration.verdict import TableVerdict
from mx2prod.constants import Table
from mx2prod.core.ids import RunSubrun
from mx2prod.detector import Detector
from mx2prod.raw.reader import RawFile

PedestalsOf = Callable[[RunSubrun], Table]
"""Gives the pedestal table that is valid for a subrun."""


@dataclass(frozen=True)
class LightReading:
    """How light-injection files are read.

    Attributes
    ----------
    config : LightInjectionConfig
    detector : Detector
    pedestals : Table or callable
        One table, or what gives the one valid for a subrun.
    feb : Table or None
        Response of the front-end boards; nominal curves without.
    checksums : mapping of str to str
        adler32 by file name, as the catalogue has them; others are refused.
    """

    config: LightInjectionConfig
    detector: Detector
    pedestals: Table | PedestalsOf
    feb: Table | None
    checksums: Mapping[str, str]

    def groups(self, files: Sequence[Path]) -> Iterator[GainGroup | GainProduct]:
        """Yield the accumulators of each subrun of each file, or what is unreadable.

        Parameters
        ----------
        files : sequence of Path
            Raw files, or accumulators (``.acc.parquet``).

        Raises
        ------
        InputFileError
            If a file cannot be opened, is no accumulator, or has another adler32 than the
            catalogue says.
        ConfigError
            If an accumulator was made with other settings or another hardware map.
        UsageError
            If two runs of a file have the same gates.
        """
        for path in files:
            if is_accumulator(path):
                yield self._stored(path)
            else:
                yield from self._subruns(path)

    def _stored(self, path: Path) -> GainGroup:
        accumulator = read_light(path)
        require_usable(path, accumulator, self.config, self.detector.hardware)
        inputs = self._inputs(subruns_of(accumulator.sources)[0])
        notes = stream_reasons(accumulator.gates, FileFacts.of_names(accumulator.files))
        return GainGroup((path,), {accumulator.level: accumulator}, inputs, tuple(notes))

    def _subruns(self, path: Path) -> Iterator[GainGroup | GainProduct]:
        source = source_of(path, self.checksums)
        with raw.open(path) as file:
            subruns = runs_by_subrun(file.scan())
            for subrun, runs in subruns.items():
                yield self._group(file, subrun, runs, source)
            if not subruns:
                reason = unreadable(FileFacts.of(file))
                yield GainProduct((path,), TableVerdict.of("gain", [reason]))

    def _group(
        self, file: RawFile, subrun: RunSubrun, runs: Sequence[int], source: SourceFile
    ) -> GainGroup:
        inputs, hardware = self._inputs(subrun), self.detector.hardware
        parts = [
            accumulate_light(
                file.chunks(strict=False, run_index=run), hardware, inputs, self.config, [source]
            )
            for run in runs
        ]
        levels = {
            level: merge_light([part[level] for part in parts if level in part])
            for level in sorted({level for part in parts for level in part})
        }
        facts = FileFacts.of(file)
        gates = add_counts(next(iter(part.values())).gates for part in parts)
        notes = *stream_reasons(gates, facts), *integrity_reasons(facts)
        return GainGroup((file.path,), levels, inputs, notes)

    def _inputs(self, subrun: RunSubrun) -> GainInputs:
        given = self.pedestals
        table = given if isinstance(given, Table) else given(subrun)
        return GainInputs.of(self.detector.hardware, table, self.feb)
