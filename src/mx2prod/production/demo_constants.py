"""The demonstration of constants: from development, with two signatures, to production."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.calibration.verdict import Verdict
from mx2prod.conditions import (
    Promotion,
    Snapshot,
    Store,
    Verified,
    aliases,
    approve,
    create_store,
    gtag_page,
    move_alias,
    position,
    promote,
    request_approval,
    run_subrun,
    verify_archive,
    write_snapshot,
)
from mx2prod.conditions.putting import period_of
from mx2prod.constants import Pedestal, PmtGain, Table, table_text
from mx2prod.core.errors import ApprovalError, HashMismatch, PolicyError
from mx2prod.core.files import write_text
from mx2prod.core.ids import FileName
from mx2prod.core.workspace import Settings, Workspace
from mx2prod.detector import load_detector
from mx2prod.journal import Decision, RoleStore, SigningKey
from mx2prod.production.calibration_report import CalibrationReport
from mx2prod.production.demo import Run1Report
from mx2prod.production.demo_tables import Frozen, GoodTable, make_gtag
from mx2prod.production.demo_workspace import CALIBRATOR, CONVENER, REVIEWER, demo_roles

FOLDER = "conditions"
ALIAS = "mx2/demo/current"
BEAM_STREAMS = ("numib", "numip", "numil")
_REASON = "DEMO: approved by persons that do not exist"


@dataclass(frozen=True)
class ConstantsReport:
    """How constants came into the production database.

    Attributes
    ----------
    frozen : Frozen
    refused : str
        Why one signature was not enough.
    promotion : Promotion
    page, snapshot : Path
        Page that the signers look at, and the file for jobs without a database.
    verified : Verified
        The snapshot.
    read : Path
        Text file of a table that production gives back byte for byte.
    seconds : float
    """

    frozen: Frozen
    refused: str
    promotion: Promotion
    page: Path
    snapshot: Path
    verified: Verified
    read: Path
    seconds: float

    @property
    def reference(self) -> str:
        """``GTAG@DIGEST``, as jobs name it."""
        return f"{self.promotion.gtag}@{self.promotion.digest}"

    def as_dict(self) -> dict[str, Any]:
        """Give all of it for programs."""
        frozen = self.frozen
        return {
            "constants": self.reference,
            "parent": frozen.parent,
            "tables": [
                {
                    "folder": folder.folder,
                    **iov.interval.as_dict(),
                    "content_sha256": iov.content_sha256,
                }
                for folder in frozen.manifest
                for iov in folder.iovs
            ],
            "gaps": [item.as_dict() for item in frozen.gaps],
            "checks": frozen.checks.as_dict(),
            "refused": self.refused,
            "payloads": self.promotion.payloads,
            "page": str(self.page),
            "snapshot": str(self.snapshot),
            "verified": self.verified.as_dict(),
            "read_back": str(self.read),
            "seconds": round(self.seconds, 2),
        }


def promote_run1(
    workspace: Workspace, folder: Path, run1: Run1Report, settings: Settings
) -> ConstantsReport:
    """Put the good tables of the small Run 1 into development, sign them, and promote them.

    Parameters
    ----------
    workspace : Workspace
        That of the demonstration.
    folder : Path
        Of the demonstration, as the user named it.
    run1 : Run1Report
    settings : Settings
        Versions of the detector tables.

    Raises
    ------
    PolicyError
        If a check fails, or something is let through that must not be.
    HashMismatch
        If production gives something else back than what was put.
    """
    started = time.perf_counter()
    urls, root, tables = workspace.settings.conditions, workspace.root, settings.detector
    maps = load_detector(tables.geometry, tables.plex, tables.fibres)
    with (
        create_store(urls.development, "development", root=root, maps=maps) as development,
        create_store(urls.production, "production", root=root, maps=maps) as production,
    ):
        roles, keys = demo_roles(workspace)
        good = [
            *_good_tables(Pedestal.folder, run1.pedestals),
            *_good_tables(PmtGain.folder, run1.gains),
        ]
        signer = (keys[CALIBRATOR], roles.load())
        frozen = make_gtag(development, good, _beam_subruns(run1), CALIBRATOR, signer)
        gtag = frozen.manifest.gtag
        refused = _refused_with_one(development, production, roles, gtag, keys[REVIEWER])
        _sign(development, roles, gtag, keys[CONVENER])
        done = promote(development, production, roles, gtag, reason=_REASON)
        page = _write_page(development, roles, gtag, folder / FOLDER)
        _move_alias(production, gtag)
        snapshot, verified = _export(production, gtag, folder / FOLDER)
        _read_back(production, done, good[0])
    seconds = time.perf_counter() - started
    return ConstantsReport(frozen, refused, done, page, snapshot, verified, good[0].path, seconds)


def _good_tables(folder: str, report: CalibrationReport) -> list[GoodTable]:
    """Tables whose verdict is good, as text files."""
    return [
        GoodTable(
            folder, table.paths["table"], position(table.content["run"], table.content["subrun"])
        )
        for table in report.tables
        if table.verdict is Verdict.GOOD
    ]


def _beam_subruns(run1: Run1Report) -> list[int]:
    """Subruns of the raw files with beam gates."""
    names = [FileName.parse(file.path.name) for file in run1.simulated]
    beam = [name.run_subrun for name in names if name.stream in BEAM_STREAMS]
    return [position(place.run, place.subrun) for place in beam]


def _sign(store: Store, roles: RoleStore, gtag: str, key: SigningKey) -> None:
    decision = Decision("approve", reason=_REASON, meeting="DEMO: no meeting")
    approve(store, roles.load(), gtag, decision, key)


def _refused_with_one(
    development: Store,
    production: Store,
    roles: RoleStore,
    gtag: str,
    key: SigningKey,
) -> str:
    """Ask for the approval, sign it once, and try to promote; say why that is refused."""
    request_approval(development, roles.load(), gtag, reason="DEMO: constants of a small Run 1")
    _sign(development, roles, gtag, key)
    try:
        promote(development, production, roles, gtag, reason=_REASON)
    except ApprovalError as error:
        return error.message
    raise PolicyError(f"{gtag}: was promoted with one signature", next_step="mx2 keys ls")


def _write_page(store: Store, roles: RoleStore, gtag: str, folder: Path) -> Path:
    """Write the page that signers look at, with the signatures that it has now."""
    page = folder / f"{gtag}.html"
    write_text(page, gtag_page(store, roles.load(), gtag, "html"))
    return page


def _move_alias(production: Store, gtag: str) -> None:
    now = {alias.name: alias.gtag for alias in aliases(production)}
    move_alias(production, ALIAS, gtag, expected=now.get(ALIAS), reason="DEMO: the newest one")


def _export(production: Store, gtag: str, folder: Path) -> tuple[Path, Verified]:
    """Write the snapshot for jobs without a database, and verify it as they do."""
    path = folder / f"{gtag}.mx2snap"
    write_snapshot(production, gtag, path)
    with contextlib.closing(Snapshot(path)) as snapshot:
        verified = verify_archive(snapshot)
    if verified.problems:
        raise HashMismatch(f"{path}: {'; '.join(verified.problems)}")
    return path, verified


def _read_back(production: Store, done: Promotion, good: GoodTable) -> None:
    """Compare the text of a table, as production gives it, with the file that was put."""
    with production.view(f"{done.gtag}@{done.digest}") as view:
        place = run_subrun(good.since)
        found = view.get(good.folder, place.run, place.subrun)
        period = period_of(view.provenance(found.sha256))
    text = table_text(Table(found.table.schema, found.table.columns, period))
    if text.encode() != good.path.read_bytes():
        raise HashMismatch(f"{production.address}: differs from {good.path}")
