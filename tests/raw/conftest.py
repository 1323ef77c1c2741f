"""Raw samples and small helpers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mx2prod.raw.info import RawInfo


def data_file(folder: Path) -> Path:
    """The raw file of a sample folder."""
    return next(folder.glob("*.dat"))


@pytest.fixture(scope="session")
def raw_path(samples: dict[str, Path]) -> Callable[[str], Path]:
    """Path of the raw file of a sample."""
    return lambda name: data_file(samples[name])


@pytest.fixture(scope="session")
def truth_of(samples: dict[str, Path]) -> Callable[[str], dict[str, Any]]:
    """Truth of a sample."""

    def read(name: str) -> dict[str, Any]:
        plain = samples[name] / "truth.json"
        text = (
            plain.read_bytes()
            if plain.exists()
            else gzip.decompress((samples[name] / "truth.json.gz").read_bytes())
        )
        truth: dict[str, Any] = json.loads(text)
        return truth

    return read


def kinds(info: RawInfo, *severities: str) -> set[str]:
    """Kinds of the findings of these severities."""
    return {str(fault.kind) for fault in info.faults if fault.severity in severities}
