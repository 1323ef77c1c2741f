"""The spec: defaults, what it refuses, what its hash stands for; the choice of boards."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from mx2prod.cli.simulate import example_text
from mx2prod.core.errors import ConfigError
from mx2prod.core.yaml_file import load_yaml
from mx2prod.detector import HardwareMap
from mx2prod.raw.layout import RunHeader
from mx2prod.simulation.boards import run_header, selected_boards
from mx2prod.simulation.spec import Spec
from tests.simulation.making import file_of, spec_of


def test_the_example_is_a_spec_and_explains_itself(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(example_text())
    spec = load_yaml(path, Spec)
    assert {file.stream for file in spec.files} == {"pdstl", "linjc", "numib"}
    assert set(yaml.safe_load(example_text())) >= {"seed", "files", "beam", "faults", "truth"}
    assert example_text().count("#") >= 10


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("seed: 1\nfiles: []\n", "files: List should have at least 1 item"),
        ("seed: 1\nfile: []\n", "unknown key 'file'; did you mean 'files'"),
        ("files: [{stream: numib}]\n", r"seed: Field required.*files\.0\.run: Field required"),
        ("seed: -1\n", "seed: Input should be greater than or equal to 0"),
        ("seed: 1\nseed: 2\n", "key 'seed' stands twice"),
        (
            "seed: 1\nfiles: [{stream: numic, run: 1, subrun: 1, gates: 1, start: 2024-07-10}]\n",
            "files.0.stream: Input should be 'pdstl'",
        ),
        (
            "seed: 1\nfiles: [{stream: numib, run: 1, subrun: 10000, gates: 1, begin: 2024-07-10}]",
            r"subrun: Input should be less than or equal to 9999.*"
            r"unknown key 'files\.0\.begin'",
        ),
        ("seed: 1\nbeam: {pot_per_spil: 1}\n", "did you mean 'pot_per_spill'"),
        ("seed: 1\nfaults: [{kind: dead_pixel, adress: 0-1-0-1-3}]", "did you mean 'address'"),
        ("seed: 1\nmiscalibrate: {gain: [{siz: 2}]}", "did you mean 'size'"),
        ("seed: 1\nresponse: {birks: -1}\n", "response.birks: Input should be greater"),
        ("seed: 1\ntruth: none\n", "truth: Input should be 'light', 'full' or 'raw'"),
    ],
)
def test_what_is_refused_is_named(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=why) as caught:
        load_yaml(path, Spec)
    assert str(path) in caught.value.message


def test_a_start_without_zone_is_utc(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    entry = "{stream: numib, run: 1, subrun: 1, gates: 1, start: 2024-07-10T09:46:00%s}"
    for zone in ("", "Z", "+00:00"):
        path.write_text(f"seed: 1\nfiles: [{entry % zone}]\n")
        start = load_yaml(path, Spec).files[0].start
        assert start == datetime(2024, 7, 10, 9, 46, tzinfo=UTC)


def test_global_gates_run_on_from_file_to_file() -> None:
    spec = spec_of(
        file_of(subrun=1, gates=10),
        file_of(subrun=2, gates=5, first_global_gate=1000),
        file_of(subrun=3),
    )
    assert [file.first_global_gate for file in spec.files] == [1, 1000, 1005]


def test_a_subrun_stands_once() -> None:
    with pytest.raises(ValidationError, match="a run and subrun stand twice"):
        spec_of(file_of(), file_of())


def test_the_hash_is_of_all_values() -> None:
    spec = spec_of()
    assert spec.sha256 == spec_of().sha256
    assert spec.sha256 != spec_of(seed=8).sha256
    assert spec.sha256 != spec_of(adc_pairing="front").sha256
    assert spec.sha256 == spec_of(adc_pairing="end").sha256, "a default that is said is the same"


@pytest.mark.parametrize(
    ("febs", "expected"),
    [
        (["0-1-0"], [(0, 1, 0, n) for n in range(1, 11)]),
        (["0-2-0-2", "0-1-3-1", "0-2-0-1"], [(0, 1, 3, 1), (0, 2, 0, 1), (0, 2, 0, 2)]),
    ],
)
def test_boards_are_selected_in_the_order_of_the_map(
    febs: list[str], expected: list[tuple[int, ...]]
) -> None:
    assert selected_boards(HardwareMap.load(), febs).tolist() == expected


@pytest.mark.parametrize(
    ("febs", "why"),
    [
        (["0-1-4"], "no chain or board '0-1-4'; did you mean '"),
        (["0-1-0-2"], "board 0-1-0-2 without 0-1-0-1"),
        (["0-1-0-1", "0-1-0-3"], "board 0-1-0-3 without 0-1-0-2"),
        ([], "no board is selected"),
    ],
)
def test_boards_that_no_run_header_can_list(febs: list[str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        selected_boards(HardwareMap.load(), febs)


def test_run_header() -> None:
    hardware = HardwareMap.load()
    assert run_header(selected_boards(hardware, "all")) == RunHeader.nominal()
    some = run_header(selected_boards(hardware, ["0-1-0-1", "0-1-0-2", "0-6-2"]))
    assert [(c.croc, c.channel, c.febs) for c in some.chains] == [(1, 0, 2), (6, 2, 5)]
