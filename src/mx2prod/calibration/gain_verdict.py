"""Verdict of a gain table with its reasons (pre-production page, sections 3.5 and 10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import chosen_boards, inner_channels, reasons_of_bits
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.gain_fit import GainFit
from mx2prod.calibration.gain_gate_reasons import HOUR_US, gate_reasons
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.gain_spectrum import SpectrumFit
from mx2prod.calibration.gain_status import GAIN_BITS, KNOWN, PreviousGains, usable_gains
from mx2prod.calibration.gates import gate_types, gates_by_kind, types_text
from mx2prod.calibration.light_injection_accumulator import LightInjectionAccumulator
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

Bools = npt.NDArray[np.bool_]

TOO_FEW_TEXT = "Not enough events for a gains table"
"""As the production talk has it."""

SPECTRUM_SIGMA = 3.0
"""Errors of the gain by which a fitted spectrum may be off: with few pulses they are above 1 %."""


@dataclass(frozen=True)
class JudgedGains:
    """What a verdict looks at.

    Attributes
    ----------
    accumulator : LightInjectionAccumulator
    fit : GainFit
    spectrum : SpectrumFit or None
    status : ndarray of int32, shape (n_channels,)
    inputs : GainInputs
    previous : PreviousGains
    """

    accumulator: LightInjectionAccumulator
    fit: GainFit
    spectrum: SpectrumFit | None
    status: Status
    inputs: GainInputs
    previous: PreviousGains


def too_few_verdict(
    accumulator: LightInjectionAccumulator, min_gates: int, notes: Iterable[Reason] = ()
) -> TableVerdict:
    """Verdict on an accumulator with fewer pulses than a table needs.

    Parameters
    ----------
    accumulator : LightInjectionAccumulator
    min_gates : int
    notes : iterable of Reason
        What is known besides.
    """
    types = gate_types(accumulator.gates)
    light = types.pop(accumulator.config.trigger_type, 0)
    text = f"{accumulator.used:,} light-injection gates of level {accumulator.level} used, "
    text += f"{min_gates:,} needed" + (f"; {types_text(types)}" if types else "")
    if not light:
        text += ": wrong stream?"
    reasons = [
        Reason("too_few", TOO_FEW_TEXT, Verdict.TOO_FEW, accumulator.used),
        Reason("gates", text, Verdict.GOOD, accumulator.used),
        *notes,
    ]
    return TableVerdict.of("gain", reasons, gates=gates_by_kind(accumulator.gates))


def judge_gains(
    judged: JudgedGains,
    hardware: HardwareMap,
    config: Preproduction,
    notes: Iterable[Reason] = (),
) -> TableVerdict:
    """Verdict of a table.

    Parameters
    ----------
    judged : JudgedGains
    hardware : HardwareMap
    config : Preproduction
    notes : iterable of Reason
        What is known besides, for example of the files.
    """
    rows = np.repeat(config.expected_boards(hardware), PIXELS_PER_BOARD)
    deciding = rows & inner_channels(hardware)
    counted = channel_verdicts(counted_status(judged.status, KNOWN, GAIN_BITS), GAIN_BITS)
    reasons = [
        *notes,
        *_fractions(counted[deciding], config),
        *_missing_pmts(judged.status, counted, deciding, hardware),
        *_against_previous(judged, deciding, config),
        *_light(judged, config),
        *_pedestal_age(judged, config),
        *_spectra(judged, rows, config),
        *gate_reasons(judged.accumulator, hardware, config),
        *reasons_of_bits(judged.status, rows, hardware, GAIN_BITS),
    ]
    channels = count_verdicts(channel_verdicts(judged.status, GAIN_BITS)[rows])
    return TableVerdict.of("gain", reasons, channels, gates_by_kind(judged.accumulator.gates))


def _fractions(ranks: npt.NDArray[np.int8], config: Preproduction) -> list[Reason]:
    limits = config.gain_verdict
    if not len(ranks):
        text = "no inner-detector board is expected, which would decide"
        return [Reason("no_inner", text, Verdict.INVESTIGATE)]
    good = np.count_nonzero(ranks == Verdict.GOOD.rank) / len(ranks)
    if good >= limits.good_fraction:
        return []
    verdict = Verdict.BAD if good < limits.usable_fraction else Verdict.INVESTIGATE
    text = f"{good:.1%} of the inner-detector channels are good, {limits.good_fraction:.0%} needed"
    return [Reason("good", text, verdict, int(np.count_nonzero(ranks)))]


def _missing_pmts(
    status: Status, counted: npt.NDArray[np.int8], deciding: Bools, hardware: HardwareMap
) -> list[Reason]:
    """Boards without one usable pixel although not all of them are known to be bad."""
    lost = ~usable_gains(status) & deciding
    unknown = counted == Verdict.BAD.rank
    by_board = -1, PIXELS_PER_BOARD
    missing = lost.reshape(by_board).all(axis=1) & unknown.reshape(by_board).any(axis=1)
    places = chosen_boards(hardware, missing)
    text = "PMTs without a usable gain"
    return [Reason("missing_pmts", text, Verdict.INVESTIGATE, len(places), places)] * bool(places)


def _against_previous(judged: JudgedGains, deciding: Bools, config: Preproduction) -> list[Reason]:
    usable = usable_gains(judged.status)
    both = deciding & usable & np.isfinite(judged.previous.gain) & np.isfinite(judged.fit.gain)
    if not both.any():
        text = "no previous table to compare with"
        return [Reason("no_reference", text, Verdict.GOOD)]
    change = float(np.median(judged.fit.gain[both]) / np.median(judged.previous.gain[both]) - 1)
    if abs(change) <= config.gain_verdict.median_change:
        return []
    text = f"the median gain changed by {change:+.1%} against the previous table"
    return [Reason("median_change", text, Verdict.INVESTIGATE, int(both.sum()))]


def _light(judged: JudgedGains, config: Preproduction) -> list[Reason]:
    spread = float(np.sqrt(max(judged.fit.light_variance, 0.0)))
    reasons = []
    if spread >= config.gain_verdict.light_spread:
        text = f"the light of the pulses has a common spread of {spread:.1%}"
        reasons.append(Reason("light_spread", text, Verdict.INVESTIGATE))
    slices = judged.accumulator.slices
    if not slices["pairs"].any():
        text = "only one board: a common spread of the light cannot be told from photostatistics"
        reasons.append(Reason("one_board", text, Verdict.INVESTIGATE))
    cut = int(slices["cut"].sum())
    if cut:
        text = "pulses left out for their light"
        reasons.append(Reason("light_cut", text, Verdict.GOOD, cut))
    return reasons


def _pedestal_age(judged: JudgedGains, config: Preproduction) -> list[Reason]:
    period = judged.accumulator.time_range_us()
    if judged.inputs.end_us is None or period is None:
        text = "the pedestal table does not say when it was taken"
        return [Reason("pedestal_age", text, Verdict.INVESTIGATE)]
    hours = (period[0] - judged.inputs.end_us) / HOUR_US
    if abs(hours) <= config.gain_verdict.pedestal_age_h:
        return []
    when = "before" if hours > 0 else "after"
    text = f"the pedestals were taken {abs(hours):.1f} h {when} the light injection"
    return [Reason("pedestal_age", text, Verdict.INVESTIGATE)]


def _spectra(judged: JudgedGains, rows: Bools, config: Preproduction) -> list[Reason]:
    if judged.spectrum is None:
        return []
    tried = rows & usable_gains(judged.status) & judged.spectrum.tried
    n = int(np.count_nonzero(tried))
    if not n:
        return []
    gain = judged.fit.gain[tried]
    off = np.abs(judged.spectrum.gain[tried] / gain - 1)
    allowed = np.maximum(
        config.gain.fit_tolerance, SPECTRUM_SIGMA * judged.fit.gain_err[tried] / gain
    )
    agree = float(np.mean(off < allowed))
    good = agree >= config.gain.fit_fraction
    text = f"{agree:.1%} of {n} fitted spectra agree with the gain"
    return [Reason("spectra", text, Verdict.GOOD if good else Verdict.INVESTIGATE, n)]
