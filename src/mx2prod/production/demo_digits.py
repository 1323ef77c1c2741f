"""The demonstration of a job: simulated beam to suppressed digits, by the promoted constants."""

from __future__ import annotations

from pathlib import Path

from mx2prod.core.ids import FileName
from mx2prod.core.workspace import Settings, Workspace
from mx2prod.production.demo import Run1Report
from mx2prod.production.job_constants import open_constants
from mx2prod.production.process import process
from mx2prod.production.report import ProcessReport

FOLDER, TIER, STREAM = "sup-digits", "sup-digits", "numib"


def suppress_beam(
    workspace: Workspace, folder: Path, run1: Run1Report, reference: str, settings: Settings
) -> ProcessReport:
    """Make suppressed digits of the simulated beam files.

    Parameters
    ----------
    workspace : Workspace
        That of the demonstration; its production database is read.
    folder : Path
        Of the demonstration, as the user named it.
    run1 : Run1Report
    reference : str
        ``GTAG@DIGEST``.
    settings : Settings
        Versions of the detector tables.

    Raises
    ------
    ConditionsError
        If the constants are not to be read.
    """
    beam = [file.path for file in run1.simulated if FileName.parse(file.path.name).stream == STREAM]
    with open_constants(workspace, reference) as constants:
        return process(beam, out=folder / FOLDER, to=TIER, constants=constants, settings=settings)
