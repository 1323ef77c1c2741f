"""The field table: what is required, of which type, in which words (metadata page, section 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from mx2prod.core.ids import RunSubrun
from mx2prod.metadata.checks.outer import EMPTY, SHA256
from mx2prod.metadata.context import Context
from mx2prod.metadata.rules import Finding, rule
from mx2prod.metadata.schema import FieldRule
from mx2prod.metadata.view import RecordView, as_integers, as_number, as_ranges
from mx2prod.raw.faults import Severity

OUR_FAMILY = "mx2prod"
"""``core.application.family`` of files that this program wrote."""


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_texts(value: Any) -> bool:
    return type(value) is list and all(type(item) is str for item in value)


TYPES: dict[str, Callable[[Any], bool]] = {
    "str": _is_text,
    "int": lambda value: type(value) is int,
    "float": lambda value: as_number(value) is not None or _is_not_finite(value),
    "number": lambda value: as_number(value) is not None,
    "dict": lambda value: type(value) is dict,
    "list[int]": lambda value: as_integers(value) is not None,
    "list[[int,int]]": lambda value: as_ranges(value) is not None,
    "bool or str": lambda value: isinstance(value, bool | str),
    "str or list[str]": lambda value: _is_text(value) or _is_texts(value),
    "sha256": lambda value: _is_text(value) and SHA256.match(value) is not None,
}
"""Test of each type word of the field table.  An integer stands for a float, a boolean never."""


def _is_not_finite(value: Any) -> bool:
    return type(value) is float and not math.isfinite(value)


@rule("required", Severity.ERROR, "Every key that the tier requires is there")
def check_required(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check the requirement column of the tier; nothing is required of an unknown tier."""
    letter = view.letter
    if letter is None:
        if "core.data_tier" not in view.metadata:
            yield Finding("core.data_tier", None, "a value")
        return
    for key, field in context.schema.fields.items():
        if key not in view.metadata and _is_required(field, letter, view, context):
            yield Finding(key, None, f"a value of type {field.type}")


def _is_required(field: FieldRule, letter: str, view: RecordView, context: Context) -> bool:
    need = field.need[letter]
    if need in ("o", "-", "campaign"):
        return False
    if need == "period":
        return bool(context.schema.periods_of(view.runs))
    if need == "ours":
        return view.text("core.application.family") == OUR_FAMILY
    if need == "run-db":
        return any(_global_subruns(item, context) for item in view.run_subruns)
    return True


def _global_subruns(item: RunSubrun, context: Context) -> bool:
    if context.subruns is None:
        return False
    return bool(context.subruns.global_subruns(item.run, item.subrun))


@rule("type", Severity.ERROR, "Every value has the type of the field table")
def check_types(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check types, except where a cross-check reports them with more to say."""
    for key, value in view.metadata.items():
        field = context.schema.fields.get(key)
        if field and field.type_rule == "type" and not TYPES[field.type](value):
            yield Finding(key, value, field.type)


@rule("word", Severity.ERROR, "Every word is one of those that the field table allows")
def check_words(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check vocabularies; a value of the wrong type is left to the type rule."""
    for key, value in view.metadata.items():
        field = context.schema.fields.get(key)
        if field and field.words and isinstance(value, str):
            allowed = field.allowed(view.letter)
            if value not in allowed:
                yield Finding(key, value, "one of " + ", ".join(sorted(allowed)))


@rule("tier", Severity.WARNING, "No key that files of this tier do not have")
def check_tier_keys(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check the keys that the table marks as not written for the tier."""
    if view.letter is None:
        return
    for key, value in view.metadata.items():
        field = context.schema.fields.get(key)
        if field and field.need[view.letter] == "-" and value not in EMPTY:
            yield Finding(key, value, f"no such key on a file of tier {view.letter}")


@rule("config", Severity.ERROR, "dune.config_file names the campaign's configuration (D7)")
def check_config_file(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check that the configuration is not one name a file: that breaks merging and naming."""
    config = view.text("dune.config_file")
    if not config:
        return
    want = "one name a campaign, <campaign id>.opts"
    name = view.record.get("name")
    stem = name.rpartition(".")[0] if isinstance(name, str) else ""
    if config.startswith("TS1_") or (stem and config.startswith(stem)) or "/" in config:
        yield Finding("dune.config_file", config, want)


@rule("X26", Severity.WARNING, "No key that is not in the field table")
def check_unknown_keys(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check for keys that nobody has decided about."""
    for key in view.metadata:
        if key not in context.schema.fields:
            yield Finding(key, view.get(key), "a key of the field table")
