"""Import of the response of the front-end boards from a folder of bench files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import board_names
from mx2prod.calibration.feb_config import BOARD_FIELDS, FebConfig
from mx2prod.calibration.feb_curve import PARAMETERS, ReadoutMaps, channel_values
from mx2prod.constants import Table, joined, read_feb_file
from mx2prod.core.errors import InputFileError, TableError
from mx2prod.detector import BoardAddress
from mx2prod.detector.hardware import HardwareMap

Floats = npt.NDArray[np.float64]
_ERRORS = tuple(f"{name}_err" for name in PARAMETERS)


@dataclass(frozen=True)
class BenchFiles:
    """Content of a folder of bench files.

    Attributes
    ----------
    curves, errors : ndarray of float64, shape (n_channels, 3, 6)
        NaN for boards without file.
    chi2ndf : ndarray of float64, shape (n_channels, 3)
    found : ndarray of bool, shape (n_febs,)
        Boards that have a file.
    unused : tuple of str
        Names of files that are not of the pattern, or of a board that is not expected.
    """

    curves: Floats
    errors: Floats
    chi2ndf: Floats
    found: npt.NDArray[np.bool_]
    unused: tuple[str, ...]


def read_bench_folder(
    folder: Path, hardware: HardwareMap, expected: npt.NDArray[np.bool_], config: FebConfig
) -> BenchFiles:
    """Read the bench files of the expected boards.

    Parameters
    ----------
    folder : Path
        Files in the format of 58 words, named by ``config.file_name``; hidden files do not count.
    hardware : HardwareMap
    expected : ndarray of bool, shape (n_febs,)
    config : FebConfig

    Raises
    ------
    InputFileError
        If the folder or a file cannot be read.
    TableError
        For a damaged file, with its line; two files of one board; no file of an expected board.
    """
    paths, unused = _files_of_boards(folder, hardware, expected, config.file_name)
    if not paths:
        example = config.file_name.format(**dict(zip(BOARD_FIELDS, (0, 1, 0, 2), strict=True)))
        raise TableError(
            f"{folder}: no bench file of an expected board among {len(unused)} files, expected "
            f"names like {example}",
            next_step=f"ls {folder}, then set feb.file_name",
        )
    addresses = [BoardAddress(*board) for board in hardware.boards.tolist()]
    maps = ReadoutMaps(hardware)
    tables = [read_feb_file(path, addresses[index], maps=maps) for index, path in paths.items()]
    curves, errors, chi2ndf = arrays_of_table(joined(tables, maps=maps), hardware)
    found = np.zeros(hardware.n_febs, np.bool_)
    found[list(paths)] = True
    return BenchFiles(curves, errors, chi2ndf, found, tuple(unused))


def arrays_of_table(table: Table, hardware: HardwareMap) -> tuple[Floats, Floats, Floats]:
    """Curves, errors and chi2/ndf of a table by channel number; NaN without a row."""
    return (
        channel_values(table, hardware, PARAMETERS),
        channel_values(table, hardware, _ERRORS),
        channel_values(table, hardware, ("chi2ndf",))[..., 0],
    )


def _files_of_boards(
    folder: Path, hardware: HardwareMap, expected: npt.NDArray[np.bool_], pattern: str
) -> tuple[dict[int, Path], list[str]]:
    if not folder.is_dir():
        raise InputFileError(
            f"{folder}: no folder of bench files", next_step=f"ls -ld {folder.parent}"
        )
    numbers = {name: index for index, name in enumerate(board_names(hardware))}
    expression = _expression(pattern)
    paths: dict[int, Path] = {}
    unused = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_dir():
            continue
        match = expression.fullmatch(path.name)
        name = "-".join(str(int(match[field])) for field in BOARD_FIELDS) if match else ""
        index = numbers.get(name, -1)
        if index < 0 or not expected[index]:
            unused.append(path.name)
        elif index in paths:
            raise TableError(
                f"{folder}: {paths[index].name} and {path.name} are both of board {name}, "
                "expected one file a board",
                next_step="move one of them away",
            )
        else:
            paths[index] = path
    return paths, unused


def _expression(pattern: str) -> re.Pattern[str]:
    """Regular expression of a file name with {crate}, {croc}, {chain}, {board}."""
    parts = []
    for text, field, _, _ in Formatter().parse(pattern):
        parts.append(re.escape(text))
        if field:
            parts.append(rf"(?P<{field}>\d{{1,2}})")
    return re.compile("".join(parts))
