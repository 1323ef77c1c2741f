from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from mx2prod.core.errors import ConfigError, OutputError
from mx2prod.core.workspace import FILE, Settings, Workspace, write_workspace


def load_text(folder: Path, text: str) -> Workspace:
    (folder / FILE).write_text(text)
    return Workspace.load(folder)


def test_the_file_that_init_writes_is_exactly_the_defaults(tmp_path: Path) -> None:
    path = write_workspace(tmp_path, "demo")
    assert path == tmp_path / FILE
    assert Workspace.load(tmp_path).settings == Settings()


def leaves(model: BaseModel) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()

    def walk(value: object, where: tuple[str, ...]) -> None:
        if isinstance(value, dict) and value:
            for key, below in value.items():
                walk(below, (*where, key))
        elif value != {}:
            found.add(where)

    walk(model.model_dump(), ())
    return found


def test_the_file_that_init_writes_names_every_key(tmp_path: Path) -> None:
    written = tomllib.loads(write_workspace(tmp_path, "demo").read_text())
    for where in leaves(Settings()):
        value = written
        for key in where:
            assert key in value, ".".join(where)
            value = value[key]


def test_a_workspace_is_not_written_over_another(tmp_path: Path) -> None:
    write_workspace(tmp_path, "one")
    with pytest.raises(OutputError, match="exists already"):
        write_workspace(tmp_path, "two")
    assert Workspace.load(tmp_path).settings.workspace.name == "one"


@pytest.mark.parametrize("name", ["", 'a"b', "a\\b", "a\nb", "\x00"])
def test_names_that_cannot_stand_in_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name"):
        write_workspace(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Mx2 Run 1", "µ", "{name}", "a'b"])
def test_names_come_back_as_given(tmp_path: Path, name: str) -> None:
    write_workspace(tmp_path, name)
    assert Workspace.load(tmp_path).settings.workspace.name == name


def test_nearest_file_upwards_is_found(tmp_path: Path) -> None:
    write_workspace(tmp_path, "outer")
    write_workspace(tmp_path / "a", "inner")
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    found = Workspace.find(tmp_path / "a" / "b" / "c")
    assert (found.root, found.settings.workspace.name) == (tmp_path / "a", "inner")
    assert Workspace.find(tmp_path).settings.workspace.name == "outer"


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    found = Workspace.find(tmp_path)
    assert (found.root, found.settings) == (tmp_path, Settings())


def test_a_missing_key_has_its_default(tmp_path: Path) -> None:
    settings = load_text(tmp_path, "[raw]\ntick_ns = 9.5\n").settings
    assert settings.raw.tick_ns == 9.5
    assert settings.raw.adc_pairing == "end"
    assert settings.catalog == Settings().catalog


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[raw]\nadc_pairng = 'end'\n", "unknown key 'raw.adc_pairng'; did you mean 'adc_pairing'"),
        ("[wrokspace]\n", "unknown key 'wrokspace'; did you mean 'workspace'"),
        (
            "[stores.scratch]\nkind = 'posix-scratch'\nroot = 'a'\nrote = 'b'\n",
            "unknown key 'stores.scratch.rote'; did you mean 'root'",
        ),
        ("[engine.slurmm]\n", "unknown key 'engine.slurmm'; did you mean 'slurm'"),
        ("[raw]\nadc_pairing = 'middle'\n", "raw.adc_pairing: Input should be 'end' or 'front'"),
        ("[raw]\ntick_ns = 0\n", "raw.tick_ns: Input should be greater than 0"),
        ("[stores.scratch]\nkind = 'tape'\nroot = 'a'\n", "stores.scratch.kind: Input should be"),
        ("[stores.scratch]\nroot = 'a'\n", "stores.scratch.kind: Field required"),
        ("[workspace]\nsimulated = 'perhaps'\n", "workspace.simulated: "),
        ("workspace = 3\n", "workspace: "),
        ("[raw\n", "not TOML: "),
    ],
)
def test_what_is_no_workspace(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    assert why in caught.value.message
    assert str(tmp_path / FILE) in caught.value.message


def test_every_unknown_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'catalog\.uri'.*; unknown key 'raw\.tick'"):
        load_text(tmp_path, "[catalog]\nuri = ''\n[raw]\ntick = 1\n")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        Workspace.load(tmp_path / "nowhere")
    assert caught.value.next_step == f"mx2 init {tmp_path / 'nowhere'}"
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        Workspace.load(tmp_path)


def test_an_engine_has_its_own_table(tmp_path: Path) -> None:
    text = "[engine]\ndefault = 'slurm'\n[engine.slurm]\npartition = 'long'\n"
    engine = load_text(tmp_path, text).settings.engine
    assert (engine.default, engine.slurm) == ("slurm", {"partition": "long"})
