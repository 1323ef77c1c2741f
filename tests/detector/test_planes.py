"""Geometry: counts and distances of the plane tables (detector page, sections 2 and 10.1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mx2prod.core.errors import AddressError, TableError
from mx2prod.detector import FRAME_OF_GEOMETRY, Frame2x2, Planes, View, load_table
from tests.detector.test_tables import lines_of, write


@pytest.fixture(scope="module")
def planes() -> Planes:
    return Planes.load()


@pytest.mark.parametrize("name", ["planes_v4", "planes_v3"])
def test_counts(name: str) -> None:
    planes = Planes.load(name)
    assert len(planes) == 76
    assert planes.n_strips == 9_652
    assert set(planes.module.tolist()) == set(range(1, 45))
    views = {view.name: int((planes.view == view).sum()) for view in (View.X, View.U, View.V)}
    assert views == {"X": 38, "U": 19, "V": 19}


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        (("tracker_us", "tracker_ds"), (21 + 1, 11, 11)),
        (("ecal",), (10, 5, 5)),
        (("hcal",), (6, 3, 3)),
    ],
)
def test_counts_by_region(
    planes: Planes, regions: tuple[str, ...], expected: tuple[int, ...]
) -> None:
    here = np.isin(planes.table.rows["region"], regions)
    assert tuple(int((planes.view[here] == view).sum()) for view in (1, 2, 3)) == expected


def test_plane_22_x_is_the_only_tracker_plane_with_a_full_sheet(planes: Planes) -> None:
    rows = planes.table.rows
    full = rows[
        np.char.startswith(rows["region"], "tracker") & (rows["absorber"] == "pb_full_1.98")
    ]
    assert full[["module", "plane"]].tolist() == [(22, 2)]


def test_views_by_module(planes: Planes) -> None:
    for module in range(1, 33):
        stereo = View.U if module % 2 else View.V
        assert planes.view[planes.index([module, module], [1, 2])].tolist() == [stereo, View.X]
    hcal = [View(int(planes.view[planes.index(m, 2)])).name for m in range(33, 45)]
    assert hcal == ["X", "U", "X", "V"] * 3
    assert (planes.index(np.arange(33, 45), 1) == -1).all()


def test_distances(planes: Planes) -> None:
    z = {(m, p): planes.z_of(m, p) for m, p in zip(planes.module, planes.plane, strict=True)}
    for module in range(1, 33):
        assert z[module, 2] - z[module, 1] == pytest.approx(20.48, abs=0.011)
    for first in [*range(1, 12), *range(13, 32)]:
        assert z[first + 1, 2] - z[first, 2] == pytest.approx(43.561, abs=0.01)
    for first in range(33, 44):
        assert z[first + 1, 2] - z[first, 2] == pytest.approx(46.736, abs=0.01)
    assert z[13, 2] - z[12, 2] == pytest.approx(3559.4, abs=0.1)
    assert z[1, 1] == 4538.60
    assert z[44, 2] == 9987.91


def test_versions_differ_only_upstream(planes: Planes) -> None:
    old = Planes.load("planes_v3")
    assert old.z_of(1, 2) == 4044.99
    assert planes.z_of(1, 2) == 4559.08
    upstream = planes.module <= 12
    assert np.ptp((planes.z - old.z)[upstream]) < 0.02
    assert (planes.z - old.z)[0] == pytest.approx(514, abs=0.2)
    assert np.abs((planes.z - old.z)[~upstream]).max() < 0.011


@pytest.mark.parametrize("name", ["planes_v4", "planes_v3"])
def test_2x2_frame_agrees_with_the_table(name: str) -> None:
    planes = Planes.load(name)
    points = np.zeros((76, 3))
    points[:, 2] = planes.z
    z = planes.frame_2x2().from_detector(points)[:, 2]
    assert np.abs(z - planes.table.rows["z_2x2_mm"]).max() < 0.011


def test_lookup_of_missing_planes(planes: Planes) -> None:
    assert planes.index([1, 0, -1, 45, 128, 33], [1, 1, 1, 2, 2, 1]).tolist() == [0] + [-1] * 5
    with pytest.raises(AddressError, match=r"no plane 1 in module 33 of planes_v4"):
        planes.z_of([32, 33], [1, 1])


def test_dense_strips(planes: Planes) -> None:
    strips = planes.strips()
    assert len(strips) == 9_652
    assert len(np.unique(strips["strip_id"])) == 9_652
    back = planes.strip_index(strips["module"], strips["plane"], strips["strip"])
    assert (back == np.arange(9_652)).all()
    assert planes.strip_index([1, 1, 1, 33], [1, 1, 1, 1], [0, 1, 128, 5]).tolist() == [
        -1, 0, -1, -1,
    ]  # fmt: skip
    assert strips["strip_id"][[0, -1]].tolist() == [1477706752, 1791622144]
    assert strips["strip_id"][planes.strip_index(23, 1, 1)] == 1634993152


def test_own_table_with_and_without_a_frame(tmp_path: Path) -> None:
    lines = lines_of("planes_v4")
    unknown = Planes.load(write(tmp_path, lines))
    with pytest.raises(TableError, match="2x2 frame is not known") as caught:
        unknown.frame_2x2()
    assert "frame_2x2 = x y z" in caught.value.next_step
    stated = Planes.load(write(tmp_path, ["# frame_2x2 = 0 -218.34 -6912.63", *lines]))
    assert stated.frame_2x2() == FRAME_OF_GEOMETRY["planes_v4"]
    with pytest.raises(TableError, match="the 2x2 frame says -6000"):
        Planes.load(write(tmp_path, ["# frame_2x2 = 0 -218.34 -6000", *lines]))


def test_frames_of_the_page() -> None:
    assert {
        "planes_v3": Frame2x2(0.0, 420.0, -6548.65),
        "planes_v4": Frame2x2(0.0, -218.34, -6912.63),
    } == FRAME_OF_GEOMETRY


def test_od_frames_follow_their_modules(planes: Planes) -> None:
    frames = load_table("od_frames_v4").rows
    x_plane = planes.z_of(frames["module"], np.full(44, 2))
    assert (np.abs(frames["z_det_mm"] - x_plane) < 45).all()
    assert (frames["type"][:32] == "frame").all()
    assert (frames["type"][32:] == "hcal_frame").all()
