"""``mx2 catalog`` and ``mx2 dataset``: what they print, their JSON, their exit codes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mx2prod.journal import RoleStore
from tests.calls import Call
from tests.catalog.making import ALL, DATA, NS, SIX, record
from tests.journal.people import make_keys, standard_store

Mx2 = Callable[..., Call]
MEMBERS = {
    "namespace", "name", "fid", "size", "creator", "metadata", "checksums", "parents",
}  # fmt: skip
"""Of the interface page, for each file under ``--json``."""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mx2: Mx2) -> Path:
    """A new workspace, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    assert mx2("init", ".").code == 0
    return tmp_path


@pytest.fixture
def run1(workspace: Path, mx2: Mx2) -> Path:
    """The same with the Run-1 catalogue and its datasets."""
    shutil.copy(DATA / "seed_catalogue.jsonl", workspace / "files.jsonl")
    assert mx2("catalog", "import", "files.jsonl").code == 0
    assert mx2("dataset", "define", "--run1").code == 0
    return workspace


def write_records(path: Path, *names: str) -> Path:
    path.write_text(json.dumps([record(name) for name in names]), encoding="utf-8")
    return path


def test_declare_show_query_retire(workspace: Path, mx2: Mx2) -> None:
    path = write_records(workspace / "r.json", "a", "b")
    assert mx2("catalog", "declare", path, "--dry-run").code == 1, "there is no catalogue yet"
    lines = mx2("catalog", "declare", path, "--json").out.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["new", "new"]
    assert json.loads(lines[0]).keys() >= MEMBERS
    assert "2 were there already" in mx2("catalog", "declare", path).out
    assert sorted(mx2("catalog", "query", "files from dune:all").out.split()) == [
        f"{NS}:a", f"{NS}:b",
    ]  # fmt: skip
    assert (
        mx2("catalog", "query", "files", "--summary").out == "2 files, 2000 bytes, 14400 events\n"
    )
    lines = mx2("catalog", "query", "files", "--json").out.splitlines()
    assert json.loads(lines[0]).keys() >= MEMBERS
    shown = mx2("catalog", "show", f"{NS}:a", "--lineage")
    assert "core.event_count: 7200" in shown.out
    assert mx2("catalog", "show", f"{NS}:a", "--json").document["datasets"] == [
        {"namespace": "dune", "name": "all"}
    ]
    assert "would retire" in mx2("catalog", "retire", f"{NS}:a", "--dry-run").out
    assert mx2("catalog", "retire", f"{NS}:a").out == f"retired: {NS}:a\n"
    assert "RETIRED" in mx2("catalog", "show", f"{NS}:a").out
    assert mx2("catalog", "query", "files").out == f"{NS}:b\n"
    assert mx2("catalog", "retire", f"{NS}:a", "--undo").out == f"shown: {NS}:a\n"


def test_retire_names_the_children(workspace: Path, mx2: Mx2) -> None:
    items = [record("p"), record("c", parents=[f"{NS}:p"])]
    (workspace / "r.json").write_text(json.dumps(items), encoding="utf-8")
    mx2("catalog", "declare", "r.json")
    assert f"    {NS}:c" in mx2("catalog", "retire", f"{NS}:p").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("catalog", "declare"), "give records, or --scan"),
        (("catalog", "declare", "r.json", "--watch"), "goes with --scan"),
        (("catalog", "show", f"{NS}:aa"), "did you mean 'a'"),
        (("catalog", "show", "nofid"), "no file nofid"),
        (("catalog", "query", "files frm dune:all"), "frm"),
        (("catalog", "retire", f"{NS}:zz"), "no file"),
        (("catalog", "declare", "bad.json"), "size"),
        (("catalog", "declare", "list.json"), "JSON object"),
        (("dataset", "define"), "give NAME, or --run1"),
        (("dataset", "define", "mx2_numib_raw_run0"), "give the run range"),
        (("dataset", "define", "mx2_numib_raw_run0", "--runs", "5"), "FIRST-LAST"),
        (("dataset", "define", "x", "--mql", "files from dune:al"), "did you mean 'dune:all'"),
        (("dataset", "show", "nonesuch"), "there are: dune:all"),
        (("dataset", "freeze", "nonesuch"), "no dataset twalton:nonesuch"),
        (("dataset", "diff", "dune:all"), "no snapshot"),
        (("dataset", "runs", "dune:all"), "say no subrun"),
        (("dataset", "table", "nonesuch"), "no dataset"),
    ],
)
def test_what_cannot_be_meant_is_said(
    workspace: Path, mx2: Mx2, words: tuple[str, ...], told: str
) -> None:
    write_records(workspace / "r.json", "a")
    mx2("catalog", "declare", "r.json")
    (workspace / "bad.json").write_text('{"namespace": "n", "name": "b", "size": "5"}')
    (workspace / "list.json").write_text("[5]")
    call = mx2(*words)
    assert (call.code, told in call.err) == (2, True), call.err


