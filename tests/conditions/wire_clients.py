"""How the C++ readers of mnvcon behave, over a raw socket (conditions page, section 9.3).

Each of them sends the bytes that its original sends, and fails where its original fails.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from urllib.parse import urlsplit


class ClientError(Exception):
    """The original would fail here."""


def exchange(url: str, request: bytes) -> bytes:
    """Send bytes, and give everything that comes until the other side closes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def split_reply(received: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by lower-case name, body."""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    return int(first.split()[1]), headers, body


def quoted(text: str) -> str:
    """Percent-encoding of the clients: all but letters, digits and underscores, in lower case."""
    return "".join(c if c.isalnum() or c == "_" else f"%{ord(c):02x}" for c in text)


@dataclass
class Client(ABC):
    """What the readers share: one table is kept as long as the time lies in its interval.

    Attributes
    ----------
    base : str
        As option files have it, with a slash at the end.
    requests : list of str
        Paths that were asked for.
    """

    base: str
    types: tuple[str, ...] = ("integer", "double precision", "text")
    requests: list[str] = field(default_factory=list)
    lines: list[list[str]] = field(default_factory=list)

    @abstractmethod
    def send(self, path: str) -> tuple[int, bytes]:
        """Status and body of a request."""

    def update(self, folder: str, seconds: float, tag: str = "") -> None:
        """Ask for a table unless the one that is kept holds at this time."""
        if self.lines and self._begin <= seconds < self._end:
            return
        path = f"{urlsplit(self.base).path}/data?f={quoted(folder)}&t={seconds:.6f}"
        path += f"&tag={quoted(tag)}" if tag else ""
        self.requests.append(path)
        status, body = self.send(path)
        if status != 200:
            raise ClientError(f"{status} {body!r}")
        # What follows the last line feed is lost; a carriage return stays with the last value.
        self.lines = [line.split(",") for line in body.decode().split("\n")[:-1]]
        if len(self.lines) <= 4:
            raise ClientError("no rows")

    def value(self, channel: int, name: str) -> float | None:
        """Value of a channel by bisection over the rows; None if the client would not set it."""
        rows = self.lines[4:]
        low, high = 0, len(rows)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if int(rows[middle][0]) < channel else (low, middle)
        if low == len(rows) or int(rows[low][0]) != channel:
            raise ClientError(f"channel {channel} not found")
        column = self.lines[2].index(name)
        return float(rows[low][column]) if self.lines[3][column] in self.types else None

    @property
    def _begin(self) -> float:
        return float(self.lines[0][0])

    @property
    def _end(self) -> float:
        end = self.lines[1][0]
        return float("inf") if end == "-" else float(end)


@dataclass
class Nucondb2012(Client):
    """Own HTTP/1.0: reads until the connection closes, knows no chunks."""

    def send(self, path: str) -> tuple[int, bytes]:
        """Send a request of version 1.0."""
        host = urlsplit(self.base).hostname
        received = exchange(self.base, f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        status, headers, body = split_reply(received)
        if "transfer-encoding" in headers:
            raise ClientError("chunked")
        return status, body


@dataclass
class NucondbLibwda(Client):
    """Version 2.6.3, over libcurl: HTTP/1.1, offers no compression."""

    def send(self, path: str) -> tuple[int, bytes]:
        """Send a request of version 1.1."""
        where = urlsplit(self.base).netloc
        request = f"GET {path} HTTP/1.1\r\nHost: {where}\r\nAccept: */*\r\n\r\n"
        status, headers, body = split_reply(exchange(self.base, request.encode()))
        if "content-encoding" in headers or int(headers["content-length"]) != len(body):
            raise ClientError(str(headers))
        return status, body


@dataclass
class LarSoft(NucondbLibwda):
    """LArSoft's reader: knows other types, and throws on those that it does not know."""

    types: tuple[str, ...] = ("integer", "bigint", "real", "text", "boolean")

    def update_at(self, folder: str, nanoseconds: int, tag: str) -> None:
        """Ask with a time stamp of 19 digits."""
        assert len(str(nanoseconds)) == 19
        self.update(folder, nanoseconds // 1000 / 1e6, tag)
        unknown = set(self.lines[3]) - set(self.types)
        if unknown:
            raise ClientError(f"unknown types {unknown}")
        for line in self.lines[:2]:
            if len(line[0].partition(".")[2]) > 6:
                raise ClientError(f"more than six decimals: {line[0]}")
