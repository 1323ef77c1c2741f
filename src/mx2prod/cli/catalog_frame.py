"""What the verbs of ``mx2 catalog`` and ``mx2 dataset`` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mx2prod.cli.frame import Frame
from mx2prod.core.ids import Did

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mx2prod.catalog import Catalog
    from mx2prod.catalog.metacat.reading import ServerReader
    from mx2prod.catalog.metacat.server import MetaCat

retired_option = click.option("--include-retired", is_flag=True, help="Retired files too.")


def catalog_of(frame: Frame, *, create: bool = False) -> Catalog:
    """Open the catalogue of the workspace."""
    import mx2prod.catalog

    workspace = frame.workspace
    url = workspace.settings.catalog.url
    return mx2prod.catalog.open(url, root=workspace.root, create=create)


def server_of(frame: Frame) -> MetaCat | None:
    """MetaCat server that is the catalogue of the workspace; None if that is a database."""
    from mx2prod.catalog.metacat.address import is_server, open_server

    url = frame.workspace.settings.catalog.url
    return open_server(url) if is_server(url) else None


def reader_of(frame: Frame) -> Catalog | ServerReader:
    """Open what can be read in the same way from a database and from a MetaCat server."""
    server = server_of(frame)
    if server is None:
        return catalog_of(frame)
    from mx2prod.catalog.metacat.reading import ServerReader

    return ServerReader(server)


def default_dataset(frame: Frame) -> Did:
    """Dataset that takes every declaration."""
    return Did.parse(frame.workspace.settings.catalog.dataset)


def dataset_did(frame: Frame, text: str) -> Did:
    """Name of a dataset; without a namespace it is that of the datasets of the workspace."""
    if ":" in text:
        return Did.parse(text)
    return Did(frame.workspace.settings.workspace.dataset_namespace, text)


def warn(frame: Frame, warnings: Iterable[str]) -> None:
    """Print the warnings of an answer on standard error."""
    for text in warnings:
        frame.say(f"warning: {text}")
