"""Decoded gates with known charge in every pixel, and the tables that belong to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.feb_curve import (
    KINK1,
    PARAMETERS,
    ReadoutMaps,
    adc_of_charge,
    nominal_curves,
)
from mx2prod.calibration.feb_fit import table_of_curves
from mx2prod.constants import Pedestal, Table
from mx2prod.core.canonical import sha256_of
from mx2prod.detector import Detector, load_detector
from mx2prod.detector.addresses import unpack_channel_ids
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.trip import CHANNEL_OF_PIXEL, N_TRIP_CHANNELS, N_TRIPS, TRIP_OF_PIXEL
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
NOISE = (5.0, 3.0, 2.0)
STEPS = np.unique(np.round(np.geomspace(6, 4095, 60)).astype(int))
"""InjectDAC counts; dense enough for the kinks of all gains."""


def map_of(chains: Sequence[tuple[int, int, int, int]]) -> HardwareMap:
    """A hardware map of a few chains: crate, croc, chain, boards."""
    table = load_table(HARDWARE_VERSION, "hardware")
    rows = np.array(chains, table.rows.dtype)
    return HardwareMap(replace(table, name="a_few_boards", sha256=sha256_of(chains), rows=rows))


def detector_of(hardware: HardwareMap) -> Detector:
    """The detector with another hardware map."""
    return replace(load_detector(), hardware=hardware)


def varied_curves(
    n_channels: int, rng: np.random.Generator, slope: float = 0.10, ratio: float = 0.05
) -> Floats:
    """Curves that differ between channels (detector page, 7.2), shape (n_channels, 3, 6)."""
    curves = np.broadcast_to(nominal_curves(), (n_channels, 3, len(PARAMETERS))).copy()
    common = 1 + slope * rng.uniform(-1, 1, (n_channels, 1))
    own = 1 + ratio * rng.uniform(-1, 1, (n_channels, 3))
    for place in (1, 3, 5):
        curves[..., place] *= common * own
    for place in (KINK1, 4):
        curves[..., place] /= own
    return curves


def varied_pedestals(n_channels: int, rng: np.random.Generator) -> Floats:
    """Pedestals in ADC, shape (n_channels, 3)."""
    return np.array([430.0, 420.0, 410.0]) + rng.normal(0, 20, (n_channels, 3))


def feb_table(curves: Floats, hardware: HardwareMap) -> Table:
    """A constants table of curves, with errors of a bench."""
    errors = np.abs(curves) * 0.002 + 1e-4
    return table_of_curves(curves, errors, np.ones(curves.shape[:2]), hardware)


def pedestal_table(means: Floats, hardware: HardwareMap) -> Table:
    """A pedestal table."""
    address = unpack_channel_ids(hardware.channel_ids())
    columns = {name: address[name].astype(np.int64) for name in Pedestal.key.address}
    for gain, prefix in enumerate(("hg", "mg", "lg")):
        columns[f"{prefix}_mean"] = means[:, gain]
        columns[f"{prefix}_rms"] = np.full(len(means), NOISE[gain])
        columns[f"{prefix}_entries"] = np.full(len(means), 1000.0)
    return Table.of(Pedestal, columns, maps=ReadoutMaps(hardware))


def readings(
    charge: Floats, curves: Floats, pedestals: Floats, rng: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """ADC of charges of shape (..., n_channels), shape (..., n_channels, 3)."""
    adc = adc_of_charge(charge[..., None], curves) + pedestals
    adc += rng.normal(0, 1, adc.shape) * NOISE
    return np.clip(np.round(adc), 0, 4095).astype(np.uint16)


def chunk_of(
    adc: npt.NDArray[np.uint16],
    hardware: HardwareMap,
    *,
    trigger: int,
    first_gate: int = 1,
    subrun: int = 0,
    dac: npt.NDArray[np.int64] | None = None,
) -> GateChunk:
    """Decoded gates with untimed frames only; ``adc`` of shape (n_gates, n_channels, 3)."""
    n_gates, n_febs = len(adc), hardware.n_febs
    gates = np.zeros(n_gates, GATE_DTYPE)
    gates["run"], gates["subrun"], gates["trigger_type"] = 1698, subrun, trigger
    gates["gate"] = first_gate + np.arange(n_gates)
    gates["time_us"] = 1_720_000_000_000_000 + gates["gate"].astype(np.int64) * 1_000_000
    gates["detector"], gates["led_group"] = 64, 8
    gates["global_gate"] = 26_000_000 + gates["gate"].astype(np.int64)
    gates["sgate"] = gates["gate"] * 100
    gates["first_feb"], gates["n_febs"] = np.arange(n_gates) * n_febs, n_febs
    febs = np.zeros((n_gates, n_febs), FEB_DTYPE)
    febs["gate"] = np.arange(n_gates)[:, None]
    for name in ("crate", "croc", "chain", "board"):
        febs[name] = hardware.boards[name]
    febs["firmware"], febs["n_adc"] = 97, 1
    febs["event_count"] = gates["gate"][:, None]
    febs["first_adc"] = np.arange(febs.size).reshape(febs.shape)
    frames = np.zeros(n_gates * n_febs, ADC_FRAME_DTYPE)
    frames["feb"], frames["type"] = np.arange(len(frames)), cell_type(0, 0)
    words = np.zeros((len(frames), N_TRIPS, N_TRIP_CHANNELS), np.uint16)
    words[:, TRIP_OF_PIXEL, CHANNEL_OF_PIXEL] = adc.reshape(len(frames), -1, 3).transpose(0, 2, 1)
    registers = np.zeros((n_gates, n_febs, N_REGISTERS), np.uint8)
    registers[..., 31], registers[..., 32] = febs["board"], 97
    if dac is not None:
        registers[..., 28] = (dac & 0xFF)[:, None]
        registers[..., 29] = (dac >> 8)[:, None]
    records = np.zeros(0, RECORD_DTYPE)
    return GateChunk(
        gates, febs.ravel(), records, frames, words, registers.reshape(-1, N_REGISTERS)
    )


def write_raw_file(
    folder: Path, chunks: Iterable[GateChunk], hardware: HardwareMap, stream: str, subrun: int = 0
) -> Path:
    """A raw file of run 1698 with these gates, as the DAQ would write it."""
    path = folder / f"TS1_00001698_{subrun:04d}_{stream}_v09_2407030946_RawData.dat"
    chains = [
        Chain(crate, croc, chain, 0x9000 | febs)
        for crate, croc, chain, febs in hardware.table.rows.tolist()
    ]
    path.write_bytes(b"".join(encode(RunHeader(tuple(chains)), chunks)))
    return path


def light(
    n_gates: int, n_channels: int, rng: np.random.Generator, photoelectrons: float = 3.0
) -> Floats:
    """Charge of light-injection pulses in fC, shape (n_gates, n_channels)."""
    pe = rng.poisson(photoelectrons, (n_gates, n_channels))
    return np.where(pe > 0, rng.gamma(np.maximum(pe, 1) / 0.25, 0.25) * 90.4, 0.0)
