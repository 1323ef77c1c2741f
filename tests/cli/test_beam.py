"""``mx2 beam`` on simulated files: import, protons of gates, files and dataset, offsets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from mx2prod.simulation import SimulatedFile, simulate
from tests.calls import Call
from tests.simulation.making import START, file_of, spec_of


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[SimulatedFile]:
    later = START + timedelta(minutes=5)
    spec = spec_of(
        file_of(gates=12), file_of("numip", gates=9, subrun=23, start=later), febs=["0-1-0-1"]
    )
    return simulate(spec, tmp_path_factory.mktemp("run"))


@pytest.fixture
def table(mx2: Callable[..., Call], files: list[SimulatedFile], tmp_path: Path) -> Path:
    done = mx2("beam", "import", *(f.beam for f in files), "-o", tmp_path, "--name", "run")
    assert done.code == 0
    assert "spills from 2024-07-10T09:46" in done.out
    return tmp_path / "run.beam.parquet"


def true_protons(file: SimulatedFile) -> np.ndarray:
    truth = pq.read_table(file.truth / "truth_gates.parquet")
    return truth["pot"].to_numpy()[truth["trigger_type"].to_numpy() == 16]


def test_protons_of_files_and_dataset(
    mx2: Callable[..., Call], files: list[SimulatedFile], table: Path
) -> None:
    paths = [file.path for file in files]
    done = mx2("--json", "beam", "table", *paths, "--beam", table, "--per-gate")
    assert done.code == 0
    document = done.document
    for file, found in zip(files, document["files"], strict=True):
        truth = true_protons(file)
        assert found["beam_gates"] == found["known_gates"] == len(truth)
        assert found["state"] == "known"
        assert found["protons"] == pytest.approx(truth.sum(), rel=0.01)
        np.testing.assert_allclose([g["protons"] for g in found["gates"]], truth, rtol=0.02)
    assert document["total"]["beam_gates"] == 12 + 5
    people = mx2("beam", "table", *paths, "--beam", table)
    assert "total" in people.out
    assert "known" in people.out
    gates = mx2("beam", "table", paths[1], "--beam", table, "--per-gate")
    assert gates.out.count("matched") == 5


def test_digits_give_the_same_gates_as_the_raw_file(
    mx2: Callable[..., Call], files: list[SimulatedFile], table: Path, tmp_path: Path
) -> None:
    done = mx2("process", files[0].path, "--to", "raw-digits", "-o", tmp_path / "digits")
    assert done.code == 0
    digits = next((tmp_path / "digits").glob("*.root"))
    words = ["--beam", table, "--per-gate"]
    one, other = (
        mx2("--json", "beam", "table", path, *words).document["files"][0]["gates"]
        for path in (digits, files[0].path)
    )
    assert one == other


def test_gates_without_a_spill_are_listed_and_unknown(
    mx2: Callable[..., Call], files: list[SimulatedFile], tmp_path: Path
) -> None:
    beam = files[0].beam
    assert beam is not None
    lines = beam.read_text().splitlines()
    per_spill = 13
    export = tmp_path / "export.csv"
    holes = [*lines[: 1 + 3 * per_spill], *lines[1 + 4 * per_spill :]]
    holes = [
        line for line in holes if not ("E:T" in line and line in lines[1 + 6 * 13 : 1 + 7 * 13])
    ]
    export.write_text("\n".join(holes) + "\n")
    done = mx2(
        "--json", "beam", "import", export, "-o", tmp_path, "--gates", files[0].path, "--gates",
        files[1].path,
    )  # fmt: skip
    assert done.code == 3
    first, second = done.document["files"]
    assert [(row["gate"], row["outcome"]) for row in first["misses"]] == [
        (4, "no_spill"), (7, "no_reading")
    ]  # fmt: skip
    assert first["state"] == "partly"
    assert first["protons"] == pytest.approx(
        true_protons(files[0])[[0, 1, 2, 4, 5, *range(7, 12)]].sum(), rel=0.01
    )
    assert second["protons"] is None
    assert second["state"] == "unknown"
    assert second["outcomes"]["no_source"] == 5
    people = mx2("beam", "table", files[1].path, "--beam", tmp_path / "export.beam.parquet")
    assert people.code == 3
    assert "unknown" in people.out
    assert "no_source" in people.out


def test_offsets(
    mx2: Callable[..., Call], files: list[SimulatedFile], table: Path, tmp_path: Path
) -> None:
    words = ["beam", "offsets", *(f.path for f in files), "--beam", table]
    plot = tmp_path / "offsets.png"
    done = mx2("--json", *words, "--plot", plot)
    assert done.code == 0
    offsets = {(item["run"], item["clock"]): item for item in done.document["offsets"]}
    assert offsets[50017, "gps"]["gates"] == 12
    assert 4 < offsets[50017, "gps"]["quantiles_ms"]["0.5"] < 20, "the readout"
    assert abs(offsets[1797, "accelerator"]["mean_ms"]) < 150
    assert plot.read_bytes().startswith(b"\x89PNG")
    people = mx2(*words)
    assert "offsets of the clocks" in people.out
    assert mx2(*words, "--plot", plot).code == 1
    assert mx2(*words, "--plot", tmp_path / "a.gif").code == 2


def test_clock_without_a_source_is_unknown(
    mx2: Callable[..., Call], files: list[SimulatedFile], tmp_path: Path
) -> None:
    beam = files[0].beam
    assert beam is not None
    export = tmp_path / "export.csv"
    export.write_text("\n".join(x for x in beam.read_text().splitlines() if "GPS" not in x) + "\n")
    assert mx2("beam", "import", export, "-o", tmp_path).code == 0
    words = ["beam", "offsets", files[0].path, "--beam", tmp_path / "export.beam.parquet"]
    done = mx2(*words, "--plot", tmp_path / "o.svg")
    assert "unknown" in done.out
    assert (tmp_path / "o.svg").stat().st_size > 1000
    narrow = mx2("--json", *words, "--window", "0.001").document["offsets"][0]
    assert narrow["gates"] < 12


def test_dry_run_and_configuration(
    mx2: Callable[..., Call], files: list[SimulatedFile], tmp_path: Path
) -> None:
    config = tmp_path / "beam.yaml"
    config.write_text("protons: [E:TOR101]\n")
    out = tmp_path / "out"
    done = mx2("beam", "import", files[0].beam, "-o", out, "--config", config, "--dry-run")
    assert done.code == 0
    assert "not used: E:TORTGT, E:TR101D, E:TRTGTD" in done.out
    assert "would write" in done.out
    assert not out.exists()
    config.write_text("proton: [E:TOR101]\n")
    wrong = mx2("beam", "import", files[0].beam, "-o", out, "--config", config)
    assert wrong.code == 2
    assert "did you mean 'protons'" in wrong.err
