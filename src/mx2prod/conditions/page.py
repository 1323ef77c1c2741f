"""The page of a global tag: intervals, gaps, changes, checks, plots, signatures (page, 6)."""

from __future__ import annotations

from collections.abc import Sequence

from mx2prod.conditions.approving import request_approval
from mx2prod.conditions.axis import place_text
from mx2prod.conditions.check_results import Checks
from mx2prod.conditions.checking import stored_checks
from mx2prod.conditions.comparison import ColumnDiff, GtagDiff, compare_gtags
from mx2prod.conditions.gtags import SUBJECT, Gtag, find_gtag
from mx2prod.conditions.makings import stored_makers
from mx2prod.conditions.manifest import Manifest, checked_manifest
from mx2prod.conditions.putting import Provenance, read_provenance
from mx2prod.conditions.store import Store
from mx2prod.core.errors import ApprovalError
from mx2prod.journal import Approval, Approvals, Maker, RoleList, Section, approval_page

SHOWN = 16
"""Digits of a hash on the page."""


def gtag_page(store: Store, roles: RoleList, gtag: str, kind: str) -> str:
    """Page for the wiki, fit to decide on.

    Parameters
    ----------
    store : Store
        The development database.
    roles : RoleList
    gtag : str
        Frozen; a request for its approval is assumed where there is none yet.
    kind : str
        ``md`` or ``html``.

    Raises
    ------
    StateError
        If it is open.
    """
    with store.reading() as connection:
        found = find_gtag(connection, gtag)
        manifest = checked_manifest(connection, found)
        checks = stored_checks(connection, found)
        signed = stored_makers(connection, found, roles)
        facts = {sha: read_provenance(connection, sha) for sha in manifest.payloads}
    changes = compare_gtags(store, found.parent, gtag) if found.parent else None
    sections = [
        _what(found, manifest, signed),
        _intervals(manifest, facts),
        _gaps(manifest),
        _changes(changes),
        _checks(checks),
        _plots(manifest, facts),
    ]
    return approval_page(_approval(store, roles, gtag), kind, sections)


def _approval(store: Store, roles: RoleList, gtag: str) -> Approval:
    try:
        return Approvals(store.engine, roles).status(f"{SUBJECT}:{gtag}")
    except ApprovalError:
        reason = "not asked for yet"
        return request_approval(store, roles, gtag, reason=reason, dry_run=True)


def _what(gtag: Gtag, manifest: Manifest, signed: Sequence[Maker]) -> Section:
    rows = [
        ("State", gtag.state.value),
        ("Provisional", "YES: its review is due" if gtag.provisional else "no"),
        ("Replaces", gtag.parent or "nothing"),
        ("Made by", f"{gtag.created_by}, {gtag.created_utc}: {gtag.reason}"),
        ("Calibrator's signature", "; ".join(map(_maker, signed)) or "none"),
        ("Run list", manifest.runlist[:SHOWN] or "none"),
        ("Hardware map", manifest.hardware_map[:SHOWN]),
        *((folder.folder, f"tag {folder.tag}, {len(folder.iovs)} tables") for folder in manifest),
    ]
    return Section("What", ["item", "value"], rows)


def _maker(maker: Maker) -> str:
    return f"{maker}, {maker.signed_at}, key {maker.key}" if maker.holds else str(maker)


def _intervals(manifest: Manifest, facts: dict[str, list[Provenance]]) -> Section:
    rows = [
        (
            folder.folder,
            place_text(iov.interval.since),
            place_text(iov.interval.until),
            iov.content_sha256[:SHOWN],
            _values(facts[iov.content_sha256], "verdict"),
            _origin(facts[iov.content_sha256]),
        )
        for folder in manifest
        for iov in folder.iovs
    ]
    columns = ["folder", "since", "until (exclusive)", "payload", "verdict", "from"]
    return Section("Intervals", columns, rows)


def _gaps(manifest: Manifest) -> Section:
    rows = [
        (
            folder.folder,
            place_text(gap.interval.since),
            place_text(gap.interval.until),
            gap.choice,
            (gap.content_sha256 or "-")[:SHOWN],
            gap.reason,
        )
        for folder in manifest
        for gap in folder.gaps
    ]
    columns = ["folder", "since", "until (exclusive)", "choice", "payload", "reason"]
    return Section("Gaps and what was decided", columns, rows)


def _changes(changes: GtagDiff | None) -> Section:
    columns = [
        "folder",
        "interval",
        "column",
        "kind",
        "median",
        "rms",
        "rows beyond 5 sigma",
        "worst",
    ]
    if changes is None:
        return Section("Changes of values", columns, [], "It replaces nothing.")
    rows = [
        (
            pair.folder, str(pair.interval), column.column, column.kind, f"{column.median:.6g}",
            f"{column.rms:.3g}", str(column.beyond),
            _worst(column),
        )
        for pair in changes.intervals
        for column in pair.table.columns
    ]  # fmt: skip
    return Section("Changes of values", columns, rows, "None.")


def _worst(column: ColumnDiff) -> str:
    if not column.worst:
        return "-"
    worst = column.worst[0]
    return f"{worst.address}: {worst.before:.6g} to {worst.after:.6g}"


def _checks(checks: Checks | None) -> Section:
    columns = ["rule", "verdict", "problems", "waived by"]
    if checks is None:
        return Section("Checks", columns, [], "It was not checked.")
    rows = [
        (
            result.rule,
            checks.verdict(result),
            "; ".join(result.problems) or "-",
            "; ".join(
                f"{waiver.person}: {waiver.reason}"
                for waiver in checks.waivers
                if waiver.rule == result.rule
            )
            or "-",
        )
        for result in checks.results
    ]
    return Section("Checks", columns, rows)


def _plots(manifest: Manifest, facts: dict[str, list[Provenance]]) -> Section:
    rows = [
        (sha256[:SHOWN], fact.value)
        for sha256 in manifest.payloads
        for fact in facts[sha256]
        if fact.kind == "plot"
    ]
    return Section("Plots", ["payload", "plot and sha256"], rows)


def _origin(facts: Sequence[Provenance]) -> str:
    """Names of the files behind a table, without folders; or that it is a nominal one."""
    names = {fact.value.rpartition("/")[2] for fact in facts if fact.kind == "input"}
    if any(fact.kind == "nominal" for fact in facts):
        names.add("nominal")
    return ", ".join(sorted(names)) or "-"


def _values(facts: Sequence[Provenance], kind: str) -> str:
    return ", ".join(fact.value for fact in facts if fact.kind == kind) or "-"
