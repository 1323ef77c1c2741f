"""The detector that a seed stands for: numbers of every board, strip by strip and pixel by pixel.

A board, or a strip, draws from a stream of its own, so that its numbers do not depend on which
boards are simulated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, float64, njit, types, uint64

from mx2prod.simulation.columns import Layer
from mx2prod.simulation.random_kernels import NO_BOARD, STATE_WORDS, normal, start, uniform

DRAWS_OF_PIXEL = 8
"""Normal numbers of a pixel: three pedestals, three widths, gain, threshold."""
DRAWS_OF_BOARD = 4
"""Uniform numbers of a board: two LED levels, phase of the day wave, high voltage."""

_HARDWARE = int(Layer.HARDWARE)


@njit(
    types.void(uint64, float32[::1], float64[:, :, ::1], float64[:, ::1], float64[:, ::1]),
    nogil=True,
    cache=True,
)
def draw_boards(seed: int, table: Any, pixels: Any, profile: Any, boards: Any) -> None:
    """Draw the numbers of all boards.

    Parameters
    ----------
    seed : int
    table : ndarray of float32
        See :func:`~mx2prod.simulation.random_kernels.normal_table`.
    pixels : ndarray of float64, shape (n_febs, 64, 8)
        Filled with normal numbers.
    profile : ndarray of float64, shape (n_febs, 64)
        Filled with normal numbers: light of the pixel from the light injection.
    boards : ndarray of float64, shape (n_febs, 4)
        Filled with uniform numbers.
    """
    state = np.zeros(STATE_WORDS, np.uint32)
    for feb in range(pixels.shape[0]):
        start(state, seed, 0, 0, 0, _HARDWARE, feb)
        for number in range(DRAWS_OF_BOARD):
            boards[feb, number] = uniform(state)
        for pixel in range(pixels.shape[1]):
            for number in range(DRAWS_OF_PIXEL):
                pixels[feb, pixel, number] = normal(state, table)
            profile[feb, pixel] = normal(state, table)


@njit(
    types.void(uint64, types.intp, float32[::1], float64[::1], float64[::1]),
    nogil=True,
    cache=True,
)
def draw_values(seed: int, stream: int, table: Any, normals: Any, uniforms: Any) -> None:
    """Draw one normal and one uniform number of each of many things, for example of strips.

    Parameters
    ----------
    seed : int
    stream : int
        Name of the kind of thing, 1 to 65535.
    table : ndarray of float32
    normals, uniforms : ndarray of float64, shape (n,)
        Filled.
    """
    state = np.zeros(STATE_WORDS, np.uint32)
    for number in range(normals.size):
        start(state, seed, number, stream, 0, _HARDWARE, NO_BOARD)
        normals[number] = normal(state, table)
        uniforms[number] = uniform(state)
