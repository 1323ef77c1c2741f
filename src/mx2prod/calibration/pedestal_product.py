"""A pedestal product: fit, verdict and tables of one accumulator."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mx2prod.calibration.boards import known_bad_channels, listed_boards
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.input_files import FileFacts
from mx2prod.calibration.outputs import product_members
from mx2prod.calibration.pedestal_accumulator import PedestalAccumulator
from mx2prod.calibration.pedestal_compare import PreviousPedestals, compare
from mx2prod.calibration.pedestal_fit import PedestalFit, fit_pedestals
from mx2prod.calibration.pedestal_status import BoardRoles, pedestal_status
from mx2prod.calibration.pedestal_tables import PedestalTables, pedestal_tables, period_of
from mx2prod.calibration.pedestal_verdict import PedestalEvidence, pedestal_verdict
from mx2prod.calibration.sources import only_subrun
from mx2prod.calibration.verdict import Reason, Status, TableVerdict, Verdict
from mx2prod.constants.table import Table
from mx2prod.core.ids import RunSubrun
from mx2prod.detector.load import Detector, load_detector


@dataclass(frozen=True)
class PedestalProduct:
    """What came of one subrun of a raw file, or of all files merged.

    Attributes
    ----------
    files : tuple of Path
        Raw files.
    verdict : TableVerdict
    accumulator : PedestalAccumulator or None
        None for an unreadable file.
    fit : PedestalFit or None
    status : ndarray of int32, shape (n_channels,), or None
        Status words of the channels.
    tables : PedestalTables or None
        None for verdicts too_few and unreadable, and without any channel or time.
    deviations : tuple of str
        Settings that are not the defaults.
    """

    files: tuple[Path, ...]
    verdict: TableVerdict
    accumulator: PedestalAccumulator | None = None
    fit: PedestalFit | None = None
    status: Status | None = None
    tables: PedestalTables | None = None
    deviations: tuple[str, ...] = ()

    @property
    def identity(self) -> RunSubrun | None:
        """Run and subrun; None for a file without a gate, and for merged subruns."""
        return None if self.accumulator is None else only_subrun(self.accumulator.sources)

    def as_dict(self) -> dict[str, Any]:
        """Members as ``mx2 calibrate --json`` has them, without the paths of outputs."""
        return product_members(self.files, self.identity, self.verdict, self.deviations)


@dataclass(frozen=True)
class PedestalCalibration:
    """Everything that a calibration of pedestals needs beside the raw files.

    Attributes
    ----------
    settings : Preproduction
    detector : Detector
        Hardware map, inner- and outer-detector boards.
    previous : PreviousPedestals or None
        The table valid just before.
    bad_channels : Table or None
        Schema ``badchannel/1``.
    swaps : collection of str
        Boards whose FEB or PMT was exchanged since the previous table.
    """

    settings: Preproduction = field(default_factory=Preproduction)
    detector: Detector = field(default_factory=load_detector)
    previous: PreviousPedestals | None = None
    bad_channels: Table | None = None
    swaps: Collection[str] = ()

    def product(
        self, accumulator: PedestalAccumulator, files: Sequence[Path], facts: FileFacts
    ) -> PedestalProduct:
        """Fit an accumulator, judge it and make its tables.

        Parameters
        ----------
        accumulator : PedestalAccumulator
        files : sequence of Path
            Raw files that it was made of.
        facts : FileFacts
        """
        hardware, config = self.detector.hardware, self.settings.pedestal_verdict
        fit = fit_pedestals(accumulator)
        inner = listed_boards(self.detector.boards, hardware)
        outer = listed_boards(self.detector.od_boards, hardware)
        expected = self.settings.expected_boards(hardware)
        comparison = compare(fit, hardware, self.previous, self.swaps, config)
        boards = accumulator.boards
        known = known_bad_channels(self.bad_channels, hardware)
        roles = BoardRoles(boards["gates"] > boards["absent"], inner | outer)
        status = pedestal_status(fit, comparison, roles, known, config)
        period = period_of(accumulator)
        tables = None
        if period is not None:
            tables = pedestal_tables(
                fit, status, comparison, expected, self.detector, period=period,
                missing=self.settings.export.missing,
            )  # fmt: skip
        evidence = PedestalEvidence(
            accumulator, fit, status, comparison, hardware, inner, expected, facts,
            self._notes(has_table=tables is not None),
        )  # fmt: skip
        verdict = pedestal_verdict(evidence, config)
        if verdict.verdict is Verdict.TOO_FEW:
            tables = None
        return PedestalProduct(
            tuple(files), verdict, accumulator, fit, status, tables,
            tuple(self.settings.deviations()),
        )  # fmt: skip

    def _notes(self, *, has_table: bool) -> tuple[Reason, ...]:
        notes = self.settings.notes()
        if not has_table:
            text = "no table: no expected board has readings at times between 1970 and 2100"
            notes.append(Reason("no_table", text, Verdict.BAD))
        return tuple(notes)
