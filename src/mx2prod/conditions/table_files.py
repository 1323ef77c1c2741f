"""Read table files with where they come from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from mx2prod.conditions.putting import Provenance
from mx2prod.constants import Constants, DetectorMaps, Table, read_table
from mx2prod.constants.arrow import from_arrow, read_arrow
from mx2prod.constants.source import Source
from mx2prod.core.errors import InputFileError, TableError
from mx2prod.core.files import require_regular_file, sha256_of_file

VERDICT = ".verdict.json"
SIMULATED = "simulated"
"""Kind of the fact that a table comes from simulated files."""


@dataclass(frozen=True)
class TableFile:
    """A table file with what is known about it.

    Attributes
    ----------
    path : Path
    table : Table
    provenance : tuple of Provenance
        Its name and sha256, and what the verdict file and the metadata record beside it say.
    """

    path: Path
    table: Table
    provenance: tuple[Provenance, ...]


def read_table_file(path: Path, schema: type[Constants], maps: DetectorMaps) -> TableFile:
    """Read a table from text or Parquet, with the verdict file beside it.

    Parameters
    ----------
    path : Path
        ``.parquet`` of :func:`mx2prod.constants.write_parquet` or of ``mx2 calibrate``, whose
        companion columns are left out; or a text table.
    schema : type of Constants
    maps : DetectorMaps

    Raises
    ------
    InputFileError, TableError
        If it cannot be read, or is refused.
    """
    table = (
        _read_parquet(path, schema, maps)
        if path.suffix == ".parquet"
        else read_table(path, schema, maps=maps)
    )
    file = Provenance("file", f"{path.name} {sha256_of_file(path)}")
    facts = (file, *_verdict_facts(path), *_record_facts(path))
    return TableFile(path, table, facts)


def _read_parquet(path: Path, schema: type[Constants], maps: DetectorMaps) -> Table:
    """Table of a Parquet file; further columns are those of ``mx2 calibrate``."""
    arrow = read_arrow(path)
    names = set(arrow.column_names)
    if names <= set(schema.names()):
        return from_arrow(arrow, maps=maps, source=str(path))
    missing = [name for name in schema.names() if name not in names]
    if missing or any(arrow.column(name).null_count for name in schema.names()):
        raise TableError(f"{path}: columns of {schema.schema} are missing: {', '.join(missing)}")
    columns = {name: arrow.column(name).to_numpy() for name in schema.names()}
    return Table.of(schema, columns, maps=maps, source=Source(str(path)))


def _verdict_facts(path: Path) -> list[Provenance]:
    """Read what the verdict file of ``mx2 calibrate`` says about the table beside it."""
    beside = path.with_name(path.name.removesuffix(path.suffix) + VERDICT)
    if not beside.exists():
        return []
    require_regular_file(beside)
    text = beside.read_bytes()
    try:
        content = json.loads(text)
        word = str(content["verdict"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputFileError(f"{beside}: not a verdict file: {error}") from error
    facts = [
        Provenance("verdict", word),
        Provenance("verdict-file", f"{beside.name} {hashlib.sha256(text).hexdigest()}"),
    ]
    for kind, key in (("input", "file"), ("config", "settings_sha256")):
        if content.get(key):
            facts.append(Provenance(kind, str(content[key])))
    return facts


def _record_facts(path: Path) -> list[Provenance]:
    """Program that made the table, and whether from simulated files, by the record beside it."""
    beside = path.with_name(f"{path.name}.json")
    if not beside.exists():
        return []
    require_regular_file(beside)
    try:
        fields = json.loads(beside.read_bytes())["metadata"]
        kind = fields["core.file_type"]
        words = [str(fields[f"core.application.{key}"]) for key in ("family", "name", "version")]
    except (ValueError, KeyError, TypeError) as error:
        raise InputFileError(f"{beside}: not a metadata record: {error!r}") from error
    made_by = Provenance("software", " ".join(words))
    return [made_by, Provenance(SIMULATED, path.name)] if kind == "mc" else [made_by]
