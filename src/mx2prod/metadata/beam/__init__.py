"""Beam data: import, match to gates, protons on target, offsets of the clocks."""

from mx2prod.metadata.beam.config import QUANTITIES, BeamConfig
from mx2prod.metadata.beam.match import (
    BeamSum,
    GateBeam,
    Outcome,
    match_gates,
    misses,
    sum_of,
    total_of,
)
from mx2prod.metadata.beam.offsets import Offsets, offsets_of
from mx2prod.metadata.beam.table import (
    SpillTable,
    import_spills,
    read_spills,
    spill_paths,
    write_spills,
)

__all__ = [
    "QUANTITIES",
    "BeamConfig",
    "BeamSum",
    "GateBeam",
    "Offsets",
    "Outcome",
    "SpillTable",
    "import_spills",
    "match_gates",
    "misses",
    "offsets_of",
    "read_spills",
    "spill_paths",
    "sum_of",
    "total_of",
    "write_spills",
]
