"""All detector tables of a job in one object, with the versions that outputs record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mx2prod.core.canonical import sha256_of
from mx2prod.core.errors import ConfigError
from mx2prod.core.workspace import is_table_path
from mx2prod.detector.electronics import Electronics
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.plane_shape import PlaneShape
from mx2prod.detector.planes import Planes
from mx2prod.detector.plex import Plex
from mx2prod.detector.response import Response
from mx2prod.detector.table import Table
from mx2prod.detector.versions import (
    BOARDS_VERSION,
    DEFAULT_FIBRES,
    DEFAULT_GEOMETRY,
    DEFAULT_PLEX,
    OD_FRAMES_OF_GEOMETRY,
    load_table,
)

CONSTANTS_VERSION = "constants_v2"


@dataclass(frozen=True)
class DetectorConstants:
    """The constants of the detector that are not tables, each with mark and source.

    Attributes
    ----------
    shape : PlaneShape
    electronics : Electronics
    response : Response
    version : str
        Changes when a default changes.
    """

    shape: PlaneShape = field(default_factory=PlaneShape)
    electronics: Electronics = field(default_factory=Electronics)
    response: Response = field(default_factory=Response)
    version: str = CONSTANTS_VERSION

    @property
    def sha256(self) -> str:
        """Hash of all values, 64 hexadecimal digits."""
        return sha256_of([self.shape.sha256, self.electronics.sha256, self.response.sha256])


@dataclass(frozen=True)
class Fibres:
    """Fibre lengths by dense strip number.

    Attributes
    ----------
    table : Table
    bagged_wls, clear : ndarray of float64, shape (n_strips,), mm
        Wavelength-shifting fibre outside the strip, and clear fibre.
    readout_end : ndarray of int8, shape (n_strips,)
        1 if the strip is read at +l, -1 if at -l.
    """

    table: Table
    bagged_wls: npt.NDArray[np.float64]
    clear: npt.NDArray[np.float64]
    readout_end: npt.NDArray[np.int8]

    @classmethod
    def load(cls, planes: Planes, name: str = DEFAULT_FIBRES) -> Fibres:
        """Load fibre lengths by version name or path, for the strips of a geometry.

        Raises
        ------
        UsageError, InputFileError, TableError
            See :func:`~.versions.load_table`; also if the table names a strip that the geometry
            does not have.
        """
        table = load_table(name, "fibres")
        rows = table.rows
        strip = planes.strip_index(rows["module"], rows["plane"], rows["strip"])
        unknown = np.flatnonzero(strip < 0)
        if unknown.size:
            table.refuse(int(unknown[0]), f"no such strip in {planes.name}")
        order = np.argsort(strip)
        return cls(
            table,
            rows["bagged_wls_mm"][order],
            rows["clear_mm"][order],
            rows["readout_end"][order].astype(np.int8),
        )


@dataclass(frozen=True)
class Detector:
    """Geometry, hardware map, wiring, fibres and constants of one job.

    Attributes
    ----------
    planes : Planes
    hardware : HardwareMap
    plex : Plex
    boards : Table
        The inner-detector boards and the strip groups of ``plex_v1``.
    od_boards : Table
    od_frames : Table or None
        None if no frames belong to the geometry version.
    fibres : Fibres
    constants : DetectorConstants
    """

    planes: Planes
    hardware: HardwareMap
    plex: Plex
    boards: Table
    od_boards: Table
    od_frames: Table | None
    fibres: Fibres
    constants: DetectorConstants

    def versions(self) -> dict[str, dict[str, str]]:
        """Name and sha256 of every table in use; outputs record it.

        Returns
        -------
        dict
            By role: geometry, hardware, plex, boards, od_boards, od_frames (if any), fibres,
            constants.
        """
        tables = {
            "geometry": self.planes.table,
            "hardware": self.hardware.table,
            "plex": self.plex.table,
            "boards": self.boards,
            "od_boards": self.od_boards,
            "od_frames": self.od_frames,
            "fibres": self.fibres.table,
        }
        versions = {role: table.version() for role, table in tables.items() if table is not None}
        constants = {"name": self.constants.version, "sha256": self.constants.sha256}
        return {**versions, "constants": constants}


def load_detector(
    geometry: str = DEFAULT_GEOMETRY,
    plex: str = DEFAULT_PLEX,
    fibres: str = DEFAULT_FIBRES,
) -> Detector:
    """Load and check all detector tables.

    Parameters
    ----------
    geometry, plex, fibres : str
        Version names, or paths of one's own tables.

    Returns
    -------
    Detector

    Raises
    ------
    UsageError
        If a version name is unknown; the nearest one is given.
    InputFileError
        If a file cannot be read.
    TableError
        If a table breaks its schema, or the tables do not fit together.
    """
    if any(is_table_path(name) for name in (geometry, plex, fibres)):
        return _load(geometry, plex, fibres)
    return _load_known(geometry, plex, fibres)


def _load(geometry: str, plex: str, fibres: str) -> Detector:
    planes, hardware = Planes.load(geometry), HardwareMap.load()
    wiring = Plex.load(plex, planes=planes, hardware=hardware)
    frames = OD_FRAMES_OF_GEOMETRY.get(geometry)
    return Detector(
        planes=planes,
        hardware=hardware,
        plex=wiring,
        boards=load_table(BOARDS_VERSION, "boards"),
        od_boards=wiring.od_table,
        od_frames=None if frames is None else load_table(frames, "od_frames"),
        fibres=Fibres.load(planes, fibres),
        constants=DetectorConstants(),
    )


_load_known = lru_cache(maxsize=8)(_load)


def require_recorded_versions(
    recorded: Mapping[str, Mapping[str, str]],
    detector: Detector,
    *,
    explicit: bool = False,
) -> list[str]:
    """Compare the tables that an input file records with those of this job.

    Parameters
    ----------
    recorded : mapping
        As :meth:`Detector.versions` gave it when the file was written.
    detector : Detector
        The tables of this job.
    explicit : bool
        The geometry was named on the command line, so a difference is wanted.

    Returns
    -------
    list of str
        The differences, to be recorded in the output.

    Raises
    ------
    ConfigError
        If there is a difference and it is not ``explicit``.
    """
    used = detector.versions()
    differences = [
        f"{role}: {entry.get('name')} ({entry.get('sha256', '')[:12]}) in the file, "
        f"{used[role]['name']} ({used[role]['sha256'][:12]}) in this job"
        for role, entry in recorded.items()
        if role in used and entry.get("sha256") != used[role]["sha256"]
    ]
    if differences and not explicit:
        raise ConfigError(
            "the input was made with other detector tables: " + "; ".join(differences),
            next_step="give --geometry and --plex of the file, or those that you want, explicitly",
        )
    return differences
