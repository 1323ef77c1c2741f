"""Reasons of a gain verdict about gates: types, levels, times, blocks (page, section 10)."""

from __future__ import annotations

import numpy as np

from mx2prod.calibration.boards import chosen_boards
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.gates import TRIGGER_NAMES, gate_types
from mx2prod.calibration.light_injection_accumulator import (
    LedLevel,
    LightInjectionAccumulator,
)
from mx2prod.calibration.verdict import Reason, Verdict
from mx2prod.core.units import US_PER_S
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.columns import N_TIMED_TRIPS

HOUR_US = 3600 * US_PER_S


def gate_reasons(
    accumulator: LightInjectionAccumulator, hardware: HardwareMap, config: Preproduction
) -> list[Reason]:
    """Reasons about gates, their times, levels, and the blocks that were read.

    Parameters
    ----------
    accumulator : LightInjectionAccumulator
    hardware : HardwareMap
    config : Preproduction
    """
    return [
        *_types(accumulator, config),
        *_times(accumulator, config),
        *_blocks(accumulator, hardware, config),
    ]


def _types(accumulator: LightInjectionAccumulator, config: Preproduction) -> list[Reason]:
    gates, reasons = accumulator.gates, []
    levels = {key: n for key, n in gates.items() if key.startswith("level ") and n}
    if len(levels) > 1:
        text = "several LED levels, kept apart: " + ", ".join(
            f"{n:,} gates of {key}" for key, n in levels.items()
        )
        reasons.append(Reason("levels", text, Verdict.GOOD, sum(levels.values())))
    types = gate_types(accumulator.gates)
    unknown = sum(n for kind, n in types.items() if kind not in TRIGGER_NAMES)
    if unknown:
        many = unknown > config.gain_verdict.unknown_type_fraction * sum(types.values())
        text = "gates of unknown trigger type"
        verdict = Verdict.INVESTIGATE if many else Verdict.GOOD
        reasons.append(Reason("unknown_type", text, verdict, unknown))
    skipped = sum(n for key, n in gates.items() if key.startswith("skipped "))
    if skipped:
        reasons.append(Reason("skipped", "gates with a fault left out", Verdict.GOOD, skipped))
    if accumulator.unmapped:
        places = tuple(accumulator.unmapped)
        text = "boards that the hardware map does not have"
        reasons.append(Reason("unmapped", text, Verdict.INVESTIGATE, len(places), places))
    if accumulator.level not in (LedLevel.ONE_PE, LedLevel.MAX_PE):
        text = f"LED level {accumulator.level} is unknown"
        reasons.append(Reason("level", text, Verdict.INVESTIGATE, accumulator.used))
    return reasons


def _times(accumulator: LightInjectionAccumulator, config: Preproduction) -> list[Reason]:
    pulses = accumulator.pulses
    same = (np.diff(pulses["run"]) == 0) & (np.diff(pulses["subrun"]) == 0)
    step = np.diff(pulses["time_us"])[same]
    odd = int(np.count_nonzero((step <= 0) | (step > config.gain_verdict.time_gap_h * HOUR_US)))
    text = "gates whose time does not increase, or comes after a long gap"
    return [Reason("time", text, Verdict.INVESTIGATE, odd)] * bool(odd)


def _blocks(
    accumulator: LightInjectionAccumulator, hardware: HardwareMap, config: Preproduction
) -> list[Reason]:
    """Boards that were read in both kinds of block, or often had no block at the pulse."""
    boards, limit = accumulator.boards, config.gain_verdict.missed_fraction
    read = np.maximum(boards["untimed"] + boards["timed"], 1)
    other = np.minimum(boards["untimed"], boards["timed"]) / read
    missed = boards["missed"] / np.maximum(boards["timed"] * N_TIMED_TRIPS, 1)
    mainly_timed = boards["timed"] > boards["untimed"]
    reasons = []
    for code, fraction, text in (
        ("mixed_blocks", other, "boards with pulses in timed and untimed blocks; one is used"),
        ("missed_blocks", missed * mainly_timed, "boards with pulses without a timed block"),
    ):
        places = chosen_boards(hardware, fraction > limit)
        if places:
            reasons.append(Reason(code, text, Verdict.INVESTIGATE, len(places), places))
    return reasons
