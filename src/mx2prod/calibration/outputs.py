"""What the outputs of all calibrations share: names, members of the verdict file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mx2prod.calibration.accumulator_file import ACCUMULATOR_SUFFIX
from mx2prod.calibration.merging import Mergeable
from mx2prod.calibration.verdict import TableVerdict
from mx2prod.constants import Table, content_sha256
from mx2prod.core.files import refuse_existing, write_text
from mx2prod.core.ids import RunSubrun

RAW_SUFFIX = "_RawData.dat"
SUFFIXES = {
    "parquet": ".parquet", "accumulator": ACCUMULATOR_SUFFIX, "verdict": ".verdict.json",
}  # fmt: skip
"""Ends of the names of what every product may have."""

Writer = Callable[..., None]
"""Writes one output; called with its path and ``overwrite=``."""

_INPUT_SUFFIXES = (
    RAW_SUFFIX, ".dat", *(f"_{kind}_table{ACCUMULATOR_SUFFIX}" for kind in
    ("pedestal", "gain", "feb")), ACCUMULATOR_SUFFIX,
)  # fmt: skip


def output_stem(files: Sequence[Path], identity: RunSubrun | None, ending: str = "") -> str:
    """Name of the outputs of a product: that of its input without the suffix.

    A subrun that is not that of the name of its file (a second run in one file) adds its numbers;
    merged files are named by the first and the last of them.

    Parameters
    ----------
    files : sequence of Path
        Raw files or accumulators, at least one.
    identity : RunSubrun or None
        The only subrun of the product.
    ending : str
        End of the stem, once, for example that of an LED level.
    """
    names = sorted(_without_suffix(path.name).removesuffix(ending) for path in files)
    stem = names[0]
    if len(names) > 1:
        stem = f"{stem}_to_{_numbers_of(names[-1]) or names[-1]}"
    elif identity is not None:
        own = f"{identity.run:08d}_{identity.subrun:04d}"
        stem = stem if own in stem or not _numbers_of(stem) else f"{stem}_{own}"
    return stem + ending


def subrun_of_name(name: str) -> RunSubrun | None:
    """Subrun that the name of a raw file, or of a file made of one, begins with."""
    numbers = _numbers_of(name)
    return RunSubrun(*map(int, numbers.split("_"))) if numbers else None


def product_members(
    files: Sequence[Path],
    identity: RunSubrun | None,
    verdict: TableVerdict,
    deviations: Sequence[str],
) -> dict[str, Any]:
    """Members of a product as ``mx2 calibrate --json`` has them, without the paths of outputs."""
    return {
        "file": str(files[0]) if len(files) == 1 else list(map(str, files)),
        "run": identity.run if identity else None,
        "subrun": identity.subrun if identity else None,
        **verdict.as_dict(),
        "deviations": list(deviations),
    }


def output_members(
    paths: Mapping[str, Path], table: Table | None, accumulator: Mergeable | None
) -> dict[str, Any]:
    """Members of the verdict file: names of the files beside it, content hash, raw files."""
    return {
        "table": paths["table"].name if "table" in paths else None,
        "accumulator": paths["accumulator"].name if "accumulator" in paths else None,
        "content_sha256": None if table is None else content_sha256(table),
        "config_hash": None if accumulator is None else accumulator.config_hash,
        "inputs": [] if accumulator is None else [list(file) for file in accumulator.files],
    }


def write_outputs(
    paths: Mapping[str, Path],
    writers: Mapping[str, Writer],
    record: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    *,
    overwrite: bool,
) -> None:
    """Write the outputs of a product in order, each whole or not at all, the verdict last.

    Parameters
    ----------
    paths : mapping of str to Path
        Of the outputs and of the ``verdict``.
    writers : mapping of str to Writer
        By name of the output.
    record : mapping
        Content of the verdict file.
    extra : mapping, optional
        See :func:`write_verdict`.
    overwrite : bool

    Raises
    ------
    OutputError
        If one of them exists or cannot be written; nothing is written if one exists.
    """
    for path in paths.values():
        refuse_existing(path, overwrite=overwrite)
    for name, write in writers.items():
        write(paths[name], overwrite=overwrite)
    write_verdict(paths["verdict"], record, extra, overwrite=overwrite)


def write_verdict(
    path: Path, record: Mapping[str, Any], extra: Mapping[str, Any] | None, *, overwrite: bool
) -> None:
    """Write the verdict file; further members do not replace those that it has anyway."""
    content = json.dumps({**(extra or {}), **record}, indent=2) + "\n"
    write_text(path, content, overwrite=overwrite)


def _without_suffix(name: str) -> str:
    for suffix in _INPUT_SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def _numbers_of(stem: str) -> str:
    """Run and subrun as a name of the DAQ has them; empty if it has none."""
    words = stem.split("_")
    digits = [word if word.isdigit() else "" for word in words[1:3]]
    return "_".join(digits) if [len(word) for word in digits] == [8, 4] else ""
