"""The constants tables (conditions page, section 1.2; preproduction page, sections 2.5 and 3.4)."""

from __future__ import annotations

from enum import IntFlag
from typing import ClassVar

from mx2prod.constants.keys import Key
from mx2prod.constants.schema import Column, Constants
from mx2prod.detector import Electronics

ADC_MAX = Electronics().adc_max
GAINS = (("hg", "high gain"), ("mg", "medium gain"), ("lg", "low gain"))
"""Prefix and name of the three gains of a TriP-t channel."""


def _float(
    name: str,
    meaning: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
) -> Column:
    return Column(name, "float64", meaning, unit, minimum, maximum)


def _pedestal_of(prefix: str, gain: str) -> tuple[Column, ...]:
    return (
        _float(f"{prefix}_mean", f"{gain}: pedestal", "ADC", 0, ADC_MAX),
        _float(f"{prefix}_rms", f"{gain}: width of the pedestal", "ADC", 0, ADC_MAX),
        _float(f"{prefix}_entries", f"{gain}: readings kept", "", 0),
    )


class Pedestal(Constants):
    """Charge read without signal, of every pixel and gain."""

    schema = "pedestal/1"
    folder = "minerva2x2_pedestal_constants"
    title = "Pedestals"
    key = Key.CHANNEL
    values: ClassVar[tuple[Column, ...]] = tuple(
        column for prefix, gain in GAINS for column in _pedestal_of(prefix, gain)
    )


class PedestalCompanion(Constants):
    """How well the pedestals of the same rows are known; stays beside the pedestal table."""

    schema = "pedestal-companion/1"
    folder = ""
    title = "Quality of pedestals"
    key = Key.CHANNEL
    values: ClassVar[tuple[Column, ...]] = (
        *(
            column
            for prefix, gain in GAINS
            for column in (
                _float(f"{prefix}_mean_err", f"{gain}: error of the mean", "ADC", 0),
                _float(f"{prefix}_rms_err", f"{gain}: error of the rms", "ADC", 0),
            )
        ),
        _float("rejected_fraction", "readings rejected as outliers, high gain", "", 0, 1),
        _float("block_offset", "largest offset between hit blocks, high gain", "ADC"),
        _float("drift", "largest minus smallest mean of time slices, high gain", "ADC", 0),
        _float("coherent_rms", "part of the rms common to the board", "ADC", 0),
        Column("status", "int32", "status word of the channel verdict", minimum=0),
        _float(
            "previous_mean", "high-gain mean in the previous table; -1: none", "ADC", -1, ADC_MAX
        ),
    )


class PmtGain(Constants):
    """Gain of every pixel of the photomultipliers, from light injection."""

    schema = "pmtgain/1"
    folder = "minerva2x2_pmtgain_constants"
    title = "PMT gains"
    key = Key.CHANNEL
    values: ClassVar[tuple[Column, ...]] = (
        _float("gain", "electrons per photoelectron", "", 0),
        _float("gain_err", "error of the gain", "", 0),
        _float("pe_mean", "mean light of a pulse", "PE"),
        _float("q_mean", "mean charge of a pulse above pedestal", "fC"),
        _float("q_var", "variance of the charge", "fC²", 0),
        _float("w2", "relative variance of the response to one photoelectron", "", 0),
        _float("n_events", "light-injection pulses used", "", 0),
        _float("hv", "high voltage, raw reading of the FPGA", "DAQ code", 0, 0xFFFF),
        Column("status", "int32", "status word of the channel verdict", minimum=0),
    )


def _response_of(prefix: str, gain: str) -> tuple[Column, ...]:
    parts = (
        ("adc0", "ADC at zero charge", "ADC", None),
        ("slope1", "slope below the first kink", "ADC/fC", 0),
        ("xkink1", "charge at the first kink", "fC", 0),
        ("slope2", "slope between the kinks", "ADC/fC", 0),
        ("xkink2", "charge at the second kink", "fC", 0),
        ("slope3", "slope above the second kink", "ADC/fC", 0),
    )
    columns = []
    for name, meaning, unit, minimum in parts:
        columns.append(_float(f"{prefix}_{name}", f"{gain}: {meaning}", unit, minimum))
        columns.append(_float(f"{prefix}_{name}_err", f"{gain}: error of {name}", unit, 0))
    return (*columns, _float(f"{prefix}_chi2ndf", f"{gain}: chi2/ndf of the fit", "", 0))


class FebResponse(Constants):
    """Tri-linear response of every pixel and gain of the front-end boards to charge."""

    schema = "feb/1"
    folder = "minerva2x2_feb_constants"
    title = "FEB response"
    key = Key.CHANNEL
    values: ClassVar[tuple[Column, ...]] = tuple(
        column for prefix, gain in GAINS for column in _response_of(prefix, gain)
    )


_ATTENUATION = (
    _float("atten", "attenuation length", "mm", 0),
    _float("atten_error", "error of the attenuation length", "mm", 0),
    _float("amp", "amplitude", "", 0),
    _float("amp_error", "error of the amplitude", "", 0),
    _float("reflect", "reflectivity of the far end", "", 0),
    _float("reflect_error", "error of the reflectivity", "", 0),
)


class AttenuationId(Constants):
    """Attenuation of light along every strip of the inner detector."""

    schema = "atten_id/1"
    folder = "minerva2x2_atten_id_constants"
    title = "Attenuation, inner detector"
    key = Key.STRIP
    values: ClassVar[tuple[Column, ...]] = _ATTENUATION


