"""Reference page of the file record, made from the rule tables and the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mx2prod.metadata.approving import disagreements
from mx2prod.metadata.authorities import load_authorities
from mx2prod.metadata.rules import RULES
from mx2prod.metadata.schema import FieldRule, Schema, load_schema

_NEEDS = (
    ("y", "required"),
    ("o", "optional"),
    ("run-db", "required for a subrun that is in the run database"),
    ("period", "required where the run belongs to a run period"),
    ("campaign", "required of the files of a campaign"),
    ("ours", "required of files that mx2prod wrote"),
)


def metadata_page() -> str:
    """Describe tiers, fields, checks, authorities and run periods in Markdown.

    Returns
    -------
    str
        Ends with a newline.
    """
    schema = load_schema()
    lines = [
        f"# The file record (schema {schema.version})",
        "",
        "Made from the rule table and the registry of checks. See also "
        "[Make and check file records](../how-to/metadata.md).",
        "",
        *_tiers(schema),
        *_fields(schema),
        *_periods(schema),
        *_rules(),
        *_disagreements(),
    ]
    return "\n".join(lines)


def _tiers(schema: Schema) -> list[str]:
    rows = [
        [
            tier.letter,
            f"`{tier.data_tier}`",
            ", ".join(f"`{suffix}`" for suffix in tier.suffixes) or "free",
            ", ".join(tier.parents) or "none",
            "MetaCat" if tier.declared else "beside the file",
        ]
        for tier in schema.tiers.values()
    ]
    heads = ["tier", "`core.data_tier`", "suffix", "parents", "record goes to"]
    return ["## Tiers", "", *_table(heads, rows)]


def _fields(schema: Schema) -> list[str]:
    rows = [
        [f"`{field.key}` ({field.type})", _needs(field), _meaning(field), field.merge]
        for field in schema.fields.values()
    ]
    heads = ["key", "in tiers", "meaning and allowed words", "of merged files"]
    legend = "; ".join(f"{word}: {meaning}" for word, meaning in _NEEDS)
    return ["## Fields", "", f"{legend}.", "", *_table(heads, rows)]


def _needs(field: FieldRule) -> str:
    """Tiers by how much they need the field; those that never have it are left out."""
    tiers: dict[str, list[str]] = {}
    for letter, word in field.need.items():
        if word != "-":
            tiers.setdefault(word, []).append(letter)
    return "; ".join(f"{word}: {' '.join(letters)}" for word, letters in tiers.items())


def _meaning(field: FieldRule) -> str:
    words = ", ".join(f"`{word}`" for word in sorted(field.words))
    return f"{field.meaning} {words}".strip()


def _periods(schema: Schema) -> list[str]:
    rows = [[p.name, p.campaign, f"{p.first_run}-{p.last_run}"] for p in schema.periods]
    return ["## Run periods", "", *_table(["period", "`dune.campaign`", "runs"], rows)]


def _rules() -> list[str]:
    rows = [
        [f"`{rule.id}`", str(rule.severity), rule.title]
        for rule in sorted(RULES.values(), key=lambda rule: (rule.id[0] != "X", rule.id))
    ]
    return ["## Checks", "", *_table(["rule", "severity", "asks for"], rows)]


def _disagreements() -> list[str]:
    names = ", ".join(f"{item.name} ({item.title})" for item in load_authorities())
    rows = [
        [
            item.authority,
            f"`{item.field}`",
            ", ".join(f"`{value}`" for value in item.values) or "any",
            item.reason,
        ]
        for item in disagreements()
    ]
    text = f"What {names} would not take and we keep; findings of these are warnings or notes."
    heads = ["authority", "key", "value", "reason"]
    return ["## Known disagreements", "", text, "", *_table(heads, rows)]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads), *body, ""]
