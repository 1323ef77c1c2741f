"""Pages of tables: from the files of the command to HTML that needs nothing else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mx2prod.calibration.pedestal_outputs import read_with_companion
from mx2prod.core.errors import InputFileError
from mx2prod.validation.common import facts_of, rounded, stamp_text
from mx2prod.validation.gain_page import GainEvidence, gain_page
from mx2prod.validation.page import TablePage
from mx2prod.validation.pedestal_page import PedestalEvidence, pedestal_page
from mx2prod.validation.verdict_file import VerdictFile, verdict_files


class Page(HTMLParser):
    """Ids, links and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in ("script", "img", "link", "iframe", "image"):
            self.loaded += [values[key] for key in ("src", "href", "xlink:href") if key in values]


def check_self_contained(text: str) -> Page:
    """The page loads nothing, its ids are unique, its links within lead somewhere."""
    page = Page(text)
    assert all(address.startswith("data:image/png;base64,") for address in page.loaded)
    assert "link" not in page.tags
    assert "iframe" not in page.tags
    assert not re.search(r"url\(\s*['\"]?(?!#)", text)
    assert "@import" not in text
    without_names = re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert not re.search(r"(?:src|href)=[\"']\s*(?:https?:)?//", without_names)
    assert len(set(page.ids)) == len(page.ids)
    used = re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
    assert set(used) <= set(page.ids)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    return page


def data_of(text: str) -> dict:
    return json.loads(re.search(r'id="page-data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture(scope="module")
def bad_page(pedestals, detector) -> str:
    file = verdict_files(pedestals, "pedestal")[1]
    return pedestal_page(PedestalEvidence.read(file, detector), label="DEMO <b>").html()


def test_pedestal_page_is_self_contained_and_links_to_spectra(bad_page):
    page = check_self_contained(bad_page)
    assert {"P1", "P8", "P11", "worst", "reasons", "data"} <= set(page.ids)
    spectra = [name for name in page.ids if re.fullmatch(r"spectrum-[\d-]+", name)]
    assert len(spectra) == 24 == len(set(spectra) & {link[1:] for link in page.links})
    assert "DEMO &lt;b&gt;" in bad_page
    assert 'class="verdict bad"' in bad_page
    assert '.verdict::before { content: "' in bad_page
    assert "channels of the inner detector" in bad_page


def test_pedestal_page_holds_the_numbers_of_the_table(bad_page, pedestals):
    data = data_of(bad_page)
    file = verdict_files(pedestals, "pedestal")[1]
    table, companion = read_with_companion(file.beside(".parquet"))
    assert data["channel_id"] == table.channel.tolist()
    np.testing.assert_allclose(data["high_mean"], table["hg_mean"], atol=6e-4)
    assert data["status"] == companion["status"].tolist()


def test_page_of_a_table_with_too_few_gates(pedestals, detector):
    file = verdict_files(pedestals, "pedestal")[2]
    text = pedestal_page(PedestalEvidence.read(file, detector)).html()
    check_self_contained(text)
    assert "not enough events for a pedestal table" in text
    assert data_of(text)["channel_id"] == []


def test_gain_pages(gains, detector):
    good, few = verdict_files(gains, "gain")
    text = gain_page(GainEvidence.read(good, detector)).html()
    assert len(data_of(text)["gain"]) == 192
    assert "LED level 1" in text
    assert {"spectrum-0-1-0-2-0", "spectrum-0-1-0-2-1"} <= set(check_self_contained(text).ids)
    assert ">dark<" in text.replace(" ", "")
    text = gain_page(GainEvidence.read(few, detector)).html()
    check_self_contained(text)
    assert "Not enough events for a gains table" in text
    assert data_of(text) == {}


def test_gains_are_compared_with_a_previous_table(gains, detector):
    from mx2prod.constants import read_parquet

    good = verdict_files(gains, "gain")[0]
    previous = read_parquet(good.beside(".parquet"))
    view = GainEvidence.read(good, detector, previous).view
    ratio = view.gain / view.previous_gain
    assert np.nanmax(np.abs(ratio - 1)) == 0
    assert np.isfinite(ratio).sum() == np.isfinite(view.gain).sum() > 180


def test_an_empty_page_still_renders():
    text = TablePage("t", "good", {}, [], {}, []).html()
    check_self_contained(text)
    assert "Nothing was found that speaks against this table" in text


def test_json_in_a_page_cannot_end_its_element():
    page = TablePage("t", "good", {}, [], {}, [], data={"a": "</script><script>"})
    assert data_of(page.html()) == {"a": "</script><script>"}
    assert "</script><script>" not in page.html()


def test_many_places_are_folded():
    reason = {"code": "x", "text": "t", "verdict": "bad", "count": 90,
              "places": [f"0-1-0-{n}" for n in range(90)]}  # fmt: skip
    assert "0-1-0-5 and 84 more" in TablePage("t", "bad", {}, [reason], {}, []).html()


def test_facts_of_a_table():
    content = {"gates": {"li": 7, "used": 7}, "table": None, "content_sha256": None,
               "constants": {"pedestal/1": "ab"}, "deviations": ["boards"]}  # fmt: skip
    facts = facts_of(content, None)
    assert facts["raw files"] == "none could be read"
    assert facts["gates"] == "7 light injection, 7 used"
    assert facts["first gate used"] == "none"
    assert facts["constants read (sha256)"] == "pedestal/1 ab"
    assert facts["settings that are not the defaults"] == "boards"
    assert facts_of(content, (0, 10**6))["last gate used"].startswith("1970-01-01T00:00:01")


def test_numbers_and_stamps():
    assert [rounded(2.345, 2), rounded(7.0, 0), rounded(np.nan, 1)] == [2.35, 7, "-"]
    assert isinstance(rounded(7.0, 0), int)
    assert "no reference" in stamp_text("")
    assert "reference: run 1" in stamp_text("run 1")
    assert "reference" not in stamp_text(None)


def test_verdict_files_that_are_none(tmp_path: Path):
    with pytest.raises(InputFileError, match="no verdict on a pedestal table"):
        verdict_files(tmp_path, "pedestal")
    path = tmp_path / "a.verdict.json"
    path.write_text("{")
    with pytest.raises(InputFileError, match="not a readable verdict"):
        VerdictFile.read(path)
    path.write_text("[]")
    with pytest.raises(InputFileError, match=r"no verdict: no channels, file"):
        VerdictFile.read(path)


def test_subjects_of_verdicts(tmp_path: Path):
    content = {"run": None, "subrun": None, "file": "x.dat", "reasons": [], "verdict": "good"}
    names = [f"/a/TS1_0000170{n}_0001_pdstl_v09_2404120514_RawData.dat" for n in (3, 2)]
    assert VerdictFile(tmp_path, content).subject == "x.dat"
    assert VerdictFile(tmp_path, content | {"file": []}).subject == tmp_path.name
    merged = VerdictFile(tmp_path, content | {"file": names})
    assert merged.subject == "runs 1702/1 to 1703/1"
    assert merged.why() == "no reason recorded"
