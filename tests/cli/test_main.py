from __future__ import annotations

import json
import os
import pty
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod import __version__
from mx2prod.cli import main
from mx2prod.cli.frame import Frame, pass_frame, print_table
from mx2prod.cli.main import VERBS, hoist_global_options
from mx2prod.core.errors import LossesError, Mx2Error, OutputError
from mx2prod.core.workspace import FILE

Mx2 = Callable[..., Any]
MX2 = [sys.executable, "-m", "mx2prod"]
HELP_SECONDS = 0.3
GLOBAL = st.sampled_from(["--json", "--quiet", "--verbose", "--log=a", "--workspace=b"])
OTHER = st.sampled_from(["raw", "info", "file.dat", "--gate", "3", "-o", "out"])


def test_help_lists_every_verb(mx2: Mx2) -> None:
    call = mx2("--help")
    assert call.code == 0
    words = " ".join(call.out.split())
    for verb, text in VERBS.items():
        assert f" {verb} {text} " in words
    assert "130 interrupted" in words


def test_help_is_fast_and_loads_no_scientific_package() -> None:
    """Best of several: what the program needs, not what else the machine does."""
    code = (
        "import sys; from mx2prod.cli.main import run; run(['--help']);"
        "heavy = {'numpy', 'numba', 'uproot', 'awkward', 'rich', 'pydantic'};"
        "print(sorted(heavy & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([*MX2, "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    assert min(times) < HELP_SECONDS


def test_version(mx2: Mx2) -> None:
    call = mx2("--version")
    assert (call.code, call.out) == (0, f"mx2, version {__version__}\n")


def test_a_wrong_verb_names_the_nearest(mx2: Mx2) -> None:
    call = mx2("docter")
    assert (call.code, call.out) == (2, "")
    assert "no verb 'docter'; did you mean 'doctor'?" in call.err


@pytest.mark.parametrize(
    "words", [["doctor", "--no-such"], ["--workspace"], ["init", "a", "b"], ["--no-such", "init"]]
)
def test_bad_usage_is_2(mx2: Mx2, words: list[str]) -> None:
    call = mx2(*words)
    assert (call.code, call.out) == (2, "")
    assert "Error: " in call.err


def test_no_verb_prints_the_help(mx2: Mx2) -> None:
    call = mx2()
    assert call.code == 2
    assert "Commands:" in call.out + call.err


def test_a_missing_workspace_is_2_with_the_next_step(mx2: Mx2, tmp_path: Path) -> None:
    @click.command()
    @pass_frame
    def needs_workspace(frame: Frame) -> None:
        frame.say(frame.workspace.settings.workspace.name)

    with_command(needs_workspace)
    nowhere = tmp_path / "nowhere"
    call = mx2("probe", "--workspace", nowhere)
    assert (call.code, call.out) == (2, "")
    assert f"ERROR: {nowhere / FILE}: cannot be read" in call.err
    assert f"next: mx2 init {nowhere}" in call.err
    mx2("init", nowhere, "--name", "found")
    assert mx2("probe", "--workspace", nowhere).err == "found\n"


@pytest.fixture(autouse=True)
def _probe_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place for a verb of the test, beside the real ones."""
    monkeypatch.setitem(VERBS, "probe", "A verb of the tests.")
    real = main.LazyGroup.get_command

    def get(group: main.LazyGroup, ctx: click.Context, name: str) -> click.Command | None:
        return _PROBE[-1] if name == "probe" else real(group, ctx, name)

    monkeypatch.setattr(main.LazyGroup, "get_command", get)


_PROBE: list[click.Command] = []


def with_command(command: click.Command) -> None:
    _PROBE.append(command)


def raising(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Mx2Error("wrong"), 1),
        (OutputError("wrong"), 1),
        (LossesError("wrong"), 3),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.UsageError("wrong"), 2),
    ],
)
def test_exit_code_of_an_error(mx2: Mx2, error: BaseException, code: int) -> None:
    with_command(raising(error))
    call = mx2("probe")
    assert (call.code, call.out) == (code, "")
    assert "wrong" in call.err or "interrupted" in call.err


def test_a_bug_shows_its_traceback(mx2: Mx2) -> None:
    with_command(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        mx2("probe")


def test_an_error_under_json_is_one_document(mx2: Mx2) -> None:
    with_command(raising(LossesError("3 gates lost", next_step="mx2 raw salvage")))
    call = mx2("probe", "--json")
    assert call.code == 3
    assert call.document == {
        "error": {
            "type": "LossesError",
            "message": "3 gates lost",
            "next_step": "mx2 raw salvage",
            "exit_code": 3,
        }
    }


def test_what_a_verb_returns_is_the_exit_code(mx2: Mx2) -> None:
    for value in (0, 1, 3):
        with_command(click.Command("probe", callback=lambda value=value: value))
        assert mx2("probe").code == value


@given(st.lists(GLOBAL), st.lists(OTHER))
def test_global_options_stand_anywhere(options: list[str], words: list[str]) -> None:
    front, back = options + words, words + options
    assert hoist_global_options(front) == hoist_global_options(back) == options + words


def test_global_options_with_values_and_after_two_dashes() -> None:
    hoisted = hoist_global_options(["raw", "--log", "a.txt", "--", "--json", "--log"])
    assert hoisted == ["--log", "a.txt", "raw", "--", "--json", "--log"]
    assert hoist_global_options(["init", "--log"]) == ["--log", "init"]


@pytest.mark.parametrize("where", ["front", "back"])
def test_json_before_or_after_the_verb(mx2: Mx2, tmp_path: Path, where: str) -> None:
    words = ["init", str(tmp_path)]
    call = mx2("--json", *words) if where == "front" else mx2(*words, "--json")
    assert call.code == 0
    assert call.document["settings"] == str(tmp_path / FILE)
    assert call.err == ""


def test_log_file_keeps_what_the_screen_does_not_show(mx2: Mx2, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    with_command(raising(OutputError("disk is full")))
    call = mx2("probe", "--quiet", "--log", path)
    assert "ERROR mx2prod: disk is full" in path.read_text()
    assert "disk is full" in call.err


def test_levels_of_messages(mx2: Mx2) -> None:
    @click.command()
    @pass_frame
    def talk(frame: Frame) -> None:
        main.log.debug("a step")
        main.log.warning("a warning")
        frame.say("a message")

    with_command(talk)
    assert mx2("probe").err.splitlines() == ["WARNING: a warning", "a message"]
    assert mx2("probe", "--quiet").err == ""
    assert "DEBUG: a step" in mx2("probe", "--verbose").err


def test_a_log_file_that_cannot_be_opened(mx2: Mx2, tmp_path: Path) -> None:
    call = mx2("init", tmp_path / "new", "--log", tmp_path / "nowhere" / "log.txt")
    assert call.code == 1
    assert "log cannot be opened: No such file or directory" in call.err
    assert not (tmp_path / "new").exists()


def test_table_off_a_terminal_keeps_every_character(capsys: pytest.CaptureFixture[str]) -> None:
    long = "/a/path/" + "x" * 100
    print_table("Title", ["path", "gates", "gap"], [[long, 14, None], ["b", 3, 2]], empty="-")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "Title"
    assert any(long in line for line in lines)
    row = next(line for line in lines if long in line)
    assert row.split()[1:] == ["14", "-"]
    other = next(line for line in lines if line.split()[:1] == ["b"])
    assert other.index("3") == row.index("14") + 1, "numbers are aligned on the right"


def test_markup_in_a_cell_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("T", ["a"], [["[bold]not bold[/bold] :smile:"]], empty="-")
    assert "[bold]not bold[/bold] :smile:" in capsys.readouterr().out


def test_an_empty_table_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Title", ["a"], [], empty="no file yet; mx2 demo makes some")
    assert capsys.readouterr().out == "no file yet; mx2 demo makes some\n"


@pytest.mark.parametrize("frame", [Frame(json=True), Frame(quiet=True), Frame()])
def test_no_progress_bar_off_a_terminal(frame: Frame) -> None:
    with frame.progress() as bar:
        assert bar is None


def on_terminal(code: str) -> str:
    """What a program prints on a terminal of 80 columns."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=slave, stderr=slave, env=environment
    ) as child:
        os.close(slave)
        printed = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the terminal ends with its program
                break
            if not piece:
                break
            printed += piece
    os.close(master)
    assert child.returncode == 0, printed
    return printed.decode()


