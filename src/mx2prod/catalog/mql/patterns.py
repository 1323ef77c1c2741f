"""Regular expressions: what Python and the server's XQuery read in the same way (section 2.4).

They run on RE2, whose time grows with the text and not with the tricks of the pattern.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

import re2

from mx2prod.core.errors import QueryError

_PART = re.compile(
    r"(?P<escape>\\.?)"
    r"|(?P<open>\[\^?\]?)(?P<set>(?:\\.|[^\]\\])*+)\]"
    r"|(?P<group>\(\?.?)"
    r"|(?P<end>\$)"
    r"|(?P<possessive>[*+?}]\+)"
    r"|.",
    re.DOTALL,
)
_IN_SET = re.compile(r"\\.|[\[&|~]", re.DOTALL)
_LETTERS = {
    "d": (r"\p{Nd}", r"\p{Nd}"),
    "w": (r"[\p{L}\p{N}_]", r"\p{L}\p{N}_"),
    "s": (r"[\s\pZ]", r"\s\pZ"),
    "D": (r"\P{Nd}", r"\P{Nd}"),
    "W": (r"[^\p{L}\p{N}_]", None),
    "S": (r"[^\s\pZ]", None),
}
r"""``\d`` and the like for RE2, outside and inside ``[]``: any script, as on both sides."""
_NEIGHBOURS = str.maketrans("[&|~", "Z%{}")
_IGNORE_CASE = "(?i)"


class TextPattern:
    """A compiled pattern.

    Parameters
    ----------
    body : str
        Pattern in the form of RE2.
    ignore_case : bool
    """

    def __init__(self, body: str, *, ignore_case: bool) -> None:
        options = re2.Options()
        options.case_sensitive = not ignore_case
        options.log_errors = False
        self._compiled = re2.compile(body, options)

    def found(self, text: str) -> bool:
        """Say whether some part of the text matches."""
        try:
            return self._compiled.search(text) is not None
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold
            return self._compiled.search(text.encode("utf-8", "surrogatepass")) is not None


@lru_cache(maxsize=256)
def compile_pattern(text: str, *, ignore_case: bool = False) -> TextPattern:
    r"""Compile a pattern of ``~``: ``. [] () | * + ? {} ^ $ \d \w \s \.`` and a leading ``(?i)``.

    Raises
    ------
    QueryError
        If the pattern is not valid, or goes beyond what both sides know; the message names the
        character, counted from 1.
    """
    skip = len(_IGNORE_CASE) if text.startswith(_IGNORE_CASE) else 0
    body = "".join(_translated(text, match) for match in _PART.finditer(text, skip))
    try:
        re.compile(_PART.sub(_without_set_operators, text[skip:]))
    except (re.error, OverflowError, RecursionError) as error:
        message = getattr(error, "msg", str(error))
        raise _invalid(text, (getattr(error, "pos", None) or 0) + skip, message) from error
    try:
        return TextPattern(body, ignore_case=ignore_case or skip > 0)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode() if isinstance(error, re2.error) else str(error)
        raise _invalid(text, skip, reason) from error


def _without_set_operators(match: re.Match[str]) -> str:
    """Put neighbours in the place of characters that Python may one day read as set operators."""
    if match["set"] is None:
        return match[0]
    return match["open"] + match["set"].translate(_NEIGHBOURS) + "]"


def _translated(text: str, match: re.Match[str]) -> str:
    r"""One part for RE2; ``$`` is the very end of the text, as on the server."""
    part = match[0]
    if match["escape"] is not None:
        _check_escape(text, match.start(), part)
        return _LETTERS[part[1]][0] if part[1] in _LETTERS else part
    if match["set"] is not None:
        if "[:" in match["set"] or "--" in match["set"]:
            raise _invalid(text, match.start(), f"{part!r} is read differently by the two sides")
        return (
            match["open"] + _IN_SET.sub(lambda one: _in_set(text, match, one), match["set"]) + "]"
        )
    if match["possessive"] or (match["group"] and part != "(?:"):
        raise _invalid(text, match.start(), f"{part!r} is known to one side only")
    return r"\z" if match["end"] else part


def _in_set(text: str, around: re.Match[str], match: re.Match[str]) -> str:
    part = match[0]
    if not part.startswith("\\"):
        return f"\\{part}"
    at = around.start("set") + match.start()
    _check_escape(text, at, part)
    if part[1] not in _LETTERS:
        return part
    letters = _LETTERS[part[1]][1]
    if letters is None:
        raise _invalid(text, at, f"{part!r} cannot stand in []")
    return letters


def _check_escape(text: str, at: int, part: str) -> None:
    letter = part[1:]
    if not letter or (letter.isalnum() and letter not in _LETTERS):
        raise _invalid(text, at, f"{part!r} is not one of \\d \\w \\s \\.")


def _invalid(text: str, position: int, why: str) -> QueryError:
    return QueryError(f"pattern {text!r}, character {position + 1}: {why}")


@lru_cache(maxsize=256)
def compile_glob(text: str) -> re.Pattern[str]:
    """Compile a glob of dataset names: ``*`` or ``%`` any run, ``?`` or ``_`` one character."""
    as_shell = text.replace("%", "*").replace("_", "?").replace("[", "[[]")
    return re.compile(fnmatch.translate(as_shell))
