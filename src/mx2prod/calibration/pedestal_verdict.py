"""Verdict of a pedestal table (pre-production page, section 2.7).

Channels of the inner detector decide; those of the outer detector are judged, counted and listed,
but no number of them spoils a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import board_names, channel_names, chosen_boards
from mx2prod.calibration.gates import gates_by_kind
from mx2prod.calibration.input_files import FileFacts
from mx2prod.calibration.pedestal_accumulator import PedestalAccumulator
from mx2prod.calibration.pedestal_compare import Comparison, exchange_texts, exchanged_boards
from mx2prod.calibration.pedestal_config import PedestalVerdictConfig
from mx2prod.calibration.pedestal_findings import reasons_of_gates
from mx2prod.calibration.pedestal_fit import PedestalFit
from mx2prod.calibration.pedestal_status import PEDESTAL_STATUS, PedestalBit, has_bit
from mx2prod.calibration.verdict import (
    Reason,
    Status,
    TableVerdict,
    Verdict,
    channel_verdicts,
    count_verdicts,
    counted_status,
)
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import Gain

Bools = npt.NDArray[np.bool_]
_GOOD, _LOOK, _BAD = Verdict.GOOD, Verdict.INVESTIGATE, Verdict.BAD
_KNOWN = PEDESTAL_STATUS[PedestalBit.KNOWN]


@dataclass(frozen=True)
class PedestalEvidence:
    """Everything that the verdict of a table rests on.

    Attributes
    ----------
    accumulator : PedestalAccumulator
    fit : PedestalFit
    status : ndarray of int32, shape (n_channels,)
    comparison : Comparison
    hardware : HardwareMap
    inner : ndarray of bool, shape (n_febs,)
        Boards of the inner detector.
    expected : ndarray of bool, shape (n_febs,)
        Boards that should be in the data.
    facts : FileFacts
    notes : tuple of Reason
        Further reasons that the caller knows.
    """

    accumulator: PedestalAccumulator
    fit: PedestalFit
    status: Status
    comparison: Comparison
    hardware: HardwareMap
    inner: Bools
    expected: Bools
    facts: FileFacts = field(default_factory=FileFacts)
    notes: tuple[Reason, ...] = ()

    @property
    def deciding(self) -> Bools:
        """Boards whose channels decide, shape (n_febs,)."""
        return self.inner & self.expected

    @cached_property
    def ranks(self) -> npt.NDArray[np.int8]:
        """Verdicts of all channels as they count for the table, shape (n_channels,)."""
        return channel_verdicts(
            counted_status(self.status, _KNOWN, PEDESTAL_STATUS), PEDESTAL_STATUS
        )

    def channel_names(self, chosen: Bools) -> tuple[str, ...]:
        """Addresses of chosen channels, shape of ``chosen`` (n_channels,)."""
        return channel_names(self.hardware, chosen)

    def board_names(self, chosen: Bools) -> tuple[str, ...]:
        """Addresses of chosen boards, shape of ``chosen`` (n_febs,)."""
        return chosen_boards(self.hardware, chosen)


def pedestal_verdict(evidence: PedestalEvidence, config: PedestalVerdictConfig) -> TableVerdict:
    """Judge a pedestal table.

    Parameters
    ----------
    evidence : PedestalEvidence
    config : PedestalVerdictConfig

    Returns
    -------
    TableVerdict
        Counts are of the channels that decide.  With too few gates the channels are not judged.
    """
    reasons = [*evidence.notes, *reasons_of_gates(evidence.accumulator, evidence.facts, config)]
    gates = gates_by_kind(evidence.accumulator.gates)
    if any(reason.verdict is Verdict.TOO_FEW for reason in reasons):
        return TableVerdict.of("pedestal", reasons, gates=gates)
    decides = np.repeat(evidence.deciding, PIXELS_PER_BOARD)
    reasons += _reasons_of_boards(evidence, config)
    reasons += _reasons_of_channels(evidence, decides, config)
    reasons += _reasons_of_comparison(evidence, decides, config)
    return TableVerdict.of("pedestal", reasons, count_verdicts(evidence.ranks[decides]), gates)


def _reasons_of_boards(
    evidence: PedestalEvidence, config: PedestalVerdictConfig
) -> Iterator[Reason]:
    boards = evidence.accumulator.boards
    absent = evidence.expected & (boards["gates"] == boards["absent"])
    for inner in (True, False):
        chosen = absent & (evidence.inner == inner)
        count = int(np.count_nonzero(chosen))
        if count:
            verdict = (_BAD if count > config.absent_boards else _LOOK) if inner else _GOOD
            where = "inner" if inner else "outer"
            text = f"{count} boards of the {where} detector absent"
            yield Reason("absent_boards", text, verdict, count, evidence.board_names(chosen))
    lost = (boards["absent"] + boards["errors"]) / np.maximum(boards["gates"], 1)
    partly = evidence.deciding & ~absent & (lost > config.skipped_fraction)
    if partly.any():
        text = f"{np.count_nonzero(partly)} boards missing or with errors in a part of the gates"
        names = evidence.board_names(partly)
        yield Reason("partly_absent", text, _LOOK, len(names), names)
    yield from _addresses(evidence)
    yield from _firmware(evidence)


def _addresses(evidence: PedestalEvidence) -> Iterator[Reason]:
    unmapped = tuple(evidence.accumulator.unmapped)
    if unmapped:
        text = f"{len(unmapped)} boards in the data that the hardware map does not have"
        yield Reason("unmapped_boards", text, _LOOK, len(unmapped), unmapped)
    extra = (evidence.accumulator.boards["frames"] > 0) & ~evidence.expected
    if extra.any():
        names = evidence.board_names(extra)
        text = f"{len(names)} boards in the data that the settings do not expect: no rows"
        yield Reason("unexpected_boards", text, _GOOD, len(names), names)
    if not evidence.deciding.any():
        text = "no board of the inner detector is expected: nothing decides"
        yield Reason("no_inner_boards", text, _LOOK)


def _firmware(evidence: PedestalEvidence) -> Iterator[Reason]:
    boards = evidence.accumulator.boards
    seen = boards["firmware_max"] >= 0
    versions = np.unique([boards[name][seen] for name in ("firmware_min", "firmware_max")])
    if len(versions) > 1:
        usual = int(np.median(boards["firmware_max"][seen]))
        others = seen & ((boards["firmware_min"] != usual) | (boards["firmware_max"] != usual))
        text = f"firmware versions {', '.join(map(str, versions))} in one table"
        names = evidence.board_names(others)
        yield Reason("firmware", text, _LOOK, len(names), names)


def _reasons_of_channels(
    evidence: PedestalEvidence, decides: Bools, config: PedestalVerdictConfig
) -> Iterator[Reason]:
    yield from _fractions(evidence, decides, config)
    ranks = evidence.ranks
    wrong = (ranks.reshape(-1, PIXELS_PER_BOARD) > 0).sum(axis=1)
    crowded = evidence.deciding & (wrong > config.board_channels)
    if crowded.any():
        names = evidence.board_names(crowded)
        text = f"{len(names)} boards with more than {config.board_channels} channels not good"
        yield Reason("crowded_boards", text, _LOOK, len(names), names)
    expected = np.repeat(evidence.expected, PIXELS_PER_BOARD)
    for bit in PEDESTAL_STATUS:
        yield from _of_bit(evidence, PedestalBit(bit.number), expected)
    of_blocks = has_bit(evidence.status, PedestalBit.BLOCK_DEP) & decides
    count = int(np.count_nonzero(of_blocks))
    if count > config.block_fraction * np.count_nonzero(decides):
        text = f"pedestals depend on the hit block in {count} channels"
        yield Reason("block_dependence", text, _LOOK, count)


def _of_bit(evidence: PedestalEvidence, bit: PedestalBit, expected: Bools) -> Iterator[Reason]:
    """Name the channels of each bit; whole absent boards are named as boards."""
    found = has_bit(evidence.status, bit) & expected
    if bit is PedestalBit.ABSENT:
        return
    if bit is PedestalBit.NO_DATA:
        found &= ~has_bit(evidence.status, PedestalBit.ABSENT)
    names = evidence.channel_names(found)
    if names:
        text = f"{len(names)} channels {bit.name.lower()}: {PEDESTAL_STATUS[bit].condition}"
        yield Reason(f"channels_{bit.name.lower()}", text, _GOOD, len(names), names)


def _fractions(
    evidence: PedestalEvidence, decides: Bools, config: PedestalVerdictConfig
) -> Iterator[Reason]:
    n = int(np.count_nonzero(decides))
    if not n:
        return
    ranks = evidence.ranks
    good = int(np.count_nonzero(decides & (ranks == 0)))
    bad = decides & (ranks == _BAD.rank)
    n_bad = int(np.count_nonzero(bad))
    if n - n_bad < config.usable_fraction * n:
        text = f"{n - n_bad} of {n} channels usable, at least {config.usable_fraction:.0%} needed"
        yield Reason("usable_channels", text, _BAD, n_bad, evidence.channel_names(bad))
    if good < config.good_fraction * n:
        text = f"{good} of {n} channels good, a good table has {config.good_fraction:.0%}"
        yield Reason("good_channels", text, _LOOK, n - good)
    if n_bad > config.bad_fraction * n:
        text = f"{n_bad} of {n} channels bad, a good table has at most {config.bad_fraction:.1%}"
        yield Reason("bad_channels", text, _LOOK, n_bad, evidence.channel_names(bad))


def _reasons_of_comparison(
    evidence: PedestalEvidence, decides: Bools, config: PedestalVerdictConfig
) -> Iterator[Reason]:
    comparison = evidence.comparison
    if not comparison.name:
        yield Reason("no_reference", "no previous table: nothing is compared", _GOOD)
        return
    yield from _notes_of_comparison(comparison)
    n = int(np.count_nonzero(decides & np.isfinite(comparison.difference[:, Gain.HIGH])))
    shifted = has_bit(evidence.status, PedestalBit.SHIFTED) & decides
    count = int(np.count_nonzero(shifted))
    if count > config.shifted_fraction * n:
        text = f"{count} of {n} channels shifted against {comparison.name}"
        names = evidence.channel_names(shifted)
        yield Reason("shifted_channels", text, _LOOK, count, names)
    moved = comparison.shifted(config)[:, Gain.HIGH] & decides
    difference = comparison.difference[:, Gain.HIGH]
    for sign, word in ((1, "up"), (-1, "down")):
        one_way = int(np.count_nonzero(moved & (difference * sign > 0)))
        if one_way > config.common_shift * n:
            text = f"{one_way} of {n} channels shifted {word} together: wrong settings?"
            yield Reason("common_shift", text, _BAD, one_way)
    fine = ~has_bit(evidence.status, PedestalBit.STUCK) & ~has_bit(
        evidence.status, PedestalBit.RAIL
    )
    pairs = exchanged_boards(evidence.fit, comparison, fine, config)
    if pairs:
        names = evidence.board_names(np.isin(np.arange(evidence.fit.n_febs), pairs))
        said = ", ".join(exchange_texts(pairs, board_names(evidence.hardware)))
        yield Reason("exchanged_boards", f"boards exchanged: {said}", _BAD, len(pairs), names)


def _notes_of_comparison(comparison: Comparison) -> Iterator[Reason]:
    if comparison.allowance != 1:
        text = f"first table of its period: {comparison.allowance:g} times the shift is allowed"
        yield Reason("first_in_period", text, _GOOD)
    if comparison.reset:
        text = f"{len(comparison.reset)} boards exchanged since {comparison.name}: not compared"
        yield Reason("swapped_boards", text, _GOOD, len(comparison.reset), comparison.reset)
    if comparison.unmatched:
        text = f"{len(comparison.unmatched)} channels of {comparison.name} are not in the hardware"
        yield Reason(
            "unmatched_channels", text, _GOOD, len(comparison.unmatched), comparison.unmatched
        )
