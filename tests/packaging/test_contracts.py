"""The import contracts hold every room, and they do break when a rule is broken."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS, SCIENCE = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
ROOMS = {path.parent.name for path in (ROOT / "src" / "mx2prod").glob("*/__init__.py")}
SCIENCE_ROOMS = {
    "detector", "constants", "raw", "simulation", "calibration", "digits", "reconstruction",
    "rockmuons", "output",
}  # fmt: skip
CLOSED_ROOMS = {
    "journal", "conditions", "catalog", "placement", "production", "engines", "web",
}  # fmt: skip


def test_the_layers_stand_in_the_order_of_the_rulings() -> None:
    order = (
        "__main__ > cli > web > production > engines | placement | validation | display > catalog "
        "> metadata > rockmuons > output > reconstruction > calibration | digits > conditions "
        "> simulation > raw > constants > detector > journal > core"
    )
    assert re.sub(r"[()]", "", " > ".join(LAYERS["layers"])) == order
    assert LAYERS["exhaustive"] is True


def test_a_room_that_exists_is_not_optional() -> None:
    for room in re.findall(r"\((\w+)\)", " ".join(LAYERS["layers"])):
        assert room not in ROOMS, f"take the brackets off {room} in pyproject.toml"


def test_the_science_contract_holds_every_room_of_the_rule() -> None:
    sources = {name.removeprefix("mx2prod.") for name in SCIENCE["source_modules"]}
    forbidden = {name.removeprefix("mx2prod.") for name in SCIENCE["forbidden_modules"]}
    assert sources == SCIENCE_ROOMS & ROOMS
    assert forbidden == CLOSED_ROOMS & ROOMS


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the real tool on a copy of the sources."""
    code = (
        "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command"
    )
    return subprocess.run(
        [sys.executable, "-c", f"{code}; lint_imports_command(['--no-cache'])"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("room", "line", "broken"),
    [
        ("core", "", []),
        ("core", "import mx2prod.raw", ["Layers"]),
        ("raw", "import mx2prod.production", ["Layers", "Science is pure"]),
        ("new_room", "", ["Layers"]),
    ],
)
def test_a_broken_rule_is_found(tmp_path: Path, room: str, line: str, broken: list[str]) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    folder = tmp_path / "src" / "mx2prod" / room
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "added.py").write_text(f"{line}\n")
    done = lint(tmp_path)
    assert done.returncode == (1 if broken else 0), done.stdout
    assert re.findall(r"(?m)^(Layers|Science is pure).* BROKEN$", done.stdout) == broken
