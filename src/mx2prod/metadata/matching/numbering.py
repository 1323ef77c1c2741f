"""How a run database numbers global subruns, its traps included (metadata page, section 9.3).

Every start and end of a subrun opens an interval that carries what then runs.  Short intervals are
dropped, their time goes to the next one, and the rest is numbered.  The traps are kept as they are,
so that made-up databases mislead a reader as the real ones do:

- the end of a subrun clears its system, also when the next subrun of it has begun (false gap);
- the run of the last edge gives the prefix of all numbers of a run;
- what is left at the end, if it is short, is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mx2prod.metadata.matching.runs_database import EARLIEST, PER_RUN

SHORTEST_S = 5


@dataclass(frozen=True)
class MadeSubrun:
    """A subrun of one system, as its summary table has it.

    Attributes
    ----------
    system : str
        CRS, LRS or Mx2.
    run, subrun : int
    start, end : int
        Seconds since 1970; 0 or -1 where they were never set.
    filename : str
    first_gate, last_gate : int
        Global gates, of Mx2.
    """

    system: str
    run: int
    subrun: int
    start: int
    end: int
    filename: str = ""
    first_gate: int = 0
    last_gate: int = 0


@dataclass
class GlobalSubrun:
    """A row of the table of global subruns."""

    number: int
    global_run: int
    start: int
    end: int
    running: dict[str, MadeSubrun] = field(default_factory=dict)


def number_run(subruns: Iterable[MadeSubrun]) -> list[GlobalSubrun]:
    """Give the global subruns of one run, numbered from 1.

    Parameters
    ----------
    subruns : iterable of MadeSubrun
        Of all systems of one run of the shift; of two Mx2 runs where the shift had one.

    Returns
    -------
    list of GlobalSubrun
        Empty without a subrun whose times are set.
    """
    edges = sorted(
        ((time, is_start, subrun) for subrun in subruns if _is_set(subrun)
         for time, is_start in ((subrun.start, True), (subrun.end, False))),
        key=lambda edge: (edge[0], edge[1]),
    )  # fmt: skip
    running: dict[str, MadeSubrun] = {}
    opened: list[GlobalSubrun] = []
    for time, is_start, subrun in edges:
        if opened:
            opened[-1].end = time
        running = {name: other for name, other in running.items() if name != subrun.system}
        if is_start:
            running[subrun.system] = subrun
        opened.append(GlobalSubrun(0, subrun.run, time, time, running))
    kept = _without_short(opened)
    for index, row in enumerate(kept, 1):
        row.number = edges[-1][2].run * PER_RUN + index
    return kept


def _is_set(subrun: MadeSubrun) -> bool:
    return subrun.start >= EARLIEST and subrun.end >= EARLIEST


def _without_short(opened: list[GlobalSubrun]) -> list[GlobalSubrun]:
    kept: list[GlobalSubrun] = []
    start = None
    for row in opened:
        row.start = row.start if start is None else start
        start = row.start if row.end - row.start < SHORTEST_S else None
        if start is None:
            kept.append(row)
    return kept
