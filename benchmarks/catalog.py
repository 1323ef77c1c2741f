"""The catalogue: 200,000 files like those of Run 1, beside plain scans of JSON in SQLite."""

from __future__ import annotations

import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import mx2prod.catalog
from benchmarks.timing import Row, best_seconds, peak_megabytes, row
from mx2prod.catalog import Catalog
from mx2prod.catalog.shipped import shipped

FILES = 200_000
SEED = Path(__file__).parents[1] / "tests" / "data" / "mql" / "seed_catalogue.jsonl"
ALL = "dune:all"
METACAT_S = {"ids": 0.2, "metadata": 0.19, "negation": 2.3, "declare": 1224.0, "parents": 1.2}
"""MetaCat 4.1.4 with PostgreSQL on two cores, from the catalogue page, section 5."""

_DECLARED = ("fid", "namespace", "name", "size", "creator", "created_timestamp", "checksums",
             "metadata", "parents")  # fmt: skip
_VALIDATED = 50_000
_RANGE = "files from dune:all where core.event_count >= 3000"
_NEGATION = "files from dune:all where !(core.event_count > 4200)"
_REGEX = 'files from dune:all where core.file_type ~ "^imp.*Detector$"'
_A = "files from dune:all where core.data_stream=numib and core.data_tier=binary-raw"
_A_PART = f"{_A} and core.runs[0] < 63500"
_UNPROCESSED = f"({_A_PART}) - parents(children({_A_PART}))"


