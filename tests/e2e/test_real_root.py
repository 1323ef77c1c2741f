"""Real ROOT reads the digit file and gets the same sums as uproot, column by column.

ROOT lives in an environment of its own: ``make .venv-root/.ready``, or the interpreter that
``MX2_VERIFY_PYTHON`` names.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from mx2prod.output import RawDigits
from mx2prod.production import process

ROOT_PYTHON = Path(
    os.environ.get("MX2_VERIFY_PYTHON", Path(__file__).parents[2] / ".venv-root/bin/python")
)

READER = r"""
import json, sys
import ROOT

path, trees = sys.argv[1], json.loads(sys.argv[2])
file = ROOT.TFile.Open(path)
answer = {"version": ROOT.gROOT.GetVersion(), "trees": {}}
answer["meta"] = str(file.Get("Meta").GetString())
for name, columns in trees.items():
    tree = file.Get(name)
    frame = ROOT.RDataFrame(name, path)
    jagged = "n" in [str(b.GetName()) for b in tree.GetListOfBranches()]
    booked = {}
    for column in columns:
        text = f"double s = 0; for (auto v : {column}) s += double(v); return s;" if jagged \
            else f"return double({column});"
        place = f"return s_{column} * (double(rdfentry_) + 1);"
        frame = frame.Define(f"s_{column}", text).Define(f"p_{column}", place)
        booked[column] = [frame.Sum(f"s_{column}"), frame.Sum(f"p_{column}")]
    rows = frame.Define("rows", "double(n)" if jagged else "1.0").Sum("rows")
    answer["trees"][name] = {
        "title": str(tree.GetTitle()),
        "entries": int(tree.GetEntries()),
        "rows": rows.GetValue(),
        "sums": {column: [value.GetValue() for value in pair] for column, pair in booked.items()},
        "counter_maximum": int(tree.GetLeaf("n").GetMaximum()) if jagged else None,
        # as a plain reader does it: entry by entry, through the branch
        "last": [float(tree.GetLeaf(columns[0]).GetValue(0)) for entry in range(tree.GetEntries())
                 if tree.GetEntry(entry) > 0],
    }
print(json.dumps(answer))
"""


def uproot_sums(path: Path) -> dict[str, dict[str, list[float]]]:
    """Sum of every column, and the sum weighted with the entry number, in double."""
    sums: dict[str, dict[str, list[float]]] = {}
    with uproot.open(path) as file:
        for tree in RawDigits.trees:
            sums[tree.path] = {}
            for column in tree.columns:
                values = ak.values_astype(file[tree.path][column.name].array(), np.float64)
                by_entry = ak.to_numpy(ak.sum(values, axis=1) if tree.jagged else values)
                weighted = by_entry * (np.arange(len(by_entry)) + 1.0)
                sums[tree.path][column.name] = [float(by_entry.sum()), float(weighted.sum())]
    return sums


@pytest.mark.slow
@pytest.mark.skipif(not ROOT_PYTHON.exists(), reason="no ROOT here: make .venv-root/.ready")
@pytest.mark.parametrize(
    "name", ["p10_numib_full", "p11_numil_full", "p08_many_hits", "p07_fw91", "b03_feb_missing"]
)
def test_sums_of_all_columns_agree(samples, tmp_path, name):
    source = next(samples[name].glob("*.dat"))
    output = process([source], out=tmp_path, salvage=True).outputs[0].path
    columns = {tree.path: [column.name for column in tree.columns] for tree in RawDigits.trees}
    call = [str(ROOT_PYTHON), "-c", READER, str(output), json.dumps(columns)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["version"].startswith("6.4")
    meta = json.loads(answer["meta"])
    expected = uproot_sums(output)
    for tree in RawDigits.trees:
        found = answer["trees"][tree.path]
        assert found["title"] == f"/{tree.path}"
        assert found["entries"] == meta["trees"][tree.path]["entries"]
        assert found["rows"] == meta["trees"][tree.path]["rows"]
        assert found["sums"] == expected[tree.path]
        assert len(found["last"]) == found["entries"]
        if tree.jagged:
            with uproot.open(output) as file:
                assert found["counter_maximum"] == int(
                    file[tree.path]["n"].array().to_numpy().max()
                )
