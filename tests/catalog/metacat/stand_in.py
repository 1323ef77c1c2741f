"""A server that speaks as MetaCat 4.1.4 does, with its faults (catalogue page, section 3).

Queries are answered by our evaluator; what the real server does otherwise is written out here and
in the replies of ``server_examples.json``.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt

from mx2prod.catalog.mql.evaluate import Options, evaluate
from mx2prod.catalog.mql.source import MemorySource
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery
from mx2prod.core.errors import QueryError
from mx2prod.core.ids import Did

KEY = "0" * 32
Reply = tuple[int, str, str]


class Fault(Exception):  # noqa: N818 # a reply, not an error of the tests
    """A reply that is not 200."""

    def __init__(self, status: int, text: str, kind: str = "text/plain") -> None:
        super().__init__(text)
        self.reply: Reply = (status, text, kind)


@dataclass
class StandIn:
    """The state of the server, and which faults happen next.

    Attributes
    ----------
    faults : dict
        Path below ``data/`` to what happens at the next requests: a status, ``"lose"`` (the work
        is done, the connection closed without a reply), ``"drop"`` (nothing is done), ``"slow"``.
    requests : list of (str, str, bytes)
        Path, query and body of each request.
    """

    url: str = ""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    queries: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)

    def sent(self, path: str) -> list[bytes]:
        """Bodies of the requests for a path."""
        return [body for where, _, body in self.requests if where == path]

    def source(self) -> MemorySource:
        """State as our evaluator reads it."""
        files = [
            FileRecord.from_json(
                {**item, "datasets": [d for d, found in self.members.items() if fid in found]}
            )
            for fid, item in self.files.items()
        ]
        datasets = [
            DatasetRecord.from_json({**item, "file_count": 0}) for item in self.datasets.values()
        ]
        return MemorySource(files, datasets, [NamedQuery.from_json(q) for q in self.queries])

    def token(self, lifetime_s: float = 86400) -> str:
        """Token of the user dunepro."""
        now = int(time.time())
        claims = {"iss": "metacat", "sub": "dunepro", "iat": now, "nbf": now,
                  "exp": now + int(lifetime_s), "jti": "1"}  # fmt: skip
        return jwt.encode(claims, KEY, algorithm="HS256")

    def find(self, which: dict[str, Any]) -> dict[str, Any] | None:
        """File of a fid, or of namespace and name."""
        if which.get("fid"):
            return self.files.get(which["fid"])
        wanted = (which.get("namespace"), which.get("name"))
        return next((f for f in self.files.values() if (f["namespace"], f["name"]) == wanted), None)

    # ---- what the addresses do

    def answer(self, path: str, options: dict[str, str], body: bytes) -> Any:
        """Document of a request."""
        method: Callable[..., Any] = getattr(self, f"_{path}")
        if path == "query":
            return method(options, body.decode())
        return method(options, json.loads(body) if body else None)

    def _version(self, *_: Any) -> Any:
        raise Fault(200, "4.1.4")

    def _query(self, options: dict[str, str], text: str) -> Any:
        retired = options.get("include_retired_files") == "yes"
        if not text:
            return []
        try:
            found = evaluate(text, self.source(), Options(options.get("namespace"), retired))
        except QueryError as error:
            raise Fault(400, f"MQLSyntaxError: {error.message}") from error
        records = [record.to_json() for record in found.records]
        if options.get("summary") == "count":
            return {"count": len(records), "total_size": sum(item["size"] for item in records)}
        if options.get("summary") == "keys":
            return sorted({key for item in records for key in item["metadata"]})
        raise Fault(
            200, "".join(f"\x1e{json.dumps(item)}\n" for item in records), "application/json-seq"
        )

    def _files(self, _: Any, wanted: list[dict[str, Any]]) -> Any:
        return [found for item in wanted if (found := self.find(item)) is not None]

    def _declare_files(self, options: dict[str, str], files: list[dict[str, Any]]) -> Any:
        dataset = options["dataset"]
        if dataset not in self.datasets:
            raise Fault(400, f"Dataset {dataset} does not exist")
        taken = [item for item in files if self.find(item) is not None]
        if taken:
            lines = "".join(f"\n  {item['namespace']}:{item['name']}" for item in taken)
            raise Fault(409, f"The following files already exist:{lines}")
        made = [self._made(index, item) for index, item in enumerate(files)]
        for item in made:
            self.files[item["fid"]] = item
            self.members[dataset].append(item["fid"])
        return [{**item, "created_timestamp": None} for item in made]

    def _made(self, index: int, item: dict[str, Any]) -> dict[str, Any]:
        if "metadata" not in item:
            raise Fault(500, "Application error: KeyError: 'metadata'", "text/html")
        parents = []
        for parent in item.get("parents", []):
            found = self.find(parent)
            if found is None:  # A7: not those of the same batch
                text = f"Can not get file id for parent: {parent['namespace']}:{parent['name']}"
                problem = {"message": "Invalid file data",
                           "metadata_errors": [{"index": index, "message": text}]}  # fmt: skip
                raise Fault(488, json.dumps(problem), "application/json")
            parents.append({"fid": found["fid"]})
        return {
            "fid": item.get("fid") or uuid.uuid4().hex[:16],
            "namespace": item["namespace"], "name": item["name"], "size": item["size"],
            "checksums": item.get("checksums", {}), "metadata": _mangled(item["metadata"]),
            "parents": parents, "children": [], "retired": False, "retired_by": None,
            "retired_timestamp": None, "updated_by": None, "updated_timestamp": time.time(),
            "created_timestamp": time.time(), "creator": "dunepro",
        }  # fmt: skip

    def _update_file(self, _: Any, body: dict[str, Any]) -> Any:
        found = self.find(body)
        if found is None:
            raise Fault(404, "File not found")
        if "parents" in body:
            raise Fault(500, "Application error: 'namespace'")
        found["metadata"] = {**found["metadata"], **body["metadata"]}
        return found

    def _retire_file(self, _: Any, body: dict[str, Any]) -> Any:
        found = self.find(body)
        assert found is not None
        found["retired"] = body["retire"]
        return found

    def _dataset(self, options: dict[str, str], _: Any) -> Any:
        found = self.datasets.get(options["dataset"])
        if found is None:
            raise Fault(404, "Dataset not found")
        return {**found, "file_count": 12345}  # counted some time ago

    def _create_dataset(self, _: Any, body: dict[str, Any]) -> Any:
        did = f"{body['namespace']}:{body['name']}"
        if did in self.datasets:
            raise Fault(409, "Already exists")
        assert not body.get("files_query"), "the server fills before it parses, and not from names"
        members = ("namespace", "name", "frozen", "monotonic", "metadata", "description")
        self.datasets[did] = {
            **{name: body[name] for name in members},
            "file_meta_requirements": body.get("file_meta_requirements"), "creator": "dunepro",
        }  # fmt: skip
        self.members[did] = []
        return self.datasets[did]

    def _update_dataset(self, options: dict[str, str], body: dict[str, Any]) -> Any:
        self.datasets[options["dataset"]].update(body)
        return self.datasets[options["dataset"]]

    def _add_files(self, options: dict[str, str], body: dict[str, Any]) -> Any:
        dataset = self.datasets[options["dataset"]]
        if dataset["file_meta_requirements"]:
            raise Fault(500, "Application error: 'NoneType' object has no attribute 'get'")
        if dataset["frozen"]:
            raise Fault(403, "Dataset is frozen")
        found = {item["fid"] for one in body["file_list"] if (item := self.find(one))}
        new = found - set(self.members[options["dataset"]])
        self.members[options["dataset"]] += sorted(new)
        return {"files_added": len(new)}

    def _create_named_query(self, _: Any, body: dict[str, Any]) -> Any:
        names = ("namespace", "name", "source")
        self.queries.append({name: body[name] for name in names})
        return self.queries[-1]

    def _named_query(self, options: dict[str, str], _: Any) -> Any:
        for item in self.queries:
            if Did(item["namespace"], item["name"]) == Did(options["namespace"], options["name"]):
                return item
        raise Fault(404, "Named query not found")

    def _categories(self, *_: Any) -> Any:
        return [{"path": "core", "definitions": {}}]


def _mangled(value: Any) -> Any:
    """Texts as the server keeps them when a file is declared (A6)."""
    if isinstance(value, str):
        if any(character in value for character in '"\n\t'):
            raise Fault(500, "Application error: invalid input syntax for type json")
        escaped = json.dumps(value)[1:-1]
        return escaped.replace("\\\\", "\\").replace("\\b", "\b").replace("\\u", "u")
    if isinstance(value, list):
        return [_mangled(item) for item in value]
    if isinstance(value, dict):
        return {key: _mangled(item) for key, item in value.items()}
    return value


@contextmanager
def standing_in() -> Iterator[StandIn]:
    """Run a server with the dataset ``dune:all``."""
    state = StandIn()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._handle(b"")

        def do_POST(self) -> None:
            self._handle(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _handle(self, body: bytes) -> None:
            parts = urlsplit(self.path)
            path = parts.path.rpartition("/")[2]
            with lock:
                state.requests.append((path, parts.query, body))
                waiting = state.faults.get(path, [])
                fault = waiting.pop(0) if waiting else None
                if isinstance(fault, tuple):
                    self._send(*fault)
                    return
                if isinstance(fault, int):
                    self._send(fault, f"fault {fault}", "text/plain")
                    return
                if fault == "drop":
                    self.close_connection = True
                    return
                reply = self._reply(path, dict(parse_qsl(parts.query)), body)
            if fault == "lose":
                self.close_connection = True
                return
            if fault == "slow":
                time.sleep(1.0)
            self._send(*reply)

        def _reply(self, path: str, options: dict[str, str], body: bytes) -> Reply:
            try:
                return 200, json.dumps(state.answer(path, options, body)), "application/json"
            except Fault as fault:
                return fault.reply

        def _send(self, status: int, text: str, kind: str) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())
            except OSError:
                self.close_connection = True  # the client has gone away

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    state._create_dataset(
        None,
        {"namespace": "dune", "name": "all", "frozen": False, "monotonic": False, "metadata": {},
         "description": ""},
    )  # fmt: skip
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
