"""A few boards with chosen light, for the tests of the readout."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.simulation.columns import DEPOSIT_DTYPE
from mx2prod.simulation.hardware import TrueDetector
from mx2prod.simulation.plan import gate_plan, middle_of
from mx2prod.simulation.readout import BoardReadout, ReadoutSimulator
from mx2prod.simulation.spec import Spec
from tests.simulation.making import START, file_of, spec_of

QUIET = {"xtalk_side": 0, "xtalk_corner": 0, "xtalk_dynode": 0, "afterpulse": 0, "dark_rate": 0}
"""A response without anything but the light itself."""
TICK = 9.4154
GATE_NS = 1702 * TICK
BOARD = "0-1-0-2"
FIRST_CHANNEL = 64
"""Dense number of pixel 0 of BOARD: the second board of the hardware map."""


def quiet_spec(*files: dict[str, Any], **response: Any) -> Spec:
    """Seven boards, one beam file without particles of its own, truth of the hits."""
    return spec_of(
        *(files or (file_of(gates=5000),)),
        response={**QUIET, **response},
        truth="full",
    )


def truth_of(spec: Spec) -> TrueDetector:
    """The true detector of the first file."""
    file = spec.files[0]
    return TrueDetector.of(spec, file.run, middle_of(spec, file))


def strip_at(truth: TrueDetector, pixel: int, feb: int = 1) -> int:
    """Strip that a pixel of a board reads."""
    return int(np.flatnonzero(truth.channel_of_strip == 64 * feb + pixel)[0])


def deposits(
    gates: npt.ArrayLike, strip: npt.ArrayLike, energy: float, time_ns: npt.ArrayLike = 3000.0,
    l_mm: npt.ArrayLike = 0.0,
) -> npt.NDArray[np.void]:  # fmt: skip
    """One deposit a row."""
    gates = np.asarray(gates)
    rows = np.zeros(len(gates), DEPOSIT_DTYPE)
    rows["gate"], rows["strip"], rows["energy_birks"] = gates, strip, energy
    rows["time_ns"], rows["l_mm"] = time_ns, l_mm
    rows["particle"] = 3
    return rows


def read(
    spec: Spec, rows: npt.NDArray[np.void] | None = None, first: int = 1, last: int = 1,
    truth: TrueDetector | None = None,
) -> BoardReadout:  # fmt: skip
    """Read gates ``first`` to ``last`` of the first file."""
    file = spec.files[0]
    truth = truth or truth_of(spec)
    simulator = ReadoutSimulator(spec, file, truth)
    febs = spec.detector.febs
    n_boards = truth.detector.hardware.n_febs if febs == "all" else len(febs)
    plan = gate_plan(spec, file, first, last, n_boards)
    return simulator.read(plan, np.zeros(0, DEPOSIT_DTYPE) if rows is None else rows)


def light_of(readout: BoardReadout, channel: int, gates: int) -> npt.NDArray[np.float64]:
    """Photoelectrons of a channel in each gate, in any block."""
    hits = readout.hits[readout.hits["channel"] == channel]
    return np.bincount(hits["gate"] - 1, hits["pe"], gates)


__all__ = ["BOARD", "FIRST_CHANNEL", "GATE_NS", "QUIET", "START", "TICK"]
