"""Calibration: pedestal accumulators that merge in any order, and their moments."""

from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.pedestal_accumulator import PedestalAccumulator, merge
from mx2prod.calibration.pedestal_config import PedestalConfig
from mx2prod.calibration.pedestal_file import (
    deserialise,
    read_accumulator,
    serialise,
    write_accumulator,
)
from mx2prod.calibration.pedestal_filling import accumulate
from mx2prod.calibration.peirce import PedestalMoments, critical_deviation, peirce1

__all__ = [
    "Histograms",
    "PedestalAccumulator",
    "PedestalConfig",
    "PedestalMoments",
    "accumulate",
    "critical_deviation",
    "deserialise",
    "merge",
    "peirce1",
    "read_accumulator",
    "serialise",
    "write_accumulator",
]
