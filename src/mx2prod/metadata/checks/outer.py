"""The outer record, and rules that hold for every value (metadata page, section 3)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from mx2prod.metadata.context import Context
from mx2prod.metadata.rules import Finding, rule
from mx2prod.metadata.view import RecordView, as_integer, as_text
from mx2prod.raw.faults import Severity

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
MAX_NAME = 242
MAX_NAMESPACE = 25
DID = re.compile(r"[A-Za-z0-9._-]+:[A-Za-z0-9][A-Za-z0-9._-]*\Z")
KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\Z")
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
SENT = frozenset({"name", "namespace", "size", "checksums", "parents", "metadata"})
"""Members of a record that we send; the server fills the others."""
FILLED_BY_SERVER = ("creator", "created_timestamp", "fid", "retired", "updated_")
EMPTY: tuple[Any, ...] = ("", [], {})
"""Values that stand for no value: the key is to be left out."""
_MAX_INTEGER = 2**63 - 1
_PLAIN = re.compile(r"[ !#-&(-\[\]-~]*\Z")
"""Printable ASCII without double and single quote and backslash."""


@rule("record", Severity.ERROR, "The outer record has its six members, each of its type")
def check_outer(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check name, namespace, size, checksums, parents, and what only the server may fill."""
    if not view.is_object:
        yield Finding("record", type(view.record).__name__, "a JSON object")
        return
    yield from _check_name(view.record.get("name"))
    yield from _check_namespace(view.record.get("namespace"), context)
    size = view.record.get("size")
    if (as_integer(size) or 0) <= 0:
        yield Finding("size", size, "bytes of the file, an integer above 0")
    if not isinstance(view.record.get("metadata"), dict):
        yield Finding("metadata", view.record.get("metadata"), "an object")
    yield from _check_checksums(view.record.get("checksums"))
    yield from _check_parents(view)
    yield from _check_other_members(view, context)


def _check_name(name: Any) -> Iterator[Finding]:
    if as_text(name) is None:
        yield Finding("name", name, "a text")
    elif not NAME.match(name):
        yield Finding("name", name, "letters, digits, dot, underscore, hyphen")
    elif len(name) > MAX_NAME:
        yield Finding("name", name, f"at most {MAX_NAME} characters")


def _check_namespace(namespace: Any, context: Context) -> Iterator[Finding]:
    if namespace != context.schema.namespace:
        yield Finding("namespace", namespace, context.schema.namespace)


def _check_checksums(checksums: Any) -> Iterator[Finding]:
    if not isinstance(checksums, dict):
        yield Finding("checksums", checksums, "an object with adler32")
        return
    if "adler32" not in checksums:
        yield Finding("checksums.adler32", None, "8 lower-case hexadecimal digits")
    if "sha256" in checksums:
        sha256 = checksums["sha256"]
        if as_text(sha256) is None or not SHA256.match(sha256):
            yield Finding("checksums.sha256", sha256, "64 lower-case hexadecimal digits")
    for unknown in sorted(set(checksums) - {"adler32", "sha256"}):
        yield Finding(f"checksums.{unknown}", checksums[unknown], "adler32 and sha256 only")


def _check_parents(view: RecordView) -> Iterator[Finding]:
    parents = view.record.get("parents")
    if view.letter == "R":
        if parents:
            yield Finding("parents", parents, "none for a raw file")
        return
    if not isinstance(parents, list) or not parents:
        yield Finding("parents", parents, 'a list of {"did": "namespace:name"}')
        return
    for entry in parents:
        did = as_text(entry.get("did")) if isinstance(entry, dict) else None
        if did is None or not DID.match(did):
            yield Finding("parents", entry, '{"did": "namespace:name"}')
    if len(set(view.parents)) < len(view.parents):
        yield Finding("parents", parents, "no did twice")
    if view.did in view.parents:
        yield Finding("parents", view.did, "not the file itself")


def _check_other_members(view: RecordView, context: Context) -> Iterator[Finding]:
    creator = view.record.get("creator")
    for member in view.record:
        if member in SENT or (context.read_back and _filled_by_server(member)):
            continue
        if member == "creator":
            severity = Severity.WARNING if creator == context.schema.creator else Severity.ERROR
            want = f"not sent; {context.schema.creator} on read-back"
            yield Finding("creator", creator, want, severity)
        elif _filled_by_server(member):
            want = "not sent, the server fills it"
            yield Finding(member, view.record[member], want, Severity.WARNING)
        else:
            want = "one of " + ", ".join(sorted(SENT))
            yield Finding(member, view.record[member], want)
    if context.read_back and creator != context.schema.creator:
        yield Finding("creator", creator, context.schema.creator)


def _filled_by_server(member: str) -> bool:
    return member.startswith(FILLED_BY_SERVER)


@rule("value", Severity.ERROR, "Keys and values that MetaCat keeps unchanged, none of them empty")
def check_values(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check the form of every key, and every value down to its leaves."""
    for key, value in view.metadata.items():
        if key not in context.schema.fields and not KEY.match(key):
            yield Finding(key, key, "lower-case words joined by dots, no hyphen")
        if isinstance(value, dict) and key != "dune.workflow":
            yield Finding(key, value, "no object: only dune.workflow is nested")
            continue
        want = _refused(value)
        if want:
            yield Finding(key, value, want)


def _refused(value: Any) -> str:
    """Say what a value, or the first bad one inside it, should have been; empty if it is good."""
    if value is None:
        return "a value, or no key"
    if value in EMPTY:
        return "no key instead of an empty value"
    if not isinstance(value, dict | list):
        return _refused_leaf(value)
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [*item, *item.values()]
        elif isinstance(item, list):
            stack += item
        elif want := _refused_leaf(item):
            return want
    return ""


def _refused_leaf(item: Any) -> str:
    if item is None:
        return "no null inside"
    if isinstance(item, str):
        return "" if _PLAIN.match(item) else "printable ASCII without backslash and quotes"
    if isinstance(item, float) and not math.isfinite(item):
        return "a finite number"
    if type(item) is int and abs(item) > _MAX_INTEGER:
        return "an integer of at most 63 bits"
    return ""
