"""Is this installation healthy: the checks of ``mx2 doctor``, each tried for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib import import_module, metadata
from pathlib import Path

from mx2prod.core.errors import ConfigError, Mx2Error
from mx2prod.core.registry import load_stage, stage_names
from mx2prod.core.units import BYTES_PER_GB
from mx2prod.core.workspace import FILE, Workspace

PACKAGES = ("numpy", "numba", "uproot", "awkward")
FIRST_DATA_YEAR = 2023
"""Run 0 was taken in June 2023: an earlier clock would date outputs before their inputs."""

DISK_WARNING_BYTES = 10 * BYTES_PER_GB
"""A subrun is about 1.2 GB of raw data, and its digits are of that order."""
DISK_FAILED_BYTES = BYTES_PER_GB // 10

CLOCK_STEP_S = 0.05
CLOCK_WATCH_S = 0.1
FILE_CLOCK_LIMIT_S = 60.0

SERVICES = {
    "PostgreSQL": (("postgres", "psql"), "team stores"),
    "Slurm": (("sbatch", "squeue", "sacct"), "batch jobs"),
    "HTCondor": (("condor_submit", "condor_q"), "batch jobs"),
    "XRootD": (("xrdcp", "xrootd"), "remote files"),
    "Chromium": (("chromium",), "browser tests"),
    "PHP": (("php",), "wiki tests"),
    "git": (("git",), "development"),
}
"""Programs of each service, and what it is for (services page)."""

PROGRAM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
"""Where servers live that are not on a user's PATH; PostgreSQL has one folder a version."""


class State(StrEnum):
    """Outcome of a check; only ``failed`` makes ``mx2 doctor`` exit with 1."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True)
class Check:
    """One check: what was looked at, its state, and what was found."""

    name: str
    state: State
    detail: str


def check_all(root: Path | None) -> Iterator[Check]:
    """Run every check in turn.

    Parameters
    ----------
    root : Path or None
        Workspace folder; None for the nearest one upwards.
    """
    yield check_version()
    for package in PACKAGES:
        yield check_import(package)
    yield from check_stages()
    workspace, found = check_workspace(root)
    yield found
    yield check_folder("disk: workspace", workspace)
    yield check_folder("disk: temporary", Path(tempfile.gettempdir()))
    yield check_clock(datetime.now().astimezone(), clock_step())
    yield check_synchronisation()
    yield check_file_clock(workspace)
    yield check_kernel_cache(Path(__file__).parents[1])
    for service in SERVICES:
        yield check_service(service)


def check_version() -> Check:
    """Versions of mx2prod and of Python, and where they are."""
    import sys

    python = ".".join(str(part) for part in sys.version_info[:3])
    folder = Path(__file__).parents[1]
    return Check(
        "mx2prod", State.OK, f"{metadata.version('mx2prod')} on Python {python}, in {folder}"
    )


def check_import(package: str) -> Check:
    """Import a package that the program needs, and say its version."""
    try:
        import_module(package)
        return Check(package, State.OK, metadata.version(package))
    except (ImportError, OSError, AttributeError) as error:
        return Check(
            package, State.FAILED, f"cannot be imported: {error}; install from requirements.lock"
        )


def check_stages() -> Iterator[Check]:
    """Load every installed stage, also those of other packages."""
    for name in stage_names():
        try:
            stage = load_stage(name)
        except (Mx2Error, ImportError, AttributeError) as error:
            yield Check(f"stage {name}", State.FAILED, str(error))
        else:
            yield Check(f"stage {name}", State.OK, f"version {stage.version}")


def check_workspace(root: Path | None) -> tuple[Path, Check]:
    """Load the workspace; return its folder (the present one where there is none)."""
    try:
        workspace = Workspace.load(root) if root else Workspace.find()
    except ConfigError as error:
        return root or Path.cwd(), Check("workspace", State.FAILED, str(error))
    path = workspace.root / FILE
    if path.is_file():
        return workspace.root, Check("workspace", State.OK, f"{path} is valid")
    detail = f"no {FILE} from {workspace.root} upwards, defaults are used; mx2 init writes one"
    return workspace.root, Check("workspace", State.ABSENT, detail)


def check_folder(name: str, folder: Path) -> Check:
    """Write into a folder, and look at its free space."""
    try:
        with tempfile.TemporaryFile(dir=folder) as handle:
            handle.write(b"mx2")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name, State.FAILED, f"{folder}: cannot be written: {error.strerror or error}")
    return Check(name, disk_state(free), f"{folder}: {free / BYTES_PER_GB:.1f} GB free")


def disk_state(free: int) -> State:
    """Judge free space in bytes."""
    if free < DISK_FAILED_BYTES:
        return State.FAILED
    return State.WARNING if free < DISK_WARNING_BYTES else State.OK


def clock_step() -> float:
    """Seconds by which the system clock moved against the monotonic one while watched."""
    wall, steady = time.time(), time.monotonic()
    time.sleep(CLOCK_WATCH_S)
    return (time.time() - wall) - (time.monotonic() - steady)


def check_clock(local: datetime, step: float) -> Check:
    """Judge the system clock: the year, and whether it runs steadily.

    Parameters
    ----------
    local : datetime
        Present local time with its offset from UTC.
    step : float
        See :func:`clock_step`, in seconds.
    """
    name = "clock"
    if local.year < FIRST_DATA_YEAR:
        return Check(name, State.FAILED, f"{local.isoformat()} is before the first data; set it")
    if abs(step) > CLOCK_STEP_S:
        return Check(name, State.WARNING, f"jumped by {step:+.3f} s while watched")
    return Check(name, State.OK, local.isoformat(timespec="seconds"))


def check_synchronisation() -> Check:
    """Ask systemd whether the clock follows a time server; elsewhere this is not known."""
    name = "clock: time server"
    program = shutil.which("timedatectl")
    if program is None:
        return Check(name, State.ABSENT, "unknown: no timedatectl here")
    try:
        answer = subprocess.run(  # noqa: S603  # found on PATH, fixed arguments
            [program, "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, State.ABSENT, f"unknown: {error}")
    return synchronisation(answer.stdout.strip(), answer.stderr.strip())


def synchronisation(word: str, complaint: str) -> Check:
    """Judge the answer of ``timedatectl``: yes, no, or nothing outside systemd."""
    name = "clock: time server"
    if word == "yes":
        return Check(name, State.OK, "synchronised")
    if word == "no":
        return Check(name, State.WARNING, "not synchronised; stamps and records need right times")
    return Check(name, State.ABSENT, f"unknown: {' '.join(complaint.split()) or 'no answer'}")


def check_file_clock(folder: Path) -> Check:
    """Compare the clock of the file system, which may be another machine's, with ours."""
    name = "clock: file system"
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as handle:
            difference = Path(handle.name).stat().st_mtime - time.time()
    except OSError as error:
        return Check(name, State.WARNING, f"{folder}: cannot be tried: {error.strerror or error}")
    state = State.WARNING if abs(difference) > FILE_CLOCK_LIMIT_S else State.OK
    return Check(name, state, f"{folder}: {abs(difference):.1f} s from the system clock")


