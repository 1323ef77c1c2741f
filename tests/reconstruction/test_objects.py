"""Energies, range, vertices and blobs after tracking (reconstruction page, section 11)."""

from __future__ import annotations

import dataclasses
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from mx2prod.core.errors import UsageError
from mx2prod.detector import strip_ends, to_view
from mx2prod.digits import StripAttenuation
from mx2prod.reconstruction import (
    NODE_DTYPE,
    TRACK_DTYPE,
    BlobFlag,
    MomentumSource,
    NodeFlag,
    ObjectFinder,
    ObjectLimits,
    RecoConfig,
    RecoGateFlag,
    TrackFinder,
    TrackFlag,
    Tracks,
    VertexType,
)
from tests.reconstruction.digit_making import (
    DETECTOR,
    FINDER,
    beam_gates,
    digits_of_strips,
    form,
)

PLANES = DETECTOR.planes
PITCH = 16.7386
ATTENUATION = StripAttenuation.of(DETECTOR, None)
OBJECTS = ObjectFinder(DETECTOR, RecoConfig(), ATTENUATION)
NO_TRACKS = (np.zeros(0, TRACK_DTYPE), np.zeros(0, NODE_DTYPE))


def strip_at(plane, x, y):
    """Strip of a plane at a point."""
    t, _ = to_view(x, y, PLANES.view[plane])
    return int(np.round(t / PITCH)) + 64


def tracks_of(*tracks):
    """Tracks of one gate: each a dictionary of columns and its list of nodes."""
    rows, nodes = np.zeros(len(tracks), TRACK_DTYPE), []
    for row, (columns, own) in zip(rows, tracks, strict=True):
        row["first_node"], row["n_nodes"] = len(nodes), len(own)
        row["slice"], row["partner"] = 1, -1
        nodes += own
        first, last = own[0], own[-1]
        for name in ("x", "y", "z", "ax", "ay"):
            row[name] = first[name]
        row["last_state"] = [last[name] for name in ("x", "y", "ax", "ay")]
        for name in ("first_cov", "last_cov"):
            row[name][[0, 4]], row[name][[7, 9]] = 4.0, 1e-4
        for name, value in columns.items():
            row[name] = value
    return whole(rows, np.array(nodes, NODE_DTYPE) if nodes else NO_TRACKS[1])


def whole(rows, nodes):
    """Columns of one gate."""
    nothing = {name: np.zeros(1, np.int64) for name in ("seeds", "combinations", "tracks")}
    return Tracks(rows, np.array([0, len(rows)]), nodes, np.array([0, len(nodes)]),
                  np.zeros(1, np.uint8), nothing)  # fmt: skip


def line(planes, at, slope, z0, cluster=0, flags=0):
    """Nodes on a straight line that is at ``at`` at ``z0``."""
    rows = np.zeros(len(planes), NODE_DTYPE)
    rows["plane"], rows["z"], rows["flags"] = planes, PLANES.z[planes], flags
    rows["cluster"] = cluster
    for axis, name in enumerate("xy"):
        rows[name] = at[axis] + slope[axis] * (rows["z"] - z0)
        rows[f"a{name}"] = slope[axis]
    return [row for row in rows]  # noqa: C416 - records, not a list of tuples


def empty(n=1):
    """Clusters of gates without digits, but one cluster for nodes to point at."""
    return form(digits_of_strips(4, [64] * n, 20.0))


def find(formed, tracks, **sections):
    """Finish one gate."""
    finder = ObjectFinder(DETECTOR, RecoConfig(**sections), ATTENUATION) if sections else OBJECTS
    return finder.find(formed, tracks)


