"""The spill: protons, batches, buckets, where rock muons enter and where neutrinos interact."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from mx2prod.detector import Planes
from mx2prod.simulation.beam import spill_protons
from mx2prod.simulation.columns import Kind
from mx2prod.simulation.events import EventGenerator, Events
from mx2prod.simulation.spec import BeamSpec
from mx2prod.simulation.strips_kernels import hexagon_radius
from tests.simulation.beam_spec import beam_spec, events_of, plan_of

BUCKET = 18.831
APOTHEM = 2128.4 / 2
MUON = 105.6583755
Z = Planes.load().z


@pytest.fixture(scope="module")
def many_muons() -> Events:
    spec = beam_spec(beam={"rock_muons_per_gate": 40.0, "interactions_per_gate": 0.0})
    return events_of(spec, 1_000)


@pytest.fixture(scope="module")
def many_vertices() -> Events:
    spec = beam_spec(beam={"rock_muons_per_gate": 0.0, "interactions_per_gate": 10.0})
    return events_of(spec, 1_000)


def test_protons_of_spills() -> None:
    spec = beam_spec()
    protons = spill_protons(spec, spec.files[0], np.arange(1, 40_001))
    empty = protons == 0
    assert np.mean(empty) == pytest.approx(0.01, abs=4.5 * math.sqrt(0.01 / 40_000))
    full = protons[~empty]
    assert full.mean() == pytest.approx(4.5e13, rel=4.5 * 0.05 / 200)
    assert full.std() == pytest.approx(0.05 * 4.5e13, rel=0.02)


def test_protons_of_a_gate_depend_on_no_other() -> None:
    spec = beam_spec()
    file = spec.files[0]
    some = spill_protons(spec, file, [3_001, 12, 7])
    assert some.tolist() == spill_protons(spec, file, np.arange(1, 4_000))[[3_000, 11, 6]].tolist()
    other = file.model_copy(update={"subrun": 8})
    assert not np.any(some == spill_protons(spec, other, [3_001, 12, 7]))


def test_number_of_muons_and_vertices_is_poisson_and_goes_with_protons() -> None:
    spec = beam_spec(beam={"pot_spread": 0.0, "empty_fraction": 0.0})
    plan = plan_of(spec, np.arange(1, 8_001))
    plan["pot"][::2] *= 0.5
    nothing = np.zeros(76)
    events = EventGenerator(spec, spec.files[0], nothing, nothing).generate(plan)
    rock = events.particles[events.particles["kind"] == Kind.ROCK]
    for rows, rate in ((rock, 3.1), (events.vertices, 0.45)):
        per_gate = np.bincount(rows["gate"], minlength=8_001)[1:]
        for part, mean in ((per_gate[::2], rate / 2), (per_gate[1::2], rate)):
            assert part.mean() == pytest.approx(mean, abs=4.5 * math.sqrt(mean / 4_000))
            assert part.var() == pytest.approx(mean, rel=0.12)


def test_times_have_batches_and_buckets(many_muons: Events) -> None:
    """Detector page, section 10, check 8: bunches, six batches with gaps, 9.49 us in total."""
    rows = many_muons.particles
    arrival = rows["start_ns"] - (rows["start_z"] - (Z[0] - 8.5)) / 299.792458 - 400.0
    number = rows["batch"].astype(int) * 84 + rows["bucket"]
    within = arrival - (number + 0.5) * BUCKET
    assert abs(within.mean()) < 4.5 * 1.5 / math.sqrt(len(rows))
    assert within.std() == pytest.approx(1.5, rel=0.02)
    assert set(rows["batch"].tolist()) == set(range(6))
    assert rows["bucket"].min() == 0
    assert rows["bucket"].max() == 80
    assert np.bincount(rows["bucket"]).std() < 1.2 * math.sqrt(len(rows) / 81)
    assert arrival.max() - arrival.min() == pytest.approx(
        9_490, abs=4 * BUCKET
    )  # 3 empty at the end
    gap = np.mod(arrival, 84 * BUCKET) > 81 * BUCKET + 8
    assert not np.any(gap & (np.mod(arrival, 84 * BUCKET) < 84 * BUCKET - 8))
    phase = np.exp(2j * np.pi * arrival / BUCKET)
    assert abs(phase.mean()) == pytest.approx(
        math.exp(-2 * (math.pi * 1.5 / BUCKET) ** 2), abs=0.01
    )
    wrong = np.exp(2j * np.pi * arrival / 19.5)
    assert abs(wrong.mean()) < 0.1


def test_batch_intensities_vary_from_spill_to_spill() -> None:
    shares = []
    for spread in (0.0, 0.5):
        beam = {"rock_muons_per_gate": 500.0, "interactions_per_gate": 0.0, "batch_spread": spread}
        rows = events_of(beam_spec(beam=beam), 40).particles
        counts = np.zeros((41, 6))
        np.add.at(counts, (rows["gate"], rows["batch"]), 1)
        share = counts[1:][counts[1:].sum(axis=1) > 0]
        shares.append(float(np.std(share / share.sum(axis=1, keepdims=True))))
    assert shares[0] == pytest.approx(math.sqrt(5 / 36 / 500), rel=0.15)
    assert shares[1] > 2 * shares[0]


def test_energies_and_directions_of_rock_muons(many_muons: Events) -> None:
    rows = many_muons.particles
    n = len(rows)
    energy = rows["energy"].astype(float)
    assert energy.min() > 1_000
    assert energy.mean() == pytest.approx(7_000, abs=4.5 * 6_000 / math.sqrt(n))
    momentum = np.sqrt(energy**2 - MUON**2)
    parts = np.sqrt(sum(rows[name].astype(float) ** 2 for name in ("px", "py", "pz")))
    np.testing.assert_allclose(parts, momentum, rtol=1e-5)
    assert np.all(rows["pdg"] == 13)
    for name, mean in (("px", 0.0), ("py", -0.058)):
        angle = np.arctan2(rows[name], rows["pz"])
        assert angle.mean() == pytest.approx(mean, abs=4.5 * 0.06 / math.sqrt(n))
        assert angle.std() == pytest.approx(0.06, rel=0.015)


def test_rock_muons_enter_through_face_and_sides(many_muons: Events) -> None:
    rows = many_muons.particles
    face = rows["start_z"] < Z[0]
    assert np.mean(face) == pytest.approx(0.7, abs=0.01)
    radius = np.array([hexagon_radius(x, y) for x, y in rows[["start_x", "start_y"]].tolist()])
    assert radius[face].max() < APOTHEM
    # uniform: the share inside a hexagon of half the size is a quarter
    assert np.mean(radius[face] < APOTHEM / 2) == pytest.approx(0.25, abs=0.012)
    np.testing.assert_allclose(radius[~face], APOTHEM, rtol=1e-6)
    side_z = rows["start_z"][~face]
    assert side_z.min() == pytest.approx(Z[24] - 8.5, abs=2)
    assert side_z.max() == pytest.approx(Z[75] + 8.5, abs=2)
    turn = np.round(np.arctan2(rows["start_y"], rows["start_x"])[~face] / (np.pi / 3)) * np.pi / 3
    inward = -(np.cos(turn) * rows["px"][~face] + np.sin(turn) * rows["py"][~face])
    assert np.mean(inward > 0) > 0.999  # all but those in a corner, whose side is not told
    assert np.mean(rows["start_y"][~face] > 500) > 3 * np.mean(rows["start_y"][~face] < -500)


def test_vertices_lie_in_what_they_are_said_to_be_in(many_vertices: Events) -> None:
    rows = many_vertices.vertices
    share = np.bincount(rows["region"], minlength=4)[1:] / len(rows)
    # 0.3 in argon; the rest by mass: 24 of 76 planes are upstream, without full absorbers
    upstream = 24 * 1.7 * 1.043 / (76 * 1.7 * 1.043 + 21 * 0.198 * 11.35 + 12 * 2.54 * 7.834)
    np.testing.assert_allclose(share, [0.7 * upstream, 0.3, 0.7 * (1 - upstream)], atol=0.02)
    radius = [hexagon_radius(x, y) for x, y in rows[["x", "y"]].tolist()]
    assert max(radius) < APOTHEM
    z = [rows["z"][rows["region"] == region] for region in (1, 2, 3)]
    assert z[0].min() > Z[0] - 9
    assert z[0].max() < Z[23] + 9
    assert z[1].min() > (Z[23] + Z[24]) / 2 - 651
    assert z[1].max() < (Z[23] + Z[24]) / 2 + 651
    assert z[2].min() > Z[24] - 9
    assert z[2].max() < Z[75] + 9


def test_daughters_of_vertices(many_vertices: Events) -> None:
    rows, vertices = many_vertices.particles, many_vertices.vertices
    key = vertices["gate"].astype(np.int64) * 1_000 + vertices["vertex"]
    assert len(np.unique(key)) == len(key)
    of = np.searchsorted(key, rows["gate"].astype(np.int64) * 1_000 + rows["vertex"])
    for ours, theirs in (
        ("start_x", "x"),
        ("start_y", "y"),
        ("start_z", "z"),
        ("start_ns", "time_ns"),
    ):
        np.testing.assert_array_equal(rows[ours], vertices[theirs][of])
    muons = np.bincount(of[rows["pdg"] == 13], minlength=len(key))
    hadrons = np.bincount(of[np.isin(rows["pdg"], (2212, 211, -211))], minlength=len(key))
    photons = np.bincount(of[rows["pdg"] == 22], minlength=len(key))
    assert set(muons.tolist()) == {0, 1}
    assert muons.mean() == pytest.approx(0.7, abs=0.025)
    assert hadrons.max() == 4
    assert 1.7 < hadrons.mean() < 2.05  # 2, less those without energy left
    assert photons.max() == 2
    assert photons.mean() == pytest.approx(1.0, abs=0.05)
    spent = np.bincount(of, rows["energy"] - np.where(rows["pdg"] == 2212, 938.272, 0))
    assert np.all(spent <= vertices["neutrino_energy"][: len(spent)] * (1 + 1e-5))
    assert np.all(rows["kind"] == Kind.NEUTRINO)
    assert np.all(rows["pz"] > 0)


def test_without_argon_all_interactions_are_in_planes() -> None:
    spec = beam_spec(
        beam={"rock_muons_per_gate": 0.0, "interactions_per_gate": 10.0},
        detector={"gap_material": {"argon_mm": 0.0}},
    )
    regions = events_of(spec, 50).vertices["region"]
    assert set(regions.tolist()) == {1, 3}


def test_more_filled_buckets_than_buckets_are_refused() -> None:
    with pytest.raises(ValidationError, match="81 filled buckets in a batch of 80"):
        BeamSpec(buckets_per_batch=80)
