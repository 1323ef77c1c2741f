"""The workspace: a folder with one ``mx2.toml`` that says where everything is."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mx2prod.core.errors import ConfigError
from mx2prod.core.files import refuse_existing, write_text
from mx2prod.core.ids import NAMESPACE, SUFFIX_BY_TIER
from mx2prod.core.suggest import nearest
from mx2prod.core.units import TICK_NS

FILE = "mx2.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorkspaceSection(_Section):
    """``[workspace]``: name, namespaces, and whether anything here is real."""

    name: str = "demo"
    simulated: bool = True
    namespace: str = NAMESPACE
    dataset_namespace: str = "twalton"
    trust_root: str = ""


class CatalogSection(_Section):
    """``[catalog]``: the file catalogue."""

    url: str = "sqlite:///catalog.db"
    dataset: str = "dune:all"
    creator: str = "dunepro"


class ConditionsSection(_Section):
    """``[conditions]``: the two databases of constants."""

    development: str = "sqlite:///conditions-dev.db"
    production: str = "sqlite:///conditions-prod.db"


class UrlSection(_Section):
    """``[production]`` and ``[placement]``: one database each."""

    url: str


class StoreSection(_Section):
    """``[stores.<name>]``: a place for files."""

    kind: Literal[
        "posix-scratch",
        "posix-persistent",
        "posix-tape",
        "posix-replica",
        "xrootd",
        "webdav",
        "rucio",
    ]
    root: str


class EngineSection(BaseModel):
    """``[engine]``: where jobs run; an engine's own settings stand in a table of its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    default: Literal["local", "slurm", "htcondor", "justin"] = "local"
    local: dict[str, Any] = Field(default_factory=dict)
    slurm: dict[str, Any] = Field(default_factory=dict)
    htcondor: dict[str, Any] = Field(default_factory=dict)
    justin: dict[str, Any] = Field(default_factory=dict)


class DetectorSection(_Section):
    """``[detector]``: versions of the detector tables."""

    geometry: str = "planes_v4"
    plex: str = "plex_v1"
    fibres: str = "fibres_v0"


class RawSection(_Section):
    """``[raw]``: readings of the raw format that the first real file will decide."""

    adc_pairing: Literal["end", "front"] = "end"
    tick_ns: Annotated[float, Field(gt=0)] = TICK_NS
    t_offset_ns: float = 0.0


class NamesSection(_Section):
    """``[names]``: file name suffix of each tier."""

    suffix: dict[str, str] = Field(default_factory=lambda: dict(SUFFIX_BY_TIER))


def _default_stores() -> dict[str, StoreSection]:
    return {
        "scratch": StoreSection(kind="posix-scratch", root="stores/scratch"),
        "persistent": StoreSection(kind="posix-persistent", root="stores/persistent"),
        "tape": StoreSection(kind="posix-tape", root="stores/tape"),
        "nersc": StoreSection(kind="posix-replica", root="stores/nersc"),
    }


class Settings(_Section):
    """The whole of ``mx2.toml``."""

    workspace: WorkspaceSection = WorkspaceSection()
    catalog: CatalogSection = CatalogSection()
    conditions: ConditionsSection = ConditionsSection()
    production: UrlSection = UrlSection(url="sqlite:///production.db")
    placement: UrlSection = UrlSection(url="sqlite:///placement.db")
    stores: dict[str, StoreSection] = Field(default_factory=_default_stores)
    engine: EngineSection = EngineSection()
    detector: DetectorSection = DetectorSection()
    raw: RawSection = RawSection()
    names: NamesSection = NamesSection()


