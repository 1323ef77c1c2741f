"""What gains need to know beforehand: pedestals and front-end curves, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import require_schema
from mx2prod.calibration.feb_curve import (
    PARAMETERS,
    adc_at_kinks,
    channel_values,
    nominal_curves,
)
from mx2prod.constants import FebResponse, Pedestal, Table, content_sha256
from mx2prod.detector.hardware import HardwareMap

Floats = npt.NDArray[np.float64]

NOMINAL = "nominal"
"""In the place of a content hash: nominal curves, no table."""


@dataclass(frozen=True)
class GainInputs:
    """Pedestals and curves as arrays by channel number and gain.

    Attributes
    ----------
    mean, rms, entries : ndarray of float64, shape (n_channels, 3)
        Pedestals in ADC; NaN for a channel without a row.
    curves : ndarray of float64, shape (n_channels, 3, 6)
        See :data:`~mx2prod.calibration.feb_curve.PARAMETERS`.
    has_feb : ndarray of bool, shape (n_channels,)
        False where the table of the FEB response has no row: the nominal curve is used.
    pedestals : str
        Sha256 of the content of the pedestal table.
    feb : str
        The same of the FEB response; ``nominal`` without a table.
    end_us : int or None
        Time of the last pedestal gate, microseconds since 1970, where the table says it.
    """

    mean: Floats
    rms: Floats
    entries: Floats
    curves: Floats
    has_feb: npt.NDArray[np.bool_]
    pedestals: str
    feb: str
    end_us: int | None

    @classmethod
    def of(cls, hardware: HardwareMap, pedestals: Table, feb: Table | None = None) -> GainInputs:
        """Arrays of constants tables.

        Parameters
        ----------
        hardware : HardwareMap
        pedestals : Table
            Schema :class:`~mx2prod.constants.Pedestal`, valid for the subrun.
        feb : Table, optional
            Schema :class:`~mx2prod.constants.FebResponse`; nominal curves without.

        Raises
        ------
        TableError
            If the tables have other schemas.
        """
        for table, schema, verb in (
            (pedestals, Pedestal, "pedestals"),
            (feb, FebResponse, "feb"),
        ):
            require_schema(table, schema, next_step=f"mx2 calibrate {verb}")
        values = channel_values(pedestals, hardware, ("mean", "rms", "entries"))
        mean, rms, entries = np.moveaxis(values, 2, 0).copy()
        curves = np.broadcast_to(nominal_curves(), (hardware.n_channels, 3, len(PARAMETERS)))
        has_feb = np.ones(hardware.n_channels, np.bool_)
        if feb is not None:
            given = channel_values(feb, hardware, PARAMETERS)
            has_feb = np.asarray(np.isfinite(given).all(axis=(1, 2)))
            curves = np.where(has_feb[:, None, None], given, curves)
        return cls(
            mean,
            rms,
            entries,
            np.ascontiguousarray(curves),
            has_feb,
            content_sha256(pedestals),
            NOMINAL if feb is None else content_sha256(feb),
            None if pedestals.period is None else pedestals.period.end_us,
        )

    @property
    def hashes(self) -> dict[str, str]:
        """Content hashes of both tables by the names of their schemas."""
        return {Pedestal.schema: self.pedestals, FebResponse.schema: self.feb}

    @property
    def adc_at_kink1(self) -> Floats:
        """ADC above pedestal at the first kink, shape (n_channels, 3)."""
        return adc_at_kinks(self.curves)[0]

    @property
    def adc_at_kink2(self) -> Floats:
        """ADC above pedestal at the second kink, shape (n_channels, 3)."""
        return adc_at_kinks(self.curves)[1]
