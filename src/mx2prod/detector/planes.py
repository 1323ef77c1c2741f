"""The planes of a geometry version, as arrays along the beam."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import AddressError, TableError
from mx2prod.detector.addresses import pack_strip_ids
from mx2prod.detector.coordinates import FRAME_OF_GEOMETRY, Frame2x2, View
from mx2prod.detector.plane_shape import PLANE_SHAPE, PlaneShape
from mx2prod.detector.schemas import frame_comment
from mx2prod.detector.table import Table
from mx2prod.detector.versions import DEFAULT_GEOMETRY, load_table

Integers = npt.NDArray[np.int64]
_MODULES, _PLANES = 128, 4
"""Largest module and plane number of a strip id, plus one."""


@dataclass(frozen=True)
class Planes:
    """Plane table of a geometry version.

    Attributes
    ----------
    table : Table
        Rows in order along the beam, with the columns module, plane, view, region, subdet,
        absorber, z_det_mm, z_2x2_mm.
    frame : Frame2x2 or None
        Where the 2x2 frame lies; None if the table does not say.
    shape : PlaneShape
    view : ndarray of uint8, shape (n_planes,)
        Codes of :class:`View`.
    """

    table: Table
    frame: Frame2x2 | None
    shape: PlaneShape = PLANE_SHAPE
    view: npt.NDArray[np.uint8] = field(init=False)
    _index: npt.NDArray[np.int32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows = self.table.rows
        view = np.array([View.of(name) for name in rows["view"].tolist()], dtype=np.uint8)
        index = np.full((_MODULES, _PLANES), -1, dtype=np.int32)
        index[rows["module"], rows["plane"]] = np.arange(len(rows))
        for name, array in (("view", view), ("_index", index)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def load(cls, name: str = DEFAULT_GEOMETRY, *, sha256: str | None = None) -> Planes:
        """Load a geometry by version name or path (see :func:`~.versions.load_table`).

        Raises
        ------
        UsageError, InputFileError, TableError
            See :func:`~.versions.load_table`; also if the stated 2x2 frame and the two z columns
            of the table differ.
        """
        table = load_table(name, "planes", sha256=sha256)
        return cls(table, _frame_of(table))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def name(self) -> str:
        """Version name."""
        return self.table.name

    @property
    def module(self) -> Integers:
        """Module of each plane, shape (n_planes,)."""
        return self.table.rows["module"].astype(np.int64)

    @property
    def plane(self) -> Integers:
        """Plane number in its module, shape (n_planes,)."""
        return self.table.rows["plane"].astype(np.int64)

    @property
    def subdet(self) -> Integers:
        """Sub-detector code of strip ids, shape (n_planes,)."""
        return self.table.rows["subdet"].astype(np.int64)

    @property
    def z(self) -> npt.NDArray[np.float64]:
        """Centre of the strips in the detector frame, mm, shape (n_planes,)."""
        return self.table.rows["z_det_mm"].astype(np.float64)

    @property
    def n_strips(self) -> int:
        """Number of strips of all planes."""
        return len(self) * self.shape.strips_per_plane

    def index(self, module: npt.ArrayLike, plane: npt.ArrayLike) -> Integers:
        """Row of planes in the table; -1 for one that does not exist.

        Parameters
        ----------
        module, plane : int or array_like of int

        Returns
        -------
        ndarray of int64
        """
        modules, planes = np.broadcast_arrays(np.asarray(module), np.asarray(plane))
        legal = (modules >= 0) & (modules < _MODULES) & (planes >= 0) & (planes < _PLANES)
        rows = self._index[np.where(legal, modules, 0), np.where(legal, planes, 0)]
        return np.where(legal, rows, -1).astype(np.int64)

    def z_of(self, module: npt.ArrayLike, plane: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Centre of the strips of planes, detector frame, mm.

        Raises
        ------
        AddressError
            If a plane does not exist.
        """
        return np.asarray(self.z[self.require(module, plane)])

    def require(self, module: npt.ArrayLike, plane: npt.ArrayLike) -> Integers:
        """Like :meth:`index`, for planes that must exist.

        Raises
        ------
        AddressError
            Naming the first plane that does not exist.
        """
        rows = self.index(module, plane)
        if np.any(rows < 0):
            modules, planes = np.broadcast_arrays(np.asarray(module), np.asarray(plane))
            place = int(np.argmax(np.ravel(rows) < 0))
            raise AddressError(
                f"no plane {np.ravel(planes)[place]} in module {np.ravel(modules)[place]} of "
                f"{self.name} (modules {self.module.min()}..{self.module.max()})",
                next_step="mx2 detector planes",
            )
        return rows

    def strip_index(
        self, module: npt.ArrayLike, plane: npt.ArrayLike, strip: npt.ArrayLike
    ) -> Integers:
        """Dense strip index: ``plane row * 127 + strip - 1``; -1 for a strip that does not exist.

        Parameters
        ----------
        module, plane, strip : int or array_like of int

        Returns
        -------
        ndarray of int64
            0 .. n_strips - 1, or -1.
        """
        rows, strips = np.broadcast_arrays(self.index(module, plane), np.asarray(strip))
        exists = (rows >= 0) & (strips >= 1) & (strips <= self.shape.strips_per_plane)
        return np.where(exists, rows * self.shape.strips_per_plane + strips - 1, -1)

    def strips(self) -> npt.NDArray[np.void]:
        """All strips in order of the dense index.

        Returns
        -------
        ndarray, shape (n_strips,)
            Fields strip_id, subdet, module, plane, strip, view (codes of :class:`View`).
        """
        per_plane = self.shape.strips_per_plane
        strips = np.zeros(self.n_strips, dtype=STRIP_ROW_DTYPE)
        for name in ("subdet", "module", "plane"):
            strips[name] = np.repeat(self.table.rows[name], per_plane)
        strips["view"] = np.repeat(self.view, per_plane)
        strips["strip"] = np.tile(np.arange(1, per_plane + 1), len(self))
        strips["strip_id"] = pack_strip_ids(
            strips["subdet"], strips["module"], strips["plane"], strips["strip"]
        )
        return strips

    def frame_2x2(self) -> Frame2x2:
        """Return the 2x2 frame of this geometry.

        Raises
        ------
        TableError
            If the table is one's own and does not state it.
        """
        if self.frame is None:
            raise TableError(
                f"{self.table.source}: the 2x2 frame is not known",
                next_step="add a comment line '# frame_2x2 = x y z' (mm) to the table",
            )
        return self.frame


STRIP_ROW_DTYPE = np.dtype(
    [
        ("strip_id", "<u4"),
        ("subdet", "u1"),
        ("module", "u1"),
        ("plane", "u1"),
        ("strip", "u1"),
        ("view", "u1"),
    ]
)


def _frame_of(table: Table) -> Frame2x2 | None:
    stated = frame_comment(table)
    frame = Frame2x2(*stated) if stated else FRAME_OF_GEOMETRY.get(table.name)
    if frame is None:
        return None
    shift = float(np.median(table.rows["z_2x2_mm"] - table.rows["z_det_mm"]))
    if abs(shift - frame.z) > 0.011:
        raise TableError(
            f"{table.source}: z_2x2_mm - z_det_mm is {shift:.2f}, the 2x2 frame says {frame.z:.2f}"
        )
    return frame
