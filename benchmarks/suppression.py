"""The main job to suppressed digits beside the job to raw digits, on the same file."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.raw_file import write_large_file
from benchmarks.timing import Row, best_seconds, peak_megabytes, row
from mx2prod.conditions import position, write_snapshot
from mx2prod.constants import Pedestal, read_parquet
from mx2prod.core.workspace import Settings, Workspace
from mx2prod.production import ProcessReport, open_constants, process
from mx2prod.simulation import Spec, simulate
from mx2prod.simulation.truth import CONSTANTS_FOLDER, truth_folder
from tests.conditions.making import make_world
from tests.production.published import publish

GATES, SIMULATED_GATES, TURNS = 1_200, 60, 2
GTAG, RUN, SUBRUN = "bench", 50_017, 17


def measure() -> list[Row]:
    """Simulate a beam file, publish its true pedestals, and process it to both tiers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = _beam_file(folder)
        snapshot = _snapshot(folder, raw)
        large = folder / raw.name
        gates = write_large_file(raw, large, raw.stat().st_size * GATES // SIMULATED_GATES)
        return _rows(folder, large, snapshot, gates) + _sizes(folder, raw, snapshot)


def _sizes(folder: Path, simulated: Path, snapshot: Path) -> list[Row]:
    """Sizes of the simulated file, whose gates are all different."""
    with open_constants(Workspace(folder, Settings()), snapshot=snapshot) as constants:
        report = process(
            [simulated], out=folder / "sizes", to="sup-digits", keep=["raw-digits"],
            constants=constants,
        )  # fmt: skip
    raw, sup = report.outputs
    counters = sup.counters
    kept = sum(count for name, count in counters.items() if name.startswith("kept_"))
    ours = sup.bytes / sup.gates / 1e3
    return [
        row("suppressed digits of a gate in the file", ours, "kB", ours=ours),
        row("raw digits of a gate in the file", raw.bytes / raw.gates / 1e3, "kB", ours=ours),
        row("gate in the raw file", simulated.stat().st_size / raw.gates / 1e3, "kB", ours=ours),
        row("digits kept", 100 * kept / counters["n_raw"], "%"),
    ]


def _rows(folder: Path, large: Path, snapshot: Path, gates: int) -> list[Row]:
    workspace = Workspace(folder, Settings())
    reports: dict[str, list[ProcessReport]] = {"raw-digits": [], "sup-digits": []}

    def job(tier: str) -> None:
        used = snapshot if tier == "sup-digits" else None
        with open_constants(workspace, snapshot=used) as constants:
            reports[tier].append(process([large], out=folder / tier, to=tier, constants=constants))

    seconds = {tier: best_seconds(partial(job, tier), TURNS) for tier in reports}
    ours = gates / seconds["sup-digits"]
    step = min(report.seconds["suppress"] for report in reports["sup-digits"])
    code = _CODE.format(folder=str(folder), snapshot=str(snapshot), large=str(large))
    return [
        row("process to suppressed digits", ours, "gates/s", "sup_digits_gates_s", ours=ours),
        row("process to raw digits", gates / seconds["raw-digits"], "gates/s", ours=ours),
        row("the step of suppression alone", gates / step, "gates/s", ours=ours),
        row("peak memory of a process", peak_megabytes(code), "MB"),
    ]


_CODE = """
from pathlib import Path
from mx2prod.core.workspace import Settings, Workspace
from mx2prod.production import open_constants, process
with open_constants(Workspace(Path({folder!r}), Settings()), snapshot=Path({snapshot!r})) as used:
    process([Path({large!r})], out=Path({folder!r}) / "memory", to="sup-digits", constants=used)
"""


def _beam_file(folder: Path) -> Path:
    file = {"stream": "numib", "run": RUN, "subrun": SUBRUN, "gates": SIMULATED_GATES,
            "start": "2024-07-10T08:56:00Z"}  # fmt: skip
    spec = Spec.model_validate({"seed": 3, "files": [file], "truth": "light"})
    return simulate(spec, folder / "simulated")[0].path


def _snapshot(folder: Path, raw: Path) -> Path:
    """Publish the true pedestals of a simulated file; a snapshot of the global tag."""
    table = read_parquet(truth_folder(raw) / CONSTANTS_FOLDER / "pedestal.parquet")
    urls = (f"sqlite:///{folder}/dev.db", f"sqlite:///{folder}/prod.db")
    world = make_world(folder, urls)
    try:
        publish(world, GTAG, {Pedestal.folder: table}, position(RUN, 1))
        path = folder / "bench.mx2snap"
        write_snapshot(world.production, GTAG, path)
    finally:
        world.close()
    return path