def test_attenuation_at_the_track():
    """Digit energy times light from the middle over light from the crossing point."""
    plane, x, y = 5, 100.0, -400.0
    strip = strip_at(plane, x, y)
    formed = form(digits_of_strips(plane, [strip], 20.0))
    made = find(formed, tracks_of(({}, line([plane], (x, y), (0, 0), PLANES.z[plane]))))
    _, along = to_view(x, y, PLANES.view[plane])
    low, high = strip_ends(strip)
    dense = plane * 127 + strip - 1
    end = DETECTOR.fibres.readout_end[dense]
    distance = high - along if end > 0 else along - low
    light = [float(ATTENUATION.light(d, slice(dense, dense + 1))[0])
             for d in ((high - low) / 2, distance)]  # fmt: skip
    assert abs(light[0] / light[1] - 1) > 0.02
    expected = formed.digits["energy"][0] * light[0] / light[1]
    assert made.e_track[0] == pytest.approx(expected, rel=1e-6)
    assert made.clusters["e"][0] == pytest.approx(expected, rel=1e-6)
    assert made.clusters["lpos"][0] == pytest.approx(along, rel=1e-6)
    assert made.track_energy["visible"][0] == pytest.approx(expected, rel=1e-6)
    assert formed.clusters["e"][0] == formed.digits["energy"][0]
    off = ObjectFinder(DETECTOR, RecoConfig(), None).find(
        formed, tracks_of(({}, line([plane], (x, y), (0, 0), PLANES.z[plane])))
    )
    assert off.e_track[0] == formed.digits["energy"][0]


def test_of_a_supercluster_a_track_has_the_strips_that_it_crosses():
    strips = np.arange(60, 71)
    formed = form(digits_of_strips(5, strips, 20.0))
    assert len(formed.clusters) == 1
    at = PITCH * (65 - 64)
    node = line([5], (at, 0.0), (0.0, 0.0), PLANES.z[5], flags=int(NodeFlag.PART))
    made = find(formed, tracks_of(({}, node)))
    assert strips[made.digit_track == 0].tolist() == [64, 65, 66]
    use = made.cluster_use[0]
    assert use["track"] == 0
    assert use["e_tracks"] == pytest.approx(made.track_energy["visible"][0])
    assert use["e_unused"] == pytest.approx(8 * 3.0, rel=1e-5)
    assert use["blob"] == -1
    assert len(made.blobs) == 0


def test_calorimetric_energy_weighs_absorbers():
    planes = [40, 50, 70]
    regions = PLANES.table.rows["absorber"][planes].tolist()
    assert regions == ["pb_collar_1.98", "pb_full_1.98", "fe_full_25.4"]
    rows = np.concatenate([digits_of_strips(p, [64], 20.0) for p in planes])
    formed = form(rows)
    nodes = [line([p], (0, 0), (0, 0), 0.0, cluster=k)[0] for k, p in enumerate(planes)]
    energy = find(formed, tracks_of(({}, nodes))).track_energy[0]
    assert energy["calorimetric"] / energy["visible"] == pytest.approx((1 + 1.71 + 9.19) / 3, 1e-3)


def test_only_stopping_tracks_have_a_momentum_from_range():
    nodes = line([30, 31], (0, 0), (0, 0), 0.0)
    stopping = {"momentum": 700.0, "momentum_source": MomentumSource.RANGE}
    punch = {"momentum": 900.0, "momentum_source": MomentumSource.DEFAULT,
             "flags": int(TrackFlag.PUNCH)}  # fmt: skip
    made = find(empty(), tracks_of((stopping, nodes), (punch, nodes)))
    assert made.track_energy["range_momentum"].tolist() == [700.0, 0.0]


def test_tracks_from_one_point_have_one_vertex():
    """Fitted in x, y and z within its errors."""
    planes, z0 = np.arange(30, 40), PLANES.z[30] - 15.0
    tracks = tracks_of(
        ({}, line(planes, (50.0, -30.0), (0.3, 0.0), z0)),
        ({}, line(planes, (50.0, -30.0), (-0.2, 0.25), z0)),
        ({}, line(planes, (50.0, -30.0), (0.0, -0.3), z0)),
        ({}, line(planes, (600.0, 0.0), (0.0, 0.0), z0)),
    )
    made = find(empty(), tracks)
    assert made.vertices["type"].tolist() == [VertexType.START] * 2
    assert made.vertex_tracks.tolist() == [0, 1, 2, 3]
    vertex = made.vertices[0]
    assert vertex["position"] == pytest.approx([50.0, -30.0, z0], abs=0.5)
    assert (vertex["error"] > 0).all()
    assert (vertex["chi2"], vertex["ndf"]) == (pytest.approx(0.0, abs=0.01), 3)
    single = made.vertices[1]
    assert single["position"] == pytest.approx([600.0, 0.0, PLANES.z[30]])
    assert single["error"][:2] == pytest.approx([2.0, 2.0])


