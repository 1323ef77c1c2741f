"""The locks hold what pyproject.toml asks for, with hashes, and no address of any index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
ENTRY = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?P<rest>(?:.*\\\n)*.*)", re.MULTILINE)


def normal(requirement: str) -> str:
    name = re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text()
    return {entry["name"]: entry["version"] for entry in ENTRY.finditer(text)}


def test_there_is_a_lock_for_every_environment() -> None:
    sources = {f"requirements-{path.stem}.lock" for path in (ROOT / "environments").glob("*.in")}
    assert {path.name for path in LOCKS} == {"requirements.lock", "requirements-dev.lock"} | sources


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_entry_has_hashes_and_there_are_no_addresses(path: Path) -> None:
    text = path.read_text()
    entries = list(ENTRY.finditer(text))
    assert entries
    assert all("--hash=sha256:" in entry["rest"] for entry in entries)
    starts = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(starts) == len(entries), "every line that is no comment belongs to a pinned entry"
    assert not re.search(r"https?:|file:|index-url|find-links|/work/|/home/|/opt/|@ ", text)


def test_the_locks_hold_every_dependency() -> None:
    runtime = {normal(item) for item in PROJECT["dependencies"]}
    development = {normal(item) for item in PROJECT["optional-dependencies"]["dev"]}
    assert runtime <= set(pinned("requirements.lock"))
    assert runtime | development <= set(pinned("requirements-dev.lock"))
    assert not (development - runtime) & set(pinned("requirements.lock"))


def test_both_locks_agree() -> None:
    development = pinned("requirements-dev.lock")
    for name, version in pinned("requirements.lock").items():
        assert development[name] == version


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "design" / "dependencies.md").read_text()
    first_cells = " ".join(re.findall(r"^\| ([^|]+) \|", reasons, re.MULTILINE))
    words = set(re.split(r"[ ,]+", first_cells))
    named = {*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]}
    for path in (ROOT / "environments").glob("*.in"):
        lines = [line for line in path.read_text().splitlines() if line[:1] not in {"", "#"}]
        named |= set(lines)
    assert {normal(item) for item in named} <= words
