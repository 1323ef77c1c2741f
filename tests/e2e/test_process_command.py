"""``mx2 process`` from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mx2prod.output import read_meta


def raw_file(samples, name):
    return next(samples[name].glob("*.dat"))


def test_table_and_paths(mx2_program, samples, tmp_path):
    source = raw_file(samples, "p10_numib_full")
    call = mx2_program("process", source, "--to", "raw-digits", "-o", ".", cwd=tmp_path)
    assert call.code == 0, call.err
    assert call.err == ""
    assert source.name in call.out
    written = sorted(line.split()[1] for line in call.out.splitlines() if "written: " in line)
    assert written == sorted(path.name for path in tmp_path.iterdir())
    assert len(written) == 3
    assert "gates/s" in call.out


def test_json_is_one_document(mx2, samples, tmp_path):
    good, bad = raw_file(samples, "p03_numib_small"), raw_file(samples, "d05_empty")
    call = mx2("process", good, bad, "-o", tmp_path, "--json")
    assert call.code == 2
    document = call.document
    assert document["exit_code"] == 2
    assert [file["status"] for file in document["files"]] == ["done", "refused"]
    assert document["files"][1]["error"]["type"] == "RawFileError"
    (output,) = document["outputs"]
    assert output["metadata"]["metadata"]["core.event_count"] == 6
    assert "ERROR" in call.err


def test_refused_file_says_where_and_what_next(mx2, samples, tmp_path):
    source = raw_file(samples, "d01_truncated_midframe")
    call = mx2("process", source, "-o", tmp_path)
    assert call.code == 2
    assert f"{source}: error truncated at byte 31150" in call.err
    assert "next: mx2 raw verify" in call.err
    assert list(tmp_path.iterdir()) == []


def test_salvage_lists_the_losses(mx2, samples, tmp_path):
    call = mx2("process", raw_file(samples, "d01_truncated_midframe"), "-o", tmp_path, "--salvage")
    assert call.code == 3
    assert "truncated at byte 31150" in call.out
    assert "losses" in call.out


def test_many_findings_are_cut_on_the_screen_only(mx2, samples, tmp_path):
    source = raw_file(samples, "b04_block_over_64k")
    call = mx2("process", source, "-o", tmp_path / "a", "--salvage")
    assert "more, all of them with --json" in call.out
    document = mx2("process", source, "-o", tmp_path / "b", "--salvage", "--json").document
    assert len(document["files"][0]["faults"]) > 10


def test_log_has_a_line_at_the_start_and_the_end_of_a_file(mx2, samples, tmp_path):
    source = raw_file(samples, "p03_numib_small")
    call = mx2("process", source, "-o", tmp_path / "out", "--log", tmp_path / "log", "--quiet")
    assert call.code == 0
    assert call.err == ""
    started, done = (tmp_path / "log").read_text().splitlines()
    assert f"{source}: started" in started
    assert f"{source}: done, 6 gates read, 6 written, 0 lost" in done


def test_dry_run(mx2, samples, tmp_path):
    call = mx2("process", raw_file(samples, "p03_numib_small"), "-o", tmp_path / "x", "--dry-run")
    assert call.code == 0
    assert "would write" in call.out
    assert "<attempt>" in call.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "raw-digit"], "did you mean 'raw-digits'"),
        (["--to", "dst"], "no stage 'dst' is installed"),
        (["--workspace", "/nonexistent"], "mx2 init"),
    ],
)
def test_wrong_calls(mx2, samples, tmp_path, words, message):
    call = mx2("process", raw_file(samples, "p03_numib_small"), "-o", tmp_path, *words)
    assert call.code == 2
    assert message in call.err


def test_what_is_not_a_file(mx2, samples, tmp_path):
    """A directory, a fifo, a missing and a text file: clear errors, no hang, nothing written."""
    stem = "TS1_00050017_0017_numib_v09_2407100856_RawData.dat"
    cases = {}
    for name in ("directory", "fifo", "missing", "text"):
        (tmp_path / name).mkdir()
        cases[name] = tmp_path / name / stem
    cases["directory"].mkdir()
    os.mkfifo(cases["fifo"])
    cases["text"].write_text("not a raw file\n" * 100)
    call = mx2("process", *cases.values(), "-o", tmp_path / "out")
    assert call.code == 2
    for message in ("a directory", "not a regular file", "No such file", "not_raw"):
        assert message in call.err
    assert not (tmp_path / "out").exists()


def test_workspace_settings_are_used(mx2, samples, tmp_path):
    assert mx2("init", tmp_path / "w").code == 0
    settings = tmp_path / "w" / "mx2.toml"
    settings.write_text(
        settings.read_text().replace('adc_pairing = "end"', 'adc_pairing = "front"')
    )
    source = raw_file(samples, "p03_numib_small")
    call = mx2("process", source, "-o", tmp_path / "out", "--workspace", tmp_path / "w")
    assert call.code == 0, call.err
    (output,) = (tmp_path / "out").glob("*.root")
    assert read_meta(output)["raw.adc_pairing"] == "front"


KILLED = """
import os, signal, sys
from pathlib import Path
from mx2prod.production import process
process([Path(sys.argv[1])], out=Path(sys.argv[2]),
        progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_killed_job_leaves_nothing_under_a_final_name(samples, tmp_path):
    source = raw_file(samples, "p10_numib_full")
    call = [sys.executable, "-c", KILLED, str(source), str(tmp_path)]
    assert subprocess.run(call, check=False).returncode == -signal.SIGKILL
    assert all(path.name.startswith(".") for path in tmp_path.iterdir())


def test_interrupted_job_cleans_up(samples, tmp_path):
    source = raw_file(samples, "p10_numib_full")
    code = KILLED.replace("SIGKILL", "SIGINT")
    call = [sys.executable, "-c", code, str(source), str(tmp_path)]
    done = subprocess.run(call, check=False, capture_output=True, text=True)
    assert "KeyboardInterrupt" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.services("full-disk")
@pytest.mark.parametrize("size", ["16k", "600k", "1024k"])
def test_full_disk(samples, tmp_path, size):
    """A file system too small for the product, or for the product and its record."""
    disk = tmp_path / "disk"
    disk.mkdir()
    program = Path(sys.executable).with_name("mx2")
    script = (
        f"mount -t tmpfs -o size={size} tmpfs {disk} && "
        f"{program} process {raw_file(samples, 'p10_numib_full')} -o {disk} --json > /dev/null; "
        f"echo code $?; ls -A {disk}"
    )
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("code 1\n"), done.stderr
    assert "RawDigits" not in done.stdout
    assert "No space left on device" in done.stderr
    assert "next: df -h" in done.stderr