def test_pulls_of_fitted_vertices():
    """Positions spread as their errors say: lines moved by their covariances."""
    rng = np.random.default_rng(31)
    planes, z0 = np.arange(30, 40), PLANES.z[30] - 15.0
    pulls = []
    for _ in range(300):
        own = []
        for slope in ((0.3, 0.0), (-0.2, 0.25), (0.0, -0.3)):
            moved = np.array(slope) + rng.normal(0, 0.01, 2)
            shift = rng.normal(0, 2.0, 2) - (moved - slope) * (PLANES.z[30] - z0)
            own.append(({}, line(planes, shift, moved, z0)))
        vertex = find(empty(), tracks_of(*own)).vertices[0]
        if vertex["n_tracks"] == 3:
            pulls.append((vertex["position"] - [0, 0, z0]) / vertex["error"])
    assert len(pulls) > 270
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.25
    assert np.std(pulls, axis=0) == pytest.approx(np.ones(3), abs=0.2)


def test_a_track_that_does_not_fit_is_dropped_and_has_its_own_vertex():
    planes, z0 = np.arange(30, 40), PLANES.z[30]
    made = find(empty(), tracks_of(
        ({}, line(planes, (0, 25.0), (0.0, 0.0), z0)),
        ({}, line(planes, (0, 0), (0.3, 0.0), z0)),
        ({}, line(planes, (0, 0), (-0.3, 0.0), z0)),
    ))  # fmt: skip
    own = [made.vertex_tracks[v["first_track"] :][: v["n_tracks"]].tolist() for v in made.vertices]
    assert sorted(own) == [[0], [1, 2]]


def test_kinks_and_stops():
    first, second = np.arange(26, 36), np.arange(36, 46)
    z = PLANES.z[36]
    stop = {"momentum": 400.0, "momentum_source": MomentumSource.RANGE}
    made = find(empty(), tracks_of(
        ({}, line(first, (0, 0), (0.1, 0.0), z)),
        (stop, line(second, (0, 0), (-0.2, 0.2), z)),
    ))  # fmt: skip
    assert made.vertices["type"].tolist() == [VertexType.START, VertexType.KINK, VertexType.STOP]
    own = [made.vertex_tracks[v["first_track"] :][: v["n_tracks"]].tolist() for v in made.vertices]
    assert own == [[0], [1, 0], [1]]
    assert made.vertices["position"][2][2] == PLANES.z[45]


def test_backward_tracks_start_downstream_and_segments_have_no_vertex():
    nodes = line(np.arange(30, 40), (0, 0), (0.1, 0.0), PLANES.z[30])
    made = find(empty(), tracks_of(({"flags": int(TrackFlag.BACKWARD)}, nodes)))
    assert made.vertices["position"][0][2] == PLANES.z[39]
    made = find(empty(), tracks_of(({"flags": int(TrackFlag.SEGMENT)}, nodes)))
    assert len(made.vertices) == 0
    assert made.track_energy["visible"][0] == 0


def shower(x, y, planes, pe=20.0, t=1000.0):
    """Digits of a line of single strips along z."""
    return np.concatenate([digits_of_strips(p, [strip_at(p, x, y)], pe, t) for p in planes])


def test_neighbours_are_a_blob_and_others_are_not():
    formed = form(np.concatenate([
        shower(200.0, -100.0, range(50, 56)),
        digits_of_strips(70, [20], 60.0, 1000.0),
        digits_of_strips(80 - 10 + 5, [100], 20.0, 1000.0),
    ]))  # fmt: skip
    made = find(formed, whole(*NO_TRACKS))
    assert made.blobs["n_clusters"].tolist() == [6, 1]
    blob = made.blobs[0]
    assert blob["e"] == pytest.approx(18.0)
    assert blob["calorimetric"] == pytest.approx(18.0 * 1.71)
    assert blob["pe"] == pytest.approx(120.0)
    assert blob["time"] == pytest.approx(1000.0)
    assert blob["views"] == 7
    assert blob["centroid"] == pytest.approx([200.0, -100.0, PLANES.z[50:56].mean()], abs=10)
    assert blob["start"] == pytest.approx([200.0, -100.0, PLANES.z[50]], abs=15)
    single = made.blobs[1]
    assert single["flags"] == BlobFlag.ONE_VIEW
    t = PITCH * (20 - 64)
    found, _ = to_view(*single["centroid"][:2], PLANES.view[70])
    assert found == pytest.approx(t)
    unused = made.cluster_use[made.cluster_use["blob"] < 0]
    assert unused["e_unused"].tolist() == pytest.approx([3.0])
    assert (made.cluster_use["e_blob"] > 0).sum() == 7


