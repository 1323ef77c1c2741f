"""The stock client with a deadline of our own, and its errors in our words (rules A2, A3, A22)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from metacat.common import AuthenticationError
from metacat.webapi import MetaCatClient
from metacat.webapi.webapi import (
    AlreadyExistsError,
    BadRequestError,
    InvalidMetadataError,
    NotFoundError,
    PermissionDeniedError,
    WebAPIError,
)

from mx2prod.core.errors import (
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidRecordError,
    NotInCatalogError,
    StoreError,
)
from mx2prod.core.files import write_text
from mx2prod.core.secrets import require_private

_BUSY = {502, 503, 504, 521, 524}
_READS = ("data/query", "data/files", "data/search_queries", "data/namespaces")
_CHANGES_BY_GET = ("data/create_namespace", "data/add_child_dataset", "data/remove_dataset")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 10.0


class LostReplyError(StoreError):
    """No answer came, so that a change may have been made or not."""


class Connection(MetaCatClient):  # type: ignore[misc] # the client has no types
    """The stock client, which waits no longer than it is told and repeats reads only.

    Parameters
    ----------
    url : str
    auth_url : str or None
    token_library : Path
        File of its own for the tokens, of mode 0600; made if missing (A22).
    deadline_s : float
        Longest time of a call, with all that is repeated.
    """

    def __init__(
        self, url: str, auth_url: str | None, token_library: Path, deadline_s: float
    ) -> None:
        if not token_library.exists():
            write_text(token_library, "", mode=0o600)
        require_private(token_library)
        super().__init__(url, auth_url, token_library=str(token_library), timeout=deadline_s)
        self.deadline_s = deadline_s

    def retry_request(self, method: str, url: str, timeout: Any = None, **rest: Any) -> Any:
        """Send a request; the name and the arguments are those of the stock client."""
        del timeout
        end = time.monotonic() + self.deadline_s
        wait = _FIRST_WAIT_S
        while True:
            response = self._send(method, url, end, rest)
            busy = response.status_code in _BUSY and self._repeatable(method, url)
            if not busy or time.monotonic() + wait > end:
                return response
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)

    def _send(self, method: str, url: str, end: float, rest: dict[str, Any]) -> Any:
        where = f"{method.upper()} {url.partition('?')[0]}"
        left = max(0.001, end - time.monotonic())
        try:
            response = requests.request(method, url, timeout=left, **{**rest, "stream": True})
            body = bytearray()
            for chunk in response.iter_content(65536):
                body += chunk
                if time.monotonic() > end:
                    response.close()
                    raise LostReplyError(f"{where}: no end of the reply in {self.deadline_s:g} s")
        except requests.RequestException as error:
            raise LostReplyError(
                f"{where}: no answer: {type(error).__name__}", next_step=f"curl -I {url}"
            ) from error
        # What the client reads later; requests itself sets these two when a body is read whole.
        response._content, response._content_consumed = bytes(body), True
        return response

    def _repeatable(self, method: str, url: str) -> bool:
        path = url.removeprefix(self.ServerURL).partition("?")[0].lstrip("/")
        if method == "get":
            return not path.startswith(_CHANGES_BY_GET)
        return path in _READS


def message_of(error: Exception) -> str:
    """Text of an error of the client; ``str()`` of some of them raises (A2)."""
    for name in ("Message", "Body"):
        text = getattr(error, name, None)
        if text:
            return " ".join(str(text).split())
    return type(error).__name__


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise errors of the client as ours.

    Raises
    ------
    NotInCatalogError, ConflictError, DeniedError, InvalidRecordError, CatalogError
        For what the server refuses.
    LostReplyError
        If there was no answer, or a server between said that it cannot reach MetaCat.
    StoreError
        For faults of the server.
    """
    try:
        yield
    except InvalidMetadataError as error:
        raise _invalid(error) from error
    except NotFoundError as error:
        raise NotInCatalogError(message_of(error)) from error
    except AlreadyExistsError as error:
        raise ConflictError(message_of(error), _taken(error)) from error
    except PermissionDeniedError as error:
        raise DeniedError(message_of(error)) from error
    except BadRequestError as error:
        raise CatalogError(message_of(error)) from error
    except AuthenticationError as error:
        raise DeniedError(f"no login: {message_of(error)}") from error
    except WebAPIError as error:
        raise _fault(error) from error


def _fault(error: WebAPIError) -> Exception:
    status = error.StatusCode
    if status == 401:
        return DeniedError(f"not logged in: {message_of(error)}")
    text = f"MetaCat answers {status}: {message_of(error)}"
    if status in _BUSY:
        return LostReplyError(text)
    return StoreError(text, next_step="the server has failed, not this program: tell its experts")


def _taken(error: AlreadyExistsError) -> tuple[str, ...]:
    """Names in the lines after the first one."""
    lines = (getattr(error, "Message", None) or "").splitlines()[1:]
    return tuple(line.strip() for line in lines if line.startswith("  ") and ":" in line)


def _invalid(error: InvalidMetadataError) -> InvalidRecordError:
    data = error.json()
    found = data.get("metadata_errors", []) if isinstance(data, dict) else data
    problems: list[tuple[int, str, str, object]] = []
    for item in found if isinstance(found, list) else []:
        index = item.get("index", 0)
        parts = item.get("metadata_errors") or [item]
        for part in parts:
            reason = part.get("reason") or part.get("message") or item.get("message", "")
            problems.append((index, part.get("name", "record"), reason, part.get("value")))
    shown = "; ".join(f"record {n}: {name}: {reason}" for n, name, reason, _ in problems[:5])
    return InvalidRecordError(f"MetaCat refuses: {shown or message_of(error)}", tuple(problems))
