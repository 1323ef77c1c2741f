"""Dataset definitions that ship with the package (catalogue page, sections 4 and 7)."""

from __future__ import annotations

from importlib.resources import as_file, files

from pydantic import BaseModel, ConfigDict, Field

from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest
from mx2prod.core.yaml_file import load_yaml

_FILE = "run1_datasets.yaml"


class Shipped(BaseModel):
    """A dataset that ships as data.

    Attributes
    ----------
    name : str
        Without a namespace.
    description : str
    definition : str
        MQL text; a template has ``{first}`` and ``{last}`` in it.
    proposal : bool
        True if it is ours, and nobody has approved it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name without a namespace.")
    description: str = Field(description="What it is.")
    definition: str = Field(description="MQL text.")
    proposal: bool = Field(default=False, description="Ours, not approved.")

    @property
    def is_template(self) -> bool:
        """True if it asks for its runs."""
        return "{first}" in self.definition

    def text(self, runs: tuple[int, int] | None = None) -> str:
        """Definition, with the runs of a template put in.

        Raises
        ------
        UsageError
            If a template gets no runs, another definition gets some, or they are not in order.
        """
        if self.is_template and runs is None:
            raise UsageError(
                f"{self.name}: its runs are not known, give the run range",
                next_step=f"mx2 dataset define {self.name} --runs FIRST-LAST",
            )
        if runs is None:
            return self.definition
        if not self.is_template:
            raise UsageError(f"{self.name}: its runs stand in its definition")
        first, last = runs
        if not 0 <= first <= last:
            raise UsageError(f"{self.name}: runs {first}-{last} are not in order")
        return self.definition.format(first=first, last=last)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    datasets: tuple[Shipped, ...]
    templates: tuple[Shipped, ...]


def shipped() -> dict[str, Shipped]:
    """All shipped datasets and templates by name, the datasets of the talk first."""
    with as_file(files("mx2prod.catalog") / "data" / _FILE) as path:
        found = load_yaml(path, _File)
    return {item.name: item for item in (*found.datasets, *found.templates)}


def shipped_dataset(name: str) -> Shipped:
    """Find a shipped dataset.

    Raises
    ------
    UsageError
        If there is none of that name; names the nearest one.
    """
    known = shipped()
    if name not in known:
        raise UsageError(
            f"no shipped dataset {name!r}" + nearest(name, known),
            next_step="mx2 dataset define NS:NAME --mql TEXT",
        )
    return known[name]
