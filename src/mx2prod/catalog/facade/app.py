"""The application: routes, errors, and what they share (catalogue page, section 6)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from mx2prod.catalog.facade import dataset_routes, file_routes, login, name_routes, query_routes
from mx2prod.catalog.facade.login import Login
from mx2prod.catalog.facade.replies import Refused, error_reply
from mx2prod.catalog.facade.tokens import SECRET_BYTES, Tokens, load_secret
from mx2prod.catalog.facade.users import Users, load_users
from mx2prod.catalog.store import Catalog
from mx2prod.core.errors import Mx2Error
from mx2prod.core.http_server import App, running_app, serve_app, without_doubled_slashes

VERSION = "4.1.4+mx2prod"
"""Version of the server that is spoken like, as clients read it."""

log = logging.getLogger(__name__)


def make_app(catalog: Catalog, entrance: Login) -> App:
    """Application that answers from a catalogue.

    Parameters
    ----------
    catalog : Catalog
    entrance : Login
    """
    app = FastAPI(title="mx2prod catalogue", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.catalog, app.state.login = catalog, entrance
    app.exception_handler(Refused)(_refused)
    app.exception_handler(Mx2Error)(_failed)
    app.exception_handler(RequestValidationError)(_not_valid)
    app.exception_handler(HTTPException)(_no_route)
    app.get("/data/version", response_class=PlainTextResponse)(version)
    for module in (login, query_routes, file_routes, dataset_routes, name_routes):
        app.include_router(module.router)
    return without_doubled_slashes(app)


def version() -> str:
    """Version of the server."""
    return VERSION


def entrance_of(users: Path | None) -> Login:
    """Login of a file of users; nobody can log in without one.

    The secret of the tokens stands beside it, in a file with the suffix ``.secret``.

    Raises
    ------
    InputFileError, ConfigError
        If the file cannot be read, or is not what it should be.
    TrustError
        If others can read it, or the secret.
    """
    if users is None:
        return Login.of(Users(), Tokens(secrets.token_bytes(SECRET_BYTES)))
    known = load_users(users)
    trusted = {
        issuer: (users.parent / key).read_text(encoding="ascii")
        for issuer, key in known.issuers.items()
    }
    return Login.of(known, Tokens(load_secret(users.with_suffix(".secret")), trusted))


def serve(
    catalog: Catalog,
    entrance: Login,
    *,
    bind: str = "127.0.0.1:0",
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Answer requests until the process is told to stop.

    Parameters
    ----------
    catalog : Catalog
    entrance : Login
    bind, ready
        As in :func:`mx2prod.core.http_server.serve_app`.

    Raises
    ------
    ConfigError
        If the address cannot be used.
    """
    serve_app(make_app(catalog, entrance), bind, ready)


@contextmanager
def running(catalog: Catalog, entrance: Login) -> Iterator[str]:
    """Serve on a free port of this machine while a block runs; gives the address."""
    with running_app(make_app(catalog, entrance)) as url:
        yield url


def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return error.reply()


def _failed(request: Request, error: Exception) -> Response:
    if not isinstance(error, Mx2Error):
        raise error
    reply = error_reply(error)
    if reply.status_code >= 500:
        log.error("%s: %s", request.url.path, error.message)
    reply.headers.update(getattr(request.state, "headers", {}))
    return reply


def _not_valid(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 400)


def _no_route(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    text = f"{error.detail}: {request.method} {request.url.path}"
    return PlainTextResponse(text, error.status_code)
