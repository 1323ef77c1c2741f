"""Stage ``raw-digits``: a raw DAQ file to the digits of every pixel.

Registered under ``mx2prod.stages``; the content of the product is described by
:class:`mx2prod.output.RawDigits`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from mx2prod.digits.raw_digit_columns import RawDigitChunk, raw_digit_chunks

if TYPE_CHECKING:
    from mx2prod.raw import RawFile

name = "raw-digits"
version = "1"
consumes = "raw"
produces = "raw-digits"


class Config(BaseModel):
    """What decides the content of a raw-digit file beside its input.

    Attributes
    ----------
    adc_pairing : {"end", "front"}
        Which ADC frame belongs to which discriminator record (raw-format page, 5.1).
    salvage : bool
        Keep everything that can be had from a damaged file; otherwise the first finding of
        class error stops.
    run_index : int
        Which run of a file that holds several, from 0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    adc_pairing: Literal["end", "front"] = "end"
    salvage: bool = False
    run_index: int = 0


class RawDigitStream:
    """Raw digits of one run of a raw file, some gates at a time.

    A context manager and an iterator of :class:`RawDigitChunk`; the file is read as the chunks
    are asked for, so that memory does not grow with the file.

    Attributes
    ----------
    file : RawFile
        The open raw file: findings and totals of what is read so far.
    seconds : dict of str to float
        Time spent so far in ``decode`` and in ``digits``.

    Raises
    ------
    RawFileError
        While iterating, at the first finding of class error, unless salvaging.
    """

    def __init__(self, file: RawFile, config: Config) -> None:
        self.file = file
        self.seconds = {"decode": 0.0, "digits": 0.0}
        self._config = config

    def __enter__(self) -> RawDigitStream:
        self.file.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self.file.__exit__(*details)

    def __iter__(self) -> Iterator[RawDigitChunk]:
        chunks = self.file.chunks(strict=not self._config.salvage, run_index=self._config.run_index)
        while (chunk := self._timed("decode", chunks)) is not None:
            pieces = raw_digit_chunks(chunk, adc_pairing=self._config.adc_pairing)
            while (piece := self._timed("digits", pieces)) is not None:
                yield piece

    def _timed(self, step: str, source: Iterator[Any]) -> Any:
        start = time.perf_counter()
        item = next(source, None)
        self.seconds[step] += time.perf_counter() - start
        return item


def run(inputs: Mapping[str, Path], config: Config, constants: Any = None) -> RawDigitStream:
    """Open a raw file and give its digits.

    Parameters
    ----------
    inputs : mapping
        ``raw``: path of the raw file.
    config : Config
    constants
        Not used: raw digits need none.

    Returns
    -------
    RawDigitStream
        To be used in a ``with`` statement.

    Raises
    ------
    InputFileError, RawFileError
        If the file cannot be opened or is not a raw file.
    """
    from mx2prod import raw

    return RawDigitStream(raw.open(inputs["raw"]), config)
