"""One MetaCat server: reading, and changes that are checked afterwards (page, section 3)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from mx2prod.catalog.answers import Summary
from mx2prod.catalog.metacat.connection import Connection, in_our_words
from mx2prod.catalog.mql.check import check
from mx2prod.catalog.mql.parse import located, parse
from mx2prod.catalog.mql.syntax import DatasetQuery, QueriesQuery, Query
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery
from mx2prod.core.errors import CatalogError, DeniedError, QueryError, StoreError
from mx2prod.core.ids import Did

DEADLINE_S = 600.0
SMALLEST_PAGE = 1000
_RENEW_S = 3600.0
_BATCH = 1000
_LOGIN = "mx2 catalog login USER"

Which = Mapping[str, str] | Did | str
"""A file: its did, its fid, or an object with did, fid, or namespace and name."""


class MetaCat:
    """A MetaCat server, seen through the stock client.

    Every answer is read to its end before it is returned (A1), so that errors come where they
    belong.  There is no method that deletes files (A20) or changes categories (A21).

    Parameters
    ----------
    url : str
        ``https://host/path``, as in ``METACAT_SERVER_URL``.
    token_library : Path
        File of its own for the tokens, of mode 0600 (A22).
    auth_url : str, optional
        The server's own ``/auth`` if not given.
    deadline_s : float
        Longest time of a call, with all that is repeated (A3).
    """

    def __init__(
        self,
        url: str,
        token_library: Path,
        *,
        auth_url: str | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.client = Connection(url.rstrip("/"), auth_url, token_library, deadline_s)

    # ---- who

    def login_token(self, user: str, token: str) -> None:
        """Log in by a token of another issuer, the way to try first (A24)."""
        with in_our_words():
            self.client.login_token(user, token)

    def login_digest(self, user: str, password: str) -> None:
        """Log in by a password; unpatched servers answer 500 (A24)."""
        with in_our_words():
            self.client.login_digest(user, password)

    def login_x509(self, user: str, certificate: Path, key: Path | None = None) -> None:
        """Log in by a certificate."""
        with in_our_words():
            self.client.login_x509(user, str(certificate), None if key is None else str(key))

    def require_login(self) -> str:
        """User of the token, which must be good for an hour more (A22).

        Raises
        ------
        DeniedError
            If there is none, or it ends too soon.
        """
        token = self.client.token()
        if token is None:
            raise DeniedError("not logged in at MetaCat: a token is needed", next_step=_LOGIN)
        if token.expiration - time.time() < _RENEW_S:
            raise DeniedError("the token for MetaCat ends within the hour", next_step=_LOGIN)
        return str(token.subject)

    def version(self) -> str:
        """Version of the server."""
        with in_our_words():
            return str(self.client.get_version())

    # ---- reading

    def query(
        self,
        mql: str,
        *,
        namespace: str | None = None,
        with_metadata: bool = False,
        with_provenance: bool = False,
        include_retired: bool = False,
    ) -> list[dict[str, Any]]:
        """Return all records of a query.

        The text goes into the body alone, never into the address (L28), and whether retired files
        are meant is always said (A15).

        Raises
        ------
        QueryError
            If our parser refuses the text: it is then not sent (A11).
        """
        _checked(mql)
        options = {
            "with_meta": _yes(with_metadata),
            "with_provenance": _yes(with_provenance),
            "include_retired_files": _yes(include_retired),
            **({"namespace": namespace} if namespace else {}),
        }
        with in_our_words():
            return list(self.client.post_json(f"data/query?{urlencode(options)}", mql.encode()))

    def summary(
        self, mql: str, *, namespace: str | None = None, include_retired: bool = False
    ) -> Summary:
        """Count the files of a query and their bytes, exactly (A15); events are not known."""
        _checked(mql)
        options = {
            "summary": "count",
            "include_retired_files": _yes(include_retired),
            **({"namespace": namespace} if namespace else {}),
        }
        with in_our_words():
            found = self.client.post_json(f"data/query?{urlencode(options)}", mql.encode())
        return Summary(int(found["count"]), int(found["total_size"] or 0), 0)

    def keys(self, mql: str) -> list[str]:
        """Names of the metadata keys of the files of a query, sorted."""
        _checked(mql)
        with in_our_words():
            found = self.client.post_json(
                "data/query?summary=keys&include_retired_files=no", mql.encode()
            )
        return sorted(map(str, found))

    def pages(self, mql: str, size: int = 10_000) -> Iterator[list[dict[str, Any]]]:
        """Yield the records of a file query in pages, in order (A16).

        Raises
        ------
        CatalogError
            If a page is smaller than 1000.
        StoreError
            If the number of files was another one at the end: the pages then do not fit together.
        """
        if size < SMALLEST_PAGE:
            raise CatalogError(f"pages of {size} files: expected at least {SMALLEST_PAGE}")
        before = self.summary(mql).files
        for start in range(0, before, size):
            yield self.query(f"({mql}\n) ordered skip {start} limit {size}")
        after = self.summary(mql).files
        if after != before:
            raise StoreError(
                f"{before} files before, {after} after: the answer changed while it was read",
                next_step="ask again",
            )

    def file(self, did: Did | str) -> FileRecord | None:
        """Return a file with metadata and links; None if it is not there."""
        return next(iter(self.files([did])), None)

    def files(
        self, which: Iterable[Which], *, with_metadata: bool = True, with_provenance: bool = True
    ) -> list[FileRecord]:
        """Files of a list with metadata and links; missing ones are left out."""
        wanted = [reference_of(item) for item in which]
        found: list[FileRecord] = []
        for start in range(0, len(wanted), _BATCH):
            with in_our_words():
                records = self.client.get_files(
                    wanted[start : start + _BATCH], with_metadata, with_provenance
                )
            found += [file_record(item) for item in records]
        return found

    def dataset(self, did: Did | str) -> DatasetRecord | None:
        """Return a dataset; its files are counted by a query, the server's count is old (A15)."""
        with in_our_words():
            found = self.client.get_dataset(str(did))
        if found is None:
            return None
        members = {key: found[key] for key in _DATASET_MEMBERS if found.get(key) is not None}
        count = self.summary(f"files from {did}").files
        return DatasetRecord.from_json({**members, "file_count": count})

    def has_dataset(self, did: Did | str) -> bool:
        """Tell whether a dataset is there: a query from one that is not selects nothing (L20)."""
        with in_our_words():
            return self.client.get_dataset(str(did)) is not None

    def named_query(self, did: Did) -> NamedQuery | None:
        """Return a named query; None if it is not there."""
        with in_our_words():
            found = self.client.get_named_query(did.namespace, did.name)
        return None if found is None else NamedQuery.from_json(found)

    def categories(self) -> list[dict[str, Any]]:
        """Categories of metadata, for reading only (A21)."""
        with in_our_words():
            return list(self.client.list_categories())

    # ---- changes of one thing

    def update_file(self, did: Did | str, metadata: Mapping[str, Any]) -> FileRecord:
        """Add metadata to a file, and compare what the server then has (A17).

        Raises
        ------
        StoreError
            If it has something else.
        """
        self.require_login()
        with in_our_words():
            reply = self.client.update_file(did=str(did), metadata=dict(metadata))
        record = file_record(reply)
        wrong = [key for key, value in metadata.items() if record.metadata.get(key) != value]
        if wrong:
            raise StoreError(f"{did}: the server has another value of {', '.join(wrong)}")
        return record

    def retire(self, did: Did | str, *, retire: bool = True) -> FileRecord:
        """Hide a file, or show it again."""
        self.require_login()
        with in_our_words():
            return file_record(self.client.retire_file(did=str(did), retire=retire))

    def save_query(self, did: Did, source: str, *, update: bool = False) -> NamedQuery:
        """Save a named query that our parser has read: the server takes any text."""
        self.require_login()
        _checked(source)
        with in_our_words():
            found = self.client.create_named_query(did.namespace, did.name, source, update=update)
        return NamedQuery.from_json(found)


