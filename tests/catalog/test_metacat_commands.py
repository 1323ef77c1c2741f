"""``mx2 catalog`` and ``mx2 dataset`` where the catalogue is a MetaCat server, over a socket."""

from __future__ import annotations

import io
import json
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import mx2prod.catalog
from mx2prod.catalog.metacat.address import open_server, token_file, web_address
from mx2prod.core.errors import ConfigError
from mx2prod.core.workspace import Workspace
from mx2prod.journal import Database, events, reading
from tests.calls import Call
from tests.catalog.facade.serving import PASSWORDS, Serving, serving
from tests.catalog.making import NS, record

# The stock client does not close its file of tokens.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
Mx2 = Callable[..., Call]


@contextmanager
def served(folder: Path) -> Iterator[Serving]:
    """Serve a catalogue where dunepro owns the namespaces."""
    with serving(folder) as made:
        for name in (NS, "twalton"):
            made.catalog.create_namespace(name, owner_user="dunepro")
        yield made


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server of this test alone."""
    with served(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that no test changes."""
    with served(tmp_path_factory.mktemp("unchanged")) as made:
        yield made


@pytest.fixture
def stranger(unchanged: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mx2: Mx2) -> Mx2:
    """``mx2`` in a workspace whose catalogue is the server that no test changes."""
    return in_workspace(unchanged, tmp_path, monkeypatch, mx2)


