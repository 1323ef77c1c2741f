"""The test tiers do what CI relies on: real pytest sessions on small test files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SUITE = """
import time
import pytest

def test_unit():
    time.sleep(0.05)

@pytest.mark.stores
def test_store():
    pass

@pytest.mark.services("always")
def test_with_service():
    pass

@pytest.mark.services("never", "always")
def test_without_service():
    pass

@pytest.mark.slow
def test_slow():
    pass
"""
SERVICES = "# name | packages | command\nalways | dash | true\nnever | no-such | exit 1\n"
SETTINGS = """
[pytest]
addopts = -q --strict-markers --import-mode=importlib
pythonpath = .
markers =
    unit
    stores
    services
    slow
    nightly
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A project of its own with our plugin and a handful of tests."""
    (tmp_path / "tests").mkdir()
    for name in ("tiers.py", "calls.py", "stores.py", "conftest.py"):
        shutil.copy(TESTS / name, tmp_path / "tests")
    (tmp_path / "tests" / "services.txt").write_text(SERVICES)
    (tmp_path / "tests" / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    return tmp_path


def session(
    suite: Path, *options: str, ci: bool = False, require: bool = False
) -> subprocess.CompletedProcess[str]:
    ours = {"CI", "MX2_REQUIRE_SERVICES", "MX2_HYPOTHESIS_PROFILE"}
    drop = {"COV_CORE_SOURCE", "COV_CORE_CONFIG", "COV_CORE_DATAFILE", "PYTEST_XDIST_WORKER"} | ours
    environment = {key: value for key, value in os.environ.items() if key not in drop}
    environment |= {"CI": "true"} if ci else {}
    environment |= {"MX2_REQUIRE_SERVICES": "1"} if require else {}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests", "-p", "no:cacheprovider", *options],
        cwd=suite,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_default_runs_what_make_test_should(suite: Path) -> None:
    done = session(suite)
    assert done.returncode == 0, done.stdout
    assert "3 passed, 1 skipped, 1 deselected" in done.stdout
    assert "not run, no never here (make services): tests/test_suite.py::test_w" in done.stdout
    assert re.search(r"(?m)^unit +1 tests +0\.\d s of 360 s$", done.stdout)


def test_all_tiers_run_the_long_ones_too(suite: Path) -> None:
    assert "4 passed, 1 skipped in" in session(suite, "--tiers", "all").stdout


def test_a_mark_expression_chooses_freely(suite: Path) -> None:
    assert "1 passed, 4 deselected" in session(suite, "-m", "slow").stdout
    assert "1 passed, 4 deselected" in session(suite, "-m", "unit").stdout


def test_a_required_service_that_is_not_here_fails(suite: Path) -> None:
    done = session(suite, require=True)
    assert done.returncode == 1
    assert "service never is not here; run make services" in done.stdout
    assert "3 passed, 1 deselected, 1 error" in done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "two"])
def test_a_tier_over_its_budget_fails_in_ci_only(suite: Path, workers: tuple[str, ...]) -> None:
    tight = ("--tier-budget", "unit=0.01", *workers)
    here, in_ci = session(suite, *tight), session(suite, *tight, ci=True)
    assert "OVER BUDGET" in here.stdout
    assert "OVER BUDGET" in in_ci.stdout
    assert (here.returncode, in_ci.returncode) == (0, 1)
    assert session(suite, *workers, ci=True).returncode == 0


def test_a_service_that_is_not_listed_is_an_error(suite: Path) -> None:
    (suite / "tests" / "services.txt").write_text("always | dash | true\n")
    done = session(suite)
    assert done.returncode == 1
    assert "services ['never'] are not in services.txt" in done.stdout


@pytest.mark.parametrize(
    ("ci", "profile", "cases"),
    [(False, None, 100), (True, None, 500), (False, "nightly", 20_000), (True, "default", 100)],
)
def test_profiles_of_the_random_tests(ci: bool, profile: str | None, cases: int) -> None:
    code = "import tests.conftest, hypothesis; print(hypothesis.settings().max_examples)"
    environment = {**os.environ, "CI": "true" if ci else ""}
    environment.pop("MX2_HYPOTHESIS_PROFILE", None)
    if profile:
        environment["MX2_HYPOTHESIS_PROFILE"] = profile
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=TESTS.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{cases}\n"
