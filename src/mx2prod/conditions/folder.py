"""A global tag as a folder of plain files: JSON and Parquet (conditions page, section 13)."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mx2prod.conditions.archive import Archive, Contents, contents_of, payload_rows
from mx2prod.conditions.axis import Interval
from mx2prod.conditions.evidence import Evidence
from mx2prod.conditions.payloads import Payload
from mx2prod.conditions.putting import Provenance
from mx2prod.conditions.store import Store
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import HashMismatch, InputFileError, OutputError
from mx2prod.core.files import refuse_existing, require_regular_file

MANIFEST = "manifest.json"
_INDEX = "index.json"
_PAYLOADS = "payloads"


class FolderArchive(Archive):
    """An exported folder: ``manifest.json``, ``index.json`` and ``payloads/<sha256>.parquet``.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputFileError
        If it is no such folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._index = _read_json(path / _INDEX)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    @cached_property
    def contents(self) -> Contents:
        """All but the payloads."""
        require_regular_file(self.path / MANIFEST)
        manifest = (self.path / MANIFEST).read_text(encoding="utf-8", errors="replace")
        try:
            documents = [(kind, body) for kind, body in self._index["documents"]]
            evidence = [Evidence(kind, body) for kind, body in self._index["evidence"]]
            return Contents.of(self._index["meta"], manifest, documents, evidence, self.address)
        except (KeyError, TypeError, ValueError) as error:
            raise InputFileError(f"{self.path / _INDEX}: damaged: {error}") from error

    def read(self, content_sha256: str) -> Payload:
        """Payload of a content hash.

        Raises
        ------
        HashMismatch
            If it is missing.
        """
        entry = self._index["payloads"].get(content_sha256)
        path = self.path / _PAYLOADS / f"{content_sha256}.parquet"
        if entry is None or not path.is_file():
            raise HashMismatch(f"{path}: payload is missing")
        return Payload(
            content_sha256, entry["schema"], entry["rows"], entry["encoding"],
            entry["file_sha256"], path.read_bytes(),
        )  # fmt: skip

    def provenance(self, content_sha256: str) -> list[Provenance]:
        """Facts about a payload."""
        entry = self._index["payloads"][content_sha256]
        return [Provenance(kind, value) for kind, value in entry["provenance"]]

    def stored(self) -> list[str]:
        """Content hashes of the payloads that are there."""
        return sorted(path.stem for path in (self.path / _PAYLOADS).glob("*.parquet"))


def write_folder(store: Store, gtag: str, path: Path, *, cut: Sequence[Interval] = ()) -> Contents:
    """Write a global tag into a new folder; it appears whole or not at all.

    Parameters
    ----------
    store, gtag, cut
        As in :func:`mx2prod.conditions.snapshot.write_snapshot`.
    path : Path

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    """
    refuse_existing(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error}", next_step="df -h") from error
    try:
        with store.reading() as connection:
            contents = contents_of(connection, store, gtag, cut)
            entries = {}
            (temporary / _PAYLOADS).mkdir()
            for payload, facts in payload_rows(connection, contents):
                name = f"{payload.content_sha256}.parquet"
                (temporary / _PAYLOADS / name).write_bytes(payload.data)
                entries[payload.content_sha256] = _entry(payload, facts)
        (temporary / MANIFEST).write_text(contents.manifest.text(), encoding="utf-8")
        index = {
            "meta": contents.meta(),
            "documents": [list(item) for item in contents.documents],
            "evidence": [[item.kind, item.body] for item in contents.evidence],
            "payloads": entries,
        }
        (temporary / _INDEX).write_text(canonical_json(index), encoding="utf-8")
        temporary.chmod(0o755)
        temporary.rename(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error}", next_step="df -h") from error
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)
    return contents


def _entry(payload: Payload, facts: Sequence[Provenance]) -> dict[str, Any]:
    return {
        "schema": payload.schema_id,
        "rows": payload.n_rows,
        "encoding": payload.encoding,
        "file_sha256": payload.file_sha256,
        "provenance": [[fact.kind, fact.value] for fact in facts],
    }


def _read_json(path: Path) -> dict[str, Any]:
    require_regular_file(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("payloads"), dict):
        raise InputFileError(f"{path}: not an index of exported constants")
    return content
