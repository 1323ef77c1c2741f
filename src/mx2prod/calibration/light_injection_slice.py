"""One time slice of light-injection pulses: the light of each pulse, the cut on it, the sums.

A slice is a fixed range of gate numbers.  All that needs a mean (light, cut, covariance) is decided
inside a slice, so that one pass with bounded memory is enough and parts of a subrun merge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import ROWS_PER_BOARD, TRIP_OF_PLACE, WORD_OF_PLACE
from mx2prod.calibration.histograms import Histograms, add_histograms, offsets_of
from mx2prod.calibration.light_injection_accumulator import (
    N_KINDS,
    PULSE_DTYPE,
    SLICE_DTYPE,
)
from mx2prod.calibration.light_injection_kernels import (
    fill_slice,
    light_of_boards,
    store_readings,
    sum_slice,
)
from mx2prod.calibration.peirce_kernels import MAD_TO_SIGMA

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

MOST_STEPS = 20


@dataclass(frozen=True)
class Frames:
    """Chosen readings of some boards.

    Attributes
    ----------
    units : ndarray of int64, shape (n,)
        Board in its kind of block.
    frames : ndarray of int64, shape (n, 6)
        Row of the ADC frame of each TriP, -1 without.
    pulses : ndarray of int64, shape (n,)
        Number of the pulse among those that are added with them.
    """

    units: Integers
    frames: Integers
    pulses: Integers


class LevelFilling:
    """Pulses of one LED level, slice by slice.

    Parameters
    ----------
    pedestal, largest : ndarray of float64, shape (n_febs, 192)
        See :func:`~mx2prod.calibration.light_injection_kernels.light_of_boards`.
    slice_gates : int
        Gates of a slice.
    light_cut : float
        Sigma.
    """

    def __init__(
        self, pedestal: Floats, largest: Floats, slice_gates: int, light_cut: float
    ) -> None:
        n_units = N_KINDS * len(pedestal)
        n_rows = n_units * ROWS_PER_BOARD
        self._pedestal, self._largest = pedestal, largest
        self._slice_gates, self._light_cut = slice_gates, light_cut
        self._pending = np.empty((n_units, slice_gates, ROWS_PER_BOARD), np.uint16)
        self._n_pending = np.zeros(n_units, np.int64)
        self._pulse_of = np.zeros((n_units, slice_gates), np.int64)
        self._waiting = np.zeros(0, PULSE_DTYPE)
        self._slices: list[tuple[npt.NDArray[np.void], Integers, Integers]] = []
        self._pulses: list[npt.NDArray[np.void]] = []
        self.covariance = np.zeros(n_rows, np.int64)
        self.histograms = Histograms(
            np.zeros(n_rows, np.int32), np.zeros(n_rows + 1, np.int64), np.zeros(0, np.uint32)
        )

    def add(
        self, pulses: npt.NDArray[np.void], frames: Frames, adc: npt.NDArray[np.uint16]
    ) -> None:
        """Add pulses in the order of the file.

        Parameters
        ----------
        pulses : ndarray of PULSE_DTYPE, shape (n,)
            Gates with their times.
        frames : Frames
        adc : ndarray of uint16, shape (n_adc, 216)
        """
        number = (pulses["gate"].astype(np.int64) - 1) // self._slice_gates
        borders = np.flatnonzero(np.diff(number)) + 1
        for begin, end in zip([0, *borders], [*borders, len(pulses)], strict=True):
            if begin == end:
                continue
            full = len(self._waiting) + end - begin > self._slice_gates
            if len(self._waiting) and (full or self._waiting_number() != number[begin]):
                self._close_slice()
            chosen = (frames.pulses >= begin) & (frames.pulses < end)
            place = frames.pulses[chosen] - begin + len(self._waiting)
            store_readings(
                adc, np.ascontiguousarray(frames.frames[chosen]), frames.units[chosen], place,
                WORD_OF_PLACE, TRIP_OF_PLACE, self._pending, self._n_pending, self._pulse_of,
            )  # fmt: skip
            self._waiting = np.concatenate([self._waiting, pulses[begin:end]])

    def finish(self) -> tuple[npt.NDArray[np.void], Integers, Integers, npt.NDArray[np.void]]:
        """Slices, their counts and sums, and the pulses; nothing may be added afterwards."""
        if len(self._waiting):
            self._close_slice()
        n_rows = len(self.covariance)
        nothing = (
            np.zeros(0, SLICE_DTYPE),
            np.zeros((0, n_rows), "i8"),
            np.zeros((0, n_rows, 2), "i8"),
        )
        columns = [nothing, *self._slices]
        slices, counts, sums = (np.concatenate(column) for column in zip(*columns, strict=True))
        return slices, counts, sums, np.concatenate([np.zeros(0, PULSE_DTYPE), *self._pulses])

    def _waiting_number(self) -> int:
        return (int(self._waiting["gate"][0]) - 1) // self._slice_gates

    def _close_slice(self) -> None:
        pulses = self._waiting
        light, seen = self._light(np.ones(len(pulses), np.bool_))
        lit = np.asarray(seen.any(axis=0))
        kept = within_light(_mean_light(light, seen), lit, self._light_cut)
        light, seen = self._light(kept)
        light = _centred(light, seen & kept)
        row = np.zeros(1, SLICE_DTYPE)
        for name in ("run", "subrun"):
            row[name] = pulses[name][0]
        row["number"] = self._waiting_number()
        row["gates"], row["cut"] = kept.sum(), (~kept).sum()
        row["pair_sum"], row["pairs"] = pair_sums(light, seen & kept)
        counts, sums = self._sum(kept, _light_of_others(light, seen))
        self._slices.append((row, counts[None], sums[None]))
        pulses["light"] = np.rint(_mean_light(light, seen))
        pulses["boards"], pulses["kept"] = seen.sum(axis=0), kept
        self._pulses.append(pulses)
        self._waiting = np.zeros(0, PULSE_DTYPE)
        self._n_pending[:] = 0

    def _light(self, kept: Booleans) -> tuple[Integers, Booleans]:
        """Light of each unit and pulse in 1e-5 from its mean, and whether it was seen."""
        light = np.empty((len(self._n_pending), len(kept)), np.int64)
        seen = np.empty(light.shape, np.bool_)
        light_of_boards(
            self._pending, self._n_pending, self._pulse_of, kept, self._pedestal, self._largest,
            light, seen,
        )  # fmt: skip
        return light, seen

    def _sum(self, kept: Booleans, other_light: Integers) -> tuple[Integers, Integers]:
        n_rows = len(self.covariance)
        counts = np.zeros((len(self._n_pending), ROWS_PER_BOARD), np.int64)
        sums = np.zeros((n_rows, 2), np.int64)
        first, width = np.zeros(n_rows, np.int32), np.zeros(n_rows, np.int64)
        waiting: tuple[Any, ...] = self._pending, self._n_pending, self._pulse_of, kept
        sum_slice(*waiting, other_light, counts, sums, self.covariance, first, width)
        offsets = offsets_of(width)
        bins = np.zeros(offsets[-1], np.uint32)
        fill_slice(*waiting, first, offsets, bins)
        self.histograms = add_histograms([self.histograms, Histograms(first, offsets, bins)])
        return counts.ravel(), sums


def within_light(light: Floats, seen: Booleans, limit: float) -> Booleans:
    """Pulses whose light is within some sigma of the mean.

    Start from the median and 1.4826 times the median absolute deviation, then mean and rms of the
    kept, repeated until nothing changes.  A pulse without a light is left out, unless none has one:
    then there is nothing to judge by.

    Parameters
    ----------
    light : ndarray of float64, shape (n,)
    seen : ndarray of bool, shape (n,)
        Pulses that have a light.
    limit : float
        Sigma.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    if not seen.any():
        return np.ones(len(seen), np.bool_)
    kept = seen.copy()
    centre = float(np.median(light[seen]))
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(light[seen] - centre)))
    for _ in range(MOST_STEPS):
        before, kept = kept, seen & (np.abs(light - centre) <= limit * sigma)
        if sigma == 0 or not kept.any() or (before == kept).all():
            break
        centre, sigma = float(light[kept].mean()), float(light[kept].std())
    return kept


