"""One request, read: parameters, body, and in whose name it comes (catalogue page, section 6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from mx2prod.catalog.facade.login import Login
from mx2prod.catalog.facade.replies import Refused
from mx2prod.catalog.session import Actor
from mx2prod.catalog.store import Catalog
from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import Did

MOST_BODY = 64 * 1024**2
MOST_QUERY = 1024**2
"""Longest body and longest query text, bytes."""

_FORM = "application/x-www-form-urlencoded"
_YES = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}
_Json = TypeVar("_Json", dict[str, Any], list[Any])


@dataclass(frozen=True)
class Call:
    """A request.

    Attributes
    ----------
    catalog : Catalog
        To read from.
    actor : Actor or None
        Who sent it; None without a token.
    parameters : mapping of str to str
        Of the address.
    body : bytes
    content_type : str
    """

    catalog: Catalog
    actor: Actor | None
    parameters: Mapping[str, str]
    body: bytes
    content_type: str

    @property
    def writable(self) -> Catalog:
        """The catalogue, with changes made in the name of the caller.

        Raises
        ------
        Refused
            401 without a token.
        """
        if self.actor is None:
            raise Refused(401, "Token not found")
        return self.catalog.as_actor(self.actor)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Value of a parameter ``yes`` or ``no``.

        Raises
        ------
        Refused
            400 for another value.
        """
        value = self.parameters.get(name)
        if value is None:
            return default
        if value.lower() not in _YES:
            raise Refused(400, f"{name}={value}: expected yes or no")
        return _YES[value.lower()]

    def need(self, name: str) -> str:
        """Value of a parameter that must be there.

        Raises
        ------
        Refused
            400 without it.
        """
        value = self.parameters.get(name)
        if not value:
            raise Refused(400, f"parameter {name} is missing")
        return value

    def need_did(self, name: str) -> Did:
        """Value of a parameter ``namespace:name`` that must be there.

        Raises
        ------
        Refused
            400 without it.
        """
        return did_of(self.need(name))

    def query_text(self) -> str:
        """MQL text: the body, whatever it is called, or a field ``query`` of form or address.

        Raises
        ------
        Refused
            400 if it is too long, or not UTF-8.
        """
        text: str | None = self._text()
        if self.content_type.startswith(_FORM) and _is_form(text or ""):
            text = dict(parse_qsl(text, keep_blank_values=True)).get("query")
        text = text or self.parameters.get("query", "")
        if len(text.encode()) > MOST_QUERY:
            raise Refused(400, f"query text is longer than {MOST_QUERY} bytes")
        return text

    def document(self, kind: type[_Json]) -> _Json:
        """JSON body.

        Raises
        ------
        Refused
            400 if it is something else.
        """
        try:
            found = json.loads(self._text(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"body is not JSON: {error}") from error
        if not isinstance(found, kind):
            what = "an object" if kind is dict else "a list"
            raise Refused(400, f"body: expected {what}, found {type(found).__name__}")
        return found

    def _text(self) -> str:
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise Refused(400, f"body is not UTF-8: byte {error.start}") from error


def did_of(text: Any) -> Did:
    """Read ``namespace:name``.

    Raises
    ------
    Refused
        400 if it has another form.
    """
    try:
        return Did.parse(text)
    except (NameFormatError, TypeError, AttributeError) as error:
        raise Refused(400, f"{text!r}: expected namespace:name") from error


def parameters_of(query: str) -> dict[str, str]:
    """Parameters of an address.

    The stock client writes the begin of the query text last, as ``trimquery``, without escaping
    it.  What follows is text, not parameters.
    """
    head, _, _ = f"&{query}".partition("&trimquery=")
    return dict(parse_qsl(head[1:], keep_blank_values=True))


async def read_call(request: Request) -> Call:
    """Read a request that needs a token only if reading does.

    Raises
    ------
    Refused
        401 for a token that is not one, 413 for a body that is too long.
    """
    login: Login = request.app.state.login
    return await _read(request, login.reader(request.headers))


async def read_changing_call(request: Request) -> Call:
    """Read a request that changes something; without a token its body is not read.

    Raises
    ------
    Refused
        401 without a good token, 413 for a body that is too long.
    """
    login: Login = request.app.state.login
    return await _read(request, login.writer(request.headers))


Reading = Annotated[Call, Depends(read_call)]
Changing = Annotated[Call, Depends(read_changing_call)]


async def _read(request: Request, actor: Actor | None) -> Call:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY:
            raise Refused(413, f"body is longer than {MOST_BODY} bytes", {"connection": "close"})
    return Call(
        request.app.state.catalog,
        actor,
        parameters_of(request.url.query),
        bytes(body),
        request.headers.get("content-type", ""),
    )


def _is_form(text: str) -> bool:
    """Tell a form from MQL that a client sends under the content type of forms."""
    return text.startswith("query=") or ("&query=" in text and not any(map(str.isspace, text)))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")
