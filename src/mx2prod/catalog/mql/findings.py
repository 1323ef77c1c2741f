"""What a real server makes of a query that we answer: the codes (catalogue page, section 2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mx2prod.catalog.mql.syntax import Span

CODES: dict[str, tuple[str, str]] = {
    "L01": ("SIL", "ignores the range of a plain key: 'in' is always true, 'not in' always false"),
    "L02": ("ERR", "fails with HTTP 500: it cannot ignore case in the pattern of a key"),
    "L03": ("RISK", "fails with HTTP 500 if a file that it looks at holds a scalar there"),
    "L04": ("ERR", "fails with HTTP 500: a timestamp compares with ISO text only"),
    "L05": ("RISK", "reads a time without zone in the time zone of its database connection"),
    "L06": ("SIL", "ignores 'having' of a dataset that is named in full"),
    "L07": ("SIL", "does not group 'or' in 'having': datasets of other namespaces come along"),
    "L08": ("ERR", "fails with HTTP 400: a union inside a union"),
    "L09": ("ERR", "fails with HTTP 400: 'where' of a union of which a part has its own 'where'"),
    "L10": ("ERR", "fails with HTTP 400: 'where' of a named query"),
    "L11": (
        "SIL",
        "gives a relative once for each file that shares it; counts and sizes too large",
    ),
    "L12": ("RISK", "returns retired files of the list too"),
    "L13": ("SIL", "ignores include_retired inside parents() and children()"),
    "L14": ("SIL", "takes the text before 'in' for a part of a text, or for a pattern"),
    "L15": ("SIL", "drops the backslash from the pattern of a key"),
    "L16": ("SIL", 'takes null for the text "null"'),
    "L17": ("SIL", "takes the name of the key on the right for a text"),
    "L18": ("ERR", "fails with HTTP 400: it takes # inside quotes for a comment"),
    "L19": ("ERR", "fails with HTTP 400: documented, but not there"),
    "L20": ("SIL", "answers with nothing, and no error, where a dataset does not exist"),
    "L21": ("SIL", "answers an empty query with nothing"),
    "L22": ("SIL", "answers a negative limit with nothing"),
    "L23": ("ERR", "fails with HTTP 400: a negated list, or dates, of [all]"),
    "L24": ("ERR", "fails with HTTP 400: the ends of a range are an integer and a float"),
    "L25": ("NOTE", "answers alike: true also for files that do not have the key"),
    "L26": ("NOTE", "answers alike: only the first item is looked at; consider [any]"),
    "L27": ("NOTE", "answers alike: what follows A - B binds as shown; parentheses say it"),
    "L28": ("ERR/SIL", "may take what follows & for an option: stock clients copy it into the URL"),
    "L29": ("ERR", "fails with HTTP 400: a query in batches has no comment and selects files"),
    "L30": ("SIL", "answers with nothing; named queries are found by data/search_queries"),
    "L31": ("NOTE", "answers alike: which files are first is not defined without 'ordered'"),
    "L32": ("NOTE", "answers alike: a child of any tier counts, as long as it is not retired"),
    "K01": ("NOTE", "answers alike: no file or dataset has this key"),
    "K02": ("RISK", "may take very long: it writes out all combinations of 'or'"),
}
"""Code to its class and what the server does.

Classes: ``ERR`` fails for certain, ``SIL`` answers something else silently, ``RISK`` may fail or
differ with the data, ``NOTE``.  ``K`` codes are ours.
"""


@dataclass(frozen=True)
class Finding:
    """One place where a server may answer differently.

    Attributes
    ----------
    code : str
        A key of :data:`CODES`.
    span : Span
        Characters of the query text.
    detail : str
        What exactly, where the code does not say it.
    rewriting : str or None
        A whole query that means the same here and on the server, as far as this finding goes.
    """

    code: str
    span: Span
    detail: str = ""
    rewriting: str | None = None

    @property
    def kind(self) -> str:
        """Class of the code: ``ERR``, ``SIL``, ``ERR/SIL``, ``RISK`` or ``NOTE``."""
        return CODES[self.code][0]

    @property
    def server(self) -> str:
        """What the server does."""
        text = CODES[self.code][1]
        return f"{text}: {self.detail}" if self.detail else text

    def as_dict(self, text: str) -> dict[str, Any]:
        """JSON form; ``line`` and ``column`` count from 1."""
        start = text.rfind("\n", 0, self.span.start) + 1
        return {
            "code": self.code,
            "class": self.kind,
            "line": text.count("\n", 0, start) + 1,
            "column": self.span.start - start + 1,
            "text": text[self.span.start : self.span.end],
            "server": self.server,
            "rewriting": self.rewriting,
        }
