"""A small simulated run with pedestals that went all the way to production."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.pedestals import calibrate_pedestals
from mx2prod.conditions import (
    Provenance,
    RunList,
    check,
    create_tag,
    freeze,
    group,
    position,
    put,
    request_approval,
    set_run_list,
    waive,
    write_snapshot,
)
from mx2prod.conditions.table_files import SIMULATED
from mx2prod.constants import BadChannel, Pedestal, Table
from mx2prod.core.workspace import Workspace, write_workspace
from mx2prod.simulation import Spec, simulate
from tests.conditions.making import ORIGIN, World, make_world

BOARDS = ["0-1-0"]
SPEC = {
    "seed": 11,
    "detector": {"febs": BOARDS},
    "files": [
        {"stream": stream, "run": 1702, "subrun": subrun, "gates": gates,
         "start": f"2024-04-12T{3 * subrun + 2:02d}:14:00Z"}
        for subrun, (stream, gates) in enumerate(
            [("pdstl", 520), ("pdstl", 300), ("numib", 60), ("numip", 20)], 1
        )
    ],
    "truth": "full",
}  # fmt: skip
Tables = Mapping[str, Table]
GTAG, LATE, BAD = "run1-v1", "late-v1", "bad-v1"


@dataclass(frozen=True)
class Published:
    """A workspace with published pedestals, and raw files.

    Attributes
    ----------
    workspace : Workspace
    raw : list of Path
        In the order of the specification.
    pedestals : Table
        Of the first file.
    snapshot : Path
        Of :data:`GTAG`.
    digest : str
    """

    workspace: Workspace
    raw: list[Path]
    pedestals: Table
    snapshot: Path
    digest: str


def publish(
    world: World,
    gtag: str,
    tables: Mapping[str, Table],
    since: int,
    facts: Sequence[Provenance] = (),
) -> str:
    """Take tables through checks and two signatures into production; return the digest."""
    frozen = freeze_tables(world, gtag, tables, since, facts)
    world.sign(gtag, "rev", "con")
    world.promote(gtag)
    return frozen


def freeze_tables(
    world: World,
    gtag: str,
    tables: Mapping[str, Table],
    since: int,
    facts: Sequence[Provenance] = (),
) -> str:
    """Take tables through the checks, and ask for signatures; return the digest."""
    store = world.development
    for folder, table in tables.items():
        create_tag(store, folder, gtag, reason="test")
        put(store, folder, table, tag=gtag, since=since, reason="test",
            provenance=(*ORIGIN, *facts))  # fmt: skip
    group(store, gtag, dict.fromkeys(tables, gtag), reason="test")
    set_run_list(store, gtag, RunList.of([since]))
    for result in check(store, gtag).failed:
        waive(store, gtag, result.rule, person="cal", reason="a part of the detector")
    digest = freeze(store, gtag, reason="test").digest
    request_approval(store, world.roles.load(), gtag, reason="test")
    return digest


def make_published(folder: Path) -> Published:
    """Simulate, calibrate, approve, promote."""
    raw = [file.path for file in simulate(Spec.model_validate(SPEC), folder / "raw", workers=1)]
    (product,) = calibrate_pedestals(raw[:1], Preproduction(boards=tuple(BOARDS)))
    assert product.tables is not None
    pedestals = product.tables.pedestals
    write_workspace(folder, "test")
    urls = (f"sqlite:///{folder}/conditions-dev.db", f"sqlite:///{folder}/conditions-prod.db")
    world = make_world(folder, urls)
    simulated = [Provenance(SIMULATED, "test")]
    try:
        tables = {Pedestal.folder: pedestals}
        digest = publish(world, GTAG, tables, position(1702, 1), simulated)
        publish(world, LATE, tables, position(1710, 0), simulated)
        bad = {BadChannel.folder: bad_channels(pedestals), Pedestal.folder: other(pedestals)}
        publish(world, BAD, bad, position(1702, 1))
        freeze_tables(world, "unsigned-v1", tables, position(1702, 1))
        snapshot = folder / "run1.mx2snap"
        write_snapshot(world.production, GTAG, snapshot)
    finally:
        world.close()
    return Published(Workspace.load(folder), raw, pedestals, snapshot, digest)


def other(pedestals: Table) -> Table:
    """Return other pedestals, one reading more behind each: another content, nothing simulated."""
    columns = {name: pedestals[name] for name in pedestals.schema.names()}
    return Table.of(Pedestal, columns | {"hg_entries": pedestals["hg_entries"] + 1})


def bad_channels(pedestals: Table) -> Table:
    """The first board but one is dead."""
    rows = slice(64, 128)
    columns = {name: pedestals[name][rows] for name in ("crate", "croc", "chain", "board", "pixel")}
    return Table.of(BadChannel, columns | {"flags": [1] * 64, "reason": ["dead board"] * 64})
