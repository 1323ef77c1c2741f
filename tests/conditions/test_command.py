"""``mx2 conditions``: from a table to production and back to a job, by commands alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mx2prod.constants import Period, read_table, write_table
from mx2prod.constants.feb_file import write_feb_file
from mx2prod.core.workspace import write_workspace
from mx2prod.detector import BoardAddress
from mx2prod.journal import RoleStore
from tests.calls import Call
from tests.conditions.making import GAINS, PEDESTALS, pedestals
from tests.journal.people import make_key, make_keys, standard_store

PERIOD = Period(1679419898780211, 1679421873400253)
ORIGIN = [f"--origin={kind}=test" for kind in ("input", "software", "config", "request")]
Run = Callable[..., Call]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Workspace with a role list and a pedestal table in text."""
    write_workspace(tmp_path, "test")
    keys = make_keys(tmp_path)
    standard_store(tmp_path, keys)
    table = pedestals(430.0)
    write_table(type(table)(table.schema, table.columns, PERIOD), tmp_path / "ped.dat")
    verdict = {"verdict": "good", "file": "TS1.dat", "settings_sha256": "0" * 64}
    (tmp_path / "ped.verdict.json").write_text(json.dumps(verdict))
    (tmp_path / "runs.txt").write_text("# dataset\n1702 3\n1702/4\n")
    return tmp_path


@pytest.fixture
def conditions(mx2: Callable[..., Call], folder: Path) -> Run:
    """Run ``mx2 conditions`` in the workspace."""

    def call(*words: object, code: int = 0) -> Call:
        done = mx2("--workspace", folder, "conditions", *words, "--json")
        assert done.code == code, done.err
        return done

    call("init")
    return call


def put_and_freeze(conditions: Run, folder: Path) -> str:
    conditions("tag", "create", f"{PEDESTALS}:run1a", "--reason", "first")
    made = conditions(
        "put", PEDESTALS, folder / "ped.dat", "--tag", "run1a", "--since", "1702/3",
        "--reason", "first", *ORIGIN,
    ).document  # fmt: skip
    assert made["since"] == {"run": 1702, "subrun": 3}
    assert made["until"] == {"run": 1796, "subrun": 0}
    conditions("tag", "group", "run1-v1", f"{PEDESTALS}=run1a", "--reason", "first")
    assert conditions("gaps", "run1-v1", "--runs", folder / "runs.txt").document == []
    checks = conditions("check", "run1-v1", code=3).document
    assert checks["failed"] == ["complete"]
    conditions("check", "run1-v1", "--waive", "complete", "--reason", "one board")
    digest = conditions("freeze", "run1-v1", "--reason", "done").document["digest"]
    conditions("approve", "run1-v1", "--request", "--reason", "meeting of Tuesday")
    return str(digest)


def test_from_a_table_to_a_job_by_commands_alone(conditions: Run, folder: Path) -> None:
    digest = put_and_freeze(conditions, folder)
    conditions("promote", "run1-v1", "--reason", "x", code=2)
    for person in ("rev", "con"):
        conditions("approve", "run1-v1", "--digest", digest[:16], "--key", folder / f"{person}.pem")
    tried = conditions("promote", "run1-v1", "--reason", "x", "--dry-run").document
    assert (tried["changed"], tried["dry_run"]) == (True, True)
    done = conditions("promote", "run1-v1", "--reason", "x").document
    assert (done["changed"], done["digest"]) == (True, digest)
    assert conditions("promote", "run1-v1", "--reason", "x").document["changed"] is False
    conditions("alias", "mx2/run1/current", "run1-v1", "--reason", "first")
    conditions("alias", "mx2/run1/current", "run1-v1", "--expect", "x", "--reason", "x", code=2)
    conditions("export", f"run1-v1@{digest[:16]}", "--format", "snap", "-o", folder / "r.mx2snap")
    conditions("export", "run1-v1", "--format", "dir", "-o", folder / "plain")
    for target in (folder / "r.mx2snap", folder / "plain"):
        (verified,) = conditions("verify", target).document
        assert (verified["problems"], verified["signed_by"]) == ([], ["con", "rev"])
    assert conditions("verify", "--db", "prod").document[0]["problems"] == []
    read = [
        conditions(
            "get", PEDESTALS, "--run", 1702, "--subrun", 4, "-o", folder / f"{n}.dat", *words
        ).document
        for n, words in enumerate(
            (["--constants", f"run1-v1@{digest}", "--db", "prod"],
             ["--snapshot", folder / "r.mx2snap"])
        )
    ]  # fmt: skip
    assert read[0]["content_sha256"] == read[1]["content_sha256"]
    assert (read[0]["state"], read[0]["digest"], read[0]["rows"]) == ("PUBLISHED", digest, 64)
    table = pedestals(430.0)
    for number in (0, 1):
        again = read_table(folder / f"{number}.dat", table.schema)
        assert again.period == PERIOD
        assert again["hg_mean"].tobytes() == table["hg_mean"].tobytes()
    failed = conditions(
        "get", PEDESTALS, "--run", 1702, "--subrun", 2, "--snapshot", folder / "r.mx2snap", code=2
    ).document["error"]
    assert failed["type"] == "NoConditionsError"
    assert "after it: [1702/3, 1796/0)" in failed["message"]


