"""Recognise the format of before 2013, whose frames carry no CRC; it is refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mx2prod.raw.layout import ADC_TYPES, MAX_FRAME_BYTES, TYPE_DISCRIMINATOR, TYPE_FPGA

_FRAMES_TO_BE_SURE = 3


def is_crc_less(buffer: npt.NDArray[np.uint8], position: int) -> bool:
    """Tell whether front-end frames without CRC bytes stand at a position.

    Their lengths are 74 (FPGA), 452 (ADC) and 24 + 40 n (discriminator): raw-format page, 3.1.
    """
    for _ in range(_FRAMES_TO_BE_SURE):
        head = bytes(buffer[position : position + 10])
        length = int.from_bytes(head[:2], "big")
        if len(head) < 10 or head[:2] != head[8:10] or not _is_length_without_crc(head[5], length):
            return False
        position += length
    return True


def _is_length_without_crc(frame_type: int, length: int) -> bool:
    if frame_type == TYPE_FPGA:
        return length == 74
    if frame_type == TYPE_DISCRIMINATOR:
        return length % 40 == 24 and length <= MAX_FRAME_BYTES
    return frame_type in ADC_TYPES and length == 452
