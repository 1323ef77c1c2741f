"""The record of a file that a job made of one raw file: digits, reco, DST, rock muons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mx2prod.core.errors import NameFormatError, UsageError
from mx2prod.core.ids import FileName
from mx2prod.core.suggest import nearest
from mx2prod.metadata.derive import (
    LOCAL_CONFIG,
    SIMULATION,
    WORST_FIRST,
    Application,
    Conditions,
    OutputFacts,
    assemble_record,
    fields_of_job,
)
from mx2prod.metadata.job import Job
from mx2prod.metadata.schema import Schema, Tier, load_schema

GLOBAL_SUBRUNS = "dune.mx2x2_global_subrun_numbers"
_INHERITED = (
    "core.run_type",
    "core.data_stream",
    "core.file_type",
    "core.group",
    "core.lum_block_ranges",
    "core.start_time",
    "core.end_time",
    "dune.campaign",
    GLOBAL_SUBRUNS,
)


def derived_record(
    parent: Mapping[str, Any],
    output: OutputFacts,
    job: Job,
    *,
    application: Application,
    config_file: str = LOCAL_CONFIG,
    conditions: Conditions | None = None,
    request: str | None = None,
    global_subruns: Sequence[int] | None = None,
    schema: Schema | None = None,
) -> dict[str, Any]:
    """Derive the record of a file from its raw parent and the facts of its writer (page, 5.4).

    The suffix of the name says of which tier the file is.  The parent is the raw file for every
    tier (rulings, section 2).

    Parameters
    ----------
    parent : mapping
        Record of the raw file.
    output : OutputFacts
    job : Job
    application : Application
        The program that wrote the file.
    config_file : str
        Name of the campaign's configuration, ``<campaign id>.opts``.
    conditions : Conditions, optional
        Constants that were read; without it none were.
    request : str, optional
        Campaign id; left out outside a campaign.
    global_subruns : sequence of int, optional
        Of the run database in use; those of the parent if not given.
    schema : Schema, optional
        Rule table, with the suffixes of a workspace.

    Returns
    -------
    dict
        name, namespace, size, checksums, parents, metadata.

    Raises
    ------
    NameFormatError
        If the name does not parse or has not the run, subrun and stream of the parent.
    UsageError
        If the suffix of the name is that of no tier that a job writes.
    """
    rules = schema or load_schema()
    name = _derived_name(output.name, parent)
    tier = _tier_of(name, rules)
    metadata = {
        **_inherited(parent, output),
        **({GLOBAL_SUBRUNS: sorted(set(global_subruns))} if global_subruns is not None else {}),
        "core.data_tier": tier.data_tier,
        "core.file_format": tier.file_format,
        "core.runs": [name.run_subrun.run],
        "core.runs_subruns": [name.run_subrun.number],
        **fields_of_job(
            output, job, application,
            config_file=config_file, conditions=conditions, request=request,
        ),
        "dune.dqc_quality": "unknown" if tier.declared else None,
    }  # fmt: skip
    did = f"{parent['namespace']}:{parent['name']}"
    return assemble_record(output.name, rules, output.size, output.adler32, metadata, parents=[did])


def _tier_of(name: FileName, rules: Schema) -> Tier:
    tier = rules.by_suffix.get(name.suffix)
    if tier is None or tier.letter == "R":
        known = [suffix for suffix, item in rules.by_suffix.items() if item.letter != "R"]
        raise UsageError(
            f"{name}: suffix {name.suffix!r} belongs to no tier that a job writes "
            f"({', '.join(known)})" + nearest(name.suffix, known)
        )
    return tier


def _inherited(parent: Mapping[str, Any], output: OutputFacts) -> dict[str, Any]:
    """Values from the parent (5.4), and those of the output where it read less."""
    source = parent["metadata"]
    values = {key: source.get(key) for key in _INHERITED}
    if output.ranges is not None:
        values["core.lum_block_ranges"] = [[item.first, item.last] for item in output.ranges]
    if output.start_time is not None:
        values["core.start_time"] = float(output.start_time)
    if output.end_time is not None:
        values["core.end_time"] = float(output.end_time)
    states = (source["core.file_content_status"], output.content_status)
    values["core.file_content_status"] = min(states, key=WORST_FIRST.index)
    simulated = values["core.file_type"] == SIMULATION
    values["retention.class"] = "simulation" if simulated else "physics"
    return values


def _derived_name(text: str, parent: Mapping[str, Any]) -> FileName:
    name, source = FileName.parse(text), FileName.parse(parent["name"])
    if (name.run_subrun, name.stream) != (source.run_subrun, source.stream):
        raise NameFormatError(
            f"{text}: run/subrun {name.run_subrun} and stream {name.stream}, expected those of "
            f"its parent {parent['name']}"
        )
    return name
