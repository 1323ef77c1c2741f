"""Compile all kernels once, so that no job and no test waits for it (rulings, section 6)."""

from __future__ import annotations

import os
import pkgutil
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context

import mx2prod

SUFFIX = "_kernels"


@dataclass(frozen=True)
class Warmed:
    """A module whose kernels are compiled and kept.

    Attributes
    ----------
    module : str
    seconds : float
        Near zero where the kernels were there already.
    """

    module: str
    seconds: float


def kernel_modules() -> list[str]:
    """Names of all modules with kernels, last room of the data flow first.

    Kernels of later rooms take longest, and workers that begin with them end together.
    """
    found = (info.name for info in pkgutil.walk_packages(mx2prod.__path__, "mx2prod."))
    return sorted((name for name in found if name.endswith(SUFFIX)), key=_place, reverse=True)


def warm(jobs: int | None = None) -> Iterator[Warmed]:
    """Compile the kernels of every module in worker processes; yield each as it is done.

    Kernels have explicit signatures, and are compiled and kept when their module is imported.

    Parameters
    ----------
    jobs : int, optional
        Worker processes; one a core if not given.
    """
    with ProcessPoolExecutor(jobs or os.cpu_count(), get_context("spawn")) as pool:
        started = [pool.submit(_compile, name) for name in kernel_modules()]
        for done in as_completed(started):
            yield done.result()


def _place(name: str) -> tuple[int, str]:
    rooms = ("raw", "detector", "simulation", "calibration", "digits", "reconstruction")
    room = name.split(".")[1]
    return (rooms.index(room) if room in rooms else -1, name)


def _compile(name: str) -> Warmed:
    start = time.perf_counter()
    import_module(name)
    return Warmed(name, time.perf_counter() - start)
