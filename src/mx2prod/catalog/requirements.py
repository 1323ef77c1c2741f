"""What a dataset requires of the metadata of its files (catalogue page, section 1.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mx2prod.catalog.rules import KEY, Problem
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import CatalogError
from mx2prod.core.suggest import nearest

_SCALARS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "text": (str,),
    "boolean": (bool,),
}
TYPES = (*_SCALARS, *(f"{name}[]" for name in _SCALARS), "dict", "list", "any")


class Requirement(BaseModel):
    """Rule for one metadata key.

    Attributes
    ----------
    type : str
        One of ``TYPES``; a boolean is no int, an int is accepted for a float.
    required : bool
    min, max : number or text, optional
        Bounds, included; of each item of a list.
    values : tuple, optional
        Allowed values; of each item of a list.
    pattern : str, optional
        Regular expression that a text must match as a whole.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(default="any", description="Type of the value.")
    required: bool = Field(default=False, description="The key must be there.")
    min: Any = Field(default=None, description="Smallest value.")
    max: Any = Field(default=None, description="Largest value.")
    values: tuple[Any, ...] | None = Field(default=None, description="Allowed values.")
    pattern: str | None = Field(default=None, description="Regular expression of the whole text.")


_ADAPTER = TypeAdapter(dict[str, Requirement])


def read_requirements(document: Mapping[str, Any] | None) -> dict[str, Requirement]:
    """Read requirements from their JSON form.

    Raises
    ------
    CatalogError
        If a key, a type, a member or a pattern is not valid.
    """
    try:
        found = _ADAPTER.validate_python(dict(document or {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CatalogError(f"requirements: {where}: {first['msg']}") from error
    for key, rule in found.items():
        if not KEY.match(key):
            raise CatalogError(f"requirements: {key!r} is not a metadata key")
        if rule.type not in TYPES:
            known = f"{', '.join(TYPES)}){nearest(rule.type, TYPES)}"
            raise CatalogError(f"requirements: {key}: type {rule.type!r} (known: {known}")
        _compiled(rule.pattern or "", key)
    return found


def requirement_problems(
    rules: Mapping[str, Requirement], metadata: Mapping[str, Any]
) -> Iterator[Problem]:
    """Problems of the metadata of a file with the requirements of a dataset."""
    for key, rule in rules.items():
        if key not in metadata:
            if rule.required:
                yield Problem(key, "required by the dataset", None)
            continue
        value = metadata[key]
        if not _has_type(rule.type, value):
            yield Problem(key, f"expected {rule.type}", value)
            continue
        for item in value if isinstance(value, list) else [value]:
            reason = _item_problem(rule, item, key)
            if reason:
                yield Problem(key, reason, value)
                break


def _has_type(name: str, value: Any) -> bool:
    if name == "any":
        return True
    if name in ("dict", "list"):
        return isinstance(value, dict if name == "dict" else list)
    kind = name.removesuffix("[]")
    if name.endswith("[]"):
        return isinstance(value, list) and all(_is_scalar(kind, item) for item in value)
    return _is_scalar(kind, value)


def _is_scalar(kind: str, value: Any) -> bool:
    return isinstance(value, _SCALARS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _item_problem(rule: Requirement, value: Any, key: str) -> str:
    if rule.values is not None and not any(_same(value, known) for known in rule.values):
        return f"expected one of {', '.join(map(str, rule.values))}"
    if rule.min is not None and not _ordered(rule.min, value):
        return f"expected at least {rule.min}"
    if rule.max is not None and not _ordered(value, rule.max):
        return f"expected at most {rule.max}"
    if rule.pattern is not None:
        text = isinstance(value, str) and _compiled(rule.pattern, key).fullmatch(value)
        return "" if text else f"expected a text of the form {rule.pattern}"
    return ""


def _same(value: Any, known: Any) -> bool:
    return canonical_json(value) == canonical_json(known)


def _ordered(low: Any, high: Any) -> bool:
    """Tell whether two values can be compared and are in order."""
    numbers = all(_is_scalar("float", value) for value in (low, high))
    texts = isinstance(low, str) and isinstance(high, str)
    return bool((numbers or texts) and low <= high)


@lru_cache
def _compiled(pattern: str, key: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        text = f"requirements: {key}: pattern {pattern!r}: {error.msg} at position {error.pos}"
        raise CatalogError(text) from error
