from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.core.ids import RunSubrun
from mx2prod.metadata.overflow import is_overflow, overflow_mask, true_number


def test_the_value_of_the_talk():
    assert is_overflow(706732721)
    assert true_number(706732721, [RunSubrun(50017, 17)]) == 5001700017
    assert true_number(706732721) == 5001700017
    assert not is_overflow(5001700017)


def test_million_random_pairs_each_wrapped_value_is_flagged_and_no_true_one():
    rng = np.random.default_rng(7)
    runs = rng.integers(1, 100_000, 10**6)
    subruns = rng.integers(0, 10_000, 10**6)
    true = runs * 100_000 + subruns
    unsigned = true % 2**32
    signed = (true + 2**31) % 2**32 - 2**31
    assert not overflow_mask(true).any()
    assert overflow_mask(unsigned)[unsigned != true].all()
    assert not overflow_mask(unsigned)[unsigned == true].any()
    assert overflow_mask(signed)[signed != true].all()
    assert (unsigned != true).sum() > 500_000


@given(st.integers(1, 99_999), st.integers(0, 9_999))
def test_every_wrap_is_undone(run, subrun):
    meant = RunSubrun(run, subrun)
    wrapped = meant.number % 2**32
    signed = wrapped - 2**32 if wrapped >= 2**31 else wrapped
    for value in {wrapped, signed, signed % 2**64}:
        assert is_overflow(value) == (value != meant.number)
        if value != meant.number:
            assert true_number(value, [meant]) == meant.number


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50))
def test_scalar_and_array_agree(values):
    mask = overflow_mask(np.array(values, dtype=np.int64))
    assert mask.tolist() == [is_overflow(value) for value in values]


def test_another_run_is_not_made_up():
    assert true_number(706732721, [RunSubrun(50018, 17)]) is None
    assert true_number(-(2**40)) is None


@pytest.mark.slow
def test_all_runs_and_subruns():
    subruns = np.arange(10_000)
    for run in range(1, 100_000):
        true = run * 100_000 + subruns
        wrapped = true % 2**32
        assert not overflow_mask(true).any()
        assert (overflow_mask(wrapped) == (wrapped != true)).all()