def make_real(folder: Path) -> None:
    """Make the workspace one of real data, with its role list pinned."""
    path = folder / "mx2.toml"
    pin = f'trust_root = "{RoleStore(folder / "roles").load().digest}"'
    text = path.read_text().replace("simulated = true ", "simulated = false ")
    path.write_text(text.replace('trust_root = ""', pin))


def test_the_calibrator_of_real_constants_signs_by_commands(
    conditions: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MX2_SIGNING_KEY", str(folder / "mine.pem"))
    digest = put_and_freeze(conditions, folder)
    make_real(folder)
    freeze = ["freeze", "run1-v1", "--reason", "mine"]
    request = ["approve", "run1-v1", "--request", "--reason", "meeting of Tuesday"]
    refused = conditions(*request, code=2).document["error"]
    assert "no calibrator has signed" in refused["message"]
    assert "mx2 conditions freeze run1-v1 --key FILE" in refused["next_step"]
    assert "mine.pem: no such key" in conditions(*freeze, code=2).document["error"]["message"]
    assert "rev was not calibrator" in conditions(*freeze, "--key", folder / "rev.pem", code=2).err
    tried = conditions(*freeze, "--key", folder / "cal.pem", "--dry-run").document
    assert (tried["made_by"], tried["dry_run"]) == ("cal", True)
    conditions(*request, code=2)
    (folder / "cal.pem").rename(folder / "mine.pem")
    signed = conditions(*freeze).document
    assert (signed["made_by"], signed["digest"]) == ("cal", digest)
    conditions(*request)
    (verified,) = conditions("verify").document
    assert (verified["made_by"], verified["problems"]) == (["cal"], [])
    for person in ("rev", "con"):
        conditions("approve", "run1-v1", "--key", folder / f"{person}.pem")
    conditions("promote", "run1-v1", "--reason", "x")
    (verified,) = conditions("verify", "--db", "prod").document
    assert (verified["made_by"], verified["signed_by"]) == (["cal"], ["con", "rev"])


def test_people_read_who_made_it(
    conditions: Run, mx2: Callable[..., Call], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MX2_SIGNING_KEY", str(folder / "mine.pem"))
    put_and_freeze(conditions, folder)

    def shown(*words: object) -> str:
        return " ".join(mx2("--workspace", folder, "conditions", *words).out.split())

    assert "not signed" in shown("verify")
    make_key(folder, "mine")
    freeze = ("freeze", "run1-v1", "--reason", "mine")
    assert "VALIDATED" in conditions(*freeze, code=2).err, "a key that is not on the list"
    by = "made and signed by cal (calibrator)"
    assert by in shown(*freeze, "--key", folder / "cal.pem")
    assert "cal (calibrator)" in shown("verify")
    assert by in shown("log", "--object", "run1-v1")
    (folder / "roles").rename(folder / "elsewhere")
    done = mx2("--workspace", folder, "conditions", "log")
    assert "signature not judged" in " ".join(done.out.split())
    assert "signatures are not judged: " in done.err


def test_a_refused_signature_by_commands(conditions: Run, folder: Path) -> None:
    put_and_freeze(conditions, folder)
    conditions("approve", "run1-v1", "--key", folder / "rev.pem")
    conditions("reject", "run1-v1", "--reason", "wrong HV", "--key", folder / "con.pem")
    error = conditions("promote", "run1-v1", "--reason", "x", code=2).document["error"]
    assert "wrong HV" in error["message"]
    assert conditions("ls", "--db", "prod").document["gtags"] == []
    for kind in ("md", "html"):
        conditions("page", "run1-v1", "-o", folder / f"page.{kind}")
        text = (folder / f"page.{kind}").read_text()
        for word in ("wrong HV", "one board", "1702/3", "verdict", "TS1.dat", "REJECTED"):
            assert word in text, word
    conditions("page", "run1-v1", "-o", folder / "page.pdf", code=2)


def test_lists_and_the_log(conditions: Run, folder: Path) -> None:
    digest = put_and_freeze(conditions, folder)
    listed = conditions("ls").document
    assert listed["gtags"][0]["digest"] == digest
    assert [tag["state"] for tag in listed["tags"]] == ["VALIDATED"]
    rows = conditions("iov", PEDESTALS, "--tag", "run1a").document
    assert [row["from"] for row in rows] == ["1702/3"]
    pinned = conditions(
        "iov", PEDESTALS, "--constants", f"run1-v1@{digest}", "--use", "test"
    ).document
    assert pinned == rows
    kinds = [event["kind"] for event in conditions("log").document]
    assert kinds == [
        f"conditions.{kind}"
        for kind in ("init", "tag", "put", "group", "run-list", "check", "check", "waive", "freeze")
    ]
    assert len(conditions("log", "--object", "run1-v1").document) == 6


def test_dry_runs_change_nothing(conditions: Run, folder: Path) -> None:
    conditions("tag", "create", f"{PEDESTALS}:t", "--reason", "x", "--dry-run")
    assert conditions("ls").document["tags"] == []
    conditions("tag", "create", f"{PEDESTALS}:t", "--reason", "x")
    put = ["put", PEDESTALS, folder / "ped.dat", "--tag", "t", "--since", "5", "--reason", "x"]
    assert conditions(*put, "--dry-run").document["dry_run"]
    assert conditions("iov", PEDESTALS, "--tag", "t").document == []
    conditions("fixture", "pedestal3", "--dry-run")
    conditions("stop", "1710", "--reason", "board exchanged", "--dry-run")
    assert [event["kind"] for event in conditions("log").document] == [
        "conditions.init", "conditions.tag",
    ]  # fmt: skip


def test_gaps_are_decided_by_command(conditions: Run, folder: Path) -> None:
    conditions("tag", "create", f"{PEDESTALS}:t", "--reason", "x")
    conditions("put", PEDESTALS, folder / "ped.dat", "--tag", "t", "--since", "1702/4",
               "--reason", "x")  # fmt: skip
    conditions("tag", "group", "g", f"{PEDESTALS}=t", "--reason", "x")
    (gap,) = conditions("gaps", "g", "--runs", folder / "runs.txt", code=3).document
    assert (gap["subruns"], gap["choice"]) == (1, None)
    conditions("gaps", "g", "--choose", PEDESTALS, "1702/3", "extend", code=2)
    (gap,) = conditions(
        "gaps", "g", "--choose", PEDESTALS, "1702/3", "extend", "--reason", "same day"
    ).document
    assert (gap["choice"], gap["reason"]) == ("extend", "same day")
    (gap,) = conditions(
        "gaps", "g", "--drop", PEDESTALS, "1702/3", "--reason", "no", code=3
    ).document
    assert gap["choice"] is None


def test_nominal_merge_and_diff(conditions: Run, folder: Path) -> None:
    feb = "minerva2x2_feb_constants"
    conditions("tag", "create", f"{feb}:t", "--reason", "x")
    first = conditions("put", feb, "--nominal", "--tag", "t", "--since", "1702", "--reason", "x")
    from mx2prod.conditions import nominal_table
    from mx2prod.constants import Table
    from mx2prod.constants.keys import default_maps

    nominal = nominal_table(feb, default_maps())
    changed = {name: nominal[name].copy() for name in nominal.schema.names()}
    changed["hg_slope1"] = changed["hg_slope1"] * 1.1
    write_feb_file(
        Table.of(nominal.schema, changed), BoardAddress(0, 1, 0, 2), folder / "bench.txt"
    )
    conditions("tag", "group", "before", f"{feb}=t", "--reason", "x")
    conditions("tag", "create", f"{feb}:u", "--parent", "t", "--reason", "x")
    merge = ["merge", feb, folder / "bench.txt", "--board", "0-1-0-2", "--tag", "u",
             "--since", "1702/9", "--reason", "new bench", "--parent"]  # fmt: skip
    conditions(*merge, "0123456789", code=2)
    made = conditions(*merge, first.document["content_sha256"][:16]).document
    assert made["rows"] == 11_840
    conditions("tag", "group", "after", f"{feb}=u", "--reason", "x")
    (pair,) = conditions("diff", "before", "after").document["changed"]
    (column,) = pair["columns"]
    assert (column["column"], column["beyond"]) == ("hg_slope1", 64)
    assert column["worst"][0]["after"] == pytest.approx(column["worst"][0]["before"] * 1.1)
    assert pair["boards"] == ["0-1-0-2"]
    assert pair["since"] == {"run": 1702, "subrun": 9}


def test_a_playlist_keeps_a_ledger(conditions: Run, folder: Path) -> None:
    conditions("tag", "create", f"{PEDESTALS}:t", "--reason", "x")
    (folder / "bad.dat").write_text("nonsense\n")
    name = "TS1_00001702_0004_pdstl_v09_2404120514_pedestal_table.dat"
    table = pedestals(431.0)
    write_table(type(table)(table.schema, table.columns, PERIOD), folder / name)
    (folder / "list.txt").write_text(f"# files\nped.dat 1702/1 1702/3\nbad.dat 1702/3\n{name}\n")
    put = ["put", PEDESTALS, "--playlist", folder / "list.txt", "--tag", "t", "--reason", "x"]
    done = conditions(*put, code=3).document
    assert [item["state"] for item in done] == ["done", "in error", "done"]
    rows = conditions("iov", PEDESTALS, "--tag", "t").document
    assert [(row["from"], row["to"]) for row in rows] == [
        ("1702/1", "1702/3"),
        ("1702/4", "1796/0"),
    ]
    write_table(
        type(table)(table.schema, pedestals(432.0).columns, PERIOD), folder / "bad.dat",
        overwrite=True,
    )  # fmt: skip
    assert [item["state"] for item in conditions(*put).document] == ["done"] * 3
    (folder / "list.txt").write_text("ped.dat\n")
    conditions(*put, code=2)


@pytest.mark.parametrize(
    "words",
    [
        ["put", PEDESTALS, "--tag", "t", "--reason", "x"],
        ["put", "minerva2x2_pedestal_constant", "--nominal", "--tag", "t", "--reason", "x"],
        ["put", PEDESTALS, "--nominal", "--since", "5", "--tag", "t", "--reason", "x"],
        ["put", GAINS, "--nominal", "--tag", "t", "--reason", "x"],
        ["put", GAINS, "--nominal", "--since", "five", "--tag", "t", "--reason", "x"],
        ["put", GAINS, "--nominal", "--since", "5", "--tag", "t", "--reason", " "],
        ["put", GAINS, "--nominal", "--since", "5", "--tag", "t", "--reason", "x", "--origin=x"],
        ["tag", "create", "nofolder", "--reason", "x"],
        ["tag", "create", "nofolder:x", "--reason", "x"],
        ["tag", "create", f"{GAINS}:a b", "--reason", "x"],
        ["tag", "group", "g", "x", "--reason", "x"],
        ["tag", "group", "g", f"{GAINS}=none", "--reason", "x"],
        ["get", GAINS, "--run", "5"],
        ["get", GAINS, "--run", "5", "--constants", "nothing"],
        ["iov", GAINS],
        ["check", "nothing"],
        ["freeze", "nothing", "--reason", "x"],
        ["approve", "nothing", "--request"],
        ["promote", "nothing", "--reason", "x"],
        ["alias", "x"],
        ["alias", "x", "nothing", "--reason", "x"],
        ["export", "nothing", "--format", "snap", "-o", "x"],
        ["export", "nothing", "--format", "snap", "-o", "x", "--runs", "a-b"],
        ["verify", "nothing"],
        ["fixture", "pedestal4"],
        ["merge", GAINS, "x", "--board", "1", "--tag", "t", "--since", "1", "--parent", "x",
         "--reason", "x"],
        ["diff", "a", "b"],
    ],
)  # fmt: skip
def test_bad_requests_change_nothing_and_say_what_is_wrong(
    conditions: Run, folder: Path, words: list[str]
) -> None:
    before = conditions("log").document
    error = conditions(*words, code=2)
    assert error.err.strip()
    assert "Traceback" not in error.err
    assert conditions("log").document == before


def test_a_real_workspace_takes_no_test_constants(conditions: Run, folder: Path) -> None:
    path = folder / "mx2.toml"
    path.write_text(path.read_text().replace("simulated = true ", "simulated = false "))
    error = conditions("fixture", "pedestal3", code=2).document["error"]
    assert "takes no test constants" in error["message"]


def test_a_database_without_tables_is_named(mx2: Callable[..., Call], tmp_path: Path) -> None:
    write_workspace(tmp_path, "test")
    assert "no such database" in mx2("--workspace", tmp_path, "conditions", "ls").err
    mx2("--workspace", tmp_path, "workspace", "migrate")
    done = mx2("--workspace", tmp_path, "conditions", "ls")
    assert (done.code, "mx2 conditions init" in done.err) == (1, True)


def test_the_fixture_has_the_values_of_the_page(conditions: Run, folder: Path) -> None:
    made = conditions("fixture", "pedestal3").document
    assert conditions("fixture", "pedestal3").document == made
    read = [
        conditions(
            "get", PEDESTALS, "--run", 1, "--subrun", subrun, "--use", "test",
            "--constants", f"pedestal3@{made['digest']}", "-o", folder / f"{subrun}.parquet",
        )
        for subrun in range(4)
    ]  # fmt: skip
    from mx2prod.constants import read_parquet

    means = [read_parquet(folder / f"{n}.parquet")["hg_mean"].tolist() for n in range(4)]
    assert means[0] == [430.0, 431.0, 432.0]
    assert means[3] == [1.1e-07, 1.1e-07 + 1, 1.1e-07 + 2]
    assert read[3].document["until"] is None
    assert [row["to"] for row in conditions("iov", PEDESTALS, "--tag", "v1").document] == [
        "1/1", "open",
    ]  # fmt: skip