def in_workspace(server: Serving, folder: Path, monkeypatch: pytest.MonkeyPatch, mx2: Mx2) -> Mx2:
    """Make a workspace whose catalogue is a server, with a file of tokens of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MX2_METACAT_TOKENS", str(folder / "home" / "tokens"))
    settings = folder / "mx2.toml"
    settings.write_text(f'[catalog]\nurl = "metacat+{server.url}"\n')
    return mx2


@pytest.fixture
def user(server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mx2: Mx2) -> Mx2:
    """``mx2`` in a workspace of its own server, logged in as dunepro by the password."""
    in_workspace(server, tmp_path, monkeypatch, mx2)
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORDS["dunepro"] + "\n"))
    done = mx2("catalog", "login", "dunepro", "--password-stdin")
    assert (done.code, done.out.startswith("logged in as dunepro until ")) == (0, True), done.err
    return mx2


def write(name: str, *items: dict[str, Any]) -> Path:
    """Write records into a file of the working folder."""
    Path(name).write_text(json.dumps(items), encoding="utf-8")
    return Path(name)


def told() -> list[tuple[str, dict[str, Any]]]:
    """Kinds and bodies of the events of the production database; its log must be whole."""
    workspace = Workspace.find()
    database = Database("production", workspace.settings.production.url, ())
    if not database.exists(workspace):
        return []
    with database.opened(workspace) as engine, reading(engine) as connection:
        assert events.verify(connection).problems == ()
        return [(one.kind, one.body) for one in events.read(connection)]


def test_declare_query_show(user: Mx2, server: Serving) -> None:
    path = write("r.json", record("a"), record("b", parents=[f"{NS}:a"]))
    assert user("catalog", "declare", path, "--dry-run").out.startswith("would declare 2 files")
    assert (told(), server.catalog.file(f"{NS}:a")) == ([], None), "nothing happened"
    lines = user("catalog", "declare", path, "--json").out.splitlines()
    assert [(json.loads(line)["state"], json.loads(line)["name"]) for line in lines] == [
        ("new", "a"), ("new", "b"),
    ]  # fmt: skip
    assert server.catalog.require_file(f"{NS}:b").creator == "dunepro"
    assert "2 were there already" in user("catalog", "declare", path).out
    found = user("catalog", "query", "files from dune:all where core.runs[any] = 1702")
    assert (sorted(found.out.split()), found.err) == ([f"{NS}:a", f"{NS}:b"], "")
    first = user("catalog", "query", "files from dune:all ordered limit 1", "--json").document
    assert first.keys() >= {"fid", "size", "creator", "metadata", "checksums", "parents"}
    assert first["metadata"]["core.event_count"] == 7200
    sums = user("catalog", "query", "files from dune:all", "--summary")
    assert sums.out == "2 files, 2000 bytes\n"
    assert user("catalog", "query", "files from dune:all", "--summary", "--json").document == {
        "kind": "files", "files": 2, "total_size": 2000, "events": None,
    }  # fmt: skip
    shown = user("catalog", "show", f"{NS}:b", "--lineage").out
    assert f"  made of: {NS}:a\n" in shown
    assert "  datasets: dune:all\n" in shown
    assert f"  parents: {NS}:a\n" in shown
    assert user("catalog", "show", first["fid"], "--json").document["fid"] == first["fid"]
    assert user("catalog", "query", "datasets matching dune:*").out == "dune:all\n"


def test_nothing_is_declared_unrecorded(user: Mx2) -> None:
    path = write("r.json", record("a"))
    user("catalog", "declare", path)
    (before, sent), (after, there) = told()
    assert (before, after) == ("metacat.declaring", "metacat.declare")
    assert sent["files"] == there["files"] == [f"{NS}:a"]
    assert sent["user"] == "dunepro"
    Path("production.db").unlink()
    assert "1 were there already" in user("catalog", "declare", path).out
    assert [kind for kind, _ in told()] == ["metacat.declare"], "as after a call that was killed"
    # A log that cannot be written: nothing is sent.
    Path("production.db").write_bytes(b"no database, " * 100)
    refused = user("catalog", "declare", write("s.json", record("b")))
    assert refused.code != 0
    assert user("catalog", "query", "files from dune:all").out == f"{NS}:a\n"


def test_the_record_of_a_raw_file(user: Mx2, samples: dict[str, Path], server: Serving) -> None:
    """What stands for --scan: the record is made, then declared."""
    (raw,) = samples["p03_numib_small"].glob("*_RawData.dat")
    assert user("metadata", "make", raw, "-o", "records").code == 0
    done = user("catalog", "declare", f"records/{raw.name}.json")
    assert (done.code, done.out[:16]) == (0, "declared 1 files"), done.err
    made = server.catalog.require_file(f"{NS}:{raw.name}")
    assert made.size == raw.stat().st_size


def test_a_login_is_asked_for(stranger: Mx2, unchanged: Serving, tmp_path: Path) -> None:
    path = write("r.json", record("a"))
    refused = stranger("catalog", "declare", path)
    assert (refused.code, "not logged in" in refused.err) == (2, True)
    assert "mx2 catalog login" in refused.err
    assert told() == []
    assert stranger("catalog", "query", "files from dune:all").code == 0, "reading is open"
    asked = stranger("catalog", "login", "dunepro", "--dry-run")
    assert asked.out == f"would log in as dunepro at {unchanged.url}\n"
    tokens = tmp_path / "home" / "tokens"
    assert tokens.stat().st_mode & 0o777 == 0o600
    tokens.chmod(0o644)
    open_to_all = stranger("catalog", "query", "files from dune:all")
    assert (open_to_all.code, "chmod 600" in open_to_all.err) == (2, True)


def test_a_query_that_fails_there_is_not_sent(user: Mx2) -> None:
    user("catalog", "declare", write("r.json", record("a")))
    done = user("catalog", "query", "files from dune:all where core.data_stream ~* 'NUM.*'")
    assert (done.code, done.out) == (2, "")
    assert "fails with HTTP 500: it cannot ignore case" in done.err
    assert "(L02 at " in done.err
    better = done.err.splitlines()[-1].removeprefix("next: mx2 ")
    assert user(*shlex.split(better)).out == f"{NS}:a\n", "the rewriting can be typed"
    done = user("catalog", "query", "files from all")
    assert (done.code, "next: mx2 catalog lint 'files from all'" in done.err) == (2, True)
    done = user("catalog", "query", "files from all", "--namespace", "dune", "--include-retired")
    assert done.err.splitlines()[-1] == (
        "next: mx2 catalog query 'files from dune:all' --namespace dune --include-retired"
    )


def test_what_a_server_answers_otherwise_is_shown(user: Mx2) -> None:
    user("catalog", "declare", write("r.json", record("a")))
    done = user("catalog", "query", "files from dune:all where core.event_count in 1:5")
    assert done.err.startswith("warning: the server ignores the range of a plain key")
    assert "the same here and there: files from dune:all where" in done.err
    done = user("catalog", "query", "files from dune:all where core.runs[0] = 1702")
    assert (done.out, done.err.startswith("note: the server answers alike")) == (f"{NS}:a\n", True)
    done = user("catalog", "query", "files from dune:all where core.data_stream != 'a&b'")
    assert "L28" not in done.err, "only of clients that copy the text into the address"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("catalog", "query", "files from dune:nonesuch"), "no dataset dune:nonesuch"),
        (("catalog", "query", "files frm dune:all"), "frm"),
        (("catalog", "query", "queries matching dune:*"), "L30"),
        (("catalog", "show", f"{NS}:zz"), f"no file {NS}:zz"),
        (("catalog", "declare", "--scan", "."), "--scan declares in a database only"),
        (("catalog", "retire", f"{NS}:a"), "in a database only"),
        (("catalog", "export", "-o", "out"), "in a database only"),
        (("catalog", "serve"), "in a database only"),
        (("dataset", "show"), "name a dataset"),
        (("dataset", "show", "dune:all", "--left-out"), "keeps no definitions"),
        (("dataset", "show", "dune:nonesuch"), "no dataset dune:nonesuch"),
        (("dataset", "table", "dune:nonesuch"), "no dataset dune:nonesuch"),
        (("dataset", "freeze", "dune:all", "--snapshot"), "keeps no snapshots"),
        (("dataset", "define", "x", "--mql", "files"), "in a database only"),
        (("dataset", "diff", "dune:all"), "in a database only"),
        (("dataset", "runs", "dune:all"), "in a database only"),
    ],
)
def test_what_a_server_has_not_is_said(stranger: Mx2, words: tuple[str, ...], said: str) -> None:
    done = stranger(*words)
    assert (done.code, said in done.err) == (2, True), done.err
    assert "next: " in done.err or "frm" in words[-1]


def test_datasets(user: Mx2, server: Serving) -> None:
    items = [record("a"), record("b", metadata={"core.runs": [1750], "core.data_stream": "numib"})]
    user("catalog", "declare", write("r.json", *items))
    table = user("dataset", "table", "dune:all", "--json").document
    assert (table["union"]["nfiles"], table["union"]["bytes"]) == (2, 2000)
    assert (table["rows"][0]["start_run"], table["rows"][0]["end_run"]) == (1702, 1750)
    assert "  2 files, 0.0 GB, 2000 bytes\n" in user("dataset", "show", "dune:all").out
    assert user("dataset", "show", "dune:all", "--json").document["composition"]["files"] == 2
    would = user("dataset", "freeze", "dune:all", "--as", "twalton:v1", "--dry-run")
    assert would.out.startswith("would freeze twalton:v1: 2 files, 2000 bytes\ndigest ")
    assert server.catalog.dataset("twalton:v1") is None
    done = user("dataset", "freeze", "dune:all", "--as", "v1", "--json").document
    made = server.catalog.dataset("twalton:v1")
    assert made is not None
    assert (made.frozen, made.file_count) == (True, 2)
    (before, body), (after, same) = told()[-2:]
    assert (before, after, body) == ("metacat.freezing", "metacat.freeze", same)
    ours = server.catalog.snapshot("dune:all", "twalton:v2")
    assert body["digest"] == done["digest"] == ours.digest, "as of a snapshot of the same files"
    again = user("dataset", "freeze", "v1")
    assert (again.code, "dataset twalton:v1 is frozen" in again.err) == (2, True)


def test_a_dataset_is_frozen_in_its_place(user: Mx2, server: Serving) -> None:
    user("catalog", "declare", write("r.json", record("a")))
    server.catalog.create_dataset("twalton:m")
    server.catalog.add_files("twalton:m", [f"{NS}:a"])
    assert user("dataset", "freeze", "m").out.startswith("froze twalton:m: 1 files, 1000 bytes\n")
    made = server.catalog.dataset("twalton:m")
    assert made is not None
    assert made.frozen


def test_a_token_of_a_trusted_issuer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mx2: Mx2
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "issuer.pem").write_bytes(public)
    claims = {"iss": "https://issuer", "sub": "dunepro", "exp": int(time.time()) + 600}
    token = tmp_path / "token"
    token.write_text(jwt.encode(claims, key, algorithm="ES256") + "\n")
    with serving(tmp_path, issuers={"https://issuer": Path("issuer.pem")}) as server:
        in_workspace(server, tmp_path, monkeypatch, mx2)
        token.chmod(0o644)
        refused = mx2("catalog", "login", "dunepro", "--token", token)
        assert (refused.code, "chmod 600" in refused.err) == (2, True)
        token.chmod(0o600)
        done = mx2("catalog", "login", "dunepro", "--token", token, "--json").document
        assert (done["server"], done["user"]) == (server.url, "dunepro")
        assert mx2("catalog", "login", "guest", "--token", token).code == 2
        assert token.read_text().strip() not in str(done)


def test_a_database_asks_for_no_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mx2: Mx2
) -> None:
    monkeypatch.chdir(tmp_path)
    done = mx2("catalog", "login", "dunepro")
    assert (done.code, "asks for no login" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("metacat+http://metacat.example/app", "readable on the way"),
        ("metacat+ftp://metacat.example", "expected metacat"),
        ("metacat+https:///app", "expected metacat"),
        ("metacat+https://me:word@metacat.example", "expected metacat"),
        ("metacat+https://metacat.example/app?x=1", "expected metacat"),
        ("https://metacat.example", "expected metacat"),
    ],
)
def test_addresses_that_are_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("+", r"\+")) as caught:
        open_server(url)
    assert "word" not in caught.value.message


def test_addresses_and_the_file_of_tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert web_address("metacat+https://m.example:8143/dune/app/") == (
        "https://m.example:8143/dune/app"
    )
    assert web_address("metacat+http://[::1]:80") == "http://[::1]:80"
    monkeypatch.delenv("MX2_METACAT_TOKENS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert token_file() == tmp_path / "mx2prod" / "metacat-tokens"
    with pytest.raises(ConfigError, match="a MetaCat server"):
        mx2prod.catalog.open("metacat+https://m.example")
