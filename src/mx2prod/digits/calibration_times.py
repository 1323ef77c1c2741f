"""From raw times to those of the light at the strip: offsets, slewing, fibres.

Source: reconstruction page, section 5, row 9; rock-muon page, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.constants import Table
from mx2prod.constants.keys import PIXELS_PER_HALF
from mx2prod.core.errors import TableError
from mx2prod.core.units import LIGHT_SPEED, TICK_NS
from mx2prod.detector import Detector
from mx2prod.digits.calibrated_columns import N_SLEWING
from mx2prod.digits.calibration_config import CalibrationConfig
from mx2prod.digits.calibration_rows import Bools, Floats, rows_of, values_of

NO_SLEWING = (0.0,) * N_SLEWING + (1.0, 1.0)


@dataclass(frozen=True)
class Clock:
    """Settings ``raw.tick_ns`` and ``raw.t_offset_ns`` of the workspace, ns."""

    tick_ns: float = TICK_NS
    t_offset_ns: float = 0.0


def half_board_offsets(detector: Detector, table: Table | None) -> tuple[Floats, Bools]:
    """Time offset of each channel, from the table of half boards (schema Timing).

    Returns
    -------
    offset : ndarray of float64, shape (n_channels,)
        ns; 0 where there is none.
    missing : ndarray of bool, shape (n_channels,)
    """
    rows = rows_of(table, detector.hardware.channel_ids()[::PIXELS_PER_HALF])
    offset = values_of(table, "offset_ns", rows, 0.0)
    return np.repeat(offset, PIXELS_PER_HALF), np.repeat(rows < 0, PIXELS_PER_HALF)


def fibre_delay(
    detector: Detector, table: Table | None, config: CalibrationConfig
) -> npt.NDArray[np.float64]:
    """Time that the light takes in the fibres outside each strip, ns, shape (n_strips,).

    The refractive index is that of the slewing table.
    """
    index = config.default_fibre_index if table is None else float(table["n_index"][0])
    return (detector.fibres.bagged_wls + detector.fibres.clear) * index / LIGHT_SPEED


def slewing_function(table: Table | None) -> Floats:
    """Give the slewing constants as the kernel takes them: p1 to p4, limits of the light.

    Raises
    ------
    TableError
        If the limits are not above 0 and in order.
    """
    if table is None:
        return np.array(NO_SLEWING)
    low, high = float(table["pe_min"][0]), float(table["pe_max"][0])
    if not 0 < low <= high:
        raise TableError(
            f"{table.schema.folder}: pe_min {low:g}, pe_max {high:g}: expected 0 < pe_min <= pe_max"
        )
    return np.array([*(float(table[f"p{k}"][0]) for k in range(1, N_SLEWING + 1)), low, high])
