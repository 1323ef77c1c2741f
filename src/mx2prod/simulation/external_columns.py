"""Columns of a file of energy deposits: Parquet or ROOT, flat or one list per event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from mx2prod.core.errors import InputFileError, UsageError
from mx2prod.core.files import require_regular_file
from mx2prod.core.suggest import nearest


class ExternalFormat(BaseModel):
    """Names and units of the columns of a file of deposits.

    Attributes
    ----------
    tree : str
        Name of the tree in a ROOT file; empty: the only one.
    gate, particle : str
        Columns of gate numbers (from 1) and particle numbers. Without a column ``gate``, the
        entries of a file of lists are the gates, from 1; ``particle`` may be empty.
    start, stop : tuple of str
        Columns of x, y, z and time.
    energy, quenched, volume : str
    volume_part : str
        Only volumes with this text in their name are scintillator.
    length, time, energy_unit : str
        Units in the file.
    frame : str
        ``detector`` or ``2x2``: origin of the positions.
    largest_outside : float
        Share of the scintillator segments that may lie in no strip.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    tree: str = ""
    gate: str = "gate"
    particle: str = ""
    start: tuple[str, str, str, str] = ("StartX", "StartY", "StartZ", "StartT")
    stop: tuple[str, str, str, str] = ("StopX", "StopY", "StopZ", "StopT")
    energy: str = "energy"
    quenched: str = "energyAfterBirks"
    volume: str = "volume"
    volume_part: str = "DetectorPlanelvScint"
    length: Literal["mm", "cm", "m"] = "mm"
    time: Literal["ns", "us", "s"] = "ns"
    energy_unit: Literal["keV", "MeV", "GeV"] = "MeV"
    frame: Literal["detector", "2x2"] = "detector"
    largest_outside: float = Field(0.01, ge=0, le=1)

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that every file has."""
        return (*self.start, *self.stop, self.energy, self.quenched, self.volume)


def read_columns(path: Path, layout: ExternalFormat) -> dict[str, npt.NDArray[Any]]:
    """Read the columns of a format, flat, without the rows of other volumes; all are checked.

    Parameters
    ----------
    path : Path
    layout : ExternalFormat

    Returns
    -------
    dict of ndarray
        Numbers by name of the column; with gates, without the volume.

    Raises
    ------
    InputFileError, UsageError
        See :func:`~.external.read_deposits`.
    """
    columns = _all_rows(path, layout)
    names = columns.pop(layout.volume)
    inside = np.array([layout.volume_part in str(name) for name in names.tolist()], np.bool_)
    rows = np.flatnonzero(inside)
    energies = (layout.energy, layout.quenched)
    for name, values in columns.items():
        columns[name] = values[inside]
        _check_values(path, name, columns[name], rows, may_be_negative=name not in energies)
    return columns


def _all_rows(path: Path, layout: ExternalFormat) -> dict[str, npt.NDArray[Any]]:
    """Read the columns flat; those of a file of lists without gates get them."""
    import awkward as ak

    require_regular_file(path)
    readers = {".parquet": _read_parquet, ".root": _read_root}
    if path.suffix not in readers:
        raise UsageError(f"{path}: deposits are read from .parquet or .root files")
    arrays = readers[path.suffix](path, layout)
    energy = arrays[layout.energy]
    if energy.ndim == 1:
        if layout.gate not in arrays:
            _refuse_missing(path, layout.gate, arrays)
        return {name: _flat(path, name, values) for name, values in arrays.items()}
    lengths = ak.to_numpy(ak.num(energy))
    if layout.gate not in arrays:
        arrays[layout.gate] = np.arange(1, len(lengths) + 1)
    columns = {}
    for name, values in arrays.items():
        if values.ndim == 1:
            columns[name] = np.repeat(_flat(path, name, values), lengths)
        elif not np.array_equal(ak.to_numpy(ak.num(values)), lengths):
            raise InputFileError(
                f"{path}: lists of {name!r} and {layout.energy!r} differ in length"
            )
        else:
            columns[name] = _flat(path, name, ak.flatten(values))
    return columns


def _flat(path: Path, name: str, values: Any) -> npt.NDArray[Any]:
    import awkward as ak

    if isinstance(values, np.ndarray):
        return values
    try:
        return np.asarray(ak.to_numpy(values, allow_missing=False))
    except ValueError as error:
        raise InputFileError(f"{path}: column {name!r} has empty values: {error}") from error


def _wanted(path: Path, layout: ExternalFormat, present: Iterable[str]) -> list[str]:
    """Give the columns to read; refuse a file without one that is required."""
    known = list(present)
    for name in (*layout.required, *filter(None, [layout.particle])):
        if name not in known:
            _refuse_missing(path, name, known)
    return [name for name in known if name in {*layout.required, layout.gate, layout.particle}]


def _refuse_missing(path: Path, name: str, present: Iterable[str]) -> NoReturn:
    known = list(present)
    raise InputFileError(
        f"{path}: no column {name!r}{nearest(name, known)} (it has: {', '.join(sorted(known))})",
        next_step="name the columns of the file in the format of the deposits",
    )


def _read_parquet(path: Path, layout: ExternalFormat) -> dict[str, Any]:
    import awkward as ak
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        with pq.ParquetFile(path) as file:
            wanted = _wanted(path, layout, file.schema_arrow.names)
            table = file.read(columns=wanted)
    except ArrowException as error:
        raise InputFileError(f"{path}: not a readable Parquet file: {error}") from error
    return {name: ak.from_arrow(table[name]) for name in wanted}


def _read_root(path: Path, layout: ExternalFormat) -> dict[str, Any]:
    import uproot

    try:
        with uproot.open(path) as file:
            tree = file[_tree_name(path, layout, file)]
            wanted = _wanted(path, layout, tree.keys(recursive=False))
            arrays = tree.arrays(wanted, library="ak")
            return {name: arrays[name] for name in wanted}
    except (InputFileError, MemoryError):
        raise
    except Exception as error:  # a damaged file makes ROOT readers and codecs raise any kind
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputFileError(f"{path}: not a readable ROOT file: {reason}") from error


def _tree_name(path: Path, layout: ExternalFormat, file: Any) -> str:
    classes: Mapping[str, str] = file.classnames(cycle=False)
    trees = [name for name, kind in classes.items() if kind in ("TTree", "ROOT::RNTuple")]
    if layout.tree and layout.tree in trees:
        return layout.tree
    if layout.tree or len(trees) != 1:
        wanted = f"no tree {layout.tree!r}{nearest(layout.tree, trees)}" if layout.tree else "which"
        raise InputFileError(
            f"{path}: {wanted} (trees: {', '.join(trees) or 'none'})",
            next_step="name the tree in the format of the deposits",
        )
    return trees[0]


def _check_values(
    path: Path,
    name: str,
    values: npt.NDArray[Any],
    rows: npt.NDArray[np.int64],
    *,
    may_be_negative: bool,
) -> None:
    """Refuse what is not a finite number, and negative energies; rows count from 0."""
    if values.dtype.kind not in "iuf":
        raise InputFileError(f"{path}: column {name!r} holds {values.dtype}, not numbers")
    bad = ~np.isfinite(values)
    if not may_be_negative:
        bad |= values < 0
    if np.any(bad):
        place = int(np.argmax(bad))
        expected = "a finite number" + ("" if may_be_negative else ", not negative")
        raise InputFileError(
            f"{path}, row {rows[place]}: column {name!r} is {values[place]}, expected {expected}"
        )
