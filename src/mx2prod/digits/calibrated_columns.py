"""Columns of calibrated digits: one row a digit, CSR offsets by gate.

Source: reconstruction page, sections 5 and 12.
"""

from __future__ import annotations

from enum import IntFlag

import numpy as np

from mx2prod.detector import Gain

PUSH_BLOCKS = 32
"""Places of a half board among the numbers of pushes: more than the hit blocks of a gate."""


N_SLEWING = 4
"""Coefficients of the slewing function, of pe^(-1/2) to pe^(-4/2)."""


class CalDigitFlag(IntFlag):
    """What is to be known about a calibrated digit.

    Bits 0 to 12 are those of the reconstruction page, section 5.
    """

    FIRED = 1 << 0
    HI_SAT = 1 << 1
    MED_USED = 1 << 2
    LOW_USED = 1 << 3
    LOW_AMBIGUOUS = 1 << 4
    DISCARDED = 1 << 5
    NO_GAIN = 1 << 6
    NO_S2S = 1 << 7
    XTALK = 1 << 8
    UNTIMED_ASSIGNED = 1 << 9
    OD = 1 << 10
    VETO = 1 << 11
    BADCHANNEL = 1 << 12
    NO_PEDESTAL = 1 << 13
    NO_RESPONSE = 1 << 14
    NO_ATTENUATION = 1 << 15
    NO_ENERGY_SCALE = 1 << 16
    NO_TIME_OFFSET = 1 << 17
    NO_SLEWING = 1 << 18
    NO_GATE_TIMESTAMP = 1 << 19
    EXCLUDED = 1 << 20
    UNMAPPED = 1 << 21
    PILE_UP = 1 << 22


CAL_DIGIT_FLAG_MEANING: dict[CalDigitFlag, str] = {
    CalDigitFlag.FIRED: "the discriminator of the pixel fired in this block: it has a time",
    CalDigitFlag.HI_SAT: "the high gain is at its upper end",
    CalDigitFlag.MED_USED: "the charge is that of the medium gain",
    CalDigitFlag.LOW_USED: "the charge is that of the low gain",
    CalDigitFlag.LOW_AMBIGUOUS: (
        "beyond the medium gain, but the low gain holds more than this hit, or was not read: the "
        "charge is that of the medium gain beyond its second kink"
    ),
    CalDigitFlag.DISCARDED: "not to be used, energy 0: kept for the display",
    CalDigitFlag.NO_GAIN: "default gain",
    CalDigitFlag.NO_S2S: "default strip-to-strip constant, 1",
    CalDigitFlag.XTALK: "graded as cross-talk",
    CalDigitFlag.UNTIMED_ASSIGNED: "without a time of its own, joined to the slice of its push",
    CalDigitFlag.OD: "pixel of the outer detector: no strip, energy 0",
    CalDigitFlag.VETO: "pixel of a veto wall; Mx2 has none",
    CalDigitFlag.BADCHANNEL: "the bad-channel table has the channel",
    CalDigitFlag.NO_PEDESTAL: "no pedestal: charge, light and energy are 0",
    CalDigitFlag.NO_RESPONSE: "default response of the front-end board",
    CalDigitFlag.NO_ATTENUATION: "default attenuation in the strip",
    CalDigitFlag.NO_ENERGY_SCALE: "default energy of a photoelectron",
    CalDigitFlag.NO_TIME_OFFSET: "no time offset of the half board, taken as 0",
    CalDigitFlag.NO_SLEWING: "no slewing constants: time walk taken as 0",
    CalDigitFlag.NO_GATE_TIMESTAMP: "the board has no FPGA frame in the gate: no time",
    CalDigitFlag.EXCLUDED: "the board is incomplete or damaged in this gate, or the gate unused",
    CalDigitFlag.UNMAPPED: "the board is not in the hardware map or in no wiring table",
    CalDigitFlag.PILE_UP: "its push holds the charge of more than one slice",
}
"""One sentence a bit."""

CAL_DIGIT_DTYPE = np.dtype(
    [
        ("chan", "<i4"),  # dense channel; -1 for a board that is not in the hardware map
        ("strip", "<i4"),  # dense strip (plane row * 127 + strip - 1); -1 without a strip
        ("ticks", "<u4"),  # time stamp minus that of the gate, modulo 2^32
        ("flags", "<u4"),  # CalDigitFlag
        ("q", "<f4"),  # fC
        ("pe", "<f4"),  # photoelectrons at the PMT, before any correction for attenuation
        ("energy", "<f4"),  # MeV, light at the centre of the strip; 0 without a strip
        ("t_raw", "<f4"),  # ns since the gate opened; NaN if the discriminator did not fire
        ("t", "<f4"),  # ns, light leaving the readout end of the strip; NaN as t_raw
        ("adc_hi", "<u2"),
        ("adc_med", "<u2"),
        ("adc_lo", "<u2"),  # of this block, also where the low gain of the gate's end was used
        ("push", "<i2"),  # half board (chan // 32) * 32 + block: integrated together; -1 as chan
        ("slice", "<i2"),  # from 1; 0 is left over, and before slicing
        ("plane", "<i2"),  # row of the plane table; -1 without a strip
        ("role", "u1"),  # detector.Role of the pixel: strip, spare, outer detector, unmapped
        ("block", "u1"),  # ADC frame of the board; the last one is untimed
        ("delay", "u1"),  # ticks; 16: did not fire
        ("quarter", "u1"),
    ],
    align=True,
)
"""A calibrated digit.  Rows of a gate stand together, of it those of a board, in the order of the
suppressed digits; ``offset[g]`` to ``offset[g + 1]`` are those of gate ``g`` of the chunk."""

CHANNEL_CONSTANTS_DTYPE = np.dtype(
    [
        ("pedestal", "<f8", (len(Gain),)),  # ADC
        ("curve", "<f8", (len(Gain), 5)),  # slope1, kink1, slope2, kink2, slope3; ADC/fC, fC
        (
            "top",
            "<f8",
            (int(Gain.LOW),),
        ),  # ADC above pedestal, up to which a gain is taken
        ("pe_per_charge", "<f8"),  # 1/fC; 0 without pedestal
        ("energy_per_pe", "<f8"),  # MeV/PE with all corrections of the light; 0 without a strip
        ("delay", "<f8"),  # offset of the half board and way in the fibres, ns
        ("flags", "<u4"),  # CalDigitFlag
        ("strip", "<i4"),  # dense; -1 without
        ("plane", "i1"),
        ("role", "u1"),  # detector.Role
    ],
    align=True,
)
"""What the calibration of a digit needs to know about its channel."""
