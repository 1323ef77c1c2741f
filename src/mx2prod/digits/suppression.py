"""Pedestal suppression: of the raw digits those with a signal (reconstruction page, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from mx2prod.constants import BadChannelBit, Table
from mx2prod.digits.raw_digit_columns import Columns, RawDigitChunk
from mx2prod.digits.suppression_config import SuppressionConfig
from mx2prod.raw.columns import N_PIXELS

CALIBRATION_TRIGGERS = (1, 2)
"""Trigger types of pedestal and light-injection gates."""

KEPT = (
    "kept_discriminator", "kept_above_cut", "kept_saturated", "kept_calibration_gate",
    "kept_low_gain",
)  # fmt: skip
"""Counts of kept digits, each counted by its first reason in this order."""
DROPPED = ("dropped_below_cut", "dropped_no_pedestal", "dropped_bad_channel")
"""Counts of dropped digits."""

_BOARD_MASK = ~0xFFF


class SupReason(IntFlag):
    """Why a digit was kept, and what is known about its channel.

    The meaning of each bit stands in :data:`SUP_REASON_MEANING`.
    """

    DISCRIMINATOR = 1
    ABOVE_CUT = 2
    SATURATED = 4
    CALIBRATION_GATE = 8
    LOW_GAIN = 16
    NO_PEDESTAL = 32
    BAD_PEDESTAL = 64
    BAD_CHANNEL = 128


SUP_REASON_MEANING: dict[SupReason, str] = {
    SupReason.DISCRIMINATOR: "the discriminator of the pixel fired in this block",
    SupReason.ABOVE_CUT: "the high-gain charge above the pedestal is greater than the cut",
    SupReason.SATURATED: "the high-gain ADC is at its upper end",
    SupReason.CALIBRATION_GATE: "a pedestal or light-injection gate, where all digits are kept",
    SupReason.LOW_GAIN: (
        "untimed reading of a pixel with a signal in a timed block, kept for its low gain, which "
        "is digitised at the end of the gate only"
    ),
    SupReason.NO_PEDESTAL: "the channel has no pedestal; only in calibration gates",
    SupReason.BAD_PEDESTAL: "the bad-channel table says that the pedestal is bad",
    SupReason.BAD_CHANNEL: "the bad-channel table drops the channel; only in calibration gates",
}
"""One sentence a bit."""


@dataclass(frozen=True)
class SupDigitChunk:
    """Suppressed digits of consecutive gates.

    Attributes
    ----------
    header, boards : dict of ndarray
        As in :class:`RawDigitChunk`.
    boards_per_gate : ndarray of int32, shape (n_gates,)
    digits : dict of ndarray, each of shape (n_digits,)
        Columns of the raw digits, and ``sup_reason``; in the order of the raw digits.
    digits_per_gate : ndarray of int32, shape (n_gates,)
    counts : dict of ndarray of int32, each of shape (n_gates,)
        ``n_raw``, and what became of these digits; the others add up to it.
    """

    header: Columns
    boards: Columns
    boards_per_gate: npt.NDArray[np.int32]
    digits: Columns
    digits_per_gate: npt.NDArray[np.int32]
    counts: Columns

    def __len__(self) -> int:
        return len(self.digits_per_gate)


@dataclass(frozen=True)
class Cuts:
    """Pedestal and cut of every channel, by board and pixel.

    Attributes
    ----------
    boards : ndarray of int32, shape (n_boards,)
        Channel ids of pixel 0, ascending.
    mean, cut : ndarray of float64, shape (n_boards + 1, 64)
        High-gain pedestal, and the charge above it that is kept, ADC.
    state : ndarray of uint8, shape (n_boards + 1, 64)
        Bits of :class:`SupReason` that tell about the channel.  The last row is that of boards
        that are in no table.
    """

    boards: npt.NDArray[np.int32]
    mean: npt.NDArray[np.float64]
    cut: npt.NDArray[np.float64]
    state: npt.NDArray[np.uint8]

    @classmethod
    def of(
        cls, pedestals: Table, config: SuppressionConfig, bad_channels: Table | None = None
    ) -> Cuts:
        """Make the cuts of a pedestal table.

        Parameters
        ----------
        pedestals : Table
            Schema Pedestal.
        config : SuppressionConfig
        bad_channels : Table, optional
            Schema BadChannel.
        """
        channels = [pedestals.channel] + ([] if bad_channels is None else [bad_channels.channel])
        boards = np.unique(np.concatenate(channels) & _BOARD_MASK).astype(np.int32)
        shape = (len(boards) + 1, N_PIXELS)
        made = cls(
            boards, np.zeros(shape), np.zeros(shape),
            np.full(shape, int(SupReason.NO_PEDESTAL), np.uint8),
        )  # fmt: skip
        place = made._places(pedestals.channel)
        width = np.maximum(pedestals["hg_rms"], config.rms_floor)
        made.mean[place] = pedestals["hg_mean"]
        made.cut[place] = np.maximum(config.nsigma_hi * width, config.min_qhi)
        made.state[place] = 0
        if bad_channels is not None:
            made._mark(bad_channels, config.dropped_bits)
        return made

    def _mark(self, bad_channels: Table, dropped: BadChannelBit) -> None:
        flags = bad_channels["flags"]
        place = self._places(bad_channels.channel)
        bad_pedestal = (flags & int(BadChannelBit.BAD_PEDESTAL)) != 0
        words = np.where(bad_pedestal, int(SupReason.BAD_PEDESTAL), 0)
        words |= np.where((flags & int(dropped)) != 0, int(SupReason.BAD_CHANNEL), 0)
        self.state[place] |= words.astype(np.uint8)

    def _places(
        self, channels: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
        """Board and pixel of channels."""
        return np.searchsorted(self.boards, channels & _BOARD_MASK), channels >> 5 & (N_PIXELS - 1)

    def unknown(self, channels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Channels, each once, that have neither a pedestal nor a word that drops them."""
        ids = np.unique(channels).astype(np.int64)
        board, pixel = self._places(ids)
        known = board < len(self.boards)
        known &= np.append(self.boards, -1)[board] == ids & _BOARD_MASK
        state = self.state[np.where(known, board, -1), pixel]
        wanted = int(SupReason.NO_PEDESTAL | SupReason.BAD_CHANNEL)
        return np.asarray(ids[(state & wanted) == int(SupReason.NO_PEDESTAL)], np.int64)


