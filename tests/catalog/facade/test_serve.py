"""The command that serves, as a process of its own, and what it does under load."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import mx2prod.catalog
from mx2prod.catalog.facade.login import HEADER
from tests.catalog.facade.serving import PASSWORDS, Serving, users_file

pytestmark = pytest.mark.stores


def test_the_command(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "mx2"
    subprocess.run([program, "init", tmp_path / "w"], check=True, capture_output=True)
    with mx2prod.catalog.open("sqlite:///catalog.db", root=tmp_path / "w", create=True) as catalog:
        catalog.create_namespace("dune", owner_user="dunepro")
    words = ["--workspace", tmp_path / "w", "--bind", "127.0.0.1:0"]
    words += ["--users", users_file(tmp_path)]
    with subprocess.Popen(
        [program, "catalog", "serve", *words], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            auth = httpx.DigestAuth("dunepro", PASSWORDS["dunepro"])
            reply = httpx.get(f"{url}/auth/auth?method=digest", auth=auth)
            headers = {HEADER: reply.headers[HEADER]}
            made = {"namespace": "dune", "name": "all"}
            reply = httpx.post(f"{url}/data/create_dataset", json=made, headers=headers)
            assert reply.status_code == 200
        finally:
            process.terminate()
    assert (tmp_path / "users.secret").stat().st_mode & 0o777 == 0o600


def test_many_at_once(server: Serving) -> None:
    """Twenty clients declare at the same time, four of them the same file."""

    def declare(number: int) -> int:
        files = [{"namespace": "dune", "name": f"f{number % 16}", "size": 1}]
        return server.post(
            "data/declare_files?dataset=dune:all", files, user="dunepro", timeout=60
        ).status_code

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(declare, range(20)))
    assert set(found) <= {200, 409}
    assert server.catalog.query("files from dune:all").summary().files == 16


def test_a_long_answer_is_streamed(server: Serving) -> None:
    files = [{"did": f"dune:f{number}", "size": 1} for number in range(1000)]
    server.catalog.declare(files, "dune:all")
    with httpx.stream("POST", f"{server.url}/data/query", content="files from dune:all") as reply:
        assert reply.headers["transfer-encoding"] == "chunked"
        assert reply.headers["x-mql-mode"] == "default"
        assert sum(chunk.count(b"\x1e") for chunk in reply.iter_bytes()) == 1000
    with httpx.stream("POST", f"{server.url}/data/query", content="files from dune:all") as reply:
        next(reply.iter_bytes())  # a client that goes away leaves nothing open
    assert server.post("data/query?summary=count", "files from dune:all").json()["count"] == 1000
