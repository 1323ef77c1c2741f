"""Closure of pre-production on simulated raw files: pre-production page, section 9.

The numbers of the tests are those of the page.  Ten boards on two chains with every commit; the
sizes of the page with ``make test-all``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.feb_calibration import check_in_situ
from mx2prod.calibration.gain_calibration import calibrate_gains
from mx2prod.calibration.gain_product import GainProduct
from mx2prod.calibration.gain_status import CHANGED, DARK
from mx2prod.calibration.gain_status import RANGE as GAIN_RANGE
from mx2prod.calibration.pedestal_compare import PreviousPedestals
from mx2prod.calibration.pedestal_product import PedestalProduct
from mx2prod.calibration.pedestal_status import PedestalBit, has_bit
from mx2prod.calibration.pedestals import calibrate_pedestals
from mx2prod.calibration.verdict import Verdict
from mx2prod.constants import Table
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.simulation import SimulatedFile, Spec, simulate
from mx2prod.simulation.blocks import FileSimulation
from mx2prod.simulation.hardware import TrueDetector
from tests.simulation.making import START, file_of, spec_of

TEN = tuple(f"0-{croc}-0-{board}" for croc in (1, 2) for board in range(1, 6))
FULL = pytest.mark.slow
N_BOARDS = 185


@dataclass(frozen=True)
class Size:
    """Boards and gates of a test."""

    febs: Any
    gates: int
    defects: int

    @property
    def settings(self) -> Preproduction:
        """Settings that expect these boards."""
        return Preproduction() if self.febs == "all" else Preproduction(boards=tuple(self.febs))

    def spec(self, *files: dict[str, Any], **values: Any) -> Spec:
        """A spec of these boards."""
        return spec_of(*files, febs=self.febs, **values)

    @property
    def names(self) -> list[str]:
        """Names of all boards of the hardware map."""
        hardware = truth_of(self.spec(file_of("pdstl"))).detector.hardware
        return ["-".join(map(str, board)) for board in hardware.boards.tolist()]


def sizes(small: int, full: int, defects: int = 5) -> Any:
    """Parametrise a test with a small and a full size."""
    return pytest.mark.parametrize(
        "size",
        [
            pytest.param(Size(TEN, small, defects), id="small"),
            pytest.param(Size("all", full, 20), id="full", marks=FULL),
        ],
    )


def truth_of(spec: Spec, file: int = 0) -> TrueDetector:
    return FileSimulation(spec, spec.files[file]).truth


def minutes(after: int) -> dict[str, Any]:
    return {"start": START + timedelta(minutes=after)}


def pedestals(
    file: SimulatedFile, settings: Preproduction, previous: PedestalProduct | None = None
) -> PedestalProduct:
    tables = None
    if previous is not None:
        assert previous.tables is not None
        tables = PreviousPedestals(previous.tables.pedestals, previous.tables.companion, "before")
    (product,) = calibrate_pedestals([file.path], settings, previous=tables)
    file.path.unlink()
    return product


def gains(
    file: SimulatedFile, settings: Preproduction, truth: TrueDetector, previous: Table | None = None
) -> GainProduct:
    """Gains with the true pedestals and curves."""
    tables = truth.tables()
    (product,) = calibrate_gains(
        [file.path], settings, pedestals=tables["pedestal"], feb=tables["feb"], previous=previous
    )
    file.path.unlink()
    return product


def with_bit(product: PedestalProduct, bit: PedestalBit) -> set[int]:
    assert product.status is not None
    return set(np.flatnonzero(has_bit(product.status, bit)).tolist())


def present(size: Size) -> np.ndarray:
    """Channels of the boards that are simulated."""
    boards = np.isin(size.names, size.names if size.febs == "all" else size.febs)
    return np.repeat(boards, PIXELS_PER_BOARD)


# Pedestals


@FULL
def test_1_clean_pedestals(tmp_path: Path) -> None:
    size = Size("all", 10_000, 0)
    spec = size.spec(file_of("pdstl", gates=size.gates))
    product = pedestals(simulate(spec, tmp_path)[0], size.settings)
    assert product.fit is not None
    truth = truth_of(spec)
    moments = product.fit.moments
    pull = (moments.mean - truth.pedestal) / moments.mean_err
    assert abs(pull.mean()) < 0.02
    assert pull.std() == pytest.approx(1, abs=0.02)
    table = truth.tables()["pedestal"]
    for gain, name in enumerate(("hg", "mg", "lg")):
        assert np.mean(moments.rms[:, gain] / table[f"{name}_rms"]) == pytest.approx(1, abs=0.01)
    n = product.verdict.channels
    assert n["bad"] == 0
    assert n["investigate"] < 1e-3 * sum(n.values())
    assert product.verdict.verdict is Verdict.GOOD, product.verdict.reasons


@sizes(small=600, full=5000)
def test_3_pedestal_gates_between_spills_agree_with_pure_ones(size: Size, tmp_path: Path) -> None:
    """Twice the gates, every other of them beam, with twice the usual interactions."""
    spec = size.spec(
        file_of("pdstl", gates=size.gates),
        file_of("numip", gates=2 * size.gates),
        beam={"interactions_per_gate": 0.9},
    )
    files = simulate(spec, tmp_path)
    pure, mixed = (pedestals(file, size.settings) for file in files)
    assert pure.fit is not None and mixed.fit is not None and mixed.accumulator is not None
    assert mixed.accumulator.gates["type 16"] == mixed.accumulator.gates["used"] == size.gates
    moments = [product.fit.moments for product in (pure, mixed) if product.fit is not None]
    moved = (moments[1].mean - moments[0].mean)[present(size)]
    error = np.hypot(moments[0].mean_err, moments[1].mean_err)[present(size)]
    # the statistics of the two means come on top of the page's 0.3 ADC
    assert (np.abs(moved) < 0.3 + 2 * error).mean() > 0.99
    true = truth_of(spec, 1).pedestal - truth_of(spec, 0).pedestal
    bias = (moved - true[present(size)]) / error
    assert abs(bias.mean()) < 5 / np.sqrt(bias.size) + 0.05
    assert bias.std() == pytest.approx(1, abs=max(0.03, 4 / np.sqrt(2 * bias.size)))


@dataclass(frozen=True)
class Defects:
    """Addresses of the defects of test 4."""

    dead: tuple[str, ...]
    stuck: tuple[str, ...]
    noisy: tuple[str, ...]
    absent: str
    exchanged: tuple[str, str]
    shifted: str
    drifting: str

    @classmethod
    def of(cls, size: Size) -> Defects:
        """Spread over the inner-detector boards; no pixel has two."""
        febs = list(size.names if size.febs == "all" else size.febs)
        inner = [name for name in febs if name.rpartition("-")[2] in "2345"]
        random = np.random.default_rng(4)
        special = [inner[k] for k in random.permutation(len(inner))[:5]]
        free = [f"{name}-{pixel}" for name in inner if name not in special for pixel in range(64)]
        chosen = [free[k] for k in random.permutation(len(free))[: 3 * size.defects]]
        n = size.defects
        return cls(
            tuple(chosen[:n]), tuple(chosen[n : 2 * n]), tuple(chosen[2 * n :]), special[0],
            (special[1], special[2]), special[3], special[4],
        )  # fmt: skip

    def faults(self, since: int) -> list[dict[str, Any]]:
        stuck = [
            {"kind": "stuck_bit", "address": address, "size": bit}
            for address in self.stuck
            for bit in range(12)
        ]
        entries = [
            *({"kind": "dead_pixel", "address": address} for address in self.dead),
            *stuck,
            *({"kind": "noisy_pixel", "address": address} for address in self.noisy),
            {"kind": "absent_feb", "address": self.absent},
            {"kind": "swapped_boards", "address": self.exchanged[0],
             "with_address": self.exchanged[1]},
        ]  # fmt: skip
        return [{**entry, "from_run": since} for entry in entries]


def dense(size: Size, addresses: Sequence[str]) -> set[int]:
    names = size.names
    return {
        names.index(address.rpartition("-")[0]) * 64 + int(address.rpartition("-")[2])
        for address in addresses
    }


def of_board(size: Size, name: str) -> set[int]:
    first = 64 * size.names.index(name)
    return set(range(first, first + 64))


@sizes(small=1200, full=10_000)
def test_4_injected_defects_are_found_at_their_address(size: Size, tmp_path: Path) -> None:
    """Even light, as 4 in 11,840 pixels of a profile of 30 % have less than 0.2 PE: dark too."""
    defects = Defects.of(size)
    hours = size.gates * 0.1 / 3600
    law = {
        "pedestal": [
            {"kind": "shift", "size": 3.0, "boards": [defects.shifted], "since_run": 1800},
            {"kind": "drift", "size": 6.0 / hours, "boards": [defects.drifting],
             "since_run": 1800},
        ]
    }  # fmt: skip
    spec = size.spec(
        file_of("pdstl", run=1790, gates=size.gates),
        file_of("pdstl", run=1800, gates=size.gates, **minutes(20)),
        file_of("linjc", run=1801, gates=3000, **minutes(60)),
        faults=defects.faults(1800), miscalibrate=law, light_injection={"profile": 0.1},
    )  # fmt: skip
    files = simulate(spec, tmp_path)
    before = pedestals(files[0], size.settings)
    assert before.verdict.channels["bad"] == 0
    product = pedestals(files[1], size.settings, before)
    absent = of_board(size, defects.absent)
    assert with_bit(product, PedestalBit.ABSENT) & set(np.flatnonzero(present(size))) == absent
    stuck, noisy = dense(size, defects.stuck), dense(size, defects.noisy)
    assert with_bit(product, PedestalBit.STUCK) == stuck
    assert with_bit(product, PedestalBit.RAIL) == stuck
    wide = with_bit(product, PedestalBit.NOISY) | with_bit(product, PedestalBit.WIDE)
    assert len(wide & noisy) >= 0.95 * len(noisy)
    assert len(wide - noisy - stuck) <= 1e-3 * present(size).sum()
    assert with_bit(product, PedestalBit.DRIFT) == of_board(size, defects.drifting)
    reasons = {reason.code: reason for reason in product.verdict.reasons}
    assert reasons["absent_boards"].places == (defects.absent,)
    pair = " <-> ".join(sorted(defects.exchanged, key=size.names.index))
    assert reasons["exchanged_boards"].text == f"boards exchanged: {pair}"
    crowded = {defects.absent, *defects.exchanged, defects.shifted, defects.drifting}
    assert crowded <= set(reasons["crowded_boards"].places)
    shifted = with_bit(product, PedestalBit.SHIFTED)
    assert len(shifted & of_board(size, defects.shifted)) > 16
    bad = absent | stuck | (with_bit(product, PedestalBit.NOISY) & noisy)
    assert product.verdict.channels["bad"] == len(bad)
    assert product.verdict.verdict is Verdict.BAD
    # a dead pixel has a pedestal like any other: only light shows it
    assert not dense(size, defects.dead) & wide
    light = gains(files[2], size.settings, truth_of(spec, 2))
    assert light.status is not None
    blind = (light.status & (DARK.mask | GAIN_RANGE.mask)) != 0
    blind &= present(size)
    assert set(np.flatnonzero(blind)) - absent - stuck == dense(size, defects.dead)


@pytest.mark.parametrize(("kind", "kept"), [("truncated", 0.3), ("no_sentinel", 1.0)])
def test_5_damaged_files_give_a_table_of_their_intact_gates(
    kind: str, kept: float, tmp_path: Path
) -> None:
    size = Size(TEN, 600, 0)
    spec = size.spec(
        file_of("pdstl", gates=size.gates),
        faults=[{"kind": kind, "size": kept if kind == "truncated" else 0}],
    )
    product = pedestals(simulate(spec, tmp_path)[0], size.settings)
    assert product.tables is not None
    used = product.verdict.gates["used"]
    assert used == pytest.approx(kept * size.gates, abs=1)
    expected = Verdict.INVESTIGATE if kind == "truncated" else Verdict.GOOD
    assert product.verdict.verdict is expected, product.verdict.reasons
    assert product.fit is not None
    truth = truth_of(spec).pedestal[present(size)]
    moments = product.fit.moments
    pull = (moments.mean[present(size)] - truth) / moments.mean_err[present(size)]
    assert pull.std() == pytest.approx(1, abs=4 / np.sqrt(2 * pull.size))


# Gains

QUIET = {"xtalk_dynode": 0.0, "afterpulse": 0.0}


def deviation(
    light: dict[str, Any], tmp_path: Path, *, gates: int = 10_000, level: int = 1,
    response: dict[str, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Gain over truth less 1, and pulls, of ten boards."""
    size = Size(TEN, gates, 0)
    spec = size.spec(
        file_of("linjc", gates=gates, led_level=level),
        light_injection=light, response=QUIET if response is None else response,
        miscalibrate={"gain": [{"kind": "uniform", "size": 0.2}]},
    )  # fmt: skip
    truth = truth_of(spec)
    product = gains(simulate(spec, tmp_path)[0], size.settings, truth)
    assert product.fit is not None
    rows = present(size) & np.isfinite(product.fit.gain)
    # 1 of 640 pixels may have no light by the spread of the profile
    assert rows.sum() >= 635
    found = product.fit.gain[rows] / truth.gain[rows]
    return found - 1, (found - 1) * truth.gain[rows] / product.fit.gain_err[rows]


