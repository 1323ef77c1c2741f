"""The detector as a stack of layers along the beam, in the form that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.detector import Planes, to_view
from mx2prod.simulation.materials import Medium, material_table
from mx2prod.simulation.spec import GapMaterial

Floats = npt.NDArray[np.float64]


class Form(IntEnum):
    """Where in x and y a layer is."""

    STRIPS = 0
    HEXAGON = 1
    """Inside the outline of the planes."""
    RING = 2
    """The lead ring of tracker planes."""
    EVERYWHERE = 3


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

_ABSORBERS = {
    "pb_collar_1.98": (Form.RING, Medium.LEAD),
    "pb_full_1.98": (Form.HEXAGON, Medium.LEAD),
    "fe_full_25.4": (Form.HEXAGON, Medium.STEEL),
}
"""By the words of the plane table."""

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
        first = int(np.argmax(np.diff(planes.z))) + 1
        rows = sorted([*_plane_layers(planes), *_gap_layers(planes, gap, first)])
        layers = _with_depth(np.array(rows, LAYER_DTYPE), materials)
        return cls(
            layers,
            _plane_rows(planes, layers, materials, shift_mm, rotation),
            materials,
            _shape_row(planes),
            first,
        )


def _plane_layers(planes: Planes) -> list[tuple[float, ...]]:
    """Give strips and absorbers: low, high, depth, weight, form, medium, plane."""
    shape = planes.shape
    rows: list[tuple[float, ...]] = []

    def add(plane: int, middle: float, thickness: float, form: Form, medium: Medium) -> None:
        low, high = middle - thickness / 2, middle + thickness / 2
        rows.append((low, high, 0.0, 0.0, form, medium, plane))

    places = {
        Medium.LEAD: (shape.lead_offset_mm, shape.lead_thickness_mm),
        Medium.STEEL: (shape.steel_offset_mm, shape.steel_thickness_mm),
    }
    absorbers = planes.table.rows["absorber"].tolist()
    for plane, (z, absorber) in enumerate(zip(planes.z.tolist(), absorbers, strict=True)):
        add(plane, z, shape.strip_height_mm, Form.STRIPS, Medium.SCINTILLATOR)
        form, medium = _ABSORBERS[absorber]
        offset, thickness = places[medium]
        add(plane, z + offset, thickness, form, medium)
    return rows


def _gap_layers(planes: Planes, gap: GapMaterial, first: int) -> list[tuple[float, ...]]:
    """Steel, argon, steel in the middle of the gap upstream of plane ``first``."""
    margin = planes.shape.strip_height_mm / 2 + planes.shape.lead_thickness_mm + 1.0
    space = float(planes.z[first] - planes.z[first - 1]) - 2 * margin
    total = gap.argon_mm + gap.steel_mm
    if total > space:
        raise UsageError(
            f"{total:g} mm of gap material do not fit into the gap of {space:.0f} mm between "
            f"modules {planes.module[first - 1]} and {planes.module[first]}",
            next_step="make detector.gap_material smaller",
        )
    z = float(planes.z[first] + planes.z[first - 1]) / 2 - total / 2
    rows: list[tuple[float, ...]] = []
    for thickness, medium in (
        (gap.steel_mm / 2, Medium.STEEL),
        (gap.argon_mm, Medium.ARGON),
        (gap.steel_mm / 2, Medium.STEEL),
    ):
        if thickness > 0:
            rows.append((z, z + thickness, 0.0, 0.0, Form.EVERYWHERE, medium, -1))
        z += thickness
    return rows


def _with_depth(
    layers: npt.NDArray[np.void], materials: npt.NDArray[np.void]
) -> npt.NDArray[np.void]:
    """Fill in the depths on the axis, and the weights: areal mass of full layers."""
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
