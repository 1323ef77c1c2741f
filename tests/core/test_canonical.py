from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.core.canonical import canonical_json, sha256_of

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_reads_back_as_the_same_value_in_ascii(value: object) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    assert text.isascii()


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical_json(turned) == canonical_json(value)
    assert sha256_of(turned) == sha256_of(value)


def test_exact_text_and_digest() -> None:
    value = {"b": [1, 2.5], "a": "µ"}
    assert canonical_json(value) == '{"a":"\\u00b5","b":[1,2.5]}'
    assert sha256_of(value) == hashlib.sha256(b'{"a":"\\u00b5","b":[1,2.5]}').hexdigest()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, -float("inf")]])
def test_no_nan_and_no_infinity(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)
