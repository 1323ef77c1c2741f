"""``mx2 catalog answer`` and ``mx2 catalog lint``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mx2prod.catalog.answering import NOT_OFFERED, answer_lines
from mx2prod.catalog.mql.source import MemorySource
from tests.calls import Call
from tests.catalog.mql.recorded import DATA, difference, queries


def run(*words: str, lines: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mx2prod", "catalog", "answer", *words],
        input=lines,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


def test_the_whole_collection_through_the_command() -> None:
    keys = ("id", "mql", "default_namespace", "include_retired")
    lines = "\n".join(json.dumps({key: entry[key] for key in keys}) for entry in queries())
    done = run("--data", str(DATA), lines=lines)
    assert (done.returncode, done.stderr) == (0, "")
    replies = {reply["id"]: reply for reply in map(json.loads, done.stdout.splitlines())}
    assert len(replies) == 313
    for entry in queries():
        reply = replies[entry["id"]]
        assert ("error" in reply) == ("error" in entry["default"])
        assert set(entry["lint"]) <= set(reply["lint"])
        if entry["compare"] == "set" and "result" in reply:
            assert sorted(reply["result"]) == sorted(entry["default"]["result"])


def test_folder_file_and_mode_from_the_environment() -> None:
    lines = '{"id": 1, "mql": "files from dune:all where core.runs[0] = 1700 skip 0 limit 1"}\n\n'
    done = run(lines=lines, MQL_DATA=str(DATA), MQL_CATALOGUE="seed_catalogue.jsonl")
    assert json.loads(done.stdout)["id"] == 1
    assert len(json.loads(done.stdout)["result"]) == 1
    done = run(lines=lines, MQL_DATA=str(DATA), MQL_MODE="server")
    assert json.loads(done.stdout)["error"] == NOT_OFFERED
    assert NOT_OFFERED in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--data DIR"),
        (["--data", "nowhere"], "nowhere"),
        (["--data", str(DATA), "--catalogue", "queries.json"], "not JSON"),
        (["--data", str(DATA), "--mode", "both"], "both"),
    ],
)
def test_bad_folder_is_bad_input(words: list[str], message: str) -> None:
    done = run(*words, lines="", MQL_DATA="")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def replies(source: MemorySource, *lines: str, mode: str = "default") -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer_lines(lines, source, mode)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "not an object"),
        ('{"id": 1}', "mql: expected a text"),
        ('{"id": 1, "mql": "files", "default_namespace": 5}', "default_namespace"),
        ('{"id": 1, "mql": "files", "include_retired": "yes"}', "include_retired"),
        ('{"id": 1, "mql": "files", "mode": "fast"}', "mode"),
        ('{"id": 1, "mql": "files from"}', "the end of the query"),
    ],
)
def test_a_bad_request_is_answered_and_the_next_one_too(
    catalogue: MemorySource, line: str, words: str
) -> None:
    bad, good = replies(catalogue, line, '{"id": "x", "mql": "datasets mx2:raw"}')
    assert words in bad["error"]
    assert good == {"id": "x", "result": ["mx2:raw"], "lint": []}


def test_mode_of_a_request_rules(catalogue: MemorySource) -> None:
    request = {"id": 1, "mql": "files where t.num in 0:1", "mode": "server"}
    assert replies(catalogue, json.dumps(request))[0] == {
        "id": 1, "error": NOT_OFFERED, "lint": ["L01"],
    }  # fmt: skip
    request["mode"] = "default"
    assert "result" in replies(catalogue, json.dumps(request), mode="server")[0]


def test_differences_are_seen(catalogue: MemorySource) -> None:
    """The comparison of this collection can fail."""
    entry = {**queries()[0], "mql": "files from mx2:raw"}
    assert "records" in difference(entry, catalogue)
    assert "refused" in difference({**entry, "mql": "files from"}, catalogue)


def test_lint_command(mx2: Callable[..., Call], tmp_path: Path) -> None:
    text = 'files from mx2:edge where t.num in 1:7200.5 and t.txt ~* "good"'
    done = mx2("catalog", "lint", "--data", DATA, text)
    assert done.code == 3
    assert "L24    ERR" in done.out
    assert 't.num[any] in 1.0:7200.5 and t.txt ~ "(?i)good"' in done.out
    done = mx2("--json", "catalog", "lint", "--data", DATA, text)
    assert {row["code"] for row in done.document["findings"]} == {"L01", "L02", "L24"}
    assert done.document["rewriting"].startswith("files from mx2:edge where t.num[any]")


def test_lint_command_with_nothing_to_say(mx2: Callable[..., Call]) -> None:
    done = mx2("catalog", "lint", "files from dune:all where core.runs[any] = 1702")
    assert (done.code, done.out) == (0, "A server answers alike.\n")
    done = mx2("catalog", "lint", "files from dune:all limit 3")
    assert done.code == 0
    assert "L31" in done.out


def test_lint_command_of_a_bad_query(mx2: Callable[..., Call]) -> None:
    done = mx2("catalog", "lint", "files from dune:all wehre core.runs[any] = 1702")
    assert done.code == 2
    assert "column 21" in done.err


def test_lint_command_looks_names_up_in_the_workspace(
    mx2: Callable[..., Call], tmp_path: Path
) -> None:
    assert mx2("init", tmp_path).code == 0
    assert mx2("--workspace", tmp_path, "catalog", "import", DATA).code == 0
    done = mx2("--workspace", tmp_path, "catalog", "lint", "--lookup", "files from mx2:rav")
    assert done.code == 3
    assert "mx2:rav; did you mean 'mx2:raw'" in done.out
