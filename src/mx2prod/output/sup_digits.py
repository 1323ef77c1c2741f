"""The suppressed-digit product: gates, front-end boards, the pixels with a signal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.digits import SUP_REASON_MEANING, SupDigitChunk, SupReason
from mx2prod.output.raw_digits import (
    BOARD_COLUMNS,
    DIGIT_COLUMNS,
    FPGA_FRAMES,
    HEADER,
    HEADER_COLUMNS,
)
from mx2prod.output.root_reader import read_trees
from mx2prod.output.schema import Column, Product, Rows, Tree

SUPPRESSION = "Event/DAQ/Suppression"
DIGITS = "Event/DAQ/SupDigits"

_COUNT_COLUMNS = (
    Column("n_raw", "i4", "raw digits; the other columns add up to it", minimum=0),
    Column("kept_discriminator", "i4", "kept: the discriminator fired", minimum=0),
    Column("kept_above_cut", "i4", "kept: charge above the cut, no discriminator", minimum=0),
    Column("kept_saturated", "i4", "kept: saturated, none of the reasons before", minimum=0),
    Column("kept_calibration_gate", "i4", "kept: calibration gate, no signal", minimum=0),
    Column("kept_low_gain", "i4", "kept: for the low gain of a timed signal", minimum=0),
    Column("dropped_below_cut", "i4", "dropped: no signal", minimum=0),
    Column("dropped_no_pedestal", "i4", "dropped: the channel has no pedestal", minimum=0),
    Column("dropped_bad_channel", "i4", "dropped: by the bad-channel table", minimum=0),
)


class SupDigits(Product):
    """The pixels with a signal, after pedestal suppression; gates and boards as in raw digits."""

    schema = "sup-digits/1"
    tier = "sup-digits"
    data_tier = "decoded-raw"
    title = "Suppressed digits"
    trees = (
        Tree(HEADER, "One entry a gate: its DAQ header.", HEADER_COLUMNS),
        Tree(
            SUPPRESSION,
            "What became of the raw digits of each gate; each is counted once, a kept one by the "
            "first of its reasons.",
            _COUNT_COLUMNS,
        ),
        Tree(
            FPGA_FRAMES,
            "Front-end boards of each gate, as in raw digits: also those without a digit.",
            BOARD_COLUMNS,
            jagged=True,
        ),
        Tree(
            DIGITS,
            "Pixels of each gate that were kept, in the order of the raw digits, with all that "
            "the raw digits have.",
            (
                *DIGIT_COLUMNS,
                Column("sup_reason", "u1", "why the digit was kept, and the state of its channel",
                       minimum=1, bits=SupReason, bit_meanings=dict(SUP_REASON_MEANING)),
            ),
            jagged=True,
        ),
    )  # fmt: skip

    @classmethod
    def rows(cls, chunk: SupDigitChunk) -> dict[str, Rows]:
        """Rows of the four trees for the gates of a chunk."""
        return {
            HEADER: Rows(chunk.header),
            SUPPRESSION: Rows(chunk.counts),
            FPGA_FRAMES: Rows(chunk.boards, chunk.boards_per_gate),
            DIGITS: Rows(chunk.digits, chunk.digits_per_gate),
        }


@dataclass(frozen=True)
class SupDigitFile:
    """Content of a suppressed-digit file.

    Attributes
    ----------
    meta : dict
        Where the file comes from and how it was made.
    header, counts : awkward.Array
        One record a gate.
    boards, digits : awkward.Array
        A list of records a gate.
    """

    meta: dict[str, Any]
    header: Any
    counts: Any
    boards: Any
    digits: Any


def read_sup_digits(path: Path, first: int = 0, last: int | None = None) -> SupDigitFile:
    """Read gates ``first`` to ``last`` (excluded; default: to the end) of a suppressed-digit file.

    Returns
    -------
    SupDigitFile

    Raises
    ------
    InputFileError
        If the file cannot be read or is not a product of mx2prod.
    UsageError
        If it is another product.
    """
    meta, trees = read_trees(path, SupDigits, first, last)
    return SupDigitFile(meta, trees[HEADER], trees[SUPPRESSION], trees[FPGA_FRAMES], trees[DIGITS])
