"""Deposits of another simulation: flat and per event, Parquet and ROOT, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from pydantic import ValidationError

from mx2prod.core.errors import InputFileError, UsageError
from mx2prod.detector import Planes, from_view
from mx2prod.simulation.events import Events
from mx2prod.simulation.external import ExternalDeposits, nearest_triangle, read_deposits
from mx2prod.simulation.external_columns import ExternalFormat
from tests.simulation.beam_spec import NO, beam_spec, events_of

PLANES = Planes.load()
SCINTILLATOR = "volDetectorPlanelvScint_PV"
FLAT = ExternalFormat(particle="particle")
Columns = dict[str, Any]


@pytest.fixture(scope="module")
def events() -> Events:
    return events_of(beam_spec(beam={"side_fraction": 0.0, "rock_muons_per_gate": 3.0}), 12)


def columns_of(events: Events) -> Columns:
    """Segments of vertical muons' deposits, as a full simulation would write them."""
    rows = events.deposits[events.deposits["path_mm"] > 0]
    plane = rows["strip"] // 127
    centre = 16.7386 * (rows["strip"] % 127 - 63)
    odd = (rows["strip"] % 127 + 1) % 2 == 1
    # a vertical segment goes from the base to the slope of its triangle
    distance = np.abs(rows["t_mm"] - centre)
    z = PLANES.z[plane] + np.where(odd, -1, 1) * (8.5 - 17 / 2 * (1 - distance / 16.5))
    x, y = from_view(rows["t_mm"], rows["l_mm"], PLANES.view[plane])
    half = np.minimum(rows["path_mm"], 17 * (1 - distance / 16.5)) / 2
    columns = {"gate": rows["gate"].astype(np.int64), "particle": rows["particle"]}
    for name, sign in (("Start", -1), ("Stop", 1)):
        columns |= {f"{name}X": x, f"{name}Y": y, f"{name}Z": z + sign * half}
        columns[f"{name}T"] = rows["time_ns"].astype(np.float64) + sign * half / 299.8
    columns |= {"energy": rows["energy"], "energyAfterBirks": rows["energy_birks"]}
    columns["volume"] = np.full(len(rows), SCINTILLATOR)
    return columns


def write_parquet(path: Path, columns: Columns) -> Path:
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    return path


def write_root(path: Path, columns: Columns, *, trees: tuple[str, ...] = ("segments",)) -> Path:
    arrays = {name: ak.Array(values) for name, values in columns.items() if name != "volume"}
    with uproot.recreate(path) as file:
        for tree in trees:
            volume = ak.Array(list(columns["volume"]))
            file.mkrntuple(tree, {**arrays, "volume": volume})
    return path


def read(path: Path, layout: ExternalFormat = FLAT, **arrays: np.ndarray) -> ExternalDeposits:
    shift, rotation = arrays.get("shift", NO), arrays.get("rotation", NO)
    return read_deposits(path, PLANES, shift, rotation, layout)


def assert_same(found: ExternalDeposits, events: Events) -> None:
    expected = events.deposits[events.deposits["path_mm"] > 0]
    order = np.lexsort((expected["time_ns"], expected["particle"], expected["gate"]))
    expected = expected[order]
    assert found.n_outside == 0
    assert len(found.deposits) == len(expected)
    for name in ("gate", "particle", "strip"):
        np.testing.assert_array_equal(found.deposits[name], expected[name])
    for name in ("time_ns", "energy", "energy_birks", "t_mm", "l_mm"):
        np.testing.assert_allclose(found.deposits[name], expected[name], rtol=1e-5, atol=2e-3)
    assert np.all(found.deposits["path_mm"] <= expected["path_mm"] + 1e-3)


@pytest.mark.parametrize(("name", "write"), [("a.parquet", write_parquet), ("a.root", write_root)])
def test_deposits_come_back(tmp_path: Path, events: Events, name: str, write: Any) -> None:
    assert_same(read(write(tmp_path / name, columns_of(events))), events)


