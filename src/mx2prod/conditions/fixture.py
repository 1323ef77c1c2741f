"""Small constants with known bytes, to try readers of the server with (page, section 10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from mx2prod.conditions.axis import OPEN_END, Interval, position
from mx2prod.conditions.documents import RunTimeMap, Subrun
from mx2prod.conditions.gtags import Gtag, add_gtag, find_gtag, gtag_row, map_tag, set_gtag
from mx2prod.conditions.intervals import Iov, insert_iov
from mx2prod.conditions.manifest import manifest_of
from mx2prod.conditions.payloads import encode
from mx2prod.conditions.putting import Provenance, add_payload, add_provenance
from mx2prod.conditions.store import Store, add_document, note
from mx2prod.conditions.table_files import SIMULATED
from mx2prod.conditions.tags import Tag, add_tag
from mx2prod.constants import Pedestal, Table
from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest
from mx2prod.core.units import US_PER_S

PEDESTAL3 = "pedestal3"
BEGINS_US = (
    1_710_000_000_000_000,
    1_710_086_400_000_000,
    1_710_172_800_000_000,
    1_710_259_200_123_456,
)
"""Begin of the four intervals; they belong to subruns 1/0 to 1/3."""

_RUN = 1
_REASON = "fixture of the conditions page, section 10"


def load_fixture(store: Store, name: str, *, dry_run: bool = False) -> tuple[Gtag, str]:
    """Load a fixture into a development database; return its open global tag and digest.

    ``pedestal3`` has three channels.  Tag ``v1`` of the pedestals has the first two intervals; the
    global tag ``pedestal3`` holds tag ``v2``, a child of ``v1``, with all four.

    Raises
    ------
    UsageError
        If there is no such fixture.
    StateError
        If a tag of its names is there already with other content.
    """
    fixtures: dict[str, Callable[[Store, bool], tuple[Gtag, str]]] = {PEDESTAL3: _pedestal3}
    if name not in fixtures:
        raise UsageError(f"no fixture {name!r}" + nearest(name, fixtures))
    return fixtures[name](store, dry_run)


def pedestal3_table(number: int, store: Store) -> Table:
    """Table of the interval of this number, from 0."""
    pixel = np.arange(3)
    zero = np.zeros(3, dtype=np.int64)
    columns: dict[str, npt.NDArray[Any]] = {
        "crate": zero,
        "croc": zero + 1,
        "chain": zero + 2,
        "board": zero + 3,
    }
    means = (430 + pixel, 431 + pixel, 999 + pixel, 1.1e-7 + pixel)
    columns |= {"pixel": pixel, "hg_mean": means[number]}
    fixed = {"hg_rms": 1.5, "mg_mean": 431.25, "mg_rms": 1.625, "lg_mean": 429.1, "lg_rms": 1.75}
    fixed |= {f"{gain}_entries": 750.0 for gain in ("hg", "mg", "lg")}
    columns |= {column: np.full(3, value) for column, value in fixed.items()}
    return Table.of(Pedestal, columns, maps=store.maps)


def _pedestal3(store: Store, dry_run: bool) -> tuple[Gtag, str]:
    with store.developing(dry_run=dry_run) as connection:
        if gtag_row(connection, PEDESTAL3) is None:
            payloads = [encode(pedestal3_table(number, store)) for number in range(4)]
            for payload in payloads:
                add_payload(connection, payload)
                facts = [Provenance(kind, PEDESTAL3) for kind in ("nominal", SIMULATED)]
                add_provenance(connection, payload.content_sha256, facts)
            names = [payload.content_sha256 for payload in payloads]
            folder = Pedestal.folder
            first = add_tag(connection, folder, "v1", reason=_REASON)
            insert_iov(connection, first.id, *_rows(names[:2]))
            second = add_tag(connection, folder, "v2", reason=_REASON, parent=first)
            insert_iov(connection, second.id, *_rows(names))
            _group(connection, store, second)
            note(connection, "fixture", PEDESTAL3, {"reason": _REASON})
        gtag = find_gtag(connection, PEDESTAL3)
        return gtag, manifest_of(connection, gtag).digest


def _rows(payloads: list[str]) -> list[Iov]:
    begins = [position(_RUN, number) for number in range(len(payloads))]
    ends = [*begins[1:], OPEN_END]
    return [
        Iov(Interval(begin, end), sha256)
        for begin, end, sha256 in zip(begins, ends, payloads, strict=True)
    ]


def _group(connection: Connection, store: Store, tag: Tag) -> None:
    runtime = RunTimeMap.of(
        Subrun(position(_RUN, number), begin, begin + US_PER_S, f"fixture subrun {number}")
        for number, begin in enumerate(BEGINS_US)
    )
    sha256 = add_document(connection, "runtime", runtime.document())
    add_gtag(connection, PEDESTAL3, store.hardware_map, reason=_REASON)
    set_gtag(connection, PEDESTAL3, runtime=sha256)
    map_tag(connection, find_gtag(connection, PEDESTAL3), tag)
