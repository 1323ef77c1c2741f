"""The checks as named rules (conditions page, section 5).

A rule looks at one payload, or at one folder of a global tag, and gives problems; none: it passed.
What makes a channel bad is decided by the calibration and arrives as the verdict of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.conditions.limits import Limits
from mx2prod.conditions.putting import Provenance
from mx2prod.constants import (
    BadChannel,
    Constants,
    DetectorMaps,
    Pedestal,
    PmtGain,
    StripToStrip,
    Table,
    Timing,
)
from mx2prod.constants.keys import Key
from mx2prod.constants.source import Source
from mx2prod.core.errors import TableError
from mx2prod.detector.boards import inner_boards
from mx2prod.detector.schemas import PIXELS_PER_BOARD

LISTED = 20
"""Channels that a problem names; the number is always there."""

_ORIGIN = ("input", "software", "config", "request")


@dataclass(frozen=True)
class Rule:
    """A rule by its name.

    Attributes
    ----------
    name, meaning : str
    waivers : int
        Persons who must waive a failure with a reason; 0: it cannot be waived.
    """

    name: str
    meaning: str
    waivers: int = 0


RULES = {
    rule.name: rule
    for rule in (
        Rule("content", "every payload has its content hash and keeps the schema"),
        Rule("bounds", "values are within the hard limits of the page"),
        Rule("complete", "a table has the keys of the inner detector", 1),
        Rule("entries", "enough readings stand behind every row", 1),
        Rule("s2s-mean", "the mean factor of good strips is 1", 1),
        Rule("provenance", "inputs, software, configuration and request are known", 1),
        Rule("verdict-investigate", "a table to be looked at has a written reason", 1),
        Rule("verdict-bad", "a bad table is used by decision of two persons", 2),
        Rule("gaps", "every subrun of the run list has a table or a decision"),
        Rule("stops", "no interval passes a swap or border", 1),
        Rule("change", "values changed against the parent as expected", 1),
        Rule("hardware-map", "the channels are those of this hardware map"),
    )
}
"""All rules by name."""

PayloadRule = Callable[[Table, Limits, DetectorMaps], list[str]]


def content(table: Table, _: Limits, maps: DetectorMaps) -> list[str]:
    """Check schema, units, limits and keys anew, under the hardware map of the store."""
    try:
        Table.of(table.schema, table.columns, maps=maps, source=Source("payload"))
    except TableError as error:
        return [error.message]
    return []


def bounds(table: Table, limits: Limits, _: DetectorMaps) -> list[str]:
    """Check the hard limits that stand on the page and not in the schema."""
    checks: dict[type[Constants], tuple[str, float]] = {
        PmtGain: ("gain", limits.gain_max),
        StripToStrip: ("s2s", limits.s2s_max),
        Timing: ("offset_ns", limits.offset_max_ns),
    }
    if table.schema not in checks:
        return []
    column, limit = checks[table.schema]
    bad = np.abs(table[column]) >= limit
    return _named(table, bad, f"{column} is not below {limit:g}")


def complete(table: Table, limits: Limits, maps: DetectorMaps) -> list[str]:
    """Check that enough of the inner detector's keys have a row, for gains a measured one."""
    if table.schema is BadChannel:
        return []
    expected = inner_keys(table.schema, maps)
    missing = np.setdiff1d(expected, table.channel)
    problems = []
    if len(missing) > (1 - limits.present) * len(expected):
        problems.append(_listed(table, missing, f"of {len(expected)} keys have no row"))
    if table.schema is PmtGain:
        measured = table["gain_err"] < limits.gain_error * table["gain"]
        known = np.isin(expected, table.channel[measured])
        if known.mean() < limits.gain_measured:
            text = f"of {len(expected)} keys have no gain to {limits.gain_error:.0%}"
            problems.append(_listed(table, expected[~known], text))
    return problems


def entries(table: Table, limits: Limits, _: DetectorMaps) -> list[str]:
    """Check the number of readings behind every row."""
    if table.schema is Pedestal:
        fewest = np.minimum.reduce([table[f"{gain}_entries"] for gain in ("hg", "mg", "lg")])
        return _named(
            table, fewest < limits.pedestal_entries,
            f"fewer than {limits.pedestal_entries:g} readings",
        )  # fmt: skip
    if table.schema is PmtGain:
        few = (table["n_events"] < limits.gain_entries) & (table["gain_err"] > 0)
        return _named(table, few, f"fewer than {limits.gain_entries:g} pulses")
    return []


def s2s_mean(table: Table, limits: Limits, _: DetectorMaps) -> list[str]:
    """Check that the mean strip-to-strip factor of good strips is 1."""
    if table.schema is not StripToStrip:
        return []
    good = table["error"] == 0
    if not good.any():
        return ["no strip is good"]
    mean = float(table["s2s"][good].mean())
    away = abs(mean - 1) > limits.s2s_mean
    return [f"mean factor of {int(good.sum())} good strips is {mean:.9f}"] if away else []


PAYLOAD_RULES: dict[str, PayloadRule] = {
    "content": content,
    "bounds": bounds,
    "complete": complete,
    "entries": entries,
    "s2s-mean": s2s_mean,
}


def provenance(facts: Sequence[Provenance]) -> list[str]:
    """Check that it is known where a payload comes from."""
    kinds = {fact.kind for fact in facts}
    if "nominal" in kinds:
        return []
    missing = [kind for kind in _ORIGIN if kind not in kinds]
    return [f"not known: {', '.join(missing)}"] if missing else []


def verdict(facts: Sequence[Provenance], word: str) -> list[str]:
    """Give a problem for a table of this verdict."""
    found = Provenance("verdict", word) in facts
    return [f"the calibration says {word}"] if found else []


def inner_keys(schema: type[Constants], maps: DetectorMaps) -> npt.NDArray[np.int64]:
    """Keys of the inner detector, in ascending order: those whose absence matters.

    Parameters
    ----------
    schema : type of Constants
    maps : DetectorMaps

    Returns
    -------
    ndarray of int64
    """
    keys = schema.key.existing(maps)
    if schema.key not in {Key.CHANNEL, Key.HALF_BOARD}:
        return keys
    feb = maps.hardware.channel_index(keys) // PIXELS_PER_BOARD
    return keys[inner_boards(maps.hardware)[feb]]


def _named(table: Table, bad: npt.NDArray[np.bool_], text: str) -> list[str]:
    return [_listed(table, table.channel[bad], f"rows: {text}")] if bad.any() else []


def _listed(table: Table, keys: npt.NDArray[np.int64], text: str) -> str:
    names = ", ".join(
        "-".join(map(str, table.schema.key.address_of(int(key)))) or "0" for key in keys[:LISTED]
    )
    more = f" and {len(keys) - LISTED} more" if len(keys) > LISTED else ""
    return f"{len(keys)} {text}: {table.schema.key} {names}{more}"
