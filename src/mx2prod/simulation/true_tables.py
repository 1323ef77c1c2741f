"""The truth as constants tables: what a perfect calibration would find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mx2prod.constants import (
    Alignment,
    AttenuationId,
    BadChannel,
    EnergyScale,
    FebResponse,
    Pedestal,
    PmtGain,
    Slewing,
    StripToStrip,
    Table,
    Timing,
)
from mx2prod.constants.tables import GAINS
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.simulation.energy_loss_kernels import LIGHT_SPEED
from mx2prod.simulation.miscalibration_tables import CURVE, ROUNDING_VARIANCE

if TYPE_CHECKING:
    from mx2prod.simulation.hardware import TrueDetector

Columns = dict[str, npt.NDArray[np.generic]]
HOT_FACTOR = 10.0
"""A pixel with more dark counts than so many times the usual ones is hot (proposal)."""
DEFECT_BITS = {"dead": 1, "hot": 2, "stuck bit": 4, "noisy": 4}
"""Bits of the bad-channel table: dead, hot, bad pedestal."""
MANY = 1e9
"""Readings behind a true pedestal: the errors that calibrations make of it are nothing."""
_SMALL = 1e-6
"""Error of a true number: the checks of tables want one above 0."""


def true_tables(truth: TrueDetector) -> Mapping[str, Table]:
    """Make the tables, by the name of their schema without version.

    Parameters
    ----------
    truth : TrueDetector

    Returns
    -------
    mapping of str to Table
        pedestal, pmtgain, feb, atten_id, s2s, meu, timing, slewing, alignment, and badchannel if
        there is a bad one.
    """
    tables = {
        "pedestal": Table.of(Pedestal, _pedestals(truth)),
        "pmtgain": Table.of(PmtGain, _gains(truth)),
        "feb": Table.of(FebResponse, _curves(truth)),
        "atten_id": Table.of(AttenuationId, _attenuation(truth)),
        "s2s": Table.of(StripToStrip, _strips(truth)),
        "meu": Table.of(EnergyScale, _energy_scale(truth)),
        "timing": Table.of(Timing, _offsets(truth)),
        "slewing": Table.of(Slewing, _slewing(truth)),
        "alignment": Table.of(Alignment, _planes(truth)),
    }
    bad = _bad_channels(truth)
    if bad is not None:
        tables["badchannel"] = bad
    return tables


def _pixels(truth: TrueDetector) -> Columns:
    boards = truth.detector.hardware.boards
    columns: Columns = {
        name: np.repeat(boards[name], PIXELS_PER_BOARD).astype(np.int64)
        for name in boards.dtype.names or ()
    }
    return columns | {"pixel": np.tile(np.arange(PIXELS_PER_BOARD), len(boards))}


def _strip_address(truth: TrueDetector) -> Columns:
    strips = truth.detector.planes.strips()
    columns: Columns = {name: strips[name].astype(np.int64)
                        for name in ("subdet", "module", "plane", "strip")}  # fmt: skip
    return {"detector": np.ones(len(strips), np.int64), **columns}


def _pedestals(truth: TrueDetector) -> Columns:
    columns = _pixels(truth)
    common = truth.response.common_shift
    for gain, (prefix, _) in enumerate(GAINS):
        width = np.sqrt(truth.noise[:, gain] ** 2 + common**2 + ROUNDING_VARIANCE)
        columns[f"{prefix}_mean"] = truth.pedestal[:, gain]
        columns[f"{prefix}_rms"] = width
        columns[f"{prefix}_entries"] = np.full(len(width), MANY)
    return columns


def _gains(truth: TrueDetector) -> Columns:
    n = len(truth.gain)
    hv = np.repeat(np.where(truth.hv_off, 0, truth.hv), PIXELS_PER_BOARD)
    return _pixels(truth) | {
        "gain": truth.gain,
        "gain_err": np.zeros(n),
        "pe_mean": np.zeros(n),
        "q_mean": np.zeros(n),
        "q_var": np.zeros(n),
        "w2": np.full(n, truth.w2),
        "n_events": np.zeros(n),
        "hv": hv,
        "status": np.zeros(n, np.int32),
    }


def _curves(truth: TrueDetector) -> Columns:
    columns = _pixels(truth)
    n = len(truth.curve)
    for gain, (prefix, _) in enumerate(GAINS):
        for number, name in enumerate(CURVE):
            columns[f"{prefix}_{name}"] = truth.curve[:, gain, number]
            columns[f"{prefix}_{name}_err"] = np.full(n, _SMALL)
        columns[f"{prefix}_chi2ndf"] = np.ones(n)
    return columns


def _attenuation(truth: TrueDetector) -> Columns:
    columns = _strip_address(truth)
    n = len(truth.attenuation)
    for number, name in enumerate(("atten", "reflect", "amp")):
        columns[name] = truth.attenuation[:, number]
        columns[f"{name}_error"] = np.zeros(n)
    return columns


def _strips(truth: TrueDetector) -> Columns:
    """Factor on the energy that makes all strips equal, with a mean of 1."""
    factor = 1 / truth.strip_response
    n = len(factor)
    return _strip_address(truth) | {
        "s2s": factor / factor.mean(),
        "ds2s": np.zeros(n),
        "entries": np.zeros(n, np.int32),
        "error": np.zeros(n, np.int32),
    }


def _energy_scale(truth: TrueDetector) -> Columns:
    """Energy of a photoelectron after all other corrections, the mean of 1 of s2s included."""
    per_mev = truth.response.pe_per_mev * truth.light
    values = {
        "meu": float(np.mean(1 / truth.strip_response)) / per_mev, "meu_err": 0.0,
        "n_clusters": 0.0, "peak_data": 0.0, "peak_mc": 0.0, "chi2ndf": 1.0, "ly_mc": 0.0,
    }  # fmt: skip
    return {name: np.array([value]) for name, value in values.items()}


def _offsets(truth: TrueDetector) -> Columns:
    boards = truth.detector.hardware.boards
    columns: Columns = {
        name: np.repeat(boards[name], 2).astype(np.int64) for name in boards.dtype.names or ()
    }
    n = 2 * len(boards)
    return columns | {
        "half": np.tile([0, 1], len(boards)),
        "offset_ns": truth.offset_ns.reshape(-1),
        "offset_err": np.zeros(n),
        "n_hits": np.zeros(n),
        "rms_ns": np.zeros(n),
        "status": np.zeros(n, np.int32),
    }


def _slewing(truth: TrueDetector) -> Columns:
    speed = truth.response.fibre_light_speed
    values = {
        "p0": 0.0, "p1": truth.slewing_ns, "p2": 0.0, "p3": 0.0, "p4": 0.0, "pe_min": 1.0,
        "pe_max": 1000.0, "n_index": LIGHT_SPEED / speed,
    }  # fmt: skip
    return {name: np.array([value]) for name, value in values.items()}


def _planes(truth: TrueDetector) -> Columns:
    """Constants have the sign of the correction: minus the displacement of the plane."""
    planes = truth.detector.planes
    n = len(planes)
    return {
        "detector": np.ones(n, np.int64),
        "subdet": planes.subdet,
        "module": planes.module,
        "plane": planes.plane,
        "shift_mm": -truth.plane_shift_mm,
        "shift_err": np.zeros(n),
        "rot_rad": -truth.plane_rotation_rad,
        "rot_err": np.zeros(n),
        "n": np.zeros(n),
        "chi2ndf": np.ones(n),
    }


def _bad_channels(truth: TrueDetector) -> Table | None:
    hot = truth.dark_rate > HOT_FACTOR * truth.response.dark_rate
    defects = {"dead": ~truth.alive, "hot": hot, "stuck bit": truth.stuck > 0, "noisy": truth.noisy}
    flags = np.zeros(len(hot), np.int32)
    for word, has in defects.items():
        flags[has] |= DEFECT_BITS[word]
    rows = np.flatnonzero(flags)
    if not len(rows):
        return None
    reasons = [
        "simulated: " + ", ".join(word for word, has in defects.items() if has[row])
        for row in rows.tolist()
    ]
    columns = {name: values[rows] for name, values in _pixels(truth).items()}
    return Table.of(
        BadChannel,
        columns | {"flags": flags[rows], "reason": np.array(reasons, object)},
    )
