"""The object ``Meta`` of an output: where it comes from and how it was made (output page, 9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mx2prod.core.canonical import canonical_json, sha256_of
from mx2prod.core.ids import gate_ranges
from mx2prod.core.time import iso
from mx2prod.production.software import software
from mx2prod.raw.faults import Fault

if TYPE_CHECKING:
    from mx2prod.production.job import FileWork
    from mx2prod.production.steps import Step


@dataclass
class GateSummary:
    """Gates of an output, gathered while it is written.

    Attributes
    ----------
    count : int
    global_gates : list of int
    times_us : list of int
        Smallest and largest host time so far, empty before the first gate.
    trigger_types : dict of int to int
        Number of gates by trigger type.
    """

    count: int = 0
    global_gates: list[int] = field(default_factory=list)
    gate_numbers: list[int] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)
    trigger_types: dict[int, int] = field(default_factory=dict)

    def add(self, header: dict[str, Any]) -> None:
        """Add the header columns of further gates."""
        self.count += len(header["gate"])
        self.global_gates += header["gl_gate"].tolist()
        self.gate_numbers += header["gate"].tolist()
        times = [*self.times_us, *header["t_us"][header["t_us"] >= 0].tolist()]
        self.times_us = [min(times), max(times)] if times else []
        kinds, counts = np.unique(header["trigger_type"], return_counts=True)
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
            self.trigger_types[kind] = self.trigger_types.get(kind, 0) + count

    def as_dict(self) -> dict[str, Any]:
        """Members of ``Meta``."""
        known = [gate for gate in self.global_gates if gate >= 0]
        return {
            "count": self.count,
            "first_global_gate": known[0] if known else None,
            "last_global_gate": known[-1] if known else None,
            "global_gate_ranges": [[r.first, r.last] for r in gate_ranges(known)],
            "first_time_us": self.times_us[0] if self.times_us else None,
            "last_time_us": self.times_us[1] if self.times_us else None,
            "first_time": iso(self.times_us[0]) if self.times_us else None,
            "last_time": iso(self.times_us[1]) if self.times_us else None,
            "triggers": {str(kind): n for kind, n in sorted(self.trigger_types.items())},
        }


def meta_of(
    work: FileWork, steps: Sequence[Step], gates: GateSummary, counted: Mapping[str, int]
) -> dict[str, Any]:
    """Content of ``Meta``, except what the writer knows better (schema, lengths, hash).

    Parameters
    ----------
    work : FileWork
        The raw file and the job.
    steps : sequence of Step
        From the raw file to the one that made the product.
    gates : GateSummary
        Gates that were written.
    counted : mapping of str to int
        What the last step counted.
    """
    job, info, last = work.job, work.info, steps[-1]
    pairing = [found for step in steps if (found := getattr(step.config, "adc_pairing", None))]
    return {
        "software": software(),
        **_stage_facts(last),
        "previous_stages": [_stage_facts(step) for step in steps[:-1]],
        "raw.adc_pairing": pairing[0] if pairing else None,
        "constants": last.constants.as_dict() if last.constants else None,
        "detector": job.detector.versions(),
        "inputs": [
            {
                "did": f"{work.parent.content['namespace']}:{work.path.name}",
                "size": info.bytes,
                "adler32": info.adler32,
            }
        ],
        "run": work.name.run_subrun.run,
        "subrun": work.name.run_subrun.subrun,
        "stream": work.name.stream,
        "gates": gates.as_dict(),
        "counters": {
            "gates_in_input": info.gates,
            "gates_intact_in_input": info.intact_gates,
            "frames": info.frames,
            "gates_without_global_gate": sum(gate < 0 for gate in gates.global_gates),
            **counted,
        },
        "decode": decode_summary(info.bytes_decoded, info.bytes_lost, info.faults),
        "notices": work.report.notices,
        "job": {"started": job.started.isoformat(timespec="seconds")},
    }


def _stage_facts(step: Step) -> dict[str, Any]:
    settings = step.config.model_dump(mode="json")
    return {
        "stage": {"name": step.stage.name, "version": step.stage.version},
        "config": {"sha256": sha256_of(settings), "text": canonical_json(settings)},
    }


def decode_summary(decoded: int, lost: int, faults: Iterable[Fault]) -> dict[str, Any]:
    """Say what was decoded and what was lost; every finding (raw-format page, section 11)."""
    return {
        "bytes_total": decoded + lost,
        "bytes_decoded": decoded,
        "bytes_lost": lost,
        "faults": [fault.as_dict() for fault in faults],
    }
