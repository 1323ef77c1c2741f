"""Verdict on the constants of the FEB response from the ratios of gains in situ.

Source: pre-production page, section 4 and closure test 12.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import board_names, inner_channels
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_in_situ import BoardMatch, GainRatios
from mx2prod.calibration.verdict import (
    Reason,
    StatusBit,
    TableVerdict,
    Verdict,
    channel_verdicts,
    count_verdicts,
)
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD

Bools = npt.NDArray[np.bool_]

NOT_JUDGED = StatusBit(
    0, "not_judged", Verdict.INVESTIGATE, "too few readings, or too large an error"
)
RATIO_OFF = StatusBit(
    1, "ratio_off", Verdict.INVESTIGATE, "measured over expected slope is not 1 within tolerance"
)
BOARD_OFF = StatusBit(2, "board_off", Verdict.BAD, "the whole board is off: wrong constants")
IN_SITU_BITS = (NOT_JUDGED, RATIO_OFF, BOARD_OFF)
"""Status bits of a channel in the check in situ."""


def in_situ_status(
    ratios: GainRatios, boards: Sequence[BoardMatch], config: FebConfig
) -> npt.NDArray[np.int32]:
    """Status words of channels, shape (n_channels,); bits of :data:`IN_SITU_BITS`."""
    status = np.zeros(ratios.judged.shape[1], np.int32)
    status[~ratios.judged[0]] |= NOT_JUDGED.mask
    status[ratios.beyond(config.in_situ_tolerance)] |= RATIO_OFF.mask
    by_board = status.reshape(-1, PIXELS_PER_BOARD)
    by_board[[match.board for match in boards]] |= BOARD_OFF.mask
    return status


def judge_ratios(
    ratios: GainRatios,
    boards: Sequence[BoardMatch],
    hardware: HardwareMap,
    expected: Bools,
    config: FebConfig,
    *,
    notes: Sequence[Reason] = (),
    gates: dict[str, int] | None = None,
) -> TableVerdict:
    """Verdict on the constants that were checked.

    A board that is off as a whole makes the table bad; otherwise ``in_situ_fraction`` of the
    judged inner-detector channels must be within the tolerance.

    Parameters
    ----------
    ratios : GainRatios
    boards : sequence of BoardMatch
        See :func:`~mx2prod.calibration.feb_in_situ.boards_off`.
    hardware : HardwareMap
    expected : ndarray of bool, shape (n_febs,)
    config : FebConfig
    notes : sequence of Reason
    gates : dict of str to int, optional
    """
    status = in_situ_status(ratios, boards, config)
    rows = np.repeat(expected, PIXELS_PER_BOARD)
    deciding = rows & inner_channels(hardware)
    judged = deciding & ((status & NOT_JUDGED.mask) == 0)
    off = judged & ((status & RATIO_OFF.mask) != 0)
    n, n_judged, n_off = (int(np.count_nonzero(chosen)) for chosen in (deciding, judged, off))
    reasons = [*notes, *_board_reasons(boards, hardware), _low_gain_note(ratios)]
    if n_judged < config.in_situ_judged * n:
        text = f"{n_judged} of {n} channels have enough light for the check in situ"
        reasons.append(Reason("too_few", text, Verdict.TOO_FEW, n - n_judged))
    elif n_off > (1 - config.in_situ_fraction) * n_judged:
        within = 1 - n_off / n_judged
        text = f"{within:.1%} of {n_judged} channels within {config.in_situ_tolerance:.0%}"
        reasons.append(Reason("ratio_off", text, Verdict.INVESTIGATE, n_off))
    counts = count_verdicts(channel_verdicts(status, IN_SITU_BITS)[rows])
    return TableVerdict.of("feb", reasons, counts, gates)


def _board_reasons(boards: Sequence[BoardMatch], hardware: HardwareMap) -> list[Reason]:
    """One reason a board, one for both if two have each other's constants."""
    names = board_names(hardware)
    partner = {match.board: match.same_as for match in boards}
    reasons = []
    for match in boards:
        name, other = names[match.board], names[match.same_as] if match.same_as >= 0 else ""
        if other and partner.get(match.same_as) == match.board:
            if match.board < match.same_as:
                text = f"boards exchanged: {name} <-> {other}"
                reasons.append(Reason("exchanged", text, Verdict.BAD, 2, (name, other)))
        elif other:
            text = f"board {name}: off, the constants given for board {other} fit it"
            reasons.append(Reason("wrong_board", text, Verdict.BAD, 1, (name, other)))
        else:
            text = (
                f"board {name}: {match.beyond:.0%} of its channels are beyond the tolerance, the "
                f"ratio of gains is {match.ratio:.3f} of the constants in the middle"
            )
            reasons.append(Reason("board_off", text, Verdict.BAD, 1, (name,)))
    return reasons


def _low_gain_note(ratios: GainRatios) -> Reason:
    modes = {
        "per_push": "timed blocks hold low-gain charge",
        "gate_end": "timed blocks hold no low-gain charge; low gain is checked in untimed ones",
        "unknown": "no timed blocks to see the low-gain mode; low gain is checked in untimed ones",
    }
    n = int(np.count_nonzero(ratios.judged[1]))
    return Reason("low_gain", f"{modes[ratios.low_gain]}; {n} channels judged", Verdict.GOOD, n)
