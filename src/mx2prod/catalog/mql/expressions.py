"""Nodes of conditions: constants, left sides, terms (catalogue page, sections 2.1, 2.2 and 2.4).

:mod:`mx2prod.catalog.mql.syntax` exports all of them, with the nodes of whole queries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias


class Span(NamedTuple):
    """Characters ``[start, end)`` of the query text."""

    start: int
    end: int


NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Base of all nodes.

    Attributes
    ----------
    span : Span
        Where the node stands in the text; takes no part in comparisons.
    """

    span: Span = field(default=NOWHERE, compare=False, repr=False)


# --- constants ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A number, a truth value, null or a text.

    Attributes
    ----------
    value : int, float, bool, str or None
    quoted : bool
        True where the text stood in quotes.
    written : str
        An unquoted word as it stood in the text; takes no part in comparisons.
    """

    value: int | float | bool | str | None
    quoted: bool = False
    written: str = field(default="", compare=False, repr=False)

    def __eq__(self, other: object) -> bool:
        """Compare value, kind of value (``1`` is neither ``1.0`` nor ``true``) and quotes."""
        if not isinstance(other, Constant):
            return NotImplemented
        return (type(self.value), self.value, self.quoted) == (
            type(other.value),
            other.value,
            other.quoted,
        )

    def __hash__(self) -> int:
        return hash((type(self.value), self.value, self.quoted))


@dataclass(frozen=True, slots=True)
class Moment(Node):
    """``datetime(TEXT)``.

    Attributes
    ----------
    text : str
        As written.
    value : float
        UTC seconds.
    quoted : bool
    """

    text: str
    value: float
    quoted: bool = True


@dataclass(frozen=True, slots=True)
class Day(Node):
    """``date(TEXT[, ZONE])``: the whole day ``[start, start + 86400)``.

    Attributes
    ----------
    text : str
        As written.
    zone : str or None
        ``+hh:mm`` or ``-hh:mm``; UTC if None.
    start : float
        UTC seconds of midnight in that zone.
    """

    text: str
    zone: str | None
    start: float

    @property
    def end(self) -> float:
        """UTC seconds of the end of the day, not part of it."""
        return self.start + 86400.0


Value: TypeAlias = Constant | Moment | Day

# --- left sides ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Key(Node):
    """The value of a metadata key, as it is."""

    name: str


@dataclass(frozen=True, slots=True)
class AnyItem(Node):
    """``name[any]``: some item of a list, or the scalar itself."""

    name: str


@dataclass(frozen=True, slots=True)
class AllItems(Node):
    """``name[all]``: every item of a list, or the scalar itself."""

    name: str


@dataclass(frozen=True, slots=True)
class Item(Node):
    """``name[index]``: one item, counted from 0."""

    name: str
    index: int


@dataclass(frozen=True, slots=True)
class Member(Node):
    """``name["member"]``: one member of a dict, or of each dict of a list."""

    name: str
    member: str


@dataclass(frozen=True, slots=True)
class Length(Node):
    """``len(name)``: the length of a list."""

    name: str


@dataclass(frozen=True, slots=True)
class Attribute(Node):
    """A field of the record itself: a name without a dot."""

    name: str


@dataclass(frozen=True, slots=True)
class Checksum(Node):
    """``checksums["kind"]``."""

    kind: str


KeyLeft: TypeAlias = Key | AnyItem | AllItems | Item | Member
Left: TypeAlias = KeyLeft | Length | Attribute | Checksum

# --- conditions ---------------------------------------------------------------------------------

COMPARISONS = ("<", "<=", ">", ">=", "=", "!=", "~", "~*", "!~", "!~*")
"""Operators of :class:`Compare`; ``==`` is read as ``=``."""


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """``left op value``, ``op`` one of :data:`COMPARISONS`."""

    left: Left
    op: str
    value: Value


@dataclass(frozen=True, slots=True)
class InRange(Node):
    """``left [not] in low:high``, both ends included (of a day: its end is not)."""

    left: Left
    low: Value
    high: Value
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InSet(Node):
    """``left [not] in (value, …)``."""

    left: Left
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Contains(Node):
    """``value [not] in key``."""

    value: Value
    key: Key
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Present(Node):
    """``key [not] present``: the exact, flat key exists; null counts."""

    key: Key
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Not(Node):
    """``!item``."""

    item: Expression


@dataclass(frozen=True, slots=True)
class And(Node):
    """All of two or more items."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """Some of two or more items."""

    items: tuple[Expression, ...]


Term: TypeAlias = Compare | InRange | InSet | Contains | Present
Expression: TypeAlias = Term | Not | And | Or
