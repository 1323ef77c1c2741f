"""Which program made an output: versions, and the state of its source tree."""

from __future__ import annotations

import platform
import shutil
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import mx2prod

PACKAGES = ("numpy", "numba", "awkward", "uproot")
"""Packages that can change the content of an output."""


@cache
def software() -> dict[str, Any]:
    """Name, version and git state of mx2prod, versions of Python and of the packages it stands on.

    ``git`` is None for an installation that is not a working copy.
    """
    return {
        "name": "mx2prod",
        "version": metadata.version("mx2prod"),
        "git": git_state(Path(mx2prod.__file__).parents[2]),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def git_state(root: Path) -> dict[str, Any] | None:
    """Commit of a working copy and whether its tracked files are changed.

    Parameters
    ----------
    root : Path
        Folder that holds ``.git``.

    Returns
    -------
    dict or None
        ``commit`` (40 hexadecimal digits) and ``dirty``; None if the folder is no working copy,
        there is no git, or there is no commit yet.
    """
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    commit = _git(git, root, "rev-parse", "HEAD")
    changes = _git(git, root, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return None
    return {"commit": commit, "dirty": bool(changes)}


def _git(git: str, root: Path, *arguments: str) -> str | None:
    call = [git, "--no-optional-locks", "-C", str(root), *arguments]
    done = subprocess.run(call, capture_output=True, text=True, check=False)  # noqa: S603  # git
    return done.stdout.strip() if done.returncode == 0 else None
