"""Rows of constants tables in the order of the detector: by dense channel, half board or strip."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mx2prod.constants import Table

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def rows_of(
    table: Table | None,
    keys: npt.NDArray[np.integer],
    usable: Callable[[Table], Bools] = lambda table: np.ones(len(table), np.bool_),
) -> npt.NDArray[np.intp]:
    """Row of each key in a table.

    Parameters
    ----------
    table : Table or None
        None: a table without rows.
    keys : ndarray of int, shape (n,)
    usable : callable, optional
        Which rows hold numbers that can be used; the others count as missing.

    Returns
    -------
    ndarray of intp, shape (n,)
        -1 for a key without a usable row.
    """
    if table is None:
        return np.full(len(keys), -1, np.intp)
    wanted = keys.astype(np.int64)
    place = np.minimum(np.searchsorted(table.channel, wanted), len(table) - 1)
    found = (table.channel[place] == wanted) & usable(table)[place]
    return np.where(found, place, -1)


def values_of(table: Table | None, name: str, rows: npt.NDArray[np.intp], default: float) -> Floats:
    """Values of a column in the order of ``rows``; ``default`` where the row is -1."""
    if table is None:
        return np.full(len(rows), default)
    return np.where(rows < 0, default, table[name].astype(np.float64)[rows])