def require_files(mql: str) -> None:
    """Refuse a text that does not select files, before anything is made for it (A11)."""
    if isinstance(_checked(mql), DatasetQuery | QueriesQuery):
        raise CatalogError(f"selects no files: {mql}")


def _checked(mql: str) -> Query:
    """Read a text as MQL, with the checks that need no catalogue; it is not sent otherwise."""
    query = parse(mql)
    try:
        check(query)
    except QueryError as error:
        raise located(error, mql) from error
    return query


def batches(items: Sequence[Any], size: int = _BATCH) -> Iterator[Sequence[Any]]:
    """Cut a sequence into pieces that the server takes at once."""
    return (items[start : start + size] for start in range(0, len(items), size))


_FILE_MEMBERS = set(FileRecord.__dataclass_fields__)
_DATASET_MEMBERS = set(DatasetRecord.__dataclass_fields__) - {"file_count", "parents", "children"}


def reference_of(which: Which) -> dict[str, str]:
    """Name a file as the stock client does."""
    if isinstance(which, Mapping):
        return dict(which)
    kind = "did" if ":" in str(which) else "fid"
    return {kind: str(which)}


def file_record(item: Mapping[str, Any]) -> FileRecord:
    """Read a record of the server, whichever members it has."""
    members = {key: value for key, value in item.items() if key in _FILE_MEMBERS}
    members["checksums"] = members.get("checksums") or {}
    for name in ("created_timestamp", "updated_timestamp", "retired_timestamp"):
        if isinstance(members.get(name), int):
            members[name] = float(members[name])
    return FileRecord.from_json(members)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
