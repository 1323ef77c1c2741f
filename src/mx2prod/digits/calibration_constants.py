"""All constants of calibrated digits, by dense channel; made once for the tables of a subrun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.constants import (
    AttenuationId,
    BadChannel,
    Constants,
    EnergyScale,
    FebResponse,
    Pedestal,
    PmtGain,
    Slewing,
    StripToStrip,
    Table,
    Temperature,
    Timing,
)
from mx2prod.core.errors import ConditionsError
from mx2prod.detector import Detector, Role
from mx2prod.digits.calibrated_columns import CHANNEL_CONSTANTS_DTYPE, CalDigitFlag
from mx2prod.digits.calibration_charge import IDENTITY_CURVE, set_charge
from mx2prod.digits.calibration_config import CalibrationConfig, DefaultConstant
from mx2prod.digits.calibration_light import energy_per_pe
from mx2prod.digits.calibration_rows import Floats, rows_of
from mx2prod.digits.calibration_times import fibre_delay, half_board_offsets, slewing_function

DEFAULT_FLAGS: dict[DefaultConstant, CalDigitFlag] = {
    "pedestal": CalDigitFlag.NO_PEDESTAL,
    "response": CalDigitFlag.NO_RESPONSE,
    "gain": CalDigitFlag.NO_GAIN,
    "attenuation": CalDigitFlag.NO_ATTENUATION,
    "strip_to_strip": CalDigitFlag.NO_S2S,
    "energy_scale": CalDigitFlag.NO_ENERGY_SCALE,
    "time_offset": CalDigitFlag.NO_TIME_OFFSET,
    "slewing": CalDigitFlag.NO_SLEWING,
}
"""Flag of a digit for which the constant is missing."""

TABLE_OF_DEFAULT: dict[DefaultConstant, type[Constants]] = {
    "pedestal": Pedestal,
    "response": FebResponse,
    "gain": PmtGain,
    "attenuation": AttenuationId,
    "strip_to_strip": StripToStrip,
    "energy_scale": EnergyScale,
    "time_offset": Timing,
    "slewing": Slewing,
}
"""Table that has the constant."""


@dataclass(frozen=True)
class CalibrationConstants:
    """What the calibration of digits reads.

    Attributes
    ----------
    channels : ndarray of CHANNEL_CONSTANTS_DTYPE, shape (n_channels + 1,)
        By dense channel; the last row is that of channels that do not exist.
    slewing : ndarray of float64, shape (6,)
        p1 to p4, ns, and the limits of the light, PE.
    temperature : tuple of float
        Reference (counts) and slope (1/counts) of the factor on the light.
    detector : Detector
    """

    channels: npt.NDArray[np.void]
    slewing: Floats
    temperature: tuple[float, float]
    detector: Detector

    @classmethod
    def of(
        cls, tables: Mapping[str, Table], config: CalibrationConfig, detector: Detector
    ) -> CalibrationConstants:
        """Make the constants of tables.

        Parameters
        ----------
        tables : mapping of str to Table
            By folder; those of a correction that is off are not needed.
        config : CalibrationConfig
        detector : Detector

        Raises
        ------
        ConditionsError
            If a whole table is missing and no default may be used.
        TableError
            If the slewing table has no range of light.
        """
        require_tables(tables, config)
        channels = np.zeros(detector.hardware.n_channels + 1, CHANNEL_CONSTANTS_DTYPE)
        _set_nowhere(channels[-1:])
        mapped = channels[:-1]
        _set_places(mapped, detector)
        ids = detector.hardware.channel_ids()
        _mark_bad(mapped, ids, tables.get(BadChannel.folder))
        electronics = tables.get(Pedestal.folder), tables.get(FebResponse.folder), tables.get(
            PmtGain.folder
        )  # fmt: skip
        set_charge(mapped, ids, electronics, config, detector.constants.response)
        _set_light(mapped, detector, config, tables)
        if config.do_cal_time:
            _set_delays(mapped, detector, config, tables)
        slewing = slewing_function(tables.get(Slewing.folder) if config.do_cal_time else None)
        return cls(channels, slewing, _temperature(tables, config), detector)

    def temperature_factor(self, counts: npt.NDArray[np.integer]) -> Floats:
        """Factor on the light of boards with these temperature registers."""
        reference, slope = self.temperature
        return 1 + slope * (counts.astype(np.float64) - reference)


def required_constants(config: CalibrationConfig) -> tuple[DefaultConstant, ...]:
    """Give the constants that the corrections that are on ask for."""
    wanted: dict[DefaultConstant, bool] = {
        "pedestal": True,
        "response": config.do_cal_charge,
        "gain": config.do_cal_pe,
        "attenuation": config.do_strip_atten or config.do_wls_baggie_atten,
        "strip_to_strip": config.do_cal_strip,
        "energy_scale": config.do_pe_to_energy,
        "time_offset": config.do_cal_time,
        "slewing": config.do_cal_time,
    }
    return tuple(name for name, is_wanted in wanted.items() if is_wanted)


def require_tables(tables: Mapping[str, Table], config: CalibrationConfig) -> None:
    """Raise :class:`ConditionsError` for tables that are missing and must not be."""
    missing = [
        name
        for name in required_constants(config)
        if TABLE_OF_DEFAULT[name].folder not in tables and name not in config.use_defaults
    ]
    folders = [TABLE_OF_DEFAULT[name].folder for name in missing]
    if config.do_temp_response and Temperature.folder not in tables:
        folders.append(Temperature.folder)
    if folders:
        allow = f", or set calibration: {{use_defaults: [{', '.join(missing)}]}}" if missing else ""
        raise ConditionsError(
            f"calibration of digits: no table of {', '.join(folders)}",
            next_step=f"take a global tag that has them{allow}",
        )


def _set_nowhere(channels: npt.NDArray[np.void]) -> None:
    channels["curve"], channels["top"] = IDENTITY_CURVE, np.inf
    channels["flags"] = int(CalDigitFlag.UNMAPPED | CalDigitFlag.DISCARDED)
    channels["strip"], channels["plane"], channels["role"] = -1, -1, int(Role.UNMAPPED)


def _set_places(channels: npt.NDArray[np.void], detector: Detector) -> None:
    role = detector.plex.channels["role"]
    strip = detector.plex.strip_of_channel
    channels["role"], channels["strip"] = role, strip
    channels["plane"] = np.where(strip < 0, -1, strip // detector.planes.shape.strips_per_plane)
    channels["flags"][role == Role.OD] |= int(CalDigitFlag.OD)
    channels["flags"][role == Role.UNMAPPED] |= int(CalDigitFlag.UNMAPPED)


def _mark_bad(
    channels: npt.NDArray[np.void], ids: npt.NDArray[np.uint32], bad: Table | None
) -> None:
    rows = rows_of(bad, ids, lambda table: np.asarray(table["flags"] != 0))
    channels["flags"][rows >= 0] |= int(CalDigitFlag.BADCHANNEL)


def _set_light(
    channels: npt.NDArray[np.void],
    detector: Detector,
    config: CalibrationConfig,
    tables: Mapping[str, Table],
) -> None:
    used = (AttenuationId, StripToStrip, EnergyScale)
    factor, flags = energy_per_pe(detector, config, tuple(tables.get(t.folder) for t in used))
    has_strip = channels["strip"] >= 0
    strip = channels["strip"][has_strip]
    channels["energy_per_pe"][has_strip] = factor[strip]
    channels["flags"][has_strip] |= flags[strip]


def _set_delays(
    channels: npt.NDArray[np.void],
    detector: Detector,
    config: CalibrationConfig,
    tables: Mapping[str, Table],
) -> None:
    """Set offsets and ways; only pixels with a strip have to have an offset."""
    has_strip = channels["strip"] >= 0
    offset, missing = half_board_offsets(detector, tables.get(Timing.folder))
    slewing = tables.get(Slewing.folder)
    channels["delay"] = offset
    way = fibre_delay(detector, slewing, config)
    channels["delay"][has_strip] += way[channels["strip"][has_strip]]
    channels["flags"][has_strip & missing] |= int(CalDigitFlag.NO_TIME_OFFSET)
    if slewing is None:
        channels["flags"][has_strip] |= int(CalDigitFlag.NO_SLEWING)


def _temperature(tables: Mapping[str, Table], config: CalibrationConfig) -> tuple[float, float]:
    if not config.do_temp_response:
        return 0.0, 0.0
    table = tables[Temperature.folder]
    return float(table["t_ref"][0]), float(table["slope"][0])
