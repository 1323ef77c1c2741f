"""Snapshot files: one SQLite file for jobs without a database (conditions page, section 13)."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from mx2prod.conditions.archive import Archive, Contents, contents_of, payload_rows
from mx2prod.conditions.axis import Interval
from mx2prod.conditions.evidence import Evidence
from mx2prod.conditions.payloads import Payload
from mx2prod.conditions.putting import Provenance
from mx2prod.conditions.store import Store
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import HashMismatch, InputFileError, OutputError
from mx2prod.core.files import atomic_path, require_regular_file

APPLICATION_ID = 0x4D583243
USER_VERSION = 1
SUFFIX = ".mx2snap"
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE document (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE evidence (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE payload (
    content_sha256 TEXT PRIMARY KEY, schema_id TEXT NOT NULL, n_rows INTEGER NOT NULL,
    encoding TEXT NOT NULL, file_sha256 TEXT NOT NULL, data BLOB NOT NULL
);
CREATE TABLE provenance (content_sha256 TEXT, kind TEXT, value TEXT);
"""


class Snapshot(Archive):
    """A snapshot file, read-only; it works on file systems that cannot be written.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputFileError
        If it is no snapshot of this version.
    """

    def __init__(self, path: Path) -> None:
        require_regular_file(path)
        self.path = path
        name = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(name, uri=True, check_same_thread=False)
        try:
            self._check_format()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @cached_property
    def contents(self) -> Contents:
        """All but the payloads."""
        with self._reading():
            meta = dict(self._connection.execute("SELECT key, value FROM meta"))
            documents = [(kind, json.loads(body)) for kind, body in self._numbered("document")]
            evidence = [Evidence(kind, body) for kind, body in self._numbered("evidence")]
            return Contents.of(meta, meta["manifest"], documents, evidence, self.address)

    def read(self, content_sha256: str) -> Payload:
        """Payload of a content hash.

        Raises
        ------
        HashMismatch
            If it is missing.
        """
        query = (
            "SELECT content_sha256, schema_id, n_rows, encoding, file_sha256, data FROM payload "
            "WHERE content_sha256 = ?"
        )
        with self._reading():
            row = self._connection.execute(query, (content_sha256,)).fetchone()
        if row is None:
            raise HashMismatch(f"{self.path}: payload {content_sha256[:16]} is missing")
        return Payload(*row)

    def provenance(self, content_sha256: str) -> list[Provenance]:
        """Facts about a payload."""
        query = "SELECT kind, value FROM provenance WHERE content_sha256 = ? ORDER BY kind, value"
        with self._reading():
            rows = self._connection.execute(query, (content_sha256,)).fetchall()
        return [Provenance(kind, value) for kind, value in rows]

    def stored(self) -> list[str]:
        """Content hashes of the payloads that are there."""
        with self._reading():
            rows = self._connection.execute("SELECT content_sha256 FROM payload").fetchall()
        return [sha256 for (sha256,) in rows]

    def _numbered(self, table: str) -> list[tuple[str, str]]:
        query = f"SELECT kind, body FROM {table} ORDER BY number"  # noqa: S608 # names of ours
        return self._connection.execute(query).fetchall()

    def _check_format(self) -> None:
        with self._reading():
            found = [
                self._connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            ]
        if found != [APPLICATION_ID, USER_VERSION]:
            raise InputFileError(
                f"{self.path}: not a snapshot of version {USER_VERSION}: application id "
                f"{found[0]:#x}, version {found[1]}",
                next_step=f"file {self.path}",
            )

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, KeyError, ValueError) as error:
            raise InputFileError(
                f"{self.path}: damaged: {error}", next_step=f"mx2 conditions verify {self.path}"
            ) from error


def write_snapshot(
    store: Store, gtag: str, path: Path, *, cut: Sequence[Interval] = ()
) -> Contents:
    """Write a global tag into a new snapshot file.

    Parameters
    ----------
    store : Store
    gtag : str
    path : Path
    cut : sequence of Interval
        Only payloads that hold in one of them; all if empty.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    HashMismatch
        If the rows of the global tag have another digest.
    """
    with atomic_path(path) as temporary, store.reading() as connection:
        contents = contents_of(connection, store, gtag, cut)
        try:
            _write(temporary, contents, payload_rows(connection, contents))
        except sqlite3.Error as error:
            raise OutputError(f"{path}: cannot be written: {error}", next_step="df -h") from error
    return contents


def _write(
    path: Path, contents: Contents, payloads: Iterator[tuple[Payload, list[Provenance]]]
) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode=DELETE")
        file.executescript(_TABLES)
        file.execute("BEGIN")
        meta = {**contents.meta(), "manifest": contents.manifest.text()}
        file.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        documents = [(kind, canonical_json(body)) for kind, body in contents.documents]
        file.executemany("INSERT INTO document (kind, body) VALUES (?, ?)", documents)
        file.executemany(
            "INSERT INTO evidence (kind, body) VALUES (?, ?)",
            [(item.kind, item.body) for item in contents.evidence],
        )
        for payload, facts in payloads:
            row = (payload.content_sha256, payload.schema_id, payload.n_rows, payload.encoding,
                   payload.file_sha256, payload.data)  # fmt: skip
            file.execute("INSERT INTO payload VALUES (?, ?, ?, ?, ?, ?)", row)
            file.executemany(
                "INSERT INTO provenance VALUES (?, ?, ?)",
                [(payload.content_sha256, fact.kind, fact.value) for fact in facts],
            )
        file.execute("COMMIT")
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute(f"PRAGMA user_version = {USER_VERSION}")
        file.execute("VACUUM")