def pair_sums(light: Integers, seen: Booleans) -> tuple[int, int]:
    """Sum of the products of all pairs of units in the same pulse, and the number of pairs.

    Ordered pairs: each two units count twice.

    Parameters
    ----------
    light : ndarray of int64, shape (n_units, n_pulses)
    seen : ndarray of bool, shape (n_units, n_pulses)
        What counts.
    """
    light = np.where(seen, light, 0)
    n = seen.sum(axis=0)
    products = light.sum(axis=0) ** 2 - (light**2).sum(axis=0)
    return int(products.sum()), int((n * n - n).sum())


def _mean_light(light: Integers, seen: Booleans) -> Floats:
    n = np.maximum(seen.sum(axis=0), 1)
    return np.asarray(np.where(seen, light, 0).sum(axis=0) / n)


def _centred(light: Integers, counted: Booleans) -> Integers:
    """Light from the mean of the pulses that count, unit by unit."""
    n = np.maximum(counted.sum(axis=1), 1)
    mean = np.rint(np.where(counted, light, 0).sum(axis=1) / n).astype(np.int64)
    return np.asarray(light - mean[:, None])


def _light_of_others(light: Integers, seen: Booleans) -> Integers:
    """Mean light of a pulse in the other units; 0 without another."""
    light = np.where(seen, light, 0)
    others = np.maximum(seen.sum(axis=0) - seen, 0)
    rest = light.sum(axis=0) - light
    mean = np.rint(rest / np.maximum(others, 1)).astype(np.int64)
    return np.where(others > 0, mean, 0)
