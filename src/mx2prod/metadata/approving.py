"""The rule table as a subject of approval: its digest, and where it differs from the authorities.

The group approves a version of the schema (rulings, section 1).  Whoever signs sees every value and
key that MetaCatch, merge-utils or the TypeChecker would not take, with the reason why we keep it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mx2prod.core.canonical import sha256_of
from mx2prod.journal import Section, Subject
from mx2prod.metadata.authorities import AUTHORITIES_VERSION, Authority, load_authorities
from mx2prod.metadata.schema import SCHEMA_VERSION, load_schema, read_table

SUBJECT_TYPE = "metadata-schema"
_OLD = "An old word of the authority; raw files, tape path and dataset queries use it (D5)."
_OURS = "A key of ours: which constants a file was made with (rulings, section 3)."


@dataclass(frozen=True)
class Disagreement:
    """A value or key of ours that an authority does not take.

    Attributes
    ----------
    authority, field : str
    values : tuple of str
        Empty: whatever the value is.
    reason : str
    """

    authority: str
    field: str
    values: tuple[str, ...]
    reason: str

    def as_dict(self) -> dict[str, object]:
        """Members as the command prints them."""
        return {**vars(self), "values": list(self.values)}


def schema_subject() -> Subject:
    """Give the subject of approval: the rule table in use with what it knows of the authorities."""
    tables = {
        "schema": read_table("schema", SCHEMA_VERSION),
        "authorities": read_table("authorities", AUTHORITIES_VERSION),
    }
    return Subject(SUBJECT_TYPE, SCHEMA_VERSION, sha256_of(tables))


def disagreements() -> list[Disagreement]:
    """List all known disagreements, in the order of the authorities."""
    return [item for authority in load_authorities() for item in _of(authority)]


def _of(authority: Authority) -> Iterator[Disagreement]:
    for key, old in authority.old_words.items():
        field = load_schema().fields.get(key)
        known = [word for item in authority.known if item.field == key for word in item.values]
        used = old & field.words - authority.words[key] - set(known) if field else frozenset()
        if used:
            yield Disagreement(authority.name, key, tuple(sorted(used)), _OLD)
    for key in sorted(authority.unknown_keys):
        yield Disagreement(authority.name, key, (), _OURS)
    for item in authority.known:
        yield Disagreement(authority.name, item.field, tuple(sorted(item.values)), item.reason)


def disagreement_section() -> Section:
    """Table of the disagreements for the page of the approval."""
    rows = [
        [item.authority, item.field, ", ".join(item.values) or "any value", item.reason]
        for item in disagreements()
    ]
    titles = ", ".join(f"{item.name}: {item.title}" for item in load_authorities())
    title = f"Known disagreements ({titles})"
    return Section(title, ["authority", "key", "value", "reason"], rows, "None.")
