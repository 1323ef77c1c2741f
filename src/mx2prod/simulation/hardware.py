"""Everything that is true about the simulated detector during one file.

What a calibration has to find is here: pedestals, gains, curves, offsets, defects.  All of it
follows from the seed, the spec, the run and the time; a board's numbers do not depend on which
boards are simulated.  Source: detector page, sections 6 and 7.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants import Table
from mx2prod.detector import Detector, Response, load_detector
from mx2prod.detector.hardware import board_names
from mx2prod.detector.response import ELECTRON_CHARGE_FC
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.simulation.hardware_kernels import DRAWS_OF_BOARD, DRAWS_OF_PIXEL, draw_boards
from mx2prod.simulation.miscalibration import miscalibrate
from mx2prod.simulation.pixel_faults import apply_pixel_faults
from mx2prod.simulation.random_kernels import normal_table
from mx2prod.simulation.spec import Spec

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

AGE_BEGINS = datetime(2024, 3, 1, tzinfo=UTC)
"""Light yields hold at this time; they fall with the years after it."""
SECONDS_PER_YEAR = 365.25 * 86_400
SECONDS_PER_HOUR = 3600.0
HOURS_PER_DAY = 24.0

WIDTH_SPREAD = (0.30, 0.10, 0.10)
"""Spread of the logarithm of the noise between channels: high gain 2 to 9 ADC (detector page, 6),
medium and low (proposal)."""
SMALLEST_WIDTH, LARGEST_WIDTH = 0.4, 1.8
"""Noise of a channel over the median of its gain, limits."""
GAIN_SPREAD = 0.2
"""Spread of the logarithm of the gain between pixels (proposal), cut at the limit of a PMT."""
HV_COUNTS, HV_SPREAD = 45_000, 2_000
"""High voltage of the PMTs, counts and half of the range between them (proposal)."""
TEMPERATURE_COUNTS, TEMPERATURE_SWING = 3_700, 40
"""Temperature register and its daily swing, counts (proposal)."""


@dataclass
class TrueDetector:
    """True constants of one file; arrays by dense channel, strip, board or plane.

    Attributes
    ----------
    detector : Detector
    response : Response
    seed : int
    when : datetime
        Time at which all of this holds, UTC.
    pedestal, noise : ndarray of float64, shape (n_channels, 3)
        High, medium and low gain, ADC; the noise is Gaussian, before rounding.
    gain : ndarray of float64, shape (n_channels,)
        Electrons per photoelectron.
    w2 : float
        Relative variance of the response to one photoelectron.
    curve : ndarray of float64, shape (n_channels, 3, 6)
        adc0, slope1, kink1, slope2, kink2, slope3.
    threshold : ndarray of float64, shape (n_channels,)
        Of the discriminators, fC.
    dark_rate : ndarray of float64, shape (n_channels,)
        Hz.
    alive : ndarray of bool, shape (n_channels,)
        False: no charge.
    noisy : ndarray of bool, shape (n_channels,)
        Has more noise than it should.
    stuck : ndarray of uint16, shape (n_channels,)
        ADC bits that are always 1.
    strip_response : ndarray of float64, shape (n_strips,)
    light : float
        Factor on all light: ageing and light yield.
    attenuation : ndarray of float64, shape (n_strips, 3)
        Attenuation length (mm), reflectivity, amplitude.
    channel_of_strip : ndarray of int32, shape (n_strips,)
    offset_ns : ndarray of float64, shape (n_febs, 2)
        Of half boards: pixels 0 to 31, 32 to 63.
    slewing_ns : float
        Time walk: this over the root of the photoelectrons.
    plane_shift_mm, plane_rotation_rad : ndarray of float64, shape (n_planes,)
    hv, temperature : ndarray of float64, shape (n_febs,)
        Register counts.
    hv_off : ndarray of bool, shape (n_febs,)
    injected : ndarray of float64, shape (2, n_channels)
        Mean light of a pulse at LED level 1 and 2, photoelectrons.
    day_phase : ndarray of float64, shape (n_febs,)
        Phase of the daily wave of the pedestals.
    drift : ndarray of float64, shape (n_febs,)
        Further drift of the pedestals, ADC an hour; 0 in the middle of the file.
    """

    detector: Detector
    response: Response
    seed: int
    when: datetime
    pedestal: Floats
    noise: Floats
    gain: Floats
    w2: float
    curve: Floats
    threshold: Floats
    dark_rate: Floats
    alive: Bools
    noisy: Bools
    stuck: npt.NDArray[np.uint16]
    strip_response: Floats
    light: float
    attenuation: Floats
    channel_of_strip: npt.NDArray[np.int32]
    offset_ns: Floats
    slewing_ns: float
    plane_shift_mm: Floats
    plane_rotation_rad: Floats
    hv: Floats
    temperature: Floats
    hv_off: Bools
    injected: Floats
    day_phase: Floats
    drift: Floats

    @classmethod
    def of(cls, spec: Spec, run: int, when: datetime) -> TrueDetector:
        """Make the detector of a run.

        Parameters
        ----------
        spec : Spec
        run : int
            Decides which defects and known errors act.
        when : datetime
            Middle of the file, UTC: ageing, temperature and the daily wave of the pedestals.

        Raises
        ------
        ConfigError
            If the spec names a board or pixel that does not exist, or a law that a known error
            cannot have.
        """
        tables = spec.detector
        detector = load_detector(tables.geometry, tables.plex, tables.fibres)
        truth = _undisturbed(spec, detector, when)
        miscalibrate(truth, spec, run)
        apply_pixel_faults(truth, spec, run)
        return truth

    @property
    def charge_per_pe(self) -> Floats:
        """Mean charge of a photoelectron, fC, shape (n_channels,)."""
        return self.gain * ELECTRON_CHARGE_FC

    def registers(self) -> dict[str, npt.ArrayLike]:
        """FPGA registers of all boards of the hardware map, by name; shape (n_febs,) each."""
        target = np.round(self.hv).astype(np.int64)
        return {
            "hv_target": target,
            "hv_actual": np.where(self.hv_off, 0, target),
            "hv_enabled": (~self.hv_off).astype(np.int64),
            "temperature": np.round(self.temperature).astype(np.int64),
        }

    def conditions(self) -> dict[str, Any]:
        """Conditions of the run, for the description beside the truth."""
        return {
            "light": self.light,
            "temperature_counts": float(np.mean(self.temperature)),
            "hv_off": board_names(self.detector.hardware.boards[self.hv_off]),
            "slewing_ns": self.slewing_ns,
        }

    def tables(self) -> Mapping[str, Table]:
        """Make constants tables of the truth: what a perfect calibration would find."""
        from mx2prod.simulation.true_tables import true_tables

        return true_tables(self)


def _undisturbed(spec: Spec, detector: Detector, when: datetime) -> TrueDetector:
    """Draw the detector without known errors and defects."""
    response, hardware = spec.response, detector.hardware
    n_febs, shape = hardware.n_febs, (hardware.n_febs, PIXELS_PER_BOARD)
    pixels = np.empty((*shape, DRAWS_OF_PIXEL))
    profile, boards = np.empty(shape), np.empty((n_febs, DRAWS_OF_BOARD))
    draw_boards(np.uint64(spec.seed), normal_table(), pixels, profile, boards)
    flat = pixels.reshape(-1, DRAWS_OF_PIXEL)
    years = (when - AGE_BEGINS).total_seconds() / SECONDS_PER_YEAR
    n_planes, n_strips = len(detector.planes), detector.planes.n_strips
    hours = when.timestamp() / SECONDS_PER_HOUR
    phase = boards[:, 2]
    return TrueDetector(
        detector=detector,
        response=response,
        seed=spec.seed,
        when=when,
        pedestal=np.array(response.pedestal)
        + response.pedestal_spread * flat[:, 0:3]
        + np.repeat(day_wave(response, hours, phase), PIXELS_PER_BOARD)[:, None],
        noise=_noise(response, flat[:, 3:6]),
        gain=_gains(response, flat[:, 6]),
        w2=response.w2,
        curve=_curves(response, hardware.n_channels),
        threshold=_thresholds(response, flat[:, 7]),
        dark_rate=np.full(hardware.n_channels, response.dark_rate),
        alive=np.ones(hardware.n_channels, np.bool_),
        noisy=np.zeros(hardware.n_channels, np.bool_),
        stuck=np.zeros(hardware.n_channels, np.uint16),
        strip_response=np.ones(n_strips),
        light=float((1 - np.mean(response.ageing)) ** years),
        attenuation=np.tile(
            [response.attenuation, response.reflectivity, response.amplitude], (n_strips, 1)
        ),
        channel_of_strip=detector.plex.channel_of_strip.astype(np.int32),
        offset_ns=np.zeros((n_febs, 2)),
        slewing_ns=SLEWING_NS,
        plane_shift_mm=np.zeros(n_planes),
        plane_rotation_rad=np.zeros(n_planes),
        hv=HV_COUNTS + HV_SPREAD * (2 * boards[:, 3] - 1),
        temperature=TEMPERATURE_COUNTS
        + TEMPERATURE_SWING * np.sin(2 * np.pi * (hours / HOURS_PER_DAY + 0.1 * phase)),
        hv_off=np.zeros(n_febs, np.bool_),
        injected=_injected(spec, profile, boards),
        day_phase=phase,
        drift=np.zeros(n_febs),
    )


SLEWING_NS = 5.0
"""Time walk over the root of the photoelectrons (detector page, section 7.2)."""


def day_wave(response: Response, hours: Floats | float, phase: Floats) -> Floats:
    """Give the daily wave of the pedestals, ADC; its steepest slope is ``pedestal_drift``.

    Parameters
    ----------
    response : Response
    hours : float or ndarray of float64
        Since 1970.
    phase : ndarray of float64
        Of each board, 0 to 1.
    """
    height = response.pedestal_drift * HOURS_PER_DAY / (2 * np.pi)
    return np.asarray(height * np.sin(2 * np.pi * (hours / HOURS_PER_DAY + phase)))


def _noise(response: Response, normals: Floats) -> Floats:
    spread = np.clip(np.exp(np.array(WIDTH_SPREAD) * normals), SMALLEST_WIDTH, LARGEST_WIDTH)
    return np.asarray(np.array(response.pedestal_rms) * spread)


def _gains(response: Response, normals: Floats) -> Floats:
    limit = 0.49 * np.log(response.gain_spread)
    return np.asarray(response.gain_mean * np.exp(np.clip(GAIN_SPREAD * normals, -limit, limit)))


def _thresholds(response: Response, normals: Floats) -> Floats:
    spread = np.clip(1 + response.threshold_spread * normals, 0.3, None)
    return np.asarray(response.threshold_pe * response.charge_per_pe * spread)


def _curves(response: Response, n_channels: int) -> Floats:
    names = ("adc0", "slope1", "kink1", "slope2", "kink2", "slope3")
    values = [[getattr(curve, name) for name in names] for curve in response.curves]
    return np.tile(np.array(values), (n_channels, 1, 1))


def _injected(spec: Spec, profile: Floats, boards: Floats) -> Floats:
    """Mean light at both LED levels; the profile of a PMT is the same at both."""
    light = spec.light_injection
    pixels = np.clip(1 + light.profile * profile, 0.05, None)
    levels = []
    for number, (low, high) in enumerate((light.one_pe, light.max_pe)):
        of_board = low + (high - low) * boards[:, number]
        levels.append((of_board[:, None] * pixels).reshape(-1))
    return np.array(levels)
