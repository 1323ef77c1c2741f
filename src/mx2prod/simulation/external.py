"""Energy deposits of another simulation, in place of the first layer (detector page, section 7.1).

A file is a table of segments, one row each or one list per event; the columns have the names of the
flat files of the official chain unless they are set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import InputFileError
from mx2prod.detector import Planes, strip_ends, to_view
from mx2prod.simulation.columns import DEPOSIT_DTYPE
from mx2prod.simulation.external_columns import ExternalFormat, read_columns

Floats = npt.NDArray[np.float64]

LENGTH_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
TIME_NS = {"ns": 1.0, "us": 1e3, "s": 1e9}
ENERGY_MEV = {"keV": 1e-3, "MeV": 1.0, "GeV": 1e3}
_EDGE_MM = 1.0
"""A segment may lie this far outside a strip: its ends are rounded, and strips are coated."""


@dataclass(frozen=True)
class ExternalDeposits:
    """What was read.

    Attributes
    ----------
    deposits : ndarray of DEPOSIT_DTYPE
        In order of gate, particle, time.
    n_outside : int
        Segments of scintillator that lie in no strip; left out.
    """

    deposits: npt.NDArray[np.void]
    n_outside: int


def read_deposits(
    path: Path,
    planes: Planes,
    shift_mm: Floats,
    rotation: Floats,
    layout: ExternalFormat | None = None,
) -> ExternalDeposits:
    """Read deposits of a full simulation, and find their strips.

    Parameters
    ----------
    path : Path
        Parquet (``.parquet``) or ROOT (``.root``).
    planes : Planes
    shift_mm, rotation : ndarray of float64, shape (n_planes,)
        True displacement and turn of the strips, as of :class:`~.events.EventGenerator`.
    layout : ExternalFormat, optional

    Returns
    -------
    ExternalDeposits

    Raises
    ------
    InputFileError
        If the file cannot be read, a column is missing or holds a bad value, or too many segments
        lie in no strip.
    UsageError
        If the file is neither Parquet nor ROOT.
    """
    layout = layout or ExternalFormat()
    segments = _segments(read_columns(path, layout), layout, planes)
    deposits, in_strip = _to_strips(segments, planes, shift_mm, rotation)
    outside = int(np.count_nonzero(~in_strip))
    if outside > layout.largest_outside * len(in_strip):
        z = segments.middle[:, 2]
        raise InputFileError(
            f"{path}: {outside} of {len(in_strip)} segments of scintillator lie in no strip; z is "
            f"{z.min():.1f} to {z.max():.1f} mm, the planes are at {planes.z[0]:.1f} to "
            f"{planes.z[-1]:.1f} mm",
            next_step="set length and frame of the format as the file has them",
        )
    kept = deposits[in_strip]
    order = np.lexsort((kept["time_ns"], kept["particle"], kept["gate"]))
    return ExternalDeposits(kept[order], outside)


@dataclass(frozen=True)
class _Segments:
    """Segments in mm, ns, MeV and the detector frame."""

    gate: npt.NDArray[Any]
    particle: npt.NDArray[Any]
    middle: Floats
    path: Floats
    time: Floats
    energy: Floats
    quenched: Floats


def _segments(
    columns: Mapping[str, npt.NDArray[Any]], layout: ExternalFormat, planes: Planes
) -> _Segments:
    start = np.column_stack([columns[name] for name in layout.start]).astype(np.float64)
    stop = np.column_stack([columns[name] for name in layout.stop]).astype(np.float64)
    length, scale = LENGTH_MM[layout.length], ENERGY_MEV[layout.energy_unit]
    middle = 0.5 * (start + stop)[:, :3] * length
    if layout.frame == "2x2":
        middle = planes.frame_2x2().to_detector(middle)
    n = len(middle)
    return _Segments(
        columns[layout.gate],
        columns[layout.particle] if layout.particle else np.full(n, -1),
        middle,
        length * np.linalg.norm((stop - start)[:, :3], axis=1),
        0.5 * (start + stop)[:, 3] * TIME_NS[layout.time],
        scale * columns[layout.energy].astype(np.float64),
        scale * columns[layout.quenched].astype(np.float64),
    )


def _to_strips(
    segments: _Segments, planes: Planes, shift_mm: Floats, rotation: Floats
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.bool_]]:
    """Rows of all segments, and which of them lie in a strip."""
    shape = planes.shape
    x, y, z = segments.middle.T
    plane = np.clip(np.searchsorted((planes.z[1:] + planes.z[:-1]) / 2, z), 0, len(planes) - 1)
    height = z - planes.z[plane]
    t, along = to_view(x, y, planes.view[plane])
    t = t - shift_mm[plane]
    cosine, sine = np.cos(rotation[plane]), np.sin(rotation[plane])
    t, along = cosine * t - sine * along, sine * t + cosine * along
    strip, beyond = nearest_triangle(t, height, planes)
    low, high = strip_ends(np.clip(strip, 1, shape.strips_per_plane), shape)
    inside = (
        (strip >= 1)
        & (strip <= shape.strips_per_plane)
        & (np.abs(height) <= shape.strip_height_mm / 2 + _EDGE_MM)
        & (beyond <= _EDGE_MM)
        & (along >= low - _EDGE_MM)
        & (along <= high + _EDGE_MM)
    )
    rows = np.zeros(len(t), DEPOSIT_DTYPE)
    rows["gate"], rows["particle"] = segments.gate, segments.particle
    rows["strip"] = plane * shape.strips_per_plane + strip - 1
    rows["time_ns"], rows["path_mm"] = segments.time, segments.path
    rows["energy"], rows["energy_birks"] = segments.energy, segments.quenched
    rows["t_mm"], rows["l_mm"] = t, along
    return rows, inside


def nearest_triangle(
    t: Floats, height: Floats, planes: Planes
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Find the strip whose triangle a point of the section is in, or nearest to.

    Parameters
    ----------
    t, height : ndarray of float64, shape (n,), mm
        Across the strips, and z against the middle of the plane.
    planes : Planes

    Returns
    -------
    strip : ndarray of int64
        May be beyond the strips that exist.
    beyond : ndarray of float64, mm
        How far, along t, the point is outside; negative inside.
    """
    shape = planes.shape
    first = np.floor(t / shape.strip_pitch_mm).astype(np.int64) + shape.middle_strip

    def outside(strip: npt.NDArray[np.int64]) -> Floats:
        base_upstream = (strip % 2 == 1) == (shape.odd_base == "upstream")
        up = np.where(base_upstream, 1.0, -1.0) * height / shape.strip_height_mm
        width = shape.strip_base_mm / 2 * (0.5 - up)
        distance = np.abs(t - shape.strip_pitch_mm * (strip - shape.middle_strip))
        return np.asarray(distance - width)

    one, two = outside(first), outside(first + 1)
    return np.where(one <= two, first, first + 1), np.minimum(one, two)