@FULL
def test_7_gains_of_one_to_ten_photoelectrons(tmp_path: Path) -> None:
    """Even light in a PMT; all gains of a spread of 3."""
    found, pull = deviation({"one_pe": (1.0, 10.0), "profile": 0.0}, tmp_path)
    error = 1.25 * found.std() / np.sqrt(len(found))
    assert abs(np.median(found)) <= 0.005 + 2 * error
    assert found.std() <= 0.017
    assert pull.std() == pytest.approx(1, abs=0.1)


@FULL
@pytest.mark.parametrize(("level", "mean", "bias"), [(1, 10.0, 0.005), (2, 60.0, 0.02)])
def test_8_common_spread_of_the_light(level: int, mean: float, bias: float, tmp_path: Path) -> None:
    name = "one_pe" if level == 1 else "max_pe"
    light = {name: (mean, mean), "profile": 0.0, "common": 0.05}
    found, _ = deviation(light, tmp_path, level=level)
    error = 1.25 * found.std() / np.sqrt(len(found))
    assert abs(np.median(found)) <= bias + 2 * error
    assert found.std() <= 0.03


@FULL
def test_7_cross_talk_in_the_dynodes_is_the_systematic_of_the_page(tmp_path: Path) -> None:
    """About its square in theory, 1 to 2 % measured: charge without its own photoelectrons."""
    found, _ = deviation({"one_pe": (1.0, 10.0), "profile": 0.0}, tmp_path, response={})
    assert -0.03 < np.median(found) < 0


