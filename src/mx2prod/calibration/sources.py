"""What accumulators come from: raw files, and the gates that were read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.core.ids import RunSubrun
from mx2prod.raw.columns import GateFlag

Sources = npt.NDArray[np.void]

NEVER = int(np.iinfo(np.int64).max)
"""First time of a source without a selected gate; its last time is 0."""

SOURCE_DTYPE = np.dtype(
    [
        ("run", "<u4"),
        ("subrun", "<u4"),
        ("first_gate", "<u4"),  # of all gates that were read, of any type
        ("last_gate", "<u4"),
        ("first_us", "<i8"),  # of the selected gates, microseconds since 1970
        ("last_us", "<i8"),
    ]
)
"""Gates that an accumulator has read; neighbouring ranges of a subrun are one row."""

_NOT_OWN = (GateFlag.ASIDE | GateFlag.DUPLICATE).value


class SourceFile(NamedTuple):
    """A raw file that an accumulator comes from.

    Attributes
    ----------
    name : str
        Without folder.
    adler32 : str
        Of its bytes, eight hexadecimal digits.
    """

    name: str
    adler32: str


def own_gates(gates: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Tell which gates are of the run that is read, each once; shape (n_gates,)."""
    return np.asarray((gates["flags"] & _NOT_OWN) == 0)


def with_gates(
    source: Sources, gates: npt.NDArray[np.void], used: npt.NDArray[np.bool_]
) -> Sources:
    """Extend the source of one subrun by more gates of it.

    Parameters
    ----------
    source : ndarray of SOURCE_DTYPE, shape (0,) or (1,)
    gates : ndarray of GATE_DTYPE
    used : ndarray of bool, shape (n_gates,)
        Gates whose times count.

    Returns
    -------
    ndarray of SOURCE_DTYPE
        One row, none without a gate of the run itself.

    Raises
    ------
    UsageError
        If a gate belongs to another subrun than the gates before.
    """
    own = gates[own_gates(gates)]
    if not len(own):
        return source
    times = gates["time_us"][used].astype(np.int64)
    row = np.zeros(1, SOURCE_DTYPE)
    row["run"], row["subrun"] = own["run"][0], own["subrun"][0]
    row["first_gate"], row["last_gate"] = own["gate"].min(), own["gate"].max()
    row["first_us"], row["last_us"] = np.min(times, initial=NEVER), np.max(times, initial=0)
    before = source if len(source) else row
    _require_subrun(own, int(before["run"][0]), int(before["subrun"][0]))
    for name, choose in (
        ("first_gate", np.minimum), ("last_gate", np.maximum),
        ("first_us", np.minimum), ("last_us", np.maximum),
    ):  # fmt: skip
        row[name] = choose(before[name], row[name])
    return row


def _require_subrun(gates: npt.NDArray[np.void], run: int, subrun: int) -> None:
    other = gates[(gates["run"] != run) | (gates["subrun"] != subrun)]
    if len(other):
        raise UsageError(
            f"gate {other['gate'][0]} of run {other['run'][0]} subrun {other['subrun'][0]} "
            f"among gates of run {run} subrun {subrun}: one accumulator a subrun",
            next_step="accumulate each file by itself and merge",
        )


def join_sources(sources: Sources) -> Sources:
    """Sort ranges of gates and join neighbours.

    Raises
    ------
    UsageError
        If two ranges of a subrun overlap.
    """
    joined: list[list[int]] = []
    for row in sorted(list(row) for row in sources.tolist()):
        before = joined[-1] if joined and joined[-1][:2] == row[:2] else None
        if before is not None and row[2] <= before[3]:
            raise UsageError(
                f"run {row[0]} subrun {row[1]}: gates {row[2]}-{row[3]} and gates "
                f"{before[2]}-{before[3]} overlap, every gate may be used once",
                next_step="leave one of the accumulators of this subrun out",
            )
        if before is not None and row[2] == before[3] + 1:
            before[3:] = row[3], min(before[4], row[4]), max(before[5], row[5])
        else:
            joined.append(row)
    return np.array([tuple(row) for row in joined], SOURCE_DTYPE)


def subruns_of(sources: Sources) -> list[RunSubrun]:
    """Subruns that were read, in order, each once."""
    pairs = {(int(row["run"]), int(row["subrun"])) for row in sources}
    return [RunSubrun(*pair) for pair in sorted(pairs)]


def only_subrun(sources: Sources) -> RunSubrun | None:
    """Give the subrun that was read; None for none or several."""
    subruns = subruns_of(sources)
    return subruns[0] if len(subruns) == 1 else None


def time_range_us(sources: Sources) -> tuple[int, int] | None:
    """Time of the first and last selected gate, microseconds since 1970; None without one."""
    first = int(np.min(sources["first_us"], initial=NEVER))
    return None if first == NEVER else (first, int(np.max(sources["last_us"])))
