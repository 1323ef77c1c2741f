"""``mx2 init``."""

from __future__ import annotations

from pathlib import Path

import click

from mx2prod.cli.frame import Frame, pass_frame
from mx2prod.core.workspace import write_workspace


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--name", default="demo", show_default=True, help="Name of the workspace.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
@pass_frame
def command(frame: Frame, folder: Path, name: str, *, dry_run: bool) -> None:
    """Write an embedded workspace (SQLite files and folders) into FOLDER."""
    path = write_workspace(folder, name, dry_run=dry_run)
    verb = "would write" if dry_run else "wrote"
    frame.emit(
        {"workspace": str(folder.resolve()), "settings": str(path.resolve()), "dry_run": dry_run},
        lambda: click.echo(f"{verb} {path}"),
    )
