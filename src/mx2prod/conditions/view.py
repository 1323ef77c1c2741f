"""What a job reads: the constants of one global tag, pinned (page, sections 4.4 and 14)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from mx2prod.conditions.axis import SUBRUN_BITS, Interval, run_subrun
from mx2prod.conditions.documents import RunTimeMap
from mx2prod.conditions.intervals import Gap
from mx2prod.conditions.manifest import FolderManifest, Manifest
from mx2prod.conditions.payloads import Payload, decode, decode_arrow
from mx2prod.conditions.putting import Provenance
from mx2prod.conditions.states import State
from mx2prod.constants import Table
from mx2prod.core.errors import NoConditionsError, UsageError
from mx2prod.core.suggest import nearest

_KEPT_TABLES = 16


class Payloads(Protocol):
    """Where a view reads payloads from."""

    def read(self, content_sha256: str) -> Payload:
        """Payload of a content hash."""

    def provenance(self, content_sha256: str) -> Sequence[Provenance]:
        """Facts about a payload."""

    def close(self) -> None:
        """Let go of files and connections of its own."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What holds for a subrun in one folder.

    Attributes
    ----------
    folder : str
    interval : Interval
    content_sha256 : str
    choice : str
        ``extend`` or ``nominal`` where no table of its own is there; otherwise empty.
    """

    folder: str
    interval: Interval
    content_sha256: str
    choice: str = ""


@dataclass(frozen=True)
class Constant:
    """A table with its validity.

    Attributes
    ----------
    folder : str
    table : Table
    since, until : int
        Places on the axis; see :mod:`mx2prod.conditions.axis`.
    sha256 : str
        Content hash.
    choice : str
        As in :class:`Resolved`.
    """

    folder: str
    table: Table
    since: int
    until: int
    sha256: str
    choice: str = ""


class View:
    """Constants of one global tag, pinned by its digest.

    Parameters
    ----------
    manifest : Manifest
    state : State
    payloads : Payloads
    provisional : bool
        Approved in an emergency.
    runtime : RunTimeMap, optional
    source : str
        Where it was read, for messages.
    """

    def __init__(
        self,
        manifest: Manifest,
        state: State,
        payloads: Payloads,
        *,
        provisional: bool = False,
        runtime: RunTimeMap | None = None,
        source: str = "",
    ) -> None:
        self.manifest = manifest
        self.state = state
        self.provisional = provisional
        self.runtime = runtime
        self.source = source
        self.digest = manifest.digest
        self._payloads = payloads
        self._folders = {folder.folder: _Rows.of(folder) for folder in manifest}
        self._tables: OrderedDict[str, Table] = OrderedDict()

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files and connections."""
        self._payloads.close()

    def __str__(self) -> str:
        return f"{self.manifest.gtag}@{self.digest}"

    @property
    def gtag(self) -> str:
        """Name of the global tag: ``dune.conditions_tag`` of an output."""
        return self.manifest.gtag

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders, by name."""
        return tuple(self._folders)

    def folder(self, name: str) -> FolderManifest:
        """Intervals and gaps of a folder.

        Raises
        ------
        UsageError
            If the global tag has no such folder.
        """
        return self._rows(name).manifest

    def resolve(self, folder: str, run: int, subrun: int = 0) -> Resolved:
        """Find what holds for a subrun.

        Raises
        ------
        NoConditionsError
            If no interval holds, or the subrun was excluded; names the intervals around it.
        UsageError
            If the global tag has no such folder.
        """
        rows = self._rows(folder)
        place = (run << SUBRUN_BITS) | subrun
        number = int(rows.since.searchsorted(place, side="right")) - 1
        if number < 0 or place >= rows.until[number]:
            self._refuse(rows, place, number)
        found = rows.resolved[number]
        if not found.content_sha256:
            self._refuse(rows, place, number)
        return found

    def resolve_all(self, run: int, subrun: int = 0) -> dict[str, Resolved]:
        """Find what holds for a subrun in every folder.

        Raises
        ------
        NoConditionsError
            If a folder has nothing; names all folders that have nothing.
        """
        found, problems = {}, []
        for folder in self._folders:
            try:
                found[folder] = self.resolve(folder, run, subrun)
            except NoConditionsError as error:
                problems.append(error)
        if problems:
            first = problems[0]
            raise NoConditionsError(
                "; ".join(error.message for error in problems),
                folder=first.folder, run=run, subrun=subrun, next_step=first.next_step,
            )  # fmt: skip
        return found

    def stored(self, content_sha256: str) -> Payload:
        """Payload of a content hash as it is stored; its content is not checked here."""
        return self._payloads.read(content_sha256)

    def payload(self, content_sha256: str) -> Payload:
        """Payload of this global tag; its content is not checked here.

        Raises
        ------
        UsageError
            If the global tag has no such payload.
        """
        if content_sha256 not in self.manifest.payloads:
            raise UsageError(f"{self.gtag}: no payload {content_sha256[:16]!r}")
        return self._payloads.read(content_sha256)

    def provenance(self, content_sha256: str) -> Sequence[Provenance]:
        """Facts about where a payload of this global tag comes from."""
        return self._payloads.provenance(content_sha256)

    def get(self, folder: str, run: int, subrun: int = 0) -> Constant:
        """Read the table that holds for a subrun; its content hash is computed again.

        Tables that were read lately are kept.

        Raises
        ------
        NoConditionsError, UsageError
            As :meth:`resolve`.
        HashMismatch
            If the payload is damaged.
        """
        found = self.resolve(folder, run, subrun)
        interval = found.interval
        table = self._table(found.content_sha256)
        return Constant(
            folder, table, interval.since, interval.until, found.content_sha256, found.choice
        )

    def get_arrow(self, folder: str, run: int, subrun: int = 0) -> Any:
        """Read the table that holds for a subrun as an Arrow table; checked as by :meth:`get`.

        Returns
        -------
        pyarrow.Table
            With schema, units and meanings in its metadata.
        """
        found = self.resolve(folder, run, subrun)
        return decode_arrow(self._payloads.read(found.content_sha256), source=self.source)

    def get_all(self, run: int, subrun: int = 0) -> dict[str, Constant]:
        """Read the tables of all folders that hold for a subrun."""
        return {name: self.get(name, run, subrun) for name in self.resolve_all(run, subrun)}

    def forget(self) -> None:
        """Forget the tables that were kept."""
        self._tables.clear()

    def _rows(self, folder: str) -> _Rows:
        rows = self._folders.get(folder)
        if rows is None:
            raise UsageError(f"{self.gtag}: no folder {folder!r}" + nearest(folder, self._folders))
        return rows

    def _table(self, content_sha256: str) -> Table:
        table = self._tables.get(content_sha256)
        if table is None:
            table = decode(self._payloads.read(content_sha256), source=self.source)
            self._tables[content_sha256] = table
            while len(self._tables) > _KEPT_TABLES:
                self._tables.popitem(last=False)
        self._tables.move_to_end(content_sha256)
        return table

    def _refuse(self, rows: _Rows, place: int, number: int) -> NoReturn:
        wanted = run_subrun(place)
        if number >= 0 and place < rows.until[number]:
            text = f"excluded: {rows.reasons[number]}"
        else:
            before = str(rows.resolved[number].interval) if number >= 0 else "none"
            later = rows.resolved[number + 1 : number + 2]
            after = str(later[0].interval) if later else "none"
            text = f"no interval holds; before it: {before}, after it: {after}"
        folder = rows.manifest.folder
        raise NoConditionsError(
            f"{self.gtag}: {folder}: {wanted}: {text}",
            folder=folder,
            run=wanted.run,
            subrun=wanted.subrun,
            next_step=f"mx2 conditions iov {folder} --constants {self.gtag}",
        )


@dataclass(frozen=True)
class _Rows:
    """Intervals and gaps of a folder, ready for bisection."""

    manifest: FolderManifest
    since: npt.NDArray[np.int64]
    until: npt.NDArray[np.int64]
    resolved: list[Resolved]
    reasons: list[str]

    @classmethod
    def of(cls, folder: FolderManifest) -> _Rows:
        rows = folder.rows()
        resolved = [
            Resolved(
                folder.folder,
                row.interval,
                row.content_sha256 or "",
                row.choice if isinstance(row, Gap) else "",
            )
            for row in rows
        ]
        return cls(
            folder,
            np.array([row.interval.since for row in rows], dtype=np.int64),
            np.array([row.interval.until for row in rows], dtype=np.int64),
            resolved,
            [row.reason if isinstance(row, Gap) else "" for row in rows],
        )
