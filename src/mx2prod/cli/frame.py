"""What every verb shares: global options, output as a table or JSON, messages, progress."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.core.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from mx2prod.core.workspace import Workspace

log = logging.getLogger("mx2prod")

FAILED, FINDINGS = 1, 3
"""Exit codes of a verb that ran to its end: what it looked at is not so; it found something."""

Function = Callable[..., Any]


@dataclass
class Frame:
    """Global options of one call, and the two output streams.

    Attributes
    ----------
    json : bool
        Standard output is one JSON document and nothing else.
    quiet, verbose : bool
        Only errors; or every step.
    workspace_root : Path or None
        ``--workspace``; the nearest folder upwards with ``mx2.toml`` if None.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    workspace_root: Path | None = None
    _workspace: Workspace | None = field(default=None, repr=False)

    @property
    def workspace(self) -> Workspace:
        """The workspace of this call, loaded when first asked for."""
        if self._workspace is None:
            from mx2prod.core.workspace import Workspace

            self._workspace = (
                Workspace.load(self.workspace_root) if self.workspace_root else Workspace.find()
            )
        return self._workspace

    def emit(self, document: Any, human: Callable[[], None]) -> None:
        """Print the result: the document as JSON under ``--json``, else what ``human`` prints."""
        if self.json:
            click.echo(json.dumps(document, indent=2, allow_nan=False))
        else:
            human()

    def say(self, text: str) -> None:
        """Print a message on standard error unless ``--quiet``."""
        if not self.quiet:
            click.echo(text, err=True)

    def progress(self) -> AbstractContextManager[Progress | None]:
        """Progress bar on a terminal; nothing in a log, under ``--json`` or ``--quiet``."""
        if self.json or self.quiet or not sys.stderr.isatty():
            return nullcontext(None)
        from rich.progress import Progress

        return Progress(console=_console(stderr=True), transient=True)


def frame_of(ctx: click.Context) -> Frame:
    """Return the frame of a call from its Click context."""
    frame = ctx.find_object(Frame)
    return frame if frame is not None else ctx.ensure_object(Frame)


pass_frame = click.make_pass_decorator(Frame, ensure=True)


def options(*decorators: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """One decorator of the arguments and options that verbs share, in the order of the help."""

    def add(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return add


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str
) -> None:
    """Print a table on standard output; ``empty`` says what to do when there is no row.

    Columns whose values are all numbers are right-aligned.  Off a terminal, the table is as wide
    as its content, so that logs and pipes keep every character.
    """
    from rich import box
    from rich.table import Table

    body = [list(row) for row in rows]
    if not body:
        click.echo(empty)
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for number, name in enumerate(columns):
        numeric = all(isinstance(row[number], int | float) for row in body)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in body:
        table.add_row(*["-" if cell is None else str(cell) for cell in row])
    _console().print(table)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 200
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def start_logging(*, quiet: bool, verbose: bool, path: Path | None) -> None:
    """Send messages of the program to standard error, and to a file with ``--log``.

    Passwords and keys are taken out of every message.

    Raises
    ------
    OutputError
        If the log file cannot be opened.
    """
    from mx2prod.core.secrets import Redaction

    for old in list(log.handlers):
        log.removeHandler(old)
        old.close()
    log.setLevel(logging.DEBUG)
    log.propagate = False
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING)
    screen.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    screen.addFilter(Redaction())
    log.addHandler(screen)
    if path is not None:
        try:
            record = logging.FileHandler(path, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path}: log cannot be opened: {error.strerror}") from error
        record.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        record.addFilter(Redaction())
        log.addHandler(record)
