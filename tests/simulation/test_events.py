"""Events of whole gates: energy, strips, times, and that a gate does not depend on the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mx2prod.core.errors import UsageError
from mx2prod.detector import Planes, Response, from_two_views, load_detector, strip_ends
from mx2prod.simulation import events as events_module
from mx2prod.simulation.columns import Kind
from mx2prod.simulation.events import EventGenerator, Events
from mx2prod.simulation.strips_kernels import hexagon_radius
from tests.simulation.beam_spec import NO, beam_spec, events_of, plan_of

PLANES = Planes.load()
ROCK_ONLY = {"interactions_per_gate": 0.0, "side_fraction": 0.0}


def plane_of(deposits: np.ndarray) -> np.ndarray:
    return np.asarray(deposits["strip"] // 127)


def particle_row(events: Events, rows: np.ndarray) -> np.ndarray:
    """Row of the particle of each deposit."""
    key = events.particles["gate"].astype(np.int64) * 5_000 + events.particles["particle"]
    place = np.searchsorted(key, rows["gate"].astype(np.int64) * 5_000 + rows["particle"])
    return np.asarray(place)


@pytest.fixture(scope="module")
def straight_muons() -> Events:
    """Muons of high energy along the axis: 30 GeV and more, so that slowing down plays no part."""
    beam = {**ROCK_ONLY, "rock_muons_per_gate": 20.0, "muon_energy_floor": 30_000.0}
    beam |= {"muon_energy_mean": 1.0, "muon_angle": 1e-6, "beam_dip": 0.0}
    return events_of(beam_spec(beam=beam), 40)


@pytest.fixture(scope="module")
def rock_muons() -> Events:
    return events_of(beam_spec(beam={**ROCK_ONLY, "rock_muons_per_gate": 10.0}), 150)


@pytest.fixture(scope="module")
def all_kinds() -> Events:
    return events_of(beam_spec(beam={"interactions_per_gate": 3.0}), 200)


def test_energy_of_muons_in_a_plane(rock_muons: Events) -> None:
    """Detector page, section 6: mean 3.4 MeV, peak 3.0 MeV in 17 mm."""
    rows = rock_muons.deposits
    crossing = particle_row(rock_muons, rows).astype(np.int64) * 76 + plane_of(rows)
    _, place = np.unique(crossing, return_inverse=True)
    path = np.bincount(place, rows["path_mm"])
    energy = np.bincount(place, rows["energy"])
    full = np.abs(path - 17.0) < 0.5
    scaled = energy[full] * 17.0 / path[full]
    response = Response()
    assert scaled.mean() == pytest.approx(response.muon_energy_mean, rel=0.02)
    counts, edges = np.histogram(scaled, np.arange(1, 8, 0.2))
    assert edges[counts.argmax()] + 0.1 == pytest.approx(response.muon_energy_peak, abs=0.2)


def test_energy_goes_with_path(rock_muons: Events) -> None:
    """Median energy over path is the same at all paths that Landau's logarithm hardly changes."""
    rows = rock_muons.deposits
    ratios = []
    for low, high in ((4, 8), (8, 12), (12, 16.5)):
        chosen = rows[(rows["path_mm"] > low) & (rows["path_mm"] < high)]
        ratios.append(float(np.median(chosen["energy"] / chosen["path_mm"])))
    assert max(ratios) / min(ratios) < 1.08
    assert ratios == sorted(ratios)


def test_quenching(straight_muons: Events) -> None:
    rows = straight_muons.deposits
    ratio = rows["energy_birks"] / rows["energy"]
    assert ratio.mean() == pytest.approx(1 / (1 + 0.0905 * 0.262), abs=1e-4)  # Bethe, 30 GeV


def test_strips_per_plane(rock_muons: Events) -> None:
    """Detector page, section 10, check 6: 1.9 to 2.0."""
    rows = rock_muons.deposits
    track = rows["path_mm"] > 0
    crossing = particle_row(rock_muons, rows).astype(np.int64) * 76 + plane_of(rows)
    counts = np.unique(crossing[track], return_counts=True)[1]
    assert 1.9 < counts.mean() < 2.05


def test_knock_on_electrons_in_the_neighbour_strip(straight_muons: Events) -> None:
    """3 % of the crossings with knock-on electrons above the cut; xi of the path over 0.05 MeV."""
    rows = straight_muons.deposits
    beside = rows["path_mm"] == 0
    chance = 0.03 * np.mean(1 - np.exp(-0.146 / 17 * rows["path_mm"][~beside] / 0.05))
    n = np.count_nonzero(~beside)
    assert beside.sum() == pytest.approx(chance * n, abs=4.5 * math.sqrt(chance * n))
    own = np.flatnonzero(beside) - 1
    assert np.mean(np.abs(rows["strip"][beside] - rows["strip"][own]) == 1) > 0.9


