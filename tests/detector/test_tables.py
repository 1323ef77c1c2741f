"""Loading detector tables: names, hashes, and every way in which a table can be wrong."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import pytest

from mx2prod.core.errors import InputFileError, TableError, UsageError
from mx2prod.detector import schemas, versions
from mx2prod.detector.table import Column, Schema, parse_table
from mx2prod.detector.versions import VERSIONS, load_table, version_names

TABLES = Path(str(files("mx2prod.detector"))) / "tables"
FILES = [name for name, entry in VERSIONS.items() if entry.rule is None]


def lines_of(name: str) -> list[str]:
    return (TABLES / f"{name}.csv").read_text().splitlines()


def write(folder: Path, lines: list[str]) -> str:
    path = folder / "mine.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def row_number(lines: list[str], start: str) -> int:
    return next(number for number, line in enumerate(lines) if line.startswith(start))


@pytest.mark.parametrize("name", list(VERSIONS))
def test_every_known_table_loads_with_its_pinned_hash(name: str) -> None:
    table = load_table(name)
    assert table.sha256 == VERSIONS[name].sha256
    assert len(table) == table.schema.rows
    assert table.version() == {"name": name, "sha256": VERSIONS[name].sha256}


@pytest.mark.parametrize("name", FILES)
def test_the_hash_is_that_of_the_file_bytes(name: str) -> None:
    content = (TABLES / f"{name}.csv").read_bytes()
    assert load_table(name).sha256 == hashlib.sha256(content).hexdigest()


def test_every_csv_of_the_folder_is_known_and_in_its_readme() -> None:
    readme = (TABLES / "README.md").read_text()
    found = sorted(path.stem for path in TABLES.glob("*.csv"))
    assert found == sorted(FILES)
    assert all(f"`{name}.csv`" in readme for name in found)


def test_version_names_of_a_kind() -> None:
    assert version_names("planes") == ["planes_v4", "planes_v3"]
    assert version_names("plex") == ["plex_v1", "plex_synth"]
    assert set(version_names()) == set(VERSIONS)


def test_rows_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        load_table("planes_v4").rows["module"][0] = 7


def test_unknown_name_gives_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="did you mean 'planes_v4'") as caught:
        load_table("planes_4", "planes")
    assert caught.value.next_step == "mx2 detector tables"


def test_a_table_of_another_kind_is_not_taken() -> None:
    with pytest.raises(UsageError, match="no table of plex 'planes_v4'"):
        load_table("planes_v4", "plex")


def test_a_path_needs_a_kind() -> None:
    with pytest.raises(UsageError, match="which kind"):
        load_table("./mine.csv")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"none\.csv"):
        load_table(str(tmp_path / "none.csv"), "planes")
    with pytest.raises(InputFileError, match="a directory"):
        load_table(f"{tmp_path}/", "planes")


def test_a_file_that_vanishes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, lines_of("planes_v4"))

    def gone(_: Path) -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "read_bytes", gone)
    with pytest.raises(InputFileError, match=r"mine\.csv: cannot be read: No such file"):
        load_table(path, "planes")


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, VERSIONS[name].schema.kind) for name in FILES],
)
def test_a_copy_loads_by_path(tmp_path: Path, name: str, kind: str) -> None:
    table = load_table(write(tmp_path, lines_of(name)), kind)
    assert table.name == "mine.csv"
    assert table.sha256 == VERSIONS[name].sha256
    assert (table.rows == load_table(name).rows).all()


def test_own_hash_is_checked(tmp_path: Path) -> None:
    path = write(tmp_path, lines_of("planes_v4"))
    load_table(path, "planes", sha256=VERSIONS["planes_v4"].sha256)
    with pytest.raises(
        TableError, match=r"mine\.csv: content of mine\.csv has sha256 6830.*expected 0000"
    ):
        load_table(path, "planes", sha256="0" * 64)


def test_asking_for_another_hash_of_a_known_version_is_refused() -> None:
    with pytest.raises(TableError, match="expected 1111"):
        load_table("planes_v4", "planes", sha256="1" * 64)


def test_changed_content_of_a_shipped_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = VERSIONS["planes_v4"]
    monkeypatch.setitem(VERSIONS, "planes_v4", versions.Version(good.schema, "2" * 64))
    versions._load_version.cache_clear()
    try:
        with pytest.raises(TableError, match="expected 2222") as caught:
            load_table("planes_v4")
        assert "reinstall" in caught.value.next_step
    finally:
        versions._load_version.cache_clear()


def test_a_shipped_file_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERSIONS, "planes_v9", versions.Version(schemas.PLANES, "0" * 64))
    with pytest.raises(InputFileError, match="planes_v9") as caught:
        load_table("planes_v9")
    assert caught.value.next_step == "reinstall mx2prod"


PLANE_DEFECTS = {
    "row missing": (lambda lines: lines[:-1], r"75 rows \(last row at line 82\), expected 76"),
    "row twice": (
        lambda lines: [*lines, lines[-1]],
        r"line 84 \(44,2,V.*the same module, plane as line 83",
    ),
    "NaN": (
        lambda lines: [line.replace("4538.60", "nan") for line in lines],
        r"line 8 .*column 'z_det_mm': expected a finite number, found 'nan'",
    ),
    "infinity": (
        lambda lines: [line.replace("4538.60", "inf") for line in lines],
        "expected a finite number, found 'inf'",
    ),
    "not a number": (
        lambda lines: [line.replace("4538.60", "4_538.60") for line in lines],
        "expected a number, found '4_538.60'",
    ),
    "module is no integer": (
        lambda lines: [line.replace("7,1,U", "7.0,1,U") for line in lines],
        "column 'module': expected a plain integer, found '7.0'",
    ),
    "module out of bounds": (
        lambda lines: [line.replace("44,2,V", "200,2,V") for line in lines],
        "column 'module': expected a value in 1..127, found '200'",
    ),
    "unknown view": (
        lambda lines: [line.replace("44,2,V", "44,2,W") for line in lines],
        "column 'view': expected one of X, U, V, found 'W'",
    ),
    "unknown column": (
        lambda lines: [line.replace("subdet,", "subdett,") for line in lines],
        r"line 7: unknown column 'subdett' in a table of planes; did you mean 'subdet'",
    ),
    "missing column": (
        lambda lines: [
            line if line.startswith("#") else line.rsplit(",", 1)[0] for line in lines
        ],
        "missing column z_2x2_mm",
    ),
    "column twice": (
        lambda lines: [
            line if line.startswith("#") else f"{line},{line.split(',')[0]}" for line in lines
        ],
        "column 'module' stands twice",
    ),
    "cell missing": (
        lambda lines: [line.replace("44,2,V,hcal,", "44,2,V,") for line in lines],
        r"line 83 .*7 cells, expected 8",
    ),
    "cell empty": (
        lambda lines: [line.replace("44,2,V,hcal,", "44,2,V,,") for line in lines],
        "column 'region': expected a word",
    ),
    "no header": (lambda lines: [], "no header line; expected the columns module, plane"),
    "z goes back": (
        lambda lines: [line.replace("4538.60,-2374.03", "4560.60,-2352.03") for line in lines],
        r"line 9 \(1,2,X.*z_det_mm is not above that of the row before",
    ),
    "z columns differ": (
        lambda lines: [line.replace("-2374.03", "-2375.03") for line in lines],
        r"line 8 \(1,1,U.*z_2x2_mm - z_det_mm is -6913.63, expected -6912.63",
    ),
}  # fmt: skip


@pytest.mark.parametrize("defect", PLANE_DEFECTS)
def test_defects_of_a_plane_table(tmp_path: Path, defect: str) -> None:
    change, message = PLANE_DEFECTS[defect]
    path = write(tmp_path, change(lines_of("planes_v4")))
    with pytest.raises(TableError, match=message) as caught:
        load_table(path, "planes")
    assert caught.value.message.startswith(path)


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"module\xff")
    with pytest.raises(TableError, match="byte 6: not UTF-8"):
        load_table(str(path), "planes")


def test_pixel_twice(tmp_path: Path) -> None:
    lines = lines_of("plex_v1")
    first = row_number(lines, "0,1,0,2,0,")
    lines[first + 1] = lines[first].replace(",95,X", ",87,X")
    with pytest.raises(TableError, match="the same crate, croc, chain, board, pixel as line"):
        load_table(write(tmp_path, lines), "plex")


def test_strip_twice(tmp_path: Path) -> None:
    lines = lines_of("plex_v1")
    first = row_number(lines, "0,1,0,2,1,")
    lines[first] = "0,1,0,2,1,4,2,95,X"
    with pytest.raises(
        TableError, match=rf"line {first + 1} .*the same module, plane, strip as line {first}"
    ):
        load_table(write(tmp_path, lines), "plex")


@pytest.mark.parametrize("cells", ["4,2,0,X", "0,0,0,X", "0,2,95,X", "4,2,95,-"])
def test_half_spare_pixel(tmp_path: Path, cells: str) -> None:
    lines = lines_of("plex_v1")
    lines[row_number(lines, "0,1,0,2,0,")] = f"0,1,0,2,0,{cells}"
    with pytest.raises(TableError, match="a spare pixel has module, plane, strip, view 0,0,0,-"):
        load_table(write(tmp_path, lines), "plex")


def test_board_without_all_pixels(tmp_path: Path) -> None:
    lines = lines_of("plex_v1")
    lines[row_number(lines, "0,1,0,2,63,")] = "0,1,0,11,63,3,2,72,X"
    with pytest.raises(TableError, match=r"board 0-1-0-2 has 63 pixels, expected 64"):
        load_table(write(tmp_path, lines), "plex")


def test_strip_group_twice(tmp_path: Path) -> None:
    lines = lines_of("boards_v1")
    first = row_number(lines, "0,1,0,3,")
    lines[first] = "0,1,0,3,B,3,2,64-95,2,2,64-95"
    with pytest.raises(TableError, match=rf"strip group 3/2/64-95 is read by line {first} too"):
        load_table(write(tmp_path, lines), "boards")


def test_strip_group_in_both_halves(tmp_path: Path) -> None:
    lines = lines_of("boards_v1")
    lines[row_number(lines, "0,1,0,3,")] = "0,1,0,3,B,1,2,64-95,1,2,64-95"
    with pytest.raises(TableError, match="strip group 1/2/64-95 is read by line"):
        load_table(write(tmp_path, lines), "boards")


def test_modules_of_an_od_board_in_order(tmp_path: Path) -> None:
    lines = lines_of("od_boards_v1")
    lines[row_number(lines, "0,1,0,1,")] = "0,1,0,1,4,1,od,inferred"
    with pytest.raises(TableError, match="first_module is above last_module"):
        load_table(write(tmp_path, lines), "od_boards")


def test_columns_may_stand_in_another_order(tmp_path: Path) -> None:
    lines = [
        line if line.startswith("#") else ",".join(reversed(line.split(",")))
        for line in lines_of("hardware_v1")
    ]
    table = load_table(write(tmp_path, lines), "hardware")
    assert (table.rows == load_table("hardware_v1").rows).all()


def test_bounds_of_text_and_choices_of_numbers() -> None:
    end = Column("readout_end", int, "end", choices=(1, -1))
    assert end.read("-1") == -1
    with pytest.raises(ValueError, match="one of 1, -1"):
        end.read("0")
    with pytest.raises(ValueError, match="a plain integer"):
        end.read("+1")
    with pytest.raises(ValueError, match="a word of 1 to 24"):
        Column("word", str, "text").read("x" * 25)


def test_an_empty_table_says_how_many_rows_are_missing() -> None:
    schema = Schema("things", (Column("a", int, "a", 0, 9),), ("a",), rows=2)
    with pytest.raises(TableError, match=r"things\.csv: 0 rows, expected 2"):
        parse_table(b"a\n", schema, name="things", source="things.csv")


@pytest.mark.parametrize("words", ["0 -218.34", "0 x 1", "0 0 nan", "0 0 0 0"])
def test_frame_comment_must_hold_three_numbers(tmp_path: Path, words: str) -> None:
    table = load_table(
        write(tmp_path, [f"# frame_2x2 = {words}", *lines_of("planes_v4")]), "planes"
    )
    with pytest.raises(TableError, match="expected '# frame_2x2 = x y z'"):
        schemas.frame_comment(table)
