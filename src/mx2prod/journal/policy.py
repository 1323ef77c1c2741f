"""Who must sign what: rules that are part of the signed role list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

Role = Literal["root", "calibrator", "shifter", "reviewer", "convener", "manager", "viewer"]
ROLES: tuple[str, ...] = get_args(Role)
SIGNING_ROLES = ("reviewer", "convener", "manager")
"""Roles that can approve (production page, section 6: an approver is convener or manager)."""

SubjectType = Literal[
    "gtag", "campaign", "metadata-schema", "placement-policy", "give-up", "repair-plan"
]
SUBJECT_TYPES: tuple[str, ...] = get_args(SubjectType)
"""Subjects of the rulings: constants global tag, campaign, and so on."""

Places = tuple[tuple[Role, ...], ...]


class Policy(BaseModel):
    """What it takes to approve a subject.

    Attributes
    ----------
    places : tuple of tuple of str
        One place a signature; each lists the roles that can fill it.  Each place is filled by
        another person with another key, never by an author.
    emergency : tuple of tuple of str
        Places that are enough for a provisional approval; empty: there is no such path.
    valid_days : int
        A signature counts for so long.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    places: Places = Field(min_length=1)
    emergency: Places = ()
    valid_days: Annotated[int, Field(ge=1, le=366)] = 90

    @field_validator("places", "emergency")
    @classmethod
    def _roles_that_sign(cls, places: Places) -> Places:
        for place in places:
            if not place or not set(place) <= set(SIGNING_ROLES):
                raise ValueError(f"{place}: a place lists roles of {', '.join(SIGNING_ROLES)}")
        return places

    def at_least(self, other: Policy) -> bool:
        """Tell whether this policy asks for all that another one does."""
        return (
            _covers(self.places, other.places)
            and (not self.emergency or _covers(self.emergency, other.emergency or other.places))
            and self.valid_days <= other.valid_days
        )


_APPROVER: tuple[Role, ...] = ("convener", "manager")
_TWO_CONVENERS: Places = (("convener",), ("convener",))
_ONE = Policy(places=(_APPROVER,))
_TWO = Policy(places=(("reviewer",), ("convener",)), emergency=_TWO_CONVENERS)

DEFAULT_POLICIES: Mapping[str, Policy] = {
    "gtag": _TWO,
    "campaign": _ONE,
    "metadata-schema": _TWO,
    "placement-policy": _TWO,
    "give-up": _ONE,
    "repair-plan": Policy(places=(("reviewer", "convener", "manager"),)),
}
"""By subject type (conditions page, section 6.2; production page, section 6)."""


def filled(
    places: Sequence[Sequence[str]], roles_of: Mapping[str, Sequence[str]]
) -> dict[int, str]:
    """Fill as many places as possible, each by another person.

    Parameters
    ----------
    places : sequence of sequence of str
    roles_of : mapping
        Roles in which each person signed.

    Returns
    -------
    dict
        Person in each place that could be filled, by the number of the place.
    """
    taken: dict[int, str] = {}

    def seat(person: str, tried: set[int]) -> bool:
        for number, place in enumerate(places):
            if number in tried or not set(place) & set(roles_of[person]):
                continue
            tried.add(number)
            if number not in taken or seat(taken[number], tried):
                taken[number] = person
                return True
        return False

    for person in sorted(roles_of):
        seat(person, set())
    return taken


def _covers(places: Places, wanted: Places) -> bool:
    """Tell whether each wanted place is matched by a place that admits no further role."""
    stricter = {
        str(number): [str(n) for n, want in enumerate(wanted) if set(place) <= set(want)]
        for number, place in enumerate(places)
    }
    seats = tuple((str(number),) for number in range(len(wanted)))
    return len(filled(seats, stricter)) == len(wanted)
