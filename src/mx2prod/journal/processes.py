"""Which process holds something, and whether it still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_START_TIME = 19
"""Field of ``/proc/<pid>/stat`` after the name of the program: start time in clock ticks."""


def this_process() -> str:
    """``host/pid/start``: names this process for ever, because a pid alone is used again."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start_of(os.getpid())}"


def is_gone(holder: str) -> bool | None:
    """Tell whether the process of :func:`this_process` has ended; None if that cannot be known.

    Only processes of this machine can be looked at.
    """
    host, _, rest = holder.partition("/")
    pid, _, start = rest.partition("/")
    if host != socket.gethostname() or not pid.isdigit() or not Path("/proc/self").exists():
        return None
    return _start_of(int(pid)) != start


def _start_of(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[_START_TIME]
