"""The DAQ's JSON: the samples' own, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mx2prod.core.ids import FileName
from mx2prod.simulation.sidecar import SidecarContent, sidecar_text, wrapped_number


@pytest.mark.parametrize("prefix", ["p01", "p02", "p04", "p10", "p11"])
def test_the_json_of_a_sample_is_reproduced(prefix: str, samples: dict[str, Path]) -> None:
    folder = next(path for name, path in samples.items() if name.startswith(prefix))
    text = next(folder.glob("*.dat.json")).read_text()
    document = json.loads(text)
    metadata = document["metadata"]
    content = SidecarContent(
        name=FileName.parse(document["name"]),
        size=document["size"],
        adler32=document["checksums"]["adler32"],
        gates=metadata["core.event_count"],
        first_global_gate=metadata["core.first_event_number"],
        last_global_gate=metadata["core.last_event_number"],
        start_us=metadata["core.start_time"] * 1_000_000,
        end_us=metadata["core.end_time"] * 1_000_000 + 999_999,
    )
    assert sidecar_text(content) == text


@pytest.mark.parametrize(
    ("run", "subrun", "number"),
    [
        (1797, 3, 179700003),
        (21474, 83647, 2**31 - 1),
        (21475, 1, 2**64 - 2**32 + 2147500001),
        (42949, 9999, 10000 + 4294900000 - 1 - 2**32 + 2**64),
        (50017, 17, 706732721),
    ],
)
def test_the_run_number_wraps_as_in_the_daq(run: int, subrun: int, number: int) -> None:
    assert wrapped_number(run, subrun) == number
