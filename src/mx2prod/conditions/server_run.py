"""Run the server on an address, until it is stopped or for the time of a block."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import uvicorn

from mx2prod.conditions.request_log import RequestLog
from mx2prod.conditions.server import App, make_app
from mx2prod.conditions.server_sources import Source
from mx2prod.core.errors import ConfigError, StoreError

_ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})", re.ASCII
)
_START_S = 10.0
_BACKLOG = 128


def parse_bind(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``.

    Raises
    ------
    ConfigError
        If it has another form.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ConfigError(f"{text!r}: expected HOST:PORT, for example 127.0.0.1:0")
    return match["six"] or match["host"], int(match["port"])


@contextmanager
def bound(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """Socket that listens, and its address as ``http://HOST:PORT``; port 0 takes a free one.

    Raises
    ------
    ConfigError
        If the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends small replies at once, not 40 ms later.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"{host}:{port}: cannot be bound: {error.strerror or error}",
            next_step="--bind 127.0.0.1:0 takes a free port",
        ) from error
    with listening:
        name = f"[{host}]" if ":" in host else host
        yield listening, f"http://{name}:{listening.getsockname()[1]}"


def serve(
    source: Source,
    *,
    bind: str = "127.0.0.1:0",
    folders: Mapping[str, str] | None = None,
    log: RequestLog | None = None,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Answer requests until the process is told to stop.

    Parameters
    ----------
    source : Source
    bind : str
        ``HOST:PORT``; port 0 takes a free one.
    folders, log
        As in :func:`mx2prod.conditions.server.make_app`.
    ready : callable
        Is given the address when requests are accepted.

    Raises
    ------
    ConfigError
        If the address cannot be used.
    """
    with bound(*parse_bind(bind)) as (listening, url):
        ready(url)
        _server(make_app(source, folders=folders, log=log)).run(sockets=[listening])


@contextmanager
def running(
    source: Source, *, folders: Mapping[str, str] | None = None, log: RequestLog | None = None
) -> Iterator[str]:
    """Serve on a free port of this machine while a block runs; gives the address.

    Raises
    ------
    StoreError
        If the server does not start.
    """
    server = _server(make_app(source, folders=folders, log=log))
    with bound("127.0.0.1", 0) as (listening, url):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def _server(app: App) -> uvicorn.Server:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", http="h11", ws="none"
    )
    return uvicorn.Server(config)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    end = time.monotonic() + _START_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise StoreError("the server did not start", next_step="see the messages above")
        time.sleep(0.005)
