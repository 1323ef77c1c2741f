"""Raw files that arrive: declared when they are whole, left or refused otherwise."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from mx2prod.catalog import Catalog
from mx2prod.catalog.scanning import Seen, scan
from mx2prod.core.errors import CatalogError
from tests.catalog.making import ALL, NS, USER, dids

SAMPLES = ("p01_pedestal_small", "p03_numib_small")


@pytest.fixture
def arrived(samples: dict[str, Path], tmp_path: Path) -> Path:
    """A folder of two raw files with their JSON, an hour old."""
    folder = tmp_path / "daq"
    folder.mkdir()
    for name in SAMPLES:
        for path in samples[name].glob("*RawData.dat*"):
            copy = folder / path.name
            shutil.copy(path, copy)
            _age(copy, 3600)
    return folder


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def look(catalogue: Catalog, folder: Path, **options: bool) -> dict[str, Seen]:
    return {one.path.name: one for one in scan(catalogue, folder, ALL, **options)}  # type: ignore[arg-type]


def states(found: dict[str, Seen]) -> list[str]:
    return [one.state for _, one in sorted(found.items())]


def test_whole_files_are_declared_once(small: Catalog, arrived: Path) -> None:
    assert states(look(small, arrived, dry_run=True)) == ["would be declared"] * 2
    assert dids(small, "files") == []
    found = look(small, arrived)
    assert states(found) == ["declared"] * 2
    assert dids(small, "files from dune:all") == sorted(one.did for one in found.values())
    file = small.file(next(iter(found.values())).did)
    assert file is not None
    assert file.metadata["core.data_tier"] == "binary-raw"
    assert states(look(small, arrived)) == ["there"] * 2


def test_files_that_may_grow_are_left(small: Catalog, arrived: Path) -> None:
    growing, waiting = sorted(arrived.glob("*.dat"))
    _age(growing, 5)
    waiting.with_name(f"{waiting.name}.json").unlink()
    found = look(small, arrived)
    assert states(found) == ["left", "left"]
    assert "may still grow" in found[growing.name].reason
    assert found[waiting.name].reason == f"no {waiting.name}.json yet"
    _age(growing, 3600)
    assert states(look(small, arrived)) == ["declared", "left"]


def test_files_that_cannot_be_declared_are_refused(small: Catalog, arrived: Path) -> None:
    one, other = sorted(arrived.glob("*.dat"))
    one.write_bytes(b"no raw file")
    _age(one, 3600)
    odd = arrived / "run_RawData.dat"
    odd.write_bytes(b"")
    found = look(small, arrived)
    assert [found[path.name].state for path in (one, other, odd)] == [
        "refused", "declared", "refused",
    ]  # fmt: skip
    assert found[odd.name].did == ""
    with other.open("ab") as file:
        file.write(b"more")
    _age(other, 3600)
    assert "bytes, has" in look(small, arrived)[other.name].reason
    small.retire(found[other.name].did)
    assert "retired" in look(small, arrived)[other.name].reason
    assert found[other.name].did.startswith(NS)


def test_a_folder_that_is_not_there(small: Catalog, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such folder"):
        look(small, tmp_path / "nowhere")


def test_somebody_who_may_not_declare(small: Catalog, arrived: Path) -> None:
    found = look(small.as_actor(USER), arrived)
    assert states(found) == ["refused", "refused"]
    assert "belongs to" in next(iter(found.values())).reason
