"""Stable sort of rows by a key: equal keys keep the order that they come in."""

from __future__ import annotations

from typing import Any

from numba import njit


@njit(nogil=True)
def merge_runs(keys: Any, order: Any, spare: Any, low: Any, middle: Any, high: Any) -> None:
    """Merge two sorted runs of ``order`` into ``spare``."""
    i, j = low, middle
    for place in range(low, high):
        if i < middle and (j >= high or keys[order[i]] <= keys[order[j]]):
            spare[place] = order[i]
            i += 1
        else:
            spare[place] = order[j]
            j += 1


@njit(nogil=True)
def sort_places(keys: Any, order: Any, spare: Any, n: Any) -> None:
    """Sort the first ``n`` places of ``order`` by their keys.

    Parameters
    ----------
    keys : ndarray of float64
        By place; without NaN.
    order : ndarray of int64
        Sorted in place.
    spare : ndarray of int64
        Work space.
    """
    width = 1
    while width < n:
        for low in range(0, n, 2 * width):
            middle, high = min(low + width, n), min(low + 2 * width, n)
            if middle >= high or keys[order[middle - 1]] <= keys[order[middle]]:
                continue
            merge_runs(keys, order, spare, low, middle, high)
            order[low:high] = spare[low:high]
        width *= 2
