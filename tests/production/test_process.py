"""The main job in Python: names, records, Meta, content against truth, refusals, salvage."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from importlib import import_module

import awkward as ak
import numpy as np
import pytest

from mx2prod import metadata
from mx2prod.core.canonical import sha256_of
from mx2prod.core.errors import ConfigError, UsageError
from mx2prod.core.files import adler32_of
from mx2prod.core.ids import FileName
from mx2prod.core.time import now
from mx2prod.core.workspace import Settings
from mx2prod.detector import CHANNEL_OF_PIXEL, TRIP_OF_PIXEL
from mx2prod.digits import DigitFlag
from mx2prod.output import RawDigits, read_raw_digits, verify_product
from mx2prod.production import process
from mx2prod.raw import FebFlag

SMALL = [
    "p01_pedestal_small", "p02_li_small", "p03_numib_small", "p04_numip_small",
    "p05_independent_push", "p06_fw95", "p07_fw91", "p08_many_hits",
]  # fmt: skip
FULL = ["p09_ped_full", "p10_numib_full", "p11_numil_full"]


def raw_file(samples, name):
    return next(samples[name].glob("*.dat"))


def truth_of(samples, name):
    folder = samples[name]
    if (folder / "truth.json").exists():
        return json.loads((folder / "truth.json").read_text())
    return json.loads(gzip.decompress((folder / "truth.json.gz").read_bytes()))


@pytest.fixture(scope="module")
def done(samples, tmp_path_factory):
    """All good samples, processed."""
    out = tmp_path_factory.mktemp("digits")
    report = process([raw_file(samples, name) for name in SMALL + FULL], out=out)
    return dict(zip(SMALL + FULL, report.files, strict=True)), report, out


@pytest.mark.parametrize("name", SMALL + FULL)
def test_good_sample_is_written_whole(done, name):
    file = done[0][name]
    (output,) = file.outputs
    assert file.error is None
    assert (file.gates_read, file.gates_written, file.gates_lost) == (output.gates,) * 2 + (0,)
    assert file.bytes_lost == 0
    parsed = FileName.parse(output.path.name)
    source = FileName.parse(file.path.name)
    assert (parsed.run_subrun, parsed.stream) == (source.run_subrun, source.stream)
    assert parsed.suffix == "RawDigits.root"
    assert re.fullmatch("[a-z2-7]{6}", parsed.attempt or "")
    assert output.bytes == output.path.stat().st_size
    assert output.adler32 == adler32_of(output.path)
    verify_product(output.path, RawDigits)


@pytest.mark.parametrize("name", SMALL + FULL)
def test_meta_says_where_the_file_comes_from(done, name):
    file = done[0][name]
    meta = read_raw_digits(file.outputs[0].path).meta
    source = {
        "did": f"neardet-2x2-minerva:{file.path.name}",
        "size": file.path.stat().st_size,
        "adler32": adler32_of(file.path),
    }
    assert meta["inputs"] == [source]
    assert meta["software"]["name"] == "mx2prod"
    assert meta["schema"] == "raw-digits/1"
    assert meta["raw.adc_pairing"] == "end"
    assert meta["config"]["sha256"] == sha256_of(json.loads(meta["config"]["text"]))
    assert meta["detector"]["plex"]["name"] == "plex_v1"
    assert len(meta["detector"]["plex"]["sha256"]) == 64
    assert meta["gates"]["count"] == file.gates_written
    assert meta["decode"]["bytes_total"] == file.path.stat().st_size
    assert meta["decode"]["bytes_lost"] == 0
    text = json.dumps(meta)
    assert str(file.path.parent) not in text


def test_records_lie_beside_and_are_checked(done):
    files, report, out = done
    for file in report.files:
        (output,) = file.outputs
        record = json.loads(output.record_path.read_text())
        parent = json.loads(file.record_path.read_text())
        assert record == output.record
        assert record["parents"] == [{"did": f"{parent['namespace']}:{parent['name']}"}]
        assert record["metadata"]["core.data_tier"] == "decoded-raw"
        assert record["metadata"]["core.event_count"] == output.gates
        assert record["metadata"]["dune.workflow"]["jobscript_max_rss_bytes"] > 50_000_000
        old = file.path.name[4:12] in ("00000100", "00000101")  # samples dated 2015 and 2013
        errors = {p["rule"] for p in file.record_problems if p["severity"] == "error"}
        assert errors == ({"X08"} if old else set())
        assert file.status == ("losses" if old else "done")
    assert files["p03_numib_small"].outputs[0].record["metadata"]["core.runs_subruns"] == [
        5001700017
    ]
    assert len(list(out.iterdir())) == 3 * len(report.files)


def test_record_is_what_the_metadata_room_makes_of_the_file(done):
    output = done[0]["p10_numib_full"].outputs[0]
    made = metadata.make_record(output.path)
    for record in (made.record, output.record):
        record["metadata"].pop("dune.workflow")
    assert made.record == output.record


@pytest.mark.parametrize("name", SMALL)
def test_digits_equal_truth(done, samples, name):
    """ADC words, delays, quarters and time stamps of every pixel, by hand from the truth file."""
    stored = read_raw_digits(done[0][name].outputs[0].path)
    truth = truth_of(samples, name)
    gates = [gate for gate in truth["gates"] if gate.get("in_file", True)]
    assert stored.header["gate"].tolist() == [gate["gate"] for gate in gates]
    assert stored.header["trigger_type"].tolist() == [gate["trigger_type"] for gate in gates]
    assert stored.header["sgate"].tolist() == [gate["minos_sgate"] for gate in gates]
    for number, gate in enumerate(gates):
        rows = {
            column: ak.to_numpy(stored.digits[number][column]) for column in stored.digits.fields
        }
        boards = stored.boards[number].to_list()
        begin = 0
        febs = [(chain, feb) for chain in gate["chains"] for feb in chain["febs"]]
        assert len(boards) == len(febs)
        for board, (chain, feb) in zip(boards, febs, strict=True):
            base = chain["crate"] << 25 | chain["croc"] << 20 | chain["chan"] << 17
            assert board["chan"] == base | feb["feb"] << 12
            assert [board[f"n_hits{t}"] for t in range(4)] == feb["nhits_trip"]
            check_registers(board, feb["fpga"])
            for hit, words in enumerate(feb["adc_raw_trip_chan"]):
                part = {column: values[begin : begin + 64] for column, values in rows.items()}
                check_frame(part, board["chan"], hit, np.array(words), feb)
                begin += 64
        assert begin == len(rows["chan"])


def check_registers(board, fpga):
    names = {
        "GateStart": "gate_start", "GateLength": "gate_length", "HVTarget": "hv_target",
        "HVActual": "hv_actual", "HVPeriodManual": "hv_period_manual",
        "HVPeriodAuto": "hv_period_auto", "Temperature": "temperature",
        "GateTimeStamp": "gate_timestamp", "boardID": "board_id",
        "FirmwareVersion": "firmware_register",
    }  # fmt: skip
    for name, column in names.items():
        if name in fpga:
            assert board[column] == fpga[name], name
    assert [board[f"discriminator_mask{t}"] for t in range(4)] == fpga["DiscrimEnableMask"]


def check_frame(part, channel, hit, words, feb):
    pixel = np.arange(64)
    n_hits = feb["nhits_trip"]
    deepest = max(n_hits)
    np.testing.assert_array_equal(part["chan"], channel | pixel << 5)
    assert set(part["block"]) == {hit}
    for gain, column in enumerate(("adc_hi", "adc_med", "adc_lo")):
        wanted = words[TRIP_OF_PIXEL[gain], CHANNEL_OF_PIXEL[gain]]
        np.testing.assert_array_equal(part[column], wanted, err_msg=column)
    for trip in range(4):
        pixels = slice(16 * trip, 16 * trip + 16)
        k = hit - (deepest - n_hits[trip])
        flags = part["flags"][pixels]
        if hit == deepest:
            assert set(flags) == {int(DigitFlag.UNTIMED)}
        elif k < 0:
            wanted = DigitFlag.NO_RECORD | DigitFlag.LOW_GAIN_TIMED_UNVERIFIED
            assert set(flags) == {int(wanted)}
            assert set(part["delay"][pixels]) == {16}
        else:
            record = feb["discr"][trip][k]
            assert part["delay"][pixels].tolist() == record["delay_ticks"]
            assert part["quarter"][pixels].tolist() == record["quarter_ticks"]
            assert set(part["timestamp"][pixels]) == {record["timestamp"]}
            fired = (flags & int(DigitFlag.FIRED)) != 0
            np.testing.assert_array_equal(fired, np.array(record["delay_ticks"]) < 16)


@pytest.mark.parametrize("name", FULL)
def test_full_detector_has_every_pixel(done, samples, name):
    stored = read_raw_digits(done[0][name].outputs[0].path)
    truth = truth_of(samples, name)
    blocks = [
        sum(max(feb["nhits_trip"]) + 1 for chain in gate["chains"] for feb in chain["febs"])
        for gate in truth["gates"]
    ]
    assert ak.num(stored.digits).tolist() == [64 * n for n in blocks]
    assert set(ak.num(stored.boards).tolist()) == {185}
    assert not ak.any(stored.boards["flags"] & int(~FebFlag.INDEPENDENT_PUSH))
    assert not done[0][name].notices


def test_each_attempt_has_a_new_name(samples, tmp_path):
    source = raw_file(samples, "p03_numib_small")
    names = set()
    for _ in range(3):
        report = process([source], out=tmp_path)
        assert report.exit_code == 0
        names.add(report.outputs[0].path.name)
    assert len(names) == 3
    assert len(list(tmp_path.iterdir())) == 7
    metas = [read_raw_digits(tmp_path / name).meta for name in names]
    assert len({meta["content_sha256"] for meta in metas}) == 1


def test_settings_reach_the_stage_and_the_name(samples, tmp_path):
    settings = Settings.model_validate(
        {
            "raw": {"adc_pairing": "front"},
            "names": {"suffix": {"raw-digits": "MyDigits.root"}},
            "detector": {"plex": "plex_synth"},
        }
    )
    source = raw_file(samples, "p03_numib_small")
    report = process([source], out=tmp_path / "front", settings=settings)
    (output,) = report.outputs
    meta = read_raw_digits(output.path).meta
    assert output.path.name.endswith("_MyDigits.root")
    assert meta["raw.adc_pairing"] == "front"
    assert meta["detector"]["plex"]["name"] == "plex_synth"
    default = process([source], out=tmp_path / "end").outputs[0]
    assert meta["content_sha256"] != read_raw_digits(default.path).meta["content_sha256"]


def test_wrong_settings_and_tiers(samples, tmp_path):
    source = raw_file(samples, "p03_numib_small")
    with pytest.raises(UsageError, match="did you mean 'raw-digits'"):
        process([source], out=tmp_path, to="raw-digit")
    with pytest.raises(UsageError, match="given twice"):
        process([source, source], out=tmp_path)
    with pytest.raises(UsageError, match="plex"):
        process(
            [source], out=tmp_path, settings=Settings.model_validate({"detector": {"plex": "v9"}})
        )
    no_suffix = Settings.model_validate({"names": {"suffix": {"dst": "DST.root"}}})
    report = process([source], out=tmp_path, settings=no_suffix)
    assert isinstance(report.files[0].error, ConfigError)
    assert list(tmp_path.iterdir()) == []


STRICT = {
    "b02_bad_crc": "crc_error", "b03_feb_missing": "feb_missing",
    "b04_block_over_64k": "block_wrapped", "d01_truncated_midframe": "truncated",
    "d03_no_daq_header": "no_daq_header", "d04_appended_same_run": "second_run",
    "d05_empty": "empty", "d06_unknown_device_function": "unknown_frame",
    "d07_gates_out_of_order": "gate_order", "d09_length_zero": "bytes_lost",
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), STRICT.items())
def test_damaged_file_is_refused(samples, tmp_path, name, kind):
    report = process([raw_file(samples, name)], out=tmp_path)
    (file,) = report.files
    assert report.exit_code == 2
    assert file.status == "refused"
    assert file.error.kind == kind
    assert kind in file.error.message
    assert "mx2" in file.error.next_step
    assert list(tmp_path.iterdir()) == []


# gates in the file with a header; gates lost
SALVAGED = {
    "b02_bad_crc": (3, 0), "b03_feb_missing": (3, 0), "b04_block_over_64k": (2, 0),
    "d01_truncated_midframe": (3, 1), "d03_no_daq_header": (5, 1), "d04_appended_same_run": (12, 0),
    "d06_unknown_device_function": (6, 0), "d07_gates_out_of_order": (6, 0),
    "d09_length_zero": (6, 0),
}  # fmt: skip


@pytest.mark.parametrize(("name", "gates"), SALVAGED.items())
def test_salvage_keeps_the_gates_and_lists_the_losses(samples, tmp_path, name, gates):
    report = process([raw_file(samples, name)], out=tmp_path, salvage=True)
    (file,) = report.files
    assert report.exit_code == 3
    assert (file.gates_written, file.gates_lost) == gates
    document = file.as_dict()
    assert document["faults"]
    stored = [read_raw_digits(output.path) for output in file.outputs]
    for product in stored:
        summary = product.meta["decode"]
        assert summary["faults"] == document["faults"]
        assert summary["bytes_total"] == file.path.stat().st_size
    numbers = [gate for product in stored for gate in product.header["gate"].tolist()]
    intact = truth_of(samples, name).get("intact_gates", [])
    assert set(intact) <= set(numbers)
    assert len(numbers) == gates[0]


def test_intact_gates_of_a_salvaged_file_are_those_of_the_whole_one(samples, tmp_path):
    whole = process([raw_file(samples, "p03_numib_small")], out=tmp_path / "whole").outputs[0]
    expected = read_raw_digits(whole.path)
    for name in ("d01_truncated_midframe", "d06_unknown_device_function", "d09_length_zero"):
        report = process([raw_file(samples, name)], out=tmp_path / name, salvage=True)
        salvaged = read_raw_digits(report.outputs[0].path)
        numbers = salvaged.header["gate"].tolist()
        intact = truth_of(samples, name)["intact_gates"]
        assert intact
        for gate in intact:
            mine, theirs = salvaged.digits[numbers.index(gate)], expected.digits[gate - 1]
            assert ak.all([ak.all(mine[c] == theirs[c]) for c in theirs.fields])


def test_bad_boards_of_a_salvaged_file_are_flagged(samples, tmp_path):
    report = process([raw_file(samples, "b02_bad_crc")], out=tmp_path, salvage=True)
    stored = read_raw_digits(report.outputs[0].path)
    excluded = (stored.digits["flags"] & int(DigitFlag.EXCLUDED)) != 0
    crc = (stored.digits["flags"] & int(DigitFlag.CRC_ERROR)) != 0
    assert ak.any(excluded, axis=1).tolist() == [False, True, True]
    assert ak.any(crc, axis=1).tolist() == [False, True, False]
    assert ak.all(excluded[crc])
    assert report.outputs[0].record["metadata"]["core.file_content_status"] == "recovered"


def test_second_run_gets_its_own_file_and_is_not_used_twice(samples, tmp_path):
    report = process([raw_file(samples, "d04_appended_same_run")], out=tmp_path, salvage=True)
    first, second = report.outputs
    assert (first.run_index, second.run_index) == (0, 1)
    assert first.path.name != second.path.name
    flags = [read_raw_digits(o.path).digits["flags"] for o in (first, second)]
    unused = [(f & int(DigitFlag.GATE_NOT_USED)) != 0 for f in flags]
    assert not ak.any(unused[0])
    assert ak.all(unused[1])
    assert report.files[0].record_path is None
    assert "more than one run" in report.files[0].notices[0]
    assert len(list(tmp_path.iterdir())) == 4


def test_no_gate_to_salvage(samples, tmp_path):
    report = process([raw_file(samples, "d05_empty")], out=tmp_path, salvage=True)
    assert report.exit_code == 2
    assert "no gate to be had" in report.files[0].error.message
    assert list(tmp_path.iterdir()) == []


def test_salvage_of_a_clean_file_gives_the_same_digits(samples, tmp_path):
    source = raw_file(samples, "p10_numib_full")
    strict = process([source], out=tmp_path / "strict")
    salvage = process([source], out=tmp_path / "salvage", salvage=True)
    assert strict.exit_code == salvage.exit_code == 0
    hashes = {read_raw_digits(r.outputs[0].path).meta["content_sha256"] for r in (strict, salvage)}
    assert len(hashes) == 1


def test_one_bad_file_among_several(samples, tmp_path):
    names = ["p03_numib_small", "d05_empty", "p02_li_small"]
    paths = [raw_file(samples, name) for name in names] + [tmp_path / "missing.dat"]
    report = process(paths, out=tmp_path / "out")
    assert [file.status for file in report.files] == ["done", "refused", "done", "refused"]
    assert report.exit_code == 2
    assert len(report.outputs) == 2
    assert "No such file" in report.files[3].error.message
    assert "seconds" in report.as_dict()


def test_name_that_is_not_of_a_raw_file(samples, tmp_path):
    source = raw_file(samples, "p03_numib_small")
    for name, message in (
        ("run17.dat", "not an Mx2 file name"),
        (source.name.replace("RawData.dat", "DST.root"), "expected RawData.dat"),
        (source.name.replace("numib", "numix"), "did you mean"),
        (source.name.replace("00050017", "00050018"), "header_mismatch"),
        (source.name.replace("numib", "pdstl"), ""),
    ):
        path = tmp_path / name
        shutil.copy(source, path)
        report = process([path], out=tmp_path / "out")
        assert report.exit_code == 2, name
        assert message in report.files[0].error.message
    assert not (tmp_path / "out").exists()


def test_dry_run_writes_nothing(samples, tmp_path):
    paths = [raw_file(samples, name) for name in ("p03_numib_small", "d05_empty")]
    report = process(paths, out=tmp_path / "out", dry_run=True)
    assert not (tmp_path / "out").exists()
    assert report.exit_code == 2
    (output,) = report.outputs
    assert re.search(r"_numib_v09_\d{10}-<attempt>_RawDigits\.root$", output.path.name)
    assert (output.gates, report.files[0].gates_lost) == (6, 0)
    assert "verify" not in report.seconds


def test_folder_of_the_raw_file_is_refused(samples, tmp_path):
    """There <name>.json is the DAQ's own."""
    source = raw_file(samples, "p03_numib_small")
    for path in source.parent.glob("TS1*"):
        shutil.copy(path, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    report = process([tmp_path / source.name], out=tmp_path)
    assert report.exit_code == 2
    assert "DAQ's own JSON" in report.files[0].error.message
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_other_record_of_the_same_raw_file_is_not_overwritten(samples, tmp_path):
    source = raw_file(samples, "p03_numib_small")
    (tmp_path / f"{source.name}.json").write_text("{}")
    report = process([source], out=tmp_path)
    assert report.exit_code == 1
    assert report.files[0].status == "failed"
    assert "never overwritten" in report.files[0].error.message
    assert [path.name for path in tmp_path.iterdir()] == [f"{source.name}.json"]


def test_product_without_its_record_is_removed(samples, tmp_path, monkeypatch):
    """The record's place is taken after the names were drawn: nothing half-done stays."""
    minute = now()
    monkeypatch.setattr(import_module("mx2prod.production.process"), "now", lambda: minute)
    monkeypatch.setattr("mx2prod.production.run.attempt_token", lambda: "aaaaaa")
    source = raw_file(samples, "p03_numib_small")
    first = process([source], out=tmp_path / "a").outputs[0]
    taken = tmp_path / "b" / f"{first.path.name}.json"
    taken.mkdir(parents=True)
    report = process([source], out=tmp_path / "b")
    assert report.exit_code == 1
    assert not list((tmp_path / "b").glob("*.root"))
    assert taken.is_dir()


def test_file_that_changes_while_it_is_read(samples, tmp_path):
    """A gate is appended between checking and decoding: refused, nothing written."""
    source = raw_file(samples, "p01_pedestal_small")
    path = tmp_path / source.name
    shutil.copy(source, path)
    data = source.read_bytes()

    from mx2prod.production import job as job_module

    original = job_module.raw_record_of

    def grow(info):
        path.write_bytes(data[:-56] + data[492:])
        return original(info)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_module, "raw_record_of", grow)
        report = process([path], out=tmp_path / "out", salvage=True)
    assert report.exit_code == 2
    assert "changed meanwhile" in report.files[0].error.message
    assert list((tmp_path / "out").iterdir()) == []


def test_report_as_document(done):
    _, report, _ = done
    document = json.loads(json.dumps(report.as_dict()))
    assert list(document) == [
        "to", "salvage", "dry_run", "constants", "exit_code", "outputs", "files", "seconds",
        "gates_per_second", "peak_memory_bytes", "cold_start_share",
    ]  # fmt: skip
    steps = {"start", "check", "metadata", "decode", "digits", "write", "verify"}
    assert set(document["seconds"]) == steps
    assert document["gates_per_second"] > 0
    assert document["peak_memory_bytes"] > 10_000_000
    assert 0 <= document["cold_start_share"] <= 1
    assert document["outputs"][0]["metadata"]["metadata"]["core.data_tier"] == "decoded-raw"
    assert {"path", "tier", "gates", "bytes", "record", "metadata", "problems"} <= set(
        document["outputs"][0]
    )


def test_progress_is_told(samples, tmp_path):
    calls = []
    source = raw_file(samples, "p10_numib_full")
    process([source], out=tmp_path, progress=lambda *call: calls.append(call))
    assert calls[-1] == (source, 14, 14)
