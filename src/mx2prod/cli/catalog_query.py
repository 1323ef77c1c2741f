"""Verbs of ``mx2 catalog`` about queries: answer many, see where a server would differ."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from mx2prod.cli.catalog_frame import catalog_of
from mx2prod.cli.frame import FINDINGS, Frame, options, pass_frame, print_table
from mx2prod.core.errors import UsageError

if TYPE_CHECKING:
    from mx2prod.catalog.mql.source import MemorySource, Source

_FOLDER = click.Path(path_type=Path, file_okay=False)
_LOADED_BY = "admin"

folder_options = options(
    click.option(
        "--data",
        "folder",
        type=_FOLDER,
        envvar="MQL_DATA",
        help="Folder with a catalogue as JSON files (environment: MQL_DATA).",
    ),
    click.option(
        "--catalogue",
        default="catalogue.jsonl",
        show_default=True,
        envvar="MQL_CATALOGUE",
        help="File of that folder with one record a line (environment: MQL_CATALOGUE).",
    ),
)


@click.command()
@folder_options
@click.option(
    "--mode",
    type=click.Choice(["default", "server"]),
    default="default",
    show_default=True,
    envvar="MQL_MODE",
    help="Meaning of the queries; server is not offered: each request is answered by an error "
    "and the codes of the lint (environment: MQL_MODE).",
)
@pass_frame
def answer(frame: Frame, folder: Path | None, catalogue: str, mode: str) -> None:
    """Answer MQL queries read from standard input, against a catalogue in a folder.

    The folder holds catalogue.jsonl, and datasets.json and named_queries.json where there are any;
    nothing of the workspace is used.  A request is one JSON object a line: {"id", "mql",
    "default_namespace", "include_retired", "mode"}.  Each is answered by a line {"id",
    "result": [DID...], "lint": [CODE...]} or {"id", "error": TEXT, "lint": [CODE...]}.

    Exit code 0 at the end of the input; 2: the folder cannot be read.
    """
    from mx2prod.catalog.answering import NOT_OFFERED, answer_lines

    if folder is None:
        raise UsageError("--data DIR: a folder with catalogue.jsonl is needed")
    source = _source(folder, catalogue)
    if mode == "server":
        frame.say(NOT_OFFERED)
    for line in answer_lines(_standard_input(), source, mode):
        click.echo(line)


@click.command()
@click.argument("query")
@folder_options
@click.option("--lookup", is_flag=True, help="Look names up in the catalogue of the workspace.")
@click.option("--namespace", help="Default namespace that goes with the query.")
@click.option("--include-retired", is_flag=True, help="The query asks for retired files too.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help="The client asks for the files in batches of so many.",
)
@pass_frame
def lint(
    frame: Frame,
    query: str,
    folder: Path | None,
    catalogue: str,
    namespace: str | None,
    *,
    lookup: bool,
    include_retired: bool,
    batch_size: int | None,
) -> None:
    """Say where a MetaCat server would answer QUERY otherwise; - reads it from standard input.

    Classes of findings: ERR the server fails; SIL it answers something else, silently; RISK it may
    fail or differ with the data; NOTE answers alike, and may not be what is meant.  Where it can
    be said otherwise, a rewriting follows that means the same here and there.  With --lookup or
    --data, datasets, keys, named queries and retired files are looked up.

    Exit code 0: nothing but notes; 3: findings; 2: the query cannot be read.
    """
    from mx2prod.catalog.mql.lint import lint as findings_of
    from mx2prod.catalog.mql.lint import rewritten
    from mx2prod.catalog.mql.lint_context import LintOptions
    from mx2prod.catalog.mql.parse import parse

    text = _standard_input().read() if query == "-" else query
    parse(text)
    given = LintOptions(namespace, include_retired, batch_size)
    with _looked_up(frame, folder, catalogue, workspace=lookup) as source:
        findings = findings_of(text, given, source)
        better = rewritten(text, given, source)
    rows = [finding.as_dict(text) for finding in findings]
    document = {"findings": rows, "rewriting": None if better == text else better}
    frame.emit(document, lambda: _show(document))
    if any(finding.kind != "NOTE" for finding in findings):
        click.get_current_context().exit(FINDINGS)


def _show(document: dict[str, Any]) -> None:
    print_table(
        "Where a server differs",
        ["code", "class", "at", "text", "a server"],
        [
            (row["code"], row["class"], f"{row['line']}:{row['column']}", row["text"][:40],
             row["server"])
            for row in document["findings"]
        ],
        empty="A server answers alike.",
    )  # fmt: skip
    if document["rewriting"] is not None:
        click.echo(f"The same here and there:\n  {' '.join(document['rewriting'].split())}")


def _standard_input() -> IO[str]:
    return click.open_file("-", encoding="utf-8", errors="replace")


@contextmanager
def _looked_up(
    frame: Frame, folder: Path | None, catalogue: str, *, workspace: bool
) -> Iterator[Source | None]:
    """Open the catalogue that names are looked up in, if any."""
    if folder is not None:
        yield _source(folder, catalogue)
    elif workspace:
        from mx2prod.catalog.source import CatalogSource

        with catalog_of(frame) as store, store.session.reading() as connection:
            yield CatalogSource(connection, counting=False)
    else:
        yield None


def _source(folder: Path, catalogue: str) -> MemorySource:
    from mx2prod.catalog.folder import read_folder
    from mx2prod.catalog.mql.source import MemorySource

    contents = read_folder(folder, catalogue, loaded=time.time(), loaded_by=_LOADED_BY)
    return MemorySource(contents.files, contents.datasets, contents.named_queries)


VERBS = (answer, lint)
