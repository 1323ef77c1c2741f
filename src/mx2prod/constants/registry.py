"""Constants tables by the name of their schema and of their folder."""

from __future__ import annotations

from mx2prod.constants.schema import Constants
from mx2prod.constants.tables import TABLES
from mx2prod.core.errors import TableError, UsageError
from mx2prod.core.suggest import nearest

SCHEMAS: dict[str, type[Constants]] = {table.schema: table for table in TABLES}
"""All constants tables by the name of their schema."""

FOLDERS: dict[str, type[Constants]] = {table.folder: table for table in TABLES if table.folder}
"""Constants tables by their folder."""


def table_of_schema(schema: str) -> type[Constants]:
    """Find a table by the name of its schema, for example ``pedestal/1``.

    Raises
    ------
    TableError
        If there is no such schema; the nearest one is named.
    """
    if schema not in SCHEMAS:
        raise TableError(f"no schema {schema!r} of a constants table" + nearest(schema, SCHEMAS))
    return SCHEMAS[schema]


def table_of_folder(folder: str) -> type[Constants]:
    """Find a table by its folder.

    Raises
    ------
    UsageError
        If there is no such folder; the nearest one is named.
    """
    if folder not in FOLDERS:
        raise UsageError(f"no constants folder {folder!r}" + nearest(folder, FOLDERS))
    return FOLDERS[folder]
