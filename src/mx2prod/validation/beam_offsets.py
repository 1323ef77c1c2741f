"""Plot of the offsets of the clocks of runs: gate minus accelerator time, gate minus GPS time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from mx2prod.core.errors import UsageError
from mx2prod.core.files import atomic_path
from mx2prod.metadata.beam import Offsets
from mx2prod.validation.common import program
from mx2prod.validation.style import BLUE, RED, drawing, note_empty, stamp

FORMATS = {".pdf": "CreationDate", ".png": "Software", ".svg": "Date"}
"""Suffixes, and what a file of each would say that is not of the data."""

_HEAD_ROOM = 1.6
"""Height of an axis over its largest bin: the legend stands above the bins."""

_NAMES = {"accelerator": "accelerator", "gps": "GPS"}


def save_offsets(offsets: Sequence[Offsets], path: Path) -> None:
    """Draw each distribution into a panel of its own; one row a run.

    Parameters
    ----------
    offsets : sequence of Offsets
        See :func:`mx2prod.metadata.beam.offsets_of`.
    path : Path
        Its suffix is the format; one that exists is never overwritten.

    Raises
    ------
    UsageError
        Without a distribution, or for another suffix.
    OutputError
        If the file exists or cannot be written.
    """
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: suffix {path.suffix!r}, expected one of {', '.join(FORMATS)}")
    if not offsets:
        raise UsageError(f"{path}: no run to draw")
    runs = sorted({item.run for item in offsets})
    clocks = list(dict.fromkeys(item.clock for item in offsets))
    with drawing(), atomic_path(path) as temporary:
        size = (4.2 * len(clocks), 2.6 * len(runs))
        figure, axes = plt.subplots(len(runs), len(clocks), figsize=size, squeeze=False)
        for item in offsets:
            _panel(axes[runs.index(item.run), clocks.index(item.clock)], item)
        stamp(figure, program())
        untold = {FORMATS[path.suffix]: None}
        figure.savefig(temporary, format=path.suffix.removeprefix("."), metadata=untold)
        plt.close(figure)


def _panel(ax: Axes, item: Offsets) -> None:
    ax.set_title(f"run {item.run}: gate minus {_NAMES[item.clock]} time")
    if not item.gates:
        note_empty(ax, "unknown: no source")
        return
    ax.stairs(item.counts, item.edges_ms, color=BLUE, fill=True, alpha=0.7)
    ax.axvline(item.quantiles_ms["0.5"], color=RED, label=f"median {item.quantiles_ms['0.5']:.2f}")
    ax.set_xlabel("offset (ms)")
    ax.set_ylabel("gates")
    ax.set_ylim(0, _HEAD_ROOM * item.counts.max())
    ax.legend(loc="upper left", title=f"{item.gates} gates, sigma {item.sigma_ms:.2f}")
