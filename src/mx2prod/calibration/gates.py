"""What gates tell: which are used, how they are counted and named, FPGA registers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mx2prod.raw.columns import GateFlag
from mx2prod.raw.registers import REGISTERS

GATES_NOT_USED = GateFlag.DAMAGED | GateFlag.WRAPPED | GateFlag.DUPLICATE | GateFlag.ASIDE
"""Gates that are skipped as a whole; an incomplete gate loses only the boards concerned."""

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
    columns = [febs[name].tolist() for name in ("crate", "croc", "chain", "board")]
    counts.update("-".join(map(str, address)) for address in zip(*columns, strict=True))


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
        f"{count:,} {TRIGGER_NAMES.get(kind, f'type {kind}')} gates"
        for kind, count in sorted(types.items())
        if count
    ]
    return ", ".join(parts) or "no gates"
