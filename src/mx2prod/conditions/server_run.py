"""Run the server on an address, until it is stopped or for the time of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from mx2prod.conditions.request_log import RequestLog
from mx2prod.conditions.server import make_app
from mx2prod.conditions.server_sources import Source
from mx2prod.core.http_server import running_app, serve_app


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
    bind, ready
        As in :func:`mx2prod.core.http_server.serve_app`.
    folders, log
        As in :func:`mx2prod.conditions.server.make_app`.

    Raises
    ------
    ConfigError
        If the address cannot be used.
    """
    serve_app(make_app(source, folders=folders, log=log), bind, ready)


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
    with running_app(make_app(source, folders=folders, log=log)) as url:
        yield url
