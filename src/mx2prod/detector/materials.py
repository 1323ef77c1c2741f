"""Materials that particles cross, with what energy loss and scattering need of them.

Excitation energies, density-effect parameters and radiation lengths: Particle Data Group, tables of
atomic and nuclear properties (Sternheimer, Berger, Seltzer).  Densities: plane shape (GDML), argon
at its boiling point from the same tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from mx2prod.detector.plane_shape import PLANE_SHAPE, PlaneShape

ARGON_DENSITY = 1.396
"""g/cm3."""


class Medium(IntEnum):
    """Row of a material in :func:`material_table`."""

    SCINTILLATOR = 0
    LEAD = 1
    STEEL = 2
    ARGON = 3


MATERIAL_DTYPE = np.dtype(
    [
        ("density", "<f8"),  # g/cm3
        ("z_over_a", "<f8"),  # mol/g
        ("excitation", "<f8"),  # MeV
        ("radiation_mm", "<f8"),  # radiation length
        ("a", "<f8"),  # the rest: density effect
        ("k", "<f8"),
        ("x0", "<f8"),
        ("x1", "<f8"),
        ("c", "<f8"),
        ("delta0", "<f8"),
    ]
)


@dataclass(frozen=True)
class _Element:
    z_over_a: float
    excitation_ev: float
    radiation_g: float
    density_effect: tuple[float, float, float, float, float, float]


_ELEMENTS = {
    Medium.SCINTILLATOR: _Element(  # polystyrene, whose hydrogen fraction is that of the strips
        0.53768, 68.7, 43.79, (0.16454, 3.2224, 0.1647, 2.5031, 3.2999, 0.0)
    ),
    Medium.LEAD: _Element(0.39575, 823.0, 6.37, (0.09359, 3.1608, 0.3776, 3.8073, 6.2018, 0.14)),
    Medium.STEEL: _Element(  # as iron
        0.46557, 286.0, 13.84, (0.14680, 2.9632, -0.0012, 3.1531, 4.2911, 0.12)
    ),
    Medium.ARGON: _Element(0.45059, 188.0, 19.55, (0.19559, 3.0, 0.2, 3.0, 5.2146, 0.0)),
}


def material_table(shape: PlaneShape = PLANE_SHAPE) -> npt.NDArray[np.void]:
    """Give the materials, by :class:`Medium`.

    Parameters
    ----------
    shape : PlaneShape
        For the densities of scintillator, lead and steel.

    Returns
    -------
    ndarray of MATERIAL_DTYPE, shape (4,)
    """
    density = {
        Medium.SCINTILLATOR: shape.scintillator_density,
        Medium.LEAD: shape.lead_density,
        Medium.STEEL: shape.steel_density,
        Medium.ARGON: ARGON_DENSITY,
    }
    table = np.zeros(len(Medium), MATERIAL_DTYPE)
    for medium, element in _ELEMENTS.items():
        rho = density[medium]
        table[medium] = (
            rho,
            element.z_over_a,
            element.excitation_ev * 1e-6,
            10.0 * element.radiation_g / rho,
            *element.density_effect,
        )
    return table
