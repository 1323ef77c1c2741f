"""``python -m benchmarks``: print ratios; with ``--figures`` write the figures too."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

from benchmarks import (
    conditions,
    conditions_wire,
    pedestal_accumulator,
    pedestal_peers,
    pedestal_table,
    simulation,
)
from benchmarks.figures import write_figures
from benchmarks.raw_decode import ROOT, SIZE, large_file, measure
from benchmarks.timing import show

STRAX, CTAPIPE = (ROOT / f".venv-{peer}" / "bin" / "python" for peer in ("strax", "ctapipe"))


def main() -> None:
    """Measure, print, and say which bounds do not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--figures", action="store_true", help="write benchmarks/figures.json")
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of the raw file")
    options = parser.parse_args()
    strax_python, ctapipe_python = _peer(STRAX), _peer(CTAPIPE)
    print(f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores")
    rows = measure(strax_python, options.size)
    show(f"beam file of {options.size / 1e9:.1f} GB in the page cache, one core", rows)
    with large_file("p09", options.size) as (path, _):
        pedestals = pedestal_accumulator.measure(path) + pedestal_table.measure(path)
        peers = pedestal_peers.measure(path, ctapipe_python) if ctapipe_python else []
    show(f"pedestal file of {options.size / 1e9:.1f} GB in the page cache, one core", pedestals)
    show(f"readings of {pedestal_peers.GATES} decoded gates, means and widths agree", peers)
    simulated = simulation.measure()
    show("simulation of the whole detector, one core", simulated)
    constants = conditions.measure()
    show("455 pedestal tables of 11,840 rows in a database, one core", constants)
    wire = conditions_wire.measure()
    show("constants over HTTP, 11,840 rows", wire)
    rows += pedestals + simulated + constants + wire
    if options.figures:
        measured = {row["figure"]: row["value"] for row in rows if row.get("figure")}
        measured["corruption_cases"] = corruption_cases()
        measured["closure_tests"] = closure_tests()
        entries = write_figures(measured, "make figures")
        failed = [entry for entry in entries if not entry["ok"]]
        for entry in failed:
            print(f"bound not met: {entry['name']}: {entry['value']} against {entry['bound']}")
        sys.exit(1 if failed else 0)


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
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(test), "--timeout", "0"],
        cwd=ROOT,
        env={**os.environ, "MX2_HYPOTHESIS_PROFILE": "nightly"},
        check=False,
    )
    return 20_000 if result.returncode == 0 else 0


def closure_tests() -> int:
    """Run the closure tests of pre-production at full size; the number that pass."""
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*closure*.py"))]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tiers", "all", "-m", "slow", "--timeout", "0",
         "-rA", *files],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    failed = [line for line in result.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    print("\n".join(failed))
    passed = sum(line.startswith("PASSED") for line in result.stdout.splitlines())
    return 0 if failed else passed


if __name__ == "__main__":
    main()
