"""The stock ``metacat`` command line against our server, over a real socket."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.facade.serving import FAILS, PASSWORDS, RUN, Metacat, Serving

pytestmark = pytest.mark.stores


def _json(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def _declare(metacat: Metacat, *names: str) -> None:
    folder = metacat.serving.folder
    files = [{"namespace": "dune", "name": name, "size": 10, "metadata": RUN} for name in names]
    metacat("file", "declare-many", _json(folder / "files.json", files), "dune:all")


def test_version_and_login(stranger: Metacat, server: Serving) -> None:
    metacat = stranger
    assert "4.1.4+mx2prod" in metacat("version").out
    assert "Token not found" in metacat("namespace", "create", "mine", code=FAILS).err
    metacat("auth", "login", "dunepro", keyboard="wrong\n", code=FAILS)
    metacat("auth", "login", "nobody", keyboard="wrong\n", code=FAILS)
    metacat.login("guest")
    assert "guest" in metacat("auth", "whoami").out
    metacat("namespace", "create", "mine", "a place of my own")
    shown = json.loads(metacat("namespace", "show", "-j", "mine").out)
    assert (shown["owner_user"], shown["description"]) == ("guest", "a place of my own")
    assert metacat("namespace", "list", "-u", "guest").out.split()[0] == "mine"
    metacat("namespace", "create", "-o", "minerva", "ours")
    assert server.catalog.namespaces()[-1].owner_role == "minerva"
    metacat("namespace", "create", "mine", code=16)


def test_the_installed_program(server: Serving) -> None:
    program = Path(sys.executable).parent / "metacat"
    done = subprocess.run(
        [program, "-s", server.url, "version"],
        env={"HOME": str(server.folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "4.1.4+mx2prod" in done.stdout


def test_login_by_a_token_of_this_server(stranger: Metacat, server: Serving) -> None:
    metacat = stranger
    metacat("auth", "login", "-m", "token", "-t", server.token("guest"), "guest")
    assert "guest" in metacat("auth", "whoami").out
    metacat("auth", "login", "-m", "token", "-t", server.token("guest"), "dunepro", code=FAILS)


def test_declare_one_file(metacat: Metacat, server: Serving) -> None:
    meta = _json(server.folder / "meta.json", RUN)
    words = ("-s", "545918104", "-m", meta, "-c", "adler32:efd92f00")
    # A5: the client takes 202 for an error, which is what a dry run answers.
    metacat("file", "declare", "-d", *words, "dune:raw1", "dune:all", code=FAILS)
    assert server.catalog.file("dune:raw1") is None
    fid, namespace, name = metacat("file", "declare", *words, "dune:raw1", "dune:all").out.split()
    record = server.catalog.file("dune:raw1")
    assert record is not None
    assert (record.fid, namespace, name) == (fid, "dune", "raw1")
    assert (record.size, record.creator) == (545918104, "dunepro")
    assert (record.metadata, record.checksums) == (RUN, {"adler32": "efd92f00"})
    again = metacat("file", "declare", *words, "dune:raw1", "dune:all", code=16)
    assert "\n  dune:raw1" in again.err
    child = ("-p", "dune:raw1", "-s", "10", "-a", "dune:digits_$fid.root")
    metacat("file", "declare", *child, "dune:all")
    record = server.catalog.file("dune:raw1")
    assert record is not None
    assert len(record.children) == 1


def test_show_a_file(metacat: Metacat) -> None:
    _declare(metacat, "raw1")
    shown = json.loads(metacat("file", "show", "-j", "-m", "-l", "-d", "dune:raw1").out)
    assert shown["metadata"] == RUN
    assert shown["datasets"] == [{"namespace": "dune", "name": "all"}]
    assert metacat("file", "name", shown["fid"]).out.split()[-1] == "raw1"
    assert metacat("file", "fid", "dune:raw1").out.strip() == shown["fid"]
    assert metacat("file", "datasets", "dune:raw1").out.strip() == "dune:all"
    metacat("file", "show", "dune:raw2", code=FAILS)


def test_declare_many_as_required(metacat: Metacat, server: Serving) -> None:
    _declare(metacat, "raw1", "raw2")
    files = [
        {"did": f"dune:{name}", "size": 10, "metadata": {**RUN, "core.event_count": 1}}
        for name in ("raw2", "raw3")
    ]
    path = _json(server.folder / "more.json", files)
    metacat("file", "declare-many", path, "dune:all", code=FAILS)
    assert server.catalog.file("dune:raw3") is None, "a batch is declared as a whole or not at all"
    for item in files:
        item["namespace"], item["name"] = item.pop("did").split(":")
    _json(path, files)
    metacat("file", "declare-many", "--as-required=overwrite", path, "dune:all")
    counts = [
        record.metadata["core.event_count"]
        for record in server.catalog.files(["dune:raw1", "dune:raw2", "dune:raw3"])
    ]
    assert counts == [7200, 1, 1]


def test_records_that_break_rules_are_listed(metacat: Metacat, server: Serving) -> None:
    files = [
        {"namespace": "dune", "name": "a", "size": 1, "metadata": RUN},
        {"namespace": "dune", "name": "b", "size": 1, "metadata": RUN,
         "checksums": {"adler32": "123"}},
    ]  # fmt: skip
    path = _json(server.folder / "files.json", files)
    done = metacat("file", "declare", "-s", "1", "-c", "adler32:1", "dune:b", "dune:all", code=13)
    assert "checksums.adler32: expected 8 hexadecimal digits" in done.err
    metacat("file", "declare-many", path, "dune:all", code=FAILS)
    assert server.catalog.query("files from dune:all").summary().files == 0


def test_update_and_retire(metacat: Metacat, server: Serving) -> None:
    _declare(metacat, "raw1", "raw2")
    meta = _json(server.folder / "meta.json", {"dune.output_status": "confirmed"})
    metacat("file", "update", "-m", meta, "dune:raw1")
    record = server.catalog.file("dune:raw1")
    assert record is not None
    assert record.metadata == {**RUN, "dune.output_status": "confirmed"}
    metacat("file", "update", "-r", "-m", meta, "-k", "adler32:EFD92F00", "dune:raw1")
    record = server.catalog.file("dune:raw1")
    assert record is not None
    assert record.metadata == {"dune.output_status": "confirmed"}
    assert record.checksums == {"adler32": "efd92f00"}
    metacat("file", "update", "-p", "dune:raw1", "dune:raw2")
    child = server.catalog.file("dune:raw2")
    assert child is not None
    assert child.parents == (record.fid,)
    metacat("file", "retire", "dune:raw2")
    assert metacat("query", "files from dune:all").out.split() == ["dune:raw1"]
    assert "dune:raw2" in metacat("query", "-r", "files from dune:all").out
    metacat("file", "retire", "-u", "dune:raw2")
    assert "dune:raw2" in metacat("query", "files from dune:all").out


def test_queries(metacat: Metacat) -> None:
    _declare(metacat, "raw1", "raw2")
    text = "files from dune:all where core.runs[0] >= 1702 and core.data_stream = numib"
    assert sorted(metacat("query", text).out.split()) == ["dune:raw1", "dune:raw2"]
    listed = json.loads(metacat("query", "-j", "-m", "all", "-P", f"{text} ordered").out)
    assert [item["metadata"] for item in listed] == [RUN, RUN]
    assert "Files:        2" in metacat("query", "-s", text).out
    assert metacat("query", "--summary", "keys", text).out.split() == sorted(RUN)
    assert metacat("query", "-b", "1", text).out.count("dune:") == 2
    assert metacat("query", "-N", "dune", "files raw1").out.strip() == "dune:raw1"
    assert metacat("query", "datasets matching dune:*").out.strip() == "dune:all"
    wrong = metacat("query", "files from dune:all were size = 10", code=18)
    assert "MQLSyntaxError: " in wrong.out


def test_save_as_and_add_to(metacat: Metacat, server: Serving) -> None:
    _declare(metacat, "raw1", "raw2")
    metacat("query", "-S", "dune:one", "files dune:raw1")
    metacat("query", "-A", "dune:one", "-N", "dune", "files raw2  # the other one")
    assert [item.name for item in server.catalog.dataset_files("dune:one")] == ["raw1", "raw2"]
    metacat("query", "-S", "dune:bad", "files were", code=18)
    assert server.catalog.dataset("dune:bad") is None, "the text is read before a dataset is made"


def test_datasets(metacat: Metacat, server: Serving) -> None:
    _declare(metacat, "raw1", "raw2", "raw3")
    meta = ("-m", '{"dune.campaign": "run1"}')
    metacat("dataset", "create", "-q", "files dune:raw1", *meta, "dune:some", "some", "files")
    shown = json.loads(metacat("dataset", "show", "-j", "dune:some").out)
    assert (shown["file_count"], shown["description"]) == (1, "some files")
    assert shown["metadata"] == {"dune.campaign": "run1"}
    assert "Estimated file count:  1" in metacat("dataset", "show", "dune:some").out
    assert "Added 1 files" in metacat("dataset", "add-files", "-f", "dune:raw2", "dune:some").out
    query = ("-q", "files from dune:all")
    assert "Added 1 files" in metacat("dataset", "add-files", *query, "dune:some").out
    files = metacat("dataset", "files", "dune:some").out.split()
    assert files == ["dune:raw1", "dune:raw2", "dune:raw3"]
    metacat("dataset", "remove-files", "-f", "dune:raw3", "dune:some")
    assert len(json.loads(metacat("dataset", "files", "-j", "-m", "dune:some").out)) == 2
    assert metacat("dataset", "list", "dune:*").out.split() == ["dune:all", "dune:some"]
    metacat("dataset", "add-subset", "dune:all", "dune:some")
    assert server.catalog.dataset_counts("dune:all")["subset_count"] == 1
    assert "    3 dune:all" in metacat("dataset", "list", "-l", "-c", "dune:all").out
    metacat("dataset", "show", "dune:none", code=11)
    metacat("dataset", "remove", "dune:some")
    assert server.catalog.dataset("dune:some") is None


def test_frozen_and_monotonic(metacat: Metacat, server: Serving) -> None:
    _declare(metacat, "raw1", "raw2")
    metacat("dataset", "create", "-f", "monotonic", "-q", "files dune:raw1", "dune:some")
    metacat("dataset", "remove-files", "-f", "dune:raw1", "dune:some", code=FAILS)
    metacat("dataset", "update", "-f", "frozen", "dune:some")
    metacat("dataset", "add-files", "-f", "dune:raw2", "dune:some", code=FAILS)
    metacat("query", "-A", "dune:some", "files dune:raw2", code=17)
    path = _json(server.folder / "f.json", [{"namespace": "dune", "name": "raw9", "size": 1}])
    metacat("file", "declare-many", path, "dune:some", code=FAILS)
    assert [item.name for item in server.catalog.dataset_files("dune:some")] == ["raw1"]


def test_named_queries(metacat: Metacat) -> None:
    _declare(metacat, "raw1")
    text = "files from dune:all where core.runs[any] = 1702"
    metacat("named_query", "create", "dune:mine", text)
    assert metacat("named_query", "show", "dune:mine").out.strip() == text
    metacat("named_query", "create", "-u", "dune:mine", f"{text} ordered")
    listed = json.loads(metacat("named_query", "list", "-j", "-n", "dune").out)
    assert [item["source"] for item in listed] == [f"{text} ordered"]
    assert metacat("query", "query dune:mine limit 5").out.strip() == "dune:raw1"
    found = metacat("named_query", "search", "queries matching dune:m*").out
    assert found.strip() == "dune:mine"


def test_somebody_else_may_not_write(stranger: Metacat) -> None:
    metacat = stranger
    metacat.login("guest")
    done = metacat("file", "declare", "-s", "1", "dune:mine", "dune:all", code=17)
    assert "namespace dune: belongs to dunepro, not to guest" in done.err
    metacat("dataset", "create", "dune:mine", code=FAILS)


def test_ampersands_of_a_query_are_text(metacat: Metacat) -> None:
    """L28: the stock client copies the text unescaped behind its parameters."""
    _declare(metacat, "raw1")
    metacat("file", "retire", "dune:raw1")
    text = 'files from dune:all where core.data_stream != "a&include_retired_files=yes"'
    assert metacat("query", text).out.strip() == ""


def test_passwords_are_not_sent(metacat: Metacat, server: Serving) -> None:
    library = (server.folder / ".token_library").read_text()
    assert library.startswith(server.url)
    assert all(password not in library for password in PASSWORDS.values())
