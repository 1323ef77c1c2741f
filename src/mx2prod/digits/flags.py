"""What is to be known about one digit: a bit pattern, one named bit a fact."""

from __future__ import annotations

from enum import IntFlag


class DigitFlag(IntFlag):
    """Facts about one digit of the raw-digit tier.

    The meaning of each bit stands in :data:`DIGIT_FLAG_MEANING`, from which the reference page of
    the product is made.
    """

    FIRED = 1
    UNTIMED = 2
    NO_RECORD = 4
    NO_GATE_TIMESTAMP = 8
    LOW_GAIN_TIMED_UNVERIFIED = 16
    EXCLUDED = 32
    CRC_ERROR = 64
    STATUS = 128
    GATE_NOT_USED = 256


DIGIT_FLAG_MEANING: dict[DigitFlag, str] = {
    DigitFlag.FIRED: "the discriminator of the pixel fired in this block (delay < 16)",
    DigitFlag.UNTIMED: "the block is the untimed readout at the end of the gate",
    DigitFlag.NO_RECORD: (
        "a timed block without a discriminator record of the TriP: another TriP pushed it, or the "
        "board has no discriminator frame"
    ),
    DigitFlag.NO_GATE_TIMESTAMP: "the board has no FPGA frame in the gate: no hit time is defined",
    DigitFlag.LOW_GAIN_TIMED_UNVERIFIED: (
        "a timed block, where the low-gain word may be without meaning (raw-format page, 5.1)"
    ),
    DigitFlag.EXCLUDED: (
        "the board is incomplete or damaged in this gate; left out of calibration and "
        "reconstruction by default"
    ),
    DigitFlag.CRC_ERROR: "the ADC frame fails its CRC",
    DigitFlag.STATUS: "the ADC frame carries error bits",
    DigitFlag.GATE_NOT_USED: "the gate is a duplicate, or of another run, subrun or detector",
}
"""One sentence a bit."""
