"""A real package of somebody else adds a stage: built, installed, found, used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "data" / "hit_counts"


def install(source: Path, target: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
         "--no-build-isolation", "--disable-pip-version-check", "--no-cache-dir",
         "--target", str(target), str(source)],
        check=True,
        env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"},
    )  # fmt: skip


def with_package(target: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(target)},
        cwd=target,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed, built from a copy of its source."""
    room = tmp_path_factory.mktemp("third-party")
    source = shutil.copytree(SOURCE, room / "source")
    install(source, room / "site")
    return room / "site"


def test_the_stage_is_found_and_runs(installed: Path) -> None:
    (installed / "input").write_bytes(bytes([1, 5, 9]))
    code = """
        import json
        from pathlib import Path
        from mx2prod.core.registry import load_stage, stage_names
        stage = load_stage("hit-counts")
        counts = stage.run({"a": Path("input")}, stage.Config(minimum=5), None)
        print(json.dumps([stage_names(), stage.version, stage.produces, counts]))
    """
    done = with_package(installed, "-c", textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
    names, version, produces, counts = json.loads(done.stdout)
    assert "hit-counts" in names
    assert (version, produces, counts) == ("1", "hit-counts", {"a": 2})


def test_a_wrong_name_suggests_the_stage(installed: Path) -> None:
    code = "from mx2prod.core.registry import load_stage; load_stage('hit-count')"
    done = with_package(installed, "-c", code)
    assert "UsageError: no stage 'hit-count' is installed" in done.stderr
    assert "did you mean 'hit-counts'?" in done.stderr


def test_doctor_lists_the_stage(installed: Path) -> None:
    done = with_package(installed, "-m", "mx2prod", "doctor", "--json")
    assert done.returncode == 0, done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["stage hit-counts"] == {
        "name": "stage hit-counts",
        "state": "ok",
        "detail": "version 1",
    }


@pytest.fixture
def broken(tmp_path: Path, installed: Path) -> Path:
    """The same package with a module that is no stage, in a folder of its own."""
    site = shutil.copytree(installed, tmp_path / "site")
    (site / "hit_counts.py").write_text("name = 'hit-counts'\n")
    shutil.rmtree(site / "__pycache__", ignore_errors=True)
    return Path(site)


def test_a_module_that_is_no_stage_is_refused(broken: Path) -> None:
    code = "from mx2prod.core.registry import load_stage; load_stage('hit-counts')"
    done = with_package(broken, "-c", code)
    assert (
        "ConfigError: hit_counts is registered as stage 'hit-counts' but is not one" in done.stderr
    )
    checked = with_package(broken, "-m", "mx2prod", "doctor", "--json")
    assert checked.returncode == 1
    states = {check["name"]: check["state"] for check in json.loads(checked.stdout)}
    assert states["stage hit-counts"] == "failed"


def test_two_packages_with_one_stage_are_refused(installed: Path, tmp_path: Path) -> None:
    site = shutil.copytree(installed, tmp_path / "site")
    other = shutil.copytree(next(site.glob("*.dist-info")), site / "other-1.dist-info")
    metadata = (other / "METADATA").read_text().replace("Name: hit-counts", "Name: other")
    (other / "METADATA").write_text(metadata)
    (other / "entry_points.txt").write_text("[mx2prod.stages]\nhit-counts = other_counts\n")
    code = "from mx2prod.core.registry import load_stage; load_stage('hit-counts')"
    done = with_package(Path(site), "-c", code)
    assert "ConfigError: stage 'hit-counts' is registered by more than one package" in done.stderr
    assert "hit_counts" in done.stderr
    assert "other_counts" in done.stderr
