"""Text to algebra: the grammar, and errors that point at the column (catalogue page, 2.1, 2.2)."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import cast

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from mx2prod.catalog.mql.build import Builder
from mx2prod.catalog.mql.hints import expected, hint
from mx2prod.catalog.mql.syntax import Query, depth
from mx2prod.core.errors import QueryError

LONGEST_TEXT = 1_000_000
"""Characters of a query text."""
DEEPEST = 200
"""Levels of brackets, differences, limits and negations."""
_SHOWN = 72
_BRACKET = re.compile(r"""([(\[{}\])])|"[^"]*"|'[^']*'""")
_COMMENT = re.compile(r"""("[^"]*"|'[^']*')|#[^\n]*""")


def parse(text: str) -> Query:
    """Read a query.

    Parameters
    ----------
    text : str
        MQL text of at most 1,000,000 characters and 200 levels.

    Returns
    -------
    Query

    Raises
    ------
    QueryError
        If the text is not a query; the message shows the place and, where a common mistake is
        recognised, what to write instead.
    """
    if len(text) > LONGEST_TEXT:
        raise QueryError(f"a query text of {len(text)} characters: at most {LONGEST_TEXT:,}")
    if not text.strip():
        raise QueryError("the query is empty", hint="all files are: files")
    bare = without_comments(text)
    _check_brackets(bare, text)
    try:
        query = cast("Query", _parser().parse(bare))
    except UnexpectedToken as error:
        ended = error.token.type == "$END"
        at = len(bare.rstrip()) if ended else error.token.start_pos or 0
        raise located(_unexpected(text, at, error.accepts or error.expected), text) from error
    except UnexpectedCharacters as error:
        raise located(_unexpected(text, error.pos_in_stream or 0, error.allowed), text) from error
    except QueryError as error:
        raise located(error, text) from error
    if depth(query) > DEEPEST:
        raise QueryError(f"the query has more than {DEEPEST} levels")
    return query


def _check_brackets(bare: str, text: str) -> None:
    """Refuse brackets deeper than 200, which nothing but a mistake or an attack needs."""
    level = 0
    for match in _BRACKET.finditer(bare):
        if not match[1]:
            continue
        level += 1 if match[1] in "([{" else -1
        if level > DEEPEST:
            error = QueryError(f"more than {DEEPEST} levels of brackets", offset=match.start())
            raise located(error, text)


def without_comments(text: str) -> str:
    """Blank comments (``#`` outside quotes to the end of the line); positions stay."""
    return _COMMENT.sub(lambda match: match[1] or " " * len(match[0]), text)


def located(error: QueryError, text: str) -> QueryError:
    """Return the error with line, column, the line of the query and a caret in its message."""
    if error.offset is None or "\n" in error.message:
        return error
    start = text.rfind("\n", 0, error.offset) + 1
    line = text[start:].partition("\n")[0]
    column = error.offset - start
    first = max(0, column - _SHOWN // 2)
    shown = line[first : first + _SHOWN].replace("\t", " ")
    where = f"line {text.count(chr(10), 0, start) + 1}, column {column + 1}"
    message = f"{error.message}, at {where}\n  {shown}\n  {' ' * (column - first)}^"
    if error.hint:
        message += f"\n{error.hint}"
    return QueryError(message, offset=error.offset, hint=error.hint, next_step=error.next_step)


def _unexpected(text: str, at: int, terminals: set[str] | None) -> QueryError:
    word = re.match(r"[\w$@.-]+|\S", text[at:])
    found = repr(word[0][:40]) if word else "the end of the query"
    message = f"unexpected {found}{expected(terminals or set())}"
    return QueryError(message, offset=at, hint=hint(text, at))


@cache
def _parser() -> Lark:
    grammar = files("mx2prod.catalog.mql").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=False,
        keep_all_tokens=True,
        transformer=Builder(),
    )
