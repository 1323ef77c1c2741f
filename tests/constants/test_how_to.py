"""What the how-to page shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mx2prod.constants import FebResponse, Pedestal, Table, read_table, write_feb_file
from mx2prod.core.errors import TableError
from mx2prod.detector import BoardAddress

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "constants.md").read_text()
MAKE, TEXT, BOARDS, PARQUET = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
FILE, MESSAGE = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


def write_boards(folder: Path) -> None:
    """Files of the boards of one chain."""
    folder.mkdir()
    for number in range(1, 11):
        board = BoardAddress(0, 1, 0, number)
        columns: dict[str, Any] = {
            name: np.full(64, getattr(board, name)) for name in ("crate", "croc", "chain", "board")
        }
        columns["pixel"] = np.arange(64)
        columns |= {column.name: np.linspace(1, 2, 64) for column in FebResponse.values}
        write_feb_file(Table.of(FebResponse, columns), board, folder / f"{board}.txt")


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(MAKE, names)
    table = names["table"]
    assert f"array({table.channel.tolist()})" in MAKE
    assert f"# {len(table.missing())}:" in MAKE
    exec(TEXT, names)
    path = Path("ped.dat")
    assert path.read_text() == FILE
    path.write_text(FILE.replace("431.0 1.5", "431.0 nan"))
    with pytest.raises(TableError) as caught:
        read_table(path, Pedestal)
    assert caught.value.message == MESSAGE.strip()
    write_boards(tmp_path / "bench")
    exec(BOARDS, names)
    assert len(names["table"]) == 640
    statement, value = PARQUET.strip().rsplit("\n", maxsplit=1)
    exec(statement, names)
    assert eval(value, names)
