"""Every command has help, and stands on a page of the reference; the site builds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mx2prod.cli.main import VERBS
from scripts import reference

ROOT = Path(__file__).parents[2]
COMMANDS = {path.words: path.command for verb in VERBS for path in reference.commands_below(verb)}
PAGES = reference.pages()


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_help(words: str) -> None:
    text = COMMANDS[words].help or ""
    assert len(text.split()) >= 3
    assert text[0].isupper()
    assert "\\b" not in text, (
        "the mark \\b is a character, so the docstring may not be a raw string"
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_has_help(words: str) -> None:
    for parameter in COMMANDS[words].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{words} {parameter.opts}"


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_and_option_stands_in_the_reference(words: str) -> None:
    verb = words.split()[1]
    page = PAGES[f"reference/command/{verb}.md"]
    sections = re.split(r"(?m)^#+ (mx2 .*)$", page)
    section = dict(zip(sections[1::2], sections[2::2], strict=True))[words]
    first_line = (COMMANDS[words].help or "").strip().splitlines()[0]
    assert first_line in section
    for parameter in COMMANDS[words].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert f"`{parameter.opts[0]}" in section or parameter.opts[-1] in section


def test_commands_that_change_something_have_a_dry_run() -> None:
    """Whatever writes into a place that the user names can be asked first."""
    for words, command in COMMANDS.items():
        options = {name for parameter in command.params for name in parameter.opts}
        if options & {"-o", "--output"} or words in {"mx2 init", "mx2 demo"}:
            assert "--dry-run" in options, words


def test_every_verb_is_on_the_index() -> None:
    index = PAGES["reference/command/index.md"]
    for verb, text in VERBS.items():
        assert f"[`mx2 {verb}`]({verb}.md) | {text}" in index


def test_every_room_has_a_page_that_names_what_it_exports() -> None:
    for room in sorted((ROOT / "src" / "mx2prod").iterdir()):
        if room.name == "cli" or not (room / "__init__.py").is_file():
            continue
        page = PAGES[f"reference/python/{room.name}.md"]
        exported = getattr(__import__(f"mx2prod.{room.name}", fromlist=["x"]), "__all__", [])
        for name in exported:
            assert f"`{name}`" in page, f"{room.name}.{name}"


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        check=True,
    )
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        loaded = re.findall(
            r'<(?:script|link|img|iframe)[^>]+(?:src|href)="([^"]+)"', page.read_text()
        )
        assert [address for address in loaded if re.match(r"(https?:)?//", address)] == [], page
    words = (tmp_path / "search" / "search_index.json").read_text()
    for command in COMMANDS:
        assert command in words
