"""The server: our REST, and the endpoints of mnvcon (conditions page, sections 9 and 14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from mx2prod.conditions.http_status import STATUS, status_of
from mx2prod.conditions.mnvcon import ASK_AGAIN, KEEP, PREFIX, Mnvcon
from mx2prod.conditions.request_log import RequestLog
from mx2prod.conditions.server_models import Problem, ResolvedFolder, ResolvedRun
from mx2prod.conditions.server_sources import Source
from mx2prod.core.errors import Mx2Error
from mx2prod.core.http_server import App, without_doubled_slashes
from mx2prod.core.ids import RunSubrun

PARQUET = "application/vnd.apache.parquet"
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in sorted(set(STATUS.values()))
}


def make_app(
    source: Source, *, folders: Mapping[str, str] | None = None, log: RequestLog | None = None
) -> App:
    """Application that answers from a source.

    Parameters
    ----------
    source : Source
    folders : mapping of str to str, optional
        Folder by another name that readers of mnvcon ask for.
    log : RequestLog, optional
    """
    app = FastAPI(
        title="mx2prod conditions", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json"
    )
    app.exception_handler(Mx2Error)(_problem)
    _add_probe(app)
    _add_rest(app, source)
    _add_mnvcon(app, Mnvcon(source, folders), log or RequestLog())
    return without_doubled_slashes(app)


def _problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, Mx2Error):
        raise error
    problem = Problem(error=error.message, next_step=error.next_step)
    return JSONResponse(problem.model_dump(), status_of(error))


def _add_probe(app: FastAPI) -> None:
    @app.get("/probe", response_class=PlainTextResponse)
    def probe() -> str:
        """Say OK."""
        return "OK"


def _add_rest(app: FastAPI, source: Source) -> None:
    @app.get("/v1/gt/{gtag:path}/resolve", responses=_PROBLEMS)
    def resolve(
        gtag: str,
        response: Response,
        run: Annotated[int, Query(ge=0)],
        subrun: Annotated[int, Query(ge=0)] = 0,
    ) -> ResolvedRun:
        """Resolve a subrun in every folder of GTAG[@DIGEST] or of an alias."""
        RunSubrun(run, subrun)
        target = None if "@" in gtag else source.alias(gtag)
        view = source.served(target or gtag).view
        folders = {item.folder: item for item in view.manifest}
        found = view.resolve_all(run, subrun)
        response.headers["cache-control"] = ASK_AGAIN
        return ResolvedRun(
            gtag=view.gtag, digest=view.digest, state=view.state.value,
            provisional=view.provisional, run=run, subrun=subrun,
            folders=[ResolvedFolder.of(item, folders[name]) for name, item in found.items()],
        )  # fmt: skip

    @app.get("/v1/payload/{sha256}", responses={**_PROBLEMS, 304: {"description": "unchanged"}})
    def payload(sha256: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """Table as a Parquet file, by the sha256 of its content; it never changes."""
        found = source.payload(sha256)
        headers = {"etag": f'"{found.file_sha256}"', "cache-control": KEEP}
        if found.file_sha256 in if_none_match:
            return Response(status_code=304, headers=headers)
        return Response(found.data, media_type=PARQUET, headers=headers)


def _add_mnvcon(app: FastAPI, endpoints: Mnvcon, log: RequestLog) -> None:
    @app.get(PREFIX + "{rest:path}", include_in_schema=False)
    def mnvcon(request: Request) -> Response:
        answer = endpoints.answer(request.url.path, request.url.query)
        log.write(request.url.path, request.url.query, answer)
        # Old clients read until the connection closes (page, section 9.3).
        headers = {"cache-control": answer.cache_control, "connection": "close"}
        return PlainTextResponse(answer.body, answer.status, headers)
