"""Repair of declared records: plan, apply, undo; and the corrected record of a single file."""

from mx2prod.metadata.repair.apply import Applied, apply_plan
from mx2prod.metadata.repair.correct import Correction, Facts, corrected
from mx2prod.metadata.repair.plan import inverse_of, make_plan
from mx2prod.metadata.repair.plan_file import RepairPlan, read_plan, write_plan
from mx2prod.metadata.repair.rules import RULES, Evidence
from mx2prod.metadata.repair.stores import (
    Effect,
    FolderStore,
    RecordStore,
    StoredRecord,
    StoreRecords,
    changed_record,
)

__all__ = [
    "RULES",
    "Applied",
    "Correction",
    "Effect",
    "Evidence",
    "Facts",
    "FolderStore",
    "RecordStore",
    "RepairPlan",
    "StoreRecords",
    "StoredRecord",
    "apply_plan",
    "changed_record",
    "corrected",
    "inverse_of",
    "make_plan",
    "read_plan",
    "write_plan",
]
