"""Spills as a table: one row a spill, stored as Parquet with the hash of where it comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import InputFileError
from mx2prod.core.files import atomic_path, require_regular_file, sha256_of_file, write_text
from mx2prod.core.units import US_PER_S
from mx2prod.metadata.beam.config import QUANTITIES, BeamConfig
from mx2prod.metadata.beam.readings import Reading, read_readings

SCHEMA = "mx2.beam/1"
SUFFIX = ".beam.parquet"
SUMMED = ("horn_current",)
"""Quantities that are the sum of their devices."""

_META = b"mx2.beam"
Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SpillTable:
    """Spills, sorted by time.

    Attributes
    ----------
    time_us : ndarray of int64, shape (n,)
        Accelerator time, microseconds since 1970.
    values : mapping of str to ndarray of float64, shape (n,)
        Of every quantity of :data:`~.config.QUANTITIES`; NaN is unknown, never 0.
    meta : mapping
        Sources with their sha256, configuration, devices that were not used, repeated readings.
    """

    time_us: Times
    values: Mapping[str, Values]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time_us)

    @property
    def digest(self) -> str:
        """sha256 of times, values and meta."""
        state = hashlib.sha256(canonical_json(dict(self.meta)).encode())
        state.update(self.time_us.astype("<i8").tobytes())
        for name in QUANTITIES:
            state.update(self.values[name].astype("<f8").tobytes())
        return state.hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Describe the table, without its rows."""
        known = {name: int(np.isfinite(self.values[name]).sum()) for name in QUANTITIES}
        span = [int(self.time_us[0]), int(self.time_us[-1])] if len(self) else None
        return {
            "schema": SCHEMA,
            "spills": len(self),
            "time_us": span,
            "known": known,
            "protons": float(np.nansum(self.values["protons"])) if known["protons"] else None,
            **self.meta,
            "sha256": self.digest,
        }


def import_spills(paths: Iterable[Path], config: BeamConfig) -> SpillTable:
    """Read exports of the beam database and join readings to spills.

    Parameters
    ----------
    paths : iterable of Path
        Files of one period; readings that stand in two of them count once.
    config : BeamConfig

    Raises
    ------
    InputFileError
        See :func:`~.readings.read_readings`; and if no reading is of a known device.
    """
    listed = list(paths)
    rows: set[Reading] = set()
    others: dict[str, int] = {}
    missing = 0
    for path in listed:
        found = read_readings(path, config)
        rows.update(found.rows)
        missing += found.missing
        for device, count in found.other_devices.items():
            others[device] = others.get(device, 0) + count
    if not rows:
        names = ", ".join(sorted(others)) or "none"
        known = ", ".join(config.quantity_of)
        raise InputFileError(
            f"{listed[0] if listed else 'no file'}: no reading of a known device (devices of the "
            f"files: {names}; known: {known})",
            next_step="mx2 beam import --config beam.yaml ...",
        )
    time_us, values, repeated = _spills(rows, config)
    meta = {
        "sources": [{"name": path.name, "sha256": sha256_of_file(path)} for path in listed],
        "config": config.model_dump(mode="json"),
        "other_devices": dict(sorted(others.items())),
        "readings_without_value": missing,
        "repeated_readings": repeated,
    }
    return SpillTable(time_us, values, meta)


def _spills(rows: Iterable[Reading], config: BeamConfig) -> tuple[Times, dict[str, Values], int]:
    """Group readings by time; of two readings of a device in one spill the first counts."""
    groups: list[dict[str, Reading]] = []
    repeated, began = 0, -(10**18)
    for reading in sorted(rows, key=lambda item: (item.time_us, item.device)):
        if reading.time_us - began > config.spill_s * US_PER_S:
            began = reading.time_us
            groups.append({})
        if reading.device in groups[-1]:
            repeated += 1
        else:
            groups[-1][reading.device] = reading
    times = np.array([_time_of(group, config) for group in groups], np.int64)
    values = {
        name: np.array([_value_of(group, name, config) for group in groups], np.float64)
        for name in QUANTITIES
    }
    return times, values, repeated


def _time_of(group: Mapping[str, Reading], config: BeamConfig) -> int:
    """Time of the toroid that counts; without one, of the first reading."""
    for device in config.protons:
        if device in group:
            return group[device].time_us
    return min(reading.time_us for reading in group.values())


def _value_of(group: Mapping[str, Reading], quantity: str, config: BeamConfig) -> float:
    devices = config.devices_of(quantity)
    readings = [group[device].value for device in devices if device in group]
    values = [value for value in readings if value is not None]
    if quantity in SUMMED:
        return sum(values) if values and len(values) == len(devices) else np.nan
    return values[0] if values else np.nan


def write_spills(table: SpillTable, folder: Path, stem: str) -> tuple[Path, Path]:
    """Write ``<stem>.beam.parquet`` and its description ``<stem>.beam.json``.

    Returns
    -------
    data, record : Path

    Raises
    ------
    OutputError
        If one exists already or cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ["time_us", *QUANTITIES]
    arrays = [pa.array(table.time_us), *(_nullable(table.values[name]) for name in QUANTITIES)]
    meta = {**table.meta, "schema": SCHEMA, "sha256": table.digest}
    arrow = pa.Table.from_arrays(arrays, names=names)
    arrow = arrow.replace_schema_metadata({_META: canonical_json(meta).encode()})
    data, record = spill_paths(folder, stem)
    with atomic_path(data) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")
    write_text(record, json.dumps(table.as_dict(), indent=2, allow_nan=False) + "\n")
    return data, record


def spill_paths(folder: Path, stem: str) -> tuple[Path, Path]:
    """Paths of the table and of its description."""
    return folder / f"{stem}{SUFFIX}", folder / f"{stem}.beam.json"


def _nullable(values: Values) -> Any:
    import pyarrow as pa

    return pa.array(values, mask=~np.isfinite(values))


def read_spills(path: Path) -> SpillTable:
    """Read a table of spills; unknown values are NaN.

    Raises
    ------
    InputFileError
        If it is no table of spills, or its content is not what its sha256 says.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_regular_file(path)
    try:
        arrow = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputFileError(f"{path}: no Parquet file: {error}") from error
    text = (arrow.schema.metadata or {}).get(_META)
    if text is None:
        raise InputFileError(
            f"{path}: no table of spills", next_step=f"mx2 beam import {path} -o FOLDER"
        )
    meta = json.loads(text)
    digest = meta.pop("sha256")
    schema = meta.pop("schema")
    if schema != SCHEMA:
        raise InputFileError(f"{path}: schema {schema!r}, expected {SCHEMA!r}")
    values = {
        name: arrow[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in QUANTITIES
    }
    table = SpillTable(arrow["time_us"].to_numpy(), values, meta)
    if table.digest != digest:
        raise InputFileError(
            f"{path}: content has sha256 {table.digest}, its metadata say {digest}: it was changed",
            next_step="mx2 beam import FILE.csv -o FOLDER",
        )
    return table
