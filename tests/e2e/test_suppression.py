"""From a pedestal file to suppressed digits, by commands alone: approved, and refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mx2prod.core.workspace import write_workspace
from mx2prod.output import read_meta, read_sup_digits
from tests.journal.people import make_keys, standard_store

PEDESTALS = "minerva2x2_pedestal_constants"
SPEC = """
seed: 5
detector: {febs: [0-1-0]}
files:
  - {stream: pdstl, run: 1702, subrun: 1, gates: 510, start: 2024-04-12T05:14:00Z}
  - {stream: numib, run: 1702, subrun: 2, gates: 40, start: 2024-04-12T17:14:00Z}
"""


@pytest.fixture
def folder(tmp_path, mx2):
    """Workspace with people who can sign, raw files, and a pedestal table of the first one."""
    write_workspace(tmp_path, "test")
    standard_store(tmp_path, make_keys(tmp_path))
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "pre.yaml").write_text("boards: [0-1-0]\n")
    (tmp_path / "runs.txt").write_text("1702/1\n1702/2\n")
    assert mx2("simulate", tmp_path / "spec.yaml", "-o", tmp_path / "raw").code == 0
    (raw,) = (tmp_path / "raw").glob("*pdstl*RawData.dat")
    made = mx2("calibrate", "pedestals", raw, "-o", tmp_path / "ped", "--no-plots",
               "--settings", tmp_path / "pre.yaml")  # fmt: skip
    assert made.code == 0, made.err
    return tmp_path


@pytest.fixture
def conditions(mx2, folder):
    """Run ``mx2 conditions`` in the workspace."""

    def call(*words, code=0):
        done = mx2("--workspace", folder, "conditions", *words, "--json")
        assert done.code == code, done.err
        return done.document

    return call


@pytest.fixture
def process(mx2, folder):
    """Run ``mx2 process --to sup-digits`` on the beam file."""
    (raw,) = (folder / "raw").glob("*numib*RawData.dat")

    def call(*words):
        return mx2("--workspace", folder, "process", raw, "--to", "sup-digits", *words)

    return call


def ask_for_approval(conditions, folder) -> str:
    """From the table to the request for signatures; the digest."""
    (table,) = (folder / "ped").glob("*_pedestal_table.dat")
    conditions("init")
    conditions("tag", "create", f"{PEDESTALS}:run1a", "--reason", "first")
    conditions("put", PEDESTALS, table, "--tag", "run1a", "--since", "1702/1", "--reason", "first",
               "--origin", "request=none")  # fmt: skip
    conditions("tag", "group", "run1-v1", f"{PEDESTALS}=run1a", "--reason", "first")
    assert conditions("gaps", "run1-v1", "--runs", folder / "runs.txt") == []
    assert conditions("check", "run1-v1", code=3)["failed"] == ["complete"]
    conditions("check", "run1-v1", "--waive", "complete", "--reason", "one module set")
    digest = conditions("freeze", "run1-v1", "--reason", "done")["digest"]
    conditions("approve", "run1-v1", "--request", "--reason", "meeting of Tuesday")
    return str(digest)


def test_approved_constants_suppress_the_digits(conditions, folder, process):
    digest = ask_for_approval(conditions, folder)
    for person in ("rev", "con"):
        conditions("approve", "run1-v1", "--digest", digest[:16], "--key", folder / f"{person}.pem")
    conditions("promote", "run1-v1", "--reason", "approved")
    conditions("export", f"run1-v1@{digest[:16]}", "--format", "snap", "-o", folder / "r.mx2snap")
    done = process("--constants", f"run1-v1@{digest}", "-o", folder / "a", "--json")
    assert done.code == 0, done.err
    (output,) = done.document["outputs"]
    fields = output["metadata"]["metadata"]
    assert (fields["dune.conditions_tag"], fields["dune.conditions_digest"]) == ("run1-v1", digest)
    assert [p for p in output["problems"] if p["severity"] == "error"] == []
    snapshot = process("--snapshot", folder / "r.mx2snap", "-o", folder / "b", "--json")
    assert snapshot.code == 0, snapshot.err
    hashes = {read_meta(Path(call.document["outputs"][0]["path"]))["content_sha256"]
              for call in (done, snapshot)}  # fmt: skip
    assert len(hashes) == 1
    assert 0 < output["counters"]["kept_discriminator"] < 0.1 * output["counters"]["n_raw"]


def test_what_people_see(conditions, folder, process):
    digest = ask_for_approval(conditions, folder)
    for person in ("rev", "con"):
        conditions("approve", "run1-v1", "--key", folder / f"{person}.pem")
    conditions("promote", "run1-v1", "--reason", "approved")
    (folder / "reco.yaml").write_text("suppression: {nsigma_hi: 4.0}\n")
    done = process("--constants", "run1-v1", "--keep", "raw-digits", "-o", folder / "a",
                   "--settings", folder / "reco.yaml")  # fmt: skip
    assert done.code == 0, done.err
    line = f"constants: run1-v1@{digest[:16]} (PUBLISHED, signed by con, rev)"
    assert line in done.out.splitlines()
    for word in ("1702/2", "above cut", "low gain", "below cut", "suppress 0.", "gates/s"):
        assert word in done.out, word
    assert "no pedestal" not in done.out, "a column without a digit is left out"
    names = sorted(path.name.partition("_")[2].split("_")[-1] for path in (folder / "a").iterdir())
    assert names == ["RawData.dat.json", "RawDigits.root", "RawDigits.root.json",
                     "SupDigits.root", "SupDigits.root.json"]  # fmt: skip
    (path,) = (folder / "a").glob("*_SupDigits.root")
    assert json.loads(read_sup_digits(path).meta["config"]["text"])["nsigma_hi"] == 4


def test_constants_with_one_signature_refused_are_not_read(conditions, folder, process):
    digest = ask_for_approval(conditions, folder)
    conditions("approve", "run1-v1", "--key", folder / "rev.pem")
    conditions("reject", "run1-v1", "--reason", "wrong HV", "--key", folder / "con.pem")
    assert "wrong HV" in conditions("promote", "run1-v1", "--reason", "x", code=2)["error"][
        "message"
    ]  # fmt: skip
    for reference in ("run1-v1", f"run1-v1@{digest}"):
        done = process("--constants", reference, "-o", folder / "a")
        assert done.code == 2
        assert "no global tag 'run1-v1'" in done.err
    assert not (folder / "a").exists()


def test_wrong_calls(folder, process, conditions):
    conditions("init")
    for words, message in (
        ([], "and none are named"),
        (["--constants", "x@123"], "expected GTAG@DIGEST"),
        (["--snapshot", folder / "none.mx2snap"], "No such file"),
        (["--constants", "x", "--settings", folder / "pre.yaml"], "no global tag 'x'"),
    ):
        done = process(*words, "-o", folder / "a")
        assert done.code == 2, words
        assert message in done.err, done.err
    assert not (folder / "a").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from mx2prod.core.workspace import Workspace
from mx2prod.production import open_constants, process
with open_constants(Workspace.load(Path(sys.argv[1])), snapshot=Path(sys.argv[2])) as constants:
    process([Path(sys.argv[3])], out=Path(sys.argv[4]), to="sup-digits", keep=["raw-digits"],
            constants=constants, progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def prepared(conditions, folder) -> tuple[Path, Path]:
    """A snapshot of published constants, and the beam file."""
    ask_for_approval(conditions, folder)
    for person in ("rev", "con"):
        conditions("approve", "run1-v1", "--key", folder / f"{person}.pem")
    conditions("promote", "run1-v1", "--reason", "approved")
    conditions("export", "run1-v1", "--format", "snap", "-o", folder / "r.mx2snap")
    (raw,) = (folder / "raw").glob("*numib*RawData.dat")
    return folder / "r.mx2snap", raw


def test_killed_and_interrupted_jobs_leave_nothing_under_a_final_name(conditions, folder):
    snapshot, raw = prepared(conditions, folder)
    out = folder / "out"
    call = [sys.executable, "-c", KILLED, *map(str, (folder, snapshot, raw, out))]
    assert subprocess.run(call, check=False).returncode == -signal.SIGKILL
    assert all(path.name.startswith(".") for path in out.iterdir())
    call[2] = KILLED.replace("SIGKILL", "SIGINT")
    call[-1] = str(folder / "second")
    done = subprocess.run(call, check=False, capture_output=True, text=True)
    assert "KeyboardInterrupt" in done.stderr
    assert list((folder / "second").iterdir()) == []


@pytest.mark.services("full-disk")
@pytest.mark.parametrize("size", ["16k", "140k"])
def test_full_disk(conditions, folder, size):
    """A file system too small for the product, or for the product and its record."""
    snapshot, raw = prepared(conditions, folder)
    disk = folder / "disk"
    disk.mkdir()
    program = Path(sys.executable).with_name("mx2")
    script = (
        f"mount -t tmpfs -o size={size} tmpfs {disk} && {program} --workspace {folder} "
        f"process {raw} --to sup-digits --snapshot {snapshot} -o {disk} --json > /dev/null; "
        f"echo code $?; ls -A {disk}"
    )
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("code 1\n"), done.stderr
    assert "SupDigits" not in done.stdout
    assert "next: df -h" in done.stderr
