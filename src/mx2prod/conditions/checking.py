"""Checks of a global tag: run the rules, keep the results, waive with a reason (page, 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from mx2prod.conditions.axis import Interval, place_text
from mx2prod.conditions.check_results import Checks, Result, Waiver
from mx2prod.conditions.comparison import TableDiff, changed_pairs, compare_tables
from mx2prod.conditions.coverage import missing_of, run_list_of
from mx2prod.conditions.documents import RunList
from mx2prod.conditions.gtags import Gtag, find_gtag, require_open, set_gtag
from mx2prod.conditions.intervals import passed, stops
from mx2prod.conditions.limits import Limits
from mx2prod.conditions.manifest import FolderManifest, Manifest, manifest_of
from mx2prod.conditions.payloads import decode
from mx2prod.conditions.putting import read_payload, read_provenance
from mx2prod.conditions.rules import PAYLOAD_RULES, RULES, provenance, verdict
from mx2prod.conditions.store import Store, add_document, note, read_document
from mx2prod.constants import PmtGain, StripToStrip, Table
from mx2prod.core.errors import Mx2Error, PolicyError, UsageError
from mx2prod.core.suggest import nearest


def check(
    store: Store, gtag: str, limits: Limits | None = None, *, dry_run: bool = False
) -> Checks:
    """Run all rules and keep the results; waivers stay as long as the contents do.

    Parameters
    ----------
    store : Store
    gtag : str
        Open.
    limits : Limits, optional
    dry_run : bool
        Keep nothing.

    Raises
    ------
    StateError
        If the global tag is no longer open.
    """
    limits = limits or Limits()
    with store.developing(dry_run=dry_run) as connection:
        found = require_open(find_gtag(connection, gtag))
        manifest = manifest_of(connection, found)
        results = _results(connection, store, found, manifest, limits)
        before = stored_checks(connection, found)
        waivers = () if before is None or before.contents != manifest.contents else before.waivers
        checks = Checks(manifest.contents, limits.as_texts(), results, waivers)
        _keep(connection, found, checks)
    return checks


def waive(
    store: Store, gtag: str, rule: str, *, person: str, reason: str, dry_run: bool = False
) -> Checks:
    """Let a failed rule pass, for these contents only.

    Parameters
    ----------
    store : Store
    gtag, rule : str
    person : str
        Who decides; a rule can ask for more than one.
    reason : str
    dry_run : bool

    Raises
    ------
    PolicyError
        If there are no results of these contents, or the rule cannot be waived.
    UsageError
        If there is no such rule, it has passed, or no reason is given.
    """
    if rule not in RULES or not reason.strip():
        raise UsageError(f"waiver of {rule!r}: expected a rule and a reason" + nearest(rule, RULES))
    if not RULES[rule].waivers:
        raise PolicyError(f"rule {rule}: {RULES[rule].meaning}; this cannot be waived")
    with store.developing(dry_run=dry_run) as connection:
        found = require_open(find_gtag(connection, gtag))
        checks = current_checks(connection, found)
        if not any(r.problems for r in checks.results if r.rule == rule):
            raise UsageError(f"rule {rule} has passed; there is nothing to waive")
        waiver = Waiver(rule, person, reason)
        others = tuple(w for w in checks.waivers if (w.rule, w.person) != (rule, person))
        checks = replace(checks, waivers=(*others, waiver))
        _keep(connection, found, checks)
        note(connection, "waive", gtag, vars(waiver))
    return checks


def stored_checks(connection: Connection, gtag: Gtag) -> Checks | None:
    """Results that were kept last; None without any."""
    if not gtag.checks:
        return None
    return Checks.of_document(read_document(connection, gtag.checks))


def current_checks(connection: Connection, gtag: Gtag) -> Checks:
    """Results on the contents as they are now.

    Raises
    ------
    PolicyError
        If nothing was checked, or something changed since.
    """
    checks = stored_checks(connection, gtag)
    if checks is None or checks.contents != manifest_of(connection, gtag).contents:
        what = "was never checked" if checks is None else "was changed after its checks"
        raise PolicyError(
            f"global tag {gtag.name}: {what}", next_step=f"mx2 conditions check {gtag.name}"
        )
    return checks


def _keep(connection: Connection, gtag: Gtag, checks: Checks) -> None:
    sha256 = add_document(connection, "checks", checks.document())
    if sha256 != gtag.checks:
        set_gtag(connection, gtag.name, checks=sha256)
        body = {"checks": sha256, "failed": [result.rule for result in checks.failed]}
        note(connection, "check", gtag.name, body)


def _results(
    connection: Connection, store: Store, gtag: Gtag, manifest: Manifest, limits: Limits
) -> tuple[Result, ...]:
    problems: dict[str, list[str]] = {name: [] for name in RULES}
    if manifest.hardware_map != store.hardware_map:
        problems["hardware-map"].append("made with another hardware map or geometry")
    parent = _parent(connection, gtag)
    runs = run_list_of(connection, gtag) if gtag.run_list else None
    for folder in manifest:
        for rule, place, text in _folder_problems(connection, store, runs, folder, limits):
            problems[rule].append(f"{folder.folder} {place}: {text}")
        if folder.folder in parent:
            before = parent[folder.folder]
            problems["change"] += _change_problems(connection, before, folder, limits)
    return tuple(Result(name, tuple(found)) for name, found in problems.items())


def _folder_problems(
    connection: Connection,
    store: Store,
    runs: RunList | None,
    folder: FolderManifest,
    limits: Limits,
) -> Iterator[tuple[str, str, str]]:
    """Rule, place and text of each problem of a folder."""
    places = _first_places(folder)
    for sha256, place in places.items():
        where = f"from {place_text(place)}"
        for rule, text in _payload_problems(connection, store, sha256, limits):
            yield rule, where, text
    at = stops(connection, folder.folder)
    if runs is None:
        yield "gaps", "run list", "there is none: mx2 conditions gaps GTAG --runs FILE"
    else:
        for missing in missing_of(folder.folder, runs, folder.iovs, folder.gaps, at):
            if missing.choice is None:
                text = f"{missing.subruns} subruns without a table or a decision"
                yield "gaps", str(missing.interval), text
    for iov in folder.iovs:
        for stop in passed(iov.interval, at):
            text = f"passes {place_text(stop.place)}: {stop.kind}, {stop.reason}"
            yield "stops", str(iov.interval), text


def _payload_problems(
    connection: Connection, store: Store, sha256: str, limits: Limits
) -> Iterator[tuple[str, str]]:
    try:
        table = decode(read_payload(connection, sha256), source=store.address)
    except Mx2Error as error:
        yield "content", error.message
        return
    for name, rule in PAYLOAD_RULES.items():
        yield from ((name, text) for text in rule(table, limits, store.maps))
    facts = read_provenance(connection, sha256)
    yield from (("provenance", text) for text in provenance(facts))
    for word in ("investigate", "bad"):
        yield from ((f"verdict-{word}", text) for text in verdict(facts, word))


def _first_places(folder: FolderManifest) -> dict[str, int]:
    """Where each payload holds first, in order."""
    found: dict[str, int] = {}
    for row in folder.rows():
        if row.content_sha256 is not None:
            found.setdefault(row.content_sha256, row.interval.since)
    return found


def _parent(connection: Connection, gtag: Gtag) -> dict[str, FolderManifest]:
    if gtag.parent is None:
        return {}
    parent = manifest_of(connection, find_gtag(connection, gtag.parent))
    return {folder.folder: folder for folder in parent}


def _change_problems(
    connection: Connection, before: FolderManifest, after: FolderManifest, limits: Limits
) -> list[str]:
    problems = []
    swaps = [stop.place for stop in stops(connection, after.folder) if stop.kind == "swap"]
    for interval, old, new in changed_pairs(before, after):
        tables = [decode(read_payload(connection, sha256)) for sha256 in (old, new)]
        where = f"{after.folder} {interval}"
        texts = _unexpected(tables, compare_tables(*tables), limits, _swapped(interval, swaps))
        problems += [f"{where}: {text}" for text in texts]
    return problems


def _swapped(interval: Interval, swaps: Sequence[int]) -> bool:
    return any(place in interval for place in swaps)


def _unexpected(
    tables: Sequence[Table],
    diff: TableDiff,
    limits: Limits,
    swapped: bool,
) -> list[str]:
    texts = []
    for column in diff.columns:
        if column.beyond > limits.changed * diff.common:
            texts.append(f"{column.column}: {column.beyond} of {diff.common} rows beyond 5 sigma")
        gain = tables[0].schema is PmtGain and column.column == "gain" and not swapped
        if gain and abs(column.median - 1) > limits.gain_change:
            texts.append(f"median gain changed by a factor {column.median:.4f}")
    if diff.boards and not swapped:
        texts.append(f"boards changed without a swap: {', '.join(diff.boards)}")
    if tables[0].schema is StripToStrip and not swapped:
        texts += _strip_changes(tables, limits)
    return texts


def _strip_changes(tables: Sequence[Table], limits: Limits) -> list[str]:
    before, after = tables
    _, old, new = np.intersect1d(before.channel, after.channel, return_indices=True)
    good = (before["error"][old] == 0) & (after["error"][new] == 0) & (before["s2s"][old] > 0)
    ratio = after["s2s"][new][good] / before["s2s"][old][good]
    far = int((np.abs(ratio - 1) > limits.s2s_iteration).sum())
    return [f"{far} good strips changed by more than {limits.s2s_iteration:.0%}"] if far else []
