"""The settings of pre-production: ``preproduction.yaml``.

Every limit of the verdicts is a key here; what a table was made with is recorded beside it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mx2prod.calibration.boards import board_names
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.gain_config import GainConfig, GainVerdictConfig
from mx2prod.calibration.pedestal_config import PedestalConfig, PedestalVerdictConfig
from mx2prod.calibration.verdict import Reason, Verdict
from mx2prod.core.errors import ConfigError
from mx2prod.core.suggest import nearest
from mx2prod.core.yaml_file import load_yaml
from mx2prod.detector.hardware import HardwareMap

_PLACE = r"^\d{1,2}-\d{1,2}-\d{1,2}(-\d{1,2})?$"
Place = Annotated[str, StringConstraints(pattern=re.compile(_PLACE))]
"""``crate-croc-chain`` for all boards of a chain, or ``crate-croc-chain-board``."""


class ExportConfig(BaseModel):
    """What the text table holds for channels without data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    missing: Literal["omit", "nominal"] = Field(
        default="omit",
        description="rows of channels without data: left out, or filled with the medians of the "
        "group (pre-production page, section 2.5)",
    )


class Preproduction(BaseModel):
    """The whole of ``preproduction.yaml``; the defaults are those of the pre-production page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pedestal: PedestalConfig = Field(
        default=PedestalConfig(), description="pedestal accumulators (sections 2.1 and 2.2)"
    )
    pedestal_verdict: PedestalVerdictConfig = Field(
        default=PedestalVerdictConfig(), description="verdicts on pedestals (sections 2.6 to 2.9)"
    )
    gain: GainConfig = Field(
        default=GainConfig(), description="accumulators and fits of gains (sections 3.1 to 3.3)"
    )
    gain_verdict: GainVerdictConfig = Field(
        default=GainVerdictConfig(), description="verdicts on gains (section 3.5)"
    )
    feb: FebConfig = Field(
        default=FebConfig(), description="response of the front-end boards (section 4)"
    )
    export: ExportConfig = Field(default=ExportConfig(), description="text tables (section 2.5)")
    boards: Literal["all"] | tuple[Place, ...] = Field(
        default="all",
        description="boards that are expected: all of the hardware map, or a list of "
        "crate-croc-chain and crate-croc-chain-board for tests and demonstrations; others get no "
        "row and are not absent (proposal)",
    )

    def expected_boards(self, hardware: HardwareMap) -> npt.NDArray[np.bool_]:
        """Tell which boards of the hardware map are expected.

        Parameters
        ----------
        hardware : HardwareMap

        Returns
        -------
        ndarray of bool, shape (n_febs,)

        Raises
        ------
        ConfigError
            If an entry of ``boards`` names no chain or board of the hardware map.
        """
        if self.boards == "all":
            return np.ones(hardware.n_febs, np.bool_)
        numbers = {place: index for index, place in enumerate(board_names(hardware))}
        expected = np.zeros(hardware.n_febs, np.bool_)
        for place in self.boards:
            rows = [
                index for name, index in numbers.items() if place in (name, name.rpartition("-")[0])
            ]
            if not rows:
                raise ConfigError(
                    f"boards: {place} is no chain or board of {hardware.table.name}"
                    + nearest(place, numbers),
                    next_step="mx2 detector boards",
                )
            expected[rows] = True
        return expected

    def deviations(self) -> list[str]:
        """Keys whose value is not the default, for example ``pedestal_verdict.min_gates``."""
        return _deviations(self, type(self)(), "")

    def notes(self) -> list[Reason]:
        """Say in a verdict which settings are not the defaults; empty without any."""
        deviations = self.deviations()
        text = f"settings that are not the defaults: {', '.join(deviations)}"
        reason = Reason("deviations", text, Verdict.GOOD, len(deviations))
        return [reason] if deviations else []


def load_preproduction(path: Path) -> Preproduction:
    """Read ``preproduction.yaml``; keys that it leaves out have their defaults.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    ConfigError
        If it is not YAML, or a key or value is not allowed.
    """
    return load_yaml(path, Preproduction)


def _deviations(model: BaseModel, default: BaseModel, prefix: str) -> list[str]:
    found: list[str] = []
    for name in type(model).model_fields:
        ours: Any = getattr(model, name)
        theirs: Any = getattr(default, name)
        if isinstance(ours, BaseModel):
            found += _deviations(ours, theirs, f"{prefix}{name}.")
        elif ours != theirs:
            found.append(prefix + name)
    return found
