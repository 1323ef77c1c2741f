"""The DUNE record of a file: derive it, check it."""

from mx2prod.metadata.check import check_record, check_records
from mx2prod.metadata.constants_record import Judged, constants_record
from mx2prod.metadata.context import (
    Context,
    GlobalSubrunLookup,
    RecordLookup,
    RecordsInMemory,
    ReplicaLookup,
)
from mx2prod.metadata.derive import (
    Application,
    Conditions,
    OutputFacts,
    bytes_of,
    derivation_problems,
    is_simulated,
    raw_record,
)
from mx2prod.metadata.derived import derived_record
from mx2prod.metadata.documentation import metadata_page
from mx2prod.metadata.job import Job
from mx2prod.metadata.make import MadeRecord, make_record
from mx2prod.metadata.printed import read_any_record
from mx2prod.metadata.problems import Problem, has_errors
from mx2prod.metadata.records import example, read_record, record_path, write_record
from mx2prod.metadata.rules import RULES, Rule
from mx2prod.metadata.schema import Schema, load_schema

__all__ = [
    "RULES",
    "Application",
    "Conditions",
    "Context",
    "GlobalSubrunLookup",
    "Job",
    "Judged",
    "MadeRecord",
    "OutputFacts",
    "Problem",
    "RecordLookup",
    "RecordsInMemory",
    "ReplicaLookup",
    "Rule",
    "Schema",
    "bytes_of",
    "check_record",
    "check_records",
    "constants_record",
    "derivation_problems",
    "derived_record",
    "example",
    "has_errors",
    "is_simulated",
    "load_schema",
    "make_record",
    "metadata_page",
    "raw_record",
    "read_any_record",
    "read_record",
    "record_path",
    "write_record",
]
