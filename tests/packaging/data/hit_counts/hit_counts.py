"""A stage of another package: counts the bytes of its inputs above a minimum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

name = "hit-counts"
version = "1"
consumes = "raw-digits"
produces = "hit-counts"


class Config(BaseModel):
    """Settings of the stage."""

    model_config = ConfigDict(extra="forbid")
    minimum: int = 0


def run(inputs: Mapping[str, Path], config: Config, constants: Any) -> dict[str, int]:
    """Count the bytes of each input that are not below the minimum."""
    return {
        key: sum(byte >= config.minimum for byte in path.read_bytes())
        for key, path in inputs.items()
    }
