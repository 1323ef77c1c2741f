"""The gates of a file before anything happens in them: types, times, protons.

Source: detector page, section 7.2; raw-format page, sections 7 and 8.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from mx2prod.core.units import US_PER_S
from mx2prod.detector import Electronics
from mx2prod.simulation.beam import spill_protons
from mx2prod.simulation.columns import GATE_PLAN_DTYPE
from mx2prod.simulation.spec import FileSpec, Spec, Stream

PEDESTAL, LIGHT_INJECTION, NUMI = 1, 2, 16
"""Trigger types."""

PEDESTAL_PERIOD_US = 100_000
"""Pedestal gates follow each other without jitter (detector page, section 7.2)."""

READOUT_US_PER_BOARD = 43
"""Readout after the wait of the host; 12 ms for the whole detector (proposal)."""

_SGATE_MODULUS = 1 << 28
_TYPES: dict[Stream, tuple[int, int]] = {
    "pdstl": (PEDESTAL, PEDESTAL),
    "linjc": (LIGHT_INJECTION, LIGHT_INJECTION),
    "numib": (NUMI, NUMI),
    "numip": (NUMI, PEDESTAL),
    "numil": (NUMI, LIGHT_INJECTION),
}
"""Trigger type of odd and even gates."""


def gate_period_us(spec: Spec, stream: Stream) -> int:
    """Time between gates, microseconds.

    In a mixed stream there is a beam gate in each spill, and a gate of the other type half-way to
    the next.
    """
    if stream == "pdstl":
        return PEDESTAL_PERIOD_US
    if stream == "linjc":
        return round(spec.light_injection.gate_period_s * US_PER_S)
    period = round(spec.beam.gate_period_s * US_PER_S)
    return period if stream == "numib" else period // 2


def middle_of(spec: Spec, file: FileSpec) -> datetime:
    """Time between the first and the last gate of a file, UTC."""
    span_us = (file.gates - 1) * gate_period_us(spec, file.stream)
    return file.start + timedelta(microseconds=span_us / 2)


def gate_plan(
    spec: Spec, file: FileSpec, first: int, last: int, n_boards: int
) -> npt.NDArray[np.void]:
    """Plan of consecutive gates; the plan of a gate does not depend on which others are planned.

    Parameters
    ----------
    spec : Spec
    file : FileSpec
    first, last : int
        Numbers of the gates in the subrun, from 1, both included.
    n_boards : int
        Decides how long the readout takes.

    Returns
    -------
    ndarray of GATE_PLAN_DTYPE, shape (last - first + 1,)
    """
    numbers = np.arange(first, last + 1, dtype=np.int64)
    plan = np.zeros(len(numbers), GATE_PLAN_DTYPE)
    odd, even = _TYPES[file.stream]
    opened = start_us(file) + (numbers - 1) * gate_period_us(spec, file.stream)
    readout = round(Electronics().readout_wait_us) + READOUT_US_PER_BOARD * n_boards
    plan["gate"] = numbers
    plan["global_gate"] = file.first_global_gate + numbers - 1
    plan["trigger_type"] = np.where(numbers % 2 == 1, odd, even)
    injected = plan["trigger_type"] == LIGHT_INJECTION
    plan["led_level"] = np.where(injected, file.led_level, 0)
    plan["led_group"] = np.where(injected, file.led_group, 0)
    plan["readout_us"] = readout
    plan["time_us"] = opened + readout
    plan["sgate"] = opened // round(spec.beam.gate_period_s * US_PER_S) % _SGATE_MODULUS
    beam = plan["trigger_type"] == NUMI
    plan["pot"][beam] = spill_protons(spec, file, numbers[beam])
    return plan


def has_light_injection(stream: Stream) -> bool:
    """Tell whether gates of a stream may be of light injection."""
    return LIGHT_INJECTION in _TYPES[stream]


def has_beam(stream: Stream) -> bool:
    """Tell whether gates of a stream may be of the beam."""
    return NUMI in _TYPES[stream]


def start_us(file: FileSpec) -> int:
    """Start of the file in microseconds since 1970."""
    whole = int(file.start.replace(microsecond=0).timestamp())
    return whole * US_PER_S + file.start.microsecond
