"""Merging of short light-injection files (pre-production page, section 3.5).

Never across a hardware swap, a change of the high voltage, or LED levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.gain_product import GainProduct
from mx2prod.calibration.gain_status import Voltages
from mx2prod.calibration.input_files import naming
from mx2prod.calibration.light_injection_accumulator import (
    LedLevel,
    LightInjectionAccumulator,
    merge_light,
)
from mx2prod.calibration.sources import subruns_of
from mx2prod.calibration.verdict import Reason, Verdict
from mx2prod.core.errors import UsageError
from mx2prod.core.ids import RunSubrun


@dataclass(frozen=True)
class GainGroup:
    """Accumulators of some files, by LED level, and what is known of the files."""

    files: tuple[Path, ...]
    levels: dict[int, LightInjectionAccumulator]
    inputs: GainInputs
    notes: tuple[Reason, ...]


def joined_groups(
    groups: Iterator[GainGroup | GainProduct],
    until: int | None,
    borders: Sequence[RunSubrun],
    largest_hv: float,
) -> Iterator[GainGroup | GainProduct]:
    """Merge consecutive groups; products of unreadable files pass through.

    Parameters
    ----------
    groups : iterator of GainGroup or GainProduct
    until : int or None
        Pulses that each level with light of a group needs; None merges all groups.
    borders : sequence of RunSubrun
        First subruns after a hardware swap.
    largest_hv : float
        Voltages that differ by more counts are another voltage.

    Yields
    ------
    GainGroup or GainProduct

    Raises
    ------
    UsageError
        If all are to be merged and may not be.
    """
    waiting: GainGroup | None = None
    for item in groups:
        if isinstance(item, GainProduct):
            yield item
            continue
        obstacle = "" if waiting is None else _obstacle(waiting, item, borders, largest_hv)
        if waiting is not None and obstacle and until is None:
            raise UsageError(
                f"{item.files[0]} cannot be merged with {waiting.files[-1]}: {obstacle}",
                next_step="merge the files before and after by themselves",
            )
        if waiting is not None and (obstacle or _is_enough(waiting, until)):
            yield waiting
            waiting = None
        waiting = item if waiting is None else _merged(waiting, item)
    if waiting is not None:
        yield waiting


def _is_enough(group: GainGroup, until: int | None) -> bool:
    lit = [a.used for level, a in group.levels.items() if level != LedLevel.ZERO]
    return until is not None and min(lit, default=0) >= until


def _obstacle(
    before: GainGroup, after: GainGroup, borders: Sequence[RunSubrun], largest_hv: float
) -> str:
    """Why two groups may not be merged; empty if they may."""
    lit = [set(group.levels) - {LedLevel.ZERO} for group in (before, after)]
    if lit[0] != lit[1]:
        return f"LED levels {sorted(lit[0])} and {sorted(lit[1])}"
    sources = [a.sources for group in (before, after) for a in group.levels.values()]
    subruns = subruns_of(np.concatenate(sources))
    for border in borders:
        sides = {subrun >= border for subrun in subruns}
        if len(sides) > 1:
            return f"hardware swap at {border}"
    for level in lit[0]:
        voltages = [Voltages.of(group.levels[level].boards).actual for group in (before, after)]
        change = np.nan_to_num(np.abs(voltages[1] - voltages[0])).max(initial=0)
        if change > largest_hv:
            return f"high voltage changed by {change:.0f} counts"
    return ""


def _merged(before: GainGroup, after: GainGroup) -> GainGroup:
    with naming(after.files[0]):
        levels = {
            level: merge_light([g.levels[level] for g in (before, after) if level in g.levels])
            for level in sorted({*before.levels, *after.levels})
        }
    notes = [*before.notes, *after.notes]
    if before.inputs.pedestals != after.inputs.pedestals:
        text = "several pedestal tables are valid for the merged files; the first is used"
        notes.append(Reason("pedestal_tables", text, Verdict.INVESTIGATE))
    return GainGroup((*before.files, *after.files), levels, before.inputs, tuple(notes))
