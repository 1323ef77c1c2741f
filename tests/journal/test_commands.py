"""What a newcomer types: ``mx2 keys``, ``mx2 approval``, ``mx2 workspace``."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mx2prod.core.workspace import FILE
from mx2prod.journal import fingerprint, load_key, open_engine
from mx2prod.journal.events import account
from tests.journal.test_events import without_guards
from tests.stores import PARAMETERS, Server

Mx2 = Callable[..., Any]
A, B = "a" * 64, "b" * 64
NAMES = ("rita", "rev", "con", "cora")


@pytest.fixture
def root(tmp_path: Path, mx2: Mx2, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, and a key for each person."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MX2_SIGNING_KEY", str(tmp_path / "rita.pem"))
    monkeypatch.delenv("MX2_KEY_PASSPHRASE", raising=False)
    mx2("init")
    for name in NAMES:
        mx2("keys", "new", "--no-passphrase", "--key", f"{name}.pem")
    return tmp_path


@pytest.fixture
def people(root: Path, mx2: Mx2) -> Path:
    """``rita`` of role root asks, ``rev`` and ``con`` sign."""
    enrol = ("keys", "enrol", "--reason", "start")
    mx2(*enrol, "rita", "--role", "root", "--role", "calibrator")
    mx2(*enrol, "rev", "--public-key", "rev.pub", "--role", "reviewer")
    mx2(*enrol, "con", "--public-key", "con.pub", "--role", "convener")
    return root


def good(call: Any, code: int = 0) -> Any:
    assert call.code == code, call.err
    return call


def test_the_way_of_a_newcomer(root: Path, mx2: Mx2) -> None:
    """Keys, list, request, two signatures, page: by commands alone."""
    first = good(mx2("keys", "enrol", "rita", "--role", "root", "--role", "calibrator",
                     "--reason", "start"))  # fmt: skip
    assert "version 1 in force" in first.out
    assert "next: set trust_root = " in first.err
    for name, role in (("rev", "reviewer"), ("con", "convener")):
        good(mx2("keys", "enrol", name, "--public-key", f"{name}.pub", "--role", role,
                 "--reason", "signer"))  # fmt: skip
    Path("tables.txt").write_text("pedestals\n")
    asked = good(mx2("approval", "request", "gtag:v1", "--file", "tables.txt", "--reason", "x"))
    assert "gtag:v1: WAITING" in asked.out
    assert "next: mx2 approval sign gtag:v1 --digest" in asked.err
    good(mx2("approval", "sign", "gtag:v1", "--key", "rev.pem", "--attach", "tables.txt"))
    assert mx2("approval", "show", "gtag:v1", "--require").code == 1
    good(mx2("approval", "sign", "gtag:v1", "--key", "con.pem", "--meeting", "weekly"))
    shown = good(mx2("approval", "show", "gtag:v1", "--require"))
    assert "gtag:v1: APPROVED" in shown.out
    assert "| State | approved |" in good(mx2("approval", "show", "gtag:v1", "--format", "md")).out
    good(mx2("approval", "show", "gtag:v1", "-o", "pages"))
    assert {path.name for path in Path("pages").iterdir()} == {
        "approval-gtag-v1.md", "approval-gtag-v1.html"
    }  # fmt: skip
    assert "gtag:v1" in good(mx2("approval", "ls")).out


def test_one_signature_refused(people: Path, mx2: Mx2) -> None:
    mx2("approval", "request", "gtag:v1", "--digest", A, "--reason", "x")
    good(mx2("approval", "sign", "gtag:v1", "--key", "rev.pem"))
    refused = good(mx2("approval", "reject", "gtag:v1", "--key", "con.pem", "--reason", "hot"))
    assert "gtag:v1: REJECTED" in refused.out
    listed = mx2("approval", "ls", "--state", "rejected", "--json").document
    assert listed[0]["missing"] == ["con has rejected: hot"]
    assert mx2("approval", "ls", "--state", "approved", "--json").document == []
    assert mx2("approval", "ls", "--type", "campaign", "--json").document == []
    assert mx2("approval", "ls", "--type", "campaing").code == 2


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("sign", "gtag:v1"), "has no role that signs"),
        (("sign", "gtag:v1", "--key", "cora.pem"), "not enrolled"),
        (("sign", "gtag:v1", "--key", "rev.pem", "--digest", B), "you looked at bbbb"),
        (("sign", "gtag:v1", "--key", "con.pem", "--override"), "override needs a reason"),
        (("sign", "gtag:v1", "--key", "nobody.pem"), "no such key"),
        (("sign", "gtagg:v1", "--key", "rev.pem"), "did you mean 'gtag'"),
        (("show", "gtag:v2"), "did you mean 'gtag:v1'"),
        (("request", "gtag:v2", "--reason", "x"), "give either --digest or --file"),
        (("request", "gtag:v2", "--reason", "x", "--file", "none"), "No such file"),
        (("request", "gtag:v2", "--digest", A), "--reason"),
        (("show", "campaign:c1"), "no such database"),
    ],
)
def test_approvals_that_cannot_be(
    people: Path, mx2: Mx2, words: tuple[str, ...], what: str
) -> None:
    mx2("approval", "request", "gtag:v1", "--digest", A, "--reason", "x")
    call = mx2("approval", *words)
    assert call.code == (1 if "database" in what else 2)
    assert what in call.err


def test_dry_runs_write_nothing(people: Path, mx2: Mx2) -> None:
    def state() -> dict[str, bytes]:
        files = (p for p in people.rglob("*") if p.is_file() and not p.name.endswith("-shm"))
        return {str(path): path.read_bytes() for path in files}

    mx2("approval", "request", "gtag:v1", "--digest", A, "--reason", "x")
    mx2("workspace", "backup", "bk")
    before = state()
    for words in (
        ("keys", "new", "--key", "x.pem"),
        ("keys", "enrol", "cora", "--public-key", "cora.pub", "--reason", "x"),
        ("keys", "rotate", "rev", "cora.pub", "--reason", "x"),
        ("keys", "revoke", "rev", "--reason", "x"),
        ("approval", "request", "gtag:v2", "--digest", A, "--reason", "x"),
        ("approval", "sign", "gtag:v1", "--key", "rev.pem"),
        ("approval", "reject", "gtag:v1", "--key", "rev.pem", "--reason", "x"),
        ("approval", "show", "gtag:v1", "-o", "pages"),
        ("workspace", "migrate"),
        ("workspace", "backup", "other"),
        ("workspace", "head", "-o", "h.json"),
    ):
        call = good(mx2(*words, "--dry-run", "--json"))
        document = call.document[0] if isinstance(call.document, list) else call.document
        assert document["dry_run"] is True, words
        assert state() == before, words


def test_a_list_that_two_must_sign(people: Path, mx2: Mx2) -> None:
    good(mx2("keys", "enrol", "cora", "--public-key", "cora.pub", "--role", "root",
             "--threshold", 2, "--reason", "two roots"))  # fmt: skip
    waiting = mx2("keys", "ls", "--json").document
    assert (waiting["version"], waiting["proposed"]["missing_signatures"]) == (3, 1)
    assert "waits for 1 more signatures" in mx2("keys", "ls").err
    assert good(mx2("keys", "sign", "--key", "cora.pem", "--dry-run")).code == 0
    assert "in force" in good(mx2("keys", "sign", "--key", "cora.pem")).out
    alone = good(mx2("keys", "revoke", "con", "--reason", "left"))
    assert "waiting for 1 more signatures" in alone.out
    again = mx2("keys", "revoke", "rev", "--reason", "left")
    assert (again.code, "waits for signatures" in again.err) == (2, True)
    assert good(mx2("keys", "sign", "--discard", "--dry-run", "--json")).document["dry_run"]
    good(mx2("keys", "sign", "--discard"))
    assert mx2("keys", "sign", "--discard").code == 2
    assert mx2("keys", "ls", "--json").document["proposed"] is None


def test_keys_change(people: Path, mx2: Mx2) -> None:
    day = "2099-01-01"
    good(mx2("keys", "rotate", "rev", "cora.pub", "--until", day, "--reason", "new laptop"))
    (rev,) = [p for p in mx2("keys", "ls", "--json").document["list"]["persons"]
              if p["person"] == "rev"]  # fmt: skip
    assert rev["keys"][0]["until"] == rev["keys"][1]["since"]
    assert rev["keys"][1]["until"] == f"{day}T00:00:00.000000Z"
    old = fingerprint(load_key(people / "rev.pem").public)
    assert old in good(mx2("keys", "ls")).out
    good(mx2("keys", "revoke", "con", "--role", "convener", "--reason", "term ended"))
    stolen = ("--public-key", "con.pub", "--since", "2026-01-01")
    good(mx2("keys", "revoke", "con", *stolen, "--reason", "stolen"))
    assert mx2("keys", "revoke", "con", "--since", "monday", "--reason", "x").code == 2
    Path("strict.yaml").write_text("places: [[reviewer], [convener], [manager]]\n")
    good(mx2("keys", "policy", "gtag", "strict.yaml", "--reason", "three"))
    policies = mx2("keys", "ls", "--json").document["list"]["policies"]
    assert len(policies["gtag"]["places"]) == 3
    good(mx2("keys", "enrol", "dunepro", "--service", "--account", "dunepro", "--role", "shifter",
             "--reason", "submits"))  # fmt: skip
    refused = mx2("keys", "enrol", "dunepro", "--role", "convener", "--reason", "signs")
    assert (refused.code, "neither sign nor have keys" in refused.err) == (2, True)


def test_nobody_enrols_himself(people: Path, mx2: Mx2) -> None:
    call = mx2("keys", "enrol", "cora", "--public-key", "cora.pub", "--role", "convener",
               "--key", "cora.pem", "--reason", "me too")  # fmt: skip
    assert (call.code, "nobody enrols himself" in call.err) == (2, True)


def test_a_passphrase_is_taken_from_the_environment(
    root: Path, mx2: Mx2, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MX2_KEY_PASSPHRASE", "sesame")
    made = good(mx2("keys", "new", "--key", "safe.pem", "--json"))
    assert made.document["fingerprint"] == fingerprint(load_key(root / "safe.pem").public)
    assert "sesame" not in made.out + made.err
    assert b"ENCRYPTED" in Path("safe.pem").read_bytes()
    assert mx2("keys", "new", "--key", "safe.pem").code == 1
    assert "mx2 keys new" in mx2("keys", "ls").out


def pin(root: Path, digest: str, *, simulated: bool = True) -> None:
    text = (root / FILE).read_text().replace('trust_root = ""', f'trust_root = "{digest}"')
    simulation = f"simulated = {str(simulated).lower()}"
    (root / FILE).write_text(text.replace("simulated = true", simulation))


def test_a_real_workspace_pins_its_list(people: Path, mx2: Mx2) -> None:
    (people / FILE).write_text(
        (people / FILE).read_text().replace("simulated = true", "simulated = false")
    )
    words = ("approval", "request", "gtag:v1", "--digest", A, "--reason", "x")
    call = mx2(*words)
    digest = mx2("keys", "ls", "--json").document["digest"]
    assert (call.code, f'then set trust_root = "{digest}"' in call.err) == (2, True)
    pin(people, digest, simulated=False)
    good(mx2(*words))
    assert mx2("keys", "ls", "--json").document["pinned"] is True


def test_lists_that_were_rolled_back_are_refused(people: Path, mx2: Mx2) -> None:
    good(mx2("approval", "request", "gtag:v1", "--digest", A, "--reason", "x"))
    (people / "roles" / "000003.json").unlink()
    for words in (("approval", "ls"), ("keys", "ls"), ("approval", "sign", "gtag:v1")):
        call = mx2(*words)
        assert (call.code, "version 3 of the list was used before" in call.err) == (2, True)


def test_lists_that_were_replaced_are_refused(people: Path, mx2: Mx2) -> None:
    pin(people, mx2("keys", "ls", "--json").document["digest"])
    shutil.rmtree(people / "roles")
    mine = mx2("keys", "enrol", "eve", "--role", "root", "--key", "cora.pem", "--reason", "x")
    assert (mine.code, "rolled back or replaced" in mine.err) == (2, True)


@pytest.fixture(params=PARAMETERS)
def team(request: pytest.FixtureRequest, people: Path) -> Iterator[str]:
    """Address of the database of development, as ``mx2.toml`` has it."""
    url = "sqlite:///conditions-dev.db"
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url = server.new_database()
        text = (people / FILE).read_text()
        (people / FILE).write_text(text.replace("sqlite:///conditions-dev.db", url))
    yield url


def test_the_databases_of_a_workspace(team: str, people: Path, mx2: Mx2) -> None:
    would = good(mx2("workspace", "migrate", "--dry-run", "--json")).document
    assert {item["found"] for item in would} <= {None, "none", "none, none"}
    good(mx2("workspace", "migrate"))
    again = good(mx2("workspace", "migrate", "--json")).document
    assert all(item["found"] == item["newest"] for item in again)
    assert all(item["found"].startswith("journal0001") for item in again)
    good(mx2("approval", "request", "gtag:v1", "--digest", A, "--reason", "x"))
    good(mx2("workspace", "head", "-o", "head.json", "--sign"))
    good(mx2("approval", "sign", "gtag:v1", "--key", "rev.pem"))
    verified = good(mx2("workspace", "verify", "--head", "head.json", "--json"))
    assert "signed by rita" in verified.err
    assert {item["database"]: item["events"] for item in verified.document} == {
        "conditions-development": 3, "conditions-production": 0, "production": 0,
        "placement": 0, "catalog": 0,
    }  # fmt: skip
    granted = good(mx2("workspace", "grant", "pg_monitor", "--dry-run", "--json")).document
    assert len(granted) == team.startswith("postgresql")
    assert len(good(mx2("workspace", "grant", "pg_monitor", "--json")).document) == len(granted)
    good(mx2("workspace", "backup", "bk"))
    assert mx2("workspace", "restore", "bk").code == 1
    made = open_engine(team, root=people)
    without_guards(made, "UPDATE journal_event SET actor = 'x' WHERE seq = 2")
    made.dispose()
    assert mx2("workspace", "verify").code == 1
    assert mx2("workspace", "backup", "bk2").code == 3
    assert mx2("workspace", "backup", "bk2").code == 1


def test_a_workspace_comes_back_from_its_backup(people: Path, mx2: Mx2) -> None:
    good(mx2("approval", "request", "gtag:v1", "--digest", A, "--reason", "x"))
    good(mx2("approval", "sign", "gtag:v1", "--key", "rev.pem"))
    before = mx2("approval", "show", "gtag:v1", "--json").document
    good(mx2("workspace", "backup", "bk"))
    for path in [*people.glob("*.db*"), people / "roles"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert good(mx2("workspace", "restore", "bk", "--dry-run")).code == 0
    good(mx2("workspace", "restore", "bk"))
    assert mx2("approval", "show", "gtag:v1", "--json").document == before


def test_an_unreachable_database_does_not_stop_the_others(people: Path, mx2: Mx2) -> None:
    text = (people / FILE).read_text()
    gone = f"postgresql+psycopg://me@/nowhere?host={people}"
    (people / FILE).write_text(text.replace("sqlite:///placement.db", gone))
    call = mx2("workspace", "migrate", "--json")
    assert call.code == 1
    found = {item["database"]: item["error"] for item in call.document}
    assert "cannot be reached" in found.pop("placement")
    assert set(found.values()) == {None}
    assert "cannot be reached" in mx2("workspace", "verify").err


def test_who_asks_is_the_account(people: Path, mx2: Mx2) -> None:
    asked = mx2("approval", "request", "gtag:v1", "--digest", A, "--reason", "x", "--json")
    assert asked.document["requested"]["by"] == "rita"
    persons = mx2("keys", "ls", "--json").document["list"]["persons"]
    assert persons[0]["accounts"] == [account()]


def test_two_accounts_one_database(people: Path, mx2: Mx2) -> None:
    """All approvals are listed once where constants and production share a database."""
    text = (people / FILE).read_text()
    (people / FILE).write_text(
        text.replace("sqlite:///conditions-dev.db", "sqlite:///production.db")
    )
    mx2("approval", "request", "gtag:v1", "--digest", A, "--reason", "x")
    mx2("approval", "request", "campaign:c1", "--digest", B, "--reason", "x")
    listed = mx2("approval", "ls", "--json").document
    assert [item["subject"] for item in listed] == ["gtag:v1", "campaign:c1"]
    assert mx2("approval", "show", "gtag:v1", "--format", "html", "--json").document["page"]


def test_planted_secrets_appear_nowhere(
    people: Path, mx2: Mx2, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in messages, logs, results, pages, databases, role lists or backups."""
    monkeypatch.setenv("PGPASSWORD", "sesame-one")
    monkeypatch.setenv("MX2_KEY_PASSPHRASE", "sesame-two")
    text = (people / FILE).read_text()
    url = f"postgresql+psycopg://me@/nowhere?host={people}"
    (people / FILE).write_text(text.replace("sqlite:///placement.db", url))
    printed = ""
    for words in (
        ("keys", "new", "--key", "safe.pem"),
        ("keys", "enrol", "safe", "--public-key", "safe.pub", "--role", "reviewer",
         "--reason", "x"),
        ("approval", "request", "gtag:v1", "--digest", A, "--reason", "x"),
        ("approval", "sign", "gtag:v1", "--key", "safe.pem"),
        ("approval", "show", "gtag:v1", "-o", "pages"),
        ("workspace", "migrate"),
        ("workspace", "verify"),
        ("keys", "ls"),
    ):  # fmt: skip
        call = mx2(*words, "--log", "log", "--json", "--verbose")
        printed += call.out + call.err
    (people / FILE).write_text(text)
    good(mx2("workspace", "backup", "bk", "--log", "log"))
    call = mx2("workspace", "migrate", "--workspace", people / "bk")
    password = text.replace("sqlite:///placement.db", "postgresql://me:sesame-three@host/db")
    (people / FILE).write_text(password)
    refused = mx2("workspace", "migrate", "--log", "log")
    assert "password may not stand" in refused.err + refused.out
    printed += call.out + call.err + refused.out + refused.err
    (people / FILE).write_text(text)
    files = [path for path in people.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert "cannot be reached" in printed
    for name in ("sesame-one", "sesame-two", "sesame-three"):
        assert name not in printed
        assert [path for path in files if name.encode() in path.read_bytes()] == []
