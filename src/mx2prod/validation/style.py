"""How all plots look: sizes, colours that colour-blind readers can tell apart, files that repeat.

Colours: Okabe and Ito, "Color Universal Design" (2008).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, GREY, BLACK = "#56B4E9", "#CC79A7", "#8C8C8C", "#1A1A1A"
GAIN_COLOURS = {"high": BLUE, "medium": ORANGE, "low": GREEN}
VERDICT_COLOURS = {
    "good": GREEN,
    "investigate": ORANGE,
    "bad": RED,
    "too_few": PURPLE,
    "unreadable": GREY,
}
SEQUENTIAL, DIVERGING = "viridis", "PuOr_r"
NO_DATA = "#BDBDBD"

_SETTINGS: Any = {
    "figure.figsize": (7.2, 4.2),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "image.interpolation": "nearest",
    "svg.fonttype": "path",
    "svg.hashsalt": "mx2prod",
    "pdf.fonttype": 42,
}

_IMAGE_ID = re.compile(r'(<image\b[^>]*?) id="[^"]*"')
"""The id of a picture; matplotlib makes it of the content, so that equal pictures share it."""


@contextmanager
def drawing() -> Iterator[None]:
    """Draw without a display and in the style of mx2prod; close every figure at the end."""
    before = mpl.get_backend()
    plt.switch_backend("agg")
    try:
        with mpl.rc_context(_SETTINGS):
            yield
    finally:
        plt.close("all")
        plt.switch_backend(before)


def svg_text(figure: Figure, name: str) -> str:
    """Give a figure as an ``<svg>`` element that can stand in an HTML page with others.

    Parameters
    ----------
    figure : Figure
    name : str
        Makes the ids inside the element its own; letters, digits and ``-``.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = _IMAGE_ID.sub(r"\1", text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    return re.sub(r"url\(#", f"url(#{name}-", text)


def stamp(figure: Figure, text: str) -> None:
    """Write who made a figure, of what, at its lower edge, and keep the axes off it."""
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, 0.035, 1, 0.965))
    figure.text(0.995, 0.004, text, ha="right", va="bottom", fontsize=6.5, color=GREY)


def note_empty(axes: Any, text: str) -> None:
    """Say on empty axes why nothing is drawn."""
    axes.text(
        0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=GREY, wrap=True
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
