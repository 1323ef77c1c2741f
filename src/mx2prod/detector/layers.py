"""What a particle crosses along the beam: strips, absorbers, and the material of the gap."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from mx2prod.core.errors import UsageError
from mx2prod.detector.materials import Medium
from mx2prod.detector.planes import Planes


class GapMaterial(BaseModel):
    """What stands between the upstream and downstream planes (detector page, section 2.4)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    argon_mm: float = Field(1300.0, ge=0)
    steel_mm: float = Field(20.0, ge=0)


class Form(IntEnum):
    """Where in x and y a layer is."""

    STRIPS = 0
    HEXAGON = 1
    """Inside the outline of the planes."""
    RING = 2
    """The lead ring of tracker planes."""
    EVERYWHERE = 3


MATERIAL_LAYER_DTYPE = np.dtype(
    [
        ("low", "<f8"),  # z where it begins, mm
        ("high", "<f8"),
        ("form", "u1"),
        ("medium", "u1"),
        ("plane", "<i4"),  # row of the plane table; -1 in the gap
    ]
)

_ABSORBERS = {
    "pb_collar_1.98": (Form.RING, Medium.LEAD),
    "pb_full_1.98": (Form.HEXAGON, Medium.LEAD),
    "fe_full_25.4": (Form.HEXAGON, Medium.STEEL),
}
"""By the words of the plane table."""


def material_layers(planes: Planes, gap: GapMaterial) -> npt.NDArray[np.void]:
    """Give the layers of a detector, in order along the beam and without overlap.

    Parameters
    ----------
    planes : Planes
    gap : GapMaterial
        What stands in the widest distance between two planes: argon between two equal sheets of
        steel, in its middle.

    Returns
    -------
    ndarray of MATERIAL_LAYER_DTYPE

    Raises
    ------
    UsageError
        If the gap material does not fit into the gap.
    """
    rows = sorted([*_plane_layers(planes), *_gap_layers(planes, gap)])
    return np.array(rows, MATERIAL_LAYER_DTYPE)


def first_downstream(planes: Planes) -> int:
    """Row of the first plane downstream of the gap, the widest distance between two planes."""
    return int(np.argmax(np.diff(planes.z))) + 1


def _plane_layers(planes: Planes) -> list[tuple[float, ...]]:
    """Give strips and absorbers: low, high, form, medium, plane."""
    shape = planes.shape
    rows: list[tuple[float, ...]] = []

    def add(plane: int, middle: float, thickness: float, form: Form, medium: Medium) -> None:
        low, high = middle - thickness / 2, middle + thickness / 2
        rows.append((low, high, form, medium, plane))

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


def _gap_layers(planes: Planes, gap: GapMaterial) -> list[tuple[float, ...]]:
    """Steel, argon, steel in the middle of the gap."""
    first = first_downstream(planes)
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
            rows.append((z, z + thickness, Form.EVERYWHERE, medium, -1))
        z += thickness
    return rows
