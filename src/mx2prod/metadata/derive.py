"""Derive the record of a file from its name, its content and its parent (metadata page, 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mx2prod.core.errors import NameFormatError
from mx2prod.core.files import adler32_of, require_regular_file
from mx2prod.core.ids import FileName, GateRange
from mx2prod.core.units import US_PER_S
from mx2prod.metadata.content import content_status, require_declarable, trigger_problems
from mx2prod.metadata.job import Job
from mx2prod.metadata.problems import Problem
from mx2prod.metadata.schema import Schema, load_schema
from mx2prod.metadata.sidecar import retention_class, sidecar_problems
from mx2prod.raw.info import RawInfo

REAL_DATA = "importedDetector"
SIMULATION = "mc"
NOTHING_READ = hashlib.sha256(b"").hexdigest()
"""``dune.conditions_digest`` of a file that was made without constants."""
LOCAL_CONFIG = "mx2-local.opts"
"""``dune.config_file`` outside a campaign."""
WORST_FIRST = ("bad", "recovered", "good")
"""Words of ``core.file_content_status``; a product has the worst of its inputs and its own."""


@dataclass(frozen=True)
class Application:
    """The program that really wrote a file.

    Attributes
    ----------
    name : str
        Tier word of the step, for example ``raw-digits``.
    family, version : str
    """

    name: str
    family: str = "mx2prod"
    version: str = version("mx2prod")


@dataclass(frozen=True)
class Conditions:
    """Constants that a job read: global tag, and sha256 of what was read.

    The defaults are those of a job that reads no constants (raw digits).
    """

    tag: str = "none"
    digest: str = NOTHING_READ


@dataclass(frozen=True)
class OutputFacts:
    """What the writer of a file knows about it.

    Attributes
    ----------
    name : str
    size : int
    adler32 : str
        8 hexadecimal digits.
    event_count : int
        Gates written; of a DST, entries of the tree; of a rock-muon file, muons.
    first_gate, last_gate : int or None
        Least and greatest gate number in the subrun (D6); None for a rock-muon file.
    content_status : str
        Of the output itself; the record gets the worse of this and the parent's.
    ranges : tuple of GateRange or None
        Global gates read, if these are not all of the parent's.
    start_time, end_time : float or None
        UTC seconds of the first and last gate read, if they are not the parent's.
    """

    name: str
    size: int
    adler32: str
    event_count: int
    first_gate: int | None = None
    last_gate: int | None = None
    content_status: str = "good"
    ranges: tuple[GateRange, ...] | None = None
    start_time: float | None = None
    end_time: float | None = None


def bytes_of(path: Path) -> dict[str, Any]:
    """Size and adler32 of a file, from a fresh read of its bytes, as :class:`OutputFacts` has them.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    """
    return {"size": require_regular_file(path).st_size, "adler32": adler32_of(path)}


def is_simulated(raw_path: Path) -> bool:
    """Say whether the truth of a simulation lies beside a raw file (detector page, 7.4)."""
    stem = raw_path.name.removesuffix(".dat")
    names = (f"{stem}_truth", f"{stem.removesuffix('_RawData')}_truth")
    return any(raw_path.with_name(name).is_dir() for name in names)


def raw_record(
    info: RawInfo,
    *,
    simulated: bool | None = None,
    strict: bool = True,
    schema: Schema | None = None,
) -> dict[str, Any]:
    """Derive the record of a raw file from its name and content.

    Parameters
    ----------
    info : RawInfo
        Content of the file, and the DAQ's JSON if there is one.
    simulated : bool, optional
        The file is simulated; None looks for the truth beside it.
    strict : bool
        Refuse a file that holds a second run.  False: the record only serves as the parent of
        digits that are made of one of the runs.
    schema : Schema, optional

    Returns
    -------
    dict
        name, namespace, size, checksums, metadata.  Keys without a value are left out.

    Raises
    ------
    NameFormatError
        If the name is not that of a raw file.
    RawFileError
        If the content contradicts the name, or has no gate.
    """
    rules = schema or load_schema()
    name = _raw_name(info.path)
    require_declarable(info, name, rules, strict=strict)
    mc = is_simulated(info.path) if simulated is None else simulated
    metadata = {
        "core.run_type": rules.namespace,
        "core.data_tier": rules.tiers["R"].data_tier,
        "core.data_stream": name.stream,
        "core.file_type": SIMULATION if mc else REAL_DATA,
        "core.file_format": rules.tiers["R"].file_format,
        "core.file_content_status": content_status(info),
        "core.group": "minerva",
        **_gate_fields(info, name),
        "dune.campaign": rules.campaign_of(name.run_subrun.run),
        "retention.status": "active",
        "retention.class": "simulation" if mc else retention_class(info.sidecar),
    }
    return assemble_record(str(name), rules, info.bytes, info.adler32, metadata)


def _gate_fields(info: RawInfo, name: FileName) -> dict[str, Any]:
    ranges = info.global_ranges
    times = [info.first_trigger_time_us or 0, info.last_trigger_time_us or 0]
    return {
        "core.runs": [name.run_subrun.run],
        "core.runs_subruns": [name.run_subrun.number],
        "core.event_count": info.gates,
        "core.first_event_number": ranges[0].first,
        "core.last_event_number": ranges[-1].last,
        "core.lum_block_ranges": [[item.first, item.last] for item in ranges],
        "core.start_time": min(times) / US_PER_S,
        "core.end_time": max(times) / US_PER_S,
    }


def derivation_problems(
    info: RawInfo, record: Mapping[str, Any], *, schema: Schema | None = None
) -> list[Problem]:
    """Say what the derivation had to decide: gates of other streams, and the DAQ's JSON corrected.

    Parameters
    ----------
    info : RawInfo
    record : mapping
        Its record (see :func:`raw_record`).
    """
    stream = (schema or load_schema()).streams[record["metadata"]["core.data_stream"]]
    problems = list(trigger_problems(info, stream))
    return problems + (sidecar_problems(info.sidecar, record) if info.sidecar else [])


def fields_of_job(
    output: OutputFacts,
    job: Job,
    application: Application,
    *,
    config_file: str,
    conditions: Conditions | None,
    request: str | None,
) -> dict[str, Any]:
    """Fields of every file that a job made: its gates, the program, the job, the constants."""
    constants = conditions or Conditions()
    return {
        "core.event_count": output.event_count,
        "core.first_event_number": output.first_gate,
        "core.last_event_number": output.last_gate,
        "core.application.family": application.family,
        "core.application.name": application.name,
        "core.application.version": application.version,
        "dune.config_file": config_file,
        "dune.requestid": request,
        "dune.workflow": job.as_workflow(),
        "dune.output_status": "recorded",
        "dune.conditions_tag": constants.tag,
        "dune.conditions_digest": constants.digest,
        "retention.status": "active",
    }


def assemble_record(
    name: str,
    rules: Schema,
    size: int,
    adler32: str,
    metadata: Mapping[str, Any],
    *,
    parents: Sequence[str] = (),
) -> dict[str, Any]:
    """Assemble a record; what has no value has no key, keys stand in the order of the table."""
    order = {key: position for position, key in enumerate(rules.fields)}
    kept = {key: value for key, value in metadata.items() if value not in (None, "", [], {})}
    return {
        "name": name,
        "namespace": rules.namespace,
        "size": size,
        "checksums": {"adler32": adler32},
        **({"parents": [{"did": did} for did in parents]} if parents else {}),
        "metadata": dict(sorted(kept.items(), key=lambda item: order[item[0]])),
    }


def _raw_name(path: Path) -> FileName:
    name = FileName.parse(path.name)
    if not name.is_raw:
        raise NameFormatError(f"{path}: suffix {name.suffix!r}, expected RawData.dat")
    return name
