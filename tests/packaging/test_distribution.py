"""Wheel and sdist hold what they must, and nothing that is not the project's."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "mx2prod"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with sdist and wheel; the wheel is built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return Path(out)


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_with_its_tables(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"mx2prod/{name}" for name in files_below(PACKAGE)} <= names
    others = {name.split("/")[0] for name in names} - {"mx2prod"}
    assert all(name.endswith(".dist-info") for name in others)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_make_test_needs(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    needed = {"LICENSE", "README.md", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile",
              "mkdocs.yml", "pyproject.toml", "requirements.lock", "requirements-dev.lock",
              "requirements-uv.lock", "scripts/check_python.py", "docs/quick-start.md",
              "tests/services.txt", "tests/data/raw/README.md"}  # fmt: skip
    assert needed <= names
    assert {f"src/mx2prod/{name}" for name in files_below(PACKAGE)} <= names
    assert not [name for name in names if name.startswith((".venv", ".git/", "site/", "demo/"))]
