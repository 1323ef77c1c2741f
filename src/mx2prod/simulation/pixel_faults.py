"""Defects of pixels and PMTs: dead, noisy, hot, stuck, swapped, without high voltage.

Source: detector page, section 7.2, row 'bad hardware'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import ConfigError
from mx2prod.detector import Electronics
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.simulation.faults import BOARD_FAULTS, FILE_FAULTS, acts
from mx2prod.simulation.hardware_kernels import draw_values
from mx2prod.simulation.miscalibration import boards_of, exchange_boards
from mx2prod.simulation.random_kernels import normal_table
from mx2prod.simulation.spec import Fault, Spec

if TYPE_CHECKING:
    from mx2prod.simulation.hardware import TrueDetector

Bools = npt.NDArray[np.bool_]
NOISY_FACTOR = 5.0
"""Noise of a noisy pixel over what it was (detector page)."""
HOT_RATE = 5_000.0
"""Dark rate of a hot pixel, Hz (detector page)."""
ADC_BITS = Electronics().adc_bits
_FIRST_STREAM = 60_000


def apply_pixel_faults(truth: TrueDetector, spec: Spec, run: int) -> None:
    """Give a detector the defects of a spec that act in a run.

    Parameters
    ----------
    truth : TrueDetector
        Changed.
    spec : Spec
    run : int

    Raises
    ------
    ConfigError
        If an address does not exist, or a range of gates is given.
    """
    _at_random(truth, spec)
    for fault in spec.faults:
        _require_whole_files(fault)
        if acts(fault, run):
            _apply(truth, fault)


def _require_whole_files(fault: Fault) -> None:
    """Refuse a range of gates: pixels have their defects for whole files."""
    acts_on_gates = (*BOARD_FAULTS, *FILE_FAULTS)
    if fault.kind not in acts_on_gates and (fault.from_gate != 1 or fault.to_gate != 0):
        raise ConfigError(
            f"faults: {fault.kind} at {fault.address}: from_gate and to_gate have no meaning for "
            "it, give from_run and to_run"
        )


def _at_random(truth: TrueDetector, spec: Spec) -> None:
    random = spec.random_faults
    fractions = (random.dead_pixels, random.noisy_pixels, random.hot_pixels)
    for number, fraction in enumerate(fractions):
        if fraction <= 0:
            continue
        normals, uniforms = np.empty((2, len(truth.gain)))
        stream = _FIRST_STREAM + number
        draw_values(np.uint64(spec.seed), stream, normal_table(), normals, uniforms)
        chosen = uniforms < fraction
        if number == 0:
            truth.alive[chosen] = False
        elif number == 1:
            _make_noisy(truth, chosen, NOISY_FACTOR)
        else:
            truth.dark_rate[chosen] = HOT_RATE


def _make_noisy(truth: TrueDetector, channels: int | Bools, factor: float) -> None:
    truth.noise[channels] *= factor
    truth.noisy[channels] = True


def _apply(truth: TrueDetector, fault: Fault) -> None:
    if fault.kind == "dead_pixel":
        truth.alive[_channel(truth, fault, fault.address)] = False
    elif fault.kind == "noisy_pixel":
        _make_noisy(truth, _channel(truth, fault, fault.address), fault.size or NOISY_FACTOR)
    elif fault.kind == "hot_pixel":
        truth.dark_rate[_channel(truth, fault, fault.address)] = fault.size or HOT_RATE
    elif fault.kind == "stuck_bit":
        if not 0 <= fault.size < ADC_BITS:
            raise ConfigError(
                f"faults: stuck_bit {fault.size:g}: expected a bit from 0 to {ADC_BITS - 1}"
            )
        channel = _channel(truth, fault, fault.address)
        truth.stuck[channel] |= np.uint16(1 << int(fault.size))
    elif fault.kind == "hv_off":
        boards = boards_of(truth, [fault.address], "faults: hv_off")
        truth.hv_off |= boards
        truth.alive[np.repeat(boards, PIXELS_PER_BOARD)] = False
    elif fault.kind == "swapped_fibres":
        _swap_fibres(truth, fault)
    elif fault.kind == "swapped_boards":
        _swap_boards(truth, fault)


def _swap_fibres(truth: TrueDetector, fault: Fault) -> None:
    first, second = (_channel(truth, fault, name) for name in (fault.address, fault.with_address))
    channel = truth.channel_of_strip
    at_first, at_second = channel == first, channel == second
    channel[at_first], channel[at_second] = second, first


def _swap_boards(truth: TrueDetector, fault: Fault) -> None:
    """Exchange two boards with their PMTs: all that is theirs moves, the fibres stay."""
    names = [fault.address, fault.with_address]
    first, second = (
        int(np.flatnonzero(boards_of(truth, [name], "faults: swapped_boards"))[0]) for name in names
    )
    for array in (truth.pedestal, truth.noise, truth.gain, truth.curve, truth.threshold,
                  truth.dark_rate, truth.alive, truth.noisy, truth.stuck):  # fmt: skip
        exchange_boards(array, first, second)
    for array in (truth.offset_ns, truth.hv, truth.temperature, truth.hv_off, truth.day_phase,
                  truth.drift):  # fmt: skip
        array[[first, second]] = array[[second, first]]


def _channel(truth: TrueDetector, fault: Fault, address: str) -> int:
    board, _, pixel = address.rpartition("-")
    is_pixel = board.count("-") == 3 and pixel.isdecimal() and int(pixel) < PIXELS_PER_BOARD
    if not is_pixel:
        raise ConfigError(
            f"faults: {fault.kind}: {address!r} is no pixel, expected crate-croc-chain-board-pixel"
        )
    feb = int(np.flatnonzero(boards_of(truth, [board], f"faults: {fault.kind}"))[0])
    return feb * PIXELS_PER_BOARD + int(pixel)