def suppressed(raw: RawDigitChunk, cuts: Cuts, config: SuppressionConfig) -> SupDigitChunk:
    """Keep the digits with a signal.

    Parameters
    ----------
    raw : RawDigitChunk
    cuts : Cuts
    config : SuppressionConfig

    Returns
    -------
    SupDigitChunk
        Of the same gates and boards.
    """
    from mx2prod.digits.suppression_kernels import N_COUNTS, suppress

    digits, n_gates = raw.digits, len(raw)
    reason = np.zeros(len(digits["chan"]), np.uint8)
    counts = np.zeros((n_gates, N_COUNTS), np.int32)
    keep_all = np.isin(raw.header["trigger_type"], CALIBRATION_TRIGGERS) & config.keep_all_calib
    suppress(
        digits["chan"], digits["adc_hi"], digits["flags"],
        np.ascontiguousarray(raw.digits_per_gate, np.int32), keep_all, cuts.boards, cuts.mean,
        cuts.cut, cuts.state, config.adc_sat, reason, counts,
    )  # fmt: skip
    rows = np.flatnonzero(reason)
    kept = {name: values[rows] for name, values in digits.items()}
    kept["sup_reason"] = reason[rows]
    names = (*KEPT, *DROPPED)
    by_name = {name: np.ascontiguousarray(counts[:, i]) for i, name in enumerate(names)}
    return SupDigitChunk(
        header=raw.header,
        boards=raw.boards,
        boards_per_gate=raw.boards_per_gate,
        digits=kept,
        digits_per_gate=counts[:, : len(KEPT)].sum(axis=1, dtype=np.int32),
        counts={"n_raw": raw.digits_per_gate.astype(np.int32), **by_name},
    )
