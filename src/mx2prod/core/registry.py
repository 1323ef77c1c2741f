"""Stages: what a job can do to a file, found by entry point.

A stage is one module of a room, or of another package, registered by one line under
``mx2prod.stages``.  It never touches the catalogue or the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from mx2prod.core.errors import ConfigError, UsageError
from mx2prod.core.suggest import nearest

GROUP = "mx2prod.stages"


@runtime_checkable
class Stage(Protocol):
    """What a stage module offers.

    Attributes
    ----------
    name : str
        Tier word that the stage produces on the command line, for example ``raw-digits``.
    version : str
        Changes whenever the same input and configuration would give other content.
    consumes, produces : str
        Tier names.
    Config : type
        A pydantic model with ``extra="forbid"``.

    A stage that reads constants also says from which folders: ``folders``, and
    ``optional_folders``, which are read where the global tag has them.
    """

    name: str
    version: str
    consumes: str
    produces: str
    Config: type[BaseModel]

    def run(self, inputs: Mapping[str, Any], config: BaseModel, constants: Any) -> Any:
        """Make the product of the stage.

        Parameters
        ----------
        inputs : mapping
            By the tier consumed: the path of a raw file, or the stream of the stage before.
        config : Config
        constants : mapping of str to Table, or None
            By folder; None for a stage that reads none.
        """


def stage_names() -> list[str]:
    """Names of all installed stages, sorted."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load_stage(name: str) -> Stage:
    """Load an installed stage by name.

    Raises
    ------
    UsageError
        If no installed package registers the name.
    ConfigError
        If two packages register it, or what is registered is not a stage.
    """
    found: list[EntryPoint] = [e for e in entry_points(group=GROUP) if e.name == name]
    if not found:
        known = stage_names()
        raise UsageError(
            f"no stage {name!r} is installed (installed: {', '.join(known) or 'none'})"
            + nearest(name, known)
        )
    if len({entry.value for entry in found}) > 1:
        values = ", ".join(entry.value for entry in found)
        raise ConfigError(f"stage {name!r} is registered by more than one package: {values}")
    stage = found[0].load()
    if not isinstance(stage, Stage):
        raise ConfigError(f"{found[0].value} is registered as stage {name!r} but is not one")
    return stage
