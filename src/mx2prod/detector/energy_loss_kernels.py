"""Mean energy loss and multiple scattering of a charged particle in one material.

Mean loss after Bethe with density effect; Highland angles: Particle Data Group, passage of
particles through matter.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

ELECTRON_MASS = 0.51099895
BETHE_CONSTANT = 0.307075
"""MeV cm2/mol."""
STOPPED = 0.1
"""beta gamma below which a particle stops where it is; Bethe's formula ends there."""
HIGHLAND_MEV = 13.6
HIGHLAND_LOG = 0.038
LARGEST_ANGLE = 0.5
SMALLEST_FACTOR = 0.1
"""Smallest 1 + 0.038 ln t, for very thin layers."""


@njit(nogil=True)
def beta_gamma_of(kinetic: float, mass: float) -> Any:
    """Momentum over mass."""
    return math.sqrt(kinetic * (kinetic + 2.0 * mass)) / mass


@njit(nogil=True)
def _density_effect(beta_gamma: float, material: Any) -> Any:
    x = math.log10(beta_gamma)
    if x < material["x0"]:
        return material["delta0"] * 10.0 ** (2.0 * (x - material["x0"]))
    delta = 2.0 * math.log(10.0) * x - material["c"]
    if x < material["x1"]:
        delta += material["a"] * (material["x1"] - x) ** material["k"]
    return delta


@njit(nogil=True)
def largest_transfer(beta_gamma: float, mass: float) -> Any:
    """Largest energy of a knock-on electron, MeV."""
    ratio = ELECTRON_MASS / mass
    gamma = math.sqrt(1.0 + beta_gamma * beta_gamma)
    return 2.0 * ELECTRON_MASS * beta_gamma**2 / (1.0 + 2.0 * gamma * ratio + ratio * ratio)


@njit(nogil=True)
def width_per_mm(beta_gamma: float, material: Any) -> Any:
    """Landau's xi of one millimetre, MeV/mm."""
    beta2 = beta_gamma**2 / (1.0 + beta_gamma**2)
    return 0.05 * BETHE_CONSTANT * material["z_over_a"] * material["density"] / beta2


@njit(nogil=True)
def mean_loss(beta_gamma: float, mass: float, material: Any) -> Any:
    """Mean energy loss of a particle of charge 1, MeV/mm."""
    beta2 = beta_gamma**2 / (1.0 + beta_gamma**2)
    top = largest_transfer(beta_gamma, mass)
    argument = 2.0 * ELECTRON_MASS * beta_gamma**2 * top / material["excitation"] ** 2
    bracket = 0.5 * math.log(argument) - beta2 - 0.5 * _density_effect(beta_gamma, material)
    return 2.0 * width_per_mm(beta_gamma, material) * bracket


@njit(nogil=True)
def highland_angle(kinetic: float, mass: float, radiation_lengths: float) -> Any:
    """One sigma of the scattering angle in a projection, rad (Highland)."""
    if radiation_lengths <= 0.0 or kinetic <= 0.0:
        return 0.0
    momentum_beta = kinetic * (kinetic + 2.0 * mass) / (kinetic + mass)
    factor = max(1.0 + HIGHLAND_LOG * math.log(radiation_lengths), SMALLEST_FACTOR)
    angle = HIGHLAND_MEV / momentum_beta * math.sqrt(radiation_lengths) * factor
    return min(angle, LARGEST_ANGLE)
