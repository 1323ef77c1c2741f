from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mx2prod.core.errors import InputFileError, OutputError
from mx2prod.core.files import adler32_of, atomic_path, require_regular_file, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def python(code: str, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_writes_the_whole_text_and_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "new" / "folder" / "a.json"
    write_text(final, "µ\n")
    assert final.read_text(encoding="utf-8") == "µ\n"
    assert names(final.parent) == ["a.json"]
    assert final.stat().st_mode & 0o777 == 0o644


def test_never_overwrites_unless_told(tmp_path: Path) -> None:
    final = tmp_path / "a.txt"
    write_text(final, "first")
    with pytest.raises(OutputError, match="exists already"):
        write_text(final, "second")
    assert final.read_text() == "first"
    write_text(final, "second", overwrite=True)
    assert final.read_text() == "second"
    assert names(tmp_path) == ["a.txt"]


def test_a_dangling_link_counts_as_taken(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="exists already"):
        write_text(tmp_path / "a.txt", "text")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_name_taken_while_writing_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, hard_links: bool
) -> None:
    """Two jobs with one output: the first to finish wins, the other is told."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not hard_links:
        monkeypatch.setattr(os, "link", refuse)
    final = tmp_path / "a.txt"

    def second() -> None:
        with atomic_path(final) as temporary:
            temporary.write_text("second")
            final.write_text("first")

    with pytest.raises(OutputError, match="exists already"):
        second()
    assert final.read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(tmp_path) == []


def test_a_refused_file_does_not_appear(tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise InputFileError(f"{path.read_text()} is not good enough")

    def write() -> None:
        with atomic_path(tmp_path / "a.txt", verify=refuse) as temporary:
            temporary.write_text("half")

    with pytest.raises(InputFileError, match="half is not good enough"):
        write()
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written: Not a directory") as caught:
        write_text(tmp_path / "file" / "below" / "a.txt", "text")
    assert caught.value.next_step.startswith("df -h ")


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    final = tmp_path / ("a" * 251 + ".txt")
    write_text(final, "text")
    assert names(tmp_path) == [final.name]


def test_a_device_that_is_full(tmp_path: Path) -> None:
    def write() -> None:
        with atomic_path(tmp_path / "a.txt"), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"text")

    with pytest.raises(OutputError, match="No space left on device"):
        write()
    assert names(tmp_path) == []


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The system's limit on file sizes stops the writing in the middle."""
    child = python(
        """
        import resource, signal, sys
        from pathlib import Path
        from mx2prod.core.errors import OutputError
        from mx2prod.core.files import write_text
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            write_text(Path(sys.argv[1]), "x" * 100_000)
        except OutputError as error:
            print(error)
        """,
        str(tmp_path / "a.txt"),
    )
    out, err = child.communicate(timeout=60)
    assert "a.txt: cannot be written: File too large" in out, err
    assert names(tmp_path) == []


@pytest.mark.services("full-disk")
def test_a_full_disk(tmp_path: Path) -> None:
    """A real file system of 64 kB: the error names file and cause, and nothing is left behind."""
    code = """
        import os, subprocess, sys
        from pathlib import Path
        from mx2prod.core.errors import OutputError
        from mx2prod.core.files import write_text
        disk = Path(sys.argv[1])
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
        write_text(disk / "small.txt", "fits")
        try:
            write_text(disk / "large.txt", "x" * 1_000_000)
        except OutputError as error:
            print(error, "|", error.next_step)
        print(os.listdir(disk))
    """
    child = python(
        code,
        str(tmp_path),
        prefix=("unshare", "--map-root-user", "--mount", "--propagation=private"),
    )
    out, err = child.communicate(timeout=60)
    assert "large.txt: cannot be written: No space left on device" in out, err
    assert f"df -h {tmp_path}" in out
    assert "['small.txt']" in out
    assert names(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_writer_leaves_nothing_under_the_final_name(
    tmp_path: Path, how: signal.Signals
) -> None:
    child = python(
        """
        import sys, time
        from pathlib import Path
        from mx2prod.core.files import atomic_path
        with atomic_path(Path(sys.argv[1])) as temporary:
            temporary.write_text("half")
            print("writing", flush=True)
            time.sleep(60)
        """,
        str(tmp_path / "a.txt"),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    child.send_signal(how)
    child.communicate(timeout=60)
    assert child.returncode == -how
    assert "a.txt" not in names(tmp_path)
    write_text(tmp_path / "a.txt", "whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_many_writers_of_one_name_have_one_winner(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from mx2prod.core.errors import OutputError
        from mx2prod.core.files import atomic_path
        try:
            with atomic_path(Path(sys.argv[1])) as temporary:
                temporary.write_text(sys.argv[2])
                print("ready", flush=True)
                sys.stdin.readline()
        except OutputError:
            sys.exit(1)
    """
    children = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "a.txt"), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.communicate("go\n", timeout=60)
    winners = [number for number, child in enumerate(children) if child.returncode == 0]
    assert [str(number) for number in winners] == [(tmp_path / "a.txt").read_text()]
    assert names(tmp_path) == ["a.txt"]


def test_regular_file_gives_its_status(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert require_regular_file(path).st_size == 5


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for path, why in (
        (tmp_path, "a directory"),
        (tmp_path / "fifo", "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
        (tmp_path / "missing", "No such file"),
        (tmp_path / "dangling", "No such file"),
        (tmp_path / ("n" * 300), "File name too long"),
    ):
        with pytest.raises(InputFileError, match=why) as caught:
            require_regular_file(path)
        assert caught.value.next_step.startswith("ls -l ")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_file_without_permission(open_folder: Path) -> None:
    """Asked as an ordinary user, since root may read everything."""
    path = open_folder / "a"
    path.write_text("secret")
    path.chmod(0)
    child = python(
        """
        import os, sys
        from pathlib import Path
        from mx2prod.core.errors import InputFileError
        from mx2prod.core.files import adler32_of, require_regular_file
        if os.geteuid() == 0:
            os.setuid(65534)
        for ask in (require_regular_file, adler32_of):
            try:
                ask(Path(sys.argv[1]))
            except InputFileError as error:
                print(error)
        """,
        str(path),
    )
    out, err = child.communicate(timeout=60)
    assert out.splitlines() == [
        f"{path}: permission denied",
        f"{path}: cannot be read: Permission denied",
    ], err


@given(st.binary(max_size=2000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_adler32_is_that_of_zlib(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert adler32_of(path) == f"{zlib.adler32(content):08x}"


def test_adler32_over_more_than_one_piece(tmp_path: Path) -> None:
    content = bytes(range(256)) * 70_000
    (tmp_path / "a").write_bytes(content)
    assert adler32_of(tmp_path / "a") == f"{zlib.adler32(content):08x}"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_a_file_system_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Some mounts of mass storage refuse links; no such file system can be made here."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    final = tmp_path / "a.txt"
    write_text(final, "first")
    with pytest.raises(OutputError, match="exists already"), atomic_path(final) as temporary:
        temporary.write_text("second")
    assert final.read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


def test_another_error_of_the_link_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OutputError, match="quota exceeded"):
        write_text(tmp_path / "a.txt", "text")
    assert names(tmp_path) == []