def test_a_blob_starts_at_the_vertex_of_its_slice():
    rows = shower(0.0, 0.0, range(50, 56))
    formed = form(np.concatenate([rows, digits_of_strips(56, [64], 20.0, 1000.0)]))
    track = tracks_of(({}, line([56, 57], (0, 0), (0.0, 0.0), 0.0, cluster=6)))
    made = find(formed, track)
    assert made.blobs["n_clusters"].tolist() == [6]
    assert made.blobs["start_cluster"].tolist() == [5]
    assert made.blobs["start"][0][2] == PLANES.z[55]


def test_slices_and_the_gap_separate_blobs():
    late = shower(0.0, 0.0, range(30, 36), t=3000.0)
    late["block"], late["push"] = 1, late["push"] + 1
    formed = form(np.concatenate([
        shower(0.0, 0.0, range(18, 24)), shower(0.0, 0.0, range(24, 30)), late,
    ]))  # fmt: skip
    made = find(formed, whole(*NO_TRACKS))
    own = [made.blob_clusters[b["first_cluster"] :][: b["n_clusters"]] for b in made.blobs]
    assert all(len(set(formed.clusters["slice"][of])) == 1 for of in own)
    assert all(len(set(formed.clusters["plane"][of] >= 24)) == 1 for of in own)
    assert sorted(int(formed.clusters["plane"][of].min()) for of in own) == [18, 24, 30]


def test_caps_of_blobs_and_vertices_are_counted():
    rows = np.concatenate([
        digits_of_strips(4, [10, 30, 50, 70], 80.0, energy=np.array([6.0, 9.0, 7.0, 8.0]))
    ])  # fmt: skip
    formed = form(rows)
    made = find(formed, whole(*NO_TRACKS), object_limits=ObjectLimits(max_blobs=2))
    assert made.blobs["e"].tolist() == pytest.approx([9.0, 8.0])
    assert made.dropped["blobs"].tolist() == [2]
    wide = form(shower(0.0, 0.0, range(50, 56)))
    made = find(wide, whole(*NO_TRACKS), object_limits=ObjectLimits(max_blob_clusters=4))
    assert made.blobs["n_clusters"].tolist() == [4]
    assert made.dropped["blob_clusters"].tolist() == [2]
    assert made.flags.tolist() == [int(RecoGateFlag.BLOB_CLUSTERS)]
    assert made.cluster_use["e_unused"].sum() == pytest.approx(6.0)
    planes = np.arange(30, 40)
    tracks = tracks_of(*(
        ({}, line(planes, (200.0 * k, 0.0), (0.0, 0.0), 0.0)) for k in range(4)
    ))  # fmt: skip
    made = find(empty(), tracks, object_limits=ObjectLimits(max_vertices=3))
    assert made.dropped["vertices"].tolist() == [1]
    assert made.flags.tolist() == [int(RecoGateFlag.VERTICES)]
    together = tracks_of(*(
        ({}, line(planes, (0.0, 0.0), (0.1 * k, 0.0), PLANES.z[30])) for k in range(4)
    ))  # fmt: skip
    made = find(empty(), together, object_limits=ObjectLimits(max_vertex_tracks=2))
    assert made.vertices["n_tracks"].tolist() == [2]
    assert made.dropped["vertex_tracks"].tolist() == [2]


@cache
def chain():
    """Simulated gates through slices, clusters, tracks and objects."""
    gates = beam_gates()
    formed = FINDER.find(gates.digits, gates.offset)
    tracks = TrackFinder(PLANES, RecoConfig()).find(formed.clusters, formed.cluster_offset)
    return formed, tracks, OBJECTS.find(formed, tracks)


