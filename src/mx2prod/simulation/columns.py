"""What the layers of the simulation hand to each other, and what the truth files hold.

Times are in ns since the gate opened, positions in mm in the detector frame, energies in MeV.
``gate`` in a row is the number of the gate in the subrun, from 1.  Source: detector page, 7.4.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

import numpy as np


class Layer(IntEnum):
    """Part of the simulation that draws random numbers: names its streams."""

    HARDWARE = 0
    """Pedestals, gains, ... of this detector; drawn once for a seed (run, subrun, gate 0)."""
    BEAM = 1
    PARTICLES = 2
    LIGHT = 3
    ELECTRONICS = 4
    NOISE = 5
    FAULTS = 6


class Kind(IntEnum):
    """Where a particle comes from."""

    ROCK = 1
    NEUTRINO = 2
    LIGHT_INJECTION = 3


class HitFlag(IntFlag):
    """What is behind the charge of a pixel in a hit block."""

    CROSS_TALK = 1
    AFTERPULSE = 2
    DARK = 4
    SATURATED = 8
    """A gain that was read is beyond the ADC."""
    LOST_IN_DEAD_TIME = 16
    """The charge came while the chip was blind, or after the last hit block; it is in no block."""


GATE_PLAN_DTYPE = np.dtype(
    [
        ("gate", "<u4"),
        ("global_gate", "<u8"),
        ("trigger_type", "u1"),
        ("led_level", "u1"),  # 0 none, 1 one PE, 2 max PE
        ("led_group", "u1"),
        ("time_us", "<u8"),  # host clock after readout, microseconds since 1970
        ("readout_us", "<u4"),
        ("sgate", "<u4"),
        ("pot", "<f8"),  # protons on target of the spill; 0 without beam
    ]
)
"""What is decided of a gate before anything happens in it."""

PARTICLE_DTYPE = np.dtype(
    [
        ("gate", "<u4"),
        ("particle", "<i4"),  # number in the gate, from 0
        ("parent", "<i4"),  # particle number; -1: none
        ("vertex", "<i4"),  # vertex number in the gate; -1: from outside
        ("pdg", "<i4"),
        ("kind", "u1"),  # Kind
        ("px", "<f4"),  # at the start, MeV
        ("py", "<f4"),
        ("pz", "<f4"),
        ("energy", "<f4"),  # total, MeV
        ("start_x", "<f4"),
        ("start_y", "<f4"),
        ("start_z", "<f4"),
        ("start_ns", "<f4"),
        ("stop_x", "<f4"),
        ("stop_y", "<f4"),
        ("stop_z", "<f4"),
        ("stop_ns", "<f4"),
        ("batch", "i1"),  # 0..5; -1: not of the beam
        ("bucket", "i1"),  # 0..80 in the batch
    ]
)

VERTEX_DTYPE = np.dtype(
    [
        ("gate", "<u4"),
        ("vertex", "<i4"),  # number in the gate, from 0
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("time_ns", "<f4"),
        ("region", "u1"),  # 1 upstream planes, 2 liquid argon, 3 downstream planes
        ("neutrino_energy", "<f4"),
    ]
)

DEPOSIT_DTYPE = np.dtype(
    [
        ("gate", "<u4"),
        ("particle", "<i4"),
        ("strip", "<i4"),  # dense strip number of the geometry
        ("time_ns", "<f4"),
        ("path_mm", "<f4"),
        ("energy", "<f4"),
        ("energy_birks", "<f4"),  # after quenching
        ("t_mm", "<f4"),  # across the strips, in the true (shifted) plane
        ("l_mm", "<f4"),  # along the strip
    ]
)
"""Energy in one strip; rows in order of gate, particle, time."""

HIT_DTYPE = np.dtype(
    [
        ("gate", "<u4"),
        ("channel", "<i4"),  # dense: board number * 64 + pixel
        ("block", "i1"),  # ADC frame 0..N of the board; -1: lost
        ("fired", "?"),  # its discriminator fired in this block
        ("pe", "<f4"),  # photoelectrons of the pixel itself and of cross-talk
        ("charge", "<f4"),  # fC
        ("time_ns", "<f4"),  # of the first photoelectron; of the discriminator where it fired
        ("particle", "<i4"),  # of the largest light; -1: none
        ("flags", "u1"),  # HitFlag
    ]
)
"""Charge of a pixel in a hit block; only pixels with charge."""

GATE_TRUTH_DTYPE = np.dtype(
    [
        ("run", "<u4"),
        ("subrun", "<u4"),
        ("gate", "<u4"),
        ("global_gate", "<u8"),
        ("trigger_type", "u1"),
        ("time_us", "<u8"),
        ("pot", "<f8"),
        ("n_rock", "<i4"),
        ("n_neutrino", "<i4"),
        ("n_board_hits", "<i4"),  # hit blocks of all boards, the untimed ones left out
        ("dead_ns", "<f8"),  # sum over pairs of TriP-t chips
    ]
)
