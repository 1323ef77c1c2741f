"""``dune.dqc_quality``: measured, judged by versioned thresholds, stored with every reason."""

from mx2prod.metadata.quality.datasets import CONDITION, good_definition
from mx2prod.metadata.quality.judge import ItemResult, Measurement, Verdict, judge
from mx2prod.metadata.quality.measure import NOT_MEASURED, RawQuality, measure_raw
from mx2prod.metadata.quality.store import QualityStore, StoredVerdict
from mx2prod.metadata.quality.tables import QUALITY
from mx2prod.metadata.quality.thresholds import Thresholds, load_thresholds, read_thresholds

__all__ = [
    "CONDITION",
    "NOT_MEASURED",
    "QUALITY",
    "ItemResult",
    "Measurement",
    "QualityStore",
    "RawQuality",
    "StoredVerdict",
    "Thresholds",
    "Verdict",
    "good_definition",
    "judge",
    "load_thresholds",
    "measure_raw",
    "read_thresholds",
]
