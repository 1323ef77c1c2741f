"""Filters: functions of sets of files that a query calls by name (catalogue page, section 2.3)."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mx2prod.catalog.mql.syntax import Day, Filter
from mx2prod.catalog.records import FileRecord
from mx2prod.core.errors import QueryError
from mx2prod.core.suggest import nearest

_Files: TypeAlias = Sequence[FileRecord]


def sample(files: _Files, fraction: float) -> Iterator[FileRecord]:
    """Add up the fraction; a file is given each time that the sum reaches 1."""
    total = 0.0
    for record in files:
        total += fraction
        if total >= 1.0:
            total -= 1.0
            yield record


def every_nth(files: _Files, n: float, first: float) -> Iterator[FileRecord]:
    """Every ``n``-th file, from number ``first`` on, counted from 0."""
    return (record for index, record in enumerate(files) if index % n == first)


def by_hash(files: _Files, n: float, remainder: float) -> Iterator[FileRecord]:
    """Files whose adler32 of the fid leaves this remainder modulo ``n``."""
    return (record for record in files if zlib.adler32(record.fid.encode()) % n == remainder)


def mix(parts: Sequence[_Files], ratios: Sequence[float]) -> Iterator[FileRecord]:
    """Take from the parts in proportion, each file once, until one of them is at its end.

    Each turn every part gains its share; the part that has most (the later one of equals) gives
    its next new file and pays one for it.
    """
    shares = [ratio / sum(ratios) for ratio in ratios]
    scores = [0.0] * len(parts)
    iterators = [iter(part) for part in parts]
    given: set[str] = set()
    while True:
        scores = [score + share for score, share in zip(scores, shares, strict=True)]
        chosen = max(range(len(scores)), key=lambda index: (scores[index], index))
        record = next((item for item in iterators[chosen] if item.fid not in given), None)
        if record is None:
            return
        given.add(record.fid)
        yield record
        scores[chosen] -= 1.0


def randomize(files: _Files, seed: float | str | None, window: int) -> Iterator[FileRecord]:
    """Shuffle: a file moves by about ``window`` places; the same seed gives the same order."""
    generator = random.Random(seed)  # noqa: S311 # an order of files, nothing secret
    waiting: list[FileRecord | None] = [None] * window
    for record in files:
        place = generator.randint(0, window - 1)
        leaving, waiting[place] = waiting[place], record
        if leaving is not None:
            yield leaving
    yield from (record for record in waiting if record is not None)


@dataclass(frozen=True)
class _Signature:
    """What a filter takes.

    ``numbers`` and ``options`` name its arguments; with ``a_number_a_part`` it takes any number
    of parts and a number for each.
    """

    numbers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    a_number_a_part: bool = False


_SIGNATURES = {
    "sample": _Signature(("fraction",)),
    "every_nth": _Signature(("n", "i")),
    "stride": _Signature(("n", "i")),
    "hash": _Signature(("n", "i")),
    "mix": _Signature(a_number_a_part=True),
    "randomize": _Signature(options=("seed", "window")),
}
_LARGEST_WINDOW = 1_000_000


def check_filter(node: Filter) -> None:
    """Check name and arguments of a filter.

    Raises
    ------
    QueryError
        If there is no such filter, or its arguments are not the ones that it takes.
    """
    signature = _SIGNATURES.get(node.name)
    if signature is None:
        raise QueryError(
            f"there is no filter {node.name}{nearest(node.name, _SIGNATURES)}",
            offset=node.span.start,
            hint=f"filters are: {', '.join(_SIGNATURES)}",
        )
    numbers = _numbers(node)
    wanted = len(node.parts) if signature.a_number_a_part else len(signature.numbers)
    if numbers is None or len(numbers) != wanted or not _options_fit(node, signature.options):
        raise QueryError(f"{node.name}: expected {_shape(node.name)}", offset=node.span.start)
    if not signature.a_number_a_part and len(node.parts) != 1:
        raise QueryError(f"{node.name} takes one set of files", offset=node.span.start)
    if node.name == "mix" and (min(numbers) < 0 or sum(numbers) == 0):
        raise QueryError("mix: expected ratios above 0", offset=node.span.start)
    if node.name in {"every_nth", "stride", "hash"} and numbers[0] == 0:
        raise QueryError(f"{node.name}: n is 0", offset=node.span.start)


def _numbers(node: Filter) -> list[int | float] | None:
    """Arguments without a name, or None if one of them is no number."""
    values = [None if isinstance(value, Day) else value.value for value in node.arguments]
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    return numbers if len(numbers) == len(values) else None


def _shape(name: str) -> str:
    signature = _SIGNATURES[name]
    if signature.a_number_a_part:
        return "one number a set of files"
    options = [f"{option}=NUMBER" for option in signature.options]
    return f"{name}({', '.join([*signature.numbers, *options])}), numbers"


def _options_fit(node: Filter, known: tuple[str, ...]) -> bool:
    values = dict(node.options)
    if len(values) != len(node.options) or not values.keys() <= set(known):
        return False
    seed = values.get("seed")
    window = getattr(values.get("window"), "value", 1)
    return (
        not isinstance(seed, Day)
        and type(window) is int
        and not isinstance(values.get("window"), Day)
        and 1 <= window <= _LARGEST_WINDOW
    )


def apply_filter(node: Filter, parts: Sequence[_Files]) -> list[FileRecord]:
    """Apply a checked filter to its sets of files.

    Returns
    -------
    list of FileRecord
        In the order of the filter.
    """
    numbers = _numbers(node) or []
    if node.name == "mix":
        return list(mix(parts, numbers))
    if node.name == "randomize":
        options: dict[str, Any] = {name: getattr(value, "value", 0) for name, value in node.options}
        return list(randomize(parts[0], options.get("seed"), options.get("window", 1000)))
    functions: dict[str, Callable[..., Iterator[FileRecord]]] = {
        "sample": sample,
        "every_nth": every_nth,
        "stride": every_nth,
        "hash": by_hash,
    }
    return list(functions[node.name](parts[0], *numbers))