def test_order_of_the_file_does_not_matter(tmp_path: Path, events: Events) -> None:
    columns = columns_of(events)
    order = np.random.default_rng(1).permutation(len(columns["gate"]))
    mixed = {name: values[order] for name, values in columns.items()}
    assert_same(read(write_parquet(tmp_path / "a.parquet", mixed)), events)


def test_units_and_frame(tmp_path: Path, events: Events) -> None:
    columns = columns_of(events)
    frame = PLANES.frame_2x2()
    for name in ("Start", "Stop"):
        places = np.column_stack([columns[f"{name}{axis}"] for axis in "XYZ"])
        for axis, values in zip("XYZ", frame.from_detector(places).T, strict=True):
            columns[f"{name}{axis}"] = values / 10
        columns[f"{name}T"] = columns[f"{name}T"] / 1e3
    for name in ("energy", "energyAfterBirks"):
        columns[name] = columns[name] / 1e3
    layout = ExternalFormat(
        particle="particle", length="cm", time="us", energy_unit="GeV", frame="2x2"
    )
    assert_same(read(write_parquet(tmp_path / "a.parquet", columns), layout), events)


def test_lists_of_segments_are_gates(tmp_path: Path, events: Events) -> None:
    columns = columns_of(events)
    gates = np.bincount(columns["gate"], minlength=13)[1:]
    lists = {name: ak.unflatten(ak.Array(list(values)), gates) for name, values in columns.items()}
    del lists["gate"]
    path = tmp_path / "a.parquet"
    ak.to_parquet(ak.zip(lists, depth_limit=1), path)
    assert_same(read(path), events)


def test_other_volumes_are_left_out(tmp_path: Path, events: Events) -> None:
    columns = columns_of(events)
    columns["volume"][::2] = "volSteel_PV"
    found = read(write_parquet(tmp_path / "a.parquet", columns))
    assert len(found.deposits) == len(columns["gate"]) // 2


def test_displaced_planes(tmp_path: Path, events: Events) -> None:
    """Some segments are in another strip then; t is that of the true plane."""
    rows = events.deposits
    inner = rows[(np.abs(rows["t_mm"]) < 700) & (np.abs(rows["l_mm"]) < 700)]
    columns = columns_of(Events(events.particles, events.vertices, inner))
    path = write_parquet(tmp_path / "a.parquet", columns)
    shift = np.full(76, 3.0)
    found, before = read(path, shift=shift).deposits, read(path).deposits
    same = found["strip"] == before["strip"]
    assert 0.5 < np.mean(same) < 1
    np.testing.assert_allclose(found["t_mm"], before["t_mm"] - 3.0, atol=1e-3)
    turned = read(path, rotation=np.full(76, 4e-3)).deposits
    expected = np.cos(4e-3) * before["t_mm"] - np.sin(4e-3) * before["l_mm"]
    np.testing.assert_allclose(turned["t_mm"], expected, atol=1e-3)


def test_nearest_triangle() -> None:
    """Near its base, a point belongs to the strip whose base is there."""
    t, height = np.array([8.0, 8.0, 0.0, 16.9]), np.array([-8.4, 8.4, 0.0, 8.4])
    strip, beyond = nearest_triangle(t, height, PLANES)
    assert strip.tolist() == [65, 64, 64, 65]
    assert beyond[:3].max() < 0
    assert 0 < beyond[3] < 0.1  # in the coating between two strips


def test_wrong_frame_is_found(tmp_path: Path, events: Events) -> None:
    path = write_parquet(tmp_path / "a.parquet", columns_of(events))
    with pytest.raises(InputFileError, match="segments of scintillator lie in no strip") as caught:
        read(path, ExternalFormat(length="cm"))
    assert "frame" in caught.value.next_step


