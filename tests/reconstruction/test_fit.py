"""The Kalman fit against least squares with the full covariance matrix, and against truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mx2prod.core.errors import UsageError
from mx2prod.detector import to_view
from mx2prod.reconstruction import CLUSTER_DTYPE, RecoConfig, TrackFinder
from mx2prod.reconstruction.fit_kernels import fly as carry
from mx2prod.reconstruction.fit_kernels import scatter
from mx2prod.reconstruction.material_kernels import cross
from tests.reconstruction.making import (
    FIRST_HCAL,
    MUON,
    N_UPSTREAM,
    PLANES,
    RESOLUTION,
    Array,
    clusters_of,
    fly,
    starts,
)

FINDER = TrackFinder(PLANES, RecoConfig())
DIAGONAL = [0, 4, 7, 9]
MOMENTA = [500.0, 1000.0, 2000.0, 5000.0, 20000.0]
UPSTREAM = np.arange(N_UPSTREAM)
DOWNSTREAM = np.arange(N_UPSTREAM, FIRST_HCAL)


def without_loss(finder: TrackFinder) -> TrackFinder:
    stack = finder.layers.stack
    finder.layers = replace(finder.layers, stack=stack._replace(loss=np.zeros_like(stack.loss)))
    return finder


def scattering(finder: TrackFinder, z: Array, momentum: float) -> Array:
    """Covariance of the displacements at ``z``, one direction, path along the axis."""
    pieces = finder.layers.stack.pieces
    beta_p = momentum**2 / np.hypot(momentum, MUON)
    total = np.zeros((len(z), len(z)))
    for piece in pieces[(pieces["ring"] == 0) & (pieces["low"] >= z[0])]:
        length = piece["high"] - piece["low"]
        angle2 = (13.6 / beta_p * piece["factor"]) ** 2 * length * piece["per_mm"]
        rest = np.clip(z - piece["high"], 0, None)
        behind = (z >= piece["high"] - 1e-6).astype(float)
        a, b = np.meshgrid(rest, rest)
        total += angle2 * np.outer(behind, behind) * (a * b + (a + b) * length / 2 + length**2 / 3)
    return total


@pytest.mark.parametrize("planes", [UPSTREAM, DOWNSTREAM, np.array([0, 1, 2, 5, 23, 24, 30, 75])])
@pytest.mark.parametrize("momentum", [500.0, 20000.0])
def test_fit_is_least_squares_with_the_full_covariance(planes: Array, momentum: float) -> None:
    finder = without_loss(TrackFinder(PLANES, RecoConfig()))
    rng = np.random.default_rng(int(momentum) + len(planes))
    rows = clusters_of(rng, np.zeros(len(planes)), planes)
    rows["err"] = rng.uniform(2.0, 6.0, len(planes))
    found = finder.fit(rows, [0, len(planes)], [momentum])
    z = PLANES.z[planes]
    hx, _ = to_view(1.0, 0.0, PLANES.view[planes])
    hy, _ = to_view(0.0, 1.0, PLANES.view[planes])
    d = z - z[0]
    design = np.column_stack([hx, hy, hx * d, hy * d])
    covariance = np.diag(rows["err"].astype(float) ** 2)
    covariance += (np.outer(hx, hx) + np.outer(hy, hy)) * scattering(finder, z, momentum)
    weight = np.linalg.inv(covariance)
    cov = np.linalg.inv(design.T @ weight @ design)
    t = rows["coord"].astype(float)
    state = cov @ design.T @ weight @ t
    track = found.tracks[0]
    sigma = np.sqrt(np.diag(cov))
    got = np.array([track["x"], track["y"], track["ax"], track["ay"]])
    # slopes of a few mrad lengthen the path, and nothing is known before to 300 mm and 3 only
    assert np.all(np.abs(got - state) < 5e-3 * sigma)
    np.testing.assert_allclose(track["first_cov"], cov[np.triu_indices(4)], rtol=5e-3, atol=1e-6)
    miss = t - design @ state
    assert track["chi2"] == pytest.approx(miss @ weight @ miss, rel=5e-3)
    assert track["ndf"] == len(planes) - 4


def fitted(
    rng: np.random.Generator, momentum: float, n: int, planes: Array, spread: float = 0.1
) -> tuple[Array, Array, Array, Array]:
    """True states and fitted tracks that crossed all planes, with the momentum at the first."""
    flown = fly(rng, momentum, starts(rng, n, spread))
    t = flown.coordinates()[:, planes]
    good = np.isfinite(t).all(axis=1)
    rows = clusters_of(rng, t[good].ravel(), np.tile(planes, good.sum()))
    offset = np.arange(good.sum() + 1) * len(planes)
    found = FINDER.fit(rows, offset, flown.momentum[good, planes[0]])
    first, last = flown.state[good, planes[0]], flown.state[good, planes[-1]]
    return found.tracks, first, last, flown.momentum[good, planes[0]]


def pulls(tracks: Array, first: Array, last: Array) -> tuple[Array, Array]:
    state = np.column_stack([tracks[name] for name in ("x", "y", "ax", "ay")])
    one = (state - first) / np.sqrt(tracks["first_cov"][:, DIAGONAL])
    return one, (tracks["last_state"] - last) / np.sqrt(tracks["last_cov"][:, DIAGONAL])


@pytest.mark.parametrize("momentum", MOMENTA)
def test_pulls_upstream(momentum: float) -> None:
    """Reconstruction page, check 7, a small sample: three standard deviations of its own."""
    n = 1500
    tracks, first, last, _ = fitted(np.random.default_rng(7), momentum, n, UPSTREAM)
    for pull in pulls(tracks, first, last):
        assert np.all(np.abs(pull.mean(axis=0)) < 3.5 / np.sqrt(len(pull)))
        assert np.all(np.abs(pull.std(axis=0) - 1) < 0.05 + 3 / np.sqrt(2 * len(pull)))
    assert np.mean(tracks["chi2"] / tracks["ndf"]) == pytest.approx(1, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize(
    ("planes", "lowest"),
    [(UPSTREAM, 0.0), (DOWNSTREAM, 1000.0), (np.arange(len(PLANES)), 2000.0)],
    ids=["upstream", "downstream", "through"],
)
def test_pulls_of_the_page(momentum: float, planes: Array, lowest: float) -> None:
    """Check 7: mean below 0.05, width 0.95 to 1.05."""
    if momentum < lowest:
        momentum = {1000.0: 1200.0, 2000.0: 3000.0}[lowest]  # the least that comes through
    tracks, first, last, _ = fitted(np.random.default_rng(11), momentum, 10_000, planes)
    assert len(tracks) > 5_000
    for pull in pulls(tracks, first, last):
        assert np.all(np.abs(pull.mean(axis=0)) < 0.05)
        assert np.all(np.abs(pull.std(axis=0) - 1) < 0.05)


UPSTREAM_WIDTHS = {
    500.0: (15, 17, 1.8, 2.4),
    1000.0: (9.1, 10.5, 1.6, 2.1),
    2000.0: (6.5, 7.9, 1.6, 2.1),
    5000.0: (5.5, 7.0, 1.5, 2.1),
    20000.0: (5.3, 6.9, 1.5, 2.0),
}
"""Section 10: angles in x and y, mrad; positions, mm; at the last upstream plane."""
DOWNSTREAM_WIDTHS = {
    500.0: (16, 16),
    1000.0: (9.5, 9.8),
    2000.0: (5.9, 6.4),
    5000.0: (3.5, 4.1),
    20000.0: (2.5, 3.3),
}
"""Section 10: angles at the first downstream plane, mrad."""


def expected(momentum: float, planes: Array, last: bool) -> Array:
    """Standard deviations that the fit states for a track on the axis without energy loss."""
    finder = without_loss(TrackFinder(PLANES, RecoConfig()))
    rows = clusters_of(np.random.default_rng(0), np.zeros(len(planes)), planes)
    rows["coord"] = 0
    found = finder.fit(rows, [0, len(planes)], [momentum])
    return np.sqrt(found.tracks["last_cov" if last else "first_cov"][0, DIAGONAL])


@pytest.mark.parametrize("momentum", MOMENTA)
def test_widths_of_the_page(momentum: float) -> None:
    """Within 10 %; the numbers of the page hold for a constant momentum.

    With the energy loss of section 2 a muon of 500 MeV/c has 418 left behind the upstream planes.
    A rounded number of the page may be off by half its last digit.
    """
    ups = expected(momentum, UPSTREAM, True) * [1, 1, 1e3, 1e3]
    angle_x, angle_y, x, y = UPSTREAM_WIDTHS[momentum]
    np.testing.assert_allclose(ups[2:], [angle_x, angle_y], rtol=0.1)
    np.testing.assert_allclose(ups[:2], [x, y], rtol=0.1)
    downs = expected(momentum, DOWNSTREAM, False)[2:] * 1e3
    np.testing.assert_allclose(downs, DOWNSTREAM_WIDTHS[momentum], rtol=0.1, atol=0.5)


MATCH_WIDTHS = {
    500.0: (116, 118, 93),
    1000.0: (60, 61, 47),
    2000.0: (32, 34, 25),
    5000.0: (16, 18, 12),
    20000.0: (10, 14, 7),
}
"""Section 10: distance of segments at z = -700 mm in x and y, mm; angle, mrad."""


@pytest.mark.parametrize("momentum", MOMENTA)
def test_match_widths_of_the_page(momentum: float) -> None:
    """Within 10 %, for a constant momentum and the argon spread over the whole gap (note 0122)."""
    finder = without_loss(TrackFinder(PLANES, RecoConfig()))
    stack = finder.layers.stack
    pieces = stack.pieces[(stack.pieces["medium"] != 3) & ~in_gap(stack.pieces)]
    length = 9.3 / 3500.0
    argon = np.zeros(1, pieces.dtype)
    low, high = PLANES.z[N_UPSTREAM - 1] + 12, PLANES.z[N_UPSTREAM] - 9
    argon[0] = (low, high, length, 1 + 0.038 * np.log(9.3), 3, 0)
    stack = stack._replace(pieces=np.sort(np.concatenate([pieces, argon]), order="low"))
    stack.planes["piece"] = np.searchsorted(stack.pieces["low"], PLANES.z - 1e-9)
    total = np.zeros(10)
    kinetic = np.hypot(momentum, MUON) - MUON
    for planes, last in ((UPSTREAM, True), (DOWNSTREAM, False)):
        rows = clusters_of(np.random.default_rng(0), np.zeros(len(planes)), planes)
        rows["coord"] = 0
        track = finder.fit(rows, [0, len(planes)], [momentum]).tracks[0]
        cov = np.array(track["last_cov" if last else "first_cov"])
        plane = int(planes[-1] if last else planes[0])
        state, moments = np.zeros(4), np.zeros(3)
        z, z_match = PLANES.z[plane], stack.shape[3]
        cross(stack, plane, z, z_match, state, kinetic, MUON, moments)
        carry(state, cov, z_match - z)
        scatter(cov, moments, 0.0, 0.0, 1.0 if last else -1.0)
        total += cov
    x, y, angle = MATCH_WIDTHS[momentum]
    np.testing.assert_allclose(np.sqrt(total[[0, 4]]), [x, y], rtol=0.1)
    assert np.sqrt(total[7]) * 1e3 == pytest.approx(angle, rel=0.1, abs=0.6)


def in_gap(pieces: Array) -> Array:
    low, high = PLANES.z[N_UPSTREAM - 1] + 20, PLANES.z[N_UPSTREAM] - 20
    return np.asarray((pieces["low"] > low) & (pieces["high"] < high))


def test_unbiased_residuals_are_as_wide_as_clusters_and_fit_say() -> None:
    """Check 6: residuals of one plane to tracks fitted without it."""
    rng = np.random.default_rng(3)
    flown = fly(rng, 5000.0, starts(rng, 1000))
    left_out = 11
    others = np.delete(UPSTREAM, left_out)
    t = flown.coordinates()
    found = FINDER.fit(
        clusters_of(rng, t[:, others].ravel(), np.tile(others, 1000)),
        np.arange(1001) * len(others),
        np.full(1000, 5000.0),
    )
    assert np.mean(found.nodes["chi2"]) == pytest.approx(1.0, abs=0.03)
    before = found.nodes.reshape(1000, -1)[:, left_out - 1]
    step = PLANES.z[left_out] - PLANES.z[left_out - 1]
    x, y = before["x"] + step * before["ax"], before["y"] + step * before["ay"]
    at_plane, _ = to_view(x, y, PLANES.view[left_out])
    residual = t[:, left_out] + rng.normal(0, RESOLUTION, 1000) - at_plane
    # a track of 23 clusters adds its own error of about 1 mm to the 3.1 mm of the cluster
    assert np.std(residual) == pytest.approx(RESOLUTION, rel=0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"momentum": [-1.0]}, "positive momenta"),
        ({"offset": [0, 3]}, "offsets"),
        ({"plane": 76}, "plane 76"),
        ({"err": 0.0}, "error 0.0"),
        ({"coord": np.nan}, "coordinate nan"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], words: str) -> None:
    rows = clusters_of(np.random.default_rng(1), np.zeros(8), np.arange(8))
    for name in ("plane", "err", "coord"):
        if name in change:
            rows[name][3] = change[name]
    with pytest.raises(UsageError, match=words):
        FINDER.fit(rows, change.get("offset", [0, 8]), change.get("momentum", [1000.0]))


def test_rows_of_another_type_are_refused() -> None:
    with pytest.raises(UsageError, match="CLUSTER_DTYPE"):
        FINDER.find(np.zeros(3, [("plane", "u1")]), [0, 3])


def test_one_view_determines_no_track() -> None:
    x_planes = np.flatnonzero(PLANES.view == 1)[:8]
    rows = clusters_of(np.random.default_rng(1), np.zeros(8), x_planes)
    assert FINDER.fit(rows, [0, 8], [1000.0]).tracks["n_nodes"][0] == 0
    assert len(FINDER.fit(np.zeros(0, CLUSTER_DTYPE), [0], []).tracks) == 0
