"""Records of raw and digit files, against the samples and against made-up content."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from mx2prod.core.errors import NameFormatError, RawFileError
from mx2prod.core.ids import GateRange
from mx2prod.metadata import (
    Application,
    Conditions,
    Context,
    Job,
    OutputFacts,
    RecordsInMemory,
    check_record,
    derivation_problems,
    derived_record,
    has_errors,
    is_simulated,
    raw_record,
)
from mx2prod.metadata.content import content_status
from mx2prod.metadata.derive import NOTHING_READ, bytes_of
from mx2prod.raw import Fault, Kind, RawInfo, Severity, summarise

NAME = "TS1_00050017_0017_numib_v09_2407100856_RawData.dat"
DIGITS = "TS1_00050017_0017_numib_v09_2611241700-abc234_RawDigits.root"
GOOD = ("p01", "p02", "p03", "p04", "p05", "p08", "p09", "p10", "p11", "d08", "b01")


def made_info(**changes) -> RawInfo:
    info = RawInfo(
        path=Path(NAME),
        bytes=1000,
        adler32="0badcafe",
        run=50017,
        subrun=17,
        stream="numib",
        detector=64,
        gates=4,
        intact_gates=4,
        triggers={16: 4},
        gate_numbers=[1, 2, 3, 4],
        trigger_types=[16] * 4,
        global_ranges=[GateRange(26511430, 26511433)],
        first_global_gate=26511430,
        last_global_gate=26511433,
        first_trigger_time_us=1720601764_206510,
        last_trigger_time_us=1720601767_806511,
        chains=22,
        febs=185,
        frames={"adc": 1, "discriminator": 1, "fpga": 1},
        bytes_decoded=1000,
        bytes_lost=0,
        sentinel=True,
    )
    return dataclasses.replace(info, **changes)


def fault(kind, severity=Severity.ERROR):
    return Fault(kind, severity, "made up")


def summary(samples, prefix):
    folder = next(path for name, path in samples.items() if name.startswith(prefix))
    return summarise(next(folder.glob("*.dat")))


@pytest.mark.parametrize("prefix", GOOD)
def test_record_of_a_sample_agrees_with_its_truth(samples, prefix):
    info = summary(samples, prefix)
    record = raw_record(info)
    metadata = record["metadata"]
    run, subrun = int(record["name"][4:12]), int(record["name"][13:17])
    assert metadata["core.runs"] == [run]
    assert metadata["core.runs_subruns"] == [run * 100_000 + subrun]
    assert metadata["core.event_count"] == info.gates
    assert metadata["core.start_time"] == info.first_trigger_time_us / 1e6
    assert bytes_of(info.path) == {
        "size": record["size"],
        "adler32": record["checksums"]["adler32"],
    }
    assert not has_errors(check_record(record, Context(data_file=info.path)))


@pytest.mark.parametrize("prefix", [name for name in GOOD if name != "b01"])
def test_times_counts_and_ranges_agree_with_the_daq(samples, prefix):
    info = summary(samples, prefix)
    theirs, ours = info.sidecar["metadata"], raw_record(info)["metadata"]
    assert ours["core.lum_block_ranges"] == theirs["core.lum_block_ranges"]
    assert ours["core.event_count"] == theirs["core.event_count"]
    assert ours["core.first_event_number"] == theirs["core.first_event_number"]
    assert math.floor(ours["core.end_time"]) == theirs["core.end_time"]
    assert abs(ours["core.start_time"] - theirs["core.start_time"]) < 3


def test_the_overflow_is_not_inherited(samples):
    info = summary(samples, "p03")
    assert info.sidecar["metadata"]["core.runs_subruns"] == [706732721]
    assert raw_record(info)["metadata"]["core.runs_subruns"] == [5001700017]


def test_record_survives_json(samples):
    record = raw_record(summary(samples, "p03"))
    again = json.loads(json.dumps(record))
    assert again == record
    assert again["metadata"]["core.start_time"] == 1720601764.20651


def test_times_are_exact_to_the_microsecond():
    metadata = raw_record(made_info())["metadata"]
    assert round(metadata["core.start_time"] * 1e6) == 1720601764_206510
    assert round(metadata["core.end_time"] * 1e6) == 1720601767_806511


def test_keys_without_a_value_are_left_out_and_constants_of_the_daq_are_not_written(samples):
    metadata = raw_record(summary(samples, "p06"))["metadata"]
    assert "dune.campaign" not in metadata
    assert not [k for k in metadata if k.startswith(("misc.", "online.", "dune.daq"))]
    assert None not in metadata.values()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "good"),
        ({"faults": [fault(Kind.FEB_NO_ANSWER, Severity.WARNING)]}, "good"),
        ({"faults": [fault(Kind.CHECKSUM_MISMATCH)]}, "good"),
        ({"faults": [fault(Kind.JSON_MISSING, Severity.NOTE)]}, "good"),
        ({"faults": [fault(Kind.CRC_ERROR)]}, "recovered"),
        ({"sentinel": False}, "recovered"),
        ({"bytes_lost": 22}, "recovered"),
        ({"intact_gates": 0}, "bad"),
    ],
)
def test_content_status(changes, status):
    assert content_status(made_info(**changes)) == status


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"gates": 0}, Kind.NO_GATES, "no gate in the file"),
        ({"global_ranges": []}, Kind.NO_GATES, "no gate in the file"),
        ({"detector": 1}, Kind.HEADER_MISMATCH, "detector code 1, expected 64"),
        (
            {"subrun": 18},
            Kind.HEADER_MISMATCH,
            "headers say run/subrun 50017/18, the name 50017/17",
        ),
        ({"triggers": {1: 4}}, Kind.HEADER_MISMATCH, "stream numib"),
        ({"faults": [fault(Kind.SECOND_RUN)]}, Kind.SECOND_RUN, "two runs in one file"),
    ],
)
def test_refusals(changes, kind, message):
    with pytest.raises(RawFileError, match=message) as caught:
        raw_record(made_info(**changes))
    assert caught.value.kind == kind
    assert caught.value.next_step


def test_a_second_run_is_accepted_for_a_parent_only():
    info = made_info(faults=[fault(Kind.SECOND_RUN)])
    assert raw_record(info, strict=False)["metadata"]["core.file_content_status"] == "recovered"


@pytest.mark.parametrize(
    "name",
    [
        "data.dat",
        NAME.replace("_0017_", "_10000_"),
        NAME.replace("numib", "cosmc"),
        NAME.replace("TS1", "MV"),
        NAME.replace("RawData.dat", "RecoData.root"),
    ],
)
def test_names_of_other_files_are_refused(name):
    with pytest.raises(NameFormatError):
        raw_record(made_info(path=Path(name)))


def test_gates_out_of_order_do_not_turn_the_times_round():
    info = made_info(
        first_trigger_time_us=1720601767_000000, last_trigger_time_us=1720601764_000000
    )
    metadata = raw_record(info)["metadata"]
    assert metadata["core.start_time"] < metadata["core.end_time"]


def test_simulation_is_known_by_the_truth_beside_it(tmp_path):
    path = tmp_path / NAME
    assert not is_simulated(path)
    (tmp_path / NAME.replace(".dat", "_truth")).mkdir()
    assert is_simulated(path)
    record = raw_record(made_info(path=path))
    assert record["metadata"]["core.file_type"] == "mc"
    assert record["metadata"]["retention.class"] == "simulation"
    problems = check_record(record)
    assert not has_errors(problems)
    derived = digits(record)
    assert derived["metadata"]["core.file_type"] == "mc"
    assert derived["metadata"]["retention.class"] == "simulation"


# ------------------------------------------------------------------ trigger types


def trigger_findings(**changes):
    info = made_info(**changes)
    return [item.got for item in derivation_problems(info, raw_record(info))]


def test_gates_of_another_type_are_said():
    found = trigger_findings(triggers={16: 3, 1: 1}, trigger_types=[16, 16, 1, 16])
    assert found == ["gates by trigger type: {'1': 1}"]


def mixed(types, gates=(1, 2, 3, 4)):
    return trigger_findings(
        path=Path(NAME.replace("numib", "numip")),
        triggers={kind: types.count(kind) for kind in set(types)},
        trigger_types=list(types),
        gate_numbers=list(gates),
    )


def test_mixed_stream():
    assert mixed((16, 1, 16, 1)) == []
    assert mixed((1, 16, 1, 16)) == ["4 gates of the other parity"]
    assert mixed((16, 1, 16, 16)) == ["1 gates of the other parity", "3 beam gates"]


# ------------------------------------------------------------------ the DAQ's JSON


def sidecar(**metadata):
    return {
        "checksums": {"adler32": "0badcafe"},
        "name": NAME,
        "namespace": "neardet-2x2-minerva",
        "size": 1000,
        "metadata": {
            "core.data_stream": "numib",
            "core.data_tier": "binary-raw",
            "core.start_time": 1720601763,
            "core.end_time": 1720601767,
            "core.event_count": 4,
            "core.file_content_status": "good",
            "core.file_format": "binary",
            "core.first_event_number": 26511430,
            "core.last_event_number": 26511433,
            "core.lum_block_ranges": [[26511430, 26511433]],
            "core.group": "minerva",
            "core.run_type": "neardet-2x2-minerva",
            "core.runs": [50017],
            "core.runs_subruns": [5001700017],
            "retention.class": "commissioning",
            **metadata,
        },
    }


def differences(document):
    info = made_info(sidecar=document)
    record = raw_record(info)
    problems = derivation_problems(info, record)
    assert all(item.authority == "DAQ" for item in problems)
    return {(item.field, str(item.severity)) for item in problems}, record


def test_an_agreeing_json_says_nothing():
    found, record = differences(sidecar())
    assert found == set()
    assert record["metadata"]["retention.class"] == "commissioning"


def test_without_json_the_class_is_rawdata():
    assert raw_record(made_info())["metadata"]["retention.class"] == "rawdata"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"core.runs_subruns": [706732721]}, {("core.runs_subruns", "note")}),
        ({"core.runs_subruns": [5001700018]}, {("core.runs_subruns", "warning")}),
        ({"core.runs": [50017, 17]}, {("core.runs", "note")}),
        ({"core.runs": [[50017, 17]]}, {("core.runs", "note")}),
        ({"core.runs": [50018]}, {("core.runs", "warning")}),
        ({"core.run_type": "teststand"}, {("core.run_type", "note")}),
        ({"core.event_count": 5}, {("core.event_count", "warning")}),
        ({"core.start_time": 1720601640}, {("core.start_time", "warning")}),
        ({"core.start_time": 1720601660}, set()),
        ({"core.end_time": "1720601767"}, {("core.end_time", "warning")}),
        ({"core.lum_block_ranges": "x"}, {("core.lum_block_ranges", "warning")}),
    ],
)
def test_differences_of_the_json_are_said_and_corrected(metadata, expected):
    found, record = differences(sidecar(**metadata))
    assert found == expected
    assert not has_errors(check_record(record))


def test_a_json_that_was_made_too_early():
    document = sidecar()
    document |= {"size": 0, "checksums": {"adler32": "00000001"}}
    found, record = differences(document)
    assert found == {("size", "note"), ("checksums.adler32", "note")}
    assert record["size"] == 1000


def test_a_checksum_without_its_leading_zero():
    document = sidecar()
    document["checksums"] = {"adler32": "badcafe"}
    assert differences(document)[0] == {("checksums.adler32", "note")}


def test_bytes_that_changed_since_the_daq_read_them():
    document = sidecar()
    document |= {"size": 999, "checksums": {"adler32": "0badcaff"}}
    assert differences(document)[0] == {("size", "error"), ("checksums.adler32", "error")}


def test_an_empty_json_is_a_list_of_differences():
    found, record = differences({"metadata": []})
    assert ("name", "warning") in found
    assert record["metadata"]["retention.class"] == "rawdata"


def test_retention_class_of_no_list_is_not_taken():
    found, record = differences(sidecar(**{"retention.class": ["x"]}))
    assert found == set()
    assert record["metadata"]["retention.class"] == "rawdata"


# ------------------------------------------------------------------ digits


def digits(parent, **changes):
    facts = {
        "name": DIGITS,
        "size": 5000,
        "adler32": "12345678",
        "event_count": parent["metadata"]["core.event_count"],
        "first_gate": 1,
        "last_gate": parent["metadata"]["core.event_count"],
    }
    job = Job.local(1795539600.5, 1795539660.9, cpu_seconds=59.6, max_rss_bytes=10**8)
    return derived_record(
        parent, OutputFacts(**facts | changes), job, application=Application("raw-digits")
    )


def test_digits_inherit_what_the_page_says():
    parent = raw_record(made_info())
    record = digits(parent)
    metadata = record["metadata"]
    for key in ("core.start_time", "core.end_time", "core.lum_block_ranges", "dune.campaign"):
        assert metadata[key] == parent["metadata"][key]
    assert record["parents"] == [{"did": f"neardet-2x2-minerva:{NAME}"}]
    assert metadata["core.runs_subruns"] == [5001700017]
    assert metadata["core.data_tier"] == "decoded-raw"
    assert metadata["core.application.family"] == "mx2prod"
    assert metadata["core.application.version"]
    assert metadata["retention.class"] == "physics"
    assert metadata["dune.conditions_tag"] == "none"
    assert metadata["dune.conditions_digest"] == NOTHING_READ
    assert metadata["dune.workflow"]["jobscript_real_seconds"] == 60
    assert metadata["dune.workflow"]["jobscript_cpu_seconds"] == 60
    context = Context(records=RecordsInMemory([parent], complete=True), now=1795539700.0)
    assert not has_errors(check_record(record, context))


def test_run_numbers_are_never_inherited():
    parent = raw_record(made_info())
    parent["metadata"]["core.runs_subruns"] = [706732721]
    assert digits(parent)["metadata"]["core.runs_subruns"] == [5001700017]


def test_the_worse_status_wins():
    parent = raw_record(made_info(sentinel=False))
    assert digits(parent)["metadata"]["core.file_content_status"] == "recovered"
    parent = raw_record(made_info())
    worse = digits(parent, content_status="bad")
    assert worse["metadata"]["core.file_content_status"] == "bad"


def test_digits_of_a_part_of_the_gates():
    record = digits(
        raw_record(made_info()),
        event_count=2,
        last_gate=2,
        ranges=(GateRange(26511430, 26511431),),
        start_time=1720601764,
        end_time=1720601766,
    )
    metadata = record["metadata"]
    assert metadata["core.lum_block_ranges"] == [[26511430, 26511431]]
    assert metadata["core.start_time"] == 1720601764.0
    assert isinstance(metadata["core.start_time"], float)
    assert not has_errors(check_record(record, Context(now=1795539700.0)))


def test_campaign_and_constants_are_written_where_there_are_some():
    parent = raw_record(made_info())
    record = derived_record(
        parent,
        OutputFacts(DIGITS, 1, "00000002", 4, 1, 4),
        Job(1, 2, workflow_id=4000),
        application=Application("sup-digits", version="1.2.3"),
        config_file="mx2-run1c-full-v1.opts",
        request="mx2-run1c-full-v1",
        conditions=Conditions("mx2-run1-v3", "a" * 64),
    )
    metadata = record["metadata"]
    assert metadata["dune.requestid"] == "mx2-run1c-full-v1"
    assert metadata["dune.config_file"] == "mx2-run1c-full-v1.opts"
    assert metadata["dune.conditions_tag"] == "mx2-run1-v3"
    assert metadata["dune.workflow"] == {
        "jobscript_start": 1,
        "jobscript_finish": 2,
        "workflow_id": 4000,
        "jobscript_real_seconds": 1,
    }


def test_digits_of_another_subrun_are_refused():
    with pytest.raises(NameFormatError, match="expected those of its parent"):
        digits(raw_record(made_info()), name=DIGITS.replace("_0017_", "_0018_"))


def test_a_user_without_a_name(monkeypatch):
    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert "user" not in Job.local(1, 2).as_workflow()
