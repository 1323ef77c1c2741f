"""Monitors that are filled beside the pedestal histograms: time slices and hit blocks.

Source: pre-production page, sections 2.1 and 2.2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import WORD_OF_PLACE
from mx2prod.calibration.gates import adc_words
from mx2prod.calibration.pedestal_config import PedestalConfig
from mx2prod.calibration.pedestal_monitor_kernels import add_block_differences, add_board_totals
from mx2prod.calibration.pedestal_slices import SLICE_SUMS, SubrunSlices, join_slices
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import PIXELS_PER_TRIP, Gain
from mx2prod.raw.columns import GateChunk

Integers = npt.NDArray[np.int64]

N_BLOCKS = 6
"""Hit blocks that are told apart; the last one holds all later blocks too."""

_HIGH_GAIN_WORDS = np.sort(WORD_OF_PLACE.reshape(PIXELS_PER_BOARD, len(Gain))[:, Gain.HIGH])[
    ::PIXELS_PER_TRIP
].copy()
"""First word of the high gain in each timed TriP; its pixels stand in consecutive words."""

_WAITING_SLICES = 16


class Monitors:
    """Time slices and hit blocks of one subrun, while they are filled.

    Parameters
    ----------
    n_febs : int
    config : PedestalConfig
    """

    def __init__(self, n_febs: int, config: PedestalConfig) -> None:
        self._n_febs = n_febs
        self._config = config
        self._slices: list[SubrunSlices] = []
        self.blocks = np.zeros((n_febs * len(WORD_OF_PLACE), N_BLOCKS, 2), np.int64)

    def slices(self) -> tuple[SubrunSlices, ...]:
        """Time slices so far; none without a gate."""
        return (join_slices(self._slices),) if self._slices else ()

    def add_frames(self, chunk: GateChunk, frames: Integers, boards: Integers) -> None:
        """Add the ADC frames of pedestal readings to the time slices.

        Parameters
        ----------
        chunk : GateChunk
        frames : ndarray of int64, shape (n,)
            Rows of ``chunk.adc``.
        boards : ndarray of int64, shape (n,)
            Dense board number of each.
        """
        if not len(frames):
            return
        gate_of_frame = chunk.febs["gate"][chunk.adc_frames["feb"][frames]]
        has_frames = np.zeros(len(chunk.gates), np.bool_)
        has_frames[gate_of_frame] = True
        used = np.flatnonzero(has_frames)
        numbers = chunk.gates["gate"][used].astype(np.int64) // self._config.slice_gates
        distinct = np.unique(numbers)
        place_of_gate = np.zeros(len(chunk.gates), np.int64)
        place_of_gate[used] = np.searchsorted(distinct, numbers)
        sums = np.zeros((len(distinct), self._n_febs, SLICE_SUMS), np.int64)
        places = place_of_gate[gate_of_frame]
        add_board_totals(adc_words(chunk), frames, boards, places, _HIGH_GAIN_WORDS, sums)
        gates = chunk.gates[used]
        self._keep(
            SubrunSlices(
                int(gates["run"][0]),
                int(gates["subrun"][0]),
                self._config.slice_gates,
                distinct,
                _times(gates["time_us"].astype(np.int64), place_of_gate[used], len(distinct)),
                sums,
            )
        )

    def add_blocks(self, chunk: GateChunk, board_of_feb: Integers) -> None:
        """Compare the timed ADC frames of each board with its untimed one.

        Parameters
        ----------
        chunk : GateChunk
        board_of_feb : ndarray of int64, shape (n_febs,)
            Dense board number of each row of ``chunk.febs``; -1 for those left out.
        """
        owner, hit = chunk.adc_frames["feb"], chunk.adc_frames["hit"]
        is_timed = hit < chunk.febs["n_timed"][owner]
        timed = np.flatnonzero(is_timed & (board_of_feb[owner] >= 0))
        if not len(timed):
            return
        untimed_of_feb = np.zeros(len(chunk.febs), np.int64)
        untimed = np.flatnonzero(~is_timed)
        untimed_of_feb[owner[untimed]] = untimed
        add_block_differences(
            adc_words(chunk), timed, untimed_of_feb[owner[timed]], board_of_feb[owner[timed]],
            np.minimum(hit[timed], N_BLOCKS - 1).astype(np.int64), WORD_OF_PLACE,
            self._config.block_reach, self.blocks,
        )  # fmt: skip

    def _keep(self, slices: SubrunSlices) -> None:
        self._slices.append(slices)
        if len(self._slices) > _WAITING_SLICES:
            self._slices = [join_slices(self._slices)]


def _times(times: Integers, places: Integers, n_slices: int) -> Integers:
    """Time of the first and last gate of each slice, shape (n_slices, 2)."""
    limit = np.iinfo(np.int64)
    found = np.tile(np.array([limit.max, limit.min], np.int64), (n_slices, 1))
    np.minimum.at(found[:, 0], places, times)
    np.maximum.at(found[:, 1], places, times)
    return found
