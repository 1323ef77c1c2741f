"""``mx2 catalog``: files, datasets and queries."""

from __future__ import annotations

import click

from mx2prod.cli import catalog_exchange, catalog_files, catalog_login, catalog_query, catalog_serve


@click.group("catalog")
def command() -> None:
    """Files and datasets, found by their metadata with queries in MQL."""


for _module in (catalog_files, catalog_query, catalog_exchange, catalog_serve, catalog_login):
    for _verb in _module.VERBS:
        command.add_command(_verb)
