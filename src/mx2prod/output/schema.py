"""The schema of a product: every tree and column with type, unit, meaning and limits.

A product is one class; the ROOT branches, the checks, the reference page and the metadata tier
come from it.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mx2prod.core.canonical import sha256_of

COUNTER = "n"
"""Branch with the number of rows of each gate, in a tree that has several rows a gate."""

_ROOT_CODES = {"i1": "B", "u1": "b", "i2": "S", "u2": "s", "i4": "I", "u4": "i", "i8": "L",
               "u8": "l", "f4": "F", "f8": "D", "b1": "O"}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column of a tree.

    Attributes
    ----------
    name : str
    type : str
        NumPy type code, for example ``u2``.
    meaning : str
    unit : str
        Empty for a number without unit.
    minimum, maximum : int or float or None
        Limits, included; None for those of the type.
    sentinel : int or float or None
        Value that means 'not known'; it may lie outside the limits.
    bits : type of IntFlag or None
        Names of the bits of a bit pattern.
    bit_meanings : dict
        Sentence about each bit, where the name does not say it all.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""
    minimum: int | float | None = None
    maximum: int | float | None = None
    sentinel: int | float | None = None
    bits: builtins.type[IntFlag] | None = None
    bit_meanings: dict[Any, str] = field(default_factory=dict, compare=False, hash=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Little-endian NumPy type."""
        return np.dtype(self.type).newbyteorder("<")

    @property
    def root_code(self) -> str:
        """Letter of the type in a ROOT leaf list."""
        return _ROOT_CODES[self.type]

    def problem(self, values: npt.NDArray[Any]) -> str | None:
        """Say which limit the values break; None if they break none."""
        if not len(values):
            return None
        judged = values if self.sentinel is None else values[values != self.sentinel]
        if not len(judged):
            return None
        low, high = judged.min(), judged.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            return "values that are not finite"
        if self.minimum is not None and low < self.minimum:
            return f"value {low} below the minimum {self.minimum}"
        if self.maximum is not None and high > self.maximum:
            return f"value {high} above the maximum {self.maximum}"
        return None


@dataclass(frozen=True)
class Tree:
    """One tree of a product; one entry a gate.

    Attributes
    ----------
    path : str
        Directories and name in the ROOT file.
    meaning : str
    columns : tuple of Column
    jagged : bool
        Several rows a gate, counted by the branch ``n``; otherwise one row a gate.
    """

    path: str
    meaning: str
    columns: tuple[Column, ...]
    jagged: bool = False

    @property
    def branches(self) -> list[tuple[str, str]]:
        """Name and leaf title of every branch, in order."""
        if not self.jagged:
            return [(column.name, f"{column.name}/{column.root_code}") for column in self.columns]
        return [
            (COUNTER, f"{COUNTER}/I"),
            *((c.name, f"{c.name}[{COUNTER}]/{c.root_code}") for c in self.columns),
        ]


class Product(ABC):
    """Base of the product classes.

    Attributes
    ----------
    schema : str
        Name and version, for example ``raw-digits/1``.
    tier : str
        Word of the tier on the command line.
    data_tier : str
        Value of ``core.data_tier`` in the metadata record.
    title : str
    trees : tuple of Tree
    """

    schema: ClassVar[str]
    tier: ClassVar[str]
    data_tier: ClassVar[str]
    title: ClassVar[str]
    trees: ClassVar[tuple[Tree, ...]]

    @classmethod
    @abstractmethod
    def rows(cls, chunk: Any) -> dict[str, Rows]:
        """Rows of all trees, by tree path, from what the stage of the product gives."""

    @classmethod
    def fingerprint(cls) -> str:
        """Sha256 of names, order and types of all columns."""
        return sha256_of(
            {"schema": cls.schema, "trees": [[tree.path, tree.branches] for tree in cls.trees]}
        )


@dataclass(frozen=True)
class Rows:
    """Rows of one tree for consecutive gates.

    Attributes
    ----------
    columns : dict of ndarray, each of shape (n_rows,)
    counts : ndarray of int32, shape (n_gates,), or None
        Rows of each gate in a jagged tree; None for a tree with one row a gate.
    """

    columns: dict[str, npt.NDArray[Any]]
    counts: npt.NDArray[np.int32] | None = None

    @property
    def entries(self) -> int:
        """Number of gates."""
        if self.counts is not None:
            return len(self.counts)
        return len(next(iter(self.columns.values())))

    @property
    def nbytes(self) -> int:
        """Bytes of the columns."""
        return sum(values.nbytes for values in self.columns.values())


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of consecutive gates as one; all parts have the same columns."""
    if len(parts) == 1:
        return parts[0]
    names = parts[0].columns
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in names}
    counts = [part.counts for part in parts if part.counts is not None]
    return Rows(columns, np.concatenate(counts) if counts else None)


def problems_of(tree: Tree, rows: Rows) -> list[str]:
    """Compare rows with the schema of their tree.

    Returns
    -------
    list of str
        One sentence a problem: missing or unknown columns, wrong types or lengths, values beyond
        their limits; empty if all is well.
    """
    expected = [column.name for column in tree.columns]
    found = list(rows.columns)
    if found != expected:
        missing = sorted(set(expected) - set(found))
        unknown = sorted(set(found) - set(expected))
        return [f"{tree.path}: columns missing: {missing}, unknown: {unknown}, or order differs"]
    if tree.jagged != (rows.counts is not None):
        return [f"{tree.path}: counts {'missing' if tree.jagged else 'given'}"]
    length = rows.entries if rows.counts is None else int(rows.counts.sum(dtype=np.int64))
    problems = []
    for column in tree.columns:
        values = rows.columns[column.name]
        where = f"{tree.path}.{column.name}"
        if values.dtype != column.dtype:
            problems.append(f"{where}: type {values.dtype}, expected {column.dtype}")
        elif values.shape != (length,):
            problems.append(f"{where}: shape {values.shape}, expected {(length,)}")
        elif problem := column.problem(values):
            problems.append(f"{where}: {problem}")
    return problems
