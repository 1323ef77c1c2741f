"""Reference page of the constants tables, made from their schemas."""

from __future__ import annotations

from mx2prod.constants.schema import Column, Constants
from mx2prod.constants.tables import TABLES


def constants_page(tables: tuple[type[Constants], ...] = TABLES) -> str:
    """Describe constants tables in Markdown: one section a table, one row a column.

    Parameters
    ----------
    tables : tuple of type of Constants

    Returns
    -------
    str
        Ends with a newline.
    """
    lines = [
        "# Constants tables",
        "",
        "What is measured about the detector and changes with time, one table a folder.  A value "
        "is always finite; a row is never padded; no channel stands twice.",
        "",
        "| table | schema | folder | a row for each |",
        "|---|---|---|---|",
        *(f"| {t.title} | `{t.schema}` | {_folder(t)} | {t.key} |" for t in tables),
        "",
    ]
    for table in tables:
        lines += _section(table)
    return "\n".join(lines)


def _folder(table: type[Constants]) -> str:
    return f"`{table.folder}`" if table.folder else "none: stays beside its file"


def _section(table: type[Constants]) -> list[str]:
    return [
        f"## {table.title} (`{table.schema}`)",
        "",
        (table.__doc__ or "").strip(),
        "",
        "| column | type | unit | limits | meaning |",
        "|---|---|---|---|---|",
        *(_row(column) for column in table.columns()),
        "",
    ]


def _row(column: Column) -> str:
    cells = (f"`{column.name}`", column.type, column.unit, column.limits, column.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
