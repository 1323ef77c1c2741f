"""Whatever JSON comes, the checks answer with findings and never with a traceback."""

from __future__ import annotations

import copy
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from mx2prod.metadata import check_record, check_records, example, has_errors, load_schema
from tests.examples import share

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([10**400, -(10**400), 2**63, 2**64 - 1, 2**70, 1e308, -1e308])
    | st.sampled_from(["TS1_00050017_0017_numib_v09_2407100856_RawData.dat", "x:y", "NaN", "0"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(sorted(load_schema().fields)) | st.text()
MEMBERS = ["name", "namespace", "size", "checksums", "parents", "metadata", "creator", "fid"]
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        **{name: JSON for name in MEMBERS if name != "metadata"},
        "metadata": st.dictionaries(KEYS, JSON, max_size=8),
    },
)


def as_json(problems):
    return json.dumps([item.as_dict() for item in problems], allow_nan=False)


@given(JSON)
def test_any_value(value):
    problems = check_record(value)
    assert has_errors(problems)
    assert as_json(problems)
    assert all(str(item).isascii() and "\n" not in str(item) for item in problems)


@settings(max_examples=300)
@given(RECORDS)
def test_any_members(record):
    problems = check_record(record)
    assert has_errors(problems)
    assert as_json(problems)


@settings(max_examples=300)
@given(st.sampled_from(["corrected", "printed"]), st.data())
def test_any_value_in_place_of_a_good_one(name, data):
    record = copy.deepcopy(example(name))
    inner = data.draw(st.booleans())
    target = record["metadata"] if inner else record
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(JSON)
    assert as_json(check_record(record))


@share(5)
@given(st.lists(RECORDS, max_size=4))
def test_any_set_of_records(records):
    assert len(check_records(records)) == len(records)


def test_deep_nesting():
    value = []
    for _ in range(100_000):
        value = [value]
    record = example("corrected")
    record["metadata"]["core.runs"] = value
    problems = [item for item in check_record(record) if item.field == "core.runs"]
    assert problems
    assert as_json(problems)


def test_a_value_is_found_whole_or_as_text_of_bounded_length():
    record = example("corrected")
    record["metadata"]["core.runs"] = list(range(10_000))
    record["metadata"]["core.event_count"] = 10**5000
    record["metadata"]["core.start_time"] = float("inf")
    text = as_json(check_record(record))
    assert len(text) < 20_000
    assert "integer of" in text
    assert '"inf"' in text
