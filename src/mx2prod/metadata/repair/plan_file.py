"""The file of a repair plan: every change with its evidence, and the sha256 that is approved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mx2prod.core.canonical import sha256_of
from mx2prod.core.errors import InputFileError
from mx2prod.core.files import require_regular_file, write_text
from mx2prod.core.workspace import describe

_Text = Field(max_length=2000)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Change(_Model):
    """New value of one key.

    Attributes
    ----------
    key : str
    old, new : any JSON value
    had : bool
        The key was there; False: an undo takes it out again.
    remove : bool
        Take the key out; in inverse plans only.
    rule : str
    evidence : str
        From what the new value follows.
    """

    key: str = Field(max_length=200)
    old: Any = None
    new: Any = None
    had: bool = True
    remove: bool = False
    rule: str = Field(max_length=40)
    evidence: str = _Text


class PlannedFile(_Model):
    """One record to change.

    Attributes
    ----------
    did, fid : str
    updated : float or None
        Time of its last change when it was read, UTC seconds.
    metadata : dict
        As it was.
    sha256, after : str
        Of the record before and after the change.
    changes : tuple of Change
    """

    did: str = Field(max_length=300)
    fid: str | None = Field(default=None, max_length=100)
    updated: float | None = Field(default=None, ge=0)
    metadata: dict[str, Any]
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    after: str = Field(pattern="^[0-9a-f]{64}$")
    changes: tuple[Change, ...] = Field(min_length=1)


class Refused(_Model):
    """A record that the plan leaves alone, and why."""

    did: str = Field(max_length=300)
    reason: str = _Text


class DatasetEffect(_Model):
    """Members that a dataset with a definition gains and loses."""

    dataset: str = Field(max_length=300)
    gained: tuple[str, ...]
    lost: tuple[str, ...]


class RepairPlan(_Model):
    """What a repair would do.

    Attributes
    ----------
    format : str
    store, dataset, rule, schema_version, made : str
    undo_of : str
        sha256 of the plan that this one takes back; else empty.
    files : tuple of PlannedFile
    refused : tuple of Refused
    unchanged : int
        Records that are right already.
    keys : dict of str to int
        Records by changed key.
    effects : tuple of DatasetEffect
    tape_paths : int
        Records whose computed path on tape changes.
    """

    format: Literal["mx2-repair-plan-1"] = "mx2-repair-plan-1"
    store: str = Field(max_length=2000)
    dataset: str = Field(max_length=20_000)
    rule: str = Field(max_length=40)
    schema_version: str = Field(max_length=20)
    made: str = Field(max_length=40)
    undo_of: str = Field(default="", max_length=64)
    files: tuple[PlannedFile, ...]
    refused: tuple[Refused, ...] = ()
    unchanged: int = Field(default=0, ge=0)
    keys: dict[str, int] = Field(default_factory=dict)
    effects: tuple[DatasetEffect, ...] = ()
    tape_paths: int = Field(default=0, ge=0)

    @property
    def sha256(self) -> str:
        """sha256 of the canonical JSON of the plan: what is approved."""
        return sha256_of(self.model_dump(mode="json"))


def write_plan(plan: RepairPlan, path: Path, *, overwrite: bool = False) -> None:
    """Write a plan with its sha256, atomically.

    Raises
    ------
    OutputError
        If the file exists and may not be replaced, or cannot be written.
    """
    document = {"sha256": plan.sha256, **plan.model_dump(mode="json")}
    write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n", overwrite=overwrite)


def read_plan(path: Path) -> RepairPlan:
    """Read a plan and check its sha256.

    Raises
    ------
    InputFileError
        If it cannot be read, is no plan, or was changed after it was made.
    """
    require_regular_file(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        sha256 = document.pop("sha256", None)
        plan = RepairPlan.model_validate(document)
    except ValidationError as error:
        raise InputFileError(f"{path}: no repair plan: {describe(error, RepairPlan)}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise InputFileError(f"{path}: no repair plan: {error}") from error
    if sha256 != plan.sha256:
        raise InputFileError(
            f"{path}: content has sha256 {plan.sha256[:16]}, but the plan says {str(sha256)[:16]}: "
            "it was changed after it was made",
            next_step="mx2 metadata repair --dataset DATASET --rule RULE -o PLAN.json",
        )
    return plan
