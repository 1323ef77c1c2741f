"""What constants and beam records say about the quality of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mx2prod.cli.frame import Frame
from mx2prod.core.errors import NoConditionsError

if TYPE_CHECKING:
    from mx2prod.conditions import View
    from mx2prod.core.ids import RunSubrun
    from mx2prod.metadata.quality import Measurement

DEFAULT = "nominal"
"""Choice of an interval without a table of its own; an extended table is signed as such."""


@dataclass(frozen=True)
class Sources:
    """Where the items come from that a raw file does not tell.

    Attributes
    ----------
    constants : str
        ``GTAG[@DIGEST]``; empty: none.
    beam : Path or None
        Table of spills.
    facts : dict of str to Measurement
        Given by hand; they stand above all others.
    """

    constants: str
    beam: Path | None
    facts: Mapping[str, Measurement]

    def measured(self, frame: Frame, raw: Path, place: RunSubrun) -> dict[str, Measurement]:
        """Measure what constants and beam records tell about a raw file."""
        values: dict[str, Measurement] = {}
        if self.constants:
            values |= constants_measured(frame, self.constants, place.run, place.subrun)
        if self.beam is not None:
            values |= beam_measured(raw, self.beam)
        return values


def constants_measured(
    frame: Frame, reference: str, run: int, subrun: int
) -> dict[str, Measurement]:
    """Items ``constants`` and ``dead_hot_channels`` by a published, signed global tag.

    Intervals are of whole subruns, so that what holds for the subrun holds for the whole file.

    Raises
    ------
    Mx2Error
        If the global tag cannot be read or its signatures do not hold.
    """
    from mx2prod.production.job_constants import open_constants

    with open_constants(frame.workspace, reference) as constants:
        if constants is None:
            return {}
        view = constants.view
        return {
            "constants": _valid_share(view, run, subrun),
            **_bad_channels(view, run, subrun),
        }


def _valid_share(view: View, run: int, subrun: int) -> Measurement:
    """Share of the folders with a table for the subrun that is no default."""
    from mx2prod.metadata.quality import Measurement

    wrong = []
    for folder in view.folders:
        try:
            found = view.resolve(folder, run, subrun)
        except NoConditionsError:
            wrong.append(f"{folder}: nothing")
            continue
        if found.choice == DEFAULT:
            wrong.append(f"{folder}: {DEFAULT}")
    total = len(view.folders)
    detail = f"{total - len(wrong)} of {total} folders of {view.gtag}"
    return Measurement(
        (total - len(wrong)) / total if total else None, "; ".join([detail, *wrong[:5]])
    )


def _bad_channels(view: View, run: int, subrun: int) -> dict[str, Measurement]:
    """Share of dead and hot channels, where the global tag has a table of bad channels."""
    import numpy as np

    from mx2prod.constants.keys import default_maps
    from mx2prod.constants.tables import BadChannel, BadChannelBit
    from mx2prod.metadata.quality import Measurement

    if BadChannel.folder not in view.folders:
        return {}
    try:
        flags = np.asarray(view.get(BadChannel.folder, run, subrun).table["flags"])
    except NoConditionsError:
        return {}
    count = int(((flags & int(BadChannelBit.DEAD | BadChannelBit.HOT)) != 0).sum())
    total = default_maps().hardware.n_channels
    return {"dead_hot_channels": Measurement(count / total, f"{count} of {total} channels")}


def beam_measured(raw: Path, spills: Path) -> dict[str, Measurement]:
    """Item ``beam_gates`` by imported beam records; gates without a reading count for nothing.

    Raises
    ------
    InputFileError
        If a file cannot be read.
    """
    import numpy as np

    from mx2prod.metadata.beam import BeamConfig, match_gates, read_spills
    from mx2prod.metadata.matching import gate_times
    from mx2prod.metadata.quality import Measurement

    table = read_spills(spills)
    beam = match_gates(gate_times(raw), table, BeamConfig.model_validate(table.meta["config"]))
    known = np.isfinite(beam.protons)
    total, unknown = len(known), int((~known).sum())
    if not known.any():
        return {"beam_gates": Measurement(None, f"no reading for any of {total} beam gates")}
    delivered = int((beam.protons[known] > 0).sum())
    detail = f"{delivered} of {total - unknown} beam gates with a reading, {unknown} without"
    return {"beam_gates": Measurement(delivered / (total - unknown), detail)}
