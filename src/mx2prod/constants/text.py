"""Text files of blank-separated words under a header: pedestals, gains, strip-to-strip constants.

The formats are those of the conditions page, section 3; that of the gains is a proposal.  A file
that :func:`table_text` wrote is read and written again to the same bytes.  Files of others may hold
CRLF, blank lines, several blanks, or their value columns in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants.keys import DetectorMaps
from mx2prod.constants.period import parse_header
from mx2prod.constants.schema import Column, Constants
from mx2prod.constants.source import Source, refuse_line
from mx2prod.constants.table import Table
from mx2prod.constants.tables import Pedestal, PmtGain, StripToStrip
from mx2prod.core.errors import InputFileError, TableError
from mx2prod.core.files import require_regular_file, write_text
from mx2prod.core.suggest import nearest

TEXT_TABLES: tuple[type[Constants], ...] = (Pedestal, PmtGain, StripToStrip)
"""Tables with this text format."""

_FORMATS = {"s2s": "%f", "ds2s": "%f", "error": "%05d"}
"""Formats of the official strip-to-strip file; it has six decimals, a payload all of them."""

LARGEST_FILE = 64_000_000
"""Bytes; tables have about one megabyte."""

NumberedLine = tuple[int, str]


def table_text(table: Table) -> str:
    """Text of a table: header, then one line a row in ascending order of the keys.

    A float is written with the fewest digits that give the same float again, but with six decimals
    in the file of strip-to-strip constants.

    Parameters
    ----------
    table : Table
        Of a schema in :data:`TEXT_TABLES`, with a period.

    Raises
    ------
    TableError
        If the schema has no such text format, or the table has no period.
    """
    _require_text_table(table.schema)
    if table.period is None:
        raise TableError(f"table {table.schema.schema}: no period, which the file must begin with")
    names = table.schema.text_names()
    formats = _FORMATS if table.schema is StripToStrip else {}
    cells = [map(formats.get(name, "%r").__mod__, table[name].tolist()) for name in names]
    body = map(" ".join, zip(*cells, strict=True))
    return "\n".join([*table.period.lines(names), *body, ""])


def parse_table_text(
    content: bytes, schema: type[Constants], *, source: str, maps: DetectorMaps | None = None
) -> Table:
    """Read the bytes of a text file.

    Parameters
    ----------
    content : bytes
    schema : type of Constants
        One of :data:`TEXT_TABLES`.
    source : str
        For messages.
    maps : DetectorMaps, optional
        As in :meth:`Table.of`.

    Raises
    ------
    TableError
        For a damaged or cut file, and whatever :meth:`Table.of` refuses; names file and line.
    """
    _require_text_table(schema)
    lines = numbered_lines(content, source)
    header, body = split_header(lines, "#", source)
    period, names, names_line = parse_header(header, source)
    _require_names(names, schema, source, names_line)
    if not body:
        refuse_line(source, names_line, "the file ends after the header")
    rows = split_words(body, len(names), source)
    place = Source(source, [number for number, _ in body])
    columns = {
        column.name: read_words(column, words, place)
        for column, words in _columns(schema, names, rows)
    }
    return Table.of(schema, columns, period=period, maps=maps, source=place)


def read_table(path: Path, schema: type[Constants], *, maps: DetectorMaps | None = None) -> Table:
    """Read a text file; see :func:`parse_table_text`.

    Raises
    ------
    InputFileError
        If the file cannot be read, or is far too large for a table.
    TableError
        If its content is refused.
    """
    return parse_table_text(read_content(path), schema, source=str(path), maps=maps)


def write_table(table: Table, path: Path, *, overwrite: bool = False) -> None:
    """Write a text file atomically; see :func:`table_text`.

    Raises
    ------
    TableError
        See :func:`table_text`.
    OutputError
        If the file exists already or cannot be written.
    """
    write_text(path, table_text(table), overwrite=overwrite)


def read_content(path: Path) -> bytes:
    """Bytes of a small regular file.

    Raises
    ------
    InputFileError
        If it is none, cannot be read, or is larger than :data:`LARGEST_FILE`.
    """
    size = require_regular_file(path).st_size
    if size > LARGEST_FILE:
        raise InputFileError(
            f"{path}: {size} bytes, expected a table of at most {LARGEST_FILE} bytes",
            next_step=f"ls -l {path}",
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read: {error.strerror or error}") from error


def numbered_lines(content: bytes, source: str) -> list[NumberedLine]:
    """Lines that are not blank, with their numbers from 1.

    Raises
    ------
    TableError
        If the text is empty, not ASCII, or its last line has no end: the file was cut there.
    """
    if not content.isascii():
        place = next(i for i, byte in enumerate(content) if byte > 0x7F)
        number = content.count(b"\n", 0, place) + 1
        refuse_line(source, number, f"byte 0x{content[place]:02x} is not ASCII text")
    lines = content.decode("ascii").split("\n")
    if lines[-1].strip():
        refuse_line(source, len(lines), "the file ends inside this line, expected a line feed")
    found = [(number, line.rstrip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        refuse_line(source, 1, "the file is empty")
    return found


def split_header(
    lines: Sequence[NumberedLine], mark: str, source: str
) -> tuple[list[NumberedLine], list[NumberedLine]]:
    """Header lines, which begin with ``mark``, and the lines below.

    Raises
    ------
    TableError
        If a header line stands below a row: two files in one, for example.
    """
    is_header = [line.startswith(mark) for _, line in lines]
    count = is_header.index(False) if False in is_header else len(lines)
    if any(is_header[count:]):
        number = lines[is_header.index(True, count)][0]
        refuse_line(source, number, "a header line below the first row")
    return list(lines[:count]), list(lines[count:])


def split_words(body: Sequence[NumberedLine], count: int, source: str) -> list[list[str]]:
    """Words of each line.

    Raises
    ------
    TableError
        If a line has another number of words than ``count``.
    """
    rows = [line.split() for _, line in body]
    for (number, _), words in zip(body, rows, strict=True):
        if len(words) != count:
            refuse_line(source, number, f"{len(words)} words found, expected {count}")
    return rows


def read_words(column: Column, words: Sequence[str], place: Source) -> npt.NDArray[Any]:
    """Values of the words of a column.

    Returns
    -------
    ndarray of int64 or float64, shape (len(words),)

    Raises
    ------
    TableError
        At the first word that is no number; names file, line and column.
    """
    convert = _read_float if column.type == "float64" else _read_int
    try:
        return np.array(
            list(map(convert, words)), dtype=np.float64 if column.type == "float64" else np.int64
        )
    except ValueError:
        row = next(row for row, word in enumerate(words) if not _is_good(convert, word))
        return place.refuse(
            row, f"column {column.name}: {words[row]!r} found, expected {column.type}"
        )


def _read_float(word: str) -> float:
    if "_" in word:
        raise ValueError(word)
    return float(word)


def _read_int(word: str) -> int:
    if "_" in word or len(word) > 18:
        raise ValueError(word)
    return int(word)


def _is_good(convert: Callable[[str], float], word: str) -> bool:
    try:
        convert(word)
    except ValueError:
        return False
    return True


def _columns(
    schema: type[Constants], names: Sequence[str], rows: Sequence[Sequence[str]]
) -> list[tuple[Column, Sequence[str]]]:
    columns = {column.name: column for column in schema.columns()}
    return [(columns[name], w) for name, w in zip(names, zip(*rows, strict=True), strict=True)]


def _require_names(names: Sequence[str], schema: type[Constants], source: str, line: int) -> None:
    expected = schema.text_names()
    address = schema.key.address
    for name in names:
        if name not in expected:
            hint = nearest(name, expected)
            refuse_line(source, line, f"{schema.schema} has no column {name!r}{hint}")
    if sorted(names) != sorted(expected) or tuple(names[: len(address)]) != address:
        refuse_line(
            source,
            line,
            f"columns {' '.join(names)} found, expected {' '.join(expected)}; "
            f"only those after {address[-1]} may stand in another order",
        )


def _require_text_table(schema: type[Constants]) -> None:
    if schema not in TEXT_TABLES:
        known = ", ".join(entry.schema for entry in TEXT_TABLES)
        raise TableError(
            f"{schema.schema} has no text format of this kind (those that have: {known})"
        )
