"""Records of a catalogue, as the checks and the matching of the metadata room ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import Did

if TYPE_CHECKING:
    from mx2prod.catalog.reading import Reader
    from mx2prod.catalog.records import FileRecord


class CatalogueRecords:
    """A :class:`mx2prod.metadata.RecordLookup` over a catalogue, which knows every file.

    Parameters
    ----------
    catalogue : Catalog
        Stays open as long as this is used.
    """

    complete = True

    def __init__(self, catalogue: Reader) -> None:
        self._catalogue = catalogue

    def find(self, did: str) -> dict[str, Any] | None:
        """Record of ``namespace:name``, retired ones included; None for what is no did."""
        found = self._file(did)
        return None if found is None else self._record(found)

    def children(self, did: str) -> Iterable[dict[str, Any]]:
        """Give the records that name this did as a parent."""
        found = self._file(did)
        fids = () if found is None else found.children
        for child in self._catalogue.files([{"fid": fid} for fid in fids]):
            yield self._record(child)

    def _file(self, did: str) -> FileRecord | None:
        try:
            return self._catalogue.file(Did.parse(did))
        except NameFormatError:
            return None

    def _record(self, file: FileRecord) -> dict[str, Any]:
        """Record with its parents as dids, as they were declared."""
        parents = self._catalogue.files(
            [{"fid": fid} for fid in file.parents], with_metadata=False, with_datasets=False
        )
        return {
            **file.to_json(with_provenance=False),
            "parents": [{"did": parent.did} for parent in parents],
        }
