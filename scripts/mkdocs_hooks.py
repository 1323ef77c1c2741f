"""Hooks of the documentation site: generated reference pages, and a navigation from the folders."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

SECTIONS = {
    "how-to": "How to",
    "examples": "Examples",
    "reference": "Reference",
    "reference/command": "Commands",
    "reference/data": "Data model",
    "reference/python": "Python",
    "design": "Design notes",
}
"""Folders of the site in the order of the navigation."""

LISTING = {"how-to/index.md", "design/index.md"}
"""Pages that end with a list of the other pages of their folder."""

FIRST = ("index.md", "quick-start.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, then make the navigation from all pages."""
    root = str(Path(__file__).parents[1])
    if root not in sys.path:
        sys.path.append(root)
    from scripts import reference

    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    config.nav = navigation([file.src_uri for file in files.documentation_pages()])
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Add the list of its neighbours to a page that has one."""
    if page.file.src_uri not in LISTING:
        return markdown
    folder = PurePosixPath(page.file.src_uri).parent
    beside = [f for f in files.documentation_pages() if PurePosixPath(f.src_uri).parent == folder]
    names = sorted((f for f in beside if f != page.file), key=lambda f: f.src_uri)
    lines = [f"- [{title_of(f.content_string)}]({PurePosixPath(f.src_uri).name})" for f in names]
    return "\n".join([markdown.rstrip(), "", *lines, ""])


def title_of(text: str) -> str:
    """First heading of a page.

    Raises
    ------
    LookupError
        If the page has none.
    """
    for line in text.splitlines():
        if line.startswith("# "):
            return line.removeprefix("# ").strip()
    raise LookupError(f"no heading in a page that begins {text[:60]!r}")


def navigation(paths: list[str]) -> list[Any]:
    """Pages of the top folder, then a section a folder; sections stand below their folder's.

    Raises
    ------
    LookupError
        If a page lies in a folder that has no section.
    """
    homeless = [p for p in paths if str(PurePosixPath(p).parent) not in {".", *SECTIONS}]
    if homeless:
        raise LookupError(f"no section of the navigation for {', '.join(sorted(homeless))}")
    top = sorted((p for p in paths if "/" not in p), key=_order)
    sections = [folder for folder in SECTIONS if "/" not in folder]
    return [*top, *({SECTIONS[f]: _section(f, paths)} for f in sections)]


def _section(folder: str, paths: list[str]) -> list[Any]:
    own = sorted((p for p in paths if str(PurePosixPath(p).parent) == folder), key=_order)
    below = [f for f in SECTIONS if str(PurePosixPath(f).parent) == folder]
    return [*own, *({SECTIONS[f]: _section(f, paths)} for f in below)]


def _order(path: str) -> tuple[int, str]:
    name = PurePosixPath(path).name
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)
