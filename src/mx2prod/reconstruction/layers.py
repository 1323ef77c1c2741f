"""Planes, and the material between them, in the form that the track kernels read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.detector import (
    MATERIAL_DTYPE,
    Form,
    GapMaterial,
    Planes,
    first_downstream,
    material_layers,
    material_table,
    to_view,
)
from mx2prod.detector.energy_loss_kernels import HIGHLAND_LOG, SMALLEST_FACTOR

TRACK_PLANE_DTYPE = np.dtype(
    [
        ("z", "<f8"),  # centre of the strips, mm
        ("along_x", "<f8"),  # t = along_x * x + along_y * y
        ("along_y", "<f8"),
        ("view", "<i8"),  # 0 X, 1 U, 2 V
        ("side", "<i8"),  # 0 upstream, 1 downstream of the gap
        ("alive", "<i8"),  # 0: no strip of it is read out
        ("piece", "<i8"),  # first piece of material downstream of the centre
    ]
)

PIECE_DTYPE = np.dtype(
    [
        ("low", "<f8"),  # z, mm
        ("high", "<f8"),
        ("per_mm", "<f8"),  # radiation lengths
        ("factor", "<f8"),  # 1 + 0.038 ln(radiation lengths of the whole layer)
        ("medium", "<i8"),
        ("ring", "<i8"),  # 1: only where the lead ring is
    ]
)

INTERVAL_DTYPE = np.dtype(
    [
        ("length", "<f8"),  # to the next plane, mm
        ("moments", "<f8", (3, 3)),  # see moments_of; layers on the axis
        ("ring_moments", "<f8", (3, 3)),  # of the lead ring
        ("path", "<f8", (4,)),  # along z in each medium on the axis, mm
        ("ring_path", "<f8"),  # in lead
        ("ring_z", "<f8"),  # middle of the ring behind the plane, mm
    ]
)
"""What stands between the centres of two neighbouring planes."""

N_ENERGIES = 400
LOWEST, HIGHEST = 0.5, 1e6
"""Kinetic energies of the tables, MeV, in equal steps of the logarithm."""


class Stack(NamedTuple):
    """Arrays of a detector for kernels."""

    planes: Any
    """TRACK_PLANE_DTYPE, shape (n_planes,)."""
    pieces: Any
    """PIECE_DTYPE, in order along the beam, cut at the centres of planes."""
    intervals: Any
    """INTERVAL_DTYPE, shape (n_planes - 1,); the pieces added up, for thin intervals."""
    loss: Any
    """MeV/mm by medium and kinetic energy, shape (4, N_ENERGIES)."""
    reach: Any
    """Range in mm, the same shape."""
    shape: Any
    """Apothems of the plane and of the inner and outer edge of the lead ring, z_match; mm."""


@dataclass(frozen=True)
class TrackLayers:
    """The detector as tracks see it.

    Attributes
    ----------
    stack : Stack
    mass : float
        Particle of the energy tables, MeV.
    """

    stack: Stack
    mass: float

    @classmethod
    def of(
        cls,
        planes: Planes,
        gap: GapMaterial,
        *,
        mass: float,
        z_match: float,
        dead: npt.ArrayLike = (),
    ) -> TrackLayers:
        """Build from the tables of the detector.

        Parameters
        ----------
        planes : Planes
        gap : GapMaterial
        mass : float
            Of the particle, MeV.
        z_match : float
            Where segments are compared, 2x2 frame, mm.
        dead : array_like of int, optional
            Rows of planes that are not read out.

        Raises
        ------
        UsageError
            If a dead plane does not exist, or the gap material does not fit.
        """
        rows = _plane_rows(planes, np.asarray(dead, np.int64))
        materials = material_table(planes.shape)
        pieces = _pieces(material_layers(planes, gap), materials, rows["z"])
        rows["piece"] = np.searchsorted(pieces["low"], rows["z"] - 1e-9)
        loss, reach = _energy_tables(materials, mass)
        shape = planes.shape
        edges = (
            shape.outline_side_mm / 2,
            shape.lead_ring_inner_mm,
            shape.lead_ring_outer_mm,
            z_match - planes.frame_2x2().z,
        )
        return cls(
            Stack(rows, pieces, _intervals(pieces, rows["z"]), loss, reach, np.array(edges)), mass
        )


def _plane_rows(planes: Planes, dead: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
    if np.any((dead < 0) | (dead >= len(planes))):
        raise UsageError(
            f"dead planes {dead.tolist()}: rows are 0 to {len(planes) - 1}",
            next_step="mx2 detector planes",
        )
    rows = np.zeros(len(planes), TRACK_PLANE_DTYPE)
    rows["z"] = planes.z
    rows["along_x"], _ = to_view(1.0, 0.0, planes.view)
    rows["along_y"], _ = to_view(0.0, 1.0, planes.view)
    rows["view"] = planes.view.astype(np.int64) - 1
    rows["side"] = np.arange(len(planes)) >= first_downstream(planes)
    rows["alive"] = 1
    rows["alive"][dead] = 0
    return rows


def _pieces(
    layers: npt.NDArray[np.void],
    materials: npt.NDArray[np.void],
    centres: npt.NDArray[np.float64],
) -> npt.NDArray[np.void]:
    """Layers cut at the centres of planes; the scattering formula keeps the whole layer."""
    length = materials["radiation_mm"][layers["medium"]]
    whole = 1.0 + HIGHLAND_LOG * np.log((layers["high"] - layers["low"]) / length)
    rows = []
    for layer, radiation, factor in zip(layers, length, whole, strict=True):
        cuts = centres[(centres > layer["low"]) & (centres < layer["high"])]
        edges = [layer["low"], *cuts, layer["high"]]
        rows += [
            (
                low, high, 1.0 / radiation, max(factor, SMALLEST_FACTOR), layer["medium"],
                layer["form"] == Form.RING,
            )
            for low, high in pairwise(edges)
        ]  # fmt: skip
    return np.array(rows, PIECE_DTYPE)


def _moments(pieces: npt.NDArray[np.void], end: float) -> npt.NDArray[np.float64]:
    """Add up pieces, to be scaled with slope and momentum.

    Row i: weighted with the distance to ``end`` to the power of i; column j: radiation lengths
    times 1, 2, 1 times the factor of Highland's formula to the power of 2, 1, 0.
    """
    depth, rest = pieces["high"] - pieces["low"], end - pieces["high"]
    levers = (
        np.ones(len(pieces)),
        rest + depth / 2,
        rest**2 + rest * depth + depth**2 / 3,
    )
    factor = pieces["factor"]
    scales = [depth * pieces["per_mm"] * term for term in (factor**2, 2 * factor, factor**0)]
    return np.array([[np.sum(lever * scale) for scale in scales] for lever in levers])


def _intervals(pieces: npt.NDArray[np.void], z: npt.NDArray[np.float64]) -> npt.NDArray[np.void]:
    rows = np.zeros(len(z) - 1, INTERVAL_DTYPE)
    for row, low, high in zip(rows, z[:-1], z[1:], strict=True):
        own = pieces[(pieces["low"] >= low) & (pieces["high"] <= high)]
        ring = own["ring"] == 1
        row["length"] = high - low
        row["moments"] = _moments(own[~ring], high)
        row["ring_moments"] = _moments(own[ring], high)
        depth = own["high"] - own["low"]
        row["path"] = np.bincount(own["medium"][~ring], depth[~ring], minlength=4)
        row["ring_path"] = depth[ring].sum()
        row["ring_z"] = np.mean((own["low"] + own["high"])[ring]) / 2 - low if ring.any() else 0.0
    return rows


def _energy_tables(
    materials: npt.NDArray[np.void], mass: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Energy loss and range of each medium."""
    from mx2prod.reconstruction.material_kernels import fill_loss

    energies = np.geomspace(LOWEST, HIGHEST, N_ENERGIES)
    loss = np.empty((len(materials), N_ENERGIES))
    fill_loss(energies, mass, np.require(materials, MATERIAL_DTYPE, ["C", "W"]), loss)
    steps = np.diff(energies) * 0.5 * (1.0 / loss[:, 1:] + 1.0 / loss[:, :-1])
    first = LOWEST / loss[:, :1]
    return loss, np.concatenate([first, first + np.cumsum(steps, axis=1)], axis=1)
