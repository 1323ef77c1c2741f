"""Seconds by step."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping


class StepClock:
    """Adds up wall-clock seconds by the name of a step.

    Attributes
    ----------
    seconds : dict of str to float
        In the order in which the steps were first entered.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add({name: time.perf_counter() - start})

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add times that were measured elsewhere."""
        for name, value in seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + value

    @property
    def total(self) -> float:
        """Sum of all steps."""
        return sum(self.seconds.values())
