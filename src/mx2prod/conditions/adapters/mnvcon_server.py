"""Read from a mnvcon server over HTTP, by ``/data`` alone (conditions page, section 12.1).

``/get`` computes times in the server's local zone and is not used.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from mx2prod.conditions.adapters.http import Server
from mx2prod.conditions.adapters.reply import Reply, parse_reply
from mx2prod.conditions.wire import seconds_text, time_text
from mx2prod.core.errors import InputFileError, NoConditionsError, StoreError, UsageError
from mx2prod.core.suggest import nearest


class MnvconServer(Server):
    """A mnvcon server.

    Parameters
    ----------
    url : str
        ``mnvcon+https://HOST/PATH/app``, or without ``mnvcon+``.
    transport : Transport, optional
        What makes the requests.
    """

    scheme = "mnvcon+"

    def folders(self) -> list[str]:
        """Names of the folders."""
        return self._ask("folders", {}).text.split()

    def read(self, folder: str, time_us: int, tag: str = "") -> Reply:
        """Table that holds at a time.

        Parameters
        ----------
        folder : str
        time_us : int
            Microseconds since 1970.
        tag : str

        Raises
        ------
        NoConditionsError
            If none holds.
        UsageError
            If there is no such folder; names the nearest one.
        InputFileError
            If the reply is not one, or is valid at another time than was asked for.
        """
        parameters = {"f": folder, "t": seconds_text(time_us)}
        answer = self._ask("data", parameters | ({"tag": tag} if tag else {}))
        place = self._name(folder, tag)
        if answer.status_code == httpx.codes.NOT_FOUND:
            self._require_folder(folder)
            raise NoConditionsError(
                f"{place}: nothing holds at {time_text(time_us)} s", folder=folder, run=0, subrun=0
            )
        reply = parse_reply(answer.content, f"{place} at {time_text(time_us)} s")
        if time_us not in reply:
            raise InputFileError(f"{reply.source}: the reply holds from {reply}: not then")
        return reply

    def walk(self, folder: str, time_us: int, tag: str = "") -> Iterator[Reply]:
        """Tables from a time on, each asked for at the end of the one before, to the open end.

        Raises
        ------
        NoConditionsError
            If nothing holds at the time, or at the end of a table.
        """
        following: int | None = time_us
        while following is not None:
            reply = self.read(folder, following, tag)
            yield reply
            following = reply.end_us

    def _require_folder(self, folder: str) -> None:
        known = self.folders()
        if folder not in known:
            raise UsageError(f"{self.address}: no folder {folder!r}" + nearest(folder, known))

    def _ask(self, verb: str, parameters: dict[str, str]) -> httpx.Response:
        answer = self._get.get(verb, parameters)
        if answer.status_code not in (httpx.codes.OK, httpx.codes.NOT_FOUND):
            text = answer.text.strip().splitlines()[:1]
            raise StoreError(
                f"{answer.url}: status {answer.status_code}: {text[0] if text else 'no text'}"
            )
        return answer