def test_energy_of_clusters_is_on_tracks_in_blobs_or_unused():
    """Check 2, second half: exact to 1e-6, in each gate."""
    formed, tracks, made = chain()
    assert len(tracks.tracks) > 20
    assert len(made.blobs) > 20
    for gate in range(len(formed.digit_offset) - 1):
        c0, c1 = formed.cluster_offset[gate : gate + 2]
        t0, t1 = tracks.track_offset[gate : gate + 2]
        b0, b1 = made.blob_offset[gate : gate + 2]
        single = tracks.tracks["flags"][t0:t1] & int(TrackFlag.SEGMENT) == 0
        parts = (
            made.track_energy["visible"][t0:t1][single].sum()
            + made.blobs["e"][b0:b1].sum()
            + made.cluster_use["e_unused"][c0:c1].sum()
        )
        assert parts == pytest.approx(made.clusters["e"][c0:c1].sum(dtype=float), rel=1e-6)
        use = made.cluster_use[c0:c1]
        of_parts = use["e_tracks"] + use["e_blob"] + use["e_unused"]
        assert of_parts == pytest.approx(made.clusters["e"][c0:c1], rel=1e-6, abs=1e-6)


def test_objects_do_not_depend_on_chunks():
    """Check 11: byte-identical columns gate by gate."""
    formed, tracks, made = chain()
    names = ("vertices", "vertex_tracks", "blobs", "blob_clusters", "track_energy", "e_track")
    parts = []
    for gate, (a, b) in enumerate(pairwise(formed.digit_offset)):
        own = FINDER.find(beam_gates().digits[a:b], [0, b - a])
        t0, t1 = tracks.track_offset[gate : gate + 2]
        n0, n1 = tracks.node_offset[gate : gate + 2]
        parts.append(OBJECTS.find(own, whole(tracks.tracks[t0:t1], tracks.nodes[n0:n1])))
    for name in names:
        joined, expected = np.concatenate([getattr(p, name) for p in parts]), getattr(made, name)
        columns = expected.dtype.names or (...,)
        assert all(joined[c].tobytes() == expected[c].tobytes() for c in columns), name


def test_indices_are_those_of_the_gate():
    formed, tracks, made = chain()
    for gate in range(len(formed.digit_offset) - 1):
        n_clusters, n_tracks = (np.diff(o)[gate] for o in (formed.cluster_offset,
                                                           tracks.track_offset))  # fmt: skip
        blobs = made.blobs[made.blob_offset[gate] : made.blob_offset[gate + 1]]
        own = made.blob_clusters[made.blob_cluster_offset[gate] :][: blobs["n_clusters"].sum()]
        assert len(set(own.tolist())) == len(own)
        assert n_clusters > own.max(initial=-1)
        of = made.vertex_tracks[made.vertex_track_offset[gate] :][
            : made.vertex_track_offset[gate + 1] - made.vertex_track_offset[gate]
        ]
        assert n_tracks > of.max(initial=-1)
        starts = made.vertices[made.vertex_offset[gate] : made.vertex_offset[gate + 1]]
        first = [of[v["first_track"]] for v in starts if v["type"] != VertexType.STOP]
        assert len(first) <= n_tracks


def test_visible_energy_is_that_of_the_scintillator():
    """Muons that cross both sides: 3.5 MeV a plane at the minimum, a little more above it."""
    _, tracks, made = chain()
    through = (tracks.tracks["kind"] == 3) & (tracks.tracks["n_nodes"] > 70)
    assert through.sum() > 5
    stretch = np.sqrt(1 + tracks.tracks["ax"] ** 2 + tracks.tracks["ay"] ** 2)
    per_plane = (made.track_energy["visible"] / tracks.tracks["n_nodes"] / stretch)[through]
    assert 2.8 < np.median(per_plane) < 4.2


def test_clusters_and_tracks_have_to_be_of_the_same_gates():
    formed = empty()
    tracks = dataclasses.replace(whole(*NO_TRACKS), track_offset=np.zeros(3, np.int64))
    with pytest.raises(UsageError, match="1 gates, but tracks of 2"):
        OBJECTS.find(formed, tracks)


def test_empty_gates():
    formed = FINDER.find(np.zeros(0, beam_gates().digits.dtype), [0, 0, 0])
    tracks = TrackFinder(PLANES, RecoConfig()).find(formed.clusters, formed.cluster_offset)
    made = OBJECTS.find(formed, tracks)
    assert len(made.blobs) == len(made.vertices) == 0
    assert made.flags.tolist() == [0, 0]
