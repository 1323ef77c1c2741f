"""The verdict: bad by any hard item, good only with all of them and a signature."""

from __future__ import annotations

import itertools

import pytest

from mx2prod.core.errors import ConfigError, UsageError
from mx2prod.metadata import check_record, example
from mx2prod.metadata.quality import (
    CONDITION,
    Measurement,
    good_definition,
    judge,
    load_thresholds,
    read_thresholds,
)
from mx2prod.metadata.schema import load_schema, read_table

GOOD = {
    "gates_decoded": 1.0,
    "bytes_lost": 0.0,
    "sentinel": 1.0,
    "febs_missing": 0.0,
    "frame_errors": 0.0,
    "high_voltage": 1.0,
    "constants": 1.0,
    "dead_hot_channels": 0.01,
    "beam_gates": 0.95,
    "reconstruction": 1.5,
    "charge_match": 2.0,
}
BAD = {
    "gates_decoded": 0.998,
    "bytes_lost": 0.0011,
    "febs_missing": 2.0,
    "frame_errors": 1e-4,
    "high_voltage": 0.98,
    "constants": 0.999,
    "reconstruction": 5.1,
}
FLAGGED = {"dead_hot_channels": 0.02, "beam_gates": 0.89, "charge_match": 0.0}
FLAGS = {"dead_hot_channels": "channels", "beam_gates": "beam_off", "charge_match": "no_match"}


def verdict(letter="F", beam=True, signed_by="convener", thresholds=None, **changes):
    values = {
        name: Measurement(value, "made up")
        for name, value in (GOOD | changes).items()
        if value is not ...
    }
    table = thresholds or load_thresholds()
    return judge("a:b", values, table, letter=letter, beam=beam, signed_by=signed_by)


def test_all_items_and_a_signature_make_it_good():
    found = verdict()
    assert (found.word, found.value, found.signed_by) == ("good", "good", "convener")
    assert found.reasons == ()
    assert {item.item for item in found.items} == set(GOOD)


def test_without_a_signature_it_stays_unknown():
    found = verdict(signed_by="")
    assert found.word == "unknown"
    assert "not signed" in found.reasons[0]


def test_a_policy_can_sign():
    policy = read_thresholds(read_table("quality", "1") | {"auto_sign": True}, "x")
    assert verdict(signed_by="", thresholds=policy).signed_by == "auto-sign"
    assert verdict(signed_by="", thresholds=policy, frame_errors=1.0).word == "bad"


@pytest.mark.parametrize(("item", "value"), BAD.items())
def test_every_hard_item_alone_makes_it_bad(item, value):
    found = verdict(**{item: value})
    assert found.word == "bad"
    assert len(found.reasons) == 1
    assert found.reasons[0].startswith(f"{item}: ")


@pytest.mark.parametrize("item", BAD)
@pytest.mark.parametrize("missing", [None, ...])
def test_a_hard_item_that_nothing_tells_is_never_silently_good(item, missing):
    found = verdict(**{item: missing})
    assert found.word == "unknown"
    assert found.reasons[0].startswith(f"{item}: ")


@pytest.mark.parametrize(("item", "value"), FLAGGED.items())
def test_soft_items_only_set_a_flag(item, value):
    found = verdict(**{item: value})
    assert found.value == ["good", FLAGS[item]]
    assert verdict(**{item: None}).value == "good"


@pytest.mark.parametrize("value", [0.0, None])
def test_a_recovered_file_is_held_back(value):
    found = verdict(sentinel=value)
    assert found.word == "unknown"
    assert found.flags == (() if value is None else ("recovered",))


def test_items_that_a_tier_or_stream_does_not_have_are_not_asked():
    assert verdict("R", constants=None, reconstruction=None).word == "good"
    assert verdict("M", reconstruction=None).word == "good"
    assert verdict(beam=False, beam_gates=0.0, charge_match=0.0).value == "good"


def test_bad_stays_bad_with_unknown_items_beside_it():
    assert verdict(frame_errors=0.5, constants=None, sentinel=None).word == "bad"


def test_inputs_have_one_hash_each():
    same = {verdict().inputs_sha256 for _ in range(3)}
    assert len(same) == 1
    others = {verdict(**{name: value}).inputs_sha256 for name, value in BAD.items()}
    assert len(others | same) == len(BAD) + 1


def test_every_value_it_can_give_passes_the_check_of_the_record():
    words = load_schema().dqc_words
    flags = [item.flag for item in load_thresholds().item if item.flag]
    lists = [sorted(some) for n in range(5) for some in itertools.combinations(flags, n)]
    for word in words:
        for some in lists:
            record = example("corrected")
            record["metadata"]["dune.dqc_quality"] = [word, *some] if some else word
            wrong = [i for i in check_record(record) if i.rule == "X22" and i.severity == "error"]
            assert wrong == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"at_most": 1.0}, "exactly one"),
        ({"at_least": None}, "exactly one"),
        ({"fails": "flag", "flag": "not_good"}, "word of a verdict"),
        ({"flag": "x"}, "not hard"),
        ({"fails": "flag"}, "not hard"),
        ({"fails": "maybe"}, "should be 'bad'"),
        ({"at_lest": 1.0}, "unknown key"),
    ],
)
def test_thresholds_are_checked(change, message):
    table = read_table("quality", "1")
    table["item"][0] |= change
    with pytest.raises(ConfigError, match=message):
        read_thresholds(table, "own.toml")


def test_unknown_version():
    with pytest.raises(ConfigError, match="known: 1"):
        load_thresholds("2")


@pytest.mark.parametrize(
    ("base", "definition"),
    [
        ("files from a:b", f"files from a:b where {CONDITION}"),
        ("files from a:b where x.y = 1", f"files from a:b where x.y = 1 and {CONDITION}"),
        (
            "files  from a:b\nwhere x.y = 1 or x.z = 2",
            f"files from a:b where (x.y = 1 or x.z = 2) and {CONDITION}",
        ),
        (
            "files from a:b where x.y = 'this or that'",
            f"files from a:b where x.y = 'this or that' and {CONDITION}",
        ),
        (
            'files from a:b where x.y = "where limit"',
            f'files from a:b where x.y = "where limit" and {CONDITION}',
        ),
    ],
)
def test_definition_of_good_files(base, definition):
    assert good_definition(base) == definition


@pytest.mark.parametrize(
    "base",
    ["", "datasets matching a:b", "files from a:b limit 5", "union(files from a:b, files from c:d)",
     "files from a:b - files from c:d", "files from a:b where x.y = 1 ordered"],
)  # fmt: skip
def test_queries_that_take_no_condition_are_refused(base):
    with pytest.raises(UsageError, match="and no more"):
        good_definition(base)
