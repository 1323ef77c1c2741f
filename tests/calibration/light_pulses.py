"""Light-injection gates made directly as decoded columns, with the truth beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.feb_curve import adc_of_charge, nominal_curves
from mx2prod.constants import Pedestal, Period, Table
from mx2prod.constants.tables import GAINS
from mx2prod.core.canonical import sha256_of
from mx2prod.detector.addresses import unpack_channel_ids
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.response import ELECTRON_CHARGE_FC
from mx2prod.detector.trip import CHANNEL_OF_PIXEL, TRIP_OF_PIXEL
from mx2prod.detector.versions import HARDWARE_VERSION, load_table
from mx2prod.raw.columns import (
    ADC_FRAME_DTYPE,
    FEB_DTYPE,
    GATE_DTYPE,
    N_REGISTERS,
    RECORD_DTYPE,
    GateChunk,
)
from mx2prod.raw.encoder import cell_type, encode
from mx2prod.raw.layout import Chain, RunHeader

Floats = npt.NDArray[np.float64]
FIRST_US = 1_700_000_000_000_000
GATE_US = 100_000
GATE_STAMP = 1000
LI_TICK = 250
HV_COUNTS = 47_000
FIRMWARE = 97
GATES_OF_CHUNK = 250


def hardware_of(chains: list[tuple[int, int, int, int]]) -> HardwareMap:
    """A hardware map with some chains of the real one: crate, croc, chain, boards."""
    table = load_table(HARDWARE_VERSION, "hardware")
    rows = np.array(chains, table.rows.dtype)
    return HardwareMap(replace(table, name="a few boards", sha256=sha256_of(chains), rows=rows))


TWO_BOARDS = [(0, 1, 0, 2)]


@dataclass
class Pulses:
    """A light-injection run; arrays by channel number have the shape (n_channels,)."""

    hardware: HardwareMap
    gates: int
    light: Floats
    gain: Floats
    seed: int = 1
    w2: float = 0.25
    common: float = 0.0
    drift: float = 0.0
    level: int = 1
    run: int = 1800
    subrun: int = 1
    first_gate: int = 1
    noise: Floats = field(default_factory=lambda: np.array([5.0, 3.0, 2.0]))
    timed: bool = False
    flashes: tuple[int, ...] = ()
    hv: int = HV_COUNTS

    def __post_init__(self) -> None:
        channels = np.arange(self.hardware.n_channels)
        self.pedestal = 430.0 - 10 * np.arange(3) + (channels[:, None] * 7 % 40) - 20.0

    def pedestals(self, entries: int = 10_000, end_us: int = FIRST_US - 1_000_000) -> Table:
        """Pedestal table with the true means and widths, as if measured without end."""
        columns = self._address()
        for gain, (prefix, _) in enumerate(GAINS):
            columns[f"{prefix}_mean"] = self.pedestal[:, gain]
            rms = np.sqrt(self.noise[gain] ** 2 + 1 / 12)
            columns[f"{prefix}_rms"] = np.full(len(self.light), rms)
            columns[f"{prefix}_entries"] = np.full(len(self.light), float(entries))
        return Table.of(Pedestal, columns, period=Period(end_us - 60_000_000, end_us))

    def chunks(self) -> Iterator[GateChunk]:
        """Decoded gates."""
        random = np.random.default_rng(self.seed)
        for begin in range(0, self.gates, GATES_OF_CHUNK):
            yield self._chunk(random, begin, min(GATES_OF_CHUNK, self.gates - begin))

    def charge(self, random: np.random.Generator, begin: int, n: int) -> Floats:
        """Charges in fC, shape (n, n_channels)."""
        number = np.arange(begin, begin + n)
        factor = 1 + self.common * random.standard_normal(n)
        factor *= 1 + self.drift * (number / max(self.gates, 1) - 0.5)
        factor[np.isin(number, self.flashes)] *= 3
        photoelectrons = random.poisson(np.maximum(factor, 0)[:, None] * self.light)
        scale = self.gain * ELECTRON_CHARGE_FC
        if self.w2 == 0:
            return photoelectrons * scale
        return random.standard_gamma(photoelectrons / self.w2) * self.w2 * scale

    def readings(self, random: np.random.Generator, begin: int, n: int) -> Floats:
        """ADC before rounding, shape (n, n_channels, 3)."""
        adc = adc_of_charge(self.charge(random, begin, n)[..., None], nominal_curves())
        return adc + self.pedestal + self.noise * random.standard_normal(adc.shape)

    def _address(self) -> dict[str, npt.NDArray[np.generic]]:
        fields = unpack_channel_ids(self.hardware.channel_ids())
        return {n: fields[n] for n in ("crate", "croc", "chain", "board", "pixel")}

    def _chunk(self, random: np.random.Generator, begin: int, n: int) -> GateChunk:
        n_febs = self.hardware.n_febs
        gates = np.zeros(n, GATE_DTYPE)
        gates["run"], gates["subrun"], gates["trigger_type"] = self.run, self.subrun, 2
        gates["detector"], gates["led_level"] = 64, self.level
        gates["gate"] = self.first_gate + begin + np.arange(n)
        gates["global_gate"] = gates["gate"]
        gates["time_us"] = FIRST_US + GATE_US * gates["gate"].astype(np.int64)
        gates["first_feb"], gates["n_febs"] = n_febs * np.arange(n), n_febs
        febs = np.zeros(n * n_febs, FEB_DTYPE)
        febs["gate"] = np.repeat(np.arange(n), n_febs)
        for name in ("crate", "croc", "chain", "board"):
            febs[name] = np.tile(self.hardware.boards[name], n)
        febs["gate_timestamp"], febs["firmware"] = GATE_STAMP, FIRMWARE
        readings = np.clip(np.rint(self.readings(random, begin, n)), 0, 4095).astype(np.uint16)
        blocks = 2 if self.timed else 1
        adc = np.zeros((n * n_febs, blocks, 6, 36), np.uint16)
        by_board = readings.reshape(n * n_febs, 64, 3)
        adc[:, 0, TRIP_OF_PIXEL.T, CHANNEL_OF_PIXEL.T] = by_board
        if self.timed:
            empty = np.rint(self.pedestal.reshape(n_febs, 64, 3)).astype(np.uint16)
            adc[:, 1, TRIP_OF_PIXEL.T, CHANNEL_OF_PIXEL.T] = np.tile(empty, (n, 1, 1))
            adc[:, 1, 4:] = adc[:, 0, 4:]
        frames = np.zeros(n * n_febs * blocks, ADC_FRAME_DTYPE)
        frames["feb"] = np.repeat(np.arange(n * n_febs), blocks)
        frames["hit"] = np.tile(np.arange(blocks), n * n_febs)
        frames["type"] = np.tile([cell_type(hit, blocks - 1) for hit in range(blocks)], n * n_febs)
        febs["first_adc"], febs["n_adc"] = blocks * np.arange(n * n_febs), blocks
        return GateChunk(
            gates, febs, self._records(febs), frames, adc.reshape(-1, 6, 36),
            self._registers(febs),
        )  # fmt: skip

    def _records(self, febs: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
        if not self.timed:
            return np.zeros(0, RECORD_DTYPE)
        records = np.zeros(4 * len(febs), RECORD_DTYPE)
        records["feb"] = np.repeat(np.arange(len(febs)), 4)
        records["trip"] = np.tile(np.arange(4), len(febs))
        records["timestamp"] = GATE_STAMP + LI_TICK - 5
        records["delay"], records["quarter"] = 5, 1
        febs["n_timed"], febs["n_hits"] = 1, 1
        febs["first_record"], febs["n_records"] = 4 * np.arange(len(febs)), 4
        return records

    def _registers(self, febs: npt.NDArray[np.void]) -> npt.NDArray[np.uint8]:
        registers = np.zeros((len(febs), N_REGISTERS), np.uint8)
        registers[:, 22] = 1 << 7
        for first in (23, 25):
            registers[:, first], registers[:, first + 1] = self.hv & 255, self.hv >> 8
        registers[:, 31], registers[:, 32] = febs["board"], FIRMWARE
        registers[:, 38], registers[:, 39] = 0x10, 0x02
        registers[:, 50], registers[:, 51] = GATE_STAMP & 255, GATE_STAMP >> 8
        hits = int(self.timed)
        registers[:, 54], registers[:, 55] = hits, hits
        return registers

    def write(self, folder: Path) -> Path:
        """Raw file in the format of the DAQ."""
        chains = [
            Chain(row["crate"], row["croc"], row["chain"], 0x9000 | int(row["febs"]))
            for row in self.hardware.table.rows
        ]
        path = folder / f"TS1_{self.run:08d}_{self.subrun:04d}_linjc_v09_2311142213_RawData.dat"
        with path.open("wb") as file:
            for part in encode(RunHeader(tuple(chains)), self.chunks()):
                file.write(part)
        return path
