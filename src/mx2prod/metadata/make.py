"""Make the record of a file that lies on disk: a raw file, or a digit file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mx2prod.core.errors import InputFileError, NameFormatError, UsageError
from mx2prod.core.ids import Did, FileName, gate_ranges
from mx2prod.core.units import US_PER_S
from mx2prod.metadata.check import check_record
from mx2prod.metadata.context import Context, RecordsInMemory
from mx2prod.metadata.derive import (
    Application,
    Conditions,
    OutputFacts,
    bytes_of,
    derivation_problems,
    raw_record,
)
from mx2prod.metadata.derived import derived_record
from mx2prod.metadata.job import Job
from mx2prod.metadata.problems import Problem
from mx2prod.metadata.records import read_record, record_path
from mx2prod.metadata.schema import Schema, load_schema
from mx2prod.metadata.view import RecordView
from mx2prod.output.raw_digits import HEADER, RawDigits
from mx2prod.output.root_reader import open_root, read_meta
from mx2prod.output.sup_digits import SupDigits
from mx2prod.raw.info import summarise

_DIGITS = (RawDigits.schema, SupDigits.schema)


@dataclass(frozen=True)
class MadeRecord:
    """A derived record, and what the derivation and the checks found.

    Attributes
    ----------
    path : Path
        The data file.
    record : dict
    problems : list of Problem
    """

    path: Path
    record: dict[str, Any]
    problems: list[Problem]


def make_record(path: Path, *, raw: Path | None = None, schema: Schema | None = None) -> MadeRecord:
    """Derive and check the record of a raw file, or of raw or suppressed digits.

    Parameters
    ----------
    path : Path
    raw : Path, optional
        Of a digit file: its raw file, or the record of that.  Default: the raw file beside it, or
        its record there.
    schema : Schema, optional
        Rule table, with the suffixes of a workspace; the shipped one if None.

    Returns
    -------
    MadeRecord

    Raises
    ------
    NameFormatError
        If the name is not that of an Mx2 file.
    InputFileError
        If a file cannot be read, is damaged beyond use or is not what it is said to be.
    UsageError
        For a file of another tier.
    """
    name = FileName.parse(path.name)
    if name.is_raw:
        return _made_raw(path)
    schema = schema or load_schema()
    tier = schema.by_suffix.get(name.suffix)
    if tier is None or tier.letter != "D":
        raise UsageError(f"{path}: records are made of raw and of digit files only")
    return _made_digits(path, raw, schema)


def _made_raw(path: Path) -> MadeRecord:
    info = summarise(path)
    record = raw_record(info)
    problems = derivation_problems(info, record) + check_record(record)
    return MadeRecord(path, record, problems)


def _made_digits(path: Path, raw: Path | None, schema: Schema) -> MadeRecord:
    meta = read_meta(path)
    if meta.get("schema") not in _DIGITS:
        expected = " or ".join(map(repr, _DIGITS))
        raise UsageError(f"{path}: holds {meta.get('schema')!r}, expected {expected}")
    try:
        source = Did.parse(meta["inputs"][0]["did"])
        application = Application(meta["stage"]["name"], version=meta["software"]["version"])
        started = datetime.fromisoformat(meta["job"]["started"])
        read = meta["constants"]
        conditions = Conditions(read["tag"], read["digest"]) if read else None
    except (KeyError, IndexError, TypeError, ValueError, NameFormatError) as error:
        raise InputFileError(f"{path}: Meta does not tell input and job: {error!r}") from error
    parent = _parent_record(path, source, raw)
    job = Job(int(started.timestamp()))
    record = derived_record(
        parent,
        _digit_facts(path),
        job,
        application=application,
        conditions=conditions,
        schema=schema,
    )
    context = Context(schema=schema, records=RecordsInMemory([parent]))
    return MadeRecord(path, record, check_record(record, context))


def _parent_record(path: Path, source: Did, raw: Path | None) -> Mapping[str, Any]:
    """Record of the raw parent: derived from its bytes where they are, else read."""
    beside = path.with_name(source.name)
    candidates = [raw] if raw else [beside, record_path(beside)]
    found = next((item for item in candidates if item.exists()), None)
    if found is None:
        raise InputFileError(
            f"{path}: made of {source}, which does not lie beside it, nor does its record",
            next_step=f"mx2 metadata make {path} --raw PATH_OF_{source.name}",
        )
    if found.suffix == ".json":
        record = read_record(found)
        _require_raw_record(found, record, source)
        parent: Mapping[str, Any] = record
        return parent
    if found.name != source.name:
        raise UsageError(f"{found}: not the input of {path}, which is {source}")
    return raw_record(summarise(found), strict=False)


def _require_raw_record(path: Path, record: Any, source: Did) -> None:
    """Refuse a parent record from which nothing can be inherited."""
    view = RecordView(record, Context().schema)
    if view.did != str(source) or view.letter != "R":
        raise UsageError(f"{path}: not the record of the raw file {source}")
    wrong = [
        item
        for item in check_record(record)
        if item.severity == "error" and item.rule in ("required", "type", "X08")
    ]
    if wrong:
        raise InputFileError(
            f"{path}: not usable as the record of a parent: {wrong[0]}",
            next_step=f"mx2 metadata check {path}",
        )


def _digit_facts(path: Path) -> OutputFacts:
    """Count gates, and find their ranges and times, in the file itself."""
    with open_root(path) as file:
        columns = file[HEADER].arrays(["gate", "gl_gate", "t_us"], library="np")
    gates, times = columns["gate"], columns["t_us"][columns["t_us"] >= 0]
    if not len(gates):
        raise InputFileError(f"{path}: no gate in the file, expected at least one")
    return OutputFacts(
        name=path.name,
        event_count=len(gates),
        first_gate=int(gates.min()),
        last_gate=int(gates.max()),
        ranges=tuple(gate_ranges(n for n in columns["gl_gate"].tolist() if n >= 0)),
        start_time=int(times.min()) / US_PER_S if len(times) else None,
        end_time=int(times.max()) / US_PER_S if len(times) else None,
        **bytes_of(path),
    )
