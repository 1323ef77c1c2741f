"""Measure: best of several turns, peak memory of a process of its own; rows of the result."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

TURNS = 3
Row = dict[str, Any]
"""Name, value and unit; the ratio to ours, and the figure that the value is, if there are any."""


def best_seconds(action: Callable[[], object], turns: int = TURNS) -> float:
    """Shortest wall-clock time of several turns, in seconds; one more goes before, unmeasured."""
    action()
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def command_seconds(words: list[str], turns: int = TURNS) -> float:
    """Shortest wall-clock time of a command, process start included, in seconds."""
    return best_seconds(lambda: subprocess.run(words, check=True, capture_output=True), turns)


def peak_megabytes(code: str) -> float:
    """Peak resident memory of a Python process that runs ``code``, in MB."""
    report = "from mx2prod.production.memory import peak_memory_bytes\nprint(peak_memory_bytes())"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], check=True, capture_output=True, text=True
    )
    return int(result.stdout.split()[-1]) / 1e6


def row(
    name: str, value: float, unit: str, figure: str | None = None, *, ours: float | None = None
) -> Row:
    """Row of the result.

    Parameters
    ----------
    name : str
    value : float
    unit : str
    figure : str, optional
        Key of :data:`benchmarks.figures.BOUNDS`.
    ours : float, optional
        Our value of the same, for the ratio.
    """
    ratio = None if ours is None else value / ours
    return {"name": name, "value": value, "unit": unit, "ratio": ratio, "figure": figure}


def show(title: str, rows: list[Row]) -> None:
    """Print measured rows as a table."""
    print(f"\n{title}")
    for row in rows:
        ratio = "" if row.get("ratio") is None else f"{row['ratio']:10.2f} x ours"
        print(f"  {row['name']:<52}{row['value']:10.3f} {row['unit']:<6}{ratio}")
