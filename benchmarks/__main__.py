"""``python -m benchmarks``: print ratios; with ``--figures`` write the figures too."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import (
    calibrated_digits,
    catalog,
    clusters,
    conditions,
    conditions_wire,
    matching,
    metadata,
    pedestal_accumulator,
    pedestal_peers,
    pedestal_table,
    raw_decode,
    simulation,
    suppression,
    tracks,
)
from benchmarks.figures import write_figures
from benchmarks.raw_decode import ROOT, SIZE
from benchmarks.timing import Row, show

STRAX, CTAPIPE = (ROOT / f".venv-{peer}" / "bin" / "python" for peer in ("strax", "ctapipe"))


def main() -> None:
    """Measure, print, and say which bounds do not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--figures", action="store_true", help="write benchmarks/figures.json")
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of the raw file")
    options = parser.parse_args()
    strax_python, ctapipe_python = _peer(STRAX), _peer(CTAPIPE)
    print(f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores")
    rows: list[Row] = []
    for title, section in _sections(options.size, strax_python, ctapipe_python):
        show(title, section)
        rows += section
    if options.figures:
        measured = {row["figure"]: row["value"] for row in rows if row["figure"]}
        measured["corruption_cases"] = corruption_cases()
        measured["closure_tests"] = closure_tests()
        entries = write_figures(measured, "make figures")
        failed = [entry for entry in entries if not entry["ok"]]
        for entry in failed:
            print(f"bound not met: {entry['name']}: {entry['value']} against {entry['bound']}")
        sys.exit(1 if failed else 0)


def _sections(
    size: int, strax_python: Path | None, ctapipe_python: Path | None
) -> Iterator[tuple[str, list[Row]]]:
    """Title and rows of each part, as they are measured."""
    cached = f"of {size / 1e9:.1f} GB in the page cache, one core"
    yield f"beam file {cached}", raw_decode.measure(strax_python, size)
    with raw_decode.large_file("p09", size) as (path, _):
        rows = pedestal_accumulator.measure(path) + pedestal_table.measure(path)
        yield f"pedestal file {cached}", rows
        yield (
            f"readings of {pedestal_accumulator.GATES} decoded gates, means and widths agree",
            pedestal_peers.measure(path, ctapipe_python) if ctapipe_python else [],
        )
    yield "simulation of the whole detector, one core", simulation.measure()
    yield "455 pedestal tables of 11,840 rows in a database, one core", conditions.measure()
    yield "constants over HTTP, 11,840 rows", conditions_wire.measure()
    yield f"catalogue of {catalog.FILES:,} files in SQLite, one core", catalog.measure()
    yield "matching to the 2x2, one core", matching.measure()
    yield "records of 2,000 files, one core", metadata.measure()
    yield "raw file to suppressed digits, whole detector, one core", suppression.measure()
    yield "calibrated digits of beam gates, one core", calibrated_digits.measure()
    yield "tracks from clusters, one core", tracks.measure()
    yield "clusters, energies, vertices and blobs of beam gates, one core", clusters.measure()


def _peer(python: Path) -> Path | None:
    """Interpreter of the environment of a peer; None, and a word about it, if it is not there."""
    if python.exists():
        return python
    folder = python.parents[1].name
    print(f"no {folder.removeprefix('.venv-')}: make {folder}/.ready builds its environment")
    return None


def corruption_cases() -> int:
    """Run the corruption test with the nightly profile; the number of cases, 0 if one failed."""
    test = Path("tests") / "property" / "test_raw_corruption.py"
    result = _pytest(str(test), env={**os.environ, "MX2_HYPOTHESIS_PROFILE": "nightly"})
    return 20_000 if result.returncode == 0 else 0


def closure_tests() -> int:
    """Run the closure tests of pre-production at full size; the number that pass."""
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*closure*.py"))]
    result = _pytest("--tiers", "all", "-m", "slow", "-rA", *files, capture_output=True)
    failed = [line for line in result.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    print("\n".join(failed))
    passed = sum(line.startswith("PASSED") for line in result.stdout.splitlines())
    return 0 if failed else passed


def _pytest(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run tests without a limit of time; whether they pass is for the caller to see."""
    command = [sys.executable, "-m", "pytest", "-q", "--timeout", "0", *words]
    return subprocess.run(command, cwd=ROOT, text=True, check=False, **options)


if __name__ == "__main__":
    main()