def test_few_segments_outside_are_counted(tmp_path: Path, events: Events) -> None:
    columns = columns_of(events)
    columns["StartX"][:3] = columns["StopX"][:3] = 3_000.0
    found = read(write_parquet(tmp_path / "a.parquet", columns))
    assert found.n_outside == 3
    assert len(found.deposits) == len(columns["gate"]) - 3


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("StartX", np.nan, r"a\.parquet, row 5: column 'StartX' is nan, expected a finite number$"),
        ("StopT", np.inf, "row 5: column 'StopT' is inf"),
        ("energy", -1.0, "row 5: column 'energy' is -1.0, expected a finite number, not negative"),
        ("energyAfterBirks", -0.5, "'energyAfterBirks' is -0.5.* not negative"),
    ],
)
def test_bad_values_are_refused(
    tmp_path: Path, events: Events, column: str, value: float, message: str
) -> None:
    columns = columns_of(events)
    columns[column][5] = value
    with pytest.raises(InputFileError, match=message):
        read(write_parquet(tmp_path / "a.parquet", columns))


def test_missing_column_is_refused_with_the_nearest(tmp_path: Path, events: Events) -> None:
    columns = columns_of(events)
    columns["startX"] = columns.pop("StartX")
    path = write_parquet(tmp_path / "a.parquet", columns)
    with pytest.raises(InputFileError, match=r"no column 'StartX'; did you mean 'startX'\?.*StopX"):
        read(path)
    del columns["gate"]
    columns["StartX"] = columns.pop("startX")
    with pytest.raises(InputFileError, match="no column 'gate'"):
        read(write_parquet(tmp_path / "b.parquet", columns))


def test_text_where_numbers_should_be(tmp_path: Path, events: Events) -> None:
    columns = columns_of(events)
    columns["energy"] = np.array(["1.0"] * len(columns["gate"]))
    with pytest.raises(InputFileError, match=r"column 'energy' holds .*, not numbers"):
        read(write_parquet(tmp_path / "a.parquet", columns))


def test_empty_cells_are_refused(tmp_path: Path, events: Events) -> None:
    columns = columns_of(events)
    columns["StartX"] = [None, *columns["StartX"][1:].tolist()]
    with pytest.raises(InputFileError, match="column 'StartX' has empty values"):
        read(write_parquet(tmp_path / "a.parquet", columns))


def test_lists_of_different_length_are_refused(tmp_path: Path) -> None:
    names = [name for name in ExternalFormat().required if name != "volume"]
    lists: Columns = {name: [[1.0], [2.0, 3.0]] for name in names}
    lists |= {"volume": [[SCINTILLATOR], [SCINTILLATOR] * 2], "StopX": [[1.0], [2.0]]}
    with pytest.raises(InputFileError, match="lists of 'StopX' and 'energy' differ in length"):
        read(write_parquet(tmp_path / "a.parquet", lists), ExternalFormat())


def test_no_tree_or_several_trees(tmp_path: Path, events: Events) -> None:
    path = write_root(tmp_path / "a.root", columns_of(events), trees=("one", "two"))
    with pytest.raises(InputFileError, match=r"which \(trees: one, two\)"):
        read(path)
    with pytest.raises(InputFileError, match="no tree 'tow'; did you mean 'two'"):
        read(path, ExternalFormat(tree="tow"))
    assert_same(read(path, ExternalFormat(particle="particle", tree="two")), events)


@pytest.mark.parametrize("name", ["a.parquet", "a.root"])
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not what it says" * 100)
    with pytest.raises(InputFileError, match="not a readable"):
        read(tmp_path / name)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n")
    with pytest.raises(UsageError, match=r"read from \.parquet or \.root files"):
        read(tmp_path / "a.csv")
    with pytest.raises(InputFileError):
        read(tmp_path / "missing.root")


def test_format_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValidationError):
        ExternalFormat.model_validate({"lenght": "cm"})
