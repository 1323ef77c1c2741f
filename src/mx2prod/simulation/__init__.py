"""From particles to raw files in the DAQ's format, with the truth beside them.

``simulate(spec, out)`` writes the files of a :class:`Spec`.  Its three layers can be used alone:
:class:`EventGenerator` (energy in strips), :class:`ReadoutSimulator` (light, charge, hit blocks)
and the encoder of the room ``raw``.
"""

from mx2prod.simulation.columns import HitFlag, Kind, Layer
from mx2prod.simulation.events import EventGenerator, Events
from mx2prod.simulation.files import SimulatedFile, file_name
from mx2prod.simulation.hardware import TrueDetector
from mx2prod.simulation.readout import ReadoutSimulator
from mx2prod.simulation.run import simulate
from mx2prod.simulation.spec import FileSpec, Spec
from mx2prod.simulation.truth import truth_folder
from mx2prod.simulation.truth_schema import TRUTH_TABLES, truth_columns

__all__ = [
    "TRUTH_TABLES",
    "EventGenerator",
    "Events",
    "FileSpec",
    "HitFlag",
    "Kind",
    "Layer",
    "ReadoutSimulator",
    "SimulatedFile",
    "Spec",
    "TrueDetector",
    "file_name",
    "simulate",
    "truth_columns",
    "truth_folder",
]
