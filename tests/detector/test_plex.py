"""Hardware map and wiring: rules, bijection, lookups (detector page, sections 4, 5 and 10)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from mx2prod.core.errors import AddressError, ConfigError, InputFileError, TableError
from mx2prod.detector import (
    BoardAddress,
    ChannelAddress,
    Detector,
    HardwareMap,
    Planes,
    Plex,
    Role,
    StripAddress,
    as_boards,
    best_weave,
    expand_chains,
    load_detector,
    load_table,
    pack_channel_ids,
    pack_strip_ids,
    require_recorded_versions,
    weave_slots,
    wiring,
)
from mx2prod.detector.describe import board_rows
from tests.detector.test_tables import lines_of, row_number, write

TABLES = Path(str(files("mx2prod.detector"))) / "tables"
FEBS_PER_CHAIN = {
    1: (10, 10, 10, 10), 2: (9, 9, 9, 9), 3: (10, 10, 10, 10),
    4: (9, 9, 9, 9), 5: (6, 6, 6), 6: (5, 5, 5),
}  # fmt: skip


@pytest.fixture(scope="module", params=["plex_v1", "plex_synth"])
def detector(request: pytest.FixtureRequest) -> Detector:
    return load_detector(plex=request.param)


@pytest.fixture(scope="module")
def plex(detector: Detector) -> Plex:
    return detector.plex


@pytest.fixture(scope="module")
def hardware() -> HardwareMap:
    return HardwareMap.load()


def with_comments(name: str, text: str) -> bytes:
    comments = [line for line in lines_of(name) if line.startswith("#")]
    return ("\n".join(comments) + "\n" + text).encode()


def test_board_rule_makes_the_board_table_byte_for_byte() -> None:
    text = wiring.boards_text(load_table("hardware_v1").rows)
    assert with_comments("boards_v1", text) == (TABLES / "boards_v1.csv").read_bytes()


def test_pixel_rule_makes_the_plex_byte_for_byte() -> None:
    rows = wiring.board_rows(load_table("hardware_v1").rows)
    text = wiring.plex_text(rows, load_table("planes_v4").rows)
    assert with_comments("plex_v1", text) == (TABLES / "plex_v1.csv").read_bytes()


def test_without_the_exchange_exactly_two_pixels_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "EXCHANGED_PIXELS", {})
    rows = wiring.board_rows(load_table("hardware_v1").rows)
    text = wiring.plex_text(rows, load_table("planes_v4").rows)
    ours = text.splitlines()
    table = [line for line in lines_of("plex_v1") if not line.startswith("#")]
    different = [pair for pair in zip(ours, table, strict=True) if pair[0] != pair[1]]
    assert different == [
        ("0,6,0,5,4,35,2,62,X", "0,6,0,5,4,35,2,61,X"),
        ("0,6,0,5,6,35,2,61,X", "0,6,0,5,6,35,2,62,X"),
    ]


def test_weaves() -> None:
    assert weave_slots("A")[:8].tolist() == [63, 55, 62, 54, 61, 53, 60, 52]
    assert weave_slots("B")[:8].tolist() == [63, 54, 61, 52, 59, 50, 57, 48]
    assert weave_slots("reversed")[:3].tolist() == [63, 62, 61]
    for weave in ("A", "B", "reversed"):
        assert sorted(weave_slots(weave).tolist()) == list(range(64))
        assert best_weave(weave_slots(weave)) == (weave, 0)
    with pytest.raises(KeyError):
        weave_slots("C")


def test_hardware_map(hardware: HardwareMap) -> None:
    assert (hardware.n_chains, hardware.n_febs, hardware.n_channels) == (22, 185, 11_840)
    expected = [
        (0, croc, chain, board)
        for croc, chains in FEBS_PER_CHAIN.items()
        for chain, febs in enumerate(chains)
        for board in range(1, febs + 1)
    ]
    assert hardware.boards.tolist() == expected
    assert hardware.feb_index(hardware.boards).tolist() == list(range(185))
    assert not hardware.boards.flags.writeable


def test_dense_channels(hardware: HardwareMap) -> None:
    ids = hardware.channel_ids()
    assert (hardware.channel_index(ids) == np.arange(11_840)).all()
    assert (np.diff(ids.astype(np.int64)) > 0).all()
    assert hardware.channel_index([1052672, 1056768, 6576096, 6576096 + 21]).tolist() == [
        0, 64, 11_839, 11_839,
    ]  # fmt: skip
    unknown = pack_channel_ids(0, [5, 10, 1], [3, 1, 0], [1, 1, 11], 7)
    assert hardware.channel_index(unknown).tolist() == [-1, -1, -1]
    with pytest.raises(AddressError, match="pixel 64"):
        hardware.channel_index(1056768 + (64 << 5))


def test_boards_of_many_forms(hardware: HardwareMap) -> None:
    boards = [(0, 1, 0, 1), BoardAddress(0, 6, 2, 5), (0, 5, 3, 1)]
    assert hardware.feb_index(boards).tolist() == [0, 184, -1]
    assert hardware.feb_index(as_boards(boards)).tolist() == [0, 184, -1]
    assert hardware.feb_index([]).tolist() == []
    assert expand_chains([(0, 1, 2, 3)]).tolist() == [(0, 1, 2, board) for board in (1, 2, 3)]
    with pytest.raises(AddressError, match="croc 32"):
        as_boards([(0, 32, 0, 1)])
    with pytest.raises(AddressError, match="is no board address"):
        as_boards(["0-1-0-1"])


def test_counts(detector: Detector) -> None:
    inner, outer = len(detector.boards), len(detector.od_boards)
    assert (inner, outer, detector.hardware.n_febs) == (152, 33, 185)
    assert inner + outer == 185
    assert outer * 64 == 44 * detector.constants.shape.od_bars_per_frame
    roles = np.bincount(detector.plex.channels["role"], minlength=5).tolist()
    assert roles == [0, 9_652, 76, 2_112, 0]
    assert (np.bincount(detector.plex.role_of_feb)[[Role.STRIP, Role.OD]] == [152, 33]).all()


def test_bijective(detector: Detector) -> None:
    plex, planes = detector.plex, detector.planes
    strips = np.arange(planes.n_strips)
    channels = plex.channel_index(strips)
    assert len(np.unique(channels)) == 9_652
    assert (plex.strip_index(channels) == strips).all()
    per_plane = np.bincount(plex.strip_of_channel[plex.strip_of_channel >= 0] // 127)
    assert per_plane.tolist() == [127] * 76


def test_every_row_of_the_table_is_found_by_both_ids(detector: Detector) -> None:
    rows, plex = detector.plex.table.rows, detector.plex
    ids = pack_channel_ids(rows["crate"], rows["croc"], rows["chain"], rows["board"], rows["pixel"])
    found = plex.addresses(ids)
    for name in ("module", "plane", "strip"):
        assert (found[name] == rows[name]).all()
    mapped = found["role"] == Role.STRIP
    assert (mapped == (rows["strip"] > 0)).all()
    plane = detector.planes.index(rows["module"][mapped], rows["plane"][mapped])
    assert (found["view"][mapped] == detector.planes.view[plane]).all()
    subdet = detector.planes.subdet[plane]
    expected = pack_strip_ids(
        subdet, *(rows[name][mapped] for name in ("module", "plane", "strip"))
    )
    assert (found["strip_id"][mapped] == expected).all()
    assert (found["strip_id"][~mapped] == 0).all()
    assert (found["channel_id"] == ids).all()


def test_trip_rule(detector: Detector) -> None:
    """A TriP reads 16 consecutive strips of one plane, a TriP pair one strip group."""
    plex = detector.plex
    inner = plex.role_of_feb == Role.STRIP
    boards = plex.channels.reshape(-1, 64)[inner]
    for pixels in boards.reshape(-1, 16):
        strips = np.sort(pixels["strip"][pixels["strip"] > 0])
        assert len(strips) >= 15
        assert (np.diff(strips) == 1).all()
    groups = set()
    for pixels in boards.reshape(-1, 32):
        used = pixels[pixels["strip"] > 0]
        assert len(np.unique(used[["module", "plane"]])) == 1
        span = (int(used["strip"].min()), int(used["strip"].max()))
        assert span in {(1, 32), (33, 63), (64, 95), (96, 127)}
        groups.add((int(used["module"][0]), int(used["plane"][0]), span))
    assert len(groups) == 304


def test_slots_of_a_trip() -> None:
    for weave in ("A", "B", "reversed"):
        slots = weave_slots(weave).reshape(4, 16)
        for trip in range(4):
            assert sorted(slots[trip].tolist()) == list(range(48 - 16 * trip, 64 - 16 * trip))


def test_spare_pixels(plex: Plex) -> None:
    spare = plex.channels[plex.channels["role"] == Role.SPARE]
    assert len(spare) == 76
    assert set(spare["pixel"].tolist()) == {0, 32}
    assert (spare["strip_index"] == -1).all()


def test_board_table_agrees_with_the_plex() -> None:
    detector = load_detector()
    shown = {
        (row["crate"], row["croc"], row["chain"], row["board"]): row for row in board_rows(detector)
    }
    for row in detector.boards.rows.tolist():
        seen = shown[row[:4]]
        assert seen["weave"] == row[4]
        assert seen["low"] == f"{row[5]}/{row[6]}/{row[7]}"
        assert seen["high"] == f"{row[8]}/{row[9]}/{row[10]}"
        assert seen["weave_mismatches"] == (2 if row[:4] == (0, 6, 0, 5) else 0)


def test_synthetic_plex_by_its_rule() -> None:
    plex = load_detector(plex="plex_synth").plex
    planes, inner = plex.planes, load_table("boards_v1").rows
    firsts = (1, 33, 64, 96)
    for number, row in enumerate(inner.tolist()):
        pair, group = divmod(number, 4)
        for slot in (0, 13, 30, 32, 45, 62):
            plane = 2 * pair + slot // 32
            expected = StripAddress(
                int(planes.module[plane]), int(planes.plane[plane]), firsts[group] + slot % 32
            )
            assert plex.of_channel(ChannelAddress(*row[:4], 63 - slot)) == expected


def test_the_two_wirings_differ() -> None:
    real, invented = load_detector().plex, load_detector(plex="plex_synth").plex
    assert (real.strip_of_channel == invented.strip_of_channel).mean() < 0.25
    assert real.table.sha256 != invented.table.sha256


def test_one_by_one() -> None:
    plex = load_detector().plex
    assert plex.of_channel(ChannelAddress(0, 6, 0, 5, 4)) == StripAddress(35, 2, 61)
    assert plex.of_strip(StripAddress(35, 2, 61)) == ChannelAddress(0, 6, 0, 5, 4)
    assert plex.of_channel(ChannelAddress(0, 1, 0, 1, 0)) is None
    with pytest.raises(AddressError, match=r"no strip 1/1/0: strips are 1\.\.127"):
        plex.of_strip(StripAddress(1, 1, 0))
    with pytest.raises(AddressError, match="no plane 1 in module 44"):
        plex.of_strip(StripAddress(44, 1, 5))
    with pytest.raises(AddressError, match=r"no board 0-1-0-11 .* chain 0-1-0 has boards 1\.\.10"):
        plex.of_channel(ChannelAddress(0, 1, 0, 11, 0))
    with pytest.raises(AddressError, match="no chain 0-5-3"):
        plex.of_channel(ChannelAddress(0, 5, 3, 1, 0))


def test_unknown_boards_keep_their_address(plex: Plex) -> None:
    rows = plex.addresses(pack_channel_ids(0, [10, 1], [1, 0], [1, 2], [5, 6], hit=3))
    assert rows[["crate", "croc", "chain", "board", "pixel"]].tolist() == [
        (0, 10, 1, 1, 5), (0, 1, 0, 2, 6),
    ]  # fmt: skip
    assert rows["role"].tolist()[0] == Role.UNMAPPED
    assert rows["strip_index"].tolist()[0] == -1
    assert rows["strip_id"].tolist()[0] == 0
    assert (
        rows["channel_id"].tolist() == pack_channel_ids(0, [10, 1], [1, 0], [1, 2], [5, 6]).tolist()
    )
    assert plex.addresses([]).shape == (0,)


def test_dense_lookups_refuse_what_is_out_of_range(plex: Plex) -> None:
    assert plex.strip_index([-1, 0]).tolist() == [-1, -1]
    assert plex.channel_index(-1) == -1
    with pytest.raises(AddressError, match=r"dense channel number .* -1\.\.11839"):
        plex.strip_index([11_840])
    with pytest.raises(AddressError, match=r"dense strip number .* -1\.\.9651"):
        plex.channel_index([-2])
    with pytest.raises(AddressError, match="expected integers"):
        plex.channel_index(1.5)


def test_arrays_are_read_only(plex: Plex) -> None:
    assert not plex.channels.flags.writeable
    assert not plex.channel_of_strip.flags.writeable


def changed(folder: Path, start: str, line: str) -> str:
    lines = lines_of("plex_v1")
    lines[row_number(lines, start)] = line
    return write(folder, lines)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0,1,0,2,0,45,2,95,X", "no such strip in planes_v4"),
        ("0,1,0,2,0,33,1,95,X", "no such strip in planes_v4"),
        ("0,1,0,2,0,4,2,95,U", "the view is X in planes_v4"),
        ("0,1,0,2,0,0,0,0,-", "1 strips have no pixel, the first is 4/2/95; found 77 spare"),
    ],
)
def test_plex_against_geometry(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        load_detector(plex=changed(tmp_path, "0,1,0,2,0,", line))


def moved(folder: Path, board: str, to: str) -> str:
    lines = [
        line.replace(f"{board},", f"{to},", 1) if line.startswith(f"{board},") else line
        for line in lines_of("plex_v1")
    ]
    return write(folder, lines)


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("0,1,0,11", r"line 5 .*no such board in hardware_v1"),
        ("0,1,0,10", "od_boards_v1 has this board too"),
    ],
)
def test_plex_against_hardware(tmp_path: Path, to: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        load_detector(plex=moved(tmp_path, "0,1,0,2", to))


def test_own_copy_of_the_plex_is_the_same_wiring(tmp_path: Path) -> None:
    own = load_detector(plex=write(tmp_path, lines_of("plex_v1")))
    assert (own.plex.channels == load_detector().plex.channels).all()
    assert own.versions()["plex"]["name"] == "mine.csv"


def test_versions_are_recorded() -> None:
    versions = load_detector().versions()
    assert list(versions) == [
        "geometry", "hardware", "plex", "boards", "od_boards", "od_frames", "fibres", "constants",
    ]  # fmt: skip
    assert all(len(entry["sha256"]) == 64 for entry in versions.values())
    assert "od_frames" not in load_detector("planes_v3").versions()


def test_other_tables_than_the_file_are_refused_unless_asked_for() -> None:
    recorded = load_detector("planes_v3").versions()
    assert require_recorded_versions(recorded, load_detector("planes_v3")) == []
    with pytest.raises(ConfigError, match=r"geometry: planes_v3 .* planes_v4") as caught:
        require_recorded_versions(recorded, load_detector())
    assert "--geometry" in caught.value.next_step
    differences = require_recorded_versions(recorded, load_detector(), explicit=True)
    assert len(differences) == 1


def test_board_tables_must_cover_the_hardware_map(tmp_path: Path) -> None:
    lines = lines_of("hardware_v1")
    lines[row_number(lines, "0,6,2,5")] = "0,6,2,6"
    mine = HardwareMap.load(write(tmp_path, lines))
    plex = Plex.load(hardware=mine)
    assert int((plex.role_of_feb == Role.UNMAPPED).sum()) == 1
    assert board_of_role(plex, Role.UNMAPPED) == [(0, 6, 2, 6)]


def board_of_role(plex: Plex, role: Role) -> list[tuple[int, ...]]:
    return list(map(tuple, plex.hardware.boards[plex.role_of_feb == role].tolist()))


def test_fibres() -> None:
    fibres = load_detector().fibres
    assert fibres.bagged_wls.shape == fibres.clear.shape == fibres.readout_end.shape == (9_652,)
    assert set(fibres.bagged_wls.tolist()) == {300.0}
    assert set(fibres.clear.tolist()) == {1500.0}
    assert set(fibres.readout_end.tolist()) == {1}


def test_own_fibres_go_to_their_strips(tmp_path: Path) -> None:
    lines = versions_text("fibres_v0")
    lines[row_number(lines, "44,2,127,")] = "44,2,127,301.5,1400,-1"
    body = [lines[0], *reversed(lines[1:])]
    fibres = load_detector(fibres=write(tmp_path, body)).fibres
    assert (fibres.bagged_wls[-1], fibres.clear[-1], fibres.readout_end[-1]) == (301.5, 1400, -1)
    assert fibres.bagged_wls[0] == 300
    lines[row_number(lines, "44,2,127,")] = "45,2,127,300,1400,-1"
    with pytest.raises(TableError, match="no such strip in planes_v4"):
        load_detector(fibres=write(tmp_path, lines))


def versions_text(name: str) -> list[str]:
    from mx2prod.detector.versions import VERSIONS

    rule = VERSIONS[name].rule
    assert rule is not None
    return rule().splitlines()


def test_missing_own_table() -> None:
    with pytest.raises(InputFileError):
        load_detector(plex="/nowhere/plex.csv")


def test_geometry_v3_has_the_same_wiring() -> None:
    old = Plex.load(planes=Planes.load("planes_v3"))
    assert (old.channels == load_detector().plex.channels).all()
