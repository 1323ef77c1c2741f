"""What a file record must be before it may be declared (catalogue page, section 1.1)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from mx2prod.core.errors import CatalogError
from mx2prod.core.ids import Did

NAME = re.compile(r"[A-Za-z0-9_./-]+\Z", re.ASCII)
KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+\Z", re.ASCII)
STORAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-_]{0,249}\Z", re.ASCII)
LARGEST_SIZE = 2**63 - 1

_HEX = re.compile(r"[0-9a-f]+\Z", re.ASCII)
_DIGITS = {"adler32": 8, "md5": 32, "sha256": 64}
_DEEPEST = 200


class Problem(NamedTuple):
    """A rule that a member of a record breaks.

    Attributes
    ----------
    member : str
        Member of the record, or metadata key.
    reason : str
    value : object
    """

    member: str
    reason: str
    value: object


def name_problems(namespace: Any, name: Any) -> Iterator[Problem]:
    """Problems of a namespace and a name."""
    for member, value in (("namespace", namespace), ("name", name)):
        if not isinstance(value, str) or not NAME.match(value):
            yield Problem(member, "expected letters, digits and _ . / - only", value)


def storage_notice(name: str) -> str:
    """Say that the storage of DUNE does not take a name; empty if it does."""
    if STORAGE_NAME.match(name):
        return ""
    return f"{name}: DUNE storage takes at most 250 letters, digits and . - _ only"


def size_problems(size: Any) -> Iterator[Problem]:
    """Problems of a size in bytes."""
    if type(size) is not int:
        yield Problem("size", "expected an integer, the number of bytes", size)
    elif not 0 <= size <= LARGEST_SIZE:
        yield Problem("size", "expected 0 to 2^63 - 1 bytes", size)


def normal_checksums(checksums: Any) -> tuple[dict[str, str], list[str], list[Problem]]:
    """Checksums in lower case, notices about what was changed, and problems."""
    if not isinstance(checksums, Mapping):
        return {}, [], [Problem("checksums", "expected an object of texts", checksums)]
    normal: dict[str, str] = {}
    notices, problems = [], []
    for kind, value in checksums.items():
        if not isinstance(kind, str) or not isinstance(value, str):
            problems.append(Problem("checksums", "expected an object of texts", checksums))
            continue
        digits = value.lower()
        length = _DIGITS.get(kind, len(digits))
        if not _HEX.match(digits) or len(digits) != length:
            reason = f"expected {length} hexadecimal digits, zero padded"
            problems.append(Problem(f"checksums.{kind}", reason, value))
        elif digits != value:
            notices.append(f"{kind} {value} is kept in lower case")
        normal[kind] = digits
    return normal, notices, problems


def metadata_problems(metadata: Any) -> Iterator[Problem]:
    """Problems of the keys of metadata, and of values that JSON does not know."""
    if not isinstance(metadata, Mapping):
        yield Problem("metadata", "expected an object", metadata)
        return
    for key, value in metadata.items():
        if not isinstance(key, str) or not _is_key(key):
            yield Problem(str(key), "a key is words of letters, digits and _ with dots", value)
        kind = type(value)
        if kind is str or kind is int or kind is bool or value is None:
            continue
        reason = _value_problem(value, 0)
        if reason:
            yield Problem(str(key), reason, value)


@lru_cache(maxsize=4096)
def _is_key(key: str) -> bool:
    return KEY.match(key) is not None


def _value_problem(value: Any, depth: int) -> str:
    """Say what is wrong with a JSON value, or nothing."""
    if depth > _DEEPEST:
        return f"nested deeper than {_DEEPEST} levels"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "NaN and infinity are not JSON"
    if isinstance(value, list | tuple):
        found = (_value_problem(item, depth + 1) for item in value)
        return next((reason for reason in found if reason), "")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return "a member name that is not a text"
        found = (_value_problem(item, depth + 1) for item in value.values())
        return next((reason for reason in found if reason), "")
    known = value is None or isinstance(value, str | int)
    return "" if known else f"{type(value).__name__} is not a JSON value"


def checked_metadata(metadata: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Metadata of a dataset or a named query.

    Raises
    ------
    CatalogError
        If a key or a value is not allowed.
    """
    for problem in metadata_problems(metadata or {}):
        raise CatalogError(f"{what}: {problem.member}: {problem.reason}, found {problem.value!r}")
    return dict(metadata or {})


def checked_did(did: Did | str, what: str) -> Did:
    """Namespace and name of something to be made.

    Raises
    ------
    CatalogError
        If they have other characters than names may have.
    NameFormatError
        If a text is not ``namespace:name``.
    """
    found = as_did(did)
    for problem in name_problems(found.namespace, found.name):
        raise CatalogError(f"{what} {found}: {problem.member}: {problem.reason}")
    return found


def as_did(did: Did | str) -> Did:
    """``Did`` of a text ``namespace:name``."""
    return did if isinstance(did, Did) else Did.parse(did)
