"""Refuse a Python that is too old or has no venv, in words that say what to do.

Runs on any Python 3, before the environment exists.
"""

import sys

NEEDED = (3, 11)


def complaint(version: "tuple[int, ...]", can_make_venv: bool) -> str:
    """Say what is wrong with an interpreter, or an empty string."""
    found = ".".join(str(part) for part in version[:3])
    if tuple(version[:2]) < NEEDED:
        return (
            "mx2prod needs Python >= 3.11, but " + sys.executable + " is " + found + ".\n"
            "Name another one: make PYTHON=python3.11 setup"
        )
    if not can_make_venv:
        return (
            sys.executable + " cannot make virtual environments (no venv or ensurepip module).\n"
            "On Debian and Ubuntu: apt-get install python3-venv"
        )
    return ""


def has_venv() -> bool:
    """Tell whether the interpreter can make a virtual environment with pip in it."""
    try:
        import ensurepip
        import venv
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    problem = complaint(sys.version_info[:3], has_venv())
    if problem:
        sys.exit(problem)
