"""Which strips a straight line crosses, and where.

A strip is the coated triangle of its section, as long as its centre line.  Lengths in mm.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

MAX_CROSSINGS = 127

_SQRT3 = math.sqrt(3.0)


@njit(nogil=True)
def hexagon_radius(x: float, y: float) -> Any:
    """Apothem of the hexagon, of the planes' orientation, through a point."""
    return max(abs(x), abs(0.5 * (x - _SQRT3 * y)), abs(0.5 * (x + _SQRT3 * y)))


@njit(nogil=True)
def to_plane(plane: Any, x: float, y: float) -> Any:
    """Coordinates t and l of a point in the true plane: shifted, then turned."""
    t = plane["along_x"] * x + plane["along_y"] * y - plane["shift"]
    along = plane["along_x"] * y - plane["along_y"] * x
    turned = plane["cosine"] * t - plane["sine"] * along
    return turned, plane["sine"] * t + plane["cosine"] * along


@njit(nogil=True)
def _clip(low: float, high: float, factor: float, bound: float) -> Any:
    """Part of an interval where factor * z <= bound."""
    if factor > 0.0:
        return low, min(high, bound / factor)
    if factor < 0.0:
        return max(low, bound / factor), high
    if bound < 0.0:
        return low, low
    return low, high


@njit(nogil=True)
def strip_ends(shape: Any, strip: int) -> Any:
    """Give the lowest and highest l of a strip (see ``detector.strip_ends``)."""
    half = (shape["side"] - abs(shape["pitch"] * (strip - shape["middle"]))) / _SQRT3
    return -half, min(half, shape["cut"])


@njit(nogil=True)
def chord(
    shape: Any, strip: int, t: float, along: float, dt: float, dl: float, low: float, high: float
) -> Any:
    """Part of a line inside a strip.

    Parameters
    ----------
    shape : record of SHAPE_DTYPE
    strip : int
    t, along : float
        Point of the line in the middle of the plane.
    dt, dl : float
        Slopes against z.
    low, high : float
        Ends of the line, z against the middle of the plane.

    Returns
    -------
    low, high : float
        Ends of the part inside; ``low >= high`` if the line misses the strip.
    """
    centre = shape["pitch"] * (strip - shape["middle"])
    base_low = (strip % 2 == 1) == (shape["odd_upstream"] == 1)
    lean = shape["half_base"] / shape["height"] * (1.0 if base_low else -1.0)
    half = 0.5 * shape["half_base"]
    low, high = _clip(low, high, dt + lean, half - (t - centre))
    low, high = _clip(low, high, -dt + lean, half + (t - centre))
    first, last = strip_ends(shape, strip)
    low, high = _clip(low, high, dl, last - along)
    return _clip(low, high, -dl, along - first)


@njit(nogil=True)
def strips_crossed(
    shape: Any, t: float, along: float, dt: float, dl: float, low: float, high: float, found: Any
) -> Any:
    """Find the strips on a line, in the order of the line.

    Parameters
    ----------
    shape, t, along, dt, dl, low, high
        See :func:`chord`.
    found : ndarray of float64, shape (MAX_CROSSINGS, 3)
        Filled: begin and end of the part inside, strip number.

    Returns
    -------
    int
        Rows filled.
    """
    end1, end2 = t + dt * low, t + dt * high
    least, most = min(end1, end2) - shape["half_base"], max(end1, end2) + shape["half_base"]
    first = max(1, math.ceil(least / shape["pitch"]) + shape["middle"])
    last = min(shape["strips"], math.floor(most / shape["pitch"]) + shape["middle"])
    n = 0
    for strip in range(first, last + 1):
        begin, end = chord(shape, strip, t, along, dt, dl, low, high)
        if end <= begin:
            continue
        place = n
        while place > 0 and found[place - 1, 0] > begin:
            found[place, 0], found[place, 1] = found[place - 1, 0], found[place - 1, 1]
            found[place, 2] = found[place - 1, 2]
            place -= 1
        found[place, 0], found[place, 1], found[place, 2] = begin, end, strip
        n += 1
    return n
