"""Tri-linear response from charge injection (pre-production page, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import address_columns
from mx2prod.calibration.feb_accumulator import FebSums, FebSumsKind
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import PARAMETERS, ReadoutMaps
from mx2prod.calibration.feb_fit_kernels import N_PARAMETERS, NO_FIT, fit_rows
from mx2prod.constants import FebResponse, Table
from mx2prod.constants.tables import GAINS
from mx2prod.core.errors import UsageError
from mx2prod.detector.hardware import HardwareMap

Floats = npt.NDArray[np.float64]
_ROUNDING_VARIANCE = 1 / 12
_SCALE_POWER = np.array([0, -1, 1, -1, 1, -1])
"""Power of the largest charge that each parameter has."""


@dataclass(frozen=True)
class FebFit:
    """Curves of all channels and gains; NaN where there is no fit.

    Attributes
    ----------
    curves, errors : ndarray of float64, shape (n_channels, 3, 6)
        Last axis: :data:`~mx2prod.calibration.feb_curve.PARAMETERS`, ADC and fC.
    chi2ndf : ndarray of float64, shape (n_channels, 3)
        0 with exactly six steps.
    steps : ndarray of int64, shape (n_channels, 3)
        Steps of the charge that were used.
    """

    curves: Floats
    errors: Floats
    chi2ndf: Floats
    steps: npt.NDArray[np.int64]

    @property
    def fitted(self) -> npt.NDArray[np.bool_]:
        """Channels with a curve of all three gains, shape (n_channels,)."""
        return np.asarray(np.isfinite(self.chi2ndf).all(axis=1))


def fit_injection(sums: FebSums, config: FebConfig | None = None) -> FebFit:
    """Fit the continuous tri-linear curve of every channel and gain.

    A step counts for a channel and gain if it has ``step_readings`` readings and none at a rail of
    the ADC.  Its error is the rms over the square root of the readings; the rms has the rounding
    to whole ADC in it and is at least that.

    Parameters
    ----------
    sums : FebSums
        Of the kind ``injection``.
    config : FebConfig, optional

    Returns
    -------
    FebFit

    Raises
    ------
    UsageError
        For sums of another kind, or with no charge above zero.
    """
    config = config or FebConfig()
    if sums.kind is not FebSumsKind.INJECTION:
        raise UsageError(f"sums of kind {sums.kind}: expected {FebSumsKind.INJECTION}")
    charge = sums.keys * config.charge_per_dac
    if not np.max(charge, initial=0) > 0:
        raise UsageError(
            f"{sums.gates.get('used', 0)} charge-injection gates without injected charge: nothing "
            "to fit",
            next_step="give the InjectDAC counts of the gates",
        )
    n_rows = sums.n_channels * len(GAINS)
    moments = sums.sums.reshape(len(sums.keys), n_rows, -1).transpose(1, 0, 2)
    mean, weight = _means(moments, config.step_readings)
    parameters, errors = np.full((2, n_rows, N_PARAMETERS), np.nan)
    chi2 = np.empty(n_rows)
    fit_rows(charge / charge[-1], mean, weight, parameters, errors, chi2)
    scale = charge[-1] ** _SCALE_POWER
    steps = np.count_nonzero(weight, axis=1)
    chi2ndf = np.where(chi2 == NO_FIT, np.nan, chi2 / np.maximum(steps - N_PARAMETERS, 1))
    shape = (sums.n_channels, len(GAINS))
    return FebFit(
        (parameters * scale).reshape(*shape, -1),
        (errors * scale).reshape(*shape, -1),
        chi2ndf.reshape(shape),
        steps.reshape(shape),
    )


def response_table(fit: FebFit, hardware: HardwareMap) -> Table:
    """Give the table of the channels that have a curve; others have no row.

    Raises
    ------
    TableError
        If no channel has a curve, or a parameter is not legal (a negative slope).
    """
    return table_of_curves(fit.curves, fit.errors, fit.chi2ndf, hardware, fit.fitted)


def table_of_curves(
    curves: Floats,
    errors: Floats,
    chi2ndf: Floats,
    hardware: HardwareMap,
    chosen: npt.NDArray[np.bool_] | None = None,
) -> Table:
    """Give a table of curves by channel number.

    Parameters
    ----------
    curves, errors : ndarray of float64, shape (n_channels, 3, 6)
    chi2ndf : ndarray of float64, shape (n_channels, 3)
    hardware : HardwareMap
    chosen : ndarray of bool, shape (n_channels,), optional
        Channels that get a row; by default all.

    Raises
    ------
    TableError
        See :meth:`mx2prod.constants.Table.of`.
    """
    rows = np.arange(hardware.n_channels) if chosen is None else np.flatnonzero(chosen)
    columns = address_columns(hardware, rows)
    values: dict[str, Floats] = {}
    for gain, (prefix, _) in enumerate(GAINS):
        for place, name in enumerate(PARAMETERS):
            values[f"{prefix}_{name}"] = curves[rows, gain, place]
            values[f"{prefix}_{name}_err"] = errors[rows, gain, place]
        values[f"{prefix}_chi2ndf"] = chi2ndf[rows, gain]
    return Table.of(FebResponse, {**columns, **values}, maps=ReadoutMaps(hardware))


def _means(moments: npt.NDArray[np.int64], fewest: int) -> tuple[Floats, Floats]:
    """Mean ADC and one over its variance of rows and steps; weight 0 where not usable."""
    n, total, squares, at_rail = (np.ascontiguousarray(moments[..., k]) for k in range(4))
    usable = (n >= fewest) & (at_rail == 0)
    count = np.where(usable, n, 2).astype(np.float64)
    mean = total / count
    variance = np.maximum((squares - total * mean) / (count - 1), _ROUNDING_VARIANCE)
    return np.where(usable, mean, 0.0), np.where(usable, count / variance, 0.0)
