"""Replies as MetaCat makes them: texts, JSON, sequences, errors (catalogue page, section 6)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from mx2prod.core.errors import (
    BadInputError,
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidRecordError,
    Mx2Error,
    NameFormatError,
    NotInCatalogError,
    QueryError,
)

INVALID_METADATA = 488
SEQUENCE = "application/json-seq"
_TOGETHER = 256
_STATUS: dict[type[Mx2Error], int] = {
    NotInCatalogError: 404, ConflictError: 409, DeniedError: 403, QueryError: 400,
    CatalogError: 400, NameFormatError: 400, BadInputError: 400,
}  # fmt: skip
_NAMES = {"namespace", "name", "fid"}


class Refused(Exception):  # noqa: N818 # what the caller is told, not a fault of the server
    """A request that is not answered.

    Attributes
    ----------
    status : int
    text : str
    headers : mapping of str to str
    """

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, dict(headers or {})

    def reply(self) -> Response:
        """Make the reply."""
        return PlainTextResponse(self.text, self.status, self.headers)


def error_reply(error: Mx2Error) -> Response:
    """Reply for an error of the catalogue; 500 for those that a client cannot cause."""
    if isinstance(error, InvalidRecordError):
        return _invalid(error)
    if isinstance(error, ConflictError) and error.taken:
        return already_exist(error.taken)
    if isinstance(error, QueryError):
        return PlainTextResponse(f"MQLSyntaxError: {error.message}", 400)
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    return PlainTextResponse(error.message, status)


def already_exist(dids: Iterable[str]) -> Response:
    """Say which files are there already; clients read the lines after the first."""
    lines = "".join(f"\n  {did}" for did in dids)
    return PlainTextResponse(f"The following files already exist:{lines}", 409)


def _invalid(error: InvalidRecordError) -> Response:
    """Problems of records: 400 for a name that cannot be one, else the list of all of them."""
    for _, member, _, value in error.problems:
        if member in _NAMES:
            return PlainTextResponse(f"Invalid value for {member}: {value}: {error.message}", 400)
    files: dict[int, list[dict[str, Any]]] = {}
    for index, member, reason, value in error.problems:
        shown = value if value is None or isinstance(value, str | int | bool) else repr(value)
        item = {"name": member, "reason": reason, "value": shown}
        files.setdefault(index, []).append(item)
    errors = [
        {"index": index, "message": f"{found[0]['name']}: {found[0]['reason']}",
         "metadata_errors": found}
        for index, found in files.items()
    ]  # fmt: skip
    document = {"message": "Invalid file data", "metadata_errors": errors}
    return JSONResponse(document, INVALID_METADATA)


def sequence(
    documents: Iterable[Mapping[str, Any]], headers: Mapping[str, str] | None = None
) -> Response:
    """JSON sequence: each record is RS, JSON, line end; sent while it is read.

    The first records are read before anything is sent, so that an error there has its status.
    """
    chunks = _chunks(iter(documents))
    first = next(chunks, b"")
    second = next(chunks, None)
    if second is None:
        return Response(first, media_type=SEQUENCE, headers=dict(headers or {}))
    return StreamingResponse(
        chain([first, second], chunks), media_type=SEQUENCE, headers=dict(headers or {})
    )


def _chunks(documents: Iterator[Mapping[str, Any]]) -> Iterator[bytes]:
    while lines := [f"\x1e{json.dumps(item)}\n" for item in islice(documents, _TOGETHER)]:
        yield "".join(lines).encode()
