"""Tables and files of a pedestal product: exact, repeatable, complete."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mx2prod.calibration import accumulate, read_accumulator, serialise
from mx2prod.calibration.config import ExportConfig, Preproduction
from mx2prod.calibration.input_files import FileFacts
from mx2prod.calibration.pedestal_outputs import (
    read_with_companion,
    write_products,
)
from mx2prod.calibration.pedestal_product import PedestalCalibration, PedestalProduct
from mx2prod.calibration.pedestal_tables import BAD_PEDESTAL
from mx2prod.constants.arrow import read_parquet
from mx2prod.constants.content import content_sha256
from mx2prod.constants.tables import Pedestal
from mx2prod.constants.text import read_table
from mx2prod.core.errors import InputFileError, OutputError, TableError
from mx2prod.detector.load import Detector, load_detector
from tests.calibration.pedestal_gates import FIRST_US, Pedestals, chunks

SETTINGS = Preproduction(boards=("0-1-0",))
STEM = "TS1_00001702_0004_pdstl_v09_2404120514"
RAW = Path(f"{STEM}_RawData.dat")
TRUTH = Pedestals.random(np.arange(9), 41)
"""The tenth board of the chain has no data."""


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector()


def made(
    detector: Detector, settings: Preproduction = SETTINGS, **options: object
) -> PedestalProduct:
    gates = chunks(detector.hardware, TRUTH, range(1, 301), **options)  # type: ignore[arg-type]
    accumulator = accumulate(gates, detector.hardware)
    return PedestalCalibration(settings, detector).product(accumulator, [RAW], FileFacts())


def test_a_table_holds_the_fit(detector: Detector) -> None:
    product = made(detector)
    tables, fit = product.tables, product.fit
    assert tables is not None and fit is not None
    pedestals, companion = tables.pedestals, tables.companion
    assert len(pedestals) == len(companion) == 9 * 64
    assert np.array_equal(pedestals.channel, detector.hardware.channel_ids()[: 9 * 64])
    for gain, prefix in enumerate(("hg", "mg", "lg")):
        assert np.array_equal(pedestals[f"{prefix}_mean"], fit.moments.mean[:576, gain])
        assert np.array_equal(pedestals[f"{prefix}_rms"], fit.moments.rms[:576, gain])
        assert np.array_equal(pedestals[f"{prefix}_entries"], fit.moments.entries[:576, gain])
        assert np.array_equal(companion[f"{prefix}_mean_err"], fit.moments.mean_err[:576, gain])
    assert (companion["previous_mean"] == -1).all()
    assert np.array_equal(companion["status"], product.status[:576])  # type: ignore[index]
    period = pedestals.period
    assert period is not None
    start = FIRST_US + 4 * 10**10
    assert (period.begin_us, period.end_us) == (start + 100_000, start + 30_000_000)
    assert period.min_occupancy == 300


def test_the_same_input_gives_the_same_content(detector: Detector) -> None:
    hashes = set()
    for _ in range(2):
        tables = made(detector).tables
        assert tables is not None
        hashes.add((content_sha256(tables.pedestals), content_sha256(tables.companion)))
    assert len(hashes) == 1


def test_missing_rows_can_be_filled_with_medians(detector: Detector) -> None:
    settings = SETTINGS.model_copy(update={"export": ExportConfig(missing="nominal")})
    product = made(detector, settings)
    assert product.tables is not None and product.fit is not None
    pedestals, nominal = product.tables.pedestals, product.tables.nominal
    assert len(pedestals) == 640 and nominal is not None and len(nominal) == 64
    assert (nominal["board"] == 10).all() and (nominal["flags"] == BAD_PEDESTAL).all()
    assert (pedestals["hg_mean"][576:] == np.median(product.fit.moments.mean[:576, 0])).all()
    assert (pedestals["hg_entries"][576:] == 0).all()
    assert np.array_equal(pedestals["hg_mean"][:576], product.fit.moments.mean[:576, 0])


def test_all_files_are_written_and_read_again(detector: Detector, tmp_path: Path) -> None:
    product = made(detector)
    paths = write_products(product, tmp_path, extra={"campaign": "c", "verdict": "mine"})
    assert {name: path.name for name, path in paths.items()} == {
        "table": f"{STEM}_pedestal_table.dat",
        "parquet": f"{STEM}_pedestal_table.parquet",
        "accumulator": f"{STEM}_pedestal_table.acc.parquet",
        "verdict": f"{STEM}_pedestal_table.verdict.json",
    }
    assert sorted(tmp_path.iterdir()) == sorted(paths.values())
    assert product.tables is not None and product.accumulator is not None
    expected = content_sha256(product.tables.pedestals)
    text = read_table(paths["table"], Pedestal)
    assert content_sha256(text) == expected and text.period == product.tables.pedestals.period
    pedestals, companion = read_with_companion(paths["parquet"])
    assert content_sha256(pedestals) == expected
    assert content_sha256(companion) == content_sha256(product.tables.companion)
    assert serialise(read_accumulator(paths["accumulator"])) == serialise(product.accumulator)
    verdict = json.loads(paths["verdict"].read_text())
    assert verdict["verdict"] == "investigate" and verdict["kind"] == "pedestal"
    assert verdict["campaign"] == "c"
    assert verdict["content_sha256"] == expected and verdict["run"] == 1702
    (absent,) = [r for r in verdict["reasons"] if r["code"] == "absent_boards"]
    assert absent["places"] == ["0-1-0-10"]


def test_existing_files_are_kept_unless_told(detector: Detector, tmp_path: Path) -> None:
    product = made(detector)
    verdict = tmp_path / f"{STEM}_pedestal_table.verdict.json"
    verdict.write_text("mine")
    with pytest.raises(OutputError, match=r"verdict\.json: exists"):
        write_products(product, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [verdict.name]
    paths = write_products(product, tmp_path, overwrite=True)
    content = {name: path.read_bytes() for name, path in paths.items()}
    write_products(product, tmp_path, overwrite=True)
    assert content == {name: path.read_bytes() for name, path in paths.items()}


def test_nominal_rows_have_a_file(detector: Detector, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"export": ExportConfig(missing="nominal")})
    paths = write_products(made(detector, settings), tmp_path, stem="mine")
    assert paths["nominal"].name == "mine_pedestal_table.nominal.parquet"
    assert len(read_parquet(paths["nominal"])) == 64


def test_other_parquet_files_are_refused(detector: Detector, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"x": [1]}), other)
    with pytest.raises(TableError, match=r"other\.parquet: no pedestals"):
        read_with_companion(other)
    with pytest.raises(InputFileError, match="No such file"):
        read_with_companion(tmp_path / "missing.parquet")
    paths = write_products(made(detector), tmp_path)
    table = pq.read_table(paths["parquet"])
    values = table.column("hg_mean").to_numpy().copy()
    values[3] += 1
    place = table.column_names.index("hg_mean")
    changed = table.set_column(place, table.schema.field("hg_mean"), pa.array(values))
    pq.write_table(changed, other)
    with pytest.raises(TableError, match="not the one that was written"):
        read_with_companion(other)
