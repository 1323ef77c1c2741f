"""The 32-bit overflow of ``core.runs_subruns``: how to see it, and what was meant.

The DAQ computes ``run * 100000 + subrun`` in 32 bits (raw-format page, section 8).  A wrapped value
gives itself away by its last five digits, because a subrun never exceeds 9999 and 2**32 modulo
100000 is 67296 (metadata page, check X03).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mx2prod.core.ids import MAX_SUBRUN, SUBRUNS_PER_RUN, RunSubrun

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MODULUS = 2**32
_MAX_WRAPS = 3
_FIRST_RESIDUES = tuple(-_MODULUS * wraps % SUBRUNS_PER_RUN for wraps in (1, 2))
"""Residue of subrun 0 after one and after two wraps: 32704 and 65408."""


def is_overflow(value: int) -> bool:
    """Say whether a value of ``core.runs_subruns`` has the form of a 32-bit overflow.

    A negative number (signed wrap), a negative number printed as unsigned 64 bits (20 digits), or
    last five digits that one or two wraps give.  A true value never has such a form.
    """
    if value < 0 or value >= 2**63:
        return True
    residue = value % SUBRUNS_PER_RUN
    return any(first <= residue <= first + MAX_SUBRUN for first in _FIRST_RESIDUES)


def overflow_mask(values: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Vectorised :func:`is_overflow`.

    Parameters
    ----------
    values : ndarray of int64, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    residue = values % SUBRUNS_PER_RUN
    mask = values < 0
    for first in _FIRST_RESIDUES:
        mask |= (residue >= first) & (residue <= first + MAX_SUBRUN)
    return mask


def true_number(value: int, expected: Iterable[RunSubrun] = ()) -> int | None:
    """Undo the wrap.

    Parameters
    ----------
    value : int
        A value for which :func:`is_overflow` is true.
    expected : iterable of RunSubrun
        Run and subrun as the file name or ``core.runs`` has them; without them the least number of
        wraps that gives a legal subrun.

    Returns
    -------
    int or None
        The true number; None if no number of wraps gives an expected or legal one.
    """
    start = value - 2**64 if value >= 2**63 else value
    candidates = [start + wraps * _MODULUS for wraps in range(1, _MAX_WRAPS + 1)]
    wanted = {run_subrun.number for run_subrun in expected}
    if wanted:
        return next((number for number in candidates if number in wanted), None)
    legal = (n for n in candidates if n > 0 and n % SUBRUNS_PER_RUN <= MAX_SUBRUN)
    return next(legal, None)
