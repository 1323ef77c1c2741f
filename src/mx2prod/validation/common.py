"""What the pages of all kinds of tables share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np

from mx2prod.core.time import iso
from mx2prod.validation.page import DrawnPlot
from mx2prod.validation.plot import Plot, figures
from mx2prod.validation.style import svg_text

Data = TypeVar("Data")
MOST_WORST = 24
"""Channels in the list of the worst, each with its spectrum."""
_GATES = {"li": "light injection", "injection": "charge injection"}
"""Words of the kinds of gates that are not words already."""


def program() -> str:
    """Name and version of this program."""
    return f"mx2prod {version('mx2prod')}"


def stamp_text(reference: str | None) -> str:
    """Give what stands at the lower edge of every plot: program, and reference table.

    None where there is nothing to compare; empty where the previous table is missing.
    """
    if reference is None:
        return program()
    return f"{program()}; {f'reference: {reference}' if reference else 'no reference'}"


def drawn(
    plots: Iterable[Plot[Data]],
    data: Data,
    *,
    subject: str,
    reference: str | None,
    scope: str = "",
) -> list[DrawnPlot]:
    """Draw plots for a page; see :func:`stamp_text` for the reference.

    ``scope`` makes ids its own where a page shows the same plot several times.
    """
    return [
        DrawnPlot(
            plot.number, plot.title, plot.how_to_read, svg_text(figure, f"{scope}{plot.number}")
        )
        for plot, figure in figures(plots, data, subject=subject, stamp_text=stamp_text(reference))
    ]


def rounded(value: float, digits: int) -> float | str:
    """Give a number for a list, ``-`` where there is none; without digits an int."""
    if not np.isfinite(value):
        return "-"
    return round(float(value), digits) if digits else round(float(value))


def facts_of(content: Mapping[str, Any], times: tuple[int, int] | None) -> dict[str, str]:
    """Give origin and versions of a table, from its verdict file.

    Parameters
    ----------
    content : mapping
        Of the verdict file.
    times : tuple of int or None
        First and last gate used, microseconds since 1970.
    """
    gates = ", ".join(
        f"{number} {_GATES.get(kind, kind)}" for kind, number in content["gates"].items()
    )
    files = ", ".join(f"{name} (adler32 {adler32})" for name, adler32 in content.get("inputs", []))
    constants = ", ".join(f"{name} {sha}" for name, sha in (content.get("constants") or {}).items())
    return {
        "raw files": files or "none could be read",
        "gates": gates,
        "first gate used": iso(times[0]) if times else "none",
        "last gate used": iso(times[1]) if times else "none",
        "compared with": content.get("reference") or "no previous table",
        "table": str(content["table"] or "none"),
        "content sha256": str(content["content_sha256"] or "none"),
        **({"constants read (sha256)": constants} if constants else {}),
        "settings sha256": str(content.get("settings_sha256", "not recorded")),
        "settings that are not the defaults": ", ".join(content.get("deviations") or []) or "none",
    }
