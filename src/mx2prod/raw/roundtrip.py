"""Decode a raw file without loss and encode it again: the bytes must be the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod.raw.columns import RECORD_DTYPE
from mx2prod.raw.framing import DEFAULT_CHUNK_BYTES, Walker
from mx2prod.raw.framing_kernels import ADC, DAQ_HEADER, DISCRIMINATOR, FPGA, OPAQUE, SENTINEL
from mx2prod.raw.layout import RunHeader
from mx2prod.raw.model_kernels import MODEL_DTYPE, put_together, take_apart
from mx2prod.raw.source import RawSource

_MARGIN = 16
"""Bytes before the first frame, so that the CRC kernel can load whole words."""


@dataclass(frozen=True)
class FrameModel:
    """Frames of a stretch as fields, without loss.

    Attributes
    ----------
    frames : ndarray of MODEL_DTYPE, shape (n,)
    words : ndarray of uint16
        Full 16-bit words of the ADC frames, low and high bits that carry no value included.
    records : ndarray of RECORD_DTYPE
        Discriminator records.
    data : ndarray of uint8
        FPGA registers, and all bytes of opaque frames, software frames and lost ranges.
    """

    frames: npt.NDArray[np.void]
    words: npt.NDArray[np.uint16]
    records: npt.NDArray[np.void]
    data: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, buffer: npt.NDArray[np.uint8], frames: npt.NDArray[np.void]) -> FrameModel:
        """Take the frames of a frame table apart."""
        lengths = frames["length"]
        kinds = frames["kind"]
        words = np.empty(216 * int(np.sum(kinds == ADC)), np.uint16)
        n_records = int(lengths[kinds == DISCRIMINATOR].sum()) // 40
        records = np.zeros(n_records, RECORD_DTYPE)
        data = np.empty(int(lengths.sum()), np.uint8)
        model = np.zeros(len(frames), MODEL_DTYPE)
        take_apart(buffer, frames.copy(), model, words, records, data)
        return cls(model, words, records, data)

    def encode(self, size: int) -> npt.NDArray[np.uint8]:
        """Put the frames together again; ``size`` is the number of bytes that are expected."""
        out = np.zeros(_MARGIN + size, np.uint8)
        written = put_together(out, self.frames, self.words, self.records, self.data)
        return out[_MARGIN : _MARGIN + written]

    @property
    def decoded(self) -> int:
        """Number of front-end frames that are fields, not opaque bytes."""
        return int(np.sum(np.isin(self.frames["kind"], (ADC, DISCRIMINATOR, FPGA))))


@dataclass(frozen=True)
class RoundTrip:
    """Outcome of a round trip.

    Attributes
    ----------
    equal : bool
    first_difference : int or None
        Byte offset in the file.
    decoded_frames, opaque_frames : int
        Front-end frames that went through their fields; frames and lost ranges kept as bytes.
    """

    equal: bool
    first_difference: int | None
    decoded_frames: int
    opaque_frames: int


def roundtrip(path: Path, *, chunk_bytes: int = DEFAULT_CHUNK_BYTES) -> RoundTrip:
    """Decode and encode a file of any condition, and compare.

    Raises
    ------
    InputFileError
        If the path is not a readable regular file.
    """
    source = RawSource(path)
    decoded = opaque = position = 0
    difference: int | None = None
    try:
        for stretch in Walker(source, chunk_bytes).stretches() if source.size else ():
            header = _encode_run_header(source.buffer[position : stretch.begin])
            model = FrameModel.of(source.buffer, stretch.frames)
            decoded += model.decoded
            opaque += int(np.sum(model.frames["kind"] == OPAQUE))
            opaque -= int(np.sum(np.isin(stretch.frames["kind"], (DAQ_HEADER, SENTINEL))))
            found = np.concatenate([header, model.encode(stretch.end - stretch.begin)])
            if difference is None:
                difference = _difference(source.buffer[position : stretch.end], found, position)
            position = stretch.end
        if difference is None and position != source.size:
            difference = position
    finally:
        source.close()
    return RoundTrip(difference is None, difference, decoded, opaque)


def _encode_run_header(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Encode the run header in front of a stretch; one that is not regular stays as bytes."""
    if not len(data):
        return data
    try:
        encoded = RunHeader.parse(data).encode()
    except ValueError:
        return data
    return np.frombuffer(encoded, np.uint8) if encoded == data.tobytes() else data


def _difference(
    expected: npt.NDArray[np.uint8], found: npt.NDArray[np.uint8], start: int
) -> int | None:
    common = min(len(expected), len(found))
    unequal = np.flatnonzero(expected[:common] != found[:common])
    if len(unequal):
        return start + int(unequal[0])
    return None if len(expected) == len(found) else start + common
