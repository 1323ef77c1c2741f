"""The demonstration of constants, first half: from tables to the digest of a global tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mx2prod.conditions import (
    Checks,
    Manifest,
    Missing,
    Provenance,
    RunList,
    State,
    Store,
    check,
    choose,
    create_tag,
    freeze,
    gap_report,
    group,
    nominal_table,
    position,
    put,
    read_table_file,
    set_run_list,
    waive,
)
from mx2prod.conditions.gtags import all_gtags, find_gtag
from mx2prod.conditions.manifest import manifest_of
from mx2prod.constants import (
    AttenuationId,
    AttenuationOd,
    FebResponse,
    Pedestal,
    PmtGain,
    table_of_folder,
)
from mx2prod.core.files import sha256_of_file
from mx2prod.journal import RoleList, SigningKey

GTAG = "mx2-demo"
NOMINAL = (FebResponse.folder, AttenuationId.folder, AttenuationOd.folder)
"""Folders of a global tag for calibration that the small Run 1 does not measure."""

_PERIODS = (1698, 1796, 50001)
"""First run of each period; no interval passes their borders (conditions page, section 4.3)."""

_REQUEST = Provenance("request", "mx2 demo")
REASONS = {
    "extend": "DEMO: nobody changed the high voltage before the next table",
    "exclude": "DEMO: a board is gone, the tables of this period wait for the experts",
}
"""Why the demonstration decides so about subruns without a table."""

_RULE, _WAIVER = "complete", "DEMO: one module set of eleven is simulated"


@dataclass(frozen=True)
class GoodTable:
    """A table that may be used.

    Attributes
    ----------
    folder : str
    path : Path
        Text file, with its verdict file and its page beside it.
    since : int
        Its own subrun.
    """

    folder: str
    path: Path
    since: int


@dataclass(frozen=True)
class Frozen:
    """A global tag whose digest is fixed.

    Attributes
    ----------
    parent : str or None
        The version before.
    manifest : Manifest
        Every interval of every folder.
    good : int
        Tables from files.
    gaps : list of Missing
        Subruns without a table, each with what was decided.
    checks : Checks
    """

    parent: str | None
    manifest: Manifest
    good: int
    gaps: list[Missing]
    checks: Checks


def make_gtag(
    store: Store,
    tables: Sequence[GoodTable],
    subruns: Iterable[int],
    person: str,
    signer: tuple[SigningKey, RoleList],
) -> Frozen:
    """Make the next version of the demonstration's global tag, and freeze it.

    Parameters
    ----------
    store : Store
        The development database.
    tables : sequence of GoodTable
    subruns : iterable of int
        Places that the constants are for.
    person : str
        Who waives the rule that a module set cannot keep.
    signer : tuple of SigningKey and RoleList
        Who signs for the freezing.

    Raises
    ------
    PolicyError
        If a check fails that is not expected to.
    TableError, StateError
        If a table or a change is refused.
    """
    gtag, parent = _next_version(store)
    folders = (Pedestal.folder, PmtGain.folder, *NOMINAL)
    for folder in folders:
        create_tag(store, folder, gtag, reason="DEMO")
    for table in tables:
        _put_file(store, table, gtag)
    for folder in NOMINAL:
        _put_nominal(store, folder, gtag)
    group(store, gtag, dict.fromkeys(folders, gtag), reason="DEMO: a small Run 1", parent=parent)
    set_run_list(store, gtag, RunList.of(subruns))
    for missing in gap_report(store, gtag):
        _decide(store, gtag, missing)
    checks = check(store, gtag)
    if _RULE in {result.rule for result in checks.failed}:
        checks = waive(store, gtag, _RULE, person=person, reason=_WAIVER)
    freeze(store, gtag, reason="DEMO: ready to be signed", signer=signer)
    with store.reading() as connection:
        manifest = manifest_of(connection, find_gtag(connection, gtag))
    return Frozen(parent, manifest, len(tables), gap_report(store, gtag), checks)


def _next_version(store: Store) -> tuple[str, str | None]:
    """Name of the next version, and the one before: each run of the demonstration makes one."""
    with store.reading() as connection:
        found = all_gtags(connection)
    versions = {
        int(match[1]): gtag
        for gtag in found
        if (match := re.fullmatch(rf"{GTAG}-v(\d+)", gtag.name))
    }
    frozen = [number for number, gtag in versions.items() if gtag.state is not State.OPEN]
    parent = f"{GTAG}-v{max(frozen)}" if frozen else None
    return f"{GTAG}-v{max(versions, default=0) + 1}", parent


def _put_file(store: Store, good: GoodTable, tag: str) -> None:
    file = read_table_file(good.path, table_of_folder(good.folder), store.maps)
    page = good.path.with_suffix(".html")
    plot = Provenance("plot", f"{page.name} {sha256_of_file(page)}")
    put(
        store, good.folder, file.table, tag=tag, since=good.since,
        reason="DEMO: good in its verdict", provenance=[*file.provenance, plot, _REQUEST],
    )  # fmt: skip


def _put_nominal(store: Store, folder: str, tag: str) -> None:
    """Put the nominal table of a folder into every period."""
    table = nominal_table(folder, store.maps)
    for run in _PERIODS:
        put(
            store, folder, table, tag=tag, since=position(run), reason="DEMO: no measured table",
            provenance=[Provenance("nominal", folder), _REQUEST],
        )  # fmt: skip


def _decide(store: Store, gtag: str, missing: Missing) -> None:
    choice = "extend" if missing.after is not None else "exclude"
    since = missing.interval.since
    choose(store, gtag, missing.folder, since, choice, reason=REASONS[choice])
