"""Small parts of the room: names, clock, software, exit codes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mx2prod.core.errors import ConfigError, InputFileError, OutputError
from mx2prod.core.ids import FileName, RunSubrun
from mx2prod.production.clock import StepClock
from mx2prod.production.naming import ATTEMPT_ALPHABET, attempt_token, output_name
from mx2prod.production.report import FileReport, ProcessReport
from mx2prod.production.software import git_state, software
from mx2prod.raw import Fault, Kind, Severity


def test_attempt_tokens_follow_the_pattern_and_differ():
    tokens = {attempt_token() for _ in range(200)}
    assert len(tokens) > 190
    assert all(len(token) == 6 and set(token) <= set(ATTEMPT_ALPHABET) for token in tokens)


def test_output_name():
    suffixes = {"raw-digits": "RawDigits.root", "dst": "no suffix"}
    call = {"suffixes": suffixes, "stamp": "2410292332", "attempt": "abc234"}
    name = output_name(RunSubrun(50017, 17), "numib", tier="raw-digits", **call)
    assert str(name) == "TS1_00050017_0017_numib_v09_2410292332-abc234_RawDigits.root"
    assert FileName.parse(str(name)) == name
    with pytest.raises(ConfigError, match=r"names\.suffix has no entry for the tier 'reco'"):
        output_name(RunSubrun(1, 1), "numib", tier="reco", **call)


def test_clock_adds_up():
    clock = StepClock()
    with clock.step("a"):
        pass
    with pytest.raises(ValueError, match="x"), clock.step("a"):
        raise ValueError("x")
    clock.add({"b": 2.0, "a": 1.0})
    assert list(clock.seconds) == ["a", "b"]
    assert clock.total == pytest.approx(3.0, abs=0.1)


def test_software_names_versions():
    found = software()
    assert found["name"] == "mx2prod"
    assert set(found["packages"]) == {"numpy", "numba", "awkward", "uproot"}


def test_git_state(tmp_path):
    assert git_state(tmp_path) is None

    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run(["git", *identity, "-C", str(tmp_path), *arguments], check=True,
                       capture_output=True)  # fmt: skip

    git("init")
    assert git_state(tmp_path) is None
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "a")
    state = git_state(tmp_path)
    assert state is not None
    assert len(state["commit"]) == 40
    assert state["dirty"] is False
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path) == {"commit": state["commit"], "dirty": True}


def file_report(error=None, *faults, **values):
    return FileReport(Path("x"), error=error, faults=list(faults), **values)


def fault(severity):
    return Fault(Kind.CRC_ERROR, severity, "detail")


@pytest.mark.parametrize(
    ("file", "code", "status"),
    [
        (file_report(), 0, "done"),
        (file_report(None, fault(Severity.WARNING)), 0, "done"),
        (file_report(None, fault(Severity.ERROR)), 3, "losses"),
        (file_report(bytes_lost=1), 3, "losses"),
        (file_report(gates_lost=1), 3, "losses"),
        (file_report(problems=[{"severity": "error"}]), 3, "losses"),
        (file_report(problems=[{"severity": "warning"}]), 0, "done"),
        (file_report(InputFileError("x")), 2, "refused"),
        (file_report(OutputError("x")), 1, "failed"),
    ],
)
def test_exit_code_of_a_file(file, code, status):
    assert (file.exit_code, file.status) == (code, status)


def test_exit_code_of_a_call_is_the_worst():
    good, lossy = file_report(), file_report(bytes_lost=1)
    refused, failed = file_report(InputFileError("x")), file_report(OutputError("x"))

    def code(*files):
        return ProcessReport("raw-digits", files=list(files)).exit_code

    assert code() == code(good) == 0
    assert code(good, lossy) == 3
    assert code(lossy, refused, good) == 2
    assert code(lossy, refused, failed) == 1


def test_empty_report_divides_by_nothing():
    report = ProcessReport("raw-digits")
    assert report.gates_per_second == 0
    assert report.cold_start_share == 0
