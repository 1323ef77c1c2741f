"""Items of the data quality verdict and their thresholds, from a versioned file (page, 8)."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mx2prod.core.canonical import sha256_of
from mx2prod.core.errors import ConfigError
from mx2prod.core.workspace import describe
from mx2prod.metadata.schema import load_schema, read_table

THRESHOLDS_VERSION = "1"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(_Model):
    """One item of the verdict.

    Attributes
    ----------
    name : str
    fails : {"bad", "hold", "flag"}
        What a failed item makes of the file: bad, unknown, or only flagged.
    tiers : str
        Tier letters that it is asked of.
    streams : {"all", "beam"}
    at_least, at_most, below : float or None
        Exactly one of them.
    unit, meaning : str
    flag : str
        Word that a failed item adds to ``dune.dqc_quality``; empty for hard items.
    """

    name: str = Field(max_length=40, pattern="^[a-z][a-z0-9_]*$")
    fails: Literal["bad", "hold", "flag"]
    tiers: str = Field(pattern="^[RDFTMK]+$")
    streams: Literal["all", "beam"]
    at_least: float | None = Field(default=None, ge=0)
    at_most: float | None = Field(default=None, ge=0)
    below: float | None = Field(default=None, gt=0)
    unit: str = Field(max_length=40)
    meaning: str = Field(max_length=200)
    flag: str = Field(default="", max_length=40, pattern="^[a-z_]*$")

    @model_validator(mode="after")
    def _one_threshold(self) -> Item:
        if sum(value is not None for value in (self.at_least, self.at_most, self.below)) != 1:
            raise ValueError(f"{self.name}: exactly one of at_least, at_most, below")
        if (self.fails == "bad") == bool(self.flag):
            raise ValueError(f"{self.name}: a flag for every item that is not hard, and only there")
        if any(word in self.flag for word in load_schema().dqc_words):
            raise ValueError(f"{self.name}: the flag contains the word of a verdict")
        return self

    @property
    def threshold(self) -> str:
        """Threshold in words, for example ``>= 0.999``."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}" if self.at_most is not None else f"< {self.below:g}"

    def passes(self, value: float) -> bool:
        """Tell whether a value meets the threshold."""
        if self.at_least is not None:
            return value >= self.at_least
        if self.at_most is not None:
            return value <= self.at_most
        return self.below is not None and value < self.below


class Thresholds(_Model):
    """A version of all items.

    Attributes
    ----------
    version : str
    auto_sign : bool
        Good without a signature, where every hard item passes.
    hv_counts, hv_period : int
        Largest distance from the target, and least period, counts.
    board_gates : float
        Share of the gates in which a board must be there.
    item : tuple of Item
    """

    version: str = Field(max_length=20)
    auto_sign: bool = False
    hv_counts: int = Field(ge=0, le=65535)
    hv_period: int = Field(ge=0, le=65535)
    board_gates: float = Field(gt=0, le=1)
    item: tuple[Item, ...] = Field(min_length=1)

    def asked_of(self, letter: str, *, beam: bool) -> list[Item]:
        """Items of a tier letter, with or without those of beam streams."""
        return [
            item for item in self.item if letter in item.tiers and (beam or item.streams == "all")
        ]

    @property
    def sha256(self) -> str:
        """sha256 of the whole table."""
        return sha256_of(self.model_dump(mode="json"))


def read_thresholds(document: dict[str, Any], where: str) -> Thresholds:
    """Check a table of thresholds.

    Raises
    ------
    ConfigError
        If a member is missing, unknown or out of bounds.
    """
    try:
        return Thresholds.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{where}: {describe(error, Thresholds)}") from error


@cache
def load_thresholds(version: str = THRESHOLDS_VERSION) -> Thresholds:
    """Load a shipped version of the thresholds.

    Raises
    ------
    ConfigError
        If there is no such version.
    """
    return read_thresholds(read_table("quality", version), f"quality-{version}.toml")
