"""Random values, conditions and queries."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.syntax import Constant, Expression
from mx2prod.catalog.mql.words import read_word

KEYS = ("a.a", "a.b", "core.runs", "T.x_1.y2")
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,6}", fullmatch=True)
TEXTS = st.sampled_from(
    ["", "good", "Good", "goodish", "7200", "a b", "é", "\U0001f600", "true", "b"]
)
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from(
        [7200, 7200.0, 7200.5, 2**53, 2**53 + 1, 2.0**53, -(2**63), 2**64 + 1, 0.1, 1e300]
    ),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["x", "0", "muon"]), inner, max_size=2),
    ),
    max_leaves=5,
)
METADATA = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3)


def constant(value: Any) -> Constant:
    """A constant as the parser gives it."""
    return Constant(value, quoted=isinstance(value, str))


CONSTANTS = SCALARS.map(constant)
_KEY = st.sampled_from(KEYS)
KEY_LEFTS = st.one_of(
    st.builds(syntax.Key, _KEY),
    st.builds(syntax.AnyItem, _KEY),
    st.builds(syntax.AllItems, _KEY),
    st.builds(syntax.Item, _KEY, st.integers(-1, 2)),
    st.builds(syntax.Member, _KEY, st.sampled_from(["x", "0", "muon"])),
)
ORDERINGS = st.sampled_from(["<", "<=", ">", ">=", "=", "!="])
PATTERNS = st.sampled_from(["good", "^go", "d$", "[gG]ood", "o+d", "^$", "é", "7.*0", "(?i)GOOD"])


@st.composite
def _ranges(draw: st.DrawFn) -> syntax.InRange:
    low, high = draw(st.one_of(*(st.tuples(one, one) for one in (NUMBERS, TEXTS, st.booleans()))))
    return syntax.InRange(draw(KEY_LEFTS), constant(low), constant(high), draw(st.booleans()))


TERMS: st.SearchStrategy[Expression] = st.one_of(
    st.builds(syntax.Compare, KEY_LEFTS, ORDERINGS, CONSTANTS),
    st.builds(
        syntax.Compare, KEY_LEFTS, st.sampled_from(["~", "!~", "~*", "!~*"]), PATTERNS.map(constant)
    ),
    _ranges(),
    st.builds(
        syntax.InSet,
        KEY_LEFTS,
        st.lists(CONSTANTS, min_size=1, max_size=3).map(tuple),
        st.booleans(),
    ),
    st.builds(syntax.Contains, CONSTANTS, st.builds(syntax.Key, _KEY), st.booleans()),
    st.builds(syntax.Present, st.builds(syntax.Key, _KEY), st.booleans()),
)


def _flat(kind: type[syntax.And | syntax.Or], items: list[Expression]) -> Expression:
    parts: list[Expression] = []
    for item in items:
        parts.extend(item.items if isinstance(item, kind) else [item])
    return kind(tuple(parts))


EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda items: _flat(syntax.And, items)),
        st.lists(inner, min_size=2, max_size=3).map(lambda items: _flat(syntax.Or, items)),
        st.builds(syntax.Not, inner),
    ),
    max_leaves=6,
)

# --- whole queries, for writing and reading back

_WORDS = st.from_regex(r"[A-Za-z0-9$@_.-]{1,6}", fullmatch=True).map(
    lambda text: read_word(text, syntax.NOWHERE)
)
_FINITE = _WORDS.filter(lambda one: not (isinstance(one.value, float) and math.isinf(one.value)))
_VALUES = st.one_of(CONSTANTS, _FINITE)
_ATTRIBUTES = st.sampled_from(["size", "name", "creator", "created_timestamp"])
_OTHER_TERMS: st.SearchStrategy[Expression] = st.one_of(
    st.builds(syntax.Compare, st.builds(syntax.Attribute, _ATTRIBUTES), ORDERINGS, _VALUES),
    st.builds(syntax.Compare, st.builds(syntax.Length, _KEY), ORDERINGS, NUMBERS.map(constant)),
    st.builds(syntax.Compare, st.just(syntax.Checksum("adler32")), ORDERINGS, _VALUES),
)
_CONDITIONS = st.one_of(EXPRESSIONS, _OTHER_TERMS)
_NAME = st.builds(syntax.Name, NAMES, NAMES)
_PATTERN = st.builds(
    lambda namespace, text, regexp: syntax.Pattern(namespace, text, regexp, regexp),
    NAMES,
    st.sampled_from(["a", "raw", "x_1"]),
    st.booleans(),
)
_SELECTOR = st.builds(
    syntax.Selector,
    st.one_of(_NAME, _PATTERN),
    st.sampled_from([None, "direct", "all"]),
    st.one_of(st.none(), _CONDITIONS),
)
_SELECTORS = st.lists(_SELECTOR, min_size=1, max_size=2).map(tuple)
_COUNTS = st.integers(0, 99)


def _parts(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, min_size=1, max_size=2).map(tuple)


FILE_QUERIES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.just(syntax.AllFiles()),
        st.builds(syntax.FilesFrom, _SELECTORS),
        st.builds(syntax.FileList, st.lists(_NAME, min_size=1, max_size=3).map(tuple)),
        st.builds(syntax.FidList, st.lists(NAMES, min_size=1, max_size=3).map(tuple)),
        st.builds(syntax.Named, _NAME, st.booleans()),
    ),
    lambda inner: st.one_of(
        st.builds(syntax.Union, _parts(inner)),
        st.builds(syntax.Join, _parts(inner)),
        st.builds(syntax.Minus, inner, inner),
        st.builds(syntax.Parents, inner),
        st.builds(syntax.Children, inner),
        st.builds(syntax.Where, inner, _CONDITIONS),
        st.builds(syntax.Limit, inner, _COUNTS),
        st.builds(syntax.Skip, inner, _COUNTS),
        st.builds(syntax.Ordered, inner),
        st.builds(
            syntax.Filter,
            st.just("mix"),
            st.lists(NUMBERS.map(constant), max_size=2).map(tuple),
            st.just(()),
            _parts(inner),
        ),
        st.builds(syntax.WithNamespace, NAMES, inner),
    ),
    max_leaves=6,
)
QUERIES: st.SearchStrategy[Any] = st.one_of(
    FILE_QUERIES,
    st.builds(syntax.DatasetQuery, _SELECTORS),
    st.builds(
        syntax.QueriesQuery, st.one_of(st.none(), _PATTERN), st.one_of(st.none(), _CONDITIONS)
    ),
)
