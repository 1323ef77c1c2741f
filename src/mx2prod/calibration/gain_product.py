"""What comes of light-injection files at one LED level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.gain_fit import GainFit
from mx2prod.calibration.gain_spectrum import SpectrumFit
from mx2prod.calibration.light_injection_accumulator import (
    LedLevel,
    LightInjectionAccumulator,
)
from mx2prod.calibration.outputs import product_members
from mx2prod.calibration.sources import only_subrun
from mx2prod.calibration.verdict import TableVerdict
from mx2prod.constants import Table
from mx2prod.core.ids import RunSubrun


@dataclass(frozen=True)
class GainProduct:
    """What came of some files at one LED level.

    Attributes
    ----------
    files : tuple of Path
    verdict : TableVerdict
    accumulator : LightInjectionAccumulator or None
        None of an unreadable file.
    monitors : tuple of LightInjectionAccumulator
        Gates of LED level 0 of the same files.
    fit : GainFit or None
        None without enough pulses.
    spectrum : SpectrumFit or None
        Cross-check of one-PE spectra.
    status : ndarray of int32, shape (n_channels,), or None
        Bits of :data:`~mx2prod.calibration.gain_status.GAIN_BITS`.
    table : Table or None
        Schema PmtGain.
    problems : str
        Text of the problem channels.
    voltages : str
        Report of suggested voltages.
    deviations : tuple of str
        Settings that are not the defaults.
    constants : mapping of str to str
        Content hashes of the tables that were used, by name of their schema.
    """

    files: tuple[Path, ...]
    verdict: TableVerdict
    accumulator: LightInjectionAccumulator | None = None
    monitors: tuple[LightInjectionAccumulator, ...] = ()
    fit: GainFit | None = None
    spectrum: SpectrumFit | None = None
    status: npt.NDArray[np.int32] | None = None
    table: Table | None = None
    problems: str = ""
    voltages: str = ""
    deviations: tuple[str, ...] = ()
    constants: Mapping[str, str] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """LED level; that of one PE without an accumulator."""
        return LedLevel.ONE_PE if self.accumulator is None else self.accumulator.level

    @property
    def identity(self) -> RunSubrun | None:
        """Run and subrun; None for a file without a gate, and for merged subruns."""
        return None if self.accumulator is None else only_subrun(self.accumulator.sources)

    def as_dict(self) -> dict[str, Any]:
        """Members as ``mx2 calibrate --json`` has them, without the paths of outputs."""
        members = product_members(self.files, self.identity, self.verdict, self.deviations)
        return {**members, "level": self.level}
