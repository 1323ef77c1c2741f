"""Read exports of the beam database: CSV or JSON, one reading a row, or one spill a row.

A reading has a time, a device, a unit and a value.  Where a row is a spill, the columns are devices
(``E:TRTGTD`` or, with a unit, ``E:TRTGTD [E12]``).  Times are milliseconds or seconds since 1970,
or ISO 8601 with a zone.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mx2prod.core.errors import InputFileError
from mx2prod.core.files import require_regular_file
from mx2prod.core.suggest import nearest
from mx2prod.core.units import US_PER_S
from mx2prod.metadata.beam.config import FACTORS, PROTONS, QUANTITIES, BeamConfig

TIME_NAMES = ("timestamp", "clock", "clock(ms)", "time")
NAME_NAMES = ("name", "device", "variable")
VALUE_NAMES = ("value", "value(s)", "values")
UNIT_NAMES = ("units", "unit")

_EXPONENT = re.compile(r"e(\d{1,2})\Z")
_WITH_UNIT = re.compile(r"(?P<name>[^\[]+?)\s*\[(?P<unit>[^\]]+)\]\Z")
_MILLISECONDS = 1e11
"""Numbers from here on are milliseconds: as seconds they would be after the year 5138."""


@dataclass(frozen=True)
class Reading:
    """A device at a time: value in the unit of its quantity, None where there is none."""

    time_us: int
    device: str
    value: float | None


_Cell = tuple[int, str, str, Any]
"""Time, device, unit and value, as they stand in the file."""


@dataclass
class Readings:
    """Readings of a file.

    Attributes
    ----------
    rows : list of Reading
        In the order of the file.
    other_devices : dict of str to int
        Devices of no quantity, with their number of readings; they are not used.
    missing : int
        Readings without a value.
    """

    rows: list[Reading] = field(default_factory=list)
    other_devices: dict[str, int] = field(default_factory=dict)
    missing: int = 0


def read_readings(path: Path, config: BeamConfig) -> Readings:
    """Read a file.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.json``.
    config : BeamConfig

    Raises
    ------
    InputFileError
        If it cannot be read, has no column of times, or a row has a bad time, unit or value; names
        the row.
    """
    require_regular_file(path)
    found = Readings()
    for number, row in _rows(path):
        try:
            for cell in _cells(row):
                _add(found, config, cell)
        except ValueError as error:
            raise InputFileError(
                f"{path}: row {number}: {error}", next_step=f"sed -n {number}p {path}"
            ) from error
    return found


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows with lower-case keys where the key is one of ours; numbers count from the header."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path}: cannot be read: {error}") from error
    if path.suffix.lower() == ".json":
        yield from enumerate(_json_rows(path, text), 1)
        return
    lines = csv.reader(text.splitlines())
    header = [name.strip() for name in next(lines, [])]
    if not any(name.lower() in TIME_NAMES for name in header):
        raise InputFileError(
            f"{path}: header {', '.join(header) or 'empty'}, expected a column of times: "
            f"{', '.join(TIME_NAMES)}",
            next_step=f"head -2 {path}",
        )
    for number, cells in enumerate(lines, 2):
        if not cells:
            continue
        if len(cells) != len(header):
            raise InputFileError(
                f"{path}: row {number}: {len(cells)} cells, expected {len(header)}",
                next_step=f"sed -n {number}p {path}",
            )
        yield number, dict(zip(header, cells, strict=True))


def _json_rows(path: Path, text: str) -> Iterable[Mapping[str, Any]]:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputFileError(f"{path}: not JSON: {error}") from error
    rows = document.get("rows") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputFileError(f"{path}: expected a list of objects, or one under 'rows'")
    return rows


def _cells(row: Mapping[str, Any]) -> Iterator[_Cell]:
    """Time, device, unit and value of each reading of a row."""
    lower = {str(name).strip().lower(): value for name, value in row.items()}
    time = _time_us(_first(lower, TIME_NAMES))
    device = _first(lower, NAME_NAMES)
    if device is not None:
        unit = str(_first(lower, UNIT_NAMES) or "")
        yield time, str(device).strip(), unit.strip(), _first(lower, VALUE_NAMES)
        return
    for name, value in row.items():
        if str(name).strip().lower() not in TIME_NAMES:
            match = _WITH_UNIT.match(str(name).strip())
            yield time, match["name"] if match else str(name), match["unit"] if match else "", value


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _add(found: Readings, config: BeamConfig, cell: _Cell) -> None:
    time_us, device, unit, value = cell
    name = _plain_name(device)
    quantity = config.quantity_of.get(name)
    if quantity is None:
        found.other_devices[name] = found.other_devices.get(name, 0) + 1
        return
    factor, number = _factor(quantity, name, unit), _number(value)
    found.missing += number is None
    found.rows.append(Reading(time_us, name, None if number is None else number * factor))


def _plain_name(device: str) -> str:
    """Device without what the database appends: array brackets and event."""
    return device.partition("@")[0].removesuffix("[]").strip()


def _number(value: Any) -> float | None:
    """Value of a reading; None where there is none; the first of several."""
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"value {value!r}, expected a number") from None
    if math.isinf(number):
        raise ValueError(f"value {value!r}, expected a finite number")
    return None if math.isnan(number) else number


def _factor(quantity: str, device: str, unit: str) -> float:
    """Factor from a unit to that of the quantity; no unit is that of the quantity."""
    wanted = QUANTITIES[quantity][0]
    text = unit.lower()
    exponent = _EXPONENT.match(text)
    if wanted == PROTONS and exponent:
        return 10.0 ** int(exponent[1])
    if not text:
        return 1.0
    factor = FACTORS.get((wanted, text))
    if factor is None:
        known = [name for kind, name in FACTORS if kind == wanted and name] or ["E<n>"]
        raise ValueError(
            f"{device}: unit {unit!r}, expected one of {', '.join(known)}" + nearest(text, known)
        )
    return factor


def _time_us(value: Any) -> int:
    """Microseconds since 1970."""
    if value is None or value == "":
        raise ValueError("no time")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return _iso_us(str(value))
    if not math.isfinite(number) or number <= 0:
        raise ValueError(f"time {value!r}, expected seconds or milliseconds since 1970")
    return round(number * 1000) if number >= _MILLISECONDS else round(number * US_PER_S)


def _iso_us(text: str) -> int:
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"time {text!r}, expected a number or ISO 8601") from None
    if when.tzinfo is None:
        raise ValueError(f"time {text!r} without a zone, expected for example ...Z or -05:00")
    return round(when.timestamp() * US_PER_S)