def test_9_few_pulses_are_too_few(tmp_path: Path) -> None:
    size = Size(TEN, 500, 0)
    spec = size.spec(file_of("linjc", gates=size.gates))
    product = gains(simulate(spec, tmp_path)[0], size.settings, truth_of(spec))
    assert product.verdict.verdict is Verdict.TOO_FEW
    assert "Not enough events for a gains table" in [r.text for r in product.verdict.reasons]
    assert product.table is None


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(TEN[5:8], 4000, 0), id="small"),
        pytest.param(Size(("0-1-0", "0-2-0"), 10_000, 0), id="full", marks=FULL),
    ],
)
def test_11_gain_of_one_pmt_falls_by_a_fifth(size: Size, tmp_path: Path) -> None:
    board = "0-2-0-3"
    spec = size.spec(
        file_of("linjc", run=1703, gates=size.gates),
        file_of("linjc", run=1710, gates=size.gates, **minutes(600)),
        miscalibrate={
            "gain": [{"kind": "scale", "size": 0.8, "boards": [board], "since_run": 1710}]
        },
        light_injection={"one_pe": (3.0, 6.0)},
    )  # fmt: skip
    files = simulate(spec, tmp_path)
    first = gains(files[0], size.settings, truth_of(spec, 0))
    second = gains(files[1], size.settings, truth_of(spec, 1), first.table)
    assert second.status is not None and second.fit is not None and first.fit is not None
    changed = (second.status & CHANGED.mask) != 0
    own = np.zeros(len(changed), np.bool_)
    own[sorted(of_board(size, board))] = True
    # the limit is 5 sigma: 12 % with 10,000 pulses, 18 % with 4,000
    assert changed[own].mean() > (0.95 if size.gates == 10_000 else 0.5)
    assert not changed[~own].any()
    ratio = second.fit.gain / first.fit.gain
    assert np.nanmedian(ratio[own]) == pytest.approx(0.8, abs=0.01)
    assert np.nanmedian(ratio[~own]) == pytest.approx(1, abs=0.005)


