"""Gains from light injection: from raw files to tables with verdicts.

Source: pre-production page, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import known_bad_channels, require_schema
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.gain_fit import fit_spectra_of
from mx2prod.calibration.gain_gate_reasons import gate_reasons
from mx2prod.calibration.gain_inputs import NOMINAL, GainInputs
from mx2prod.calibration.gain_merging import GainGroup, joined_groups
from mx2prod.calibration.gain_product import GainProduct
from mx2prod.calibration.gain_spectra import choose_spectra
from mx2prod.calibration.gain_spectrum import fit_spectra_of_channels
from mx2prod.calibration.gain_status import PreviousGains, gain_status
from mx2prod.calibration.gain_table import gain_table, problem_channels, suggested_voltages
from mx2prod.calibration.gain_verdict import JudgedGains, judge_gains, too_few_verdict
from mx2prod.calibration.input_files import check_names
from mx2prod.calibration.light_injection_accumulator import (
    LedLevel,
    LightInjectionAccumulator,
)
from mx2prod.calibration.light_injection_reading import LightReading, PedestalsOf
from mx2prod.calibration.verdict import Reason, TableVerdict, Verdict
from mx2prod.constants import PmtGain, Table
from mx2prod.core.errors import UsageError
from mx2prod.core.ids import RunSubrun
from mx2prod.detector import Detector, load_detector
from mx2prod.detector.hardware import HardwareMap


def calibrate_gains(
    files: Sequence[Path],
    settings: Preproduction | None = None,
    *,
    pedestals: Table | PedestalsOf,
    detector: Detector | None = None,
    feb: Table | None = None,
    previous: Table | None = None,
    bad_channels: Table | None = None,
    merge: bool = False,
    merge_until: int | None = None,
    borders: Sequence[RunSubrun] = (),
    checksums: Mapping[str, str] | None = None,
) -> Iterator[GainProduct]:
    """Make gain tables of light-injection files.

    Parameters
    ----------
    files : sequence of Path
        Raw files, or accumulators (``.acc.parquet``) that were made of some.
    settings : Preproduction, optional
    pedestals : Table or callable
        Schema Pedestal: one table for all files, or what gives the one valid for a subrun.
    detector : Detector, optional
    feb : Table, optional
        Schema FebResponse; nominal curves without.
    previous : Table, optional
        Schema PmtGain: the previous approved table.
    bad_channels : Table, optional
        Schema BadChannel.
    merge : bool
        One table of all files, for each LED level.
    merge_until : int, optional
        Merge consecutive files of a LED level until they have so many pulses.
    borders : sequence of RunSubrun
        First subruns after a hardware swap: files are never merged across one.
    checksums : mapping of str to str, optional
        adler32 by file name, as the catalogue has them; others are refused.

    Returns
    -------
    iterator of GainProduct
        One for each file (run in a file) or group of merged files, and LED level, as they are
        made: an accumulator takes tens of megabytes, so keep no more than needed.

    Raises
    ------
    InputFileError
        If a file cannot be opened, is no accumulator, or has another adler32 than the catalogue
        says.
    ConfigError
        If an accumulator was made with other settings or another hardware map.
    TableError
        If a table has another schema.
    UsageError
        If there is no file, one is named twice, a gate stands in two files that are merged, or
        ``merge`` goes across a swap or a change of the high voltage.
    """
    check_names(files)
    if merge and merge_until is not None:
        raise UsageError(
            "merge and merge_until exclude each other: one table of all files, or groups of them",
            next_step="leave one of them out",
        )
    settings, detector = settings or Preproduction(), detector or load_detector()
    require_schema(previous, PmtGain, next_step="mx2 calibrate gains")
    reading = LightReading(settings.gain.li, detector, pedestals, feb, checksums or {})
    groups = joined_groups(
        reading.groups(files), None if merge else merge_until or 0, borders,
        settings.gain_verdict.changed_hv,
    )  # fmt: skip
    calibration = _Calibration(
        settings,
        detector.hardware,
        PreviousGains.of(previous, detector.hardware),
        known_bad_channels(bad_channels, detector.hardware),
    )
    return calibration.products(groups)


@dataclass(frozen=True)
class _Calibration:
    """Settings and tables to compare with."""

    settings: Preproduction
    hardware: HardwareMap
    previous: PreviousGains
    known_bad: npt.NDArray[np.bool_]

    def products(self, items: Iterator[GainGroup | GainProduct]) -> Iterator[GainProduct]:
        """Yield a product for each group and LED level with light."""
        for item in items:
            if isinstance(item, GainProduct):
                yield item
                continue
            for level, accumulator in sorted(item.levels.items()):
                if level != LedLevel.ZERO:
                    yield self._product(item, accumulator)

    def _product(self, group: GainGroup, accumulator: LightInjectionAccumulator) -> GainProduct:
        limits = self.settings.gain_verdict
        notes = [*group.notes, *self._notes(group.inputs)]
        plain = GainProduct(
            group.files,
            TableVerdict.of("gain", notes),
            accumulator,
            tuple(a for level, a in group.levels.items() if level == LedLevel.ZERO),
            deviations=tuple(self.settings.deviations()),
            constants=group.inputs.hashes,
        )
        if accumulator.used < limits.min_gates:
            notes += gate_reasons(accumulator, self.hardware, self.settings)
            verdict = too_few_verdict(accumulator, limits.min_gates, notes)
            return replace(plain, verdict=verdict)
        return self._fitted(plain, accumulator, group.inputs, notes)

    def _fitted(
        self,
        plain: GainProduct,
        accumulator: LightInjectionAccumulator,
        inputs: GainInputs,
        notes: Sequence[Reason],
    ) -> GainProduct:
        settings, hardware = self.settings, self.hardware
        spectra = choose_spectra(accumulator, inputs)
        fit = fit_spectra_of(accumulator, spectra, inputs, settings.gain)
        spectrum = None
        if settings.gain.fit and accumulator.level == LedLevel.ONE_PE:
            spectrum = fit_spectra_of_channels(spectra, fit, inputs, settings.gain)
        status = gain_status(
            fit, accumulator, inputs, settings.gain, settings.gain_verdict,
            previous=self.previous, known_bad=self.known_bad,
        )  # fmt: skip
        judged = JudgedGains(accumulator, fit, spectrum, status, inputs, self.previous)
        return replace(
            plain,
            verdict=judge_gains(judged, hardware, settings, notes),
            fit=fit,
            spectrum=spectrum,
            status=status,
            table=gain_table(fit, accumulator, status, hardware, settings),
            problems=problem_channels(fit, status, hardware, settings),
            voltages=suggested_voltages(fit, accumulator, status, hardware, settings.gain),
        )

    def _notes(self, inputs: GainInputs) -> list[Reason]:
        notes = self.settings.notes()
        if inputs.feb == NOMINAL:
            text = "nominal curves of the front-end boards: the scale of the gains is theirs"
            notes.append(Reason("nominal_feb", text, Verdict.GOOD))
        return notes
