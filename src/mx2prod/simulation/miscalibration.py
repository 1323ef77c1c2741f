"""Known errors of the simulated detector, each with its truth (detector page, section 7.2).

| name | acts on | laws |
|---|---|---|
| pedestal | mean of each channel and gain, ADC | gauss, uniform, shift, drift (ADC an hour) |
| gain | electrons per photoelectron, relative | gauss, uniform, scale |
| feb | all three slopes of a channel, relative | gauss, uniform, scale, swap of two boards |
| feb_ratio | slopes of medium and low gain over those of high gain | gauss, uniform, scale |
| strip | response of each strip, relative | gauss, uniform, scale |
| light | all light, relative | scale |
| attenuation | attenuation length of each strip, relative | gauss, uniform, scale |
| planes, rotations | each plane, mm and rad | gauss, uniform, shift |
| timing | each half board, ns | gauss, uniform, shift |
| slewing | time walk, relative | scale |
| weave | fibre weave of the boards named | swap |

``gauss`` has a width of ``size``, ``uniform`` goes from -size to size, ``scale`` multiplies by
``size``, ``shift`` adds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import ConfigError
from mx2prod.core.suggest import nearest
from mx2prod.detector import weave_slots
from mx2prod.detector.hardware import board_names
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.simulation.hardware_kernels import draw_values
from mx2prod.simulation.miscalibration_tables import take_table
from mx2prod.simulation.random_kernels import normal_table
from mx2prod.simulation.spec import Miscalibration, Spec

if TYPE_CHECKING:
    from mx2prod.simulation.hardware import TrueDetector

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
SLOPES = [1, 3, 5]


@dataclass(frozen=True)
class Draw:
    """One known error: its entry in the spec, and random numbers for it.

    Attributes
    ----------
    name : str
        What it acts on.
    entry : Miscalibration
    seed : int
    stream : int
        Names the random numbers.
    """

    name: str
    entry: Miscalibration
    seed: int
    stream: int

    def added(self, n: int) -> Floats:
        """Give what is added to n values; laws gauss, uniform, shift."""
        return self._values(n, {"gauss", "uniform", "shift"})

    def factor(self, n: int) -> Floats:
        """Give what n values are multiplied by; laws gauss, uniform, scale."""
        values = self._values(n, {"gauss", "uniform", "scale"})
        if self.entry.kind == "scale":
            return values
        return np.asarray(np.maximum(1 + values, 0.01))

    def require_law(self, laws: set[str]) -> None:
        """Refuse a law that the known error cannot have.

        Raises
        ------
        ConfigError
        """
        if self.entry.kind not in laws:
            raise ConfigError(
                f"miscalibrate.{self.name}: kind {self.entry.kind!r} has no meaning here, expected "
                f"one of {', '.join(sorted(laws))}"
            )

    def boards(self, truth: TrueDetector) -> Bools:
        """Tell which boards it acts on, shape (n_febs,); see :func:`boards_of`."""
        return boards_of(truth, self.entry.boards, f"miscalibrate.{self.name}")

    def channels(self, truth: TrueDetector) -> Bools:
        """Tell which channels it acts on, shape (n_channels,)."""
        return np.repeat(self.boards(truth), PIXELS_PER_BOARD)

    def _values(self, n: int, laws: set[str]) -> Floats:
        self.require_law(laws)
        normals, uniforms = np.empty((2, n))
        draw_values(np.uint64(self.seed), self.stream, normal_table(), normals, uniforms)
        if self.entry.kind == "gauss":
            return self.entry.size * normals
        if self.entry.kind == "uniform":
            return self.entry.size * (2 * uniforms - 1)
        return np.full(n, self.entry.size)


def miscalibrate(truth: TrueDetector, spec: Spec, run: int) -> None:
    """Give a detector the known errors of a spec that act in a run, in order.

    Parameters
    ----------
    truth : TrueDetector
        Changed.
    spec : Spec
    run : int

    Raises
    ------
    ConfigError
        If a board does not exist, or a law has no meaning.
    InputFileError, TableError
        If a table of values cannot be read, or has another schema.
    """
    for place, (name, act) in enumerate(_ACTIONS.items()):
        entries: list[Miscalibration] = getattr(spec.miscalibrate, name)
        for number, entry in enumerate(entries):
            if run < entry.since_run:
                continue
            if entry.table:
                take_table(truth, name, Path(entry.table))
            else:
                act(truth, Draw(name, entry, spec.seed, 1 + 64 * place + number))


def boards_of(truth: TrueDetector, names: list[str], where: str) -> Bools:
    """Tell which boards are named; all without any name.  Shape (n_febs,).

    Raises
    ------
    ConfigError
        If a board does not exist.
    """
    known = board_names(truth.detector.hardware.boards)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{where}: no board {name!r}" + nearest(name, known),
                next_step="mx2 detector boards",
            )
    return np.array([not names or name in names for name in known])


def exchange_boards(array: npt.NDArray[Any], first: int, second: int) -> None:
    """Exchange what two boards have in an array by channel, in place."""
    by_board = array.reshape(-1, PIXELS_PER_BOARD, *array.shape[1:])
    by_board[[first, second]] = by_board[[second, first]]


def _pedestal(truth: TrueDetector, draw: Draw) -> None:
    chosen = draw.channels(truth)
    if draw.entry.kind == "drift":
        truth.drift[chosen[::PIXELS_PER_BOARD]] += draw.entry.size
        return
    added = draw.added(truth.pedestal.size).reshape(truth.pedestal.shape)
    truth.pedestal[chosen] += added[chosen]


def _gain(truth: TrueDetector, draw: Draw) -> None:
    chosen = draw.channels(truth)
    truth.gain[chosen] *= draw.factor(len(truth.gain))[chosen]


def _feb(truth: TrueDetector, draw: Draw) -> None:
    chosen = draw.channels(truth)
    if draw.entry.kind == "swap":
        if len(draw.entry.boards) != 2:
            raise ConfigError("miscalibrate.feb: swap needs two boards")
        exchange_boards(truth.curve, *np.flatnonzero(chosen[::PIXELS_PER_BOARD]).tolist())
        return
    factor = draw.factor(len(truth.curve))[chosen]
    slopes = truth.curve[chosen]
    slopes[:, :, SLOPES] *= factor[:, None, None]
    truth.curve[chosen] = slopes


def _feb_ratio(truth: TrueDetector, draw: Draw) -> None:
    chosen = draw.channels(truth)
    factor = draw.factor(2 * len(truth.curve)).reshape(-1, 2)[chosen]
    slopes = truth.curve[chosen]
    slopes[:, 1:, SLOPES] *= factor[:, :, None]
    truth.curve[chosen] = slopes


def _strip(truth: TrueDetector, draw: Draw) -> None:
    truth.strip_response *= draw.factor(len(truth.strip_response))


def _light(truth: TrueDetector, draw: Draw) -> None:
    draw.require_law({"scale"})
    truth.light *= draw.entry.size


def _attenuation(truth: TrueDetector, draw: Draw) -> None:
    truth.attenuation[:, 0] *= draw.factor(len(truth.attenuation))


def _planes(truth: TrueDetector, draw: Draw) -> None:
    truth.plane_shift_mm += draw.added(len(truth.plane_shift_mm))


def _rotations(truth: TrueDetector, draw: Draw) -> None:
    truth.plane_rotation_rad += draw.added(len(truth.plane_rotation_rad))


def _timing(truth: TrueDetector, draw: Draw) -> None:
    boards = draw.boards(truth)
    added = draw.added(truth.offset_ns.size).reshape(truth.offset_ns.shape)
    truth.offset_ns[boards] += added[boards]


def _slewing(truth: TrueDetector, draw: Draw) -> None:
    draw.require_law({"scale"})
    truth.slewing_ns *= draw.entry.size


def _weave(truth: TrueDetector, draw: Draw) -> None:
    """Give boards the other weave: their strips move to other pixels."""
    draw.require_law({"swap"})
    if not draw.entry.boards:
        raise ConfigError("miscalibrate.weave: name the boards")
    for feb in np.flatnonzero(draw.boards(truth)).tolist():
        _swap_weave(truth, feb)


def _swap_weave(truth: TrueDetector, feb: int) -> None:
    first = feb * PIXELS_PER_BOARD
    channel = truth.channel_of_strip
    strips = np.flatnonzero((channel >= first) & (channel < first + PIXELS_PER_BOARD))
    pixels = channel[strips] - first
    slots = {weave: weave_slots(weave) for weave in ("A", "B")}
    own, other = ("A", "B") if _is_weave_a(truth, feb) else ("B", "A")
    pixel_of_slot = np.argsort(slots[other])
    channel[strips] = first + pixel_of_slot[slots[own][pixels]]


def _is_weave_a(truth: TrueDetector, feb: int) -> bool:
    board = truth.detector.hardware.boards[feb].tolist()
    rows = truth.detector.boards.rows
    same = [tuple(row) == board for row in rows[["crate", "croc", "chain", "board"]].tolist()]
    if not any(same):
        raise ConfigError(
            f"miscalibrate.weave: board {'-'.join(map(str, board))} reads no strips",
            next_step="mx2 detector boards",
        )
    return str(rows["weave"][same][0]) == "A"


_ACTIONS: dict[str, Callable[[TrueDetector, Draw], None]] = {
    "pedestal": _pedestal,
    "gain": _gain,
    "feb_ratio": _feb_ratio,
    "feb": _feb,  # after the ratio: boards are exchanged with all of their curves
    "strip": _strip,
    "light": _light,
    "attenuation": _attenuation,
    "planes": _planes,
    "rotations": _rotations,
    "timing": _timing,
    "slewing": _slewing,
    "weave": _weave,
}
