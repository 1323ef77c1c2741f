"""Stream of calibrated digits, for the stages that start from suppressed digits.

No tier of its own: what is kept of calibrated digits stands in the product of a later stage.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants import (
    AttenuationId,
    BadChannel,
    EnergyScale,
    FebResponse,
    Pedestal,
    PmtGain,
    Slewing,
    StripToStrip,
    Table,
    Temperature,
    Timing,
)
from mx2prod.core.errors import ConditionsError
from mx2prod.detector import ChannelAddress, Detector
from mx2prod.digits.calibrated_columns import CalDigitFlag
from mx2prod.digits.calibration import CalibratedDigitChunk, calibrated
from mx2prod.digits.calibration_config import CalibrationConfig, DefaultConstant
from mx2prod.digits.calibration_constants import (
    DEFAULT_FLAGS,
    TABLE_OF_DEFAULT,
    CalibrationConstants,
)
from mx2prod.digits.calibration_times import Clock
from mx2prod.digits.suppression import SupDigitChunk

CALIBRATION_FOLDERS = (Pedestal.folder, FebResponse.folder, PmtGain.folder)
"""Folders without which nothing can be calibrated."""
OPTIONAL_CALIBRATION_FOLDERS = (
    AttenuationId.folder, StripToStrip.folder, EnergyScale.folder, Timing.folder, Slewing.folder,
    BadChannel.folder, Temperature.folder,
)  # fmt: skip
"""Folders read where the global tag has them; what the configuration needs of them is an error."""

_NAMED = 5


class CalibratedDigitStream:
    """Calibrated digits, some gates at a time.

    A context manager and an iterator of :class:`CalibratedDigitChunk`.

    Parameters
    ----------
    source : iterable of SupDigitChunk
    tables : mapping of str to Table
        By folder.
    config : CalibrationConfig
    detector : Detector
        Wiring, geometry and fibres of the job.
    clock : Clock
        Of the workspace.

    Attributes
    ----------
    seconds : dict of str to float
        Time spent so far in ``calibrate``.
    counters : Counter of str
        ``n_calibrated`` digits so far, ``n_low_gain`` that were read for their low gain only, and
        how many calibrated ones have each flag, by its name in lower case.

    Raises
    ------
    ConditionsError
        If a table is missing; while iterating, for channels without a constant that has to be
        there, unless they are bad channels.
    ConfigError
        While iterating, if most hit times lie outside their gates.
    """

    def __init__(
        self,
        source: Iterable[SupDigitChunk],
        tables: Mapping[str, Table],
        config: CalibrationConfig,
        detector: Detector,
        clock: Clock = Clock(),  # noqa: B008 - frozen
    ) -> None:
        self.seconds = {"calibrate": 0.0}
        self.counters: Counter[str] = Counter()
        self._source, self._config, self._clock = source, config, clock
        self._constants = CalibrationConstants.of(tables, config, detector)

    def __enter__(self) -> CalibratedDigitStream:
        return self

    def __exit__(self, *details: Any) -> None:
        """Do nothing: the source belongs to somebody else."""

    def __iter__(self) -> Iterator[CalibratedDigitChunk]:
        for chunk in self._source:
            start = time.perf_counter()
            made = self._calibrated(chunk)
            self.seconds["calibrate"] += time.perf_counter() - start
            yield made

    def _calibrated(self, chunk: SupDigitChunk) -> CalibratedDigitChunk:
        made = calibrated(chunk, self._constants, self._config, self._clock)
        flags = np.asarray(made.digits["flags"])
        self._require_constants(made.digits["chan"], flags)
        self.counters.update({"n_calibrated": len(flags), "n_low_gain": made.n_low_gain})
        self.counters.update(
            {flag.name.lower(): int(np.count_nonzero(flags & flag)) for flag in CalDigitFlag
             if flag.name}
        )  # fmt: skip
        return made

    def _require_constants(
        self, channels: npt.NDArray[np.int32], flags: npt.NDArray[np.uint32]
    ) -> None:
        """Refuse digits that needed a default, unless it is allowed or the channel is bad."""
        refused = {
            name: flag for name, flag in DEFAULT_FLAGS.items()
            if name not in self._config.use_defaults
        }  # fmt: skip
        any_of = np.uint32(sum(refused.values()))
        bad = (flags & any_of != 0) & (flags & np.uint32(CalDigitFlag.BADCHANNEL) == 0)
        if bad.any():
            name = next(name for name, flag in refused.items() if (flags[bad] & flag).any())
            self._refuse(name, channels[bad & (flags & refused[name] != 0)])

    def _refuse(self, name: DefaultConstant, channels: npt.NDArray[np.int32]) -> None:
        ids = self._constants.detector.hardware.channel_ids()[np.unique(channels)].tolist()
        named = ", ".join(str(ChannelAddress.from_id(number)) for number in ids[:_NAMED])
        raise ConditionsError(
            f"{TABLE_OF_DEFAULT[name].folder}: {len(ids)} channels with a digit have no usable "
            f"{name.replace('_', ' ')}: {named}{', ...' if len(ids) > _NAMED else ''} "
            "(crate-croc-chain-board-pixel)",
            next_step="put a table that has them, mark them as bad channels, or set "
            f"calibration: {{use_defaults: [{name}]}}",
        )
