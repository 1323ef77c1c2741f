"""preproduction.yaml: defaults, unknown keys, bounds, expected boards, deviations."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from mx2prod.calibration.boards import board_names
from mx2prod.calibration.config import Preproduction, load_preproduction
from mx2prod.core.errors import ConfigError, InputFileError
from mx2prod.detector.hardware import HardwareMap


def written(folder: Path, text: str) -> Path:
    path = folder / "preproduction.yaml"
    path.write_text(text)
    return path


def leaves(model: type[BaseModel], prefix: str = "") -> dict[str, str | None]:
    """Description of every value, by dotted key."""
    found: dict[str, str | None] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= leaves(field.annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = field.description
    return found


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load_preproduction(written(tmp_path, ""))
    assert settings == Preproduction()
    assert settings.deviations() == []


def test_values_are_read_and_deviations_named(tmp_path: Path) -> None:
    text = "boards: [0-1-0]\npedestal_verdict: {min_gates: 300}\nexport: {missing: nominal}\n"
    settings = load_preproduction(written(tmp_path, text))
    assert settings.pedestal_verdict.min_gates == 300
    assert settings.deviations() == ["pedestal_verdict.min_gates", "export.missing", "boards"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "pedestal_verdict: {min_gate: 3}",
            r"unknown key 'pedestal_verdict.min_gate'; .*min_gates",
        ),
        ("pedestals: {}", "unknown key 'pedestals'; did you mean 'pedestal'"),
        ("pedestal: {window_bins: 1}", "pedestal.window_bins: .*greater than or equal to 2"),
        ("pedestal_verdict: {min_gates: 50}", "too_few_gates 100 is above min_gates 50"),
        ("pedestal_verdict: {drift_adc: .nan}", "drift_adc"),
        ("boards: some", "boards"),
        ("boards: ['0-1']", "should match pattern"),
        ("- 1", "list found, expected keys and values"),
        ("a: [", "not YAML"),
        ("boards: all\nboards: all", "key 'boards' stands twice, first in line 1"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=f"^{path}: .*{message}"):
        load_preproduction(path)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="No such file"):
        load_preproduction(tmp_path / "missing.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"boards: \xff")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_preproduction(path)


def test_expected_boards(hardware: HardwareMap) -> None:
    assert Preproduction().expected_boards(hardware).all()
    names = board_names(hardware)
    for boards, expected in (
        (("0-1-0",), {name for name in names if name.startswith("0-1-0-")}),
        (("0-1-0-3", "0-2-1"), {"0-1-0-3"} | {name for name in names if name[:6] == "0-2-1-"}),
    ):
        found = Preproduction(boards=boards).expected_boards(hardware)
        assert {name for name, chosen in zip(names, found, strict=True) if chosen} == expected
    with pytest.raises(ConfigError, match=r"boards: 0-1-0-30 is no chain or board of hardware"):
        Preproduction(boards=("0-1-0-30",)).expected_boards(hardware)


def test_every_value_says_what_it_is_and_pedestals_their_source() -> None:
    for key, description in leaves(Preproduction).items():
        assert description, key
        if key.startswith("pedestal"):
            words = ("section", "decision", "proposal")
            assert any(word in description for word in words), f"{key}: {description}"
