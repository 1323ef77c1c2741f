"""Geometry, channel addresses, wiring and electronics constants: versioned tables.

``load_detector()`` gives everything that a job needs; ``Detector.versions()`` is what its outputs
record.  Strips, views and constants use the detector frame; lengths are in mm.
"""

from mx2prod.detector.addresses import (
    CHANNEL_DTYPE,
    CHANNEL_ID,
    OD_BAR_DTYPE,
    OD_BAR_ID,
    STRIP_DTYPE,
    STRIP_ID,
    BoardAddress,
    ChannelAddress,
    StripAddress,
    pack_channel_ids,
    pack_od_bar_ids,
    pack_strip_ids,
    unpack_channel_ids,
    unpack_od_bar_ids,
    unpack_strip_ids,
)
from mx2prod.detector.boards import BoardReport, BoardState, BoardStatus, board_report
from mx2prod.detector.coordinates import (
    DST_OFFSET,
    FRAME_OF_GEOMETRY,
    Frame2x2,
    View,
    detector_to_dst,
    dst_to_detector,
    from_two_views,
    from_view,
    to_view,
)
from mx2prod.detector.electronics import Electronics
from mx2prod.detector.hardware import BOARD_DTYPE, HardwareMap, as_boards, expand_chains
from mx2prod.detector.layers import (
    MATERIAL_LAYER_DTYPE,
    Form,
    GapMaterial,
    first_downstream,
    material_layers,
)
from mx2prod.detector.load import (
    Detector,
    DetectorConstants,
    Fibres,
    load_detector,
    require_recorded_versions,
)
from mx2prod.detector.materials import MATERIAL_DTYPE, Medium, material_table
from mx2prod.detector.plane_shape import PLANE_SHAPE, PlaneShape
from mx2prod.detector.planes import STRIP_ROW_DTYPE, Planes
from mx2prod.detector.plex import ADDRESS_DTYPE, Plex, Role
from mx2prod.detector.provenance import ConstantSet, Mark
from mx2prod.detector.response import FebCurve, Response
from mx2prod.detector.shape import (
    inside_outline,
    nearest_strip,
    outline,
    strip_centre,
    strip_ends,
    strip_length,
    strip_section,
)
from mx2prod.detector.table import Table
from mx2prod.detector.trip import (
    CHANNEL_OF_PIXEL,
    GAIN_OF_CHANNEL,
    PIXEL_OF_CHANNEL,
    TRIP_OF_PIXEL,
    Gain,
    pixels_by_gain,
)
from mx2prod.detector.versions import (
    DEFAULT_FIBRES,
    DEFAULT_GEOMETRY,
    DEFAULT_PLEX,
    load_table,
    version_names,
)
from mx2prod.detector.wiring import best_weave, weave_slots

__all__ = [
    "ADDRESS_DTYPE",
    "BOARD_DTYPE",
    "CHANNEL_DTYPE",
    "CHANNEL_ID",
    "CHANNEL_OF_PIXEL",
    "DEFAULT_FIBRES",
    "DEFAULT_GEOMETRY",
    "DEFAULT_PLEX",
    "DST_OFFSET",
    "FRAME_OF_GEOMETRY",
    "GAIN_OF_CHANNEL",
    "MATERIAL_DTYPE",
    "MATERIAL_LAYER_DTYPE",
    "OD_BAR_DTYPE",
    "OD_BAR_ID",
    "PIXEL_OF_CHANNEL",
    "PLANE_SHAPE",
    "STRIP_DTYPE",
    "STRIP_ID",
    "STRIP_ROW_DTYPE",
    "TRIP_OF_PIXEL",
    "BoardAddress",
    "BoardReport",
    "BoardState",
    "BoardStatus",
    "ChannelAddress",
    "ConstantSet",
    "Detector",
    "DetectorConstants",
    "Electronics",
    "FebCurve",
    "Fibres",
    "Form",
    "Frame2x2",
    "Gain",
    "GapMaterial",
    "HardwareMap",
    "Mark",
    "Medium",
    "PlaneShape",
    "Planes",
    "Plex",
    "Response",
    "Role",
    "StripAddress",
    "Table",
    "View",
    "as_boards",
    "best_weave",
    "board_report",
    "detector_to_dst",
    "dst_to_detector",
    "expand_chains",
    "first_downstream",
    "from_two_views",
    "from_view",
    "inside_outline",
    "load_detector",
    "load_table",
    "material_layers",
    "material_table",
    "nearest_strip",
    "outline",
    "pack_channel_ids",
    "pack_od_bar_ids",
    "pack_strip_ids",
    "pixels_by_gain",
    "require_recorded_versions",
    "strip_centre",
    "strip_ends",
    "strip_length",
    "strip_section",
    "to_view",
    "unpack_channel_ids",
    "unpack_od_bar_ids",
    "unpack_strip_ids",
    "version_names",
    "weave_slots",
]
