"""Run an HTTP application on an address, until it is stopped or for the time of a block."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import uvicorn

from mx2prod.core.errors import ConfigError, StoreError

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

_ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})", re.ASCII
)
_SLASHES = re.compile("//+")
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


def serve_app(app: App, bind: str, ready: Callable[[str], None] = lambda _: None) -> None:
    """Answer requests until the process is told to stop.

    Parameters
    ----------
    app : ASGI application
    bind : str
        ``HOST:PORT``; port 0 takes a free one.
    ready : callable
        Is given the address when requests are accepted.

    Raises
    ------
    ConfigError
        If the address cannot be used.
    """
    with bound(*parse_bind(bind)) as (listening, url):
        ready(url)
        _server(app).run(sockets=[listening])


@contextmanager
def running_app(app: App) -> Iterator[str]:
    """Serve on a free port of this machine while a block runs; gives the address.

    Raises
    ------
    StoreError
        If the server does not start.
    """
    server = _server(app)
    with bound("127.0.0.1", 0) as (listening, url):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def without_doubled_slashes(app: App) -> App:
    """Application for addresses such as ``.../app//data``, which option files lead to."""

    async def normalised(scope: Scope, receive: Any, send: Any) -> None:
        if "path" in scope:
            path = _SLASHES.sub("/", scope["path"])
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await app(scope, receive, send)

    return normalised


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
