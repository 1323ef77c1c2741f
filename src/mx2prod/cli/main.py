"""Entry point of ``mx2``: global options anywhere on the line, verbs loaded when they are used."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from mx2prod.cli.frame import Frame, frame_of, log, start_logging
from mx2prod.core.errors import Mx2Error
from mx2prod.core.suggest import nearest

VERBS = {
    "init": "Write a workspace: one folder with one mx2.toml.",
    "demo": "The main job on packaged samples and a small simulated Run 1.",
    "raw": "Look into, check, repair and re-encode raw DAQ files.",
    "simulate": "Simulate raw files in the DAQ's format, with truth beside them.",
    "calibrate": "Pre-production: pedestals, gains, FEB response, with verdicts and plots.",
    "report": "Pages, PDFs and the summary table of constants.",
    "process": "Process raw files to digits, with a metadata record beside each output.",
    "conditions": "Constants, from development to production, and what jobs read.",
    "catalog": "Files and datasets, found by their metadata with queries in MQL.",
    "dataset": "Datasets by definition: freeze them, print their tables and run lists.",
    "metadata": "The DUNE metadata record of a file: make, check, repair, data quality.",
    "match": "The 2x2 charge and light files of an Mx2 file, and back.",
    "beam": "Beam records: import, match to gates, protons on target of files.",
    "detector": "Geometry, wiring and identifiers of the detector.",
    "approval": "Ask for approvals, sign or reject them, see where they stand.",
    "keys": "Signing keys, and the signed list of persons, roles and keys.",
    "workspace": "Tables, backup, restore and checks of the databases.",
    "warm": "Compile all kernels once, so that no job waits for it.",
    "doctor": "Is this installation healthy?",
}
"""Top-level verbs and their one-line help.  Verb ``x`` is ``command`` in ``mx2prod.cli.x``."""

_FLAGS = {"--json", "--quiet", "--verbose"}
_VALUED = {"--workspace", "--log"}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that imports the module of a verb only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of the help text."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of a verb."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"mx2prod.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table above, without importing their modules."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; name the nearest one for a word that is none."""
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            ctx.fail(f"no verb {args[0]!r}" + nearest(args[0], VERBS))
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Global options may stand before or after the verb. "
    "Exit codes: 0 done, 1 failed, 2 bad input or configuration, 3 finished with listed losses, "
    "130 interrupted.",
)
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    help="Workspace folder (default: the nearest folder upwards with mx2.toml).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--quiet", is_flag=True, help="Only errors.")
@click.option("--verbose", is_flag=True, help="Every step.")
@click.option(
    "--log",
    "log_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all messages to this file too.",
)
@click.version_option(package_name="mx2prod", prog_name="mx2")
@click.pass_context
def mx2(
    ctx: click.Context,
    workspace: Path | None,
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    log_path: Path | None,
) -> None:
    """Data production of Minerva-for-2x2: from raw DAQ files to reconstructed, archived data."""
    frame = frame_of(ctx)
    frame.json, frame.quiet, frame.verbose = as_json, quiet, verbose
    frame.workspace_root = workspace
    start_logging(quiet=quiet, verbose=verbose, path=log_path)


def hoist_global_options(arguments: Sequence[str]) -> list[str]:
    """Move global options to the front, so that they may stand before or after the verb."""
    front: list[str] = []
    rest: list[str] = []
    items = iter(arguments)
    for item in items:
        if item == "--":
            rest += [item, *items]
        elif item in _FLAGS or ("=" in item and item.split("=", 1)[0] in _VALUED):
            front.append(item)
        elif item in _VALUED:
            front += [item, *[value for value in [next(items, None)] if value is not None]]
        else:
            rest.append(item)
    return front + rest


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code (interface page)."""
    words = hoist_global_options(arguments)
    try:
        result = mx2.main(words, prog_name="mx2", standalone_mode=False)
    except Mx2Error as error:
        return _report(error, as_json="--json" in words)
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return result if isinstance(result, int) else 0


def _report(error: Mx2Error, *, as_json: bool) -> int:
    log.error("%s", error.message)
    if error.next_step:
        click.echo(f"next: {error.next_step}", err=True)
    if as_json:
        document = {
            "error": {
                "type": type(error).__name__,
                "message": error.message,
                "next_step": error.next_step,
                "exit_code": error.exit_code,
            }
        }
        click.echo(json.dumps(document, indent=2))
    return error.exit_code


def main() -> None:
    """Console entry point."""
    sys.exit(run(sys.argv[1:]))


__all__ = ["VERBS", "Frame", "LazyGroup", "hoist_global_options", "main", "mx2", "run"]
