"""Thresholds of slices, clusters, blobs, vertices and energies (reconstruction page, 6-8, 11, 14).

The marks are those of :mod:`mx2prod.reconstruction.config`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Part of the configuration of the reconstruction."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Slices(Section):
    """Time slices (section 6)."""

    window: float = Field(
        80.0, gt=0, le=10_000, description="length of the sliding window, ns (memory)"
    )
    open_pe: float = Field(
        10.0, gt=0, le=10_000, description="light in the window that opens a slice, PE (memory)"
    )
    close_pe: float = Field(
        10.0, gt=0, le=10_000,
        description="light in the window below which a slice closes, PE (memory)",
    )  # fmt: skip
    merge_gap: float = Field(
        0.0, ge=0, le=10_000, description="slices with a smaller gap become one, ns (memory)"
    )


class CrossTalk(Section):
    """Grading of cross-talk (section 7)."""

    xt_side: float = Field(
        0.04, ge=0, le=1, description="share of the light of a neighbouring pixel (proposal)"
    )
    xt_distant: float = Field(
        0.01, ge=0, le=1, description="share of that of a pixel two away (proposal)"
    )
    xt_electronic: float = Field(
        0.01, ge=0, le=1,
        description="share of that of a neighbouring channel of the same TriP-t (proposal)",
    )  # fmt: skip
    xt_source_min: float = Field(
        10.0, ge=0, le=1000, description="light of a pixel that makes cross-talk, PE (proposal)"
    )
    xt_max_pe: float = Field(
        4.0, ge=0, le=1000, description="light below which a digit can be cross-talk, PE (proposal)"
    )
    xt_score: float = Field(
        1.5, ge=0, le=100,
        description="light over the expected cross-talk, below which it is cross-talk (proposal)",
    )  # fmt: skip


class Clusters(Section):
    """Clusters and their classes (section 8)."""

    clus_dt: float = Field(
        50.0, gt=0, le=10_000, description="time difference of timed digits, ns (proposal)"
    )
    min_energy: float = Field(1.0, ge=0, le=100, description="below it: low activity, MeV (memory)")
    max_trackable: float = Field(
        12.0, ge=0, le=1000, description="largest energy of a trackable cluster, MeV (memory)"
    )
    strip_energy: float = Field(
        0.5, ge=0, le=100, description="energy of a strip that counts for the class, MeV (memory)"
    )
    error_single: float = Field(
        4.8, gt=0, le=100, description="error of the position of one strip, mm (memory)"
    )
    error_shared: float = Field(
        3.1, gt=0, le=100, description="error of the position of two or three strips, mm (memory)"
    )


class Blobs(Section):
    """Groups of clusters that belong to no track (section 11)."""

    max_planes: int = Field(
        2, ge=1, le=10, description="planes of a view between linked clusters (proposal)"
    )
    max_strips: float = Field(
        2.0, ge=0, le=20, description="gap between linked clusters, in strips (proposal)"
    )
    margin: float = Field(20.0, ge=0, le=500, description="in addition to it, mm (proposal)")
    min_clusters: int = Field(2, ge=1, le=100, description="clusters of a blob, or (proposal)")
    min_blob_energy: float = Field(
        5.0, ge=0, le=1000, description="energy of a blob of fewer clusters, MeV (proposal)"
    )


class Vertices(Section):
    """Points where tracks start, change or stop (section 11)."""

    max_approach: float = Field(
        40.0, gt=0, le=500, description="closest approach of tracks of a vertex, mm (proposal)"
    )
    max_vertex_planes: int = Field(
        2, ge=0, le=10, description="planes between a vertex and the end of a track (proposal)"
    )
    vertex_sigma: float = Field(
        3.0, gt=0, le=100,
        description="distance of a track from its vertex beyond which it is dropped, standard "
        "deviations (proposal)",
    )  # fmt: skip


class Energy(Section):
    """Energy left in absorbers, by that in scintillator (section 11).

    The defaults are ratios of the mean losses of a minimum ionising particle in section 2: one
    plane with lead 6.06 over 3.54 MeV, one plane with steel 32.54 over 3.54 MeV.
    """

    weight_tracker: float = Field(1.0, gt=0, le=100, description="in tracker planes (proposal)")
    weight_ecal: float = Field(1.71, gt=0, le=100, description="in ECAL planes (proposal)")
    weight_hcal: float = Field(9.19, gt=0, le=100, description="in HCAL planes (proposal)")


class ObjectLimits(Section):
    """Caps (section 14): the readers of the DST have no room for more."""

    max_clusters: int = Field(
        7500, ge=1, le=7500, description="clusters of a gate (fact: DST reader)"
    )
    max_cluster_digits: int = Field(
        60, ge=1, le=60, description="digits of a cluster (fact: DST reader)"
    )
    max_blobs: int = Field(1000, ge=1, le=1000, description="blobs of a gate (fact: DST reader)")
    max_blob_clusters: int = Field(
        1500, ge=1, le=1500, description="clusters of a blob (fact: DST reader)"
    )
    max_vertices: int = Field(200, ge=1, le=200, description="vertices of a gate (proposal)")
    max_vertex_tracks: int = Field(
        20, ge=2, le=20, description="tracks of a vertex (fact: DST branch)"
    )
