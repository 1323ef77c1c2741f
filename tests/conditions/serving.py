"""Stores to serve, as fixtures: the fixture of section 10, and constants of whole runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mx2prod.conditions import (
    RunTimeMap,
    Store,
    Subrun,
    Use,
    View,
    create_store,
    create_tag,
    group,
    load_fixture,
    position,
    put,
    set_runtime,
)
from mx2prod.conditions.request_log import RequestLog
from mx2prod.conditions.server_run import running
from mx2prod.conditions.server_sources import StoreSource
from mx2prod.constants import Table
from tests.conditions.making import PEDESTALS, digest_now

RUN = 1702
FIRST_US = 1_720_000_000_000_000
SUBRUN_US = 3_600_000_000
"""Subruns of run 1702 begin every hour and last half an hour."""


@dataclass(frozen=True)
class Serving:
    """A running server."""

    url: str
    store: Store
    reference: str
    log: Path

    @property
    def app(self) -> str:
        """Base address for nucondb."""
        return f"{self.url}/compat/{self.reference}/app"

    @property
    def lar(self) -> str:
        """Base address for LArSoft."""
        return f"{self.url}/compat/{self.reference}/lar"


@contextmanager
def serving_fixture(folder: Path) -> Iterator[Serving]:
    """Server of the fixture ``pedestal3``."""
    with create_store(f"sqlite:///{folder}/fixture.db", "development") as store:
        gtag, digest = load_fixture(store, "pedestal3")
        log = folder / "requests.jsonl"
        with (
            RequestLog(log) as written,
            running(
                StoreSource(store, Use.TEST), log=written, folders={"pedcal": PEDESTALS}
            ) as url,
        ):
            yield Serving(url, store, f"{gtag.name}@{digest}", log)


def runtime(n_subruns: int, *, first_us: int = FIRST_US) -> RunTimeMap:
    """Map of the first subruns of run 1702."""
    return RunTimeMap.of(
        Subrun(
            position(RUN, number),
            first_us + number * SUBRUN_US,
            first_us + number * SUBRUN_US + SUBRUN_US // 2,
            f"subrun {number}",
        )
        for number in range(n_subruns)
    )


def open_gtag(
    store: Store,
    name: str,
    tables: Sequence[Table | None],
    *,
    folder: str = PEDESTALS,
    times: RunTimeMap | None = None,
) -> None:
    """Open global tag with one table a subrun; None leaves a subrun without one."""
    create_tag(store, folder, name, reason="test")
    for number, table in enumerate(tables):
        if table is not None:
            last = number + 1 == len(tables)
            put(
                store, folder, table, tag=name, since=position(RUN, number),
                until=None if last else position(RUN, number + 1), reason="test",
            )  # fmt: skip
    group(store, name, {folder: name}, reason="test")
    set_runtime(store, name, times or runtime(len(tables)))


def view_of(store: Store, gtag: str) -> View:
    """View of an open global tag as it is now."""
    return store.view(f"{gtag}@{digest_now(store, gtag)}", use=Use.TEST)