def test_positions_and_times_of_straight_muons(straight_muons: Events) -> None:
    rows, particles = straight_muons.deposits, straight_muons.particles
    of = particles[particle_row(straight_muons, rows)]
    x_plane = PLANES.view[plane_of(rows)] == 1
    # scattering of a muon of 30 GeV: 3 mm over the whole length
    offset = (rows["t_mm"] - of["start_x"])[x_plane]
    assert abs(offset.mean()) < 0.5
    assert offset.std() < 5
    assert np.abs((rows["l_mm"] - of["start_y"])[x_plane]).max() < 60
    flight = rows["time_ns"] - of["start_ns"]
    z = PLANES.z[plane_of(rows)]
    np.testing.assert_allclose(flight, (z - of["start_z"]) / 299.792458, atol=0.05)


def test_strips_are_where_the_muon_is(rock_muons: Events) -> None:
    rows = rock_muons.deposits
    centre = 16.7386 * (rows["strip"] % 127 - 63)
    track = rows["path_mm"] > 0
    assert np.abs(rows["t_mm"] - centre)[track].max() < 16.5 + 1e-3
    low, high = strip_ends(np.arange(1, 128))
    strip = rows["strip"] % 127
    assert np.all(rows["l_mm"][track] >= low[strip][track] - 1e-3)
    assert np.all(rows["l_mm"][track] <= high[strip][track] + 1e-3)


def test_shifted_and_turned_planes_are_seen() -> None:
    """The same muons in a displaced plane: t is smaller by shift + rotation l."""
    beam = {**ROCK_ONLY, "rock_muons_per_gate": 20.0, "muon_energy_floor": 30_000.0}
    beam |= {"muon_angle": 1e-6, "beam_dip": 0.0}
    shift, rotation = NO.copy(), NO.copy()
    shift[1], rotation[3] = 3.0, 4e-3
    events = events_of(beam_spec(beam=beam), 40, shift, rotation)
    rows = events.deposits
    of = events.particles[particle_row(events, rows)]
    plane = plane_of(rows)
    offset = rows["t_mm"] - of["start_x"]
    # 0.06 mm of scattering in the planes before
    np.testing.assert_allclose(offset[plane == 1], -3.0, atol=0.1)
    turned = plane == 3
    np.testing.assert_allclose(
        offset[turned], -4e-3 * rows["l_mm"][turned] - 8e-6 * rows["t_mm"][turned], atol=0.15
    )


def test_muons_scatter_in_the_planes() -> None:
    """Sideways distance over the upstream planes: Highland layer by layer, added in squares."""
    beam = {**ROCK_ONLY, "rock_muons_per_gate": 20.0, "muon_energy_floor": 3_000.0}
    beam |= {"muon_energy_mean": 1e-3, "muon_angle": 1e-6, "beam_dip": 0.0}
    events = events_of(beam_spec(beam=beam), 60)
    rows = events.deposits
    particle, plane = particle_row(events, rows), plane_of(rows)
    x_plane = (PLANES.view[plane] == 1) & (rows["path_mm"] > 0)
    first, last = ((plane == p) & x_plane for p in (1, 23))
    middle = {}
    for name, chosen in (("first", first), ("last", last)):
        n = len(events.particles)
        weight = np.bincount(particle[chosen], rows["path_mm"][chosen], minlength=n)
        total = np.bincount(particle[chosen], (rows["t_mm"] * rows["path_mm"])[chosen], minlength=n)
        middle[name] = np.divide(total, weight, out=np.full(n, np.nan), where=weight > 0)
    start = events.particles[["start_x", "start_y"]].tolist()
    no_lead = np.array([hexagon_radius(x, y) for x, y in start]) < 850
    moved = (middle["last"] - middle["first"])[no_lead]
    length = PLANES.z[23] - PLANES.z[1]
    layer = 17.0 * 1.043 / 437.9
    kick = 13.6 / 2_950 * math.sqrt(layer) * (1 + 0.038 * math.log(layer))
    arms = (PLANES.z[23] - PLANES.z[:23]) / length
    expected = kick * length * math.sqrt(np.sum(arms**2) - 0.5)
    moved = moved[np.isfinite(moved)]
    assert len(moved) > 600
    assert moved.std() == pytest.approx(expected, rel=0.12)  # 3 % of statistics, rest: thin layers


