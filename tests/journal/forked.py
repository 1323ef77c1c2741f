"""Work in a forked process."""

from __future__ import annotations

import os
import warnings


def fork() -> int:
    """``os.fork``; from Python 3.12 on, it warns in a process with threads, as pytest-xdist is.

    The child only does its work and ends with ``os._exit``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