def batches(files: int) -> Iterator[list[dict[str, Any]]]:
    """Make records in batches: the Run-1 catalogue, and copies with other runs and counts."""
    seed = [json.loads(line) for line in SEED.read_text(encoding="utf-8").splitlines()]
    rng = random.Random(1)
    for copy in range(max(1, files // len(seed))):
        yield [_copied(item, copy, rng) for item in seed]


def _copied(item: dict[str, Any], copy: int, rng: random.Random) -> dict[str, Any]:
    made = {name: item[name] for name in _DECLARED}
    if copy:
        metadata = dict(item["metadata"])
        metadata["core.runs"] = [60_000 + copy * 50 + rng.randrange(50)]
        if "core.event_count" in metadata:
            metadata["core.event_count"] = rng.randrange(7201)
        made |= {
            "fid": f"{item['fid']}_{copy}",
            "name": f"{item['name']}_{copy}",
            "parents": [f"{did}_{copy}" for did in item["parents"]],
            "created_timestamp": item["created_timestamp"] + copy * 10,
            "metadata": metadata,
        }
    return made


def filled(catalogue: Catalog, files: int, *, validate: bool) -> float:
    """Declare the files; return how many a second, without the time that makes the records."""
    seconds, count = 0.0, 0
    for batch in batches(files):
        start = time.perf_counter()
        catalogue.declare(batch, ALL, make_names=True, validate=validate)
        seconds += time.perf_counter() - start
        count += len(batch)
    return count / seconds


def measure(files: int = FILES) -> list[Row]:
    """Rows: name, value, unit, figure, and the ratio of a plain scan to ours."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with mx2prod.catalog.open(f"sqlite:///{folder}/checked.db", create=True) as checked:
            validated = filled(checked, _VALIDATED, validate=True)
        url = f"sqlite:///{folder}/catalog.db"
        with mx2prod.catalog.open(url, create=True) as catalogue:
            unchecked = filled(catalogue, files, validate=False)
            rows = [
                row("declare, records checked", validated, "1/s", "declare_checked_s"),
                row("declare, records not checked", unchecked, "1/s", "declare_s"),
                row("  MetaCat (page)", METACAT_S["declare"], "1/s", ours=unchecked),
                row("file", (folder / "catalog.db").stat().st_size / 1e6, "MB", "catalog_file_mb"),
            ]
            rows += _queries(catalogue)
            rows += _scans(catalogue, folder)
        rows += [
            row("open", best_seconds(lambda: mx2prod.catalog.open(url).close()) * 1e3, "ms",
                "catalog_open_ms"),
            row("peak memory, all records streamed", peak_megabytes(_STREAM.format(url=url)), "MB",
                "catalog_memory_mb"),
        ]  # fmt: skip
    return rows


_STREAM = """
import mx2prod.catalog
with mx2prod.catalog.open({url!r}) as catalogue:
    answer = catalogue.query("files from dune:all")
    assert sum(1 for _ in answer.records(with_metadata=True, with_provenance=True)) > 1000
"""


def _count(catalogue: Catalog, mql: str) -> float:
    return best_seconds(lambda: catalogue.query(mql).summary())


def _list(catalogue: Catalog, mql: str) -> float:
    return best_seconds(lambda: list(catalogue.query(mql).dids()))


def _read(catalogue: Catalog, mql: str) -> None:
    for _ in catalogue.query(mql).records(with_metadata=True, with_provenance=True):
        pass


def _queries(catalogue: Catalog) -> list[Row]:
    six = [item.definition for item in shipped().values() if not item.is_template]
    ids = max(_list(catalogue, mql) for mql in six)
    whole = max(
        best_seconds(partial(_read, catalogue, mql))
        for mql in six
    )  # fmt: skip
    did = _deep(catalogue)
    negation = _count(catalogue, _NEGATION)
    unprocessed = best_seconds(lambda: catalogue.query(_UNPROCESSED).summary(), turns=1)
    return [
        row("slowest of the six Run-1 queries, ids", ids * 1e3, "ms", "run1_query_ms"),
        row("  MetaCat (page)", METACAT_S["ids"] * 1e3, "ms", ours=ids * 1e3),
        row("the same with metadata and provenance", whole * 1e3, "ms", "run1_records_ms"),
        row("  MetaCat (page)", METACAT_S["metadata"] * 1e3, "ms", ours=whole * 1e3),
        row("count of a range", _count(catalogue, _RANGE) * 1e3, "ms", "range_count_ms"),
        row("count of a negation", negation * 1e3, "ms", "negation_count_ms"),
        row("  MetaCat (page)", METACAT_S["negation"] * 1e3, "ms", ours=negation * 1e3),
        row("first 1,000 of a negation", _list(catalogue, f"{_NEGATION} limit 1000") * 1e3, "ms",
            "negation_first_ms"),
        row(f"list of a negation, {_files(catalogue, _NEGATION):,} dids",
            _list(catalogue, _NEGATION) * 1e3, "ms", "negation_list_ms"),
        row("count of a regular expression, no index", _count(catalogue, _REGEX), "s", "regex_s"),
        row("lineage, 5 generations", best_seconds(lambda: catalogue.lineage(did)) * 1e3, "ms",
            "lineage_ms"),
        row(f"A - parents(children(A)) of {_files(catalogue, _A_PART):,}", unprocessed, "s",
            "unprocessed_s"),
        row("  MetaCat (page)", METACAT_S["parents"], "s", ours=unprocessed),
    ]  # fmt: skip


def _files(catalogue: Catalog, mql: str) -> int:
    return catalogue.query(mql).summary().files


def _deep(catalogue: Catalog) -> str:
    """Declare a chain of six files; return the youngest."""
    chain: list[dict[str, Any]] = []
    for number in range(6):
        parents = [chain[-1]["fid"]] if chain else []
        chain.append({"namespace": "dune", "name": f"deep{number}", "fid": f"deep{number}",
                      "size": 1, "parents": parents})  # fmt: skip
    catalogue.declare(chain, ALL)
    return "dune:deep5"


def _scans(catalogue: Catalog, folder: Path) -> list[Row]:
    """Time a Run-1 query as a plain scan of the same JSON, in SQLite and in Python."""
    catalogue.close()
    with sqlite3.connect(folder / "catalog.db") as connection:
        wanted = (1702, 1795)
        query = (
            "SELECT file FROM catalog_content WHERE json_extract(metadata, '$.\"core.runs\"[0]') "
            "BETWEEN ? AND ? AND json_extract(metadata, '$.\"core.data_stream\"') = 'numib'"
        )
        scan = best_seconds(lambda: connection.execute(query, wanted).fetchall(), turns=1)
        python = best_seconds(lambda: _python_scan(connection, wanted), turns=1)
    ours = _list(catalogue, f"{_A} and core.runs[0] in 1702:1795")
    return [
        row("one Run-1 query, ids", ours, "s"),
        row("  plain scan by json_extract", scan, "s", ours=ours),
        row("  plain scan by Python's json", python, "s", ours=ours),
    ]


def _python_scan(connection: sqlite3.Connection, wanted: Sequence[int]) -> list[int]:
    rows = connection.execute("SELECT file, metadata FROM catalog_content")
    found = []
    for number, text in rows:
        metadata = json.loads(text)
        runs = metadata.get("core.runs") or [0]
        if wanted[0] <= runs[0] <= wanted[1] and metadata.get("core.data_stream") == "numib":
            found.append(number)
    return found


if __name__ == "__main__":
    from benchmarks.timing import show

    show(f"catalogue of {FILES:,} files, one core", measure())
