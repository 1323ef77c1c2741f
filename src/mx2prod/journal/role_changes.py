"""Next versions of the role list: enrol, replace or revoke a key, end a role, set a policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from mx2prod.core.errors import TrustError
from mx2prod.core.suggest import nearest
from mx2prod.core.time import now
from mx2prod.core.workspace import describe
from mx2prod.journal.events import utc_text
from mx2prod.journal.policy import Policy
from mx2prod.journal.role_list import NO_END, Key, Person, RoleList


def enrol(
    before: RoleList | None,
    person: Person,
    *,
    reason: str,
    threshold: int | None = None,
) -> RoleList:
    """Add a person, or add accounts, roles and keys to one that is on the list.

    Parameters
    ----------
    before : RoleList or None
        Newest list; None makes version 1.
    person : Person
        What is new about the person.
    reason : str
    threshold : int, optional
        Other number of persons who must sign the list.

    Raises
    ------
    TrustError
        If the list would not be a valid one (a key or account twice, a service with a key, ...).
    """
    known = before.find(person.person) if before else None
    persons = [p for p in (before.persons if before else ()) if p.person != person.person]
    persons.append(person if known is None else _joined(known, person))
    changes: dict[str, Any] = {"persons": persons}
    if threshold is not None:
        changes["threshold"] = threshold
    return _next(before, reason, changes)


def rotate(before: RoleList, person: str, public: str, *, until: str, reason: str) -> RoleList:
    """End all present keys of a person now, and give the person a new one.

    Raises
    ------
    TrustError
        If there is no such person, or the key stands on the list already.
    """
    utc = utc_text(now())
    new = Key(public=public, since=utc, until=until)

    def change(found: Person) -> Person:
        ended = tuple(_ended(key, utc, "replaced") if key.holds(utc) else key for key in found.keys)
        return found.model_copy(update={"keys": (*ended, new)})

    return _change(before, person, change, reason)


def revoke(
    before: RoleList,
    person: str,
    *,
    reason: str,
    public: str = "",
    role: str = "",
    since: str = "",
) -> RoleList:
    """End a key, or a role, of a person; without one of them, everything of the person.

    Parameters
    ----------
    before : RoleList
    person, reason : str
    public, role : str
        Key or role; empty for all.
    since : str
        Time from which signatures count no more, for a key that was lost earlier; now if empty.

    Raises
    ------
    TrustError
        If the person does not hold it, or nobody could sign the next list.
    """
    utc = since or utc_text(now())

    def change(found: Person) -> Person:
        keys = [k for k in found.keys if not role and public in ("", k.public) and k.until > utc]
        grants = [g for g in found.grants if not public and role in ("", g.role) and g.until > utc]
        if not keys and not grants:
            raise TrustError(f"{person}: has no such key or role", next_step="mx2 keys ls")
        return found.model_copy(
            update={
                "keys": tuple(_ended(k, utc, reason) if k in keys else k for k in found.keys),
                "grants": tuple(
                    g.model_copy(update={"until": max(utc, g.since)}) if g in grants else g
                    for g in found.grants
                ),
            }
        )

    return _change(before, person, change, reason)


def set_policy(before: RoleList, name: str, policy: Policy, *, reason: str) -> RoleList:
    """Give a subject type, or a named kind of campaign, its policy."""
    return _next(before, reason, {"policies": {**before.policies, name: policy}})


def new_person(
    person: str,
    *,
    public_keys: Sequence[str] = (),
    roles: Sequence[str] = (),
    accounts: Sequence[str] = (),
    name: str = "",
    service: bool = False,
    until: str = NO_END,
) -> Person:
    """Person whose keys and roles begin now.

    Raises
    ------
    TrustError
        If a name, role or key is not allowed.
    """
    utc = utc_text(now())
    document = {
        "person": person,
        "name": name,
        "service": service,
        "accounts": list(accounts),
        "grants": [{"role": role, "since": utc} for role in roles],
        "keys": [{"public": public, "since": utc, "until": until} for public in public_keys],
    }
    try:
        return Person.model_validate(document)
    except ValidationError as error:
        raise TrustError(f"person {person}: {describe(error, Person)}") from error


def _next(before: RoleList | None, reason: str, changes: dict[str, Any]) -> RoleList:
    """Next version, checked as a whole."""
    utc = utc_text(now())
    frame = {
        "version": 1 if before is None else before.version + 1,
        "previous": "" if before is None else before.digest,
        "issued": utc if before is None else max(utc, before.issued),
        "reason": reason,
    }
    present = {} if before is None else before.model_dump(mode="json")
    made = {**present, **frame, **{k: _plain(v) for k, v in changes.items()}}
    try:
        return RoleList.model_validate(made)
    except ValidationError as error:
        raise TrustError(f"role list: {describe(error, RoleList)}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [item.model_dump(mode="json") for item in value]
    if isinstance(value, dict):
        return {name: item.model_dump(mode="json") for name, item in value.items()}
    return value


def _change(
    before: RoleList, person: str, change: Callable[[Person], Person], reason: str
) -> RoleList:
    known = before.find(person)
    if known is None:
        names = [p.person for p in before.persons]
        raise TrustError(
            f"person {person}: not on the list" + nearest(person, names), next_step="mx2 keys ls"
        )
    persons = [change(known) if p.person == person else p for p in before.persons]
    return _next(before, reason, {"persons": persons})


def _joined(known: Person, new: Person) -> Person:
    """Person with what is new; what was there already is not added again."""
    present = {grant.role for grant in known.grants if grant.until == NO_END}
    return known.model_copy(
        update={
            "name": new.name or known.name,
            "accounts": (*known.accounts, *(a for a in new.accounts if a not in known.accounts)),
            "grants": (*known.grants, *(g for g in new.grants if g.role not in present)),
            "keys": (*known.keys, *new.keys),
        }
    )


def _ended(key: Key, utc: str, reason: str) -> Key:
    return key.model_copy(update={"until": max(utc, key.since), "reason": reason})
