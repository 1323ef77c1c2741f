"""From ADC to photoelectrons: pedestals, response and gain of every channel.

Source: reconstruction page, section 5, rows 1 and 2.  A row whose numbers give no charge (a slope
or a gain of 0, kinks out of order) counts as missing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mx2prod.constants import Table
from mx2prod.constants.tables import ADC_MAX, GAINS
from mx2prod.detector import Response
from mx2prod.detector.response import ELECTRON_CHARGE_FC
from mx2prod.digits.calibrated_columns import CalDigitFlag
from mx2prod.digits.calibration_config import CalibrationConfig
from mx2prod.digits.calibration_rows import Bools, rows_of, values_of

Channels = npt.NDArray[np.void]
Ids = npt.NDArray[np.uint32]

CURVE = ("slope1", "kink1", "slope2", "kink2", "slope3")
IDENTITY_CURVE = (1.0, np.inf, 1.0, np.inf, 1.0)
"""A curve that gives back the ADC."""


def set_pedestals(channels: Channels, ids: Ids, pedestals: Table | None) -> None:
    """Set the pedestals of all gains; a channel without them has no charge."""
    rows = rows_of(pedestals, ids)
    for gain, (prefix, _) in enumerate(GAINS):
        channels["pedestal"][:, gain] = values_of(pedestals, f"{prefix}_mean", rows, 0.0)
    missing = int(CalDigitFlag.NO_PEDESTAL | CalDigitFlag.DISCARDED)
    channels["flags"][rows < 0] |= missing


def set_response(channels: Channels, ids: Ids, responses: Table | None, response: Response) -> None:
    """Set the curves of all gains, and how far each gain is taken: to its second kink.

    A gain is not taken at the upper end of the ADC either.
    """
    rows = rows_of(responses, ids, _usable_curves)
    for gain, ((prefix, _), default) in enumerate(zip(GAINS, response.curves, strict=True)):
        for number, name in enumerate(CURVE):
            column = f"{prefix}_{name.replace('kink', 'xkink')}"
            channels["curve"][:, gain, number] = values_of(
                responses, column, rows, getattr(default, name)
            )
    slope1, kink1, slope2, kink2, _ = np.moveaxis(channels["curve"], 2, 0)
    at_kink = slope1 * kink1 + slope2 * (kink2 - kink1)
    end = ADC_MAX - 1 - channels["pedestal"]
    channels["top"] = np.minimum(at_kink, end)[:, : channels["top"].shape[1]]
    channels["flags"][rows < 0] |= int(CalDigitFlag.NO_RESPONSE)


def set_no_response(channels: Channels) -> None:
    """Take the high gain above pedestal, in ADC, as the charge."""
    channels["curve"] = IDENTITY_CURVE
    channels["top"] = np.inf


def set_gains(channels: Channels, ids: Ids, gains: Table | None, response: Response) -> None:
    """Set the photoelectrons of a charge, 1/fC."""
    rows = rows_of(gains, ids, lambda table: np.asarray(table["gain"] > 0))
    gain = values_of(gains, "gain", rows, response.gain_mean)
    channels["pe_per_charge"] = 1 / (gain * ELECTRON_CHARGE_FC)
    channels["flags"][rows < 0] |= int(CalDigitFlag.NO_GAIN)


def set_charge(
    channels: Channels,
    ids: Ids,
    tables: tuple[Table | None, Table | None, Table | None],
    config: CalibrationConfig,
    response: Response,
) -> None:
    """Set everything between ADC and photoelectrons.

    Parameters
    ----------
    channels : ndarray of CHANNEL_CONSTANTS_DTYPE, shape (n,)
        Changed.
    ids : ndarray of uint32, shape (n,)
        Channel ids.
    tables : tuple of Table or None
        Pedestals, FEB response, PMT gains.
    config : CalibrationConfig
    response : Response
        Defaults.
    """
    pedestals, responses, gains = tables
    set_pedestals(channels, ids, pedestals)
    if config.do_cal_charge:
        set_response(channels, ids, responses, response)
    else:
        set_no_response(channels)
    if config.do_cal_pe:
        set_gains(channels, ids, gains, response)
    else:
        channels["pe_per_charge"] = 1.0
    without = (channels["flags"] & int(CalDigitFlag.NO_PEDESTAL)) != 0
    channels["pe_per_charge"][without] = 0.0


def _usable_curves(table: Table) -> Bools:
    good = np.ones(len(table), np.bool_)
    for prefix, _ in GAINS:
        kink1, kink2 = table[f"{prefix}_xkink1"], table[f"{prefix}_xkink2"]
        good &= (kink1 > 0) & (kink2 > kink1)
        good &= (table[f"{prefix}_slope1"] > 0) & (table[f"{prefix}_slope2"] > 0)
    return good
