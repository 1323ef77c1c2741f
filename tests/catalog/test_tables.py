"""Tables, locations, run lists, what a definition leaves out (catalogue page, section 4)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mx2prod.catalog import Catalog
from mx2prod.catalog.composition import composition, left_out
from mx2prod.catalog.locations import Location, locations, predicted_directory
from mx2prod.catalog.records import FileRecord
from mx2prod.catalog.run_list import run_list
from mx2prod.catalog.shipped import shipped, shipped_dataset
from mx2prod.catalog.tabling import (
    DatasetTable,
    as_csv,
    as_markdown,
    as_wiki,
    dataset_table,
    legend,
    location_text,
    run_bounds,
    size_text,
    sums_text,
)
from mx2prod.core.errors import CatalogError, NotInCatalogError, UsageError
from mx2prod.core.ids import RunSubrun
from tests.catalog.making import ALL, NS, SIX, dids, loaded, record

PREFIX = "/pnfs/dune/tape_backed/dunepro/neardet-2x2-minerva/binary-raw/2024/importedDetector"


@pytest.fixture
def run1(small: Catalog) -> Catalog:
    """The Run-1 catalogue with the six shipped datasets."""
    loaded(small, "seed_catalogue.jsonl")
    for item in shipped().values():
        if not item.is_template:
            small.define(f"twalton:{item.name}", item.definition, description=item.description)
    return small


@pytest.fixture
def table(run1: Catalog) -> DatasetTable:
    return dataset_table(run1, SIX)


def test_the_table_of_the_talk(table: DatasetTable) -> None:
    assert [(line.did, line.files, size_text(line.total_size)) for line in table.lines] == [
        (name, files, size)
        for name, files, size in zip(
            SIX,
            (435, 7, 17, 302, 96, 117),
            ("447.7 GB", "7.2 GB", "17.4 GB", "350.4 GB", "119.4 GB", "141.1 GB"),
            strict=True,
        )
    ]
    assert [line.bounds for line in table.lines] == [
        (1698, 1795), (1796, 1805), (50001, 50018), (1702, 1795), (1796, 1805), (50001, 50018),
    ]  # fmt: skip
    assert (table.files, size_text(table.total_size), table.counted_twice) == (950, "1058.6 GB", 24)
    assert "the rows add to 974, 1083.2 GB" in sums_text(table)


def test_locations_of_the_talk(table: DatasetTable) -> None:
    streams = [[one.directory.rpartition("/")[2] for one in line.locations] for line in table.lines]
    numi = ["numib", "numil", "numip"]
    assert streams == [["pdstl"], ["numip"], ["numip"], ["numib"], numi, numi]
    assert all(one.predicted for line in table.lines for one in line.locations)
    assert {one.directory.rpartition("/")[0] for line in table.lines for one in line.locations} == {
        PREFIX
    }
    assert location_text(table.lines[4].locations) == f"{PREFIX}/<numi data> (predicted)"
    assert legend(table) == "<numi data> := numib, numil and numip"


def test_forms_of_the_table(table: DatasetTable) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [row["NFiles"] for row in rows] == ["435", "7", "17", "302", "96", "117"]
    assert rows[4]["Bytes"] == "119400000000"
    assert rows[4]["Location"].split() == [f"{PREFIX}/{n}" for n in ("numib", "numil", "numip")]
    markdown = as_markdown(table).splitlines()
    assert len([line for line in markdown if line.startswith("| ")]) == 8
    assert "<numi" not in "\n".join(markdown), "a browser would take it for a tag"
    wiki = as_wiki(table)
    assert wiki.count("|-") == 6
    assert "<numi" not in wiki
    document = table.as_dict()
    assert document["union"] == {"nfiles": 950, "bytes": 1058600000000, "size": "1058.6 GB"}
    assert document["rows"][1]["end_run"] == 1802
    assert document["rows"][1]["definition_end_run"] == 1805
    assert table.lines[1].cells()[:2] == ["1796", "1802 (1805)"]


def test_a_table_of_nothing(small: Catalog) -> None:
    small.define("twalton:none", "files from dune:all where core.runs[0] >= 5")
    made = dataset_table(small, ["twalton:none", ALL])
    assert made.lines[0].cells() == [
        "- (5)", "-", "twalton:none", "files from dune:all where core.runs[0] >= 5", "0", "0.0 GB",
        "",
    ]  # fmt: skip
    assert (made.files, legend(made)) == (0, "")
    assert made.lines[1].cells()[3] == "(files added by hand)"
    with pytest.raises(NotInCatalogError):
        dataset_table(small, ["twalton:nonesuch"])


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0.0 GB"), (49_999_999, "0.0 GB"), (50_000_000, "0.1 GB"), (150_000_000, "0.2 GB"),
     (447_750_000_000, "447.8 GB"), (545_918_104, "0.5 GB")],
)  # fmt: skip
def test_sizes_are_decimal_and_half_up(size: int, shown: str) -> None:
    assert size_text(size) == shown


@pytest.mark.parametrize(
    ("condition", "bounds"),
    [
        ("core.runs[0] > 5 and core.runs[0] < 9", (6, 8)),
        ("core.runs[any] in 5:9", (5, 9)),
        ("core.runs = 7", (7, 7)),
        ("core.runs not in 5:9", (None, None)),
        ("(core.runs >= 5 or core.runs <= 9)", (None, None)),
        ("core.runs[0] >= 5 and core.runs[0] >= 7", (7, None)),
        ('core.runs >= "5"', (None, None)),
    ],
)
def test_runs_that_a_definition_asks_for(
    condition: str, bounds: tuple[int | None, int | None]
) -> None:
    assert run_bounds(f"files where {condition}") == bounds


class Replicas:
    """Replicas of one file, on a disk and on tape."""

    def replicas(self, dids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        paths = ["root://host:1094//disk/raw/numib/None/00/01/a", f"{PREFIX}/numib/run1/00/a"]
        return {did: paths for did in dids if did.endswith(":a")}


def _file(name: str, **metadata: Any) -> FileRecord:
    return FileRecord(fid=name, namespace=NS, name=name, size=1, metadata=metadata)


def test_known_replicas_go_before_predictions() -> None:
    stream = {"core.data_stream": "numib", "core.start_time": 1720601764.2}
    found = locations([_file("a", **stream), _file("b", **stream)], Replicas())
    assert found == [
        Location(f"{PREFIX}/numib", predicted=False),
        Location("/pnfs/dune/tape_backed/dunepro/unknown/unknown/2024/unknown/numib",
                 predicted=True),
        Location("root://host:1094//disk/raw/numib", predicted=False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("times", "year"),
    [
        ({"core.start_time": 1704067199.9, "core.end_time": 1704067200}, "2023"),
        ({"core.start_time": "x", "core.end_time": 1704067200}, "2024"),
        ({"core.start_time": True}, "unknown"),
    ],
)
def test_year_of_a_prediction_is_that_of_the_data(times: dict[str, Any], year: str) -> None:
    assert predicted_directory(_file("a", **times)).split("/")[-3] == year


def test_run_lists(small: Catalog) -> None:
    name = "TS1_00001702_0007_numib_v09_2407100856_RawData.dat"
    small.declare(
        [
            record(name, metadata={"dune.dqc_quality": "good", "core.runs_subruns": [-5]}),
            record("plain", metadata={"core.runs_subruns": [170200009, 170200007]}),
        ],
        ALL,
    )
    found = run_list(small, ALL)
    assert [(one.subrun, one.quality, len(one.dids)) for one in found] == [
        (RunSubrun(1702, 7), None, 2), (RunSubrun(1702, 9), None, 1),
    ]  # fmt: skip
    small.update_file(f"{NS}:plain", metadata={"dune.dqc_quality": "bad"})
    assert [one.quality for one in run_list(small, ALL)] == ["bad", "bad"]
    small.update_file(f"{NS}:plain", metadata={"dune.dqc_quality": "good"})
    assert [one.quality for one in run_list(small, ALL)] == ["good", "good"]
    small.declare([record("silent"), record("wrapped", metadata={"core.runs_subruns": [-7]})], ALL)
    with pytest.raises(CatalogError, match="2 files say no subrun"):
        run_list(small, ALL)
    small.define("twalton:none", "files where core.runs = 3")
    with pytest.raises(CatalogError, match="no file"):
        run_list(small, "twalton:none")


def test_what_a_definition_leaves_out_has_a_reason(small: Catalog) -> None:
    full = {"core.runs": [1702], "core.data_stream": "numib"}
    small.declare(
        [
            record("in", metadata={**full, "core.event_count": 7200}, creator="dunepro"),
            record("text", metadata={**full, "core.event_count": "7200"}, creator="dunepro"),
            record("one", metadata={**full, "core.event_count": 1}, creator="dunepro"),
            record("none", metadata=full, creator="dunepro"),
            record("user", metadata={**full, "core.event_count": 5}, creator="twalton"),
            record("two", metadata={"core.runs": [1], "core.event_count": 0}, creator="x"),
        ],
        ALL,
    )
    text = "files from dune:all where creator=dunepro and core.event_count > 1 and core.runs = 1702"
    assert [(one.condition, one.files) for one in left_out(small, text)] == [
        ("creator = dunepro", ((f"{NS}:user", "creator 'twalton'"),)),
        ("core.event_count > 1", (
            (f"{NS}:none", "no core.event_count"),
            (f"{NS}:one", "core.event_count 1"),
            (f"{NS}:text", "core.event_count '7200'"),
        )),
    ]  # fmt: skip
    assert left_out(small, "files from dune:all") == []
    assert left_out(small, "datasets matching dune:*") == []
    assert len(left_out(small, "files from dune:all where creator=dunepro")[0].files) == 2


def test_what_is_odd_about_files(small: Catalog) -> None:
    name = "TS1_00001702_0007_numib_v09_240710{}_RawData.dat"
    small.declare(
        [
            record(name.format("0856"), size=0),
            record(name.format("0857"), checksums={}),
            record("x", size=9, metadata={"core.runs": [1, 2]}),
        ],
        ALL,
    )
    found = composition(small, ALL)
    assert (found.files, found.smallest, found.median, found.largest) == (3, 0, 9, 1000)
    assert found.empty == (f"{NS}:{name.format('0856')}",)
    assert found.without_adler32 == (f"{NS}:{name.format('0857')}",)
    assert found.doubled == ("1702/7 numib",)
    assert found.several_runs == (f"{NS}:x",)
    small.define("twalton:none", "files where core.runs = 3")
    assert composition(small, "twalton:none").largest is None


def test_shipped_definitions() -> None:
    known = shipped()
    assert [f"twalton:{name}" for name in list(known)[:6]] == list(SIX)
    assert [item.proposal for item in known.values()] == [False] * 6 + [True] * 5
    template = shipped_dataset("mx2_linj_raw_run1_prod_a")
    with pytest.raises(UsageError, match="give the run range"):
        template.text()
    assert run_bounds(template.text((1698, 1795))) == (1698, 1795)
    with pytest.raises(UsageError, match="order"):
        template.text((9, 5))
    with pytest.raises(UsageError, match="its definition"):
        known["mx2_pdstl_raw_run1_prod_a"].text((1, 2))
    with pytest.raises(UsageError, match="did you mean"):
        shipped_dataset("mx2_linj_raw_run1_prod_d")


def test_shipped_definitions_are_those_of_the_talk(run1: Catalog) -> None:
    """The recorded texts, letter by letter, and what they select."""
    import json

    from tests.catalog.making import DATA

    expected = json.loads((DATA / "seed_expected.json").read_text())["datasets"]
    for entry in expected:
        found = run1.dataset(entry["dataset"])
        assert found is not None
        assert (found.definition, found.file_count) == (entry["mql"], entry["nfiles"])
        assert len(dids(run1, f"files from {entry['dataset']}")) == entry["nfiles"]
