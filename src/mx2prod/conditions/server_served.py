"""A global tag as the server answers from it, and what was used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mx2prod.conditions.intervals import Gap, Iov
from mx2prod.conditions.manifest import FolderManifest
from mx2prod.conditions.view import View
from mx2prod.conditions.wire_times import TimedIntervals, runtime_of

Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """Values that were used last; safe between threads.

    Parameters
    ----------
    capacity : int
        Sum of the sizes of what is kept; the newest value always is.
    size : callable, optional
        Size of a value; 1 by default.
    """

    def __init__(self, capacity: int, size: Callable[[Kept], int] = lambda _: 1) -> None:
        self._capacity, self._size = capacity, size
        self._values: OrderedDict[Hashable, Kept] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """Value of a key; made if it is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        made = make()
        with self._lock:
            if key not in self._values:
                self._total += self._size(made)
            self._values[key] = made
            while self._total > self._capacity and len(self._values) > 1:
                _, dropped = self._values.popitem(last=False)
                self._total -= self._size(dropped)
        return made


@dataclass(frozen=True)
class Served:
    """A global tag as the server answers from it.

    Attributes
    ----------
    view : View
    """

    view: View
    _timed: dict[str, TimedIntervals] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """``GTAG@DIGEST``."""
        return str(self.view)

    def manifest(self, folder: str) -> FolderManifest | None:
        """Rows of a folder; None if the global tag has none of them."""
        return next((item for item in self.view.manifest if item.folder == folder), None)

    def timed(self, folder: FolderManifest) -> TimedIntervals:
        """Intervals of a folder in seconds.

        Raises
        ------
        StateError
            If the global tag has no run-to-time map.
        """
        if folder.folder not in self._timed:
            self._timed[folder.folder] = self.in_time(folder.rows())
        return self._timed[folder.folder]

    def in_time(self, rows: list[Iov | Gap]) -> TimedIntervals:
        """Rows in seconds, by the run-to-time map of the global tag."""
        return TimedIntervals.of(rows, runtime_of(self.view))
