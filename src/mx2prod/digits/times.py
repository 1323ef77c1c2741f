"""Time of a hit from the raw counters of a front-end board (raw-format page, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.units import TICK_NS

EARLY_TICKS = 16
LATE_TICKS = 32
"""A hit belongs to its gate from 16 ticks before its opening to 32 ticks after its end."""

MAX_OUTSIDE_FRACTION = 0.5

_HALF_RANGE = 1 << 31


@dataclass(frozen=True)
class HitTimes:
    """Times of hits within their gates.

    Attributes
    ----------
    t_ns : ndarray of float64
        Time since gate opening in ns; NaN where the gate time stamp is missing, and everywhere
        when the times are refused.
    t_tick : ndarray of float64
        The same in ticks, before scale and offset; NaN where the gate time stamp is missing.
    outside_fraction : float
        Share of the defined times that lie outside their gate.
    refused : bool
        More than half of the times lie outside their gate: the gate time stamp does not mean what
        is assumed, and no time is given.
    """

    t_ns: npt.NDArray[np.float64]
    t_tick: npt.NDArray[np.float64]
    outside_fraction: float
    refused: bool

    @property
    def reason(self) -> str:
        """Why no time is given; empty if times are given."""
        if not self.refused:
            return ""
        return (
            f"{self.outside_fraction:.1%} of the hit times lie outside "
            f"[-{EARLY_TICKS}, GateLength + {LATE_TICKS}] ticks: the gate time stamp does not mark "
            "the opening of the gate; set raw.t_offset_ns after checking where the times lie"
        )


def hit_ticks(
    timestamp: npt.NDArray[np.uint32],
    gate_timestamp: npt.NDArray[np.uint32],
    delay: npt.NDArray[np.uint8],
    quarter: npt.NDArray[np.uint8],
) -> npt.NDArray[np.float64]:
    """Ticks from the gate time stamp to a hit.

    ``(timestamp - gate_timestamp) mod 2^32 + delay + (quarter == 0 ? 1 : quarter / 4)``; of the
    residue class the value in [-2^31, 2^31) is taken, so that a hit just before the gate time
    stamp is negative.

    Parameters
    ----------
    timestamp, gate_timestamp : ndarray of uint32, shape (n,)
        Counters in ticks: of the discriminator record, and of the FPGA frame of the same board.
    delay : ndarray of uint8, shape (n,)
        Ticks; 16 (did not fire) gives a number without meaning.
    quarter : ndarray of uint8, shape (n,)
        Quarter tick 0..3.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    coarse = timestamp.astype(np.int64) - gate_timestamp.astype(np.int64)
    coarse = (coarse + _HALF_RANGE) % (2 * _HALF_RANGE) - _HALF_RANGE
    fine = np.where(quarter == 0, 1.0, quarter / 4.0)
    return np.asarray(coarse + delay + fine, dtype=np.float64)


def hit_times(
    timestamp: npt.NDArray[np.uint32],
    gate_timestamp: npt.NDArray[np.uint32],
    delay: npt.NDArray[np.uint8],
    quarter: npt.NDArray[np.uint8],
    gate_length: npt.NDArray[np.uint16],
    *,
    has_gate_timestamp: npt.NDArray[np.bool_],
    tick_ns: float = TICK_NS,
    t_offset_ns: float = 0.0,
) -> HitTimes:
    """Give times of hits in ns, or a refusal when most of them lie outside their gate.

    Parameters
    ----------
    timestamp, gate_timestamp, delay, quarter : ndarray, shape (n,)
        See :func:`hit_ticks`.
    gate_length : ndarray of uint16, shape (n,)
        FPGA register GateLength of the board, ticks.
    has_gate_timestamp : ndarray of bool, shape (n,)
        False where the FPGA frame of the board is missing: the time is NaN.
    tick_ns, t_offset_ns : float
        Settings ``raw.tick_ns`` and ``raw.t_offset_ns``, ns.  The offset shifts the window test
        too, because it says where the gate opens.

    Returns
    -------
    HitTimes
    """
    ticks = hit_ticks(timestamp, gate_timestamp, delay, quarter)
    ticks[~has_gate_timestamp] = np.nan
    in_gate = ticks + t_offset_ns / tick_ns
    defined = np.isfinite(ticks)
    outside = (in_gate < -EARLY_TICKS) | (in_gate > gate_length.astype(np.float64) + LATE_TICKS)
    fraction = float(np.mean(outside[defined])) if defined.any() else 0.0
    refused = fraction > MAX_OUTSIDE_FRACTION
    t_ns = np.full(len(ticks), np.nan) if refused else ticks * tick_ns + t_offset_ns
    return HitTimes(t_ns, ticks, fraction, refused)
