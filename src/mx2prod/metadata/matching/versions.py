"""What a new release of the run database changes (metadata page, section 9.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mx2prod.metadata.matching.intervals import overlaps
from mx2prod.metadata.matching.match import Matcher
from mx2prod.metadata.matching.runs_database import RunsDatabase

Subrun = tuple[int, int]


@dataclass(frozen=True)
class ChangedSubrun:
    """An Mx2 subrun whose global subruns are others.

    Attributes
    ----------
    run, subrun : int
    old, new : tuple of int
        Global subruns in each release.
    times_changed : bool
        The intervals of time are others too, not only their numbers.
    """

    run: int
    subrun: int
    old: tuple[int, ...]
    new: tuple[int, ...]
    times_changed: bool


@dataclass(frozen=True)
class Comparison:
    """Two releases.

    Attributes
    ----------
    old, new : tuple of str
        Name and sha256 of each.
    changed : tuple of ChangedSubrun
    gained, lost : tuple of (int, int)
        Mx2 runs and subruns that only the new, only the old release has.
    numbers : dict of int to int or None
        Each old number, and the new one with the largest overlap in time; None without any.
    """

    old: tuple[str, str]
    new: tuple[str, str]
    changed: tuple[ChangedSubrun, ...]
    gained: tuple[Subrun, ...]
    lost: tuple[Subrun, ...]
    numbers: dict[int, int | None]

    @property
    def same_numbers(self) -> bool:
        """Whether records of the old release stay right."""
        return not (self.changed or self.lost)

    def as_dict(self) -> dict[str, Any]:
        """Members as plain values; of the map only what differs."""
        return {
            "old": dict(zip(("name", "sha256"), self.old, strict=True)),
            "new": dict(zip(("name", "sha256"), self.new, strict=True)),
            "changed": [
                {**vars(item), "old": list(item.old), "new": list(item.new)}
                for item in self.changed
            ],
            "gained": [f"{run}/{subrun}" for run, subrun in self.gained],
            "lost": [f"{run}/{subrun}" for run, subrun in self.lost],
            "numbers": {str(old): new for old, new in self.numbers.items() if old != new},
        }


def compare(old: RunsDatabase, new: RunsDatabase) -> Comparison:
    """Compare the global subruns of all Mx2 subruns in two releases.

    Parameters
    ----------
    old, new : RunsDatabase
    """
    before, after = _subruns(old), _subruns(new)
    changed = tuple(
        ChangedSubrun(*subrun, old_numbers, after[subrun][0], before[subrun][1] != after[subrun][1])
        for subrun, (old_numbers, _) in sorted(before.items())
        if subrun in after and before[subrun] != after[subrun]
    )
    return Comparison(
        old=(old.name, old.sha256),
        new=(new.name, new.sha256),
        changed=changed,
        gained=tuple(sorted(set(after) - set(before))),
        lost=tuple(sorted(set(before) - set(after))),
        numbers=_number_map(old, new),
    )


def _subruns(database: RunsDatabase) -> dict[Subrun, tuple[tuple[int, ...], Any]]:
    """Numbers and times of the global subruns of each Mx2 subrun that has any."""
    matcher, rows = Matcher(database), database.rows
    times = {
        number: (start, end)
        for number, start, end in zip(
            rows["number"].tolist(), rows["start"].tolist(), rows["end"].tolist(), strict=True
        )
    }
    summary = database.summaries["Mx2"].rows
    known = zip(summary["run"].tolist(), summary["subrun"].tolist(), strict=True)
    numbered = {(run, subrun): tuple(matcher.global_subruns(run, subrun)) for run, subrun in known}
    return {
        subrun: (numbers, [times[number] for number in numbers])
        for subrun, numbers in numbered.items()
        if numbers
    }


def _number_map(old: RunsDatabase, new: RunsDatabase) -> dict[int, int | None]:
    one, other = overlaps(old.rows["start"], old.rows["end"], new.rows["start"], new.rows["end"])
    shared = np.minimum(old.rows["end"][one], new.rows["end"][other]) - np.maximum(
        old.rows["start"][one], new.rows["start"][other]
    )
    found: dict[int, int | None] = dict.fromkeys(sorted(old.rows["number"].tolist()))
    for index in np.argsort(shared, kind="stable"):
        found[int(old.rows["number"][one[index]])] = int(new.rows["number"][other[index]])
    return found
