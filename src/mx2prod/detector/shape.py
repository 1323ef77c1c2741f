"""Shape of strips, planes and absorbers (detector page, sections 2.2 and 2.4).

Lengths in mm.  ``t`` is the coordinate that a view measures, ``l`` runs along the strips; both are
defined in the detector frame (:mod:`mx2prod.detector.coordinates`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import AddressError
from mx2prod.detector.plane_shape import PLANE_SHAPE, PlaneShape

Floats = npt.NDArray[np.float64]
_SQRT3 = np.sqrt(3.0)


def strip_centre(strip: npt.ArrayLike, shape: PlaneShape = PLANE_SHAPE) -> Floats:
    """View coordinate t of strip centres.

    Parameters
    ----------
    strip : int or array_like of int
        From 1.
    shape : PlaneShape

    Returns
    -------
    ndarray of float64, mm
        Shape of ``strip``.

    Raises
    ------
    AddressError
        If a strip number does not exist.
    """
    numbers = np.asarray(strip)
    if numbers.size and (
        numbers.dtype.kind not in "iu"
        or numbers.min() < 1
        or numbers.max() > shape.strips_per_plane
    ):
        raise AddressError(f"strip {strip!r} is not an integer in 1..{shape.strips_per_plane}")
    return np.asarray(shape.strip_pitch_mm * (numbers.astype(np.int64) - shape.middle_strip))


def nearest_strip(t: npt.ArrayLike, shape: PlaneShape = PLANE_SHAPE) -> npt.NDArray[np.int64]:
    """Strip whose centre is nearest to t; 0 where t is beyond half a pitch of the outer strips.

    Parameters
    ----------
    t : float or array_like of float, mm
    shape : PlaneShape

    Returns
    -------
    ndarray of int64
        Shape of ``t``; 0 for NaN too.
    """
    position = np.asarray(t, dtype=np.float64) / shape.strip_pitch_mm + shape.middle_strip
    with np.errstate(invalid="ignore"):
        inside = (position >= 0.5) & (position < shape.strips_per_plane + 0.5)
    return np.where(inside, np.floor(np.where(inside, position, 0) + 0.5), 0).astype(np.int64)


def strip_ends(strip: npt.ArrayLike, shape: PlaneShape = PLANE_SHAPE) -> tuple[Floats, Floats]:
    """Find the ends of a strip's centre line along l.

    Parameters
    ----------
    strip : int or array_like of int
    shape : PlaneShape

    Returns
    -------
    low, high : ndarray of float64, mm
        ``high`` is at the cut corner for the strips that it reaches.

    Raises
    ------
    AddressError
        If a strip number does not exist.
    """
    half = (shape.outline_side_mm - np.abs(strip_centre(strip, shape))) / _SQRT3
    return -half, np.minimum(half, shape.outline_cut_mm)


def strip_length(strip: npt.ArrayLike, shape: PlaneShape = PLANE_SHAPE) -> Floats:
    """Compute the length of strips, mm; see :func:`strip_ends`."""
    low, high = strip_ends(strip, shape)
    return np.asarray(high - low)


def inside_outline(
    t: npt.ArrayLike,
    l: npt.ArrayLike,  # noqa: E741
    shape: PlaneShape = PLANE_SHAPE,
) -> npt.NDArray[np.bool_]:
    """Whether a point of a plane lies inside its outline (hexagon with one cut corner).

    Parameters
    ----------
    t, l : float or array_like of float, mm
    shape : PlaneShape

    Returns
    -------
    ndarray of bool
        Broadcast shape of ``t`` and ``l``.
    """
    across, along = np.asarray(t, dtype=np.float64), np.asarray(l, dtype=np.float64)
    return np.asarray(
        (np.abs(across) <= shape.outline_apothem_mm)
        & (np.abs(across) + _SQRT3 * np.abs(along) <= shape.outline_side_mm)
        & (along <= shape.outline_cut_mm)
    )


def outline(shape: PlaneShape = PLANE_SHAPE) -> Floats:
    """Corners of the outline of a plane.

    Returns
    -------
    ndarray of float64, shape (7, 2), mm
        ``(t, l)`` in order round the plane, from the left end of the cut corner.
    """
    cut = shape.outline_side_mm - _SQRT3 * shape.outline_cut_mm
    side = (shape.outline_side_mm - shape.outline_apothem_mm) / _SQRT3
    tip = shape.outline_side_mm / _SQRT3
    return np.array(
        [
            (-cut, shape.outline_cut_mm),
            (cut, shape.outline_cut_mm),
            (shape.outline_apothem_mm, side),
            (shape.outline_apothem_mm, -side),
            (0.0, -tip),
            (-shape.outline_apothem_mm, -side),
            (-shape.outline_apothem_mm, side),
        ]
    )


def strip_section(strip: int, shape: PlaneShape = PLANE_SHAPE) -> Floats:
    """Corners of the triangle of a strip, with coating, in its plane's section.

    Parameters
    ----------
    strip : int
    shape : PlaneShape

    Returns
    -------
    ndarray of float64, shape (3, 2), mm
        ``(t, z - z of the strip centres)``: the two corners of the base, then the top.

    Raises
    ------
    AddressError
        If the strip number does not exist.
    """
    centre = float(strip_centre(strip, shape))
    base_upstream = (strip % 2 == 1) == (shape.odd_base == "upstream")
    base_z = shape.strip_height_mm / 2 * (-1 if base_upstream else 1)
    half = shape.strip_base_mm / 2
    return np.array([(centre - half, base_z), (centre + half, base_z), (centre, -base_z)])
