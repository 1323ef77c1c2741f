"""What gates tell: which are used, how they are counted and named, boards, FPGA registers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mx2prod.detector.hardware import HardwareMap, board_columns
from mx2prod.detector.trip import N_TRIP_CHANNELS, N_TRIPS
from mx2prod.raw.columns import FebFlag, GateChunk, GateFlag
from mx2prod.raw.registers import REGISTERS

GATES_NOT_USED = GateFlag.DAMAGED | GateFlag.WRAPPED | GateFlag.DUPLICATE | GateFlag.ASIDE
"""Gates that are skipped as a whole; an incomplete gate loses only the boards concerned."""

NO_BOARD = FebFlag.ABSENT | FebFlag.NO_ANSWER
"""Boards of which a gate has nothing."""

PEDESTAL, LIGHT_INJECTION, CHARGE_INJECTION = 1, 2, 4
BEAM_TRIGGERS = (16, 32, 64)
"""Trigger types of beam gates."""

TRIGGER_NAMES = {
    PEDESTAL: "pedestal", LIGHT_INJECTION: "light-injection", CHARGE_INJECTION: "charge-injection",
    8: "cosmic", 16: "NuMI", 32: "MTBF muon", 64: "MTBF beam",
}  # fmt: skip
"""Trigger types that a DAQ writes (raw-format page, section 7)."""

_REGISTERS = {field.name: field for field in REGISTERS}
_KINDS = {PEDESTAL: "pedestal", LIGHT_INJECTION: "li", CHARGE_INJECTION: "injection"}


def select_gates(
    gates: npt.NDArray[np.void], wanted: npt.NDArray[np.bool_], counts: Counter[str]
) -> npt.NDArray[np.bool_]:
    """Choose intact gates; count all of them by type, and the wanted ones that are skipped.

    Parameters
    ----------
    gates : ndarray of GATE_DTYPE, shape (n_gates,)
    wanted : ndarray of bool, shape (n_gates,)
        Gates of the trigger types that are accumulated.
    counts : Counter
        Gets ``type <n>`` and ``skipped <flag>``.

    Returns
    -------
    ndarray of bool, shape (n_gates,)
    """
    count_values("type", gates["trigger_type"], counts)
    for flag in GATES_NOT_USED:
        count = int(np.count_nonzero(wanted & ((gates["flags"] & flag.value) != 0)))
        if count:
            counts[f"skipped {str(flag.name).lower()}"] += count
    return np.asarray(wanted & ((gates["flags"] & GATES_NOT_USED.value) == 0), np.bool_)


def count_values(word: str, values: npt.NDArray[np.integer], counts: Counter[str]) -> None:
    """Count values under ``<word> <value>``."""
    kinds, numbers = np.unique(values, return_counts=True)
    for kind, number in zip(kinds.tolist(), numbers.tolist(), strict=True):
        counts[f"{word} {kind}"] += number


def count_boards(febs: npt.NDArray[np.void], counts: Counter[str]) -> None:
    """Count boards by address ``crate-croc-chain-board``."""
    columns = [column.tolist() for column in board_columns(febs)]
    counts.update("-".join(map(str, address)) for address in zip(*columns, strict=True))


def mapped_boards(
    febs: npt.NDArray[np.void],
    used: npt.NDArray[np.bool_],
    hardware: HardwareMap,
    unmapped: Counter[str],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Boards of the gates in use that the hardware map has; count the others by address.

    Parameters
    ----------
    febs : ndarray of FEB_DTYPE, shape (n_febs,)
    used : ndarray of bool, shape (n_gates,)
    hardware : HardwareMap
    unmapped : Counter

    Returns
    -------
    rows, boards : ndarray of int64, shape (n,)
        Rows of ``febs``, and the dense board number of each.
    """
    of_used = used[febs["gate"]]
    index = hardware.feb_index(febs)
    count_boards(febs[of_used & (index < 0)], unmapped)
    rows = np.flatnonzero(of_used & (index >= 0))
    return rows, index[rows]


def adc_words(chunk: GateChunk) -> npt.NDArray[np.uint16]:
    """Words of the ADC frames of a chunk, shape (n_adc, 216)."""
    return chunk.adc.reshape(len(chunk.adc), N_TRIPS * N_TRIP_CHANNELS)


def register_values(registers: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.int64]:
    """Values of one FPGA register of boards, shape (n,).

    Parameters
    ----------
    registers : ndarray of uint8, shape (n, 59)
    name : str
        Of :data:`~mx2prod.raw.registers.REGISTERS`.
    """
    field = _REGISTERS[name]
    value = np.zeros(len(registers), np.int64)
    for number in range(field.n_bytes):
        value |= registers[:, field.first + number].astype(np.int64) << (8 * number)
    return (value >> field.low_bit) & field.maximum


def add_readings(
    boards: npt.NDArray[np.void],
    index: npt.NDArray[np.int64],
    readings: Mapping[str, npt.NDArray[np.int64]],
) -> None:
    """Add readings of boards to their counters: ``<name>_sum``, ``_min``, ``_max`` if there.

    Parameters
    ----------
    boards : ndarray of integer columns, shape (n_febs,)
        Counters.
    index : ndarray of int64, shape (n,)
        Dense board number of each reading.
    readings : mapping of str to ndarray of int64, shape (n,)
        By name.
    """
    for name, values in readings.items():
        for suffix, add in (("sum", np.add), ("min", np.minimum), ("max", np.maximum)):
            if f"{name}_{suffix}" in (boards.dtype.names or ()):
                add.at(boards[f"{name}_{suffix}"], index, values)


def trigger_name(trigger_type: int) -> str:
    """Name of a trigger type, for example ``NuMI``; its number if the DAQ writes no such type."""
    return TRIGGER_NAMES.get(trigger_type, f"type {trigger_type}")


def gate_types(gates: Mapping[str, int]) -> dict[int, int]:
    """Gates by trigger type, from the counts of an accumulator."""
    return {
        int(name.split()[1]): count for name, count in gates.items() if name.startswith("type ")
    }


def gates_by_kind(gates: Mapping[str, int]) -> dict[str, int]:
    """Gates as ``--json`` counts them: pedestal, li, injection, beam, other, and those used."""
    types = gate_types(gates)
    kinds = {name: types.pop(trigger, 0) for trigger, name in _KINDS.items()}
    kinds["beam"] = sum(types.pop(trigger, 0) for trigger in BEAM_TRIGGERS)
    return kinds | {"other": sum(types.values()), "used": gates.get("used", 0)}


def types_text(types: Mapping[int, int]) -> str:
    """Say gates by trigger type, for example ``7,200 NuMI gates``."""
    parts = [
        f"{count:,} {trigger_name(kind)} gates" for kind, count in sorted(types.items()) if count
    ]
    return ", ".join(parts) or "no gates"
