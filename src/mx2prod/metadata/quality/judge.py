"""The verdict on a file: which items pass, and what follows from them (metadata page, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mx2prod.core.canonical import sha256_of
from mx2prod.metadata.quality.thresholds import Item, Thresholds

YES_OR_NO = "yes or no"
"""Unit of items whose value is 1 or 0."""


@dataclass(frozen=True)
class Measurement:
    """Value of an item.

    Attributes
    ----------
    value : float or None
        None where nothing tells it.
    detail : str
        What was counted, or why there is no value.
    """

    value: float | None
    detail: str = ""


@dataclass(frozen=True)
class ItemResult:
    """One item of a verdict.

    Attributes
    ----------
    item : str
    value : float or None
    threshold : str
    passed : bool or None
        None where there is no value.
    fails, unit, detail : str
    """

    item: str
    value: float | None
    threshold: str
    passed: bool | None
    fails: str
    unit: str
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Members as the command prints them."""
        return dict(vars(self))


@dataclass(frozen=True)
class Verdict:
    """Verdict on one file.

    Attributes
    ----------
    did : str
    word : str
        ``good``, ``bad`` or ``unknown``.
    flags : tuple of str
        Sorted.
    reasons : tuple of str
        What made it bad or keeps it unknown.
    signed_by : str
        Who signed, ``auto-sign`` by policy, or empty.
    thresholds : str
        Version of the thresholds.
    items : tuple of ItemResult
    inputs_sha256 : str
        Of everything that the verdict was computed from.
    """

    did: str
    word: str
    flags: tuple[str, ...]
    reasons: tuple[str, ...]
    signed_by: str
    thresholds: str
    items: tuple[ItemResult, ...]
    inputs_sha256: str

    @property
    def value(self) -> str | list[str]:
        """``dune.dqc_quality``: a word, or a list with the flags after it."""
        return [self.word, *self.flags] if self.flags else self.word

    def as_dict(self) -> dict[str, Any]:
        """Members as the command prints them."""
        return {
            "did": self.did,
            "verdict": self.word,
            "dqc_quality": self.value,
            "reasons": list(self.reasons),
            "signed_by": self.signed_by,
            "thresholds": self.thresholds,
            "inputs_sha256": self.inputs_sha256,
            "items": [item.as_dict() for item in self.items],
        }


def judge(
    did: str,
    values: Mapping[str, Measurement],
    thresholds: Thresholds,
    *,
    letter: str,
    beam: bool,
    content_sha: str = "",
    signed_by: str = "",
) -> Verdict:
    """Judge a file.

    Parameters
    ----------
    did : str
    values : mapping
        Measurement by item name; an item without one counts as not known.
    thresholds : Thresholds
    letter : str
        Tier letter of the file.
    beam : bool
        The file is of a beam stream.
    content_sha : str
        Checksum of the content that was measured.
    signed_by : str
        Who signs for the run period; empty: nobody.

    Returns
    -------
    Verdict
        ``bad`` with a failed hard item; ``good`` with every hard item passed, none holding it
        back, and a signature; else ``unknown``.
    """
    asked = thresholds.asked_of(letter, beam=beam)
    items = tuple(_result(item, values.get(item.name)) for item in asked)
    signature = signed_by or ("auto-sign" if thresholds.auto_sign else "")
    word, reasons = _word(items, signature)
    failed = {result.item for result in items if result.passed is False}
    return Verdict(
        did=did,
        word=word,
        flags=tuple(sorted(item.flag for item in asked if item.flag and item.name in failed)),
        reasons=reasons,
        signed_by=signature if word == "good" else "",
        thresholds=thresholds.version,
        items=items,
        inputs_sha256=_inputs(did, items, thresholds, content_sha),
    )


def _result(item: Item, measured: Measurement | None) -> ItemResult:
    value = measured.value if measured is not None else None
    detail = measured.detail if measured is not None else "nothing tells it"
    passed = None if value is None else item.passes(value)
    return ItemResult(item.name, value, item.threshold, passed, item.fails, item.unit, detail)


def _word(items: tuple[ItemResult, ...], signature: str) -> tuple[str, tuple[str, ...]]:
    hard = [item for item in items if item.fails == "bad"]
    failed = [item for item in hard if item.passed is False]
    if failed:
        return "bad", tuple(map(_reason, failed))
    holding = [
        item
        for item in items
        if (item.fails == "bad" and item.passed is None)
        or (item.fails == "hold" and item.passed is not True)
    ]
    if holding:
        return "unknown", tuple(map(_reason, holding))
    if not signature:
        return "unknown", ("every hard item passes; the owner of the run period has not signed",)
    return "good", ()


def _reason(item: ItemResult) -> str:
    if item.value is None or item.unit == YES_OR_NO:
        return f"{item.item}: {item.detail}"
    detail = f" ({item.detail})" if item.detail else ""
    return f"{item.item}: {item.value:.6g}, expected {item.threshold} {item.unit}{detail}"


def _inputs(did: str, items: tuple[ItemResult, ...], table: Thresholds, content: str) -> str:
    values = {item.item: [item.value, item.detail] for item in items}
    return sha256_of({"did": did, "values": values, "thresholds": table.sha256, "content": content})
