"""``mx2 warm``."""

from __future__ import annotations

import time

import click

from mx2prod.cli.frame import Frame, pass_frame, print_table


@click.command("warm")
@click.option("--jobs", type=click.IntRange(1), help="Processes (default: one a core).")
@click.option("--dry-run", is_flag=True, help="List the modules, compile nothing.")
@pass_frame
def command(frame: Frame, *, jobs: int | None, dry_run: bool) -> None:
    """Compile all kernels and keep them, so that the first job does not wait.

    Once a node and version; where they are there already it takes a few seconds.
    """
    from mx2prod.production.warm import Warmed, kernel_modules, warm

    start = time.perf_counter()
    if dry_run:
        rows = [Warmed(name, 0.0) for name in kernel_modules()]
    else:
        rows = []
        for warmed in warm(jobs):
            frame.say(f"{warmed.module}: {warmed.seconds:.1f} s")
            rows.append(warmed)
    wall = time.perf_counter() - start
    document = {
        "modules": [{"module": row.module, "seconds": row.seconds} for row in rows],
        "seconds": wall,
        "dry_run": dry_run,
    }
    names = [[row.module] for row in rows]
    if dry_run:
        frame.emit(document, lambda: print_table("To compile", ["module"], names, empty="none"))
    else:
        done = f"kernels of {len(rows)} modules are compiled: {wall:.0f} s"
        frame.emit(document, lambda: click.echo(done))
