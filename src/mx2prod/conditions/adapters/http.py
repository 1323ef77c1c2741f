"""Servers of others; requests are tried again while one is busy (conditions page, 12.2)."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import httpx

from mx2prod.core.errors import StoreError

BUSY = 503
log = logging.getLogger("mx2prod.conditions.adapters")


class Transport(Protocol):
    """What makes the requests: :class:`httpx.Client`."""

    def get(self, url: str, *, params: Mapping[str, str]) -> httpx.Response:
        """Answer of a GET request."""


@dataclass(frozen=True)
class Getter:
    """Requests to one base address.

    Attributes
    ----------
    base : str
        Without a slash at the end.
    transport : Transport
    tries : int
        At most so many for one request.
    pause_s : float
        Before the second try; doubled for each further one.
    """

    base: str
    transport: Transport
    tries: int = 5
    pause_s: float = 0.5

    def get(self, verb: str, parameters: Mapping[str, str]) -> httpx.Response:
        """Answer of any status but 503.

        Raises
        ------
        StoreError
            If the server cannot be reached, or is busy all the time.
        """
        problem = ""
        for number in range(self.tries):
            if number:
                time.sleep(self.pause_s * 2 ** (number - 1))
                log.info("%s/%s: %s; trying again", self.base, verb, problem)
            try:
                answer = self.transport.get(f"{self.base}/{verb}", params=parameters)
            except httpx.TransportError as error:
                problem = str(error) or type(error).__name__
                continue
            if answer.status_code != BUSY:
                return answer
            problem = "the server is busy (503)"
        raise StoreError(
            f"{self.base}/{verb}: no answer in {self.tries} tries: {problem}",
            next_step=f"curl {self.base}/probe",
        )


def getter(base: str, transport: Transport | None = None) -> Getter:
    """Make requests to a base address; by default over a client with a timeout of 60 s."""
    return Getter(base.rstrip("/"), transport or httpx.Client(timeout=60.0))


class Server:
    """A server of another system; made by its kinds.

    Parameters
    ----------
    url : str
        Base address, with or without the scheme of the kind.
    transport : Transport, optional
        What makes the requests.
    """

    scheme: ClassVar[str]
    """What stands before ``http`` in an address that names the kind."""

    def __init__(self, url: str, transport: Transport | None = None) -> None:
        self._get: Getter = getter(url.removeprefix(self.scheme), transport)

    @property
    def address(self) -> str:
        """Base address."""
        return self._get.base

    def _name(self, folder: str, tag: str) -> str:
        """Address, folder and tag, for messages."""
        return f"{self.address}: {folder}{':' if tag else ''}{tag}"