class Workspace:
    """A folder and its settings; table files in them are absolute paths.

    Attributes
    ----------
    root : Path
        The folder that relative paths of the settings start at.
    settings : Settings
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """Load the nearest ``mx2.toml`` from ``start`` upwards; the defaults where there is none.

        Raises
        ------
        ConfigError
            If the file found is not a valid ``mx2.toml``.
        """
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / FILE).is_file():
                return cls.load(folder)
        return cls(here, Settings())

    @classmethod
    def load(cls, root: Path) -> Workspace:
        """Load ``root/mx2.toml``.

        Raises
        ------
        ConfigError
            If there is no such file, it is not TOML, or a key or value is not allowed.
        """
        path = root / FILE
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{path}: cannot be read: {error}", next_step=f"mx2 init {root}"
            ) from error
        try:
            settings = Settings.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: not TOML: {error}") from error
        except ValidationError as error:
            raise ConfigError(f"{path}: {describe(error, Settings)}") from error
        root = root.resolve()
        tables = {
            kind: str(root / name) if is_table_path(name) else name
            for kind, name in settings.detector.model_dump().items()
        }
        detector = settings.detector.model_copy(update=tables)
        return cls(root, settings.model_copy(update={"detector": detector}))


def is_table_path(name: str) -> bool:
    """Tell whether a table is named as a file (a ``/``, or ``.csv``) and not as a version."""
    return "/" in name or name.endswith(".csv")


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """Say what a validation error is about, with the nearest valid key for an unknown one."""
    return "; ".join(_describe_one(dict(item), model) for item in error.errors())


def _describe_one(item: dict[str, Any], model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] != "extra_forbidden":
        return f"{where}: {item['msg']}" if where else str(item["msg"])
    *parents, key = item["loc"]
    known = _keys_at(model, parents)
    return f"unknown key {where!r}" + nearest(str(key), known)


def _keys_at(model: type[BaseModel], parents: list[str | int]) -> list[str]:
    """Keys of the table that the parents lead to.

    A table of named tables takes two parents, and so does a list of tables.
    """
    names = iter(parents)
    for parent in names:
        field = model.model_fields.get(str(parent))
        annotation = field.annotation if field else None
        if get_origin(annotation) in (dict, list):
            annotation = get_args(annotation)[-1]
            next(names, None)
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


TEMPLATE = """\
# Workspace of mx2prod.  Unknown keys are errors; relative paths start at this folder.

[workspace]
name = "{name}"
simulated = true            # false: refuses simulated stores and test constants
namespace = "neardet-2x2-minerva"   # files; = core.run_type
dataset_namespace = "twalton"       # the talk's; change it freely
trust_root = ""             # sha256 of the signed key-and-role list; empty only while simulated = true

[catalog]
url = "sqlite:///catalog.db"        # postgresql+psycopg://..., metacat+https://...
dataset = "dune:all"
creator = "dunepro"

[conditions]
development = "sqlite:///conditions-dev.db"
production = "sqlite:///conditions-prod.db"

[production]
url = "sqlite:///production.db"

[placement]
url = "sqlite:///placement.db"

# kind: posix-scratch|posix-persistent|posix-tape|posix-replica|xrootd|webdav|rucio
[stores.scratch]
kind = "posix-scratch"
root = "stores/scratch"

[stores.persistent]
kind = "posix-persistent"
root = "stores/persistent"

[stores.tape]
kind = "posix-tape"
root = "stores/tape"

[stores.nersc]
kind = "posix-replica"
root = "stores/nersc"

[engine]
default = "local"           # local|slurm|htcondor|justin; own table each, e.g. [engine.slurm] partition

[detector]
geometry = "planes_v4"
plex = "plex_v1"
fibres = "fibres_v0"

[raw]
adc_pairing = "end"         # end|front: which ADC frame belongs to which discriminator hit
tick_ns = 9.4154            # two ticks are one accelerator RF period
t_offset_ns = 0.0

[names.suffix]
raw-digits = "RawDigits.root"
sup-digits = "SupDigits.root"
reco = "RecoData.root"
dst = "DST.root"
rock-muons = "RockMuonData.root"
"""


def write_workspace(root: Path, name: str, *, dry_run: bool = False) -> Path:
    """Write a new embedded workspace; return the path of its ``mx2.toml``.

    With ``dry_run`` everything is checked and nothing is written.

    Raises
    ------
    ConfigError
        If the name cannot stand in a TOML string.
    OutputError
        If the folder has an ``mx2.toml`` already.
    """
    if not name or any(character in name for character in '"\\') or not name.isprintable():
        raise ConfigError(f"{name!r} cannot be the name of a workspace")
    path = root / FILE
    refuse_existing(path)
    if not dry_run:
        write_text(path, TEMPLATE.format(name=name))
    return path
