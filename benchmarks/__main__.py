"""``python -m benchmarks``: print ratios; with ``--figures`` write the figures too."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

from benchmarks import pedestal_accumulator
from benchmarks.figures import write_figures
from benchmarks.raw_decode import ROOT, SIZE, large_file, measure
from benchmarks.timing import show

STRAX = ROOT / ".venv-strax" / "bin" / "python"


def main() -> None:
    """Measure, print, and say which bounds do not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--figures", action="store_true", help="write benchmarks/figures.json")
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of the raw file")
    options = parser.parse_args()
    strax_python = STRAX if STRAX.exists() else None
    if strax_python is None:
        print("no strax: make .venv-strax/.ready builds its environment")
    print(f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores")
    rows = measure(strax_python, options.size)
    show(f"beam file of {options.size / 1e9:.1f} GB in the page cache, one core", rows)
    with large_file("p09", options.size) as (path, _):
        pedestals = pedestal_accumulator.measure(path)
    show(f"pedestal file of {options.size / 1e9:.1f} GB in the page cache, one core", pedestals)
    rows += pedestals
    if options.figures:
        measured = {row["figure"]: row["value"] for row in rows if row.get("figure")}
        measured["corruption_cases"] = corruption_cases()
        entries = write_figures(measured, "make figures")
        failed = [entry for entry in entries if not entry["ok"]]
        for entry in failed:
            print(f"bound not met: {entry['name']}: {entry['value']} against {entry['bound']}")
        sys.exit(1 if failed else 0)


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


if __name__ == "__main__":
    main()
