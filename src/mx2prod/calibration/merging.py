"""Merging: parts of accumulators that are added, and what must be the same in all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.sources import NEVER, SourceFile, Sources, time_range_us
from mx2prod.core.canonical import sha256_of
from mx2prod.core.errors import ConfigError, UsageError

_SHOWN_OF_HASH = 12


class Mergeable(ABC):
    """An accumulator; those of a kind with equal :attr:`merge_key` merge.

    Attributes
    ----------
    sources : ndarray of SOURCE_DTYPE
        What has been read, see :mod:`~mx2prod.calibration.sources`.
    files : tuple of SourceFile
        Raw files, in order of their names.
    """

    sources: Sources
    files: tuple[SourceFile, ...]

    @property
    @abstractmethod
    def merge_key(self) -> dict[str, Any]:
        """All that must be equal."""

    @cached_property
    def config_hash(self) -> str:
        """Sha256 of :attr:`merge_key`."""
        return sha256_of(self.merge_key)

    def time_range_us(self) -> tuple[int, int] | None:
        """Time of the first and last selected gate, microseconds since 1970; None without one."""
        return time_range_us(self.sources)


def require_alike(what: str, parts: Sequence[Mergeable]) -> None:
    """Refuse to merge accumulators that differ in settings, hardware map, level or kind.

    Parameters
    ----------
    what : str
        What the error calls them.
    parts : sequence of Mergeable

    Raises
    ------
    UsageError
        If there is none.
    ConfigError
        If they differ, with what differs.
    """
    if not parts:
        raise UsageError(f"no {what} to merge", next_step="name at least one file")
    for part in parts[1:]:
        differences = differences_of(parts[0].merge_key, part.merge_key)
        if differences:
            raise ConfigError(
                f"{what} do not merge: {', '.join(differences)}",
                next_step="accumulate all files with the same configuration and hardware map",
            )


def differences_of(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Say what differs between two merge keys; their configurations are compared by member."""
    differences = []
    for name, value in ours.items():
        other = theirs.get(name)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            differences += differences_of(value, other)
        elif name == "hardware" and value != other:
            shown = [str(text)[:_SHOWN_OF_HASH] for text in (value, other)]
            differences.append(f"hardware map {' and '.join(shown)}")
        elif value != other:
            differences.append(f"{name} {value} and {other}")
    return differences


def add_counts(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add counts by name, names in order."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))


def empty_boards(n_febs: int, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """Counters of boards that have seen nothing, shape (n_febs,).

    Parameters
    ----------
    n_febs : int
    dtype : dtype
        Integer columns.
    """
    boards = np.zeros(n_febs, dtype)
    for name in dtype.names or ():
        if name.endswith("_min"):
            boards[name] = NEVER
        elif name.endswith("_max"):
            boards[name] = -1
    return boards


def add_boards(parts: Sequence[npt.NDArray[np.void]]) -> npt.NDArray[np.void]:
    """Join counters of boards: the least of ``*_min``, the greatest of ``*_max``, sums.

    Parameters
    ----------
    parts : sequence of ndarray, shape (n_febs,)
        At least one, of the same integer columns.
    """
    total = parts[0].copy()
    for part in parts[1:]:
        for name in total.dtype.names or ():
            total[name] = _join_of(name)(total[name], part[name])
    return total


def join_files(parts: Iterable[Iterable[SourceFile]]) -> tuple[SourceFile, ...]:
    """Raw files of all parts in order of their names, each once."""
    return tuple(sorted({file for part in parts for file in part}))


def _join_of(name: str) -> np.ufunc:
    if name.endswith("_min"):
        return np.minimum
    return np.maximum if name.endswith("_max") else np.add
