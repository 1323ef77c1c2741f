"""Constants that a job reads: one published global tag, pinned by its digest.

Source: conditions page, sections 4.4, 13 and 14.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mx2prod.core.errors import PolicyError, TrustError, UsageError
from mx2prod.core.ids import RunSubrun
from mx2prod.core.registry import Stage
from mx2prod.core.workspace import Settings, Workspace

if TYPE_CHECKING:
    from mx2prod.conditions import Constant, Snapshot, Store, View
    from mx2prod.constants import Table

NEEDED = "mx2 conditions ls --db prod, then --constants GTAG@DIGEST; or --snapshot FILE"
"""Next command of a job without constants."""


@dataclass(frozen=True)
class StageConstants:
    """What a stage reads for one subrun.

    Attributes
    ----------
    tag, digest : str
        Of the global tag.
    read : mapping of str to Constant
        By folder.
    notices : tuple of str
        What a shifter should know about them.
    """

    tag: str
    digest: str
    read: Mapping[str, Constant]
    notices: tuple[str, ...]

    @property
    def tables(self) -> dict[str, Table]:
        """Tables by folder, as a stage takes them."""
        return {folder: constant.table for folder, constant in self.read.items()}

    def as_dict(self) -> dict[str, Any]:
        """Member ``constants`` of ``Meta`` (output page, section 9)."""
        from mx2prod.conditions import place_json

        folders = {
            folder: {
                "iovs": [{"since": place_json(c.since), "until": place_json(c.until)}],
                "payload_sha256": c.sha256,
                "choice": c.choice or None,
            }
            for folder, c in self.read.items()
        }
        return {"tag": self.tag, "digest": self.digest, "folders": folders}


@dataclass(frozen=True)
class JobConstants:
    """A published global tag, open for the files of a job.

    Attributes
    ----------
    view : View
    signed_by : tuple of str
        Persons whose signatures counted.
    simulated : bool
        The workspace is simulated: constants from simulated files may be read.
    seconds : float
        Time that the opening took.
    """

    view: View
    signed_by: tuple[str, ...]
    simulated: bool
    seconds: float = 0.0

    def of_stage(self, stage: Stage, place: RunSubrun) -> StageConstants:
        """Read what holds for a subrun in the folders of a stage.

        Raises
        ------
        NoConditionsError
            If no interval holds; it names those around.
        UsageError
            If the global tag lacks a folder of the stage.
        HashMismatch
            If a payload is damaged.
        PolicyError
            If the table comes from simulated files and the workspace is not simulated.
        """
        required, optional = folders_of(stage)
        wanted = [*required, *(name for name in optional if name in self.view.folders)]
        read = {folder: self.view.get(folder, place.run, place.subrun) for folder in wanted}
        notices = [text for c in read.values() for text in self._notices(c)]
        if self.view.provisional:
            notices.append(f"{self.view.gtag} was approved in an emergency, provisionally")
        return StageConstants(self.view.gtag, self.view.digest, read, tuple(notices))

    def _notices(self, constant: Constant) -> list[str]:
        from mx2prod.conditions.table_files import SIMULATED

        facts = self.view.provenance(constant.sha256)
        simulated = [fact.value for fact in facts if fact.kind == SIMULATED]
        if simulated and not self.simulated:
            raise PolicyError(
                f"{self.view.gtag}: {constant.folder}: {simulated[0]} comes from simulated files, "
                "and the workspace is not simulated",
                next_step="mx2 conditions ls --db prod",
            )
        notices = [f"{constant.folder}: from simulated files"] if simulated else []
        if constant.choice:
            notices.append(f"{constant.folder}: no table of its own, {constant.choice} as signed")
        return notices

    def as_dict(self) -> dict[str, Any]:
        """Member ``constants`` of the report."""
        return {
            "tag": self.view.gtag,
            "digest": self.view.digest,
            "state": self.view.state.value,
            "signed_by": list(self.signed_by),
            "source": self.view.source,
        }


def folders_of(stage: Stage) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Folders that a stage reads: required ones, and those read where the global tag has them."""
    return getattr(stage, "folders", ()), getattr(stage, "optional_folders", ())


@contextlib.contextmanager
def open_constants(
    workspace: Workspace, reference: str = "", snapshot: Path | None = None
) -> Iterator[JobConstants | None]:
    """Open what a job reads, for a ``with`` block; None if nothing is named.

    Parameters
    ----------
    workspace : Workspace
        Its production database is read without a snapshot.
    reference : str
        ``GTAG[@DIGEST]``; with a snapshot, what it must hold.
    snapshot : Path, optional
        A snapshot file.

    Raises
    ------
    UsageError, InputFileError, StoreError
        If there is no such global tag, file or database.
    StateError, PolicyError, HashMismatch
        If it is not published, its signatures do not hold, or it has another digest.
    TrustError
        If the workspace is not simulated and pins no role list.
    """
    if not reference and snapshot is None:
        yield None
        return
    start = time.perf_counter()
    from mx2prod.conditions import require_signed

    settings = workspace.settings
    pin = _pin(settings)
    with _source(workspace, snapshot) as source, source.view(reference) as view:
        signed_by = require_signed(source, view.gtag, pin=pin)
        seconds = time.perf_counter() - start
        yield JobConstants(view, signed_by, settings.workspace.simulated, seconds)


def require_constants(stages: Sequence[Stage], constants: JobConstants | None) -> None:
    """Raise :class:`UsageError` if stages read constants and none are named, or the reverse."""
    required = [folder for stage in stages for folder in folders_of(stage)[0]]
    tier = stages[-1].produces
    if required and constants is None:
        raise UsageError(
            f"{tier} reads constants ({', '.join(required)}), and none are named",
            next_step=NEEDED,
        )
    if constants is not None and not required:
        raise UsageError(
            f"{tier} reads no constants, and {constants.view.gtag} is named",
            next_step="leave --constants and --snapshot out",
        )


def _source(workspace: Workspace, snapshot: Path | None) -> Store | Snapshot:
    from mx2prod.conditions import Snapshot, open_store
    from mx2prod.detector import load_detector

    if snapshot is not None:
        return Snapshot(snapshot)
    settings = workspace.settings
    tables = settings.detector
    maps = load_detector(tables.geometry, tables.plex, tables.fibres)
    store = open_store(settings.conditions.production, root=workspace.root, maps=maps)
    if store.role != "production":
        store.close()
        raise PolicyError(
            f"{store.address}: is the {store.role} database; jobs read what was promoted",
            next_step="set conditions.production in mx2.toml",
        )
    return store


def _pin(settings: Settings) -> str:
    """Digest of the role list that the signatures are judged by."""
    section = settings.workspace
    if not section.simulated and not section.trust_root:
        raise TrustError(
            "trust_root of mx2.toml is empty, but the workspace is not simulated: signatures on "
            "constants could be anybody's",
            next_step="mx2 keys ls, compare with the other signers, then set trust_root",
        )
    return section.trust_root
