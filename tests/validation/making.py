"""Small raw files of pre-production, and calls of the command on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from mx2prod.constants import Table
from mx2prod.core.ids import FILE_NAME
from mx2prod.detector.hardware import HardwareMap
from tests.calibration.light_pulses import FIRST_US, Pulses, hardware_of
from tests.calibration.pedestal_gates import Pedestals, chunks, write_raw

BOARDS = ("0-1-0-1", "0-1-0-2", "0-1-0-3")
"""The first three boards of a chain: one of the outer detector, two of the inner detector."""
INNER = slice(64, 192)
CHAINS = [(0, 1, 0, 3)]
BEGIN = {1: datetime(2024, 4, 12, 5, 14, tzinfo=UTC), 5: datetime(2024, 7, 10, 9, 46, tzinfo=UTC)}
HARDWARE = HardwareMap.load()
TRUTH = Pedestals.random(np.arange(len(BOARDS)), seed=5)


def settings_file(folder: Path, text: str = "") -> Path:
    """Settings in which only :data:`BOARDS` are expected."""
    path = folder / "preproduction.yaml"
    path.write_text(f"boards: [{', '.join(BOARDS)}]\n{text}")
    return path


def begin_of(run: int, subrun: int) -> datetime:
    """Begin of a subrun; an hour each, runs of run 1a and 1b before those of 1c."""
    first = BEGIN[5 if run > 50_000 else 1]
    return first + timedelta(days=run % 1000 % 300, hours=subrun)


def microseconds(run: int, subrun: int) -> int:
    """Begin of a subrun, microseconds since 1970."""
    return int(begin_of(run, subrun).timestamp()) * 1_000_000


def raw_name(run: int, subrun: int, stream: str) -> str:
    """Name of a raw file as the DAQ gives it."""
    stamp = begin_of(run, subrun).strftime("%y%m%d%H%M")
    return f"TS1_{run:08d}_{subrun:04d}_{stream}_v09_{stamp}_RawData.dat"


def pedestal_file(
    folder: Path,
    run: int,
    subrun: int,
    *,
    truth: Pedestals = TRUTH,
    gates: int = 520,
    stream: str = "pdstl",
    trigger_type: Callable[[np.ndarray], np.ndarray] | int = 1,
    shift: Callable[[int, np.ndarray], np.ndarray] | None = None,
) -> Path:
    """Raw file of pedestal gates of three boards."""
    pieces = list(
        chunks(HARDWARE, truth, range(1, gates + 1), run=run, subrun=subrun,
               trigger_type=trigger_type, shift=shift, seed=3)
    )  # fmt: skip
    start = microseconds(run, subrun) - int(pieces[0].gates["time_us"][0])
    for piece in pieces:
        piece.gates["time_us"] += start
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / raw_name(run, subrun, stream)
    write_raw(path, HARDWARE, pieces)
    return path


def bad_truth() -> Pedestals:
    """Pedestals of which a quarter of the channels is stuck."""
    rms = TRUTH.rms.copy()
    rms[:, :16] = 0
    return TRUTH.changed(rms=rms)


def light_file(folder: Path, run: int, subrun: int, gates: int = 3050, **fields: Any) -> Pulses:
    """Light-injection file of the same boards; its path is ``light_path`` of the same numbers."""
    few = hardware_of(CHAINS)
    rng = np.random.default_rng(subrun)
    light = fields.pop("light", rng.uniform(2, 6, few.n_channels))
    gain = fields.pop("gain", 5.5e5 * rng.uniform(0.7, 1.4, few.n_channels))
    pulses = Pulses(few, gates, light, gain, run=run, subrun=subrun, **fields)
    folder.mkdir(parents=True, exist_ok=True)
    pieces = list(pulses.chunks())
    for piece in pieces:
        piece.gates["time_us"] += microseconds(run, subrun) - FIRST_US
    write_raw(light_path(folder, run, subrun), HARDWARE, pieces)
    return pulses


def pedestals_of(pulses: Pulses) -> Table:
    """True pedestals of a light-injection file, measured a minute before it."""
    return pulses.pedestals(end_us=microseconds(pulses.run, pulses.subrun) - 60_000_000)


def light_path(folder: Path, run: int, subrun: int) -> Path:
    """Path of a light-injection file."""
    stream = "linjc" if run < 1796 else "numil"
    return folder / raw_name(run, subrun, stream)


def table_file(folder: Path, raw_file: Path, suffix: str, kind: str = "pedestal") -> Path:
    """Path of a file of the table that was made of a raw file."""
    match = FILE_NAME.match(raw_file.name)
    assert match is not None
    return folder / f"{raw_file.name.removesuffix('_RawData.dat')}_{kind}_table{suffix}"
