"""DAQ headers of a stretch to gate rows, and the checks of their order (section 11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mx2prod.raw.columns import GATE_DTYPE, GateFlag
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.layout import DAQ_HEADER_BYTES, DETECTOR_MX2, HEADER_WORDS, TRIGGER_BY_STREAM

_SGATE_MODULUS = 1 << 28
_Columns = npt.NDArray[np.void]


def read_headers(buffer: npt.NDArray[np.uint8], groups: _Columns) -> _Columns:
    """Decode the DAQ headers of groups that have one.

    Parameters
    ----------
    buffer : ndarray of uint8
    groups : ndarray of GROUP_DTYPE, shape (n_gates,)
        Groups closed by a DAQ header.

    Returns
    -------
    ndarray of GATE_DTYPE, shape (n_gates,)
        ``first_feb`` and ``n_febs`` are still zero.
    """
    offsets = groups["header_offset"]
    positions = offsets[:, None] + np.arange(DAQ_HEADER_BYTES)
    words = np.ascontiguousarray(buffer[positions]).view(HEADER_WORDS).reshape(-1)
    gates = np.zeros(len(groups), GATE_DTYPE)
    gates["offset"], gates["header_offset"] = groups["begin"], offsets
    for name in ("detector", "config", "run", "subrun", "trigger_type", "global_gate", "gate"):
        gates[name] = words[name]
    gates["led_level"], gates["led_group"] = words["led"] & 3, words["led"] & 0xF8
    gates["time_us"], gates["sgate"] = words["time_us"], words["sgate"]
    gates["error"] = words["error_readout"] >> 4 & 7
    gates["readout_us"] = words["error_readout"] >> 8
    gates["n_adc_header"], gates["n_fpga_header"] = words["n_adc"], words["n_fpga"]
    gates["n_discriminator_header"] = words["n_discriminator"]
    return gates


@dataclass
class Identity:
    """Run, subrun and detector that the gates of a run should carry, and their stream."""

    run: int
    subrun: int
    detector: int
    stream: str | None

    @classmethod
    def of(cls, gates: _Columns, stream: str | None) -> Identity:
        """Most frequent identity of some gates, so that one bad header does not decide."""
        keys, counts = np.unique(gates[["run", "subrun", "detector"]], return_counts=True)
        run, subrun, detector = keys[np.argmax(counts)].tolist()
        return cls(run, subrun, detector, stream)


@dataclass
class GateOrder:
    """Checks that compare each gate with the ones before it; one object for a whole run.

    ``seen`` is shared between the runs of a file.
    """

    identity: Identity
    seen: set[tuple[int, int, int]] = field(default_factory=set)
    previous: _Columns | None = None

    def check(self, gates: _Columns) -> Iterator[Fault]:
        """Yield findings of consecutive gates, and set ``DUPLICATE`` and ``ASIDE`` flags."""
        if not len(gates):
            return
        yield from self._check_identity(gates)
        yield from self._check_duplicates(gates)
        before = np.concatenate([gates[:1] if self.previous is None else self.previous, gates[:-1]])
        yield from self._check_first(gates)
        yield from _check_numbers(gates, before, skip_first=self.previous is None)
        yield from _check_times(gates, before)
        yield from self._check_triggers(gates)
        self.previous = gates[-1:].copy()

    def _check_first(self, gates: _Columns) -> Iterator[Fault]:
        if self.previous is None and gates["gate"][0] != 1:
            number = int(gates["gate"][0])
            yield _fault(gates[0], Kind.GATE_GAP, f"the first gate of the run is {number}, not 1")

    def _check_identity(self, gates: _Columns) -> Iterator[Fault]:
        wanted = self.identity
        other = (
            (gates["run"] != wanted.run)
            | (gates["subrun"] != wanted.subrun)
            | (gates["detector"] != wanted.detector)
        )
        gates["flags"][other] |= GateFlag.ASIDE.value
        for gate in gates[other]:
            yield _fault(
                gate,
                Kind.HEADER_MISMATCH,
                f"run {gate['run']} subrun {gate['subrun']} detector {gate['detector']}, expected "
                f"run {wanted.run} subrun {wanted.subrun} detector {wanted.detector}; "
                "the gate is kept aside",
                Severity.ERROR,
            )

    def _check_duplicates(self, gates: _Columns) -> Iterator[Fault]:
        columns = (gates[name].tolist() for name in ("run", "subrun", "gate"))
        for row, key in enumerate(zip(*columns, strict=True)):
            if key in self.seen:
                gates["flags"][row] |= GateFlag.DUPLICATE.value
                yield _fault(
                    gates[row],
                    Kind.DUPLICATE_GATE,
                    f"run {key[0]} subrun {key[1]} gate {key[2]} stands in the file already; "
                    "the first one is used",
                    Severity.ERROR,
                )
            self.seen.add(key)

    def _check_triggers(self, gates: _Columns) -> Iterator[Fault]:
        allowed = TRIGGER_BY_STREAM.get(self.identity.stream or "")
        if allowed is None:
            return
        for row in np.flatnonzero(~np.isin(gates["trigger_type"], list(allowed))):
            found = int(gates["trigger_type"][row])
            yield _fault(
                gates[row],
                Kind.HEADER_MISMATCH,
                f"trigger type {found} in stream {self.identity.stream}, "
                f"expected {' or '.join(map(str, sorted(allowed)))}",
            )


def _check_numbers(gates: _Columns, before: _Columns, *, skip_first: bool) -> Iterator[Fault]:
    step = gates["gate"].astype(np.int64) - before["gate"].astype(np.int64)
    global_step = (gates["global_gate"] - before["global_gate"]).astype(np.int64)
    odd = (step != 1) | (global_step != 1)
    if skip_first:
        odd[0] = False
    for row in np.flatnonzero(odd):
        yield _number_fault(gates[row], before[row], int(step[row]), int(global_step[row]))


def _number_fault(gate: np.void, before: np.void, step: int, global_step: int) -> Fault:
    found = (
        f"gate {gate['gate']} global {gate['global_gate']} after "
        f"gate {before['gate']} global {before['global_gate']}"
    )
    if step == 1 and global_step == 0:
        return _fault(gate, Kind.GLOBAL_GATE_REUSED, f"{found}: the global gate is repeated")
    if step < 1 or global_step < 1:
        return _fault(gate, Kind.GATE_ORDER, f"{found}: expected +1 in both", Severity.ERROR)
    missing = max(step, global_step) - 1
    return _fault(gate, Kind.GATE_GAP, f"{found}: {missing} missing between")


def _check_times(gates: _Columns, before: _Columns) -> Iterator[Fault]:
    back = gates["time_us"] < before["time_us"]
    sgate = (gates["sgate"].astype(np.int64) - before["sgate"]) % _SGATE_MODULUS
    for row in np.flatnonzero(back):
        lag = int(before["time_us"][row]) - int(gates["time_us"][row])
        yield _fault(gates[row], Kind.TIME_ORDER, f"gate time goes back by {lag} us")
    for row in np.flatnonzero(sgate > _SGATE_MODULUS // 2):
        yield _fault(
            gates[row],
            Kind.TIME_ORDER,
            f"SGATE counter goes back from {before['sgate'][row]} to {gates['sgate'][row]}",
        )


def _fault(gate: np.void, kind: Kind, detail: str, severity: Severity = Severity.WARNING) -> Fault:
    return Fault(
        kind,
        severity,
        detail,
        offset=int(gate["header_offset"]),
        length=DAQ_HEADER_BYTES,
        gate=int(gate["gate"]),
    )


def check_against_name(identity: Identity, run: int | None, subrun: int | None) -> Iterator[Fault]:
    """Compare the identity in the headers with the file name and the detector of Mx2."""
    if run is not None and (run, subrun) != (identity.run, identity.subrun):
        yield Fault(
            Kind.HEADER_MISMATCH,
            Severity.ERROR,
            f"the file name says run {run} subrun {subrun}, the DAQ headers say "
            f"run {identity.run} subrun {identity.subrun}",
        )
    if identity.detector != DETECTOR_MX2:
        yield Fault(
            Kind.HEADER_MISMATCH,
            Severity.WARNING,
            f"detector {identity.detector} in the DAQ headers, expected {DETECTOR_MX2} (TS1)",
        )
