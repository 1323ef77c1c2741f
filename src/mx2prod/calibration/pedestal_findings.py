"""Reasons that come from the file and its gates, not from the pedestals (pages 2.7 and 10)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mx2prod.calibration.gates import TRIGGER_NAMES, gate_types, trigger_name, types_text
from mx2prod.calibration.input_files import FileFacts, integrity_reasons, stream_reasons
from mx2prod.calibration.pedestal_accumulator import PedestalAccumulator
from mx2prod.calibration.pedestal_config import PedestalVerdictConfig
from mx2prod.calibration.verdict import Reason, Verdict
from mx2prod.core.units import US_PER_S
from mx2prod.raw.faults import Kind


def reasons_of_gates(
    accumulator: PedestalAccumulator, facts: FileFacts, config: PedestalVerdictConfig
) -> Iterator[Reason]:
    """Yield what is wrong with the number, type, time and integrity of the gates."""
    yield from _number_of_gates(accumulator, config)
    yield from stream_reasons(accumulator.gates, facts)
    yield from _skipped(accumulator, config)
    yield from _times(accumulator, facts, config)
    yield from integrity_reasons(facts)


def _number_of_gates(
    accumulator: PedestalAccumulator, config: PedestalVerdictConfig
) -> Iterator[Reason]:
    used = accumulator.gates.get("used", 0)
    types = gate_types(accumulator.gates)
    wanted = accumulator.config.trigger_type
    if not types.get(wanted, 0):
        others = types_text({kind: count for kind, count in types.items() if kind != wanted})
        text = f"0 {trigger_name(wanted)} gates, {others}: wrong stream?"
        yield Reason("wrong_stream", text, Verdict.TOO_FEW, 0)
    elif used < config.too_few_gates:
        text = (
            f"not enough events for a pedestal table: {used} gates used, at least "
            f"{config.too_few_gates} needed"
        )
        yield Reason("too_few_gates", text, Verdict.TOO_FEW, used)
    elif used < config.min_gates:
        text = f"{used} gates used, a good table has {config.min_gates}"
        yield Reason("few_gates", text, Verdict.INVESTIGATE, used)


def _skipped(accumulator: PedestalAccumulator, config: PedestalVerdictConfig) -> Iterator[Reason]:
    types = gate_types(accumulator.gates)
    everything = sum(types.values())
    unknown = {kind: count for kind, count in types.items() if kind not in TRIGGER_NAMES}
    if unknown:
        count = sum(unknown.values())
        many = count > config.skipped_fraction * everything
        text = f"{types_text(unknown)}, a trigger type that the DAQ does not write"
        yield Reason("unknown_type", text, _look_if(many), count)
    wanted = types.get(accumulator.config.trigger_type, 0)
    for name, count in accumulator.gates.items():
        if name.startswith("skipped "):
            by_choice = name == "skipped after beam"
            share = count / max(wanted, 1)
            verdict = _look_if(share > config.skipped_fraction and not by_choice)
            if share > 1 - config.usable_fraction and not by_choice:
                verdict = Verdict.BAD
            text = f"{count} of {wanted} pedestal gates {name}"
            yield Reason("skipped_gates", text, verdict, count)


def _times(
    accumulator: PedestalAccumulator, facts: FileFacts, config: PedestalVerdictConfig
) -> Iterator[Reason]:
    back = [fault for fault in facts.faults if fault.kind is Kind.TIME_ORDER]
    steps = [np.diff(part.times_us.ravel()) for part in accumulator.slices]
    seconds = np.concatenate([np.zeros(0), *steps]) / US_PER_S
    turned = len(back) or int(np.count_nonzero(seconds < 0))
    if turned:
        text = f"gate times do not increase, {turned} times"
        yield Reason("time", text, Verdict.INVESTIGATE, turned)
    gaps = seconds[seconds > config.gap_s]
    if len(gaps):
        text = f"{len(gaps)} gaps between gates, the longest {gaps.max():,.0f} s"
        yield Reason("time", text, Verdict.INVESTIGATE, len(gaps))


def _look_if(condition: bool) -> Verdict:
    return Verdict.INVESTIGATE if condition else Verdict.GOOD
