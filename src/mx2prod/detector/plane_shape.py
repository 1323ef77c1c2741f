"""Constants of the shape of strips, planes and absorbers (detector page, sections 2.2 and 2.4)."""

from __future__ import annotations

from typing import Literal

from mx2prod.detector.provenance import ConstantSet, Mark, constant
from mx2prod.detector.schemas import STRIPS_PER_PLANE

_GDML = "public GDML Merged2x2MINERvA_v4_withRock"


class PlaneShape(ConstantSet):
    """Shape of a strip, a plane, its absorber and the outer-detector frame."""

    strips_per_plane: int = constant(
        STRIPS_PER_PLANE,
        unit="",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="strips of a plane, numbered from 1",
        ge=1,
        le=127,
    )
    strip_pitch_mm: float = constant(
        16.7386,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="distance of neighbouring strip centres in t",
        gt=0,
    )
    middle_strip: int = constant(
        64,
        unit="",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="strip with its centre at t = 0",
        ge=1,
        le=127,
    )
    strip_base_mm: float = constant(
        33.0,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="base of the triangle, with coating",
        gt=0,
    )
    strip_height_mm: float = constant(
        17.0,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="height of the triangle, with coating",
        gt=0,
    )
    core_base_mm: float = constant(
        32.3,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="base of the active core",
        gt=0,
    )
    core_height_mm: float = constant(
        16.4,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="height of the active core",
        gt=0,
    )
    core_top_mm: float = constant(
        0.9,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="width of the clipped top of the core",
        ge=0,
    )
    fibre_hole_radius_mm: float = constant(
        1.3,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="radius of the fibre hole, at mid-height",
        ge=0,
    )
    odd_base: Literal["upstream", "downstream"] = constant(
        "upstream",
        unit="",
        mark=Mark.MEASURED,
        source=_GDML + "; the public rock-muon code takes the opposite, to be decided on data",
        meaning="side of the base of odd strips; even strips have the other",
    )
    outline_apothem_mm: float = constant(
        1071.27,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="plane outline: largest abs(t)",
        gt=0,
    )
    outline_side_mm: float = constant(
        2128.4,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="plane outline: largest abs(t) + sqrt(3) abs(l)",
        gt=0,
    )
    outline_cut_mm: float = constant(
        1152.69,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="plane outline: largest l, the cut top corner",
        gt=0,
    )
    lead_thickness_mm: float = constant(
        1.98,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="lead sheet or ring",
        gt=0,
    )
    lead_offset_mm: float = constant(
        10.24,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="centre of the lead, downstream of the strip centre",
    )
    lead_ring_inner_mm: float = constant(
        914.25,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="inner apothem of the lead ring of tracker planes",
        gt=0,
    )
    lead_ring_outer_mm: float = constant(
        1064.25,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="outer apothem of the lead ring of tracker planes",
        gt=0,
    )
    steel_thickness_mm: float = constant(
        25.4,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="steel of the hadron calorimeter",
        gt=0,
    )
    steel_offset_mm: float = constant(
        -21.95,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="centre of the steel, upstream of the strip centre",
    )
    hydrogen_mass_fraction: float = constant(
        0.07742,
        unit="",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="hydrogen in the scintillator; the rest is carbon",
        ge=0,
        le=1,
    )
    scintillator_density: float = constant(
        1.043,
        unit="g/cm3",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="plastic scintillator",
        gt=0,
    )
    coating_density: float = constant(
        1.521,
        unit="g/cm3",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="coated strip",
        gt=0,
    )
    epoxy_density: float = constant(
        1.1,
        unit="g/cm3",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="epoxy",
        gt=0,
    )
    steel_density: float = constant(
        7.834,
        unit="g/cm3",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="steel of hadron calorimeter and outer detector",
        gt=0,
    )
    lead_density: float = constant(
        11.35,
        unit="g/cm3",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="lead",
        gt=0,
    )
    gap_argon_mm: float = constant(
        1300.0,
        unit="mm",
        mark=Mark.PROPOSAL,
        source="detector page, section 2.4",
        meaning="liquid argon between modules 12 and 13, for track extrapolation",
        ge=0,
    )
    gap_steel_mm: float = constant(
        20.0,
        unit="mm",
        mark=Mark.PROPOSAL,
        source="detector page, section 2.4",
        meaning="steel between modules 12 and 13, for track extrapolation",
        ge=0,
    )
    od_towers: int = constant(
        6,
        unit="",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="towers of an outer frame",
        ge=1,
    )
    od_stories: int = constant(
        4,
        unit="",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="stories of a tower",
        ge=1,
    )
    od_bars_per_story: int = constant(
        2,
        unit="",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="bars of a story",
        ge=1,
    )
    od_inner_apothem_mm: float = constant(
        1168.4,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="inner apothem of an outer frame",
        gt=0,
    )
    od_outer_apothem_mm: float = constant(
        1727.2,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="outer apothem of an outer frame",
        gt=0,
    )
    od_frame_thickness_mm: float = constant(
        34.925,
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="steel of a frame",
        gt=0,
    )
    od_bar_section_mm: tuple[float, float] = constant(
        (15.0, 19.0),
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="section of a bar",
    )
    od_bar_radius_mm: tuple[float, float, float, float] = constant(
        (1238.3, 1320.8, 1403.4, 1543.1),
        unit="mm",
        mark=Mark.MEASURED,
        source=_GDML,
        meaning="radius of the bar pairs of stories 1 to 4",
    )
    od_bar_length_mm: tuple[float, float, float, float] = constant(
        (1361.8, 1457.2, 1552.4, 1713.8), unit="mm", mark=Mark.MEASURED, source=_GDML,
        meaning="length of the bars of stories 1 to 4",
    )  # fmt: skip

    @property
    def od_bars_per_frame(self) -> int:
        """Bars of one outer-detector frame."""
        return self.od_towers * self.od_stories * self.od_bars_per_story


PLANE_SHAPE = PlaneShape()
"""The default shape."""
