"""First layer of the simulation: particles of the beam and the energy they leave in strips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.detector import load_detector
from mx2prod.simulation.beam import parameter_row
from mx2prod.simulation.columns import DEPOSIT_DTYPE, PARTICLE_DTYPE, VERTEX_DTYPE
from mx2prod.simulation.events_kernels import MOST_PARTICLES, make_gate
from mx2prod.simulation.layers import Layers
from mx2prod.simulation.plan import NUMI
from mx2prod.simulation.random_kernels import normal_table
from mx2prod.simulation.spec import FileSpec, Spec

Rows = npt.NDArray[np.void]


@dataclass(frozen=True)
class Events:
    """What happened in a block of gates.

    Attributes
    ----------
    particles : ndarray of PARTICLE_DTYPE
    vertices : ndarray of VERTEX_DTYPE
    deposits : ndarray of DEPOSIT_DTYPE
        All three in order of gate and number; deposits of a particle in order of time.
    """

    particles: Rows
    vertices: Rows
    deposits: Rows

    @classmethod
    def none(cls) -> Events:
        """No particles at all."""
        return cls(*(np.zeros(0, dtype) for dtype in _DTYPES))


_DTYPES = (PARTICLE_DTYPE, VERTEX_DTYPE, DEPOSIT_DTYPE)
_FIRST_SIZES = (256, 64, 16_384)


class EventGenerator:
    """Makes the particles and deposits of the gates of one file.

    Parameters
    ----------
    spec : Spec
    file : FileSpec
    plane_shift_mm, plane_rotation_rad : ndarray of float64, shape (n_planes,)
        True displacement of the strips of each plane towards larger t, and their turn: t of a strip
        grows by its sine along l.

    Raises
    ------
    UsageError
        If shifts and rotations do not fit the planes, or the gap material does not fit the gap.
    """

    def __init__(
        self,
        spec: Spec,
        file: FileSpec,
        plane_shift_mm: npt.NDArray[np.float64],
        plane_rotation_rad: npt.NDArray[np.float64],
    ) -> None:
        tables = spec.detector
        planes = load_detector(tables.geometry, tables.plex, tables.fibres).planes
        self._layers = Layers.of(planes, tables.gap_material, plane_shift_mm, plane_rotation_rad)
        self._params = parameter_row(spec, self._layers)
        self._nominal = spec.beam.pot_per_spill
        self._key = (spec.seed, file.run, file.subrun)
        self._normals = normal_table()
        self._rows = [
            np.zeros(size, dtype) for size, dtype in zip(_FIRST_SIZES, _DTYPES, strict=True)
        ]

    def generate(self, plan: Rows) -> Events:
        """Simulate gates; only gates of the beam with protons have particles.

        Parameters
        ----------
        plan : ndarray of GATE_PLAN_DTYPE
            The content of a gate does not depend on the other rows.

        Returns
        -------
        Events

        Raises
        ------
        UsageError
            If the rates are so high that a gate has more particles than a random stream can name.
        """
        counts = np.zeros(3, np.int64)
        with_beam = (plan["trigger_type"] == NUMI) & (plan["pot"] > 0)
        for gate, pot in plan[with_beam][["gate", "pot"]].tolist():
            self._add_gate(gate, pot / self._nominal, counts)
        kept = (rows[:n].copy() for rows, n in zip(self._rows, counts.tolist(), strict=True))
        return Events(*kept)

    def _add_gate(self, gate: int, intensity: float, counts: npt.NDArray[np.int64]) -> None:
        """Append the rows of a gate; once more with larger arrays if they are full."""
        key = np.array([*self._key, gate], np.uint64)
        before = counts.copy()
        while True:
            counts[:] = before
            make_gate(key, intensity, self._params, *self._tables(), *self._rows, counts)
            if counts[0] < 0:
                raise UsageError(
                    f"gate {gate} has more than {MOST_PARTICLES} particles",
                    next_step="lower beam.rock_muons_per_gate or beam.interactions_per_gate",
                )
            sizes = np.array([rows.size for rows in self._rows])
            if np.all(counts <= sizes):
                return
            self._grow(np.where(counts > sizes, 2 * counts, sizes), before)

    def _tables(self) -> tuple[npt.NDArray[np.generic], ...]:
        stack = self._layers
        return stack.shape, stack.layers, stack.planes, stack.materials, self._normals

    def _grow(self, sizes: npt.NDArray[np.int64], used: npt.NDArray[np.int64]) -> None:
        """Make arrays larger, keeping the rows of the gates before."""
        for place, (size, n) in enumerate(zip(sizes.tolist(), used.tolist(), strict=True)):
            if size > self._rows[place].size:
                larger = np.zeros(size, self._rows[place].dtype)
                larger[:n] = self._rows[place][:n]
                self._rows[place] = larger
