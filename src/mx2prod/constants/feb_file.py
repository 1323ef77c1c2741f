"""Text files of the response of one front-end board (conditions page, section 3.2).

A file has header lines that begin with ``H``, then 64 lines of 58 words.  The first word holds the
pixel, counted from 1, in its third and fourth character; then come 19 words a gain: value, a
separator and error of the six parameters, and chi2/ndf.  Board and time do not stand in the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod.constants.keys import DetectorMaps
from mx2prod.constants.source import Source, refuse_line
from mx2prod.constants.table import Table
from mx2prod.constants.tables import FebResponse
from mx2prod.constants.text import (
    numbered_lines,
    read_content,
    read_words,
    split_header,
    split_words,
)
from mx2prod.core.errors import TableError
from mx2prod.core.files import write_text
from mx2prod.detector import CHANNEL_DTYPE, BoardAddress

PIXELS = 64
WORDS = 58
WORDS_OF_GAIN = 19
SEPARATOR = "+-"
VALUE_WORDS = tuple(word for word in range(1, WORDS) if (word - 1) % WORDS_OF_GAIN % 3 != 1)
"""Places of the 39 values, in the order of the columns."""


def feb_text(table: Table, board: BoardAddress) -> str:
    """Text of the rows of one board.

    Parameters
    ----------
    table : Table
        Of the schema :class:`FebResponse`; it may hold other boards too.
    board : BoardAddress

    Raises
    ------
    TableError
        If the table has another schema, or not all 64 pixels of the board.
    """
    if table.schema is not FebResponse:
        raise TableError(f"table {table.schema.schema}: expected {FebResponse.schema}")
    rows = _rows_of(table, board)
    names = [column.name for column in FebResponse.values]
    cells = [["H", *(f"P-{pixel + 1:02d}" for pixel in table["pixel"][rows].tolist())]]
    values = iter(names)
    for word in range(1, WORDS):
        if word in VALUE_WORDS:
            name = next(values)
            cells.append([name, *map(repr, table[name][rows].tolist())])
        else:
            cells.append([SEPARATOR] * (PIXELS + 1))
    return "".join(f"{' '.join(line)}\n" for line in zip(*cells, strict=True))


def parse_feb_text(
    content: bytes, board: BoardAddress, *, source: str, maps: DetectorMaps | None = None
) -> Table:
    """Read the bytes of the file of one board.

    Parameters
    ----------
    content : bytes
    board : BoardAddress
        The board that the file belongs to.
    source : str
        For messages.
    maps : DetectorMaps, optional
        As in :meth:`Table.of`.

    Returns
    -------
    Table
        64 rows; see :func:`~mx2prod.constants.table.joined`.

    Raises
    ------
    TableError
        For a damaged or cut file, a pixel that is missing or stands twice, an unknown board, and
        whatever :meth:`Table.of` refuses; names file and line.
    """
    _, body = split_header(numbered_lines(content, source), "H", source)
    rows = split_words(body, WORDS, source)
    place = Source(source, [number for number, _ in body])
    if len(rows) != PIXELS:
        last = place.lines[-1] if place.lines else 1
        refuse_line(source, last, f"{len(rows)} rows found, expected {PIXELS}")
    words = list(zip(*rows, strict=True))
    columns: dict[str, npt.NDArray[np.generic]] = {
        name: np.full(PIXELS, getattr(board, name), dtype=np.int64)
        for name in ("crate", "croc", "chain", "board")
    }
    columns["pixel"] = _pixels([row[0] for row in rows], place)
    for column, word in zip(FebResponse.values, VALUE_WORDS, strict=True):
        columns[column.name] = read_words(column, words[word], place)
    return Table.of(FebResponse, columns, maps=maps, source=place)


def read_feb_file(path: Path, board: BoardAddress, *, maps: DetectorMaps | None = None) -> Table:
    """Read the file of one board; see :func:`parse_feb_text`.

    Raises
    ------
    InputFileError
        If the file cannot be read, or is far too large for a table.
    TableError
        If its content is refused.
    """
    return parse_feb_text(read_content(path), board, source=str(path), maps=maps)


def write_feb_file(
    table: Table, board: BoardAddress, path: Path, *, overwrite: bool = False
) -> None:
    """Write the file of one board atomically; see :func:`feb_text`.

    Raises
    ------
    TableError
        See :func:`feb_text`.
    OutputError
        If the file exists already or cannot be written.
    """
    write_text(path, feb_text(table, board), overwrite=overwrite)


def _pixels(words: list[str], place: Source) -> npt.NDArray[np.int64]:
    pixels = np.zeros(len(words), dtype=np.int64)
    for row, word in enumerate(words):
        digits = word[2:4]
        if len(digits) != 2 or not digits.isdecimal() or not 1 <= int(digits) <= PIXELS:
            place.refuse(
                row,
                f"word {word!r} found, expected a pixel from 01 to {PIXELS} in its third and "
                "fourth character",
            )
        pixels[row] = int(digits) - 1
    return pixels


def _rows_of(table: Table, board: BoardAddress) -> npt.NDArray[np.intp]:
    same = np.ones(len(table), dtype=bool)
    for name in (CHANNEL_DTYPE.names or ())[:4]:
        same &= table[name] == getattr(board, name)
    rows = np.flatnonzero(same)
    if len(rows) != PIXELS:
        raise TableError(
            f"table {table.schema.schema}: {len(rows)} pixels of board {board}, expected {PIXELS}"
        )
    return rows
