"""The small programs behind the Makefile."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import check_python, room_coverage
from tests.tiers import SERVICES, services

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def report(**files: tuple[int, int]) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    return {
        "files": {
            f"src/mx2prod/{name.replace('__', '/')}.py": {
                "summary": {"covered_lines": covered, "num_statements": total}
            }
            for name, (covered, total) in files.items()
        }
    }


def test_coverage_is_added_up_by_room() -> None:
    rooms = room_coverage.rooms(report(raw__a=(9, 10), raw__b=(0, 10), core__c=(5, 5), main=(1, 1)))
    assert rooms == {"core": (5, 5), "raw": (9, 20), "mx2prod": (1, 1)}


@pytest.mark.parametrize(
    ("covered", "code", "message"), [(90, 0, ""), (89, 1, "coverage below 90 %: raw\n")]
)
def test_one_low_room_fails_however_good_the_others(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    covered: int,
    code: int,
    message: str,
) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps(report(raw__a=(covered, 100), core__b=(10_000, 10_000))))
    assert room_coverage.main(str(path)) == code
    out, err = capsys.readouterr()
    assert f"{covered} of    100 lines" in out
    assert err == message


@pytest.mark.parametrize(
    ("version", "has_venv", "words"),
    [
        ((3, 11, 0), True, ""),
        ((3, 14, 2), True, ""),
        ((3, 10, 12), True, "needs Python >= 3.11"),
        ((2, 7, 18), False, "make PYTHON=python3.11"),
        ((3, 12, 1), False, "apt-get install python3-venv"),
    ],
)
def test_complaint_about_a_python(version: tuple[int, ...], has_venv: bool, words: str) -> None:
    complaint = check_python.complaint(version, has_venv)
    assert words in complaint
    assert bool(words) == bool(complaint)


def test_this_python_will_do() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "check_python.py"], capture_output=True, check=True
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_installing_services_that_are_here_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "services.txt"
    path.write_text("# none\nshell | dash | true\n")
    done = subprocess.run(
        [ROOT / "scripts" / "services.sh", path], capture_output=True, text=True, check=True
    )
    assert done.stdout == "services: all there\n"


def test_every_listed_service_is_used_by_a_test() -> None:
    text = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for name in services(SERVICES):
        assert f'@pytest.mark.services("{name}"' in text


def test_help_lists_every_target_of_the_makefile() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"(?m)^  make (\S+)", done.stdout)
    assert sorted(listed) == sorted(phony[1].split())


def test_no_script_has_a_syntax_error() -> None:
    for path in [ROOT / ".ci" / "run", *(ROOT / "scripts").glob("*.sh")]:
        subprocess.run(["bash", "-n", path], check=True)
        assert "set -euo pipefail" in path.read_text()
        assert path.stat().st_mode & 0o111
