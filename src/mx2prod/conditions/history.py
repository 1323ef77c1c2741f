"""Values of one channel over time (conditions page, section 15)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.conditions.axis import Interval
from mx2prod.conditions.payloads import Payload, read_columns
from mx2prod.conditions.view import View
from mx2prod.constants import CHANNEL_COLUMN
from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest


def history(
    view: View, folder: str, channel: int, columns: Sequence[str]
) -> list[tuple[Interval, dict[str, Any] | None]]:
    """Read values of one key over all intervals of a folder.

    The hash of the stored bytes is computed again, that of the content is not.

    Parameters
    ----------
    view : View
    folder : str
    channel : int
        Key of the row.
    columns : sequence of str

    Returns
    -------
    list of (Interval, dict or None)
        In order; None where the table has no such row.

    Raises
    ------
    UsageError
        If folder or column do not exist.
    """
    rows = []
    values: dict[str, dict[str, Any] | None] = {}
    for iov in view.folder(folder).iovs:
        sha256 = iov.content_sha256
        if sha256 not in values:
            payload = view.stored(sha256)
            _require_columns(payload, columns)
            values[sha256] = _row(read_columns(payload, columns), channel)
        rows.append((iov.interval, values[sha256]))
    return rows


def _require_columns(payload: Payload, columns: Sequence[str]) -> None:
    names = payload.schema.names()
    for column in columns:
        if column not in names:
            raise UsageError(
                f"{payload.schema_id} has no column {column!r}" + nearest(column, names)
            )


def _row(columns: dict[str, npt.NDArray[Any]], channel: int) -> dict[str, Any] | None:
    keys = columns[CHANNEL_COLUMN]
    number = int(np.searchsorted(keys, channel))
    if number == len(keys) or keys[number] != channel:
        return None
    return {
        name: values[number].item() if hasattr(values[number], "item") else values[number]
        for name, values in columns.items()
        if name != CHANNEL_COLUMN
    }