def test_particles_in_strips_leave_what_they_have() -> None:
    """Protons that begin and stop in upstream strips; no lead there inside the rings."""
    spec = beam_spec(
        beam={"interactions_per_gate": 30.0, "rock_muons_per_gate": 0.0, "argon_fraction": 0.0},
        particles={"muon_probability": 0.0, "showers": 0, "hadron_energy": 120.0},
    )
    events = events_of(spec, 200)
    particles, rows = events.particles, events.deposits
    left = np.bincount(particle_row(events, rows), rows["energy"], minlength=len(particles))
    kinetic = particles["energy"] - 938.27209
    chosen = (particles["pdg"] == 2212) & (particles["stop_z"] < PLANES.z[23] - 30)
    chosen &= particles["stop_z"] > particles["start_z"] + 40
    for end in ("start", "stop"):
        chosen &= np.hypot(particles[f"{end}_x"], particles[f"{end}_y"]) < 850
    assert chosen.sum() > 60
    # scattered aside to 84 degrees a particle is given up, with little left
    share = (left / kinetic)[chosen]
    assert np.quantile(share, 0.02) > 0.98
    assert share.max() < 1 + 1e-4
    stopped = particles["stop_ns"] > particles["start_ns"]
    assert np.all(stopped[chosen])


def test_nothing_leaves_more_than_it_has(all_kinds: Events) -> None:
    particles, rows = all_kinds.particles, all_kinds.deposits
    left = np.bincount(particle_row(all_kinds, rows), rows["energy"], minlength=len(particles))
    masses = {13: 105.65838, 211: 139.57039, 2212: 938.27209, 22: 0.0}
    mass = np.array([masses[abs(code)] for code in particles["pdg"].tolist()])
    kinetic = particles["energy"] - mass
    noise = np.where(particles["pdg"] == 22, 1.12, 1 + 1e-4)  # 3 % in each plane of a shower
    assert np.all(left <= kinetic * noise + 1e-3)
    assert np.mean(left > 0) > 0.7


def test_muons_that_range_out() -> None:
    """Mean loss of 1 GeV from end to end: 76 strips, 21 sheets, 12 plates, the gap."""
    stops = []
    for energy in (1_040.0, 4_000.0):
        beam = {**ROCK_ONLY, "muon_energy_floor": energy, "muon_energy_mean": 1.0}
        beam |= {"rock_muons_per_gate": 20.0}
        particles = events_of(beam_spec(beam=beam), 20).particles
        central = np.hypot(particles["start_x"], particles["start_y"]) < 500
        stops.append(particles["stop_z"][central])
    assert len(stops[0]) > 50
    assert np.all(stops[0] < PLANES.z[75])
    assert np.median(stops[0]) > PLANES.z[64]
    assert np.mean(stops[1] > PLANES.z[75]) > 0.8


def test_times_and_distances_agree(all_kinds: Events) -> None:
    particles = all_kinds.particles
    place = [np.array(particles[f"stop_{c}"] - particles[f"start_{c}"], float) for c in "xyz"]
    distance = np.sqrt(sum(part**2 for part in place))
    duration = particles["stop_ns"] - particles["start_ns"]
    # multiple scattering moves a particle sideways in no time: to be seen behind 1.3 m of argon
    gap = (particles["start_z"] < PLANES.z[24] - 9) & (particles["stop_z"] > PLANES.z[23] + 9)
    assert np.all(duration >= distance / 299.792458 - np.where(gap, 1.0, 0.01))
    muons = (particles["kind"] == Kind.ROCK) & (distance > 100)
    assert np.median(duration[muons] / (distance[muons] / 299.792458)) == pytest.approx(1, abs=0.01)


def test_deposits_are_in_order_of_gate_particle_and_time(all_kinds: Events) -> None:
    rows = all_kinds.deposits
    order = np.lexsort((rows["time_ns"], rows["particle"], rows["gate"]))
    np.testing.assert_array_equal(rows[order][["gate", "particle"]], rows[["gate", "particle"]])
    same = (np.diff(rows["gate"].astype(int)) == 0) & (np.diff(rows["particle"]) == 0)
    assert np.all(np.diff(rows["time_ns"])[same] >= 0)
    assert np.all(rows["energy"] > 0)
    assert np.all(rows["energy_birks"] <= rows["energy"])
    assert np.all((rows["strip"] >= 0) & (rows["strip"] < PLANES.n_strips))
    for name in ("path_mm", "t_mm", "l_mm", "time_ns"):
        assert np.all(np.isfinite(rows[name]))


