"""Pre-production of three run ranges by the command: tables, verdicts, report (closure test 13)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from mx2prod.metadata import check_record, has_errors, read_record
from tests.validation import making
from tests.validation.making import bad_truth, light_file, light_path, pedestal_file, pedestals_of
from tests.validation.test_pages import check_self_contained

BAD, FEW = [(1702, 2), (50_010, 1)], [(1800, 1)]


@pytest.fixture
def raw(tmp_path) -> list[Path]:
    """Twelve pedestal files of the three run periods: two bad, one of too few gates."""
    subruns = [*((1702, n) for n in range(1, 7)), (1800, 1), (1800, 2), (1801, 1),
               (50_010, 1), (50_010, 2), (50_011, 1)]  # fmt: skip
    files = []
    for run, subrun in subruns:
        truth = bad_truth() if (run, subrun) in BAD else making.TRUTH
        gates = 60 if (run, subrun) in FEW else 520
        stream = "pdstl" if run == 1702 else "numip"
        files.append(
            pedestal_file(tmp_path / "raw", run, subrun, truth=truth, gates=gates, stream=stream)
        )
    return files


def test_three_run_ranges_have_a_row_each_and_name_the_three_without_a_good_table(
    mx2, raw, tmp_path
):
    where = ["-o", tmp_path / "ped", "--settings", making.settings_file(tmp_path), "--no-plots"]
    made = mx2("calibrate", "pedestals", *raw, *where, "--json")
    assert made.code == 3
    assert len(made.document) == 12
    words = ["report", "pedestals", tmp_path / "ped", "-o", tmp_path / "plots", "--no-pdf"]
    call = mx2(*words, "--json")
    assert call.code == 0, call.err
    report = call.document
    rows = [dict(zip(report["columns"], row, strict=True)) for row in report["rows"]]
    assert [(row["Start Run"], row["End Run"]) for row in rows] == [
        (1698, 1795), (1796, 1805), (50_001, 50_018),
    ]  # fmt: skip
    assert [row["NFiles"] for row in rows] == [5, 2, 2]
    assert [row["files in"] for row in rows] == [6, 3, 3]
    assert [row["Comments"] for row in rows] == [
        "5 good tables; 1 bad", "2 good tables; 1 too few", "2 good tables; 1 bad",
    ]  # fmt: skip
    verdicts = ("good", "investigate", "bad", "too few", "unreadable")
    assert all(sum(row[word] for word in verdicts) == row["files in"] for row in rows)

    page = (tmp_path / "plots" / "mx2_pedestals_summary.html").read_text()
    check_self_contained(page)
    named = re.findall(r"<tr><td class=\"path\">([^<]+)</td>", page)
    wanted = [path for path in raw if any(f"{run:08d}_{n:04d}" in path.name
                                          for run, n in (*BAD, *FEW))]  # fmt: skip
    assert named == [path.name for path in wanted]
    assert "not enough events for a pedestal table" in page
    check_records(report, raw)
    text = mx2(*words)
    assert [path.name for path in wanted if path.name not in text.out] == [], text


def test_each_run_range_has_a_pdf_and_a_part_of_the_page(mx2, raw, tmp_path):
    where = ["-o", tmp_path / "ped", "--settings", making.settings_file(tmp_path), "--no-plots"]
    mx2("calibrate", "pedestals", raw[0], raw[7], raw[11], *where)
    call = mx2("report", "pedestals", tmp_path / "ped", "-o", tmp_path / "plots", "--json")
    assert call.code == 0, call.err
    page = check_self_contained((tmp_path / "plots" / "mx2_pedestals_summary.html").read_text())
    pdfs = [unquote(link) for link in page.links if link.endswith(".pdf")]
    assert pdfs == [f"mx2_pedestals_run1_prod_{letter}.pdf" for letter in "abc"]
    assert all((tmp_path / "plots" / name).is_file() for name in pdfs)
    assert [row[5] for row in call.document["rows"]] == pdfs
    assert {f"run1_prod_{letter}" for letter in "abc"} <= set(page.ids)


def check_records(report: dict, raw: list[Path]) -> None:
    """Each file of the report has a record without errors, with all raw files as parents."""
    assert not [problem for problem in report["problems"] if problem["severity"] == "error"]
    for name in report["paths"]:
        record = read_record(Path(f"{name}.json"))
        assert not has_errors(check_record(record)), name
        assert record["parents"] == [
            {"did": f"neardet-2x2-minerva:{path.name}"} for path in sorted(raw)
        ]
        assert record["metadata"]["verdict"] == "too_few"
        assert record["metadata"]["core.runs"] == [1702, 1800, 1801, 50_010, 50_011]


def test_a_range_with_too_few_pulses_says_so_in_the_words_of_the_talk(mx2, tmp_path):
    from mx2prod.constants import write_parquet

    pulses = light_file(tmp_path / "raw", 1702, 1, gates=300)
    light_file(tmp_path / "raw", 1702, 2, gates=300)
    pedestals = tmp_path / "pedestals.parquet"
    write_parquet(pedestals_of(pulses), pedestals)
    files = [light_path(tmp_path / "raw", 1702, subrun) for subrun in (1, 2)]
    where = ["-o", tmp_path / "gains", "--settings", making.settings_file(tmp_path), "--no-plots"]
    made = mx2("calibrate", "gains", *files, "--pedestals", pedestals, *where)
    assert made.code == 3
    assert made.out.count("Not enough events for a gains table") == 2
    call = mx2("report", "gains", tmp_path / "gains", "-o", tmp_path / "plots", "--json")
    assert call.document["rows"][0][6] == "Not enough events for a gains table"
    assert call.document["rows"][0][2] == 0


def test_report_dry_run_and_bad_calls(mx2, raw, tmp_path):
    where = ["-o", tmp_path / "ped", "--settings", making.settings_file(tmp_path), "--no-plots"]
    mx2("calibrate", "pedestals", *raw[:2], *where)
    words = ["report", "pedestals", tmp_path / "ped", "-o", tmp_path / "out"]
    plan = mx2(*words, "--dry-run", "--json")
    assert plan.code == 0
    assert len(plan.document["paths"]) == 4
    assert not (tmp_path / "out").exists()
    assert mx2(*words, "--runs", "5").code == 2
    assert mx2(*words, "--runs", "9-5").code == 2
    assert mx2("report", "gains", tmp_path / "ped", "-o", tmp_path / "out").code == 2
    assert mx2("report", "pedestals", tmp_path / "none", "-o", tmp_path / "out").code == 2
    other = mx2(*words, "--runs", "1-9", "--no-pdf")
    assert other.code == 0
    assert "outside the run ranges" in other.err
    named = mx2(*words, "--runs", "1702-1702", "--no-pdf", "--json").document
    assert named["rows"][0][:3] == [1702, 1702, 1]


def test_report_says_which_tables_have_no_record(mx2, raw, tmp_path):
    where = ["-o", tmp_path / "ped", "--settings", making.settings_file(tmp_path), "--no-plots"]
    mx2("calibrate", "pedestals", *raw[:2], *where)
    records = sorted((tmp_path / "ped").glob("*.verdict.json.json"))
    records[0].unlink()
    words = ["report", "pedestals", tmp_path / "ped", "-o", tmp_path / "out", "--no-pdf"]
    call = mx2(*words)
    assert f"{records[0].name.removesuffix('.json')}: no record of this table" in call.err
    record = read_record(tmp_path / "out" / "mx2_pedestals_summary.md.json")
    assert [parent["did"] for parent in record["parents"]] == [f"neardet-2x2-minerva:{raw[1].name}"]
    records[1].write_text(json.dumps({"name": "x"}))
    assert "names no raw file" in mx2(*words).err
    records[1].unlink()
    assert mx2(*words).code == 0
