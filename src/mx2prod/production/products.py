"""Makers of the products of pre-production: one class a kind, all with the same shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.gain_calibration import calibrate_gains
from mx2prod.calibration.gain_inputs import NOMINAL
from mx2prod.calibration.gain_outputs import write_gain_product
from mx2prod.calibration.gain_product import GainProduct
from mx2prod.calibration.outputs import subrun_of_name
from mx2prod.calibration.pedestal_compare import PreviousPedestals
from mx2prod.calibration.pedestal_outputs import write_products
from mx2prod.calibration.pedestal_product import PedestalProduct
from mx2prod.calibration.pedestals import calibrate_pedestals
from mx2prod.constants import FebResponse, Pedestal, Table, content_sha256
from mx2prod.core.canonical import sha256_of
from mx2prod.core.ids import RunSubrun
from mx2prod.detector import Detector
from mx2prod.metadata.schema import load_schema
from mx2prod.production.constants_files import USABLE, PedestalsOfSubruns, read_pedestals
from mx2prod.validation.verdict_file import VerdictFile

Kind = Literal["pedestals", "gains", "feb"]


@dataclass(frozen=True)
class MadeTable:
    """A product that can be written.

    Attributes
    ----------
    files : tuple of Path
        Raw files.
    sources : ndarray of SOURCE_DTYPE or None
        Gates that were read.
    write : callable
        Writes into a folder, over what is there; gives the paths by what they are.
    """

    files: tuple[Path, ...]
    sources: Any
    write: Callable[[Path], dict[str, Path]]


@dataclass(frozen=True)
class Joining:
    """Which files become one table.

    Attributes
    ----------
    merge : bool
        All of them.
    merge_until : int or None
        Consecutive ones until they have so many pulses.
    """

    merge: bool = False
    merge_until: int | None = None

    def __str__(self) -> str:
        """Word in the verdict file."""
        if self.merge_until is not None:
            return f"merge until {self.merge_until}"
        return "merge" if self.merge else "each file"


class Maker(Protocol):
    """What makes the products of a kind."""

    @property
    def kind(self) -> Kind:
        """Word of the command."""

    @property
    def table_word(self) -> str:
        """End of the stem of its files, for example ``pedestal_table``."""

    @property
    def has_raw_files(self) -> bool:
        """Whether it reads raw files, so that its files get records."""

    @property
    def settings_sha256(self) -> str:
        """Hash of all that decides a table beside the raw file and :meth:`constants_of`."""

    def constants_of(self, file: VerdictFile) -> Mapping[str, str]:
        """Content hashes of the constants that a table of these raw files is made with."""

    def reference_of(self, file: VerdictFile) -> str:
        """Name of the table that a table of these raw files is compared with; empty for none."""

    def products(self, files: Sequence[Path], joining: Joining) -> Iterator[MadeTable]:
        """Make the products of files, one after the other."""

    def page(self, file: VerdictFile, label: str) -> str:
        """Draw the page of a table that lies on disk, as HTML."""

    def note(self, file: VerdictFile) -> None:
        """Note a table that is complete; the next ones may be compared with it."""


def settings_hash(
    settings: Preproduction,
    detector: Detector,
    tables: Mapping[str, Table | None] | None = None,
    **others: object,
) -> str:
    """Hash of settings, detector tables, version of mx2prod, given tables and other values."""
    given = {name: content_sha256(table) for name, table in (tables or {}).items() if table}
    return sha256_of(
        {
            "settings": settings.model_dump(mode="json"),
            "detector": detector.versions(),
            "version": version("mx2prod"),
            "tables": given,
            **others,
        }
    )


@dataclass
class PedestalMaker:
    """Makes pedestal tables, each compared with the last usable one before it.

    Attributes
    ----------
    settings : Preproduction
    detector : Detector
    previous : Path or None
        Table before the first file.
    bad_channels : Table or None
    swaps : tuple of str
        Boards exchanged since the previous table.
    checksums : mapping of str to str
    """

    settings: Preproduction
    detector: Detector
    previous: Path | None = None
    bad_channels: Table | None = None
    swaps: tuple[str, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)
    kind: ClassVar[Kind] = "pedestals"
    table_word: ClassVar[str] = "pedestal_table"
    has_raw_files: ClassVar[bool] = True
    _reference: PreviousPedestals | None = None
    _last: VerdictFile | None = None

    def __post_init__(self) -> None:
        if self.previous is not None:
            table, companion = read_pedestals(self.previous)
            self._reference = PreviousPedestals(table, companion, self.previous.name)

    @property
    def settings_sha256(self) -> str:
        """See :class:`Maker`."""
        tables = {"bad_channels": self.bad_channels}
        return settings_hash(self.settings, self.detector, tables, swaps=sorted(self.swaps))

    def constants_of(self, file: VerdictFile) -> Mapping[str, str]:
        """See :class:`Maker`; no constants are read."""
        return {}

    def reference_of(self, file: VerdictFile) -> str:
        """See :class:`Maker`."""
        return self._name()

    def products(self, files: Sequence[Path], joining: Joining) -> Iterator[MadeTable]:
        """See :class:`Maker`."""
        made = calibrate_pedestals(
            files, self.settings, detector=self.detector, previous=self._reference_of(files),
            bad_channels=self.bad_channels, swaps=self.swaps, merge=joining.merge,
            checksums=self.checksums,
        )  # fmt: skip
        yield from _tables(made, write_products, self, joining, self._name())

    def page(self, file: VerdictFile, label: str) -> str:
        """See :class:`Maker`."""
        from mx2prod.validation.pedestal_page import PedestalEvidence, pedestal_page

        return pedestal_page(PedestalEvidence.read(file, self.detector), label=label).html()

    def note(self, file: VerdictFile) -> None:
        """Make a usable table the reference of the next ones."""
        if file.verdict in USABLE and file.content["table"] is not None:
            table, companion = read_pedestals(file.beside(".parquet"))
            self._reference = PreviousPedestals(table, companion, file.subject)
            self._last = file

    def _name(self) -> str:
        return "" if self._reference is None else self._reference.name

    def _reference_of(self, files: Sequence[Path]) -> PreviousPedestals | None:
        """Give the reference of files; across a border of run periods more drift is allowed."""
        reference = self._reference
        if reference is None or self._last is None:
            return reference
        schema = load_schema()
        before = schema.periods_of(run for run, _ in self._last.runs)
        after = schema.periods_of(run for run, _ in _runs_of(files))
        return PreviousPedestals(
            reference.table, reference.companion, reference.name, same_period=before == after
        )


@dataclass
class GainMaker:
    """Makes gain tables of light-injection files.

    Attributes
    ----------
    settings : Preproduction
    detector : Detector
    pedestals : Table or PedestalsOfSubruns
    feb, previous, bad_channels : Table or None
    previous_name : str
    borders : tuple of RunSubrun
        First subruns after a hardware swap.
    """

    settings: Preproduction
    detector: Detector
    pedestals: Table | PedestalsOfSubruns
    feb: Table | None = None
    previous: Table | None = None
    previous_name: str = ""
    bad_channels: Table | None = None
    borders: tuple[RunSubrun, ...] = ()
    kind: ClassVar[Kind] = "gains"
    table_word: ClassVar[str] = "gain_table"
    has_raw_files: ClassVar[bool] = True

    @property
    def settings_sha256(self) -> str:
        """See :class:`Maker`."""
        tables = {"previous": self.previous, "bad_channels": self.bad_channels}
        borders = [str(border) for border in self.borders]
        return settings_hash(self.settings, self.detector, tables, borders=borders)

    def constants_of(self, file: VerdictFile) -> Mapping[str, str]:
        """See :class:`Maker`; merged files read the pedestals of the first subrun."""
        feb = NOMINAL if self.feb is None else content_sha256(self.feb)
        if isinstance(self.pedestals, Table):
            return {Pedestal.schema: content_sha256(self.pedestals), FebResponse.schema: feb}
        subrun = RunSubrun(*file.runs[0])
        return {Pedestal.schema: self.pedestals.content_of(subrun), FebResponse.schema: feb}

    def reference_of(self, file: VerdictFile) -> str:
        """See :class:`Maker`; a previous table is part of the settings."""
        return self.previous_name

    def products(self, files: Sequence[Path], joining: Joining) -> Iterator[MadeTable]:
        """See :class:`Maker`."""
        made = calibrate_gains(
            files, self.settings, pedestals=self.pedestals, detector=self.detector, feb=self.feb,
            previous=self.previous, bad_channels=self.bad_channels, merge=joining.merge,
            merge_until=joining.merge_until, borders=self.borders,
        )  # fmt: skip
        yield from _tables(made, write_gain_product, self, joining, self.previous_name)

    def page(self, file: VerdictFile, label: str) -> str:
        """See :class:`Maker`."""
        from mx2prod.validation.gain_page import GainEvidence, gain_page

        return gain_page(GainEvidence.read(file, self.detector, self.previous), label=label).html()

    def note(self, file: VerdictFile) -> None:
        """See :class:`Maker`; the reference of gains is the one given."""


def _tables(
    products: Iterable[PedestalProduct | GainProduct],
    write: Callable[..., dict[str, Path]],
    maker: Maker,
    joining: Joining,
    reference: str,
) -> Iterator[MadeTable]:
    """Give products as tables whose verdicts say how they were made."""
    extra = {"settings_sha256": maker.settings_sha256, "joining": str(joining),
             "reference": reference}  # fmt: skip
    for product in products:
        sources = None if product.accumulator is None else product.accumulator.sources
        yield MadeTable(
            product.files, sources, partial(write, product, overwrite=True, extra=extra)
        )


def _runs_of(files: Sequence[Path]) -> list[tuple[int, int]]:
    subruns = [subrun_of_name(path.name) for path in files]
    return [(subrun.run, subrun.subrun) for subrun in subruns if subrun is not None]
