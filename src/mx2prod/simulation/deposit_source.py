"""Deposits of a full simulation in place of the particle layer (detector page, section 7.1)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod.core.files import adler32_of
from mx2prod.detector import Planes
from mx2prod.simulation.events import Events
from mx2prod.simulation.external import read_deposits
from mx2prod.simulation.spec import DepositFile


class DepositSource:
    """Gives the gates of a file the deposits that a file of another program has for them.

    Parameters
    ----------
    file : DepositFile
    planes : Planes
    plane_shift_mm, plane_rotation_rad : ndarray of float64, shape (n_planes,)
        As of :class:`~.events.EventGenerator`.

    Raises
    ------
    InputFileError, UsageError
        See :func:`~.external.read_deposits`.
    """

    def __init__(
        self,
        file: DepositFile,
        planes: Planes,
        plane_shift_mm: npt.NDArray[np.float64],
        plane_rotation_rad: npt.NDArray[np.float64],
    ) -> None:
        path = Path(file.path)
        found = read_deposits(path, planes, plane_shift_mm, plane_rotation_rad, file.format)
        self._deposits = found.deposits
        self.adler32 = adler32_of(path)

    def generate(self, plan: npt.NDArray[np.void]) -> Events:
        """Give the deposits of the gates of a plan; there are no particles and no vertices.

        Parameters
        ----------
        plan : ndarray of GATE_PLAN_DTYPE
            Consecutive gates.
        """
        gates = self._deposits["gate"]
        first = np.searchsorted(gates, plan["gate"][0])
        last = np.searchsorted(gates, plan["gate"][-1], side="right")
        return replace(Events.none(), deposits=self._deposits[first:last])
