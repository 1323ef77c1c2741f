"""What our own REST replies hold (conditions page, section 14)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from mx2prod.conditions.axis import Interval, place_json
from mx2prod.conditions.manifest import FolderManifest
from mx2prod.conditions.view import Resolved


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Model):
    """Run and subrun."""

    run: int = Field(ge=0)
    subrun: int = Field(ge=0)


class ResolvedFolder(_Model):
    """What holds for a subrun in one folder."""

    folder: str
    tag: str
    schema_id: str = Field(description="Name of the schema, for example pedestal/1.")
    since: Place = Field(description="First subrun of the interval.")
    until: Place | None = Field(description="First subrun after it; null: open.")
    content_sha256: str = Field(description="Name of the payload.")
    choice: str = Field(description="extend or nominal where the subrun has no table of its own.")

    @classmethod
    def of(cls, found: Resolved, folder: FolderManifest) -> ResolvedFolder:
        """Reply of what a view resolved."""
        return cls(
            folder=found.folder, tag=folder.tag, schema_id=folder.schema,
            since=_place(found.interval), until=_until(found.interval),
            content_sha256=found.content_sha256, choice=found.choice,
        )  # fmt: skip


class ResolvedRun(_Model):
    """What holds for a subrun in all folders of a global tag."""

    gtag: str
    digest: str
    state: str
    provisional: bool
    run: int
    subrun: int
    folders: list[ResolvedFolder]


class Problem(_Model):
    """Why there is no answer, and what to type next."""

    error: str
    next_step: str = ""


def _place(interval: Interval) -> Place:
    return Place.model_validate(place_json(interval.since))


def _until(interval: Interval) -> Place | None:
    found = place_json(interval.until)
    return None if found is None else Place.model_validate(found)
