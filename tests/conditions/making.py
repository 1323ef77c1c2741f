"""Stores, people and small tables for the tests of this room."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mx2prod.conditions import (
    Promotion,
    Provenance,
    RunList,
    Store,
    approve,
    check,
    create_store,
    create_tag,
    freeze,
    group,
    position,
    promote,
    put,
    request_approval,
    set_run_list,
    waive,
)
from mx2prod.conditions.gtags import find_gtag
from mx2prod.conditions.manifest import manifest_of
from mx2prod.constants import Pedestal, PmtGain, Table
from mx2prod.journal import Decision, RoleStore, SigningKey
from tests.journal.people import make_keys, standard_store
from tests.stores import Server

PEDESTALS = "minerva2x2_pedestal_constants"
GAINS = "minerva2x2_pmtgain_constants"
ORIGIN = tuple(
    Provenance(kind, f"{kind} of a test") for kind in ("input", "software", "config", "request")
)


def board_columns(n_pixels: int) -> dict[str, np.ndarray]:
    """Addresses of the first pixels of board 0-1-0-2."""
    pixel = np.arange(n_pixels)
    zero = np.zeros(n_pixels, dtype=np.int64)
    return {"crate": zero, "croc": zero + 1, "chain": zero, "board": zero + 2, "pixel": pixel}


def pedestals(mean: float = 430.0, n_pixels: int = 64, entries: float = 750.0) -> Table:
    """Pedestals of one board; ``mean`` makes different contents."""
    columns = board_columns(n_pixels)
    one = np.ones(n_pixels)
    for gain in ("hg", "mg", "lg"):
        columns |= {f"{gain}_mean": mean + np.arange(n_pixels) / 64, f"{gain}_rms": 1.5 * one}
        columns[f"{gain}_entries"] = entries * one
    return Table.of(Pedestal, columns)


def gains(gain: float = 5.6e5, n_pixels: int = 64, pulses: float = 5000.0) -> Table:
    """Gains of one board."""
    columns = board_columns(n_pixels)
    one = np.ones(n_pixels)
    columns |= {
        "gain": gain * one, "gain_err": 0.01 * gain * one, "pe_mean": 3 * one, "q_mean": 270 * one,
        "q_var": 9000 * one, "w2": 0.25 * one, "n_events": pulses * one, "hv": 35000 * one,
        "status": np.zeros(n_pixels, dtype=np.int64),
    }  # fmt: skip
    return Table.of(PmtGain, columns)


@dataclass(frozen=True)
class World:
    """Both databases, the role lists and everybody's key."""

    development: Store
    production: Store
    roles: RoleStore
    keys: dict[str, SigningKey]

    def close(self) -> None:
        """Close the connections."""
        self.development.close()
        self.production.close()

    def promote(self, gtag: str, **options: bool) -> Promotion:
        """Promote a global tag."""
        return promote(
            self.development, self.production, self.roles, gtag, reason="test", **options
        )

    def sign(self, gtag: str, *persons: str, word: str = "approve", reason: str = "") -> None:
        """Let persons decide."""
        for person in persons:
            decision = Decision(word, reason=reason)
            approve(self.development, self.roles.load(), gtag, decision, self.keys[person])

    def frozen(self, gtag: str, *means: float, tag: str = "", ask: bool = True) -> str:
        """Make, check, freeze and ask for a global tag of one folder; return its digest."""
        development = self.development
        tag = tag or gtag
        create_tag(development, PEDESTALS, tag, reason="test")
        for number, mean in enumerate(means):
            put(
                development, PEDESTALS, pedestals(mean), tag=tag, since=position(1702, number),
                reason="test", provenance=ORIGIN,
            )  # fmt: skip
        group(development, gtag, {PEDESTALS: tag}, reason="test")
        runs = RunList.of(position(1702, number) for number in range(len(means)))
        set_run_list(development, gtag, runs)
        check(development, gtag)
        waive(development, gtag, "complete", person="cal", reason="one board")
        digest = freeze(development, gtag, reason="test").digest
        if ask:
            request_approval(development, self.roles.load(), gtag, reason="test")
        return digest


def make_world(folder: Path, urls: tuple[str, str]) -> World:
    """Both databases, and the role list of the journal's tests."""
    keys = make_keys(folder)
    roles = standard_store(folder, keys)
    development = create_store(urls[0], "development")
    return World(development, create_store(urls[1], "production"), roles, keys)


def urls_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> tuple[str, str]:
    """Addresses of two new databases of a kind."""
    if kind == "sqlite":
        return f"sqlite:///{folder}/dev.db", f"sqlite:///{folder}/prod.db"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database(), server.new_database()


def digest_now(store: Store, gtag: str) -> str:
    """Digest of the rows as they are."""
    with store.reading() as connection:
        return manifest_of(connection, find_gtag(connection, gtag)).digest
