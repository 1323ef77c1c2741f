"""The export of the beam database beside a simulated beam file: one CSV row a device and spill.

Form and device names are those of the beam database's exports as far as they are public; widths and
GPS are proposals.  Nothing here touches a byte of the raw file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod.core.units import US_PER_S
from mx2prod.simulation.plan import NUMI, gate_plan
from mx2prod.simulation.spec import FileSpec, Spec

HEADER = "timestamp,name,units,value(s)"
TOROIDS = ("E:TRTGTD", "E:TR101D", "E:TORTGT", "E:TOR101")
STRIP_LINES = ("E:NSLINA", "E:NSLINB", "E:NSLINC", "E:NSLIND")

_STREAM = 0xBEA3
"""Names the random numbers of this file, apart from those of the raw file."""
_TOROID_SPREAD = 0.002
_HORN_KA = (-50.0, 0.05)
_POSITION_MM = {"E:HPTGT": (0.0, 0.2), "E:VPTGT": (0.5, 0.2), "E:HWTGT": (1.3, 0.05),
                "E:VWTGT": (1.4, 0.05)}  # fmt: skip
_CLOCK_SPREAD_MS = 20.0
"""Offset of the accelerator's clock, one sigma; constant in a run."""
_CLOCK_JITTER_MS = 1.0
_E12 = 1e12
_EXACT_MS = 1000


def beam_path(raw: Path) -> Path:
    """Path of the beam data beside a raw file."""
    return raw.with_name(f"{raw.stem}_beam.csv")


def clock_offset_ms(spec: Spec, run: int) -> float:
    """Accelerator time minus true time of a run, ms, from the seed."""
    return float(np.random.default_rng([spec.seed, run, _STREAM]).normal(0.0, _CLOCK_SPREAD_MS))


def beam_data(spec: Spec, file: FileSpec, first: int, last: int) -> Iterator[str]:
    """Lines of the beam data of consecutive gates, the header first.

    Readings of a spill do not depend on which gates are asked for.

    Parameters
    ----------
    spec : Spec
    file : FileSpec
    first, last : int
        Gates, both included; only beam gates have a spill.

    Yields
    ------
    str
        Without a line end.
    """
    plan = gate_plan(spec, file, 1, last, n_boards=0)
    rows = np.flatnonzero((plan["trigger_type"] == NUMI) & (plan["gate"] >= first))
    draws = np.random.default_rng([spec.seed, file.run, file.subrun, _STREAM])
    normal = draws.normal(size=(last, 1 + len(TOROIDS) + len(STRIP_LINES) + len(_POSITION_MM)))
    opened_us = (plan["time_us"] - plan["readout_us"]).astype(np.int64)
    offset = clock_offset_ms(spec, file.run)
    yield HEADER
    for row in rows:
        jitter = _CLOCK_JITTER_MS * normal[row, 0]
        clock = round(int(opened_us[row]) / _EXACT_MS + offset + jitter)
        for name, unit, value in _readings(float(plan["pot"][row]), normal[row, 1:]):
            yield f"{clock},{name},{unit},{value:.6g}"
        yield f"{clock},MX2:GPS,s,{int(opened_us[row]) / US_PER_S:.6f}"


def _readings(protons: float, normal: npt.NDArray[np.float64]) -> Iterator[tuple[str, str, float]]:
    """Device, unit and value of a spill."""
    draws = iter(normal.tolist())
    for name in TOROIDS:
        yield name, "E12", protons / _E12 * (1.0 + _TOROID_SPREAD * next(draws))
    for name in STRIP_LINES:
        yield name, "kA", _HORN_KA[0] + _HORN_KA[1] * next(draws)
    for name, (mean, spread) in _POSITION_MM.items():
        yield name, "mm", mean + spread * next(draws)
