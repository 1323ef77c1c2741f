"""Records as people print them: not JSON, but with all their members in order.

On slides a record is cut into pieces: an object closes, and the rest of its members follow after
a comma (metadata page, section 6, row 1).  Such a text is joined to one record, and the joining is
a finding of its own.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mx2prod.core.errors import InputFileError
from mx2prod.metadata.problems import OURS, Problem
from mx2prod.metadata.records import no_key_twice, read_record
from mx2prod.raw.faults import Severity

_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])')
_BETWEEN = re.compile(r"[\s,]*")


def read_any_record(path: Path) -> tuple[Any, list[Problem]]:
    """Read a file that should hold one record, also one that is printed in pieces.

    Returns
    -------
    value : any JSON value
    problems : list of Problem
        One of rule ``json`` for a text that had to be joined; else empty.

    Raises
    ------
    InputFileError
        If the file cannot be read, or cannot be joined to one record either.
    """
    try:
        return read_record(path), []
    except InputFileError as error:
        if not isinstance(error.__cause__, json.JSONDecodeError):
            raise
        joined = join_pieces(path.read_text(encoding="utf-8"))
        if joined is None:
            raise
        where = error.message.removeprefix(f"{path}: ")
        want = "one JSON object; its pieces were joined and checked"
        return joined, [Problem("record", "json", Severity.ERROR, where, want, OURS)]


def join_pieces(text: str) -> dict[str, Any] | None:
    """Join the pieces of a printed record.

    Parameters
    ----------
    text : str
        An object, and after it the members that should have stood inside: those whose key has a
        dot in its metadata, the others beside it.  Commas before a closing bracket are left out.

    Returns
    -------
    dict or None
        None where the text is not of this form, or a key stands in it twice.
    """
    pieces = _pieces(_STRING_OR_COMMA.sub(_keep_string, text))
    if not pieces or not isinstance(pieces[0].get("metadata"), dict):
        return None
    record = pieces[0]
    for key, value in (item for piece in pieces[1:] for item in piece.items()):
        target = record["metadata"] if "." in key else record
        if key in target:
            return None
        target[key] = value
    return record


def _keep_string(match: re.Match[str]) -> str:
    return match[0] if match[0] != "," else ""


def _pieces(text: str) -> list[dict[str, Any]]:
    """Objects of a text one after the other; members without a brace before them get one.

    Empty where anything else stands in it.
    """
    decoder = json.JSONDecoder(object_pairs_hook=no_key_twice)
    pieces: list[dict[str, Any]] = []
    rest = text.strip()
    while rest:
        try:
            piece, end = decoder.raw_decode(rest if rest.startswith("{") else "{" + rest)
        except (ValueError, RecursionError):
            return []
        if not isinstance(piece, dict):
            return []
        pieces.append(piece)
        used = end if rest.startswith("{") else end - 1
        rest = rest[used:]
        rest = rest[_between(rest) :]
    return pieces


def _between(text: str) -> int:
    match = _BETWEEN.match(text)
    return match.end() if match else 0
