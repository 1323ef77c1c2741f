"""What people write by mistake, and what MQL has instead (catalogue page, 2.2)."""

from __future__ import annotations

import re
from collections.abc import Collection

from mx2prod.core.suggest import nearest

_QUERY_WORDS = ("files", "fids", "datasets", "queries", "union", "join", "parents", "children")
_MISTAKES: tuple[tuple[str, str], ...] = (
    (r"summary\s*=$|\bwith$", "summary and metadata are options, not part of the text"),
    (r"\bmatching\s+\S+$", "a pattern is NAMESPACE:GLOB, with the namespace written out"),
    (r"(?:limit|skip)\s+\d+\s+where$", "put what comes before in parentheses: (…) where …"),
    (r",$", "several queries stand in union(A, B) or join(A, B)"),
    (r"&&$|&$", "write: and"),
    (r"\|\|$|\|$", "write: or; a pattern with | stands in quotes"),
    (r"!==$", "write: !="),
    (r"<>$", "write: !="),
    (r"\blike$", 'there is no like: write  ~ "pattern"'),
    (r"\bexists\b.*$", "there is no exists: write  key present"),
    (r"\bis$", "there is no is: write  key present  or  key = null"),
    (r"\bnot$|\bnot\s+\S+$", "negation is written !(…)"),
    (
        r"\b(?:AND|OR|NOT|IN|PRESENT|WHERE|FILES|FROM|LIMIT|ORDERED|UNION|JOIN)$",
        "keywords are lower case",
    ),
    (r"\b(?:select|SELECT)$", "a query starts with: files, e.g.  files from ns:name where …"),
    (r"[-+*/%]$", "there is no arithmetic; text with such characters stands in quotes"),
    (r";$", "one query only, without ;"),
    (r"\]\s*\[$", "one subscript only"),
    (r"\[\s*\w*$", 'between brackets stands any, all, a number or "a text"'),
    (r"\[\s*\]$", 'between brackets stands any, all, a number or "a text"'),
    (r"\bin\s*\(\s*\)$", "a list of values has at least one"),
    (r"""["'][^"']*$""", "a quote is not closed, or another one stands inside the text"),
    (r"[<>=~]$", "a condition has a key or an attribute on its left"),
)
_TERMINALS = {
    "WORD": "a word", "QUOTED": "a text in quotes", "NAME": "a name", "INT": "a number",
    "GLOB": "a pattern of names", "COMPARISON": "a comparison", "$END": "the end",
    "MOMENT": "a date", "COMMA": "','", "NEXT": "','", "COLON": "':'", "LPAR": "'('",
    "RPAR": "')'", "LSQB": "'['", "RSQB": "']'", "LBRACE": "'{'", "RBRACE": "'}'",
    "MINUS": "'-'", "BANG": "'!'", "EQUALS": "'='", "CALLED": "a name",
}  # fmt: skip
_MOST_SHOWN = 8


def hint(text: str, at: int) -> str:
    """Say what to write instead of the text that ends in what stands at ``at``, if known."""
    word = re.match(r"\w+|&&|\|\||\S", text[at:])
    if word is None:
        return ""
    seen = text[max(0, at - 40) : at] + word[0]
    for mistake, advice in _MISTAKES:
        if re.search(mistake, seen):
            return advice
    if not text[:at].strip():
        return f"a query starts with: {', '.join(_QUERY_WORDS)}{nearest(word[0], _QUERY_WORDS)}"
    return ""


def expected(terminals: Collection[str]) -> str:
    """Name what could have stood there, ``"; expected …"``, or nothing where that is long."""
    names = sorted({_TERMINALS.get(name, name.lower()) for name in terminals})
    return f"; expected {', '.join(names)}" if 0 < len(names) <= _MOST_SHOWN else ""
