"""Known errors: what each law does to the truth, and to nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mx2prod.constants import write_parquet
from mx2prod.constants.table import Table
from mx2prod.core.errors import ConfigError, InputFileError, TableError
from mx2prod.simulation.hardware import TrueDetector
from tests.simulation.making import START, spec_of

A, B, OD = "0-1-0-2", "0-1-0-3", "0-1-0-1"
"""A and B read strips with weave A and B; OD is outer detector."""


def truth_with(run: int = 50017, **miscalibrate: Any) -> TrueDetector:
    lists = {name: entry if isinstance(entry, list) else [entry]
             for name, entry in miscalibrate.items()}  # fmt: skip
    return TrueDetector.of(spec_of(miscalibrate=lists), run, START)


@pytest.fixture(scope="module")
def nominal() -> TrueDetector:
    return truth_with()


VALUES = {
    "pedestal": lambda t: t.pedestal, "gain": lambda t: t.gain, "feb": lambda t: t.curve,
    "strip": lambda t: t.strip_response, "attenuation": lambda t: t.attenuation,
    "planes": lambda t: t.plane_shift_mm, "rotations": lambda t: t.plane_rotation_rad,
    "timing": lambda t: t.offset_ns, "light": lambda t: np.array([t.light]),
    "slewing": lambda t: np.array([t.slewing_ns]), "weave": lambda t: t.channel_of_strip,
    "drift": lambda t: t.drift,
}  # fmt: skip


def changed(nominal: TrueDetector, truth: TrueDetector) -> set[str]:
    return {
        name for name, value in VALUES.items() if not np.array_equal(value(nominal), value(truth))
    }


ADDED = {"pedestal": 3.0, "planes": 2.0, "rotations": 0.002, "timing": 30.0}
FACTORS = {"gain": 0.2, "feb": 0.1, "strip": 0.2, "attenuation": 0.1}


def change(name: str, nominal: TrueDetector, truth: TrueDetector) -> np.ndarray:
    """What a known error added, or the factor less 1."""
    before, after = VALUES[name](nominal), VALUES[name](truth)
    if name in ADDED:
        return np.ravel(after - before)
    if name == "attenuation":
        before, after = before[:, 0], after[:, 0]
    if name == "feb":
        before, after = before[:, 0, 1], after[:, 0, 1]
    return np.ravel(after / before - 1)


@pytest.mark.parametrize(("name", "size"), [*ADDED.items(), *FACTORS.items()])
def test_gauss_has_its_width(nominal: TrueDetector, name: str, size: float) -> None:
    truth = truth_with(**{name: {"kind": "gauss", "size": size}})
    assert changed(nominal, truth) == {name}
    values = change(name, nominal, truth) / size
    n = len(values)
    assert values.std() == pytest.approx(1, abs=4 / np.sqrt(2 * n))
    assert abs(values.mean()) < 4 / np.sqrt(n)
    assert len(np.unique(values)) > 0.9 * n


@pytest.mark.parametrize(("name", "size"), [*ADDED.items(), *FACTORS.items()])
def test_uniform_ends_at_its_size(nominal: TrueDetector, name: str, size: float) -> None:
    values = change(name, nominal, truth_with(**{name: {"kind": "uniform", "size": size}})) / size
    n = len(values)
    assert np.abs(values).max() <= 1 + 1e-9
    assert values.std() == pytest.approx(1 / np.sqrt(3), abs=4 / np.sqrt(5 * n))
    assert abs(values.mean()) < 4 / np.sqrt(3 * n)


@pytest.mark.parametrize(("name", "size"), ADDED.items())
def test_shift_adds_its_size(nominal: TrueDetector, name: str, size: float) -> None:
    values = change(name, nominal, truth_with(**{name: {"kind": "shift", "size": size}}))
    assert values == pytest.approx(np.full(len(values), size))


@pytest.mark.parametrize("name", [*FACTORS, "light", "slewing"])
def test_scale_multiplies(nominal: TrueDetector, name: str) -> None:
    truth = truth_with(**{name: {"kind": "scale", "size": 1.2}})
    assert changed(nominal, truth) == {name}
    values = change(name, nominal, truth)
    assert values == pytest.approx(np.full(len(values), 0.2))


def test_known_errors_follow_each_other(nominal: TrueDetector) -> None:
    truth = truth_with(
        gain=[{"kind": "scale", "size": 2.0}, {"kind": "gauss", "size": 0.1},
              {"kind": "gauss", "size": 0.1}]
    )  # fmt: skip
    ratio = truth.gain / nominal.gain / 2
    # two independent draws, multiplied
    assert ratio.std() == pytest.approx(0.1 * np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("name", ["pedestal", "gain", "feb", "timing"])
def test_only_the_boards_that_are_named(nominal: TrueDetector, name: str) -> None:
    entry = {"kind": "gauss", "size": 0.1}
    values = {
        which: change(name, nominal, truth_with(**{name: entry | boards})).reshape(185, -1)
        for which, boards in {"all": {}, "one": {"boards": [B]}}.items()
    }
    assert (values["one"][np.arange(185) != 2] == 0).all()
    assert np.array_equal(values["one"][2], values["all"][2])


def test_from_a_run_on(nominal: TrueDetector) -> None:
    entry = {"kind": "scale", "size": 0.8, "since_run": 1800}
    assert changed(nominal, truth_with(1799, gain=entry)) == set()
    assert changed(nominal, truth_with(1800, gain=entry)) == {"gain"}


def test_pedestals_drift(nominal: TrueDetector) -> None:
    truth = truth_with(pedestal={"kind": "drift", "size": 4.0, "boards": [A]})
    assert changed(nominal, truth) == {"drift"}
    assert truth.drift[1] == 4 and truth.drift.sum() == 4


def test_all_slopes_of_a_channel_have_one_factor(nominal: TrueDetector) -> None:
    truth = truth_with(feb={"kind": "uniform", "size": 0.1})
    ratio = truth.curve[:, :, [1, 3, 5]] / nominal.curve[:, :, [1, 3, 5]]
    assert np.allclose(ratio, ratio[:, :1, :1])
    rest = [0, 2, 4]
    assert np.array_equal(truth.curve[:, :, rest], nominal.curve[:, :, rest])


def test_ratio_of_the_gains(nominal: TrueDetector) -> None:
    truth = truth_with(feb_ratio={"kind": "uniform", "size": 0.05})
    assert changed(nominal, truth) == {"feb"}
    ratio = truth.curve[:, :, [1, 3, 5]] / nominal.curve[:, :, [1, 3, 5]]
    assert (ratio[:, 0] == 1).all()
    assert np.allclose(ratio, ratio[:, :, :1])
    medium, low = ratio[:, 1, 0], ratio[:, 2, 0]
    assert abs(np.corrcoef(medium, low)[0, 1]) < 4 / np.sqrt(len(low))
    assert np.ptp(medium) == pytest.approx(0.1, rel=0.01)
    one = truth_with(feb_ratio={"kind": "scale", "size": 1.1, "boards": [A]}).curve[:, 1:, 1]
    expected = nominal.curve[:, 1:, 1] * np.where(np.arange(11_840) // 64 == 1, 1.1, 1)[:, None]
    assert np.allclose(one, expected)


def test_curves_of_two_boards_change_places() -> None:
    first = {"kind": "scale", "size": 1.1, "boards": [A]}
    truth = truth_with(feb=[first, {"kind": "swap", "boards": [A, B]}])
    slope = truth.curve[:, 0, 1].reshape(185, 64)
    assert (slope[2] == pytest.approx(0.88)) and (slope[1] == pytest.approx(0.80))


def plain_slot(weave: str, pixel: int) -> int:
    """Detector page, section 5.3."""
    row, column = divmod(pixel, 8)
    base = 48 - 16 * (row // 2)
    odd = row % 2, column % 2
    if weave == "A":
        first = {(0, 0): 15, (0, 1): 7, (1, 0): 3, (1, 1): 11}[odd]
        return base + first - column // 2
    first = {(0, 0): 15, (0, 1): 7, (1, 0): 7, (1, 1): 15}[odd]
    return base + first - column


@pytest.mark.parametrize(("board", "feb", "own", "other"), [(A, 1, "A", "B"), (B, 2, "B", "A")])
def test_the_other_weave(nominal: TrueDetector, board: str, feb: int, own: str, other: str) -> None:
    truth = truth_with(weave={"kind": "swap", "boards": [board]})
    assert changed(nominal, truth) == {"weave"}
    before, after = nominal.channel_of_strip, truth.channel_of_strip
    moved = before != after
    assert set(before[moved] // 64) == set(after[moved] // 64) == {feb}
    assert len(np.unique(after)) == len(after)
    pixels = {plain_slot(other, pixel): pixel for pixel in range(64)}
    for strip in np.flatnonzero(before // 64 == feb):
        assert after[strip] % 64 == pixels[plain_slot(own, int(before[strip]) % 64)]


# Refusals


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("gain", {"kind": "shift"}, "miscalibrate.gain: kind 'shift' has no meaning here"),
        ("gain", {"kind": "drift"}, "expected one of gauss, scale, uniform"),
        ("pedestal", {"kind": "scale"}, "miscalibrate.pedestal: kind 'scale'"),
        ("light", {"kind": "gauss"}, "miscalibrate.light: kind 'gauss'"),
        ("slewing", {"kind": "gauss"}, "miscalibrate.slewing: kind 'gauss'"),
        ("weave", {"kind": "gauss"}, "miscalibrate.weave: kind 'gauss'"),
        ("weave", {"kind": "swap"}, "miscalibrate.weave: name the boards"),
        ("weave", {"kind": "swap", "boards": [OD]}, "board 0-1-0-1 reads no strips"),
        ("feb", {"kind": "swap", "boards": [A]}, "miscalibrate.feb: swap needs two boards"),
        ("gain", {"boards": ["0-1-0-22"]}, "no board '0-1-0-22'; did you mean"),
        ("timing", {"boards": ["0-5-3-1"]}, "miscalibrate.timing: no board '0-5-3-1'; did you"),
    ],
)
def test_what_has_no_meaning_is_refused(name: str, entry: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        truth_with(**{name: entry})


# Tables

TABLES = {
    "pedestal": ("pedestal", {"kind": "gauss", "size": 5.0}),
    "gain": ("pmtgain", {"kind": "uniform", "size": 0.3}),
    "feb": ("feb", {"kind": "uniform", "size": 0.1}),
    "strip": ("s2s", {"kind": "uniform", "size": 0.2}),
    "attenuation": ("atten_id", {"kind": "uniform", "size": 0.1}),
    "planes": ("alignment", {"kind": "gauss", "size": 2.0}),
    "rotations": ("alignment", {"kind": "gauss", "size": 0.002}),
    "timing": ("timing", {"kind": "uniform", "size": 30.0}),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_truth_makes_the_same_detector(
    name: str, tmp_path: Path, nominal: TrueDetector
) -> None:
    schema, law = TABLES[name]
    wanted = truth_with(**{name: law})
    write_parquet(wanted.tables()[schema], tmp_path / "values.parquet")
    truth = truth_with(**{name: {"table": str(tmp_path / "values.parquet")}})
    assert changed(nominal, truth) == {name}
    expected, found = VALUES[name](wanted), VALUES[name](truth)
    if name == "strip":  # the table has a mean of 1: the overall scale is in the light
        expected = expected * np.mean(1 / expected)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert np.allclose(truth.noise, wanted.noise, rtol=1e-12)


def rows_of(table: Table, keep: np.ndarray, **values: Any) -> Table:
    names = [column.name for column in table.schema.columns()]
    return Table.of(table.schema, {n: np.asarray(table[n])[keep] for n in names} | values)


def test_rows_that_a_table_leaves_out_keep_their_values(
    tmp_path: Path, nominal: TrueDetector
) -> None:
    table = nominal.tables()["pmtgain"]
    half = rows_of(table, np.arange(64), gain=np.full(64, 4e5))
    write_parquet(half, tmp_path / "gains.parquet")
    truth = truth_with(gain={"table": str(tmp_path / "gains.parquet")})
    assert (truth.gain[:64] == 4e5).all()
    assert np.array_equal(truth.gain[64:], nominal.gain[64:])


def test_a_strip_without_constant_keeps_its_response(tmp_path: Path, nominal: TrueDetector) -> None:
    table = nominal.tables()["s2s"]
    some = rows_of(table, np.arange(10), s2s=np.r_[0.0, np.full(9, 1.25)])
    write_parquet(some, tmp_path / "s2s.parquet")
    truth = truth_with(strip={"table": str(tmp_path / "s2s.parquet")})
    assert truth.strip_response[:11] == pytest.approx([1, *[0.8] * 9, 1])


def test_tables_that_do_not_fit_are_refused(tmp_path: Path, nominal: TrueDetector) -> None:
    path = tmp_path / "gains.parquet"
    gains = nominal.tables()["pmtgain"]
    write_parquet(gains, path)
    with pytest.raises(TableError, match=r"gains.parquet: a table of pmtgain/1, expected pedestal"):
        truth_with(pedestal={"table": str(path)})
    with pytest.raises(ConfigError, match=r"miscalibrate.light: no table of it exists"):
        truth_with(light={"table": str(path)})
    with pytest.raises(InputFileError, match=r"none.parquet"):
        truth_with(gain={"table": str(tmp_path / "none.parquet")})
