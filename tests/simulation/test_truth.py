"""Truth tables, the folder they stand in, and the JSON with every value."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mx2prod import raw
from mx2prod.core.errors import OutputError
from mx2prod.core.files import atomic_folder
from mx2prod.detector import load_detector
from mx2prod.raw.dump import dump
from mx2prod.simulation.columns import DEPOSIT_DTYPE
from mx2prod.simulation.raw_truth import RawTruthFile
from mx2prod.simulation.truth import TruthTables, table_names, truth_folder
from mx2prod.simulation.truth_schema import TRUTH_TABLES, truth_columns, with_strip_address
from tests.simulation.making import file_of, spec_of


def rows_of(table: str, seed: int, n: int) -> Any:
    """Random rows of a table."""
    rows = np.zeros(n, TRUTH_TABLES[table])
    draw = np.random.default_rng(seed)
    for column in truth_columns(table):
        rows[column.name] = draw.integers(0, 2 if column.dtype == bool else 100, n)
    return rows


def test_tables_grow_block_by_block(tmp_path: Path) -> None:
    blocks = [
        {name: rows_of(name, seed, n) for name in TRUTH_TABLES} for seed, n in ((1, 5), (2, 3))
    ]
    empty = {name: rows_of(name, 3, 0) for name in TRUTH_TABLES}
    with TruthTables(tmp_path, table_names("full")) as tables:
        for block in (blocks[0], empty, blocks[1]):
            tables.write(block)
    for name in TRUTH_TABLES:
        file = pq.ParquetFile(tmp_path / f"{name}.parquet")
        assert file.num_row_groups == 2
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
        found = file.read()
        for column in truth_columns(name):
            expected = np.concatenate([block[name][column.name] for block in blocks])
            assert np.array_equal(found.column(column.name).to_numpy(), expected), column.name
            field = found.schema.field(column.name)
            assert field.metadata[b"meaning"].decode() == column.meaning
            assert not field.nullable


def test_a_file_without_particles_has_its_tables(tmp_path: Path) -> None:
    with TruthTables(tmp_path, table_names("light")):
        pass
    assert {path.stem for path in tmp_path.iterdir()} == {"truth_gates", "truth_particles"}
    assert pq.read_table(tmp_path / "truth_particles.parquet").num_rows == 0


def test_every_column_is_explained() -> None:
    for table in TRUTH_TABLES:
        for column in truth_columns(table):
            assert column.meaning, (table, column.name)
            if column.name.endswith(("_ns", "_mm", "_us")):
                assert column.unit == column.name[-2:], (table, column.name)


def test_deposits_say_the_address_of_their_strip() -> None:
    planes = load_detector().planes
    deposits = np.zeros(3, DEPOSIT_DTYPE)
    deposits["strip"] = [0, planes.strip_index(13, 2, 64), planes.n_strips - 1]
    deposits["energy"] = [1, 2, 3]
    rows = with_strip_address(deposits, planes)
    found = rows[["module", "plane", "strip_number"]].tolist()
    assert found == [(1, 1, 1), (13, 2, 64), (44, 2, 127)]
    assert rows["energy"].tolist() == [1, 2, 3]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    final = tmp_path / "new" / "x_truth"
    with atomic_folder(final) as temporary:
        (temporary / "a").write_text("1")
        assert not final.exists()
        assert temporary.name.startswith(".x_truth.")
    assert [path.name for path in final.iterdir()] == ["a"]
    with pytest.raises(ZeroDivisionError), atomic_folder(final, overwrite=True) as temporary:
        (temporary / "b").write_text("2")
        raise ZeroDivisionError
    assert [path.name for path in final.iterdir()] == ["a"]
    with pytest.raises(OutputError, match="exists already"), atomic_folder(final):
        pass
    with atomic_folder(final, overwrite=True) as temporary:
        (temporary / "c").write_text("3")
    assert [path.name for path in final.iterdir()] == ["c"]
    assert [path.name for path in final.parent.iterdir()] == ["x_truth"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), atomic_folder(tmp_path / "file/x"):
        pass


def test_place_of_the_truth() -> None:
    raw_file = Path("out/TS1_00050017_0022_numib_v09_2407100946_RawData.dat")
    expected = "out/TS1_00050017_0022_numib_v09_2407100946_RawData_truth"
    assert str(truth_folder(raw_file)) == expected


@pytest.mark.parametrize(
    ("prefix", "stream"),
    [
        ("p01", "pdstl"), ("p02", "linjc"), ("p03", "numib"), ("p04", "numip"), ("p05", "numib"),
        ("p06", "numib"), ("p08", "numib"), ("p10", "numib"), ("b03", "numib"),
    ],
)  # fmt: skip
def test_json_of_gates_is_what_dumping_their_file_gives(
    prefix: str, stream: str, samples: dict[str, Path], tmp_path: Path
) -> None:
    """Offsets and sizes are computed from the content here, and read from the bytes there."""
    folder = next(path for name, path in samples.items() if name.startswith(prefix))
    path = next(folder.glob("*.dat"))
    file_spec = spec_of(file_of(stream)).files[0]
    with raw.open(path, chunk_bytes=1 << 16) as file:
        expected = dump(file)
        header = file.scan().runs[0].header
        with RawTruthFile(tmp_path / "truth.json.gz", file_spec, header, path.name) as truth:
            for chunk in file.chunks(strict=False):
                truth.write(chunk)
            truth.finish(file.size, sentinel=True)
    assert json.loads(gzip.decompress((tmp_path / "truth.json.gz").read_bytes())) == expected
