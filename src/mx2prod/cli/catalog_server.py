"""What ``mx2 catalog`` and ``mx2 dataset`` do where the catalogue is a MetaCat server."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import Frame
from mx2prod.core.errors import NotInCatalogError, QueryError, UsageError

if TYPE_CHECKING:
    from mx2prod.catalog.declaring import Declared
    from mx2prod.catalog.metacat.server import MetaCat
    from mx2prod.catalog.mql.findings import Finding
    from mx2prod.catalog.mql.lint_context import LintOptions
    from mx2prod.catalog.mql.syntax import Query
    from mx2prod.core.ids import Did

Note = Callable[[str, Mapping[str, Any]], None]
_OF_STOCK_CLIENTS = "L28"
"""Code of a fault that the adapter does not have: the text of a query is not in its addresses."""


def ask(
    frame: Frame, server: MetaCat, text: str, *, summary: bool, namespace: str | None,
    include_retired: bool,
) -> None:  # fmt: skip
    """Print what a server answers to a query that it answers as we would."""
    from mx2prod.catalog.mql.lint_context import LintOptions
    from mx2prod.catalog.mql.parse import parse
    from mx2prod.catalog.mql.syntax import DatasetQuery, QueriesQuery

    query = parse(text)
    if isinstance(query, QueriesQuery):
        raise refused("it answers no query for named queries (L30)", "metacat named_query list")
    _require_alike(frame, text, LintOptions(namespace, include_retired))
    _require_datasets(server, query, namespace)
    if isinstance(query, DatasetQuery):
        found = server.query(text, namespace=namespace)
        _show_datasets(frame, found, summary=summary)
    elif summary:
        sums = server.summary(text, namespace=namespace, include_retired=include_retired)
        document = {"kind": "files", "files": sums.files, "total_size": sums.total_size,
                    "events": None}  # fmt: skip
        frame.emit(document, lambda: click.echo(f"{sums.files} files, {sums.total_size} bytes"))
    else:
        _show_files(
            frame,
            server.query(
                text, namespace=namespace, include_retired=include_retired,
                with_metadata=frame.json, with_provenance=frame.json,
            ),
        )  # fmt: skip


def _require_alike(frame: Frame, text: str, options: LintOptions) -> None:
    """Refuse what a server surely fails on; say where it answers otherwise."""
    from mx2prod.catalog.mql.lint import lint, rewritten

    findings = [one for one in lint(text, options) if one.code != _OF_STOCK_CLIENTS]
    better = rewritten(text, options)
    failing = [one for one in findings if one.kind == "ERR"]
    if failing:
        told = "; ".join(_told(one, text) for one in failing)
        raise QueryError(
            f"a MetaCat server {told}",
            offset=failing[0].span.start,
            next_step=_again("lint" if better == text else "query", better, options),
        )
    for one in findings:
        word = "note" if one.kind == "NOTE" else "warning"
        frame.say(f"{word}: the server {_told(one, text)}")
    if better != text:
        frame.say(f"the same here and there: {better}")


def _again(verb: str, text: str, options: LintOptions) -> str:
    """Command line for another text with the options of this call."""
    words = ["mx2", "catalog", verb, text]
    words += ["--namespace", options.default_namespace] if options.default_namespace else []
    words += ["--include-retired"] if options.include_retired else []
    return shlex.join(words)


def _told(finding: Finding, text: str) -> str:
    place = text[finding.span.start : finding.span.end][:40]
    return f"{finding.server} ({finding.code} at {place!r})"


def _require_datasets(server: MetaCat, query: Query, namespace: str | None) -> None:
    """Refuse datasets that are not there, of which a server has no files and no error (L20)."""
    from mx2prod.catalog.mql import syntax

    named = [one.what for one in syntax.walk(query) if isinstance(one, syntax.Selector)]
    names = {f"{one.namespace or namespace}:{one.name}" for one in named
             if isinstance(one, syntax.Name)}  # fmt: skip
    missing = [did for did in sorted(names) if not server.has_dataset(did)]
    if missing:
        spaces = {did.partition(":")[0] for did in missing}
        raise NotInCatalogError(
            f"no dataset {', '.join(missing)} at the server",
            next_step=f"mx2 catalog query 'datasets matching {min(spaces)}:*'",
        )


def _show_datasets(frame: Frame, found: Sequence[Mapping[str, Any]], *, summary: bool) -> None:
    if summary:
        document = {"kind": "datasets", "files": len(found), "total_size": 0, "events": None}
        frame.emit(document, lambda: click.echo(f"{len(found)} datasets"))
        return
    for item in found:
        click.echo(json.dumps(item) if frame.json else f"{item['namespace']}:{item['name']}")


def _show_files(frame: Frame, found: Sequence[Mapping[str, Any]]) -> None:
    from mx2prod.catalog.metacat.server import file_record

    for item in found:
        record = file_record(item)
        click.echo(json.dumps(record.to_json()) if frame.json else record.did)


def declare_at(
    frame: Frame, server: MetaCat, records: Sequence[Mapping[str, Any]], target: Did, *,
    dry_run: bool,
) -> list[Declared]:  # fmt: skip
    """Declare at a server; the event log says before what is sent, and after what is there."""
    from mx2prod.catalog.metacat.declaring import declare
    from mx2prod.catalog.metacat.server import batches

    planned = declare(server, records, target, dry_run=True)
    if dry_run:
        return planned
    with noting(frame, server, target) as note:
        for batch in batches([one.did for one in planned if one.state == "new"]):
            note("declaring", {"files": list(batch)})
        return declare(server, records, target, note=note)


@contextmanager
def noting(frame: Frame, server: MetaCat, target: Did) -> Iterator[Note]:
    """Event log of the production database, open before anything is sent to the server."""
    from mx2prod.journal import JOURNAL, Database, events, migrate, require_current, writing
    from mx2prod.journal.databases import PRODUCTION

    workspace = frame.workspace
    user = server.require_login()
    database = Database(PRODUCTION, workspace.settings.production.url, (JOURNAL,))
    new = not database.exists(workspace)
    with database.opened(workspace, create=new) as engine:
        if new:
            migrate(engine)
        require_current(engine)

        def note(action: str, body: Mapping[str, Any]) -> None:
            told = {**body, "server": server.client.ServerURL, "user": user}
            with writing(engine) as connection:
                events.append(connection, f"metacat.{action}", str(target), told)

        yield note


def refused(words: str, next_step: str) -> UsageError:
    """Make the error for something that a MetaCat server has not."""
    return UsageError(f"the catalogue is a MetaCat server: {words}", next_step=next_step)
