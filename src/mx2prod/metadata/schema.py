"""The rule table of records: fields, tiers, run periods and streams, from a versioned file.

The table is data (metadata page, D1): ``data/schema-<version>.toml``.  A new decision is a new
version of the file, never an ``if``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from mx2prod.core.errors import ConfigError
from mx2prod.core.suggest import nearest

SCHEMA_VERSION = "1"
"""Version of the rule table in use."""

NEEDS = frozenset({"y", "o", "-", "run-db", "period", "campaign", "ours"})


@dataclass(frozen=True)
class FieldRule:
    """One row of the field table.

    Attributes
    ----------
    key, type : str
    need : dict of str to str
        What is asked of each tier letter; see the head of the data file.
    words : frozenset of str
        Allowed words; empty where any value of the type is allowed.
    other_words : dict of str to frozenset
        Words allowed beside them for a tier letter.
    type_rule : str
        Rule that reports a wrong type: ``type``, or the cross-check that does it better.
    merge, meaning : str
    """

    key: str
    type: str
    need: Mapping[str, str]
    words: frozenset[str]
    other_words: Mapping[str, frozenset[str]]
    type_rule: str
    merge: str
    meaning: str

    def allowed(self, tier: str | None) -> frozenset[str]:
        """Words allowed for a tier letter."""
        return self.words | self.other_words.get(tier or "", frozenset())


@dataclass(frozen=True)
class Tier:
    """One tier of files.

    Attributes
    ----------
    letter : str
        R, D, F, T, M or K, as in the field table.
    data_tier, file_format : str
        Values of ``core.data_tier`` and ``core.file_format`` (empty: several).
    suffixes : tuple of str
        File name suffixes; empty where names are free.
    parents : tuple of str
        Letters of the tiers that a parent may have.
    declared : bool
        The record goes to MetaCat; otherwise it only lies beside the file.
    """

    letter: str
    data_tier: str
    file_format: str
    suffixes: tuple[str, ...]
    parents: tuple[str, ...]
    declared: bool


LETTER_BY_TIER_WORD = {
    "raw-digits": "D",
    "sup-digits": "D",
    "reco": "F",
    "dst": "T",
    "rock-muons": "M",
}
"""Column of the field table by the tier word of command line and settings."""


@dataclass(frozen=True)
class Period:
    """A run period and the campaign word of its files (check X17)."""

    name: str
    campaign: str
    first_run: int
    last_run: int

    def __contains__(self, run: int) -> bool:
        return self.first_run <= run <= self.last_run


@dataclass(frozen=True)
class Stream:
    """Trigger types of a stream: of gates with odd and with even number."""

    name: str
    beam: bool
    odd: int
    even: int

    @property
    def mixed(self) -> bool:
        """True where beam gates alternate with pedestal or light-injection gates."""
        return self.odd != self.even


@dataclass(frozen=True)
class Schema:
    """The whole rule table.

    Attributes
    ----------
    version, namespace, creator, time_convention : str
    earliest_time : float
        UTC seconds; no Mx2 data are older.
    fields : dict of str to FieldRule
    tiers : dict of str to Tier
        By letter.
    periods : tuple of Period
    streams : dict of str to Stream
    dqc_words, tape_path_keys : tuple of str
    workflow : dict of str to str
        Members of ``dune.workflow`` and their types.
    """

    version: str
    namespace: str
    creator: str
    time_convention: str
    earliest_time: float
    fields: Mapping[str, FieldRule]
    tiers: Mapping[str, Tier]
    periods: tuple[Period, ...]
    streams: Mapping[str, Stream]
    dqc_words: tuple[str, ...]
    tape_path_keys: tuple[str, ...]
    workflow: Mapping[str, str]

    @cached_property
    def by_data_tier(self) -> dict[str, Tier]:
        """Tiers by their ``core.data_tier`` word."""
        return {tier.data_tier: tier for tier in self.tiers.values()}

    @cached_property
    def by_suffix(self) -> dict[str, Tier]:
        """Tiers by file name suffix."""
        return {suffix: tier for tier in self.tiers.values() for suffix in tier.suffixes}

    def with_suffixes(self, suffix_by_tier: Mapping[str, str]) -> Schema:
        """Return the same table with the file name suffixes of a workspace (``names.suffix``).

        Parameters
        ----------
        suffix_by_tier : mapping
            Suffix by tier word of the command line; words of no file tier are ignored.
        """
        own: dict[str, tuple[str, ...]] = {}
        for word, letter in LETTER_BY_TIER_WORD.items():
            if word in suffix_by_tier:
                own[letter] = (*own.get(letter, ()), suffix_by_tier[word])
        tiers = {
            letter: replace(tier, suffixes=own.get(letter, tier.suffixes))
            for letter, tier in self.tiers.items()
        }
        return replace(self, tiers=tiers)

    def periods_of(self, runs: Iterable[int]) -> list[Period]:
        """Run periods that hold any of the runs."""
        wanted = list(runs)
        return [period for period in self.periods if any(run in period for run in wanted)]

    def campaign_of(self, run: int) -> str | None:
        """Campaign word of a run; None for a run of no period."""
        found = self.periods_of([run])
        return found[0].campaign if found else None


@cache
def load_schema(version: str = SCHEMA_VERSION) -> Schema:
    """Load a version of the rule table.

    Raises
    ------
    ConfigError
        If there is no such version, or the file contradicts itself.
    """
    table = read_table("schema", version)
    schema = Schema(
        version=table["schema_version"],
        namespace=table["namespace"],
        creator=table["creator"],
        time_convention=table["time_convention"],
        earliest_time=table["earliest_time"],
        fields={rule.key: rule for rule in _fields(table)},
        tiers={letter: _tier(letter, row) for letter, row in table["tier"].items()},
        periods=tuple(Period(**row) for row in table["period"]),
        streams={name: Stream(name, **row) for name, row in table["stream"].items()},
        dqc_words=tuple(table["dqc_words"]),
        tape_path_keys=tuple(table["tape_path_keys"]),
        workflow=table["workflow"],
    )
    _require_consistent(schema)
    return schema


def read_table(kind: str, version: str) -> dict[str, Any]:
    """Read ``data/<kind>-<version>.toml`` of this package.

    Raises
    ------
    ConfigError
        If there is no such version.
    """
    folder = files("mx2prod.metadata") / "data"
    path = folder / f"{kind}-{version}.toml"
    if not path.is_file():
        known = [entry.name for entry in folder.iterdir() if entry.name.startswith(kind)]
        versions = sorted(name.removeprefix(f"{kind}-").removesuffix(".toml") for name in known)
        raise ConfigError(
            f"no version {version!r} of the {kind} table (known: {', '.join(versions)})"
            + nearest(version, versions)
        )
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _fields(table: dict[str, Any]) -> Iterable[FieldRule]:
    for row in table["field"]:
        yield FieldRule(
            key=row["key"],
            type=row["type"],
            need=row["need"],
            words=frozenset(row.get("words", ())),
            other_words={
                tier: frozenset(words) for tier, words in row.get("other_words", {}).items()
            },
            type_rule=row.get("type_rule", "type"),
            merge=row["merge"],
            meaning=row["meaning"],
        )
    merged = table["merged"]
    for type_name in ("str", "int"):
        for key in merged[f"{type_name}_keys"]:
            meaning = "Fact of the merge that made the file."
            yield FieldRule(key, type_name, merged["need"], frozenset(), {}, "type", "new", meaning)


def _tier(letter: str, row: dict[str, Any]) -> Tier:
    return Tier(
        letter,
        row["data_tier"],
        row["file_format"],
        tuple(row["suffixes"]),
        tuple(row["parents"]),
        row["declared"],
    )


def _require_consistent(schema: Schema) -> None:
    """Refuse a table that says nothing about a tier, or says it in unknown words."""
    letters = set(schema.tiers)
    for rule in schema.fields.values():
        if set(rule.need) != letters or not set(rule.need.values()) <= NEEDS:
            raise ConfigError(f"schema {schema.version}: field {rule.key}: need is {rule.need}")
