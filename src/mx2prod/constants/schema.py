"""The schema of a constants table: every column with type, unit, meaning and limits, and the key.

A table is one class; the checks, the text formats, the Arrow types, the content bytes and the
documentation page come from it.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mx2prod.constants.keys import CHANNEL_COLUMN, Key

_DTYPES = {"int32": "<i4", "int64": "<i8", "float64": "<f8", "utf8": "O"}


@dataclass(frozen=True)
class Column:
    """One column of a constants table.

    Attributes
    ----------
    name : str
    type : str
        ``int32``, ``int64``, ``float64`` or ``utf8``.
    meaning : str
    unit : str
        Empty for a number without unit.
    minimum, maximum : int or float or None
        Limits, included; None for those of the type.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""
    minimum: int | float | None = None
    maximum: int | float | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Little-endian NumPy type; ``object`` holds the ``str`` of a text column."""
        return np.dtype(_DTYPES[self.type])

    @property
    def limits(self) -> str:
        """The limits as words; empty without any."""
        if self.minimum is None:
            return "" if self.maximum is None else f"at most {self.maximum}"
        if self.maximum is None:
            return f"at least {self.minimum}"
        return f"{self.minimum} to {self.maximum}"

    def bad_rows(self, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Rows whose value is not finite or beyond the limits.

        Parameters
        ----------
        values : ndarray, shape (n_rows,)
            Of the column's type, or of a wider one.

        Returns
        -------
        ndarray of bool, shape (n_rows,)
        """
        if self.type == "utf8":
            return np.zeros(len(values), dtype=bool)
        bad: npt.NDArray[np.bool_] = ~np.isfinite(values)
        if self.type != "float64":
            bounds = np.iinfo(self.dtype)
            bad |= (values < bounds.min) | (values > bounds.max)
        if self.minimum is not None:
            bad |= values < self.minimum
        if self.maximum is not None:
            bad |= values > self.maximum
        return bad


class Constants(ABC):
    """Base of the schema classes of constants tables; never instantiated.

    Attributes
    ----------
    schema : str
        Name and version, for example ``pedestal/1``.
    folder : str
        Name of the conditions folder; empty for a table that stays beside its file.
    title : str
    key : Key
        What a row belongs to: its address columns come first in the table.
    values : tuple of Column
        The columns after the address.
    """

    schema: ClassVar[str]
    folder: ClassVar[str]
    title: ClassVar[str]
    key: ClassVar[Key]
    values: ClassVar[tuple[Column, ...]]

    @classmethod
    def columns(cls) -> tuple[Column, ...]:
        """All columns in order: the key, its address, the values."""
        return (
            Column(CHANNEL_COLUMN, "int64", cls.key.meaning, minimum=0, maximum=2**31 - 1),
            *(
                Column(field.name, "int32", field.meaning, minimum=field.low, maximum=field.high)
                for field in cls.key.fields
            ),
            *cls.values,
        )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in cls.columns())

    @classmethod
    def text_names(cls) -> tuple[str, ...]:
        """Names of the columns of a text file: all but the key, which follows from the address."""
        return cls.names()[1:]