def test_import_and_export(run1: Path, mx2: Mx2) -> None:
    assert (
        "imported 0 files (1371 were there already)"
        in mx2("catalog", "import", run1 / "files.jsonl").out
    )
    assert "would write" in mx2("catalog", "export", "-o", "out", "--dry-run").out
    assert not (run1 / "out").exists()
    query = "files from dune:all where core.data_tier = reco"
    done = mx2("catalog", "export", "-o", "out", "--query", query, "--json").document
    assert (done["files"], done["parents_left_out"]) == (114, 114)
    assert mx2("catalog", "export", "-o", "out").code == 1, "nothing is written over"
    assert "would import 0 files" in mx2("catalog", "import", run1 / "files.jsonl", "--dry-run").out


def test_tables_on_the_screen(run1: Path, mx2: Mx2) -> None:
    names = [name.partition(":")[2] for name in SIX]
    text = mx2("dataset", "table", *names).out
    assert "950, 1058.6 GB (the rows add to 974, 1083.2 GB" in text
    assert "<numi data> := numib, numil and numip" in text
    assert mx2("dataset", "table", *names, "--json").document["union"]["nfiles"] == 950
    for kind, mark in (("markdown", "| --- |"), ("wiki", "{| class"), ("csv", "Start Run,")):
        assert mark in mx2("dataset", "table", *names, "--format", kind).out
    assert mx2("dataset", "table", "dune:all", "--format", "json").document["rows"][0]["nfiles"]


def test_life_of_a_dataset(run1: Path, mx2: Mx2) -> None:
    name = "mx2_numib_raw_run1_prod_a"
    assert "there" in mx2("dataset", "define", name).out
    other = mx2("dataset", "define", name, "--mql", "files from dune:all")
    assert (other.code, "another definition" in other.err) == (2, True)
    assert (
        "left out by creator = dunepro alone: 20" in mx2("dataset", "show", name, "--left-out").out
    )
    assert "would freeze" in mx2("dataset", "freeze", name, "--dry-run").out
    frozen = mx2("dataset", "freeze", name, "--json").document
    assert (frozen["file_count"], frozen["total_size"]) == (302, 350_400_000_000)
    assert "the same files now" in mx2("dataset", "diff", name).out
    assert mx2("dataset", "define", name, "--mql", "files", "--replace").code == 2
    gone = mx2("catalog", "query", f"files from twalton:{name} ordered limit 1").out.strip()
    mx2("catalog", "retire", gone)
    changed = mx2("dataset", "diff", name)
    assert (changed.code, gone in changed.out) == (3, True)
    assert "302 files in the snapshot, 301 not retired" in mx2("dataset", "table", name).out
    assert "frozen: 302 files" in mx2("dataset", "show", name).out
    assert (
        mx2("dataset", "unfreeze", name, "--reason", "try again").out == f"unfroze twalton:{name}\n"
    )
    assert "stored" in mx2("dataset", "freeze", name, "--snapshot").out
    assert mx2("dataset", "freeze", name, "--as", "v2").code == 0
    listed = mx2("dataset", "show", "--json").document
    assert [one["name"] for one in listed if one["frozen"]] == ["v2"]
    assert "frozen, by definition" in mx2("dataset", "show").out


