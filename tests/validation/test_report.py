"""Reports of run ranges: summary rows, PDFs, links, and files of unusual runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from mx2prod.core.errors import InputFileError
from mx2prod.validation import pdf
from mx2prod.validation.report import Report, make_report, plan_report
from mx2prod.validation.summary import (
    COLUMNS,
    NOT_ENOUGH_GAINS,
    TALK_COLUMNS,
    RunRange,
    markdown,
    run_ranges,
    size_text,
    summarise,
)
from mx2prod.validation.verdict_file import VerdictFile
from tests.validation.test_pages import check_self_contained


def verdict_at(folder: Path, name: str, verdict: str = "good", **members: object) -> VerdictFile:
    """A verdict file without any table."""
    content = {
        "kind": "pedestal", "verdict": verdict, "channels": {}, "gates": {"used": 10},
        "run": None, "subrun": None, "file": name, "table": None, "accumulator": None,
        "reasons": [{"code": "c", "text": f"why {verdict}", "verdict": verdict, "count": 1,
                     "places": []}],
        **members,
    }  # fmt: skip
    path = folder / f"{name}.verdict.json"
    path.write_text(json.dumps(content))
    return VerdictFile(path, content)


def pages_of_pdf(path: Path) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", path.read_bytes()))


@pytest.fixture(scope="module")
def made(pedestals, detector, tmp_path_factory) -> Report:
    """Report of the pedestal tables, of which the bad one has a page."""
    bad = next(pedestals.glob("*_0002_*.verdict.json"))
    page = bad.with_name(bad.name.replace(".verdict.json", ".html"))
    page.write_text("<p>page of the table</p>")
    out = tmp_path_factory.mktemp("a report") / "plots"
    report = make_report("pedestals", pedestals, out, detector, label="DEMO")
    yield report
    page.unlink()


def test_report_of_pedestals(made):
    report = made
    (row,) = report.as_dict()["rows"]
    of = dict(zip(COLUMNS, row, strict=True))
    assert COLUMNS[:7] == TALK_COLUMNS
    assert (of["Start Run"], of["End Run"], of["NFiles"]) == (1698, 1795, 1)
    assert of["Comments"] == "1 good table; 1 bad, 1 too few, 1 unreadable"
    verdicts = [of[word] for word in ("good", "investigate", "bad", "too few", "unreadable")]
    assert verdicts == [1, 0, 1, 1, 1]
    assert sum(verdicts) == of["files in"] == 4
    assert of["gates used"] == 520 + 520 + 60
    assert [path.name for path in report.paths] == [
        "mx2_pedestals_run1_prod_a.pdf", "mx2_pedestals_summary.html", "mx2_pedestals_summary.md",
        "mx2_pedestals_summary.json",
    ]  # fmt: skip
    assert all(path.is_file() for path in report.paths)
    document = json.loads(report.paths[3].read_text())
    assert document == report.as_dict()
    assert report.paths[2].read_text().splitlines()[2].startswith("| 1698 | 1795 | 1 |")


def test_pdf_has_a_page_for_each_part_and_stays_the_same(made, pedestals, detector, tmp_path):
    """Cover, files without a good table, 2 trends, 2 tables, how to read them."""
    again = make_report("pedestals", pedestals, tmp_path, detector, label="DEMO")
    paths = [made.paths[0], again.paths[0]]
    assert paths[0].read_bytes().startswith(b"%PDF-")
    assert paths[0].read_bytes().rstrip().endswith(b"%%EOF")
    assert pages_of_pdf(paths[0]) == 7
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_summary_page_names_every_file_and_links_to_what_is_there(made):
    text = made.paths[1].read_text()
    page = check_self_contained(text)
    assert all(file.inputs[0] in text for file in made.files)
    links = [link for link in page.links if not link.startswith("#")]
    assert "mx2_pedestals_run1_prod_a.pdf" in links
    assert sum(link.endswith("_pedestal_table.html") for link in links) == 1
    for link in links:
        assert (made.paths[1].parent / unquote(link)).is_file(), link
    assert "run1_prod_a" in page.ids


def test_report_of_gains(gains, detector, tmp_path):
    report = make_report("gains", gains, tmp_path, detector)
    assert report.as_dict()["rows"][0][6] == "1 good table; 1 too few"
    assert pages_of_pdf(report.paths[0]) == 7
    assert NOT_ENOUGH_GAINS in report.paths[1].read_text()
    check_self_contained(report.paths[1].read_text())


def test_report_without_pdf(pedestals, detector, tmp_path):
    report = make_report("pedestals", pedestals, tmp_path, detector, pdf=False)
    assert [path.suffix for path in report.paths] == [".html", ".md", ".json"]
    assert report.as_dict()["rows"][0][5] == "-"
    assert "<svg" not in report.paths[0].read_text()
    assert ".pdf" not in report.paths[0].read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in report.paths
    )


def test_plan_writes_nothing_and_names_what_would_be_written(made, pedestals, tmp_path):
    plan = plan_report("pedestals", pedestals, tmp_path / "out", pdf=True)
    assert not (tmp_path / "out").exists()
    assert plan.as_dict()["rows"] == made.as_dict()["rows"]
    assert [path.name for path in plan.paths] == [path.name for path in made.paths]


def test_files_of_other_runs_are_named_as_left_out(pedestals, detector, tmp_path):
    name = "TS1_00001500_0001_pdstl_v09_2404120514_RawData.dat"
    report = make_report("pedestals", pedestals, tmp_path, detector, ranges=[(1, 9)], pdf=False)
    assert report.summaries == []
    assert len(report.outside) == 4 == len(report.as_dict()["outside"])
    folder = tmp_path / "v"
    folder.mkdir()
    verdict_at(folder, name, run=1500, subrun=1)
    rows = plan_report("pedestals", folder, tmp_path, pdf=True).as_dict()["rows"]
    assert rows[0][:2] == [1500, 1500]
    assert rows[0][5] == "mx2_pedestals_run_1500.pdf"


def test_reports_of_only_unreadable_files(detector, tmp_path):
    verdict_at(tmp_path, "strange.dat", "unreadable")
    report = make_report("pedestals", tmp_path, tmp_path / "out", detector)
    (row,) = report.as_dict()["rows"]
    assert row[:3] == [0, 0, 0]
    assert row[6] == "0 good tables; 1 unreadable"
    assert "why unreadable" in report.paths[1].read_text()
    assert pages_of_pdf(report.paths[0]) == 5
    with pytest.raises(InputFileError, match="no verdict on a gain table"):
        make_report("gains", tmp_path, tmp_path / "out", detector)


def test_ranges_are_the_run_periods_and_one_for_each_other_run(tmp_path):
    runs = (1698, 1795, 1796, 50_018, 12, 13)
    files = [verdict_at(tmp_path, f"{run}", run=run, subrun=1) for run in runs]
    unknown = verdict_at(tmp_path, "nameless")
    found = run_ranges([*files, unknown])
    assert [item.name for item in found] == [
        "run_12", "run_13", "run1_prod_a", "run1_prod_b", "run1_prod_c",
    ]  # fmt: skip
    summaries = summarise([*files, unknown], tmp_path, "pedestals", ())
    assert [len(summary.files) for summary in summaries] == [2, 1, 2, 1, 1]
    assert sum(sum(summary.counts.values()) for summary in summaries) == len(files) + 1
    assert run_ranges(files, [(1, 20)]) == [RunRange(1, 20, "runs_1_20")]


def test_gains_without_any_good_table_have_the_comment_of_the_talk(tmp_path):
    few = [
        verdict_at(tmp_path, f"a{n}", "too_few", kind="gain", run=1700, subrun=n) for n in range(7)
    ]
    (summary,) = summarise(few, tmp_path, "gains", ())
    assert summary.comment == NOT_ENOUGH_GAINS
    assert summary.row()[2] == 0


def test_sizes_and_markdown():
    assert [size_text(n) for n in (0, 999, 1234, 6_100_000, 387e6, 12.2e9, 4.5e12)] == [
        "0 B", "999 B", "1.2 kB", "6.1 MB", "387 MB", "12.2 GB", "4.5 TB",
    ]  # fmt: skip
    assert markdown([["a|b", 2]], ("x", "y")) == "| x | y |\n|---|---|\n| a/b | 2 |\n"


def test_of_many_good_tables_some_are_shown_and_of_others_all(tmp_path):
    files = [
        verdict_at(tmp_path, f"{n:04d}", "bad" if n % 100 == 7 else "good", run=1700, subrun=n)
        for n in range(300)
    ]
    shown = pdf._shown(files)
    assert sum(file.verdict == "bad" for file in shown) == 3
    assert sum(file.verdict == "good" for file in shown) == pdf.MOST_GOOD_PAGES
    assert shown[0] is files[0]
    assert shown[-1] is files[-1]
    places = np.array([files.index(file) for file in shown if file.verdict == "good"])
    assert np.diff(places).max() <= 9


def test_long_lists_in_a_pdf_go_on_on_the_next_page():
    lines = [str(n) for n in range(100)]
    with pdf.drawing():
        figures = list(pdf._text_pages("heading", lines))
    texts = [text.get_text() for figure in figures for text in figure.texts]
    assert len(figures) == 3
    assert sum(text.count("\n") + 1 for text in texts if text[0].isdigit()) == 100
