"""Makers of the response of the front-end boards: fit, import of bench files, check with data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.feb_bench import arrays_of_table
from mx2prod.calibration.feb_calibration import calibrate_feb, check_in_situ, import_feb
from mx2prod.calibration.feb_curve import nominal_curves
from mx2prod.calibration.feb_fit import table_of_curves
from mx2prod.calibration.feb_outputs import write_feb_product, write_in_situ
from mx2prod.calibration.feb_product import FebProduct
from mx2prod.calibration.outputs import output_stem
from mx2prod.constants import Table, content_sha256
from mx2prod.core.files import adler32_of, write_text
from mx2prod.detector import Detector
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.production.products import Joining, Kind, MadeTable, settings_hash
from mx2prod.validation.verdict_file import VerdictFile

_NO_ERROR = 1e-6
"""Errors of nominal curves that only make a table complete; a table has errors above 0."""


@dataclass
class _FebMaker:
    """What the makers of the response share: all files together make one product."""

    settings: Preproduction
    detector: Detector
    kind: ClassVar[Kind] = "feb"
    table_word: ClassVar[str] = "feb_table"
    has_raw_files: ClassVar[bool] = True

    @property
    def settings_sha256(self) -> str:
        """See :class:`~mx2prod.production.products.Maker`."""
        return settings_hash(self.settings, self.detector)

    def constants_of(self, file: VerdictFile) -> Mapping[str, str]:
        """See :class:`~mx2prod.production.products.Maker`; part of the settings here."""
        return {}

    def reference_of(self, file: VerdictFile) -> str:
        """See :class:`~mx2prod.production.products.Maker`; nothing is compared."""
        return ""

    def page(self, file: VerdictFile, label: str) -> str:
        """See :class:`~mx2prod.production.products.Maker`."""
        from mx2prod.validation.feb_page import feb_page

        return feb_page(file, self.detector, label=label).html()

    def note(self, file: VerdictFile) -> None:
        """See :class:`~mx2prod.production.products.Maker`; nothing is compared."""

    def _made(self, product: FebProduct, stem: str) -> MadeTable:
        extra = {"settings_sha256": self.settings_sha256}
        write = partial(write_feb_product, product, stem=stem, overwrite=True, extra=extra)
        sources = None if product.sums is None else product.sums.sources
        return MadeTable(product.files, sources, write)


@dataclass
class FebMaker(_FebMaker):
    """Makes the table of the FEB response of charge-injection files, all together."""

    def products(self, files: Sequence[Path], joining: Joining) -> Iterator[MadeTable]:
        """See :class:`~mx2prod.production.products.Maker`."""
        product = calibrate_feb(files, self.settings, detector=self.detector)
        yield self._made(product, output_stem(files[:1], None))


@dataclass
class BenchMaker(_FebMaker):
    """Makes the table of the FEB response of a folder of bench files; it is the only file given.

    Attributes
    ----------
    folder : Path
    """

    folder: Path
    has_raw_files: ClassVar[bool] = False

    @property
    def settings_sha256(self) -> str:
        """See :class:`~mx2prod.production.products.Maker`; with the content of the folder."""
        files = {p.name: adler32_of(p) for p in sorted(self.folder.iterdir()) if p.is_file()}
        return settings_hash(self.settings, self.detector, bench=files)

    def products(self, files: Sequence[Path], joining: Joining) -> Iterator[MadeTable]:
        """See :class:`~mx2prod.production.products.Maker`."""
        product = import_feb(self.folder, self.settings, detector=self.detector)
        yield self._made(product, self.folder.resolve().name)


@dataclass
class InSituMaker(_FebMaker):
    """Checks the constants of the FEB response with light-injection or beam gates.

    Attributes
    ----------
    pedestals, feb : Table
        Schemas Pedestal and FebResponse, of the period.
    """

    pedestals: Table
    feb: Table
    table_word: ClassVar[str] = "feb_in_situ"

    @property
    def settings_sha256(self) -> str:
        """See :class:`~mx2prod.production.products.Maker`; with both tables."""
        tables = {"pedestals": self.pedestals, "feb": self.feb}
        return settings_hash(self.settings, self.detector, tables)

    def products(self, files: Sequence[Path], joining: Joining) -> Iterator[MadeTable]:
        """See :class:`~mx2prod.production.products.Maker`."""
        product = check_in_situ(
            files, self.settings, pedestals=self.pedestals, feb=self._whole_table(),
            detector=self.detector,
        )  # fmt: skip
        stem = output_stem(files[:1], None)
        given = {table.schema.schema: content_sha256(table) for table in (self.pedestals, self.feb)}
        extra = {"settings_sha256": self.settings_sha256, "constants": given}

        def write(folder: Path) -> dict[str, Path]:
            paths = write_in_situ(product, folder, stem, overwrite=True)
            _add_members(paths["verdict"], extra)
            return paths

        yield MadeTable(tuple(files), None if product.sums is None else product.sums.sources, write)

    def page(self, file: VerdictFile, label: str) -> str:
        """See :class:`~mx2prod.production.products.Maker`."""
        from mx2prod.validation.feb_page import in_situ_page

        tables, config = (self.pedestals, self._whole_table()), self.settings.feb
        return in_situ_page(file, self.detector, tables, config, label=label).html()

    def _whole_table(self) -> Table:
        """Give the table to be checked, nominal where a board is not expected and not judged."""
        hardware = self.detector.hardware
        expected = np.repeat(self.settings.expected_boards(hardware), PIXELS_PER_BOARD)
        curves, errors, chi2ndf = arrays_of_table(self.feb, hardware)
        missing = ~np.isfinite(curves).all(axis=(1, 2))
        other = missing & ~expected
        if not other.any():
            return self.feb
        curves[other], errors[other], chi2ndf[other] = nominal_curves(), _NO_ERROR, 1.0
        return table_of_curves(curves, errors, chi2ndf, hardware, ~missing | other)


def _add_members(path: Path, extra: Mapping[str, Any]) -> None:
    """Add members to a verdict file."""
    content = {**json.loads(path.read_text(encoding="utf-8")), **extra}
    write_text(path, json.dumps(content, indent=2) + "\n", overwrite=True)