def test_numbers_of_particles_and_vertices(all_kinds: Events) -> None:
    for rows, name in ((all_kinds.particles, "particle"), (all_kinds.vertices, "vertex")):
        first = np.flatnonzero(np.diff(rows["gate"], prepend=0) > 0)
        expected = np.arange(len(rows)) - np.repeat(first, np.diff(first, append=len(rows)))
        np.testing.assert_array_equal(rows[name], expected)
    assert np.all(all_kinds.particles["parent"] == -1)
    rock = all_kinds.particles["kind"] == Kind.ROCK
    assert np.all(all_kinds.particles["vertex"][rock] == -1)
    assert np.all(all_kinds.particles["vertex"][~rock] >= 0)


def equal(left: Events, right: Events) -> bool:
    names = ("particles", "vertices", "deposits")
    return all(getattr(left, name).tobytes() == getattr(right, name).tobytes() for name in names)


def only(events: Events, gate: int) -> Events:
    parts = (events.particles, events.vertices, events.deposits)
    return Events(*(rows[rows["gate"] == gate] for rows in parts))


def test_a_gate_is_the_same_alone_and_in_any_block() -> None:
    spec = beam_spec(beam={"interactions_per_gate": 2.0})
    together = events_of(spec, 30)
    for gate in (1, 17, 30):
        alone = EventGenerator(spec, spec.files[0], NO, NO).generate(plan_of(spec, [gate]))
        assert len(alone.deposits) > 0
        assert equal(alone, only(together, gate))


def test_arrays_that_are_too_small_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = beam_spec(beam={"interactions_per_gate": 2.0})
    expected = events_of(spec, 20)
    monkeypatch.setattr(events_module, "_FIRST_SIZES", (1, 1, 1))
    assert equal(events_of(spec, 20), expected)


def test_a_generator_can_be_used_again() -> None:
    spec = beam_spec()
    generator = EventGenerator(spec, spec.files[0], NO, NO)
    plan = plan_of(spec, np.arange(1, 11))
    assert equal(generator.generate(plan), generator.generate(plan))


def test_seed_run_and_subrun_matter() -> None:
    spec = beam_spec()
    first = events_of(spec, 5)
    assert not equal(first, events_of(beam_spec(seed=12), 5))
    file = spec.files[0].model_copy(update={"subrun": 8})
    other = EventGenerator(spec, file, NO, NO).generate(plan_of(spec, np.arange(1, 6)))
    assert not equal(first, other)


@pytest.mark.parametrize(("trigger", "pot"), [(1, 4.5e13), (2, 0.0), (16, 0.0)])
def test_gates_without_beam_have_no_particles(trigger: int, pot: float) -> None:
    spec = beam_spec(beam={"rock_muons_per_gate": 50.0})
    plan = plan_of(spec, np.arange(1, 6))
    plan["trigger_type"], plan["pot"] = trigger, pot
    events = EventGenerator(spec, spec.files[0], NO, NO).generate(plan)
    assert equal(events, Events.none())


def test_too_many_particles_are_refused() -> None:
    spec = beam_spec(beam={"rock_muons_per_gate": 6_000.0})
    with pytest.raises(UsageError, match="more than 4096 particles"):
        events_of(spec, 2)


def test_views_agree_on_where_a_muon_is(straight_muons: Events) -> None:
    """x and y from U and V planes are those at which the muon started."""
    rows = straight_muons.deposits
    of = straight_muons.particles[particle_row(straight_muons, rows)]
    plane, particle = plane_of(rows), particle_row(straight_muons, rows)
    t: dict[int, Any] = {}
    for number in (0, 2):
        chosen = (plane == number) & (rows["path_mm"] > 8.6)  # the larger part, in one strip
        t[number] = dict(zip(particle[chosen].tolist(), rows["t_mm"][chosen].tolist(), strict=True))
    both = sorted(set(t[0]) & set(t[2]))
    views = [PLANES.view[number] for number in (0, 2)]
    x, y = from_two_views([t[0][k] for k in both], views[0], [t[2][k] for k in both], views[1])
    start = straight_muons.particles[both]
    np.testing.assert_allclose(x, start["start_x"], atol=0.1)
    np.testing.assert_allclose(y, start["start_y"], atol=0.1)
    assert len(of) == len(rows)


def test_boards_hit_in_a_gate() -> None:
    """Occupancy at default rates, in boards with a deposit; the rock rate tunes the volume."""
    detector = load_detector()
    events = events_of(beam_spec(), 400)
    board = detector.plex.channel_of_strip[events.deposits["strip"]] // 64
    pairs = np.unique(events.deposits["gate"].astype(np.int64) * 1_000 + board)
    assert 20 < len(pairs) / 400 < 160
