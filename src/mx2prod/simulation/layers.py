"""The detector as a stack of layers along the beam, in the form that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.detector import (
    Form,
    GapMaterial,
    Medium,
    Planes,
    first_downstream,
    material_layers,
    material_table,
    to_view,
)

Floats = npt.NDArray[np.float64]


LAYER_DTYPE = np.dtype(
    [
        ("low", "<f8"),  # z where it begins, mm
        ("high", "<f8"),
        ("depth", "<f8"),  # radiation lengths from the first layer to its beginning
        ("weight", "<f8"),  # share of the interactions in planes; 0 for the gap
        ("form", "u1"),
        ("medium", "u1"),
        ("plane", "<i4"),  # row of the plane table; -1 in the gap
    ]
)

PLANE_DTYPE = np.dtype(
    [
        ("z", "<f8"),  # centre of the strips
        ("along_x", "<f8"),  # t = along_x * x + along_y * y
        ("along_y", "<f8"),
        ("shift", "<f8"),  # where t of the strips begins, mm
        ("cosine", "<f8"),  # of the turn of the plane about the beam axis
        ("sine", "<f8"),
        ("low", "<f8"),  # z where strips and absorber begin and end
        ("high", "<f8"),
        ("share", "<f8"),  # of the energy of a shower in this plane that the strips get
    ]
)

SHAPE_DTYPE = np.dtype(
    [
        ("strips", "<i8"),
        ("middle", "<i8"),
        ("pitch", "<f8"),
        ("half_base", "<f8"),
        ("height", "<f8"),
        ("side", "<f8"),  # largest abs(t) + sqrt(3) abs(l)
        ("cut", "<f8"),  # largest l
        ("hexagon", "<f8"),  # apothem of the planes
        ("ring_inner", "<f8"),
        ("ring_outer", "<f8"),
        ("odd_upstream", "<i8"),  # 1: base of odd strips is upstream
    ]
)

_MINIMUM_LOSS = {Medium.SCINTILLATOR: 1.936, Medium.LEAD: 1.122, Medium.STEEL: 1.451}
"""Smallest energy loss, MeV cm2/g (Particle Data Group)."""


@dataclass(frozen=True)
class Layers:
    """The stack of one detector.

    Attributes
    ----------
    layers : ndarray of LAYER_DTYPE
        In order along the beam, without overlap.
    planes : ndarray of PLANE_DTYPE, shape (n_planes,)
        With the true shift and rotation.
    materials : ndarray of MATERIAL_DTYPE, by Medium
    shape : ndarray of SHAPE_DTYPE, shape (1,)
    downstream : int
        First plane downstream of the gap; the number of planes if there is no gap.
    """

    layers: npt.NDArray[np.void]
    planes: npt.NDArray[np.void]
    materials: npt.NDArray[np.void]
    shape: npt.NDArray[np.void]
    downstream: int

    @classmethod
    def of(cls, planes: Planes, gap: GapMaterial, shift_mm: Floats, rotation: Floats) -> Layers:
        """Build the stack.

        Parameters
        ----------
        planes : Planes
        gap : GapMaterial
            What stands in the widest distance between two planes: argon between two equal sheets
            of steel, in its middle.
        shift_mm : ndarray of float64, shape (n_planes,)
            Distance by which the strips of each plane are really displaced, towards larger t.
        rotation : ndarray of float64, shape (n_planes,), rad
            Turn of the strips, such that t of a strip grows by its sine along l.

        Raises
        ------
        UsageError
            If there is not one shift and one rotation for every plane, or the gap material does
            not fit into the gap.
        """
        for name, values in (("shift", shift_mm), ("rotation", rotation)):
            if np.shape(values) != (len(planes),):
                raise UsageError(
                    f"plane {name} has shape {np.shape(values)}, expected ({len(planes)},)"
                )
        materials = material_table(planes.shape)
        layers = _with_depth(material_layers(planes, gap), materials)
        return cls(
            layers,
            _plane_rows(planes, layers, materials, shift_mm, rotation),
            materials,
            _shape_row(planes),
            first_downstream(planes),
        )


def _with_depth(
    rows: npt.NDArray[np.void], materials: npt.NDArray[np.void]
) -> npt.NDArray[np.void]:
    """Add the depths on the axis, and the weights: areal mass of full layers."""
    layers = np.zeros(len(rows), LAYER_DTYPE)
    for name in rows.dtype.names or ():
        layers[name] = rows[name]
    thickness = layers["high"] - layers["low"]
    on_axis = layers["form"] != Form.RING
    depth = np.where(on_axis, thickness / materials["radiation_mm"][layers["medium"]], 0.0)
    layers["depth"] = np.cumsum(depth) - depth
    mass = thickness * materials["density"][layers["medium"]]
    mass[~on_axis | (layers["plane"] < 0)] = 0.0
    layers["weight"] = mass / mass.sum()
    return layers


def _plane_rows(
    planes: Planes,
    layers: npt.NDArray[np.void],
    materials: npt.NDArray[np.void],
    shift_mm: Floats,
    rotation: Floats,
) -> npt.NDArray[np.void]:
    rows = np.zeros(len(planes), PLANE_DTYPE)
    rows["z"] = planes.z
    rows["along_x"], _ = to_view(1.0, 0.0, planes.view)
    rows["along_y"], _ = to_view(0.0, 1.0, planes.view)
    rows["shift"] = shift_mm
    rows["cosine"], rows["sine"] = np.cos(rotation), np.sin(rotation)
    for plane, row in enumerate(rows):
        own = layers[(layers["plane"] == plane) & (layers["form"] != Form.RING)]
        loss = np.array([_MINIMUM_LOSS[Medium(medium)] for medium in own["medium"]])
        energy = (own["high"] - own["low"]) * materials["density"][own["medium"]] * loss
        row["low"], row["high"] = own["low"].min(), own["high"].max()
        row["share"] = energy[own["form"] == Form.STRIPS].sum() / energy.sum()
    return rows


def _shape_row(planes: Planes) -> npt.NDArray[np.void]:
    shape = planes.shape
    return np.array(
        [
            (
                shape.strips_per_plane,
                shape.middle_strip,
                shape.strip_pitch_mm,
                shape.strip_base_mm / 2,
                shape.strip_height_mm,
                shape.outline_side_mm,
                shape.outline_cut_mm,
                shape.outline_side_mm / 2,
                shape.lead_ring_inner_mm,
                shape.lead_ring_outer_mm,
                shape.odd_base == "upstream",
            )
        ],
        SHAPE_DTYPE,
    )
