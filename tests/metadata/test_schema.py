from __future__ import annotations

import pytest

from mx2prod.core.errors import ConfigError
from mx2prod.core.ids import STREAMS, SUFFIX_BY_TIER
from mx2prod.metadata.checks.fields import TYPES
from mx2prod.metadata.schema import load_schema


def test_every_type_word_has_a_test():
    schema = load_schema()
    assert {field.type for field in schema.fields.values()} <= set(TYPES)
    assert set(schema.workflow.values()) <= set(TYPES)


def test_streams_and_suffixes_are_those_of_the_core():
    schema = load_schema()
    assert set(schema.streams) == set(STREAMS) == set(schema.fields["core.data_stream"].words)
    assert set(SUFFIX_BY_TIER.values()) | {"RawData.dat"} == set(schema.by_suffix)


def test_tiers_are_the_words_of_the_field():
    schema = load_schema()
    assert set(schema.by_data_tier) == set(schema.fields["core.data_tier"].words)


@pytest.mark.parametrize(
    ("run", "campaign"),
    [
        (1697, None),
        (1698, "run1"),
        (1795, "run1"),
        (1796, "run1"),
        (1805, "run1"),
        (1806, None),
        (50000, None),
        (50001, "run1"),
        (50018, "run1"),
        (50019, None),
    ],
)
def test_run_periods(run, campaign):
    assert load_schema().campaign_of(run) == campaign


def test_unknown_version():
    with pytest.raises(ConfigError, match=r"no version '7'.*known: 1"):
        load_schema("7")
