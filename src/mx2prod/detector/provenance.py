"""Constants that carry where they come from.

A set of constants is a pydantic model.  Every value has a unit, a mark (fact, measured, ...) and a
source, which stand in its help text, in ``rows()`` and in ``mx2 detector constants``.  A value can
be replaced, within its bounds, but never silently: unknown keys are errors.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mx2prod.core.canonical import sha256_of
from mx2prod.core.errors import ConfigError
from mx2prod.core.workspace import describe


class Mark(StrEnum):
    """How a value is known (marks of the detector page)."""

    FACT = "fact"
    """Read in public code or files."""
    MEASURED = "measured"
    """Derived or measured on public data."""
    INFERRED = "inferred"
    """Follows from other facts; stated nowhere."""
    MEMORY = "memory"
    """Remembered from a publication; to be checked on data."""
    PROPOSAL = "proposal"
    """A choice of this project."""


def constant(
    default: Any, *, unit: str, mark: Mark, source: str, meaning: str, **bounds: float
) -> Any:
    """Declare one constant of a :class:`ConstantSet`.

    Parameters
    ----------
    default : Any
        The value.
    unit : str
        Empty for a pure number.
    mark : Mark
    source : str
        Where the value was found.
    meaning : str
        What it is, in a few words.
    **bounds : float
        ``gt``, ``ge``, ``lt``, ``le`` of a replacement.

    Returns
    -------
    Any
        A pydantic field.
    """
    limits: dict[str, Any] = bounds
    return Field(
        default,
        description=meaning,
        json_schema_extra={"unit": unit, "mark": str(mark), "source": source},
        **limits,
    )


class ConstantSet(BaseModel):
    """Base of a set of constants with provenance."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Append the constants, with unit, mark and source, to the documentation of the class."""
        super().__pydantic_init_subclass__(**kwargs)
        lines = [inspect.cleandoc(cls.__doc__ or ""), "", "Attributes", "----------"]
        for row in cls().rows():
            unit = f" {row['unit']}" if row["unit"] else ""
            lines.append(f"{row['name']} : default {row['value']}{unit}")
            lines.append(f"    {row['meaning']}. {row['mark'].capitalize()}: {row['source']}.")
        cls.__doc__ = "\n".join(lines) + "\n"

    def rows(self) -> list[dict[str, Any]]:
        """One entry a constant: name, value, unit, mark, source, meaning."""
        return [
            {
                "name": name,
                "value": self._plain(getattr(self, name)),
                **dict(field.json_schema_extra),
                "meaning": field.description,
            }
            for name, field in type(self).model_fields.items()
            if isinstance(field.json_schema_extra, dict)
        ]

    @staticmethod
    def _plain(value: object) -> object:
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value

    @property
    def sha256(self) -> str:
        """Hash of the values, 64 hexadecimal digits."""
        return sha256_of(self.model_dump(mode="json"))

    def replaced(self, values: Mapping[str, Any]) -> Self:
        """Return a copy with other values for some constants.

        Raises
        ------
        ConfigError
            If a name is unknown (the nearest one is given) or a value is out of its bounds.
        """
        try:
            return type(self).model_validate({**self.model_dump(), **values})
        except ValidationError as error:
            raise ConfigError(
                f"{type(self).__name__}: {describe(error, type(self))}",
                next_step="mx2 detector constants",
            ) from error
