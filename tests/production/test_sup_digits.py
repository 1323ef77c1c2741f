"""The main job to suppressed digits: closure on simulation, Meta, records, constants, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from math import erfc, sqrt
from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest

from mx2prod import metadata
from mx2prod.conditions import position
from mx2prod.constants import Pedestal, content_sha256, read_parquet
from mx2prod.core.canonical import sha256_of
from mx2prod.core.errors import (
    ConditionsError,
    HashMismatch,
    InputFileError,
    NoConditionsError,
    PolicyError,
    StateError,
    TrustError,
    UsageError,
)
from mx2prod.core.workspace import Workspace
from mx2prod.detector import HardwareMap
from mx2prod.digits import SuppressionConfig, SupReason, raw_digits, sup_digits
from mx2prod.digits.suppression import DROPPED, KEPT
from mx2prod.journal import RoleStore
from mx2prod.output import SupDigits, read_raw_digits, read_sup_digits, verify_product
from mx2prod.production import open_constants, process
from mx2prod.production.steps import StageSettings
from mx2prod.simulation.truth import truth_folder
from tests.production.published import BAD, GTAG, LATE

FOLDER = Pedestal.folder
SINCE = position(1702, 1)
"""Begin of the interval of the pedestals, as it stands in a manifest."""


def make(published, out, *, raw=None, reference=GTAG, snapshot=None, workspace=None, **options):
    """Process files of the simulated run; all four by default."""
    where = workspace or published.workspace
    with open_constants(where, reference, snapshot) as constants:
        return process(
            raw or published.raw, out=out, to="sup-digits", constants=constants,
            settings=where.settings, **options,
        )  # fmt: skip


@pytest.fixture(scope="module")
def done(published, tmp_path_factory):
    """All four files, with their raw digits."""
    out = tmp_path_factory.mktemp("sup")
    report = make(published, out, keep=["raw-digits"])
    assert report.exit_code == 0, report.as_dict()
    return report


def outputs(report, tier):
    return [output for output in report.outputs if output.tier == tier]


def test_two_products_a_file_and_their_records(done):
    for raw, sup in zip(outputs(done, "raw-digits"), outputs(done, "sup-digits"), strict=True):
        assert raw.path.name.replace("RawDigits", "SupDigits") == sup.path.name
        verify_product(sup.path, SupDigits)
        record = json.loads(sup.record_path.read_text())
        assert record == sup.record
        assert not metadata.has_errors(metadata.check_record(record))
        assert record["parents"] == raw.record["parents"]
        assert record["metadata"]["core.data_tier"] == "decoded-raw"
        assert record["metadata"]["core.application.name"] == "sup-digits"
        assert raw.record["metadata"]["dune.conditions_tag"] == "none"
    assert len(outputs(done, "sup-digits")) == 4


def test_record_and_meta_name_the_constants(published, done):
    for output in outputs(done, "sup-digits"):
        fields = output.record["metadata"]
        assert (fields["dune.conditions_tag"], fields["dune.conditions_digest"]) == (
            GTAG, published.digest,
        )  # fmt: skip
        meta = read_sup_digits(output.path).meta
        assert meta["constants"] == {
            "tag": GTAG,
            "digest": published.digest,
            "folders": {
                FOLDER: {
                    "iovs": [{"since": {"run": 1702, "subrun": 1},
                              "until": {"run": 1796, "subrun": 0}}],
                    "payload_sha256": content_sha256(published.pedestals),
                    "choice": None,
                }
            },
        }  # fmt: skip
        assert meta["config"]["sha256"] == sha256_of(json.loads(meta["config"]["text"]))
        assert json.loads(meta["config"]["text"])["nsigma_hi"] == 3
        (before,) = meta["previous_stages"]
        assert before["stage"]["name"] == "raw-digits"
        assert meta["counters"]["n_raw"] == output.counters["n_raw"] > 0
        assert str(published.workspace.root) not in json.dumps(meta)


def test_record_is_what_the_metadata_room_makes_of_the_file(done):
    output = outputs(done, "sup-digits")[2]
    made = metadata.make_record(output.path)
    for record in (made.record, output.record):
        record["metadata"].pop("dune.workflow")
    assert made.record == output.record


def test_kept_digits_are_those_of_the_raw_digits(done):
    """Every column of every kept digit, found in the raw digits of the same gate."""
    raw_path, sup_path = (outputs(done, tier)[2].path for tier in ("raw-digits", "sup-digits"))
    raw, sup = read_raw_digits(raw_path), read_sup_digits(sup_path)
    assert sup.header.to_list() == raw.header.to_list()
    assert sup.boards.to_list() == raw.boards.to_list()
    for gate in range(len(sup.digits)):
        rows = {
            (chan, block): row
            for row, (chan, block) in enumerate(
                zip(raw.digits[gate]["chan"].to_list(), raw.digits[gate]["block"].to_list(),
                    strict=True))
        }  # fmt: skip
        kept = sup.digits[gate]
        found = [rows[key] for key in zip(kept["chan"].to_list(), kept["block"].to_list(),
                                          strict=True)]  # fmt: skip
        assert found == sorted(set(found))
        for name in raw.digits.fields:
            assert raw.digits[gate][name][found].to_list() == kept[name].to_list()


def test_accounting_closes_in_every_gate(done):
    for raw, sup in zip(outputs(done, "raw-digits"), outputs(done, "sup-digits"), strict=True):
        made, before = read_sup_digits(sup.path), read_raw_digits(raw.path)
        counts = {name: ak.to_numpy(made.counts[name]) for name in made.counts.fields}
        assert counts["n_raw"].tolist() == ak.num(before.digits).tolist()
        assert sum(counts[name] for name in KEPT).tolist() == ak.num(made.digits).tolist()
        assert sum(counts[n] for n in (*KEPT, *DROPPED)).tolist() == counts["n_raw"].tolist()
        assert {name: int(values.sum()) for name, values in counts.items()} == sup.counters


def test_calibration_gates_of_a_mixed_stream_are_kept_whole(done):
    sup = read_sup_digits(outputs(done, "sup-digits")[3].path)
    calibration = ak.to_numpy(sup.header["trigger_type"]) == 1
    assert calibration.tolist() == [False, True] * 10
    kept, read = ak.to_numpy(ak.num(sup.digits)), ak.to_numpy(sup.counts["n_raw"])
    assert (kept[calibration] == read[calibration]).all()
    assert (kept[~calibration] < 0.5 * read[~calibration]).all()


def dense_to_id():
    """Channel id of each dense channel of the truth: board of the hardware map * 64 + pixel."""
    hardware = HardwareMap.load()
    boards = hardware.boards
    base = (boards["crate"].astype(int) << 25 | boards["croc"].astype(int) << 20
            | boards["chain"].astype(int) << 17 | boards["board"].astype(int) << 12)  # fmt: skip
    return (base[:, None] | np.arange(64) << 5).ravel()


def truth_hits(path):
    table = pq.read_table(truth_folder(path) / "truth_hits.parquet")
    hits = {name: table[name].to_numpy() for name in ("gate", "channel", "block", "pe", "flags")}
    return hits | {"channel": dense_to_id()[hits["channel"]]}


def test_every_deposit_of_three_photoelectrons_is_kept(published, done):
    """Closure: no true hit that was read out is lost; 3 PE are about 200 ADC, the cut 10 to 30."""
    path = published.raw[2]
    hits = truth_hits(path)
    wanted = (hits["pe"] >= 3) & (hits["block"] >= 0) & (hits["flags"] == 0)
    sup = read_sup_digits(outputs(done, "sup-digits")[2].path)
    kept = set()
    for gate, digits in zip(sup.header["gate"].to_list(), sup.digits, strict=True):
        kept |= {(gate, c, b) for c, b in zip(digits["chan"].to_list(), digits["block"].to_list(),
                                              strict=True)}  # fmt: skip
    true = set(zip(hits["gate"][wanted].tolist(), hits["channel"][wanted].tolist(),
                   hits["block"][wanted].tolist(), strict=True))  # fmt: skip
    assert len(true) > 300
    assert true - kept == set()


def test_kept_share_of_noise_is_the_gaussian_tail(published):
    """Closure: pedestals of one file, noise of another; the expectation from the true widths.

    Channels with a true hit in the gate (dark counts) are left out on both sides.  The error is
    that of the gates' counts, because part of the noise is common to a board.
    """
    path = published.raw[1]
    config = SuppressionConfig(keep_all_calib=False)
    hits = truth_hits(path)
    true = read_parquet(truth_folder(path) / "truth_constants" / "pedestal.parquet")
    table = published.pedestals
    place = np.searchsorted(true.channel, table.channel)
    width = np.sqrt(true["hg_rms"][place] ** 2 - 1 / 12)  # tables hold it with the rounding
    cut = table["hg_mean"] + 3 * np.maximum(table["hg_rms"], 1)
    distance = np.floor(cut) + 0.5 - true["hg_mean"][place]  # charges from here on are rounded up
    tail = np.array([erfc(d / w / sqrt(2)) / 2 for d, w in zip(distance, width, strict=True)])
    with raw_digits.run({"raw": path}, raw_digits.Config()) as digits:
        chunks = list(sup_digits.run({"raw-digits": digits}, config, {FOLDER: table}))
    gates = np.concatenate([chunk.header["gate"] for chunk in chunks])
    of_digit = np.concatenate(
        [np.repeat(c.header["gate"].astype(int), c.digits_per_gate) for c in chunks]
    )
    chan = np.concatenate([c.digits["chan"] for c in chunks])
    block = np.concatenate([c.digits["block"] for c in chunks])
    hit = set(zip(hits["gate"].tolist(), hits["channel"].tolist(), strict=True))
    quiet = [(g, c) not in hit and b == 0 for g, c, b in
             zip(of_digit.tolist(), chan.tolist(), block.tolist(), strict=True)]  # fmt: skip
    kept = np.bincount(of_digit[quiet], minlength=gates.max() + 1)[1:]
    expected = tail.sum() * len(gates)
    lost = sum(tail[np.searchsorted(table.channel, c)] for _, c in hit)
    error = kept.std() * sqrt(len(gates))
    assert kept.sum() == pytest.approx(expected - lost, abs=3 * error)
    assert error < 0.1 * expected


def test_same_content_for_any_pieces(published, done, tmp_path, monkeypatch):
    monkeypatch.setattr("mx2prod.digits.raw_digits.raw_digit_chunks", _in_small_pieces())
    again = make(published, tmp_path, raw=published.raw[2:3])
    hashes = [read_sup_digits(output.path).meta["content_sha256"] for output in
              (again.outputs[0], outputs(done, "sup-digits")[2])]  # fmt: skip
    assert hashes[0] == hashes[1]


def _in_small_pieces():
    from mx2prod.digits import raw_digit_chunks

    return lambda chunk, **options: raw_digit_chunks(chunk, max_rows=3000, **options)


def test_snapshot_gives_what_the_database_gives(published, done, tmp_path):
    report = make(published, tmp_path, raw=published.raw[2:3], reference="",
                  snapshot=published.snapshot)  # fmt: skip
    ours, theirs = (read_sup_digits(output.path).meta for output in
                    (report.outputs[0], outputs(done, "sup-digits")[2]))  # fmt: skip
    for name in ("content_sha256", "constants", "config", "stage"):
        assert ours[name] == theirs[name], name
    pinned = f"{GTAG}@{published.digest[:16]}"
    assert make(published, tmp_path, raw=published.raw[2:3], reference=pinned,
                snapshot=published.snapshot).exit_code == 0  # fmt: skip


def test_report_says_what_was_read(done):
    document = json.loads(json.dumps(done.as_dict()))
    assert document["constants"]["tag"] == GTAG
    assert document["constants"]["signed_by"] == ["con", "rev"]
    assert document["constants"]["state"] == "PUBLISHED"
    steps = {"start", "check", "constants", "metadata", "decode", "digits", "suppress", "write",
             "verify"}  # fmt: skip
    assert set(document["seconds"]) == steps
    counters = document["outputs"][1]["counters"]
    assert counters["n_raw"] == sum(counters[name] for name in (*KEPT, *DROPPED))
    assert document["outputs"][0]["counters"] == {}
    assert "from simulated files" in document["files"][0]["notices"][0]


def test_settings_change_the_content_and_stand_in_meta(published, done, tmp_path):
    settings = StageSettings(suppression=SuppressionConfig(nsigma_hi=5))
    report = make(published, tmp_path, raw=published.raw[2:3], stage_settings=settings)
    assert json.loads(read_sup_digits(report.outputs[0].path).meta["config"]["text"])[
        "nsigma_hi"
    ] == 5  # fmt: skip
    before = outputs(done, "sup-digits")[2].counters
    assert report.outputs[0].counters["kept_above_cut"] < before["kept_above_cut"]


def test_bad_channel_table_of_the_global_tag_is_used(published, tmp_path):
    report = make(published, tmp_path, raw=published.raw[2:3], reference=BAD)
    (output,) = report.outputs
    made = read_sup_digits(output.path)
    assert output.counters["dropped_bad_channel"] > 64 * 60
    assert set(made.meta["constants"]["folders"]) == {FOLDER, "minerva2x2_badchannel_constants"}
    assert not ak.any(made.digits["sup_reason"] & int(SupReason.BAD_CHANNEL))
    assert (1 << 20 | 2 << 12) not in set(ak.flatten(made.digits["chan"] & ~0xFFF).to_list())


# --- refusals


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        ("nothing", UsageError, "no global tag 'nothing'"),
        (f"{GTAG}@{'0' * 16}", PolicyError, "asked for was 0000"),
        ("unsigned-v1", UsageError, "no global tag 'unsigned-v1'"),
    ],
)
def test_what_is_not_published_is_refused(published, tmp_path, reference, error, message):
    with pytest.raises(error, match=message):
        make(published, tmp_path / "out", reference=reference)
    assert not (tmp_path / "out").exists()


def test_missing_interval_names_those_around_it(published, tmp_path):
    report = make(published, tmp_path / "out", raw=published.raw[2:3], reference=LATE)
    assert report.exit_code == 2
    (file,) = report.files
    assert isinstance(file.error, NoConditionsError)
    assert f"{FOLDER}: 1702/3: no interval holds; before it: none, after it: [1710/0, 1796/0)" in (
        file.error.message
    )
    assert not (tmp_path / "out").exists()


def test_constants_are_needed_and_only_where_they_are_read(published, tmp_path):
    with pytest.raises(UsageError, match=r"reads constants .*none are named") as error:
        process(published.raw[:1], out=tmp_path, to="sup-digits")
    assert "--constants" in error.value.next_step
    with (
        open_constants(published.workspace, GTAG) as constants,
        pytest.raises(UsageError, match="raw-digits reads no constants"),
    ):
        process(published.raw[:1], out=tmp_path, constants=constants)
    with pytest.raises(UsageError, match=r"--keep raw-digit: .*did you mean 'raw-digits'"):
        make(published, tmp_path, keep=["raw-digit"])


def test_development_database_is_not_read(published, tmp_path):
    root = published.workspace.root
    settings = published.workspace.settings
    conditions = settings.conditions.model_copy(
        update={"production": settings.conditions.development}
    )
    wrong = Workspace(root, settings.model_copy(update={"conditions": conditions}))
    with pytest.raises(PolicyError, match="is the development database"):
        make(published, tmp_path, workspace=wrong)


def real_workspace(published, pin):
    """The same workspace, not simulated any more."""
    section = published.workspace.settings.workspace
    real = section.model_copy(update={"simulated": False, "trust_root": pin})
    return Workspace(
        published.workspace.root,
        published.workspace.settings.model_copy(update={"workspace": real}),
    )


def test_simulated_constants_are_refused_where_nothing_is_simulated(published, tmp_path):
    pin = RoleStore(published.workspace.root / "roles").load().digest
    workspace = real_workspace(published, pin)
    report = make(published, tmp_path, workspace=workspace, raw=published.raw[2:3])
    (file,) = report.files
    assert isinstance(file.error, PolicyError)
    assert "comes from simulated files" in file.error.message
    assert make(published, tmp_path, workspace=workspace, raw=published.raw[2:3],
                reference=BAD).exit_code == 0  # fmt: skip
    with pytest.raises(TrustError, match="trust_root"):
        make(published, tmp_path, workspace=real_workspace(published, ""))
    with pytest.raises(PolicyError, match="signatures"):
        make(published, tmp_path, workspace=real_workspace(published, "0" * 64))


def edited(snapshot, target, *statements):
    """Copy of a snapshot, changed by SQL."""
    import sqlite3

    target.write_bytes(snapshot.read_bytes())
    with sqlite3.connect(target) as file:
        for statement in statements:
            file.execute(statement)
    file.close()
    return target


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("DELETE FROM evidence WHERE number = (SELECT max(number) FROM evidence)", PolicyError),
        (f"UPDATE meta SET value = replace(value, '{SINCE}', '{SINCE - 1}')", PolicyError),
        ("UPDATE meta SET value = 'VALIDATED' WHERE key = 'state'", StateError),
    ],
)  # fmt: skip
def test_changed_snapshot_is_refused(published, tmp_path, statement, error):
    snapshot = edited(published.snapshot, tmp_path / "s.mx2snap", statement)
    with pytest.raises(error):
        make(published, tmp_path / "out", reference="", snapshot=snapshot)
    assert not (tmp_path / "out").exists()


def test_damaged_payload_is_refused(published, tmp_path):
    cut = "UPDATE payload SET data = substr(data, 1, length(data) - 9)"
    snapshot = edited(published.snapshot, tmp_path / "s.mx2snap", cut)
    report = make(published, tmp_path / "out", reference="", snapshot=snapshot,
                  raw=published.raw[2:3])  # fmt: skip
    assert isinstance(report.files[0].error, HashMismatch)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputFileError):
        make(published, tmp_path / "out", reference="", snapshot=published.raw[0])


def test_channels_without_a_pedestal_refuse_the_file(published, samples, tmp_path):
    """A file of the whole detector, and pedestals of one module set: nothing is left behind."""
    source = next(samples["p10_numib_full"].glob("*.dat"))
    with open_constants(published.workspace, GTAG) as constants:
        wide = replace(constants, view=_AnyRun(constants.view))
        refused = process([source], out=tmp_path / "a", to="sup-digits", constants=wide)
        assert isinstance(refused.files[0].error, ConditionsError)
        assert "channels of the file have no pedestal" in refused.files[0].error.message
        assert list((tmp_path / "a").iterdir()) == []
        settings = StageSettings(suppression=SuppressionConfig(allow_missing_pedestal=True))
        allowed = process([source], out=tmp_path / "b", to="sup-digits", constants=wide,
                          stage_settings=settings)  # fmt: skip
    assert allowed.outputs[0].counters["dropped_no_pedestal"] > 10_000


class _AnyRun:
    """A view that answers for every run as for run 1702."""

    def __init__(self, view):
        self._view = view

    def __getattr__(self, name):
        return getattr(self._view, name)

    def get(self, folder, run, subrun=0):
        return self._view.get(folder, 1702, 3)


def test_nothing_stays_when_the_second_product_fails(published, tmp_path, monkeypatch):
    """The raw digits, which are complete by then, are taken away again."""
    from mx2prod.output.root_writer import ProductWriter

    verify = ProductWriter.verify

    def fail(self, path: Path, final: Path):
        if self.product.tier == "raw-digits":
            raise InputFileError("the disk is full")
        verify(self, path, final)

    monkeypatch.setattr(ProductWriter, "verify", fail)
    report = make(published, tmp_path, raw=published.raw[3:], keep=["raw-digits"])
    assert "the disk is full" in report.files[0].error.message
    assert list(tmp_path.iterdir()) == []


def test_dry_run_reads_the_constants_and_writes_nothing(published, tmp_path):
    report = make(published, tmp_path / "out", raw=published.raw[2:], keep=["raw-digits"],
                  dry_run=True)  # fmt: skip
    assert [output.tier for output in report.outputs] == ["raw-digits", "sup-digits"] * 2
    assert all("<attempt>" in output.path.name for output in report.outputs)
    late = make(published, tmp_path / "out", raw=published.raw[2:3], reference=LATE, dry_run=True)
    assert late.exit_code == 2
    assert not (tmp_path / "out").exists()