def test_good_runs_need_a_sign_off(workspace: Path, mx2: Mx2) -> None:
    items = [
        record(f"f{n}", metadata={"core.runs_subruns": [170200000 + n], "dune.dqc_quality": word})
        for n, word in enumerate(("good", "bad", "good"))
    ]
    (workspace / "r.json").write_text(json.dumps(items), encoding="utf-8")
    mx2("catalog", "declare", "r.json")
    mx2("dataset", "define", "s", "--mql", "files from dune:all")
    keys = make_keys(workspace)
    store: RoleStore = standard_store(workspace, keys)
    assert store.load().version == 1
    assert mx2("dataset", "runs", "s").out.splitlines()[1:] == ["1702 0", "1702 1", "1702 2"]
    refused = mx2("dataset", "sign-off", "s", "--key", workspace / "rev.pem")
    assert (refused.code, "not frozen" in refused.err) == (2, True)
    mx2("dataset", "freeze", "s")
    unsigned = mx2("dataset", "runs", "s", "--good")
    assert (unsigned.code, "nobody on the role list" in unsigned.err) == (2, True)
    assert mx2("dataset", "sign-off", "s", "--key", workspace / "rev.pem", "--dry-run").code == 0
    assert mx2("dataset", "runs", "s", "--good").code == 2
    for name in ("rev", "con"):
        assert mx2("dataset", "sign-off", "s", "--key", workspace / f"{name}.pem").code == 0
    signed = mx2("dataset", "runs", "s", "--good")
    assert signed.out.splitlines() == [
        "# twalton:s, good, signed off by con, rev", "1702 0", "1702 2",
    ]  # fmt: skip
    assert "quality bad, left out" in signed.err
    mx2("dataset", "unfreeze", "s", "--reason", "x")
    mx2("catalog", "retire", f"{NS}:f0")
    mx2("dataset", "freeze", "s")
    assert mx2("dataset", "runs", "s", "--good").code == 2, "other files, which nobody signed"


def test_gaps_of_a_dataset(workspace: Path, mx2: Mx2) -> None:
    items = [record(f"f{n}", metadata={"core.runs_subruns": [170200000 + n]}) for n in range(3)]
    (workspace / "r.json").write_text(json.dumps(items), encoding="utf-8")
    mx2("catalog", "declare", "r.json")
    folder = "minerva2x2_pedestal_constants"
    mx2("conditions", "init")
    mx2("conditions", "tag", "create", f"{folder}:t", "--reason", "x")
    mx2("conditions", "tag", "group", "g", f"{folder}=t", "--reason", "x")
    found = mx2("conditions", "gaps", "g", "--dataset", str(ALL), "--json")
    assert (found.code, [gap["subruns"] for gap in found.document]) == (3, [3])
    both = mx2("conditions", "gaps", "g", "--dataset", str(ALL), "--runs", "r.json")
    assert (both.code, "one of them" in both.err) == (2, True)


def test_workspace_migrate_makes_the_tables(workspace: Path, mx2: Mx2) -> None:
    rows = mx2("workspace", "migrate", "--json").document
    assert {"catalog0002"} <= {word for row in rows for word in str(row["newest"]).split(", ")} or (
        any("catalog0002" in json.dumps(row) for row in rows)
    )
    assert mx2("catalog", "query", "files").code == 0


def test_scan_lists_what_it_left(workspace: Path, samples: dict[str, Path], mx2: Mx2) -> None:
    folder = workspace / "daq"
    shutil.copytree(samples["p03_numib_small"], folder)
    for path in folder.iterdir():
        path.touch()
    left = mx2("catalog", "declare", "--scan", folder)
    assert (left.code, "may still grow" in left.out) == (3, True)
    done = mx2("catalog", "declare", "--scan", folder, "--settled", "0", "--json")
    assert (done.code, done.document["state"]) == (0, "declared")
    assert mx2("catalog", "declare", "--scan", folder, "--settled", "0").out == (
        "there already: 1 files\n"
    )
    (workspace / "none").mkdir()
    assert "no raw file" in mx2("catalog", "declare", "--scan", "none").out


def test_watch_declares_what_arrives_until_it_is_stopped(
    workspace: Path, samples: dict[str, Path]
) -> None:
    folder = workspace / "daq"
    folder.mkdir()
    words = ["catalog", "declare", "--scan", "daq", "--watch", "--every", "0.1", "--settled", "0.2"]
    with subprocess.Popen(
        [sys.executable, "-m", "mx2prod", *words], stdout=subprocess.PIPE, text=True,
        cwd=workspace, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as watcher:  # fmt: skip
        try:
            for path in samples["p03_numib_small"].glob("*RawData.dat*"):
                shutil.copy(path, folder)
            assert watcher.stdout is not None
            deadline = time.monotonic() + 60
            line = ""
            while not line.startswith("declared:"):
                assert time.monotonic() < deadline
                line = watcher.stdout.readline()
        finally:
            watcher.send_signal(signal.SIGINT)
        watcher.stdout.read()
        assert watcher.wait(timeout=20) == 130
