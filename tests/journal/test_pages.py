from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mx2prod.journal import (
    Approval,
    Approvals,
    Decision,
    Section,
    Subject,
    approval_page,
    migrate,
    open_engine,
)
from mx2prod.journal.pages import markdown_text
from tests.journal.people import make_keys, standard_store

SUBJECT = Subject("campaign", "run1a-full", "a" * 64)
NASTY = "<script>alert(1)</script> | **bold**\nsecond line"


@pytest.fixture
def approval(tmp_path: Path) -> Approval:
    keys = make_keys(tmp_path)
    made: Engine = open_engine(f"sqlite:///{tmp_path}/a.db", create=True)
    migrate(made)
    approvals = Approvals(made, standard_store(tmp_path, keys).load())
    approvals.request(SUBJECT, reason=NASTY)
    found = approvals.decide(SUBJECT.object, Decision("reject", reason=NASTY), keys["con"])
    made.dispose()
    return found


class Cells(HTMLParser):
    """Cells of all tables; tags that may not stand in a page are an error."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "img", "a"}
        if tag in {"td", "th"}:
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


def test_the_html_page_shows_everything_as_text(approval: Approval) -> None:
    extra = Section("Intervals", ["since", "until"], [["1698/0", "1796/0"]])
    page = approval_page(approval, "html", [extra])
    parser = Cells()
    parser.feed(page)
    cells = parser.cells
    for text in ("REJECTED", "a" * 64, NASTY, "con", "1796/0", f"con has rejected: {NASTY}"):
        assert text in cells
    assert "//" not in page.replace("<!DOCTYPE html>", "")


def test_the_markdown_page_shows_the_same(approval: Approval) -> None:
    page = approval_page(approval, "md", [Section("Gaps", ["run"], [], "No gap.")])
    assert page.startswith("# Approval of campaign:run1a-full\n")
    assert "| State | REJECTED |" in page
    assert "## Gaps\n\nNo gap.\n" in page
    assert "<script>" not in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    signature = next(line for line in tables if line.startswith("| reject |"))
    heading = next(line for line in tables if line.startswith("| decision |"))
    assert signature.replace(r"\|", "").count("|") == heading.count("|") == 9


def test_markdown_text_is_shown_as_it_is() -> None:
    assert markdown_text("a|b *c*\n`d`") == r"a\|b \*c\* \`d\`"