class AttenuationOd(Constants):
    """Attenuation of light along every bar of the outer detector."""

    schema = "atten_od/1"
    folder = "minerva2x2_atten_od_constants"
    title = "Attenuation, outer detector"
    key = Key.OD_BAR
    values: ClassVar[tuple[Column, ...]] = _ATTENUATION


class StripToStrip(Constants):
    """Factor that makes the response of all strips equal; its mean over good strips is 1."""

    schema = "s2s/1"
    folder = "minerva2x2_s2s_constants"
    title = "Strip-to-strip constants"
    key = Key.STRIP
    values: ClassVar[tuple[Column, ...]] = (
        _float("s2s", "factor on the energy", "", 0),
        _float("ds2s", "error of the factor", "", 0),
        Column("entries", "int32", "muons used", minimum=0),
        Column(
            "error", "int32",
            "sum of 10000 dead, 1000 shift, 100 rms, 10 zero fraction, 1 low energy; 0 good",
            minimum=0, maximum=11111,
        ),
    )  # fmt: skip


class EnergyScale(Constants):
    """Muon energy unit: from photoelectrons to energy."""

    schema = "meu/1"
    folder = "minerva2x2_meu_constants"
    title = "Energy scale"
    key = Key.ONE_ROW
    values: ClassVar[tuple[Column, ...]] = (
        _float("meu", "energy of one photoelectron", "MeV/PE", 0),
        _float("meu_err", "error of meu", "MeV/PE", 0),
        _float("n_clusters", "clusters used", "", 0),
        _float("peak_data", "peak of the cluster energy in data", "MeV", 0),
        _float("peak_mc", "peak of the cluster energy in simulation", "MeV", 0),
        _float("chi2ndf", "chi2/ndf of the fit", "", 0),
        _float("ly_mc", "light yield of the simulation", "PE", 0),
    )


class Timing(Constants):
    """Time offset of every half board."""

    schema = "timing/1"
    folder = "minerva2x2_timing_constants"
    title = "Timing"
    key = Key.HALF_BOARD
    values: ClassVar[tuple[Column, ...]] = (
        _float("offset_ns", "offset of the hit times", "ns"),
        _float("offset_err", "error of the offset", "ns", 0),
        _float("n_hits", "hits used", "", 0),
        _float("rms_ns", "width of the residuals", "ns", 0),
        Column("status", "int32", "status word", minimum=0),
    )


class Slewing(Constants):
    """Time walk with the size of a pulse: sum over k of p_k (pe^(-k/2) - 10^(-k/2))."""

    schema = "slewing/1"
    folder = "minerva2x2_slewing_constants"
    title = "Time slewing"
    key = Key.ONE_ROW
    values: ClassVar[tuple[Column, ...]] = (
        _float("p0", "reserved, 0", "ns", 0, 0),
        *(_float(f"p{k}", f"coefficient of pe^(-{k}/2)", "ns") for k in range(1, 5)),
        _float("pe_min", "smallest light at which the function is taken", "PE", 0),
        _float("pe_max", "largest light at which the function is taken", "PE", 0),
        _float("n_index", "refractive index of the fibre", "", 1),
    )


class Alignment(Constants):
    """Shift and rotation of every plane."""

    schema = "alignment/1"
    folder = "minerva2x2_alignment_constants"
    title = "Plane alignment"
    key = Key.PLANE
    values: ClassVar[tuple[Column, ...]] = (
        _float("shift_mm", "shift across the strips", "mm"),
        _float("shift_err", "error of the shift", "mm", 0),
        _float("rot_rad", "rotation about the beam axis", "rad"),
        _float("rot_err", "error of the rotation", "rad", 0),
        _float("n", "muons used", "", 0),
        _float("chi2ndf", "chi2/ndf of the fit", "", 0),
    )


class BadChannelBit(IntFlag):
    """Bits of ``flags`` of the bad-channel table."""

    DEAD = 1
    HOT = 2
    BAD_PEDESTAL = 4
    BAD_GAIN = 8
    BAD_TIMING = 16
    BAD_STRIP_TO_STRIP = 32
    SET_BY_HAND = 64


class BadChannel(Constants):
    """Pixels that later steps must not trust, with the reasons."""

    schema = "badchannel/1"
    folder = "minerva2x2_badchannel_constants"
    title = "Bad channels"
    key = Key.CHANNEL
    values: ClassVar[tuple[Column, ...]] = (
        Column(
            "flags", "int32",
            "bits: 0 dead, 1 hot, 2 bad pedestal, 3 bad gain, 4 bad timing, 5 bad strip-to-strip, "
            "6 set by hand",
            minimum=0, maximum=127,
        ),
        Column("reason", "utf8", "why, in words"),
    )  # fmt: skip


class Temperature(Constants):
    """How the response follows the temperature: factor 1 + slope (T - t_ref) on the light."""

    schema = "temp/1"
    folder = "minerva2x2_temp_constants"
    title = "Temperature response"
    key = Key.ONE_ROW
    values: ClassVar[tuple[Column, ...]] = (
        _float("t_ref", "temperature at which the factor is 1, as the boards read it", "counts", 0),
        _float("slope", "relative change of the light", "1/counts"),
        _float("slope_err", "error of the slope", "1/counts", 0),
    )


TABLES: tuple[type[Constants], ...] = (
    Pedestal, PedestalCompanion, PmtGain, FebResponse, AttenuationId, AttenuationOd, StripToStrip,
    EnergyScale, Timing, Slewing, Alignment, BadChannel, Temperature,
)  # fmt: skip
"""All constants tables."""
