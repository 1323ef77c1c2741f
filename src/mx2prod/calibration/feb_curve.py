"""Tri-linear response of the front-end boards: charge to ADC, ADC to charge, choice of the gain.

ADC = pedestal + f(x) - adc0 with f tri-linear in the charge x and continuous at the kinks
(detector page, section 6; pre-production page, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import require_schema
from mx2prod.constants import FebResponse, Table
from mx2prod.constants.keys import default_maps
from mx2prod.constants.tables import GAINS
from mx2prod.core.errors import TableError
from mx2prod.detector import Planes, Response
from mx2prod.detector.feb_curve_kernels import adc_of_charge_kernel, charge_of_adc_kernel
from mx2prod.detector.hardware import HardwareMap

Floats = npt.NDArray[np.float64]

PARAMETERS = ("adc0", "slope1", "xkink1", "slope2", "xkink2", "slope3")
"""Last axis of arrays of curves, in this order; ADC, ADC/fC and fC."""

ADC0, SLOPE1, KINK1, SLOPE2, KINK2, SLOPE3 = range(len(PARAMETERS))


def adc_of_charge(charge: npt.ArrayLike, curves: Floats) -> Floats:
    """ADC above pedestal of charges, not rounded and not clipped.

    Parameters
    ----------
    charge : array_like of float
        fC; broadcasts against the curves without their last axis.
    curves : ndarray of float64, shape (..., 6)
        See :data:`PARAMETERS`; adc0 does not matter.

    Returns
    -------
    ndarray of float64
    """
    return np.asarray(adc_of_charge_kernel(charge, *_without_offset(curves)))


def charge_of_adc(adc_above_pedestal: npt.ArrayLike, curves: Floats) -> Floats:
    """Charge of ADC values, the unique inverse of :func:`adc_of_charge`.

    Parameters
    ----------
    adc_above_pedestal : array_like of float
        ADC minus pedestal; broadcasts against the curves without their last axis.
    curves : ndarray of float64, shape (..., 6)
        Slopes above 0; where the third slope is 0, the charge beyond the second kink is infinite.

    Returns
    -------
    ndarray of float64
        fC.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(charge_of_adc_kernel(adc_above_pedestal, *_without_offset(curves)))


def adc_at_kinks(curves: Floats) -> tuple[Floats, Floats]:
    """ADC above pedestal at both kinks, each of the shape of the curves without the last axis."""
    first = adc_of_charge(curves[..., KINK1], curves)
    return first, adc_of_charge(curves[..., KINK2], curves)


def charge_of_gains(
    adc_above_pedestal: npt.ArrayLike, curves: Floats
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Charge from the most sensitive gain that is not beyond its second kink.

    Parameters
    ----------
    adc_above_pedestal : array_like of float, shape (..., n_gains)
        High, medium, low; leave low out where it holds no charge.  NaN if a gain was not read.
    curves : ndarray of float64, shape (..., n_gains, 6)

    Returns
    -------
    charge : ndarray of float64, shape (...)
        fC; of the last gain if all are beyond.
    gain : ndarray of int64, shape (...)
        Number of the gain that was used.
    """
    adc = np.asarray(adc_above_pedestal, dtype=np.float64)
    usable = adc <= adc_at_kinks(curves)[1]
    usable[..., -1] = True
    gain = np.argmax(usable, axis=-1)
    charge = charge_of_adc(adc, curves)
    chosen = np.take_along_axis(charge, gain[..., None], axis=-1)[..., 0]
    return chosen, gain.astype(np.int64)


def curves_of_table(table: Table, hardware: HardwareMap) -> Floats:
    """Curves of a constants table as arrays.

    Parameters
    ----------
    table : Table
        Of the schema :class:`FebResponse`.
    hardware : HardwareMap
        Gives the channel numbers.

    Returns
    -------
    ndarray of float64, shape (n_channels, 3, 6)
        By channel number, gain, :data:`PARAMETERS`.

    Raises
    ------
    TableError
        If the table has another schema, or lacks a channel of the hardware map; rows of boards
        that the map does not have are left out.
    """
    require_schema(table, FebResponse)
    missing = np.setdiff1d(hardware.channel_ids(), table.channel)
    if len(missing):
        address = "-".join(map(str, FebResponse.key.address_of(int(missing[0]))))
        raise TableError(
            f"table {table.schema.schema}: {len(missing)} channels of {hardware.table.name} are "
            f"missing, the first is {address}",
            next_step="mx2 calibrate feb",
        )
    return channel_values(table, hardware, PARAMETERS)


@dataclass(frozen=True)
class ReadoutMaps:
    """What tells existing channels from others: any hardware map, the default planes."""

    hardware: HardwareMap

    @property
    def planes(self) -> Planes:
        """Planes of the default geometry."""
        return default_maps().planes


def channel_values(table: Table, hardware: HardwareMap, names: tuple[str, ...]) -> Floats:
    """Give columns ``hg_<name>``, ``mg_<name>``, ``lg_<name>`` of a table by channel number.

    Parameters
    ----------
    table : Table
        Of a schema with such columns.
    hardware : HardwareMap
    names : tuple of str
        Column names without the prefix of the gain.

    Returns
    -------
    ndarray of float64, shape (n_channels, 3, len(names))
        NaN where the table has no row; rows of boards that the map does not have are left out.
    """
    channel = hardware.channel_index(table.channel)
    known = channel >= 0
    values = np.full((hardware.n_channels, len(GAINS), len(names)), np.nan)
    for gain, (prefix, _) in enumerate(GAINS):
        for place, name in enumerate(names):
            values[channel[known], gain, place] = table[f"{prefix}_{name}"][known]
    return values


def nominal_curves(response: Response | None = None) -> Floats:
    """Curves of the detector page, the same for all channels.

    Parameters
    ----------
    response : Response, optional

    Returns
    -------
    ndarray of float64, shape (3, 6)
        Broadcasts against ``(n_channels, 3, 6)``.
    """
    curves = (response or Response()).curves
    return np.array([
        (curve.adc0, curve.slope1, curve.kink1, curve.slope2, curve.kink2, curve.slope3)
        for curve in curves
    ])  # fmt: skip


def _without_offset(curves: Floats) -> tuple[Floats, ...]:
    return tuple(curves[..., place] for place in range(SLOPE1, SLOPE3 + 1))