def check_kernel_cache(package: Path) -> Check:
    """Find the folder where Numba keeps compiled kernels, and write into it.

    Numba takes ``NUMBA_CACHE_DIR``, else the ``__pycache__`` beside the source, else the user's
    cache folder.

    Parameters
    ----------
    package : Path
        Folder of the installed package.
    """
    name = "kernel cache"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    candidates = [Path(chosen)] if chosen else [package / "__pycache__", home / "numba"]
    refusals = []
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return Check(name, State.OK, f"{folder}")
        except OSError as error:
            refusals.append(f"{folder}: {error.strerror or error}")
    detail = "; ".join(refusals)
    return Check(
        name, State.WARNING, f"kernels compile anew at every start ({detail}); set NUMBA_CACHE_DIR"
    )


def check_service(service: str) -> Check:
    """Look for the programs of a service of :data:`SERVICES`; absent ones are no fault."""
    programs, purpose = SERVICES[service]
    found = {program: find_program(program) for program in programs}
    present = [str(path) for path in found.values() if path]
    lacking = [program for program, path in found.items() if not path]
    if not present:
        return Check(service, State.ABSENT, f"not found ({purpose}): {', '.join(lacking)}")
    text = ", ".join(present) + (f"; not found: {', '.join(lacking)}" if lacking else "")
    return Check(service, State.OK, text)


def find_program(program: str) -> Path | None:
    """Path of a program, on PATH or where Debian keeps servers."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders = os.pathsep.join(
        [os.environ.get("PATH", ""), *PROGRAM_FOLDERS, *map(str, newest_first)]
    )
    found = shutil.which(program, path=folders)
    return Path(found) if found else None
