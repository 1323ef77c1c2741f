"""Records of constants tables, accumulators, verdicts and plots (tier K; metadata page, section 4).

They lie beside the file and are never sent to MetaCat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mx2prod.core.errors import UsageError
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
from mx2prod.metadata.schema import Schema, load_schema

FORMAT_BY_SUFFIX = {
    ".dat": "text",
    ".txt": "text",
    ".md": "text",
    ".json": "json",
    ".parquet": "parquet",
    ".pdf": "pdf",
    ".html": "html",
}
"""``core.file_format`` by the suffix of the file name."""
_SAME = ("core.run_type", "core.group", "dune.campaign")


@dataclass(frozen=True)
class Judged:
    """What a record of tier K says beside its origin.

    Attributes
    ----------
    verdict : str
        ``good``, ``investigate``, ``bad``, ``too_few`` or ``unreadable``.
    content_sha256 : str
        64 hexadecimal digits.
    """

    verdict: str
    content_sha256: str


def constants_record(
    parents: Sequence[Mapping[str, Any]],
    output: OutputFacts,
    judged: Judged,
    job: Job,
    *,
    application: Application,
    config_file: str = LOCAL_CONFIG,
    conditions: Conditions | None = None,
    request: str | None = None,
    schema: Schema | None = None,
) -> dict[str, Any]:
    """Derive the record of a product of a calibration from the records of its inputs.

    Parameters
    ----------
    parents : sequence of mappings
        Records of the raw files, at least one.
    output : OutputFacts
        ``event_count``: gates used; ``first_gate`` and ``last_gate``: of those read.
    judged : Judged
    job : Job
    application : Application
    config_file : str
        Name of the configuration of the whole campaign.
    conditions : Conditions, optional
        Constants that were read; without it none were.
    request : str, optional
        Campaign id; left out outside a campaign.
    schema : Schema, optional

    Returns
    -------
    dict
        name, namespace, size, checksums, parents, metadata.

    Raises
    ------
    UsageError
        Without a parent, for a name of unknown suffix, or if parents differ in what must be the
        same: run type, group, campaign.
    """
    if not parents:
        raise UsageError(f"{output.name}: no record of an input, expected at least one")
    rules = schema or load_schema()
    metadata = {
        **_joined([parent["metadata"] for parent in parents], output),
        "core.data_tier": rules.tiers["K"].data_tier,
        "core.file_format": _format_of(output.name),
        **fields_of_job(
            output, job, application,
            config_file=config_file, conditions=conditions, request=request,
        ),
        "dune.dqc_quality": "unknown",
        "verdict": judged.verdict,
        "sha256": judged.content_sha256,
    }  # fmt: skip
    dids = [f"{parent['namespace']}:{parent['name']}" for parent in parents]
    return assemble_record(
        output.name, rules, output.size, output.adler32, metadata, parents=sorted(set(dids))
    )


def _format_of(name: str) -> str:
    suffix = name[name.rfind(".") :]
    if suffix not in FORMAT_BY_SUFFIX:
        raise UsageError(f"{name}: expected a name that ends in {', '.join(FORMAT_BY_SUFFIX)}")
    return FORMAT_BY_SUFFIX[suffix]


def _joined(sources: Sequence[Mapping[str, Any]], output: OutputFacts) -> dict[str, Any]:
    """Join the values of the inputs as the merge column of the field table says.

    Plots may show several streams; the record then carries the one that most inputs have.
    """
    values: dict[str, Any] = {}
    for key in _SAME:
        found = sorted({str(source[key]) for source in sources if key in source})
        if len(found) > 1:
            raise UsageError(f"{output.name}: inputs of different {key}: {', '.join(found)}")
        values[key] = found[0] if found else None
    streams = Counter(source["core.data_stream"] for source in sources)
    types = {source["core.file_type"] for source in sources}
    simulated = SIMULATION in types
    gates = [gate_range for source in sources for gate_range in source["core.lum_block_ranges"]]
    return values | {
        "core.data_stream": max(sorted(streams), key=streams.__getitem__),
        "core.file_type": SIMULATION if simulated else min(types),
        "core.file_content_status": min(
            [output.content_status, *(source["core.file_content_status"] for source in sources)],
            key=WORST_FIRST.index,
        ),
        "core.runs": sorted({run for source in sources for run in source["core.runs"]}),
        "core.runs_subruns": sorted(
            {number for source in sources for number in source["core.runs_subruns"]}
        ),
        "core.lum_block_ranges": join_ranges(gates),
        "core.start_time": float(
            min(source["core.start_time"] for source in sources)
            if output.start_time is None else output.start_time
        ),
        "core.end_time": float(
            max(source["core.end_time"] for source in sources)
            if output.end_time is None else output.end_time
        ),
        "retention.class": "simulation" if simulated else "physics",
    }  # fmt: skip


def join_ranges(ranges: Sequence[Sequence[int]]) -> list[list[int]]:
    """Sort inclusive ranges and join those that touch or overlap.

    A global gate that stands in two files (the DAQ uses the number of a crashed gate again) is
    listed once.
    """
    joined: list[list[int]] = []
    for first, last in sorted((int(a), int(b)) for a, b in ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return joined
