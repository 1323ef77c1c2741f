"""Records and catalogues for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mx2prod.catalog import Actor, Catalog
from mx2prod.catalog.folder import read_folder
from mx2prod.catalog.importing import import_contents
from mx2prod.core.ids import Did
from mx2prod.journal import events

DATA = Path(__file__).parents[1] / "data" / "mql"
ALL = Did("dune", "all")
NS = "neardet-2x2-minerva"
SIX = tuple(
    f"twalton:mx2_{stream}_raw_run1_prod_{period}"
    for stream in ("pdstl", "numib")
    for period in "abc"
)
USER = Actor("mallory")


def prepared(catalogue: Catalog) -> Catalog:
    """Make the namespaces and ``dune:all``."""
    for name in ("dune", NS, "twalton"):
        catalogue.create_namespace(name)
    catalogue.create_dataset(ALL)
    return catalogue


def record(name: str, **others: Any) -> dict[str, Any]:
    """A record that may be declared; members by keyword, metadata with _ for the dots."""
    known: dict[str, Any] = {
        "namespace": NS,
        "name": name,
        "size": 1000,
        "checksums": {"adler32": "0badcafe"},
        "metadata": {"core.runs": [1702], "core.data_stream": "numib", "core.event_count": 7200},
    }
    return {**known, **others}


def records(count: int, **others: Any) -> list[dict[str, Any]]:
    """Many of them, with names f0, f1, ..."""
    return [record(f"f{number}", **others) for number in range(count)]


def loaded(catalogue: Catalog, name: str) -> Catalog:
    """Import one of the recorded catalogues of ``tests/data/mql``."""
    contents = read_folder(DATA, name, loaded=1.75e9, loaded_by="admin")
    import_contents(catalogue.session, contents, dataset=ALL)
    return catalogue


def kinds(catalogue: Catalog) -> list[str]:
    """Kinds of the events of the log, which must be as it was written."""
    with catalogue.session.reading() as connection:
        assert events.verify(connection).problems == ()
        return [event.kind for event in events.read(connection)]


def dids(catalogue: Catalog, mql: str, **options: Any) -> list[str]:
    """Dids of an answer, sorted."""
    return sorted(catalogue.query(mql, **options).dids())