def test_progress_bar_on_a_terminal() -> None:
    printed = on_terminal(
        "from mx2prod.cli.frame import Frame\n"
        "with Frame().progress() as bar:\n"
        "    task = bar.add_task('decoding', total=2)\n"
        "    bar.update(task, completed=1)\n"
        "    bar.refresh()\n"
    )
    assert "decoding" in printed
    assert "50%" in printed


def test_closed_pipe_is_no_traceback() -> None:
    with subprocess.Popen(
        [*MX2, "doctor", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        messages = child.stderr.read().decode()
    assert "Traceback" not in messages
    assert child.returncode == 1


def test_interrupt_of_a_real_process_is_130() -> None:
    code = (
        "import sys, time, click\nfrom mx2prod.cli import main\n"
        "def wait():\n    print('waiting', flush=True)\n    time.sleep(60)\n"
        "main.VERBS['probe'] = ''\n"
        "main.LazyGroup.get_command = lambda *a: click.Command('probe', callback=wait)\n"
        "sys.exit(main.run(['probe']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGINT)
        _, messages = child.communicate(timeout=60)
    assert child.returncode == 130
    assert messages.strip() == "interrupted"


def test_module_is_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mx2", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("mx2prod", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"mx2, version {__version__}\n"


def test_installed_command_is_this_program() -> None:
    installed = Path(sys.executable).with_name("mx2")
    done = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"mx2, version {__version__}\n"


def test_standard_output_is_json_only_for_a_real_process(tmp_path: Path) -> None:
    done = subprocess.run(
        [*MX2, "--verbose", "init", tmp_path, "--json", "--dry-run"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["dry_run"] is True
    assert list(tmp_path.iterdir()) == []
