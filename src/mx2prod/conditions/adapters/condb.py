"""Read from a ConDB server of version 2 (conditions page, section 12.2).

A table there is what the server finds channel by channel: the row recorded last, and of those the
newest.  So rows of several recordings can mix, and an interval recorded later hides newer ones.
Both are refused here; empty answers, which the server gives with status 200, are errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from mx2prod.conditions.adapters.http import Server
from mx2prod.conditions.adapters.reply import Reply, read_csv
from mx2prod.conditions.wire import APP, seconds_text, sql_types, time_text
from mx2prod.constants import CHANNEL_COLUMN, Constants
from mx2prod.core.errors import InputFileError, NoConditionsError, StoreError, UsageError
from mx2prod.core.units import US_PER_S

_STRUCTURE = {CHANNEL_COLUMN: "bigint", "tv": "double precision", "tr": "double precision",
              "data_type": "text"}  # fmt: skip


class CondbServer(Server):
    """A ConDB server.

    Parameters
    ----------
    url : str
        ``condb+https://HOST/PATH``, or without ``condb+``.
    transport : Transport, optional
        What makes the requests.
    """

    scheme = "condb+"

    def read(self, folder: str, schema: type[Constants], time_us: int, tag: str = "") -> Reply:
        """Table that holds at a time; its end is open, because the server does not tell it.

        Parameters
        ----------
        folder : str
        schema : type of Constants
            Says the types, which the server does not tell either.
        time_us : int
            Microseconds since 1970.
        tag : str

        Raises
        ------
        NoConditionsError
            If nothing holds then.
        UsageError
            If there is no such folder.
        InputFileError
            If the rows are of several recordings, or not of the schema.
        """
        return self._recording(folder, schema, time_us, tag)[0]

    def walk(
        self, folder: str, schema: type[Constants], first_us: int, last_us: int, tag: str = ""
    ) -> Iterator[Reply]:
        """Tables that hold from a time to another, each ending where the next begins.

        Raises
        ------
        InputFileError
            If a table that was recorded is hidden by another one that was recorded later.
        NoConditionsError, UsageError
            As :meth:`read`.
        """
        begins = self._begins(folder, schema, first_us, last_us, tag)
        for begin_us, end_us in zip(begins, [*begins[1:], None], strict=True):
            asked = max(first_us, begin_us)
            found, recorded = self._recording(folder, schema, asked, tag)
            last = last_us if end_us is None else end_us - 1
            self._require_nothing_hidden(folder, schema, found, recorded, last)
            yield Reply(found.begin_us, end_us, found.columns, found.source)

    def _recording(
        self, folder: str, schema: type[Constants], time_us: int, tag: str
    ) -> tuple[Reply, str]:
        """Table that holds at a time, and when it was recorded."""
        place = self._place(folder, tag, time_us)
        columns = self._rows(folder, schema, {"t": seconds_text(time_us)}, tag, place)
        if not len(columns[CHANNEL_COLUMN]):
            raise NoConditionsError(f"{place}: nothing holds", folder=folder, run=0, subrun=0)
        recordings = np.unique(np.stack([columns["tv"], columns["tr"]]), axis=1)
        if recordings.shape[1] > 1:
            times = ", ".join(str(tv) for tv in np.unique(recordings[0])[:3])
            raise InputFileError(
                f"{place}: channels of {recordings.shape[1]} recordings (valid from {times} s): "
                "no single table"
            )
        begin_us = round(float(recordings[0, 0]) * US_PER_S)
        if begin_us > time_us:
            raise InputFileError(f"{place}: rows that begin later, at {time_text(begin_us)} s")
        values = {name: columns[name] for name in schema.names()}
        return Reply(begin_us, None, values, place), repr(float(recordings[1, 0]))

    def _require_nothing_hidden(
        self, folder: str, schema: type[Constants], found: Reply, recorded: str, last_us: int
    ) -> None:
        """Ask what was valid before the table was recorded; nothing newer may be."""
        query = {"t": seconds_text(last_us), "tr": recorded}
        before = self._rows(folder, schema, query, "", found.source)
        hidden = [tv for tv in before["tv"] if round(float(tv) * US_PER_S) > found.begin_us]
        if hidden:
            raise InputFileError(
                f"{found.source}: the table of {time_text(found.begin_us)} s, recorded later, "
                f"hides one of {min(hidden)} s"
            )

    def _begins(
        self, folder: str, schema: type[Constants], first_us: int, last_us: int, tag: str
    ) -> list[int]:
        """Begins of the tables that the server shows in an interval of time."""
        place = self._place(folder, tag, first_us)
        found = {self.read(folder, schema, first_us, tag).begin_us}
        query = {"t0": seconds_text(first_us), "t1": seconds_text(last_us)}
        columns = self._rows(folder, schema, query, tag, place)
        found |= {round(float(tv) * US_PER_S) for tv in np.unique(columns["tv"])}
        return sorted(found)

    def _rows(
        self, folder: str, schema: type[Constants], query: Mapping[str, str], tag: str, place: str
    ) -> dict[str, npt.NDArray[Any]]:
        parameters = {"folder": folder, **query, **({"tag": tag} if tag else {}), "format": "csv"}
        answer = self._get.get("get", parameters)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise UsageError(f"{self.address}: no folder {folder!r}: {answer.text.strip()[:200]}")
        if answer.status_code != httpx.codes.OK:
            raise StoreError(f"{place}: status {answer.status_code}: {answer.text.strip()[:200]}")
        head, _, rows = answer.content.replace(b"\r\n", b"\n").partition(b"\n")
        names = head.decode(errors="replace").split(",")
        kinds = _STRUCTURE | sql_types(schema, APP)
        if sorted(names) != sorted(kinds):
            raise InputFileError(f"{place}: columns {names}, expected {list(kinds)}")
        if not rows:
            return {name: np.zeros(0) for name in names}
        if not rows.endswith(b"\n"):
            raise InputFileError(f"{place}: the answer is cut off")
        return read_csv(rows, {name: kinds[name] for name in names}, place)

    def _place(self, folder: str, tag: str, time_us: int) -> str:
        return f"{self._name(folder, tag)} at {time_text(time_us)} s"
