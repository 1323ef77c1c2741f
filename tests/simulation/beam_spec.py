"""Specs and plans of beam gates, for the tests of the particles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from mx2prod.simulation.beam import spill_protons
from mx2prod.simulation.columns import GATE_PLAN_DTYPE
from mx2prod.simulation.events import EventGenerator, Events
from mx2prod.simulation.spec import Spec

N_PLANES = 76
NO = np.zeros(N_PLANES)


def beam_spec(seed: int = 11, **sections: Any) -> Spec:
    """Give a spec with one beam file; ``beam`` and ``particles`` are sections of it."""
    file = {
        "stream": "numib",
        "run": 3001,
        "subrun": 7,
        "gates": 100,
        "start": datetime(2024, 7, 8, tzinfo=UTC),
    }
    return Spec.model_validate({"seed": seed, "files": [file], **sections})


def plan_of(spec: Spec, gates: Any) -> np.ndarray:
    """Plan beam gates with these numbers."""
    plan = np.zeros(len(gates), GATE_PLAN_DTYPE)
    plan["gate"], plan["trigger_type"] = gates, 16
    plan["pot"] = spill_protons(spec, spec.files[0], gates)
    return plan


def events_of(spec: Spec, n: int, shift: np.ndarray = NO, rotation: np.ndarray = NO) -> Events:
    """Simulate the first gates of the file."""
    generator = EventGenerator(spec, spec.files[0], shift, rotation)
    return generator.generate(plan_of(spec, np.arange(1, n + 1)))
