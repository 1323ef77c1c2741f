"""Digits: pixels of the front-end boards, gate by gate."""

from mx2prod.digits.flags import DIGIT_FLAG_MEANING, DigitFlag
from mx2prod.digits.raw_digit_columns import RawDigitChunk, raw_digit_chunks
from mx2prod.digits.times import HitTimes, hit_ticks, hit_times

__all__ = [
    "DIGIT_FLAG_MEANING",
    "DigitFlag",
    "HitTimes",
    "RawDigitChunk",
    "hit_ticks",
    "hit_times",
    "raw_digit_chunks",
]
