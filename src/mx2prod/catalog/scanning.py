"""Raw files that arrive in a folder: which may be declared, and which are left for later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mx2prod.catalog.store import Catalog
from mx2prod.core.errors import CatalogError, Mx2Error, NameFormatError
from mx2prod.core.ids import NAMESPACE, Did, FileName
from mx2prod.metadata import has_errors, make_record

SETTLED_S = 60.0
"""A file whose last change is younger, in seconds, may still grow."""

State = Literal["declared", "would be declared", "there", "left", "refused"]


@dataclass(frozen=True)
class Seen:
    """What became of a file.

    Attributes
    ----------
    path : Path
    state : str
        ``left`` is tried again at the next look, ``refused`` needs somebody.
    reason : str
    did : str
        Empty if the name is none of ours.
    """

    path: Path
    state: State
    reason: str
    did: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Members for JSON."""
        return {"path": str(self.path), "did": self.did, "state": self.state,
                "reason": self.reason}  # fmt: skip


def scan(
    catalogue: Catalog,
    folder: Path,
    dataset: Did,
    *,
    namespace: str = NAMESPACE,
    creator: str | None = None,
    settled_s: float = SETTLED_S,
    dry_run: bool = False,
) -> Iterator[Seen]:
    """Declare the raw files below a folder, each by itself.

    A file that is there already is not read again.  One that may still grow, or that has no JSON
    of the DAQ beside it yet, is left.

    Parameters
    ----------
    catalogue : Catalog
    folder : Path
    dataset : Did
    namespace : str
        Of the files.
    creator : str, optional
        Owner account of the files; the actor by default.
    settled_s : float
        Age in seconds of the last change from which a file is complete.
    dry_run : bool
        Check everything, write nothing.

    Yields
    ------
    Seen
        By path.

    Raises
    ------
    CatalogError
        If the folder is not there.
    """
    if not folder.is_dir():
        raise CatalogError(f"{folder}: no such folder", next_step=f"ls -d {folder}")
    for path in sorted(folder.rglob("*_RawData.dat")):
        try:
            did = Did(namespace, str(FileName.parse(path.name)))
        except NameFormatError as error:
            yield Seen(path, "refused", error.message)
            continue
        reason = _early(path, settled_s)
        if reason:
            yield Seen(path, "left", reason, str(did))
            continue
        yield _declare(catalogue, path, did, dataset, creator=creator, dry_run=dry_run)


def _early(path: Path, settled_s: float) -> str:
    """Why it is too early to declare a file; empty if it is not."""
    sidecar = path.with_name(path.name + ".json")
    try:
        newest = path.stat().st_mtime
        newest = max(newest, sidecar.stat().st_mtime)
    except FileNotFoundError as error:
        return f"no {Path(error.filename).name} yet"
    age = time.time() - newest
    return "" if age >= settled_s else f"changed {age:.0f} s ago, may still grow"


def _declare(
    catalogue: Catalog, path: Path, did: Did, dataset: Did, *, creator: str | None, dry_run: bool
) -> Seen:
    known = catalogue.file(did)
    if known is not None:
        return _compared(path, str(did), known.size, path.stat().st_size, retired=known.retired)
    try:
        made = make_record(path)
        if has_errors(made.problems):
            first = next(one for one in made.problems if one.severity == "error")
            return Seen(path, "refused", f"its record breaks a rule: {first}", str(did))
        record = {**made.record, "namespace": did.namespace, "creator": creator}
        catalogue.declare([record], dataset, make_names=True, dry_run=dry_run)
    except Mx2Error as error:
        return Seen(path, "refused", error.message, str(did))
    return Seen(path, "would be declared" if dry_run else "declared", "", str(did))


def _compared(path: Path, did: str, known: int, size: int, *, retired: bool) -> Seen:
    if retired:
        return Seen(path, "refused", "the catalogue has it as retired", did)
    if known != size:
        return Seen(path, "refused", f"declared with {known} bytes, has {size} now", did)
    return Seen(path, "there", "", did)
