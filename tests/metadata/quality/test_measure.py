"""Measurements of the samples, against counts that are made in another way."""

from __future__ import annotations

import pytest

from mx2prod.metadata.quality import judge, load_thresholds, measure_raw
from mx2prod.raw.info import summarise

THRESHOLDS = load_thresholds()
WHOLE = ("p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09", "p10", "p11")


def sample(samples, prefix):
    folder = next(path for name, path in samples.items() if name.startswith(prefix))
    return next(folder.glob("*.dat"))


def values(path):
    return {name: item.value for name, item in measure_raw(path, THRESHOLDS).values.items()}


@pytest.mark.parametrize("prefix", WHOLE)
def test_whole_samples_pass_every_item(samples, prefix):
    found = values(sample(samples, prefix))
    assert found == {
        "gates_decoded": 1.0,
        "bytes_lost": 0.0,
        "sentinel": 1.0,
        "febs_missing": 0.0,
        "frame_errors": 0.0,
        "high_voltage": 1.0,
    }


@pytest.mark.parametrize(
    ("prefix", "item"),
    [
        ("b02", "frame_errors"),
        ("b02", "gates_decoded"),
        ("b03", "febs_missing"),
        ("b04", "bytes_lost"),
        ("d01", "bytes_lost"),
        ("d05", "gates_decoded"),
        ("d06", "gates_decoded"),
        ("d09", "gates_decoded"),
    ],
)
def test_damage_is_seen_by_its_item(samples, prefix, item):
    path = sample(samples, prefix)
    verdict = judge(
        "a:b", measure_raw(path, THRESHOLDS).values, THRESHOLDS, letter="R", beam=True,
        signed_by="x",
    )  # fmt: skip
    assert verdict.word == "bad"
    assert item in {result.item for result in verdict.items if result.passed is False}


def test_frame_errors_are_the_findings_of_the_reader(samples):
    path = sample(samples, "b02")
    info = summarise(path)
    bad = [fault for fault in info.faults if fault.kind in ("crc_error", "frame_status")]
    assert {fault.kind for fault in bad} == {"crc_error", "frame_status"}
    assert values(path)["frame_errors"] == len(bad) / sum(info.frames.values())


def test_missing_boards_are_named(samples):
    path = sample(samples, "b03")
    silent = {
        (fault.croc, fault.channel, fault.feb)
        for fault in summarise(path).faults
        if fault.kind in ("feb_missing", "feb_no_answer") and fault.feb is not None
    }
    measured = measure_raw(path, THRESHOLDS).values["febs_missing"]
    assert measured.value == len(silent)
    for croc, channel, feb in silent:
        assert f"{croc}/{channel}/{feb}" in measured.detail


@pytest.mark.parametrize(("prefix", "why"), [("d02", "sentinel"), ("d04", "DAQ's record says 6")])
def test_files_without_an_end_are_held_back(samples, prefix, why):
    measured = measure_raw(sample(samples, prefix), THRESHOLDS).values["sentinel"]
    assert measured.value == 0.0
    assert why in measured.detail


def test_high_voltage_off_target_by_the_registers(samples):
    path = sample(samples, "p03")
    narrow = THRESHOLDS.model_copy(update={"hv_counts": 0, "hv_period": 65535})
    assert measure_raw(path, narrow).values["high_voltage"].value == 0.0
