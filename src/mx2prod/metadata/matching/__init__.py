"""Match Mx2 files to the charge and light files of the 2x2 (metadata page, section 9)."""

from mx2prod.metadata.matching.files import (
    interval_of_did,
    interval_of_record,
    known_dids,
    query_of,
)
from mx2prod.metadata.matching.filling import (
    fill_record,
    global_subruns_of,
    match_path,
    numbers_of_record,
    write_match,
)
from mx2prod.metadata.matching.gates import GateTimes, gate_times, gates_by_row
from mx2prod.metadata.matching.health import HealthFinding, health
from mx2prod.metadata.matching.intervals import overlaps
from mx2prod.metadata.matching.match import Matcher
from mx2prod.metadata.matching.results import FileInterval, Match, MatchRow, RowKind
from mx2prod.metadata.matching.runs_database import RunsDatabase, read_runs_database
from mx2prod.metadata.matching.trusted import LIST_NAME, TrustedDatabases
from mx2prod.metadata.matching.versions import Comparison, compare

__all__ = [
    "LIST_NAME",
    "Comparison",
    "FileInterval",
    "GateTimes",
    "HealthFinding",
    "Match",
    "MatchRow",
    "Matcher",
    "RowKind",
    "RunsDatabase",
    "TrustedDatabases",
    "compare",
    "fill_record",
    "gate_times",
    "gates_by_row",
    "global_subruns_of",
    "health",
    "interval_of_did",
    "interval_of_record",
    "known_dids",
    "match_path",
    "numbers_of_record",
    "overlaps",
    "query_of",
    "read_runs_database",
    "write_match",
]
