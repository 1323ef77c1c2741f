"""Records as files: read them strictly, find the one beside a data file, write one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from mx2prod.core.errors import InputFileError, UsageError
from mx2prod.core.files import refuse_existing, require_regular_file, write_text
from mx2prod.core.suggest import nearest

_EXAMPLE_STEM = "TS1_00050017_0017_numib_v09_2410292332_RecoData"
EXAMPLES = ("corrected", "printed")
"""The record of the workflow talk as it should be, and as it was printed (section 6)."""
_LARGEST_BYTES = 64 * 1024 * 1024


def read_record(path: Path) -> Any:
    """Read a JSON file that should hold one record.

    Returns
    -------
    any JSON value
        Checking it is the work of :func:`mx2prod.metadata.check_record`.

    Raises
    ------
    InputFileError
        If the file cannot be read, is larger than 64 MiB, is not UTF-8 or not JSON, or names a
        key twice.
    """
    size = require_regular_file(path).st_size
    if size > _LARGEST_BYTES:
        raise InputFileError(f"{path}: {size} bytes, too large for a record: is it a data file?")
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=no_key_twice)
    except OSError as error:
        raise InputFileError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputFileError(f"{path}: not UTF-8 text: byte {error.start}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        text = f"{path}: not JSON: {where}: {error.msg}"
        raise InputFileError(text, next_step=f"python3 -m json.tool {path}") from error
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{path}: not a usable JSON document: {error}") from error


def record_path(data_file: Path) -> Path:
    """Path of the record that lies beside a data file: ``<name>.json``."""
    return data_file.with_name(f"{data_file.name}.json")


def data_path(record_file: Path) -> Path | None:
    """Path of the data file that a record lies beside; None if there is none."""
    if record_file.suffix != ".json":
        return None
    path = record_file.with_name(record_file.name.removesuffix(".json"))
    return path if path.is_file() else None


def record_text(record: Mapping[str, Any]) -> str:
    """Text of a record file: indented JSON, ASCII, one newline at the end."""
    return json.dumps(record, indent=2, allow_nan=False) + "\n"


def write_record(record: Mapping[str, Any], folder: Path) -> Path:
    """Write ``<name>.json`` into a folder, atomically and never over another file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError, OutputError
        See :func:`require_free_place`; and if the file cannot be written.
    """
    require_free_place(record, folder)
    path = record_path(folder / record["name"])
    write_text(path, record_text(record))
    return path


def require_free_place(record: Mapping[str, Any], folder: Path) -> None:
    """Check that a record may be written into a folder as ``<name>.json``.

    Raises
    ------
    UsageError
        For a raw record in the folder of the raw file: there ``<name>.json`` is the DAQ's own.
    OutputError
        If the file exists.
    """
    data_file = folder / record["name"]
    if record["metadata"]["core.data_tier"] == "binary-raw" and data_file.exists():
        raise UsageError(
            f"{record_path(data_file)}: beside a raw file this is the DAQ's own JSON, also where "
            "it is missing: the record needs another folder",
            next_step="mx2 metadata make FILE -o ANOTHER_FOLDER",
        )
    refuse_existing(record_path(data_file))


def example(name: str) -> dict[str, Any]:
    """Load a record that ships with the package.

    Parameters
    ----------
    name : {"corrected", "printed"}
        The example of the workflow talk as it should be, or as it was printed (joined to JSON).

    Raises
    ------
    UsageError
        If there is no such example.
    """
    if name not in EXAMPLES:
        raise UsageError(
            f"no example {name!r} (examples: {', '.join(EXAMPLES)})" + nearest(name, EXAMPLES)
        )
    source = files("mx2prod.metadata") / "examples" / f"{_EXAMPLE_STEM}.{name}.json"
    record: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return record


def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs.

    Raises
    ------
    ValueError
        If a key stands in it twice.
    """
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f"keys that occur twice in one object: {', '.join(map(ascii, twice))}")
    return members