# Front-end boards


@sizes(small=1000, full=3000)
def test_12_wrong_curves_are_found_in_situ(size: Size, tmp_path: Path) -> None:
    """Constants of before; later one board has 10 % more medium gain, and two are exchanged.

    Ratios of the channels differ by up to 10 %: with 5 %, 49 % of the channels of two boards are
    3 % apart, and a board counts as wrong from 50 % on.
    """
    wrong, pair = "0-2-0-4", ["0-1-0-3", "0-2-0-2"]
    spec = size.spec(
        file_of("linjc", run=1703, gates=4),
        file_of("linjc", run=1704, gates=size.gates),
        light_injection={"one_pe": (4.0, 8.0)},
        miscalibrate={
            "feb": [
                {"kind": "uniform", "size": 0.1},
                {"kind": "swap", "boards": pair, "since_run": 1704},
            ],
            "feb_ratio": [
                {"kind": "uniform", "size": 0.10},
                {"kind": "scale", "size": 1.1, "boards": [wrong], "since_run": 1704},
            ],
        },
    )
    files = simulate(spec, tmp_path)
    right = truth_of(spec, 1).tables()["pedestal"]
    constants = truth_of(spec, 0).tables()["feb"]
    found = check_in_situ([files[1].path], size.settings, pedestals=right, feb=constants)
    assert found.verdict.verdict is Verdict.BAD
    names = size.names
    boards = {names[match.board]: match for match in found.boards}
    assert boards[wrong].ratio == pytest.approx(1.1, abs=0.02)
    assert set(boards) == {wrong, *pair}
    assert boards[wrong].same_as == -1
    assert names[boards[pair[0]].same_as] == pair[1]
    assert names[boards[pair[1]].same_as] == pair[0]
    good = check_in_situ(
        [files[1].path], size.settings, pedestals=right, feb=truth_of(spec, 1).tables()["feb"]
    )
    assert good.boards == ()
    assert good.verdict.verdict is Verdict.GOOD, good.verdict.reasons
