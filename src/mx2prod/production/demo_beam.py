"""The demonstration of beam data: protons on target, and offsets of the clocks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.catalog import Catalog
from mx2prod.catalog.tabling import DatasetTable
from mx2prod.core.ids import FileName
from mx2prod.metadata.beam import (
    BeamConfig,
    BeamSum,
    GateBeam,
    Offsets,
    SpillTable,
    import_spills,
    match_gates,
    misses,
    offsets_of,
    spill_paths,
    sum_of,
    total_of,
    write_spills,
)
from mx2prod.metadata.matching import gate_times
from mx2prod.simulation import SimulatedFile
from mx2prod.validation.beam_offsets import save_offsets

FOLDER, STEM, PLOT = "beam", "DEMO_run1", "DEMO_offsets.pdf"


@dataclass(frozen=True)
class BeamReport:
    """Beam data of the small Run 1.

    Attributes
    ----------
    spills : SpillTable
    files, datasets : list of BeamSum
        Protons on target of each raw file with beam, and of the datasets with such files.
    misses : list of (str, dict)
        File, and a gate without known protons.
    offsets : list of Offsets
    table, plot : Path
    seconds : float
    """

    spills: SpillTable
    files: list[BeamSum]
    datasets: list[BeamSum]
    misses: list[tuple[str, dict[str, Any]]]
    offsets: list[Offsets]
    table: Path
    plot: Path
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Give all of it for programs."""
        return {
            "spills": self.spills.as_dict(),
            "files": [item.as_dict() for item in self.files],
            "datasets": [item.as_dict() for item in self.datasets],
            "misses": [{"file": name, **row} for name, row in self.misses],
            "offsets": [item.as_dict() for item in self.offsets],
            "table": str(self.table),
            "plot": str(self.plot),
            "seconds": round(self.seconds, 2),
        }


def beam_of_run1(
    catalogue: Catalog, table: DatasetTable, simulated: Sequence[SimulatedFile], folder: Path
) -> BeamReport:
    """Import the simulated beam data, match them to the gates, and sum protons on target.

    Parameters
    ----------
    catalogue : Catalog
    table : DatasetTable
        Its datasets are summed.
    simulated : sequence of SimulatedFile
    folder : Path
        Of the demonstration, as the user named it.

    Raises
    ------
    InputFileError
        If a file of beam data, or a raw file, cannot be read.
    """
    started = time.perf_counter()
    config, out = BeamConfig(), folder / FOLDER
    spills = import_spills([file.beam for file in simulated if file.beam is not None], config)
    plot = out / PLOT
    for old in (*spill_paths(out, STEM), plot):
        old.unlink(missing_ok=True)
    written, _ = write_spills(spills, out, STEM)
    matched = {
        file.path.name: match_gates(gate_times(file.path), spills, config)
        for file in simulated
        if file.beam is not None
    }
    offsets = offsets_of(
        (FileName.parse(name).run_subrun.run, beam) for name, beam in matched.items()
    )
    save_offsets(offsets, plot)
    sums = {name: sum_of(name, beam) for name, beam in matched.items()}
    return BeamReport(
        spills, list(sums.values()), _of_datasets(catalogue, table, sums), _missed(matched),
        offsets, written, plot, time.perf_counter() - started,
    )  # fmt: skip


def _of_datasets(
    catalogue: Catalog, table: DatasetTable, sums: dict[str, BeamSum]
) -> list[BeamSum]:
    """Sum the files of each dataset; one without a file with beam has no row."""
    found = []
    for line in table.lines:
        names = [record.name for record in catalogue.dataset_files(line.did)]
        of_beam = [sums[name] for name in names if name in sums]
        if of_beam:
            found.append(total_of(line.did, of_beam))
    return found


def _missed(matched: dict[str, GateBeam]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, row) for name, beam in matched.items() for row in misses(beam)]
