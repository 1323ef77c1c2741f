"""The endpoints of a mnvcon server, byte for byte (conditions page, section 9).

An address is ``/compat/BASE/DIALECT/VERB``: the base is ``GTAG@DIGEST``, or an alias, which can
move.  This module knows nothing of the network: a path and a query give an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from mx2prod.conditions import wire
from mx2prod.conditions.http_status import status_of
from mx2prod.conditions.manifest import FolderManifest
from mx2prod.conditions.payloads import decode
from mx2prod.conditions.server_served import Recent, Served
from mx2prod.conditions.server_sources import Source
from mx2prod.conditions.wire import DIALECTS, Dialect
from mx2prod.conditions.wire_times import TimedInterval, TimedIntervals
from mx2prod.constants import Constants, Table, table_of_schema
from mx2prod.core.errors import Mx2Error, NameFormatError

PREFIX = "/compat/"
NO_DATA = "Data not found"
KEEP = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
_PATH = re.compile(rf"{PREFIX}(?P<base>.+)/(?P<dialect>{'|'.join(DIALECTS)})/(?P<verb>[a-z]+)")
_CACHE_BYTES = 256 << 20


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes
    ----------
    status : int
    body : bytes
    cache_control : str
    facts : dict of str to str
        For the request log: folder, time, global tag, content hash.
    """

    status: int
    body: bytes
    cache_control: str = ASK_AGAIN
    facts: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):  # noqa: N818 # it is an answer, not a fault
    """An answer other than 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass
class Request:
    """A request to one base.

    Attributes
    ----------
    served : Served
    dialect : Dialect
    query : mapping of str to str
    fixed : bool
        Whether the answer stays the same for ever.
    facts : dict of str to str
    """

    served: Served
    dialect: Dialect
    query: Mapping[str, str]
    fixed: bool
    facts: dict[str, str]

    def required(self, name: str) -> str:
        """Parameter that must be there; answers 400 if it is not."""
        value = self.query.get(name, "")
        if not value:
            raise Refusal(400, f"parameter {name} is missing\n")
        return value

    def time(self, name: str) -> int:
        """Microseconds of a time; answers 400 to what is none."""
        try:
            time_us = wire.parse_time(self.required(name))
        except NameFormatError as error:
            raise Refusal(400, f"parameter {name}: {error.message}\n") from error
        self.facts[name] = self.query[name]
        return time_us


class Mnvcon:
    """Endpoints over a source.

    Parameters
    ----------
    source : Source
    folders : mapping of str to str, optional
        Folder by another name that readers ask for, besides those of the source.
    """

    def __init__(self, source: Source, folders: Mapping[str, str] | None = None) -> None:
        self.source = source
        self._folders = dict(folders or {})
        self._rendered: Recent[bytes] = Recent(_CACHE_BYTES, len)
        self._verbs: dict[str, Callable[[Request], bytes]] = {
            "data": self._data, "get": self._get, "folders": self._list,
            "describe": self._describe, "tags": self._tags, "probe": lambda _: b"OK",
        }  # fmt: skip

    def answer(self, path: str, query: str) -> Answer:
        """Answer to a GET request.

        Parameters
        ----------
        path : str
            Decoded, without doubled slashes.
        query : str
            As it arrived; names may be percent-encoded, and unknown ones are passed over.
        """
        facts: dict[str, str] = {}
        try:
            request, verb = self._request(path, query, facts)
            body = self._verbs[verb](request)
        except Refusal as refusal:
            return Answer(refusal.status, refusal.text.encode(), facts=facts)
        except Mx2Error as error:
            return Answer(status_of(error), f"{error.message}\n".encode(), facts=facts)
        return Answer(200, body, KEEP if request.fixed else ASK_AGAIN, facts)

    def _request(self, path: str, query: str, facts: dict[str, str]) -> tuple[Request, str]:
        match = _PATH.fullmatch(path)
        if match is None or match["verb"] not in self._verbs:
            raise Refusal(404, "Not found\n")
        base = match["base"]
        pinned = "@" in base
        reference = base if pinned else self.source.alias(base)
        if reference is None:
            raise Refusal(404, f"{base}: neither GTAG@DIGEST nor an alias\n")
        served = self.source.served(reference)
        facts["gtag"] = served.reference
        dialect = DIALECTS[match["dialect"]]
        return Request(served, dialect, parse_query(query), pinned, facts), match["verb"]

    def _folder(self, request: Request) -> FolderManifest:
        requested = request.required("f")
        request.facts["folder"] = requested
        name = self._folders.get(requested) or self.source.folder(requested)
        if name is None:
            self.source.count_unknown(requested)
            request.facts["unknown"] = "yes"
        found = None if name is None else request.served.manifest(name)
        if found is None:
            raise Refusal(404, f"Folder {requested} not found\n")
        return found

    def _intervals(self, request: Request, folder: FolderManifest) -> TimedIntervals:
        """Intervals of the folder, or of the tag that was asked for; empty if it is unknown."""
        tag = request.query.get("tag", "")
        if tag in ("", folder.tag, request.served.view.gtag):
            return request.served.timed(folder)
        request.fixed = False  # the digest of the base does not hold such a tag
        rows = self.source.ancestors(folder).get(tag, [])
        return request.served.in_time(rows)

    def _data(self, request: Request) -> bytes:
        folder = self._folder(request)
        if request.query.get("i"):
            found = request.served.timed(folder).numbered(_number(request.query["i"]))
        else:
            time_us = request.time("t")
            found = self._intervals(request, folder).at(time_us)
        if found is None:
            raise Refusal(404, NO_DATA)
        request.facts["content_sha256"] = found.content_sha256
        schema = table_of_schema(folder.schema)
        body = self._rendered.get(
            found.content_sha256, lambda: wire.rows(self._table(request, found))
        )
        return wire.head(found.begin_us, found.end_us, schema, request.dialect) + body

    def _get(self, request: Request) -> bytes:
        folder = self._folder(request)
        schema = table_of_schema(folder.schema)
        names = _chosen(request, schema)
        intervals = self._intervals(request, folder)
        if request.query.get("t"):
            found = intervals.at(request.time("t"))
            held = [found] if found is not None else []
        else:
            held = intervals.between(request.time("t0"), request.time("t1"))
        if not held:
            raise Refusal(400, NO_DATA)
        request.facts["content_sha256"] = " ".join(item.content_sha256 for item in held)
        types = wire.sql_types(schema, request.dialect)
        lines = (
            ",".join(["channel", "tv", *names]),
            ",".join([types["channel"], "float", *(types[name] for name in names)]),
        )
        head = "".join(f"{line}\n" for line in lines).encode()
        tables = ((item, self._table(request, item)) for item in held)
        return head + b"".join(
            wire.rows(table, names, time=wire.time_text(item.begin_us)) for item, table in tables
        )

    def _list(self, request: Request) -> bytes:
        return "\n".join(request.served.view.folders).encode()

    def _describe(self, request: Request) -> bytes:
        schema = table_of_schema(self._folder(request).schema)
        types = wire.sql_types(schema, request.dialect)
        lines = ["name,type", *(f"{name},{types[name]}" for name in schema.text_names())]
        return "\n".join(lines).encode()

    def _tags(self, request: Request) -> bytes:
        folder = self._folder(request)
        request.fixed = False
        return "\n".join(sorted({folder.tag, *self.source.ancestors(folder)})).encode()

    def _table(self, request: Request, found: TimedInterval) -> Table:
        payload = request.served.view.stored(found.content_sha256)
        return decode(payload, source=self.source.address)


def parse_query(query: str) -> dict[str, str]:
    """Parameters of a query; the first of two equal names counts, ``+`` is a plus."""
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        found.setdefault(unquote(name), unquote(value))
    return found


def _chosen(request: Request, schema: type[Constants]) -> list[str]:
    names = [name for name in request.query.get("c", "").split(",") if name]
    known = schema.text_names()
    for name in names:
        if name not in known:
            raise Refusal(400, f"Column {name} not found\n")
    return names or list(known)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Refusal(400, f"parameter i: {text!r} is no number\n")
    return int(text)
