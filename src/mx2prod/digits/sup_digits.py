"""Stage ``sup-digits``: raw digits to those with a signal, by the pedestals of their subrun.

Registered under ``mx2prod.stages``; the content of the product is described by
:class:`mx2prod.output.SupDigits`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from mx2prod.constants import BadChannel, Pedestal, Table
from mx2prod.core.errors import ConditionsError
from mx2prod.detector import ChannelAddress
from mx2prod.digits.raw_digit_columns import RawDigitChunk
from mx2prod.digits.suppression import Cuts, SupDigitChunk, suppressed
from mx2prod.digits.suppression_config import SuppressionConfig

name = "sup-digits"
version = "1"
consumes = "raw-digits"
produces = "sup-digits"
folders = (Pedestal.folder,)
optional_folders = (BadChannel.folder,)

Config = SuppressionConfig

_NAMED = 5


class SupDigitStream:
    """Suppressed digits, some gates at a time.

    A context manager and an iterator of :class:`SupDigitChunk`.

    Attributes
    ----------
    seconds : dict of str to float
        Time spent so far in ``suppress``.
    counters : Counter of str
        Digits so far: read, kept and dropped, by reason.

    Raises
    ------
    ConditionsError
        While iterating, for channels without a pedestal, unless the configuration allows them.
    """

    def __init__(self, source: Iterable[RawDigitChunk], cuts: Cuts, config: Config) -> None:
        self.seconds = {"suppress": 0.0}
        self.counters: Counter[str] = Counter()
        self._source = source
        self._cuts = cuts
        self._config = config

    def __enter__(self) -> SupDigitStream:
        return self

    def __exit__(self, *details: Any) -> None:
        """Do nothing: the source belongs to somebody else."""

    def __iter__(self) -> Iterator[SupDigitChunk]:
        for chunk in self._source:
            start = time.perf_counter()
            kept = self._suppressed(chunk)
            self.seconds["suppress"] += time.perf_counter() - start
            yield kept

    def _suppressed(self, chunk: RawDigitChunk) -> SupDigitChunk:
        if not self._config.allow_missing_pedestal:
            self._require_pedestals(chunk)
        kept = suppressed(chunk, self._cuts, self._config)
        self.counters.update({key: int(values.sum()) for key, values in kept.counts.items()})
        return kept

    def _require_pedestals(self, chunk: RawDigitChunk) -> None:
        """Refuse channels without a pedestal; they are those of the boards that have digits."""
        boards = np.unique(chunk.boards["chan"][chunk.boards["n_adc"] > 0])
        channels = (boards[:, None] | np.arange(64, dtype=np.int32) << 5).ravel()
        missing = self._cuts.unknown(channels)
        if len(missing):
            named = [str(ChannelAddress.from_id(channel)) for channel in missing[:_NAMED].tolist()]
            more = ", ..." if len(missing) > _NAMED else ""
            raise ConditionsError(
                f"{Pedestal.folder}: {len(missing)} channels of the file have no pedestal: "
                f"{', '.join(named)}{more} (crate-croc-chain-board-pixel)",
                next_step="put a table that has them, or, with --settings FILE, drop and count "
                "them: suppression: {allow_missing_pedestal: true}",
            )


def run(
    inputs: Mapping[str, Iterable[RawDigitChunk]], config: Config, constants: Mapping[str, Table]
) -> SupDigitStream:
    """Suppress the digits of a stream.

    Parameters
    ----------
    inputs : mapping
        ``raw-digits``: chunks of raw digits.
    config : SuppressionConfig
    constants : mapping of str to Table
        By folder: pedestals, and bad channels if there are any.

    Returns
    -------
    SupDigitStream
        To be used in a ``with`` statement.
    """
    cuts = Cuts.of(constants[Pedestal.folder], config, constants.get(BadChannel.folder))
    return SupDigitStream(inputs["raw-digits"], cuts, config)
