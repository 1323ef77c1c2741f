"""The reference part of the documentation, made from the code: commands, Python, settings, errors.

Nothing of it is committed: the site's build asks :func:`pages` for it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from mx2prod.cli.main import VERBS, mx2
from mx2prod.constants import constants_page
from mx2prod.core import errors
from mx2prod.core.workspace import TEMPLATE
from mx2prod.metadata import metadata_page
from mx2prod.output import PRODUCTS, product_page
from mx2prod.validation.documentation import plots_page
from scripts import python_reference

PACKAGE = Path(errors.__file__).parents[1]


@dataclass(frozen=True)
class CommandPath:
    """A command and the words that call it, for example ``mx2 raw info``."""

    words: str
    command: click.Command


def pages() -> dict[str, str]:
    """All generated pages: Markdown text by path below the docs folder."""
    made = {
        "reference/index.md": _index(),
        "reference/settings.md": _settings(),
        "reference/errors.md": _errors(),
        "reference/command/index.md": _command_index(),
        "reference/metadata.md": metadata_page(),
        "reference/plots.md": plots_page(),
    }
    for verb in VERBS:
        made[f"reference/command/{verb}.md"] = "\n".join(
            _command_section(path) for path in commands_below(verb)
        )
    made |= {f"reference/data/{tier}.md": product_page(PRODUCTS[tier]) for tier in PRODUCTS}
    made["reference/data/index.md"] = _data_index()
    made["reference/data/constants.md"] = constants_page()
    made |= python_reference.pages(PACKAGE)
    return made


def commands_below(verb: str) -> Iterator[CommandPath]:
    """Walk a verb and everything below it, depth first, in the order of the help text."""
    context = click.Context(mx2, info_name="mx2")
    command = mx2.get_command(context, verb)
    if command is None:
        raise LookupError(f"verb {verb!r} is listed but has no command")
    yield from _walk(f"mx2 {verb}", command)


def _walk(words: str, command: click.Command) -> Iterator[CommandPath]:
    yield CommandPath(words, command)
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=words)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _walk(f"{words} {name}", below)


def _command_section(path: CommandPath) -> str:
    context = click.Context(path.command, info_name=path.words)
    usage = path.command.get_usage(context).removeprefix("Usage: ")
    mark = "#" * min(len(path.words.split()) - 1, 3)
    parts = [
        f"{mark} {path.words}\n",
        f"```text\n{usage}\n```\n",
        _prose(path.command.help or ""),
        _parameter_table(path.command, context),
    ]
    return "\n".join(part for part in parts if part)


def _parameter_table(command: click.Command, context: click.Context) -> str:
    records = [
        parameter.get_help_record(context)
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    rows = [f"| `{_cell(record[0])}` | {_cell(record[1])} |" for record in records if record]
    return "\n".join(["| option | meaning |", "|---|---|", *rows, ""]) if rows else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _prose(text: str) -> str:
    """Help text as Markdown; a paragraph that Click must not wrap stays as it is."""
    paragraphs = inspect.cleandoc(text.split("\f", maxsplit=1)[0]).split("\n\n")
    made = []
    for paragraph in paragraphs:
        kept = paragraph.removeprefix("\b\n")
        made.append(paragraph if kept == paragraph else f"```text\n{kept}\n```")
    return "\n\n".join(made) + "\n"


def _index() -> str:
    return (
        "# Reference\n\nMade from the code at every build of this site.\n\n"
        "- [Commands](command/index.md): every verb and option of `mx2`\n"
        "- [Data model](data/index.md): every column of every product, with type and unit\n"
        "- [How to read the plots](plots.md)\n"
        "- [Python](python/index.md): every public name, room by room\n"
        "- [Settings](settings.md): the file `mx2.toml`\n"
        "- [Errors and exit codes](errors.md)\n"
    )


def _command_index() -> str:
    context = click.Context(mx2, info_name="mx2")
    rows = [f"| [`mx2 {verb}`]({verb}.md) | {_cell(text)} |" for verb, text in VERBS.items()]
    return "\n".join(
        [
            "# Commands\n",
            _prose(mx2.help or ""),
            "| verb | does |",
            "|---|---|",
            *rows,
            "\n## Global options\n\nThey may stand before or after the verb.\n",
            _parameter_table(mx2, context),
            "With `--json`, standard output is one JSON document and nothing else; messages go to "
            "standard error.  The exit codes stand on the page [Errors](../errors.md).",
        ]
    )


def _data_index() -> str:
    rows = [f"| [`{tier}`]({tier}.md) | {kind.title} |" for tier, kind in PRODUCTS.items()]
    head = "# Data model\n\nWhat the files hold that a job writes, column by column.\n"
    tail = "\nThe tables that jobs take as input: [constants](constants.md).\n"
    return "\n".join([head, "| tier | product |", "|---|---|", *rows, tail])


def _settings() -> str:
    return (
        "# Settings: `mx2.toml`\n\n"
        "A workspace is a folder with this file; `mx2 init` writes it.  Unknown keys are errors.  "
        "Relative paths start at the folder.  Every key has the value below as its default.\n\n"
        f"```toml\n{TEMPLATE.format(name='demo')}```\n"
    )


def _errors() -> str:
    drawing = inspect.cleandoc(errors.__doc__ or "").split("::\n")[1]
    tree = "\n".join(line for line in drawing.split("\n") if re.match(r"\s{4}|$", line)).strip("\n")
    rows = [
        f"| `{name}` | {kind.exit_code} | {(kind.__doc__ or '').strip().splitlines()[0]} |"
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.Mx2Error)
    ]
    return "\n".join(
        [
            "# Errors and exit codes\n",
            "Exit codes of every command: 0 done, 1 failed, 2 bad input or configuration (nothing "
            "was changed), 3 finished with losses that are listed, 130 interrupted.\n",
            f"```text\n{inspect.cleandoc(tree)}\n```\n",
            "| error | exit code | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
