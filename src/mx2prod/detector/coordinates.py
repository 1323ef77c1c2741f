"""Views and frames: x, y, z and the coordinates that the strips measure (detector page, 2.2).

Strips, constants, reconstruction and truth use the detector frame: x and y centred on the Mx2 axis,
z of the plane table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError

Floats = npt.NDArray[np.float64]


class View(IntEnum):
    """Coordinate that the strips of a plane measure; the codes of the output files."""

    UNKNOWN = 0
    X = 1
    U = 2
    V = 3

    @classmethod
    def of(cls, name: str) -> View:
        """View of a name in a table; ``-`` is unknown.

        Raises
        ------
        UsageError
            If the name is none of X, U, V, -.
        """
        if name == "-":
            return cls.UNKNOWN
        if name not in ("X", "U", "V"):
            raise UsageError(f"no view {name!r} (known: X, U, V)")
        return cls[name]

    @property
    def letter(self) -> str:
        """X, U, V, or ``-`` for unknown."""
        return "-" if self is View.UNKNOWN else self.name


_HALF_SQRT3 = np.sqrt(3.0) / 2
_DIRECTIONS = np.array([(np.nan, np.nan), (1.0, 0.0), (0.5, -_HALF_SQRT3), (0.5, _HALF_SQRT3)])
"""By view code: t = x * first + y * second.  U and V are X turned by -60 and +60 degrees."""


def _directions(view: npt.ArrayLike) -> tuple[Floats, Floats]:
    codes = np.asarray(view)
    if codes.size and (codes.dtype.kind not in "iu" or codes.min() < 1 or codes.max() > 3):
        raise UsageError(f"view {view!r} is none of 1 (X), 2 (U), 3 (V)")
    directions = _DIRECTIONS[codes.astype(np.int64)]
    return directions[..., 0], directions[..., 1]


def to_view(x: npt.ArrayLike, y: npt.ArrayLike, view: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Coordinates t (measured) and l (along the strips) of points.

    X: t = x, l = y.  U: t = (x - sqrt(3) y)/2, l = (sqrt(3) x + y)/2.
    V: t = (x + sqrt(3) y)/2, l = (-sqrt(3) x + y)/2.

    Parameters
    ----------
    x, y : array_like of float, mm
        Detector frame.
    view : View or array_like of int
        Codes of :class:`View`; broadcasts with the points.

    Returns
    -------
    t, l : ndarray of float64, mm

    Raises
    ------
    UsageError
        If a view code is none of X, U, V.
    """
    a, b = _directions(view)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return np.asarray(a * x + b * y), np.asarray(a * y - b * x)


def from_view(
    t: npt.ArrayLike,
    l: npt.ArrayLike,  # noqa: E741
    view: npt.ArrayLike,
) -> tuple[Floats, Floats]:
    """Points x, y from t and l; the inverse of :func:`to_view`.

    Parameters
    ----------
    t, l : array_like of float, mm
    view : View or array_like of int

    Returns
    -------
    x, y : ndarray of float64, mm

    Raises
    ------
    UsageError
        If a view code is none of X, U, V.
    """
    a, b = _directions(view)
    t, along = np.asarray(t, dtype=np.float64), np.asarray(l, dtype=np.float64)
    return np.asarray(a * t - b * along), np.asarray(b * t + a * along)


def from_two_views(
    first: npt.ArrayLike, first_view: View, second: npt.ArrayLike, second_view: View
) -> tuple[Floats, Floats]:
    """Points x, y from the measured coordinates of two different views.

    From U and V: x = u + v, y = (v - u)/sqrt(3).

    Parameters
    ----------
    first, second : array_like of float, mm
        Coordinate t of each view.
    first_view, second_view : View

    Returns
    -------
    x, y : ndarray of float64, mm

    Raises
    ------
    UsageError
        If the views are the same, or one is none of X, U, V.
    """
    if first_view == second_view:
        raise UsageError(f"two different views are needed, found {first_view.letter} twice")
    (a, b), (c, d) = _directions(first_view), _directions(second_view)
    p, q = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    determinant = a * d - b * c
    return (
        np.asarray((d * p - b * q) / determinant),
        np.asarray((a * q - c * p) / determinant),
    )


@dataclass(frozen=True)
class Frame2x2:
    """The frame of the 2x2, origin at the centre of its cryostat, of one geometry version.

    Attributes
    ----------
    x, y, z : float
        Added to detector coordinates, mm.
    """

    x: float
    y: float
    z: float

    def from_detector(self, points: npt.ArrayLike) -> Floats:
        """Points of the detector frame in the 2x2 frame.

        Parameters
        ----------
        points : array_like of float, shape (..., 3), mm

        Returns
        -------
        ndarray of float64, shape (..., 3), mm
        """
        return np.asarray(_points(points) + np.array([self.x, self.y, self.z]))

    def to_detector(self, points: npt.ArrayLike) -> Floats:
        """Points of the 2x2 frame in the detector frame; the inverse of :meth:`from_detector`."""
        return np.asarray(_points(points) - np.array([self.x, self.y, self.z]))


FRAME_OF_GEOMETRY = {
    "planes_v3": Frame2x2(0.0, 420.0, -6548.65),
    "planes_v4": Frame2x2(0.0, -218.34, -6912.63),
}
"""2x2 frame of the geometry versions (measured on the public GDML; detector page, 2.2 and 2.3)."""

DST_OFFSET = (0.0, 218.338, 6913.0)
"""``offsetX, offsetY, offsetZ`` stored in DST files, mm (fact: official flat converter).  Its z is
0.37 mm more than the geometry; readers use the numbers stored in the file."""


def detector_to_dst(
    points: npt.ArrayLike, frame: Frame2x2, offset: npt.ArrayLike = DST_OFFSET
) -> Floats:
    """Points as a DST file stores them: 2x2 position plus stored offset.

    Parameters
    ----------
    points : array_like of float, shape (..., 3), mm
        Detector frame.
    frame : Frame2x2
        Of the geometry in use.
    offset : array_like of float, shape (3,), mm
        The offsets that the same file stores.

    Returns
    -------
    ndarray of float64, shape (..., 3), mm
    """
    return np.asarray(frame.from_detector(points) + np.asarray(offset, dtype=np.float64))


def dst_to_detector(
    points: npt.ArrayLike, frame: Frame2x2, offset: npt.ArrayLike = DST_OFFSET
) -> Floats:
    """Points of a DST file in the detector frame; the inverse of :func:`detector_to_dst`."""
    return frame.to_detector(_points(points) - np.asarray(offset, dtype=np.float64))


def _points(points: npt.ArrayLike) -> Floats:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != 3:
        raise UsageError(f"points have shape {array.shape}, expected (..., 3)")
    return array
