"""Thresholds of the reconstruction: ``RecoConfig/1`` (reconstruction page, sections 6 to 11).

No parameter of the official reconstruction is public.  The mark of a threshold stands at the end of
its description: (fact) public, (memory) from the detector paper, (inferred), (proposal) ours.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mx2prod.detector import GapMaterial
from mx2prod.reconstruction.object_config import (
    Blobs,
    Clusters,
    CrossTalk,
    Energy,
    ObjectLimits,
    Section,
    Slices,
    Vertices,
)


class TrackSeeds(Section):
    """Seeds and candidates in one view (section 9)."""

    seed_chi2: float = Field(
        9.0, gt=0, le=1000, description="largest chi2 per degree of freedom of a seed (memory)"
    )
    max_angle_deg: float = Field(
        70.0, gt=0, le=80, description="largest angle of a seed to the beam axis, deg (memory)"
    )
    seed_skip: Literal[0, 1] = Field(
        1, description="planes of a view that may lack a cluster in a seed; dead planes do not "
        "count (proposal)",
    )  # fmt: skip
    merge_dslope: float = Field(
        0.05, ge=0, le=1,
        description="difference of slopes of merged seeds, on top of 3 sigma (proposal)",
    )  # fmt: skip
    max_seeds: int = Field(
        2000, ge=10, le=100_000,
        description="seeds of a slice and view; beyond it a coarser road is taken (proposal)",
    )  # fmt: skip


class TrackCombination(Section):
    """From candidates of the views to tracks in space (section 9)."""

    closure: float = Field(
        15.0, gt=0, le=500, description="largest rms of u + v - x at common planes, mm (proposal)"
    )
    min_overlap: int = Field(
        3, ge=1, le=38, description="planes that two views must share in z (proposal)"
    )
    third_view: float = Field(
        0.5, ge=0, le=1,
        description="share of the crossed live planes of the third view that must have a cluster "
        "at the track, if two views made it (proposal)",
    )  # fmt: skip
    max_shared: float = Field(
        0.34, ge=0, lt=1,
        description="share of clusters of a combination that earlier tracks may have (proposal)",
    )  # fmt: skip
    min_planes_long: int = Field(
        9, ge=5, le=76, description="planes of a long track (memory: 9 to 11)"
    )
    min_planes_short: int = Field(5, ge=5, le=76, description="planes of a short track (memory)")
    anchor_distance: float = Field(
        80.0, gt=0, le=1000,
        description="distance in z within which the four clusters of a short track begin, mm "
        "(proposal)",
    )  # fmt: skip


class TrackFit(Section):
    """Kalman fit, outliers, and growing (section 9)."""

    p_default: float = Field(
        3000.0, ge=100, le=1e6,
        description="momentum hypothesis of tracks that do not stop, MeV/c (proposal)",
    )  # fmt: skip
    fit_mass: float = Field(105.658, gt=0, le=2000, description="mass hypothesis, MeV (fact)")
    outlier: float = Field(
        16.0, gt=0, le=1000, description="largest smoothed chi2 of a node (proposal)"
    )
    max_refits: int = Field(
        3, ge=0, le=10, description="fits again after outliers were taken off (proposal)"
    )
    add_sigma: float = Field(
        4.0, gt=0, le=20, description="road in which a track grows, standard deviations (proposal)"
    )
    max_gap: int = Field(
        2, ge=0, le=10, description="live planes without a cluster that end growing (proposal)"
    )
    cleaning: bool = Field(
        default=True,
        description="superclusters in the road become nodes; off in calibration mode (fact: off "
        "in calibration; proposal: on in production)",
    )
    stop_planes: int = Field(
        3, ge=1, le=20,
        description="planes behind the last node without hit, and distance from the back, of a "
        "stopping track (proposal)",
    )  # fmt: skip
    stop_side: float = Field(
        100.0, ge=0, le=1000,
        description="distance from the side of the plane of a stopping track, mm (proposal)",
    )  # fmt: skip
    time_sigma: float = Field(
        3.0, gt=0, le=100, description="resolution of the time of a cluster, ns (memory)"
    )
    direction_sigma: float = Field(
        3.0, gt=0, le=100, description="significance of times for a backward track (proposal)"
    )
    direction_length: float = Field(
        500.0, ge=0, le=1e4, description="smallest length for it, mm (proposal)"
    )


class Matching(Section):
    """Upstream and downstream segments through the 2x2 (section 10)."""

    match_dt: float = Field(
        20.0, gt=0, le=1000,
        description="time difference beyond the time of flight, in different slices, ns (proposal)",
    )  # fmt: skip
    z_match: float = Field(
        -700.0, ge=-2300, le=1600, description="z of the comparison, 2x2 frame, mm (fact: CAF)"
    )
    match_chi2: float = Field(
        25.0, gt=0, le=1000, description="largest chi2, 4 degrees of freedom (proposal)"
    )
    max_distance: float = Field(
        250.0, gt=0, le=2000, description="largest distance in x and in y, mm (proposal)"
    )
    max_angle: float = Field(
        150.0, gt=0, le=1500, description="largest difference of angles, mrad (proposal)"
    )
    momenta: tuple[float, float, float, float, float] = Field(
        (500.0, 1000.0, 2000.0, 5000.0, 20000.0),
        description="momenta of the scan, at the last upstream plane, MeV/c (proposal)",
    )
    us_ds_output: Literal["combined", "separate", "both"] = Field(
        "combined",
        description="what becomes of two matched segments; both is for the nested file only "
        "(proposal)",
    )


class TrackLimits(Section):
    """Caps (section 14): the readers of the DST have no room for more."""

    max_tracks: int = Field(100, ge=1, le=200, description="tracks of a gate (fact: DST reader)")


class RecoConfig(Section):
    """All thresholds of the reconstruction; what a file was made with stands in its metadata."""

    version: Literal[1] = Field(1, description="of this model")
    gap_material: GapMaterial = Field(
        GapMaterial(),
        description="between the upstream and downstream planes, as in the simulation (proposal)",
    )
    seeds: TrackSeeds = Field(TrackSeeds(), description="seeds and candidates of a view")
    combination: TrackCombination = Field(TrackCombination(), description="tracks in space")
    fit: TrackFit = Field(TrackFit(), description="fit of tracks")
    matching: Matching = Field(Matching(), description="segments through the 2x2")
    limits: TrackLimits = Field(TrackLimits(), description="caps of tracks")
    slices: Slices = Field(Slices(), description="time slices")
    cross_talk: CrossTalk = Field(CrossTalk(), description="grading of cross-talk")
    clusters: Clusters = Field(Clusters(), description="clusters and their classes")
    blobs: Blobs = Field(Blobs(), description="groups of clusters without a track")
    vertices: Vertices = Field(Vertices(), description="where tracks start, change or stop")
    energy: Energy = Field(Energy(), description="energy in absorbers")
    object_limits: ObjectLimits = Field(
        ObjectLimits(), description="caps of clusters, blobs and vertices"
    )


_WORDS = {"combined": 0, "separate": 1, "both": 2}

PARAMETER_DTYPE = np.dtype(
    [
        (name, "<f8")
        for section in (TrackSeeds, TrackCombination, TrackFit, Matching, TrackLimits)
        for name in section.model_fields
        if name != "momenta"
    ]
    + [("momenta", "<f8", (5,))]
)
"""All track thresholds by name, as the kernels read them."""


def track_parameters(config: RecoConfig) -> npt.NDArray[np.void]:
    """Give the thresholds of tracks to kernels.

    Returns
    -------
    ndarray of PARAMETER_DTYPE, shape (1,)
        ``us_ds_output`` is 0 for combined, 1 for separate, 2 for both.
    """
    record = np.zeros(1, PARAMETER_DTYPE)
    sections = (config.seeds, config.combination, config.fit, config.matching, config.limits)
    for section in sections:
        for name in type(section).model_fields:
            value = getattr(section, name)
            record[name] = _WORDS[value] if isinstance(value, str) else value
    return record


OBJECT_PARAMETER_DTYPE = np.dtype(
    [
        (name, "<f8")
        for section in (Slices, CrossTalk, Clusters, Blobs, Vertices, Energy, ObjectLimits)
        for name in section.model_fields
    ]
)
"""Thresholds of everything but tracks, as the kernels read them."""


def object_parameters(config: RecoConfig) -> npt.NDArray[np.void]:
    """Give the thresholds of slices, clusters, blobs and vertices to kernels.

    Returns
    -------
    ndarray of OBJECT_PARAMETER_DTYPE, shape (1,)
    """
    record = np.zeros(1, OBJECT_PARAMETER_DTYPE)
    sections: tuple[Section, ...] = (
        config.slices, config.cross_talk, config.clusters, config.blobs, config.vertices,
        config.energy, config.object_limits,
    )  # fmt: skip
    for section in sections:
        for name in type(section).model_fields:
            record[name] = getattr(section, name)
    return record
