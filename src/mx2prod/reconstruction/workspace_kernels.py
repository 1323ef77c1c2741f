"""Room that the track kernels work in, made once for a chunk of gates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mx2prod.reconstruction.combination_kernels import COMBINATION_DTYPE, MAX_COMBINATIONS
from mx2prod.reconstruction.event_kernels import EVENT_DTYPE, Event
from mx2prod.reconstruction.fit_kernels import FIT_END_DTYPE, FIT_NODE_DTYPE, Fit
from mx2prod.reconstruction.growing_kernels import SCRATCH_DTYPE, Road
from mx2prod.reconstruction.matching_kernels import (
    MAX_PAIRS,
    N_MOMENTA,
    PAIR_DTYPE,
    SEGMENT_DTYPE,
    Pairs,
)
from mx2prod.reconstruction.seeds_kernels import CHAIN_DTYPE, MAX_CANDIDATES, SEED_DTYPE, Views
from mx2prod.reconstruction.store_kernels import (
    MAX_TRACKS,
    STORED_NODE_DTYPE,
    STORED_TRACK_DTYPE,
    Store,
)


@njit(nogil=True)
def new_event(n: Any, n_planes: Any) -> Any:
    """Room for the clusters of a gate."""
    return Event(np.empty(n, EVENT_DTYPE), np.empty(n_planes + 1, np.int64))


@njit(nogil=True)
def new_fit(n: Any) -> Any:
    """Room for one track of at most ``n`` nodes."""
    return Fit(np.empty(n, FIT_NODE_DTYPE), np.empty(1, FIT_END_DTYPE))


@njit(nogil=True)
def new_road(n: Any) -> Any:
    """Work space of the growing of one track."""
    return Road(np.empty(n, np.int64), np.empty((n, 4)), np.zeros(1, SCRATCH_DTYPE))


@njit(nogil=True)
def new_views(n: Any, max_seeds: Any) -> Any:
    """Room for the seeds and candidates of one side of a slice."""
    return Views(
        np.empty((2, 3, n), np.int64), np.empty((2, 3), np.int64),
        np.empty(max_seeds, SEED_DTYPE), np.empty((3, MAX_CANDIDATES), CHAIN_DTYPE),
        np.empty((3, MAX_CANDIDATES, n), np.int64), np.empty((3, MAX_CANDIDATES, n)),
        np.empty(3, np.int64), np.zeros(2, np.int64),
    )  # fmt: skip


@njit(nogil=True)
def new_store(n: Any) -> Any:
    """Room for the tracks of a gate."""
    return Store(
        np.zeros(1, np.int64), np.empty(MAX_TRACKS, STORED_TRACK_DTYPE),
        np.empty((MAX_TRACKS, n), STORED_NODE_DTYPE),
    )  # fmt: skip


@njit(nogil=True)
def new_pairs() -> Any:
    """Room for the matching of a gate."""
    return Pairs(np.empty(MAX_PAIRS, PAIR_DTYPE), np.empty((MAX_TRACKS, N_MOMENTA), SEGMENT_DTYPE))


@njit(nogil=True)
def new_combinations() -> Any:
    """Room for the ways to combine candidates."""
    return np.empty(MAX_COMBINATIONS, COMBINATION_DTYPE)
