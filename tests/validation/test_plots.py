"""Every plot draws every input without a warning: whole, partial, empty."""

from __future__ import annotations

import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mx2prod.calibration.feb_in_situ import GainRatios
from mx2prod.calibration.pedestal_status import PEDESTAL_STATUS
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.validation.channels import channel_name, status_text, strip_name, worst_channels
from mx2prod.validation.documentation import plots_page
from mx2prod.validation.feb_page import FEB_PLOTS, RATIO_PLOTS, FebView, RatioView
from mx2prod.validation.gain_plots import GAIN_PLOTS, GainView
from mx2prod.validation.histogram import draw_histogram, log_counts, middle_of
from mx2prod.validation.maps import board_map, strip_map
from mx2prod.validation.pedestal_plots import PEDESTAL_PLOTS, PedestalView
from mx2prod.validation.plot import catalogue, figures
from mx2prod.validation.style import drawing, svg_text
from mx2prod.validation.trends import GAIN_TRENDS, PEDESTAL_TRENDS, Trend

ALL = (*PEDESTAL_PLOTS, *GAIN_PLOTS, *FEB_PLOTS, *RATIO_PLOTS, *PEDESTAL_TRENDS, *GAIN_TRENDS)


def pedestal_view(detector, *, known=slice(None)) -> PedestalView:
    n, n_febs = detector.hardware.n_channels, detector.hardware.n_febs
    rng = np.random.default_rng(1)

    def some(values):
        out = np.full(values.shape, np.nan)
        out[known] = values[known]
        return out

    slices = np.full((20, n_febs), np.nan)
    slices[:, :3] = rng.normal(0, 0.1, (20, 3))
    slices[5] = np.nan
    blocks = np.full((4, n_febs), np.nan)
    blocks[:2, :3] = 0.1
    return PedestalView(
        detector, some(rng.normal(430, 20, (n, 3))), some(rng.uniform(2, 9, (n, 3))),
        some(rng.uniform(0, 0.3, n)), some(rng.normal(430, 20, n)), np.linspace(0, 900, 20),
        slices, blocks,
    )  # fmt: skip


def gain_view(detector) -> GainView:
    n = detector.hardware.n_channels
    rng = np.random.default_rng(2)
    gain = 5.5e5 * rng.uniform(0.7, 1.4, n)
    gain[: 10 * PIXELS_PER_BOARD] = np.nan
    pe = rng.uniform(0.1, 60, n)
    return GainView(
        detector, gain, 0.02 * gain, pe, 90 * pe, 9000 * pe, 0.25, gain * 1.01,
        np.arange(500.0), rng.normal(1, 0.04, 500), np.arange(500) % 50 > 0, 0.04,
    )  # fmt: skip


def trend(n_tables: int, detector) -> Trend:
    rng = np.random.default_rng(3)
    n_febs = detector.hardware.n_febs
    hv = rng.normal(47_000, 20, (n_tables, n_febs))
    hv[:, 5:9] = np.nan
    return Trend(
        1_712_898_840_000_000 + 3_600_000_000 * np.arange(n_tables),
        tuple(("good", "investigate", "bad", "too_few", "unreadable")[k % 5]
              for k in range(n_tables)),
        rng.uniform(400, 460, (n_tables, 3)), rng.uniform(2, 9, (n_tables, 3)),
        rng.uniform(4, 7, (n_tables, n_febs)), rng.normal(520, 3, (n_tables, n_febs)), hv,
    )  # fmt: skip


def draw_all(plots, data):
    """Draw with all warnings as errors; give the titles of the axes that are drawn."""
    with drawing():
        for plot, figure in figures(plots, data, subject="run 1", stamp_text="mx2prod"):
            assert figure.axes, plot.number
            assert len(svg_text(figure, plot.number)) > 1000
    assert plt.get_fignums() == []


def empty_of(view):
    """The same view without any value."""
    fields = {
        name: np.full(value.shape, np.nan)
        for name, value in vars(view).items()
        if isinstance(value, np.ndarray) and value.dtype.kind == "f"
    }
    return replace(view, **fields)


@pytest.mark.parametrize("known", [slice(None), slice(64, 65)])
def test_pedestal_plots(detector, known):
    draw_all(PEDESTAL_PLOTS, pedestal_view(detector, known=known))


def test_pedestal_plots_without_anything(detector):
    view = empty_of(pedestal_view(detector))
    none = np.zeros((0, detector.hardware.n_febs))
    draw_all(PEDESTAL_PLOTS, replace(view, slice_seconds=np.zeros(0), slice_shift=none))


def test_gain_plots(detector):
    view = gain_view(detector)
    draw_all(GAIN_PLOTS, view)
    assert np.isnan(view.pmt_spread[:10]).all()
    assert view.pmt_spread[20] == pytest.approx(
        np.max(view.gain[1280:1344]) / np.min(view.gain[1280:1344])
    )


def test_gain_plots_without_anything(detector):
    view = empty_of(gain_view(detector))
    draw_all(GAIN_PLOTS, replace(view, pulse_seconds=np.zeros(0), pulse_light=np.zeros(0),
                                 pulse_kept=np.zeros(0, bool)))  # fmt: skip


@pytest.mark.parametrize("n_tables", [0, 1, 7])
def test_trends(detector, n_tables):
    for plots in (PEDESTAL_TRENDS, GAIN_TRENDS):
        draw_all(plots, trend(n_tables, detector))


def test_trends_without_registers(detector):
    whole = trend(3, detector)
    none = np.full_like(whole.hv, np.nan)
    draw_all(GAIN_TRENDS, replace(whole, hv=none, temperature=none))
    draw_all(GAIN_TRENDS, replace(whole, hv=none))


@pytest.mark.parametrize("known", [0, 192])
def test_feb_plots(detector, known):
    n = detector.hardware.n_channels
    curves = np.full((n, 3, 6), np.nan)
    curves[:known] = np.random.default_rng(1).uniform(0.1, 1, (known, 3, 6))
    draw_all(FEB_PLOTS, FebView(detector, curves))
    judged = np.zeros((2, n), bool)
    judged[0, :known] = True
    ratio = np.where(judged, 1.01, np.nan)
    ratios = GainRatios(ratio, ratio, ratio, ratio, judged.astype(np.int64), judged, "unknown")
    draw_all(RATIO_PLOTS, RatioView(detector, ratios))


def test_histograms_count_every_channel_and_leave_out_nan():
    with drawing():
        axes = plt.figure().subplots()
        draw_histogram(axes, np.array([-5.0, 0.5, 3.0, np.nan, 10.0]), 10, (0, 10), color="k")
        counts = axes.patches[0].get_data().values
        assert counts.sum() == 4
        assert (counts[0], counts[3], counts[-1]) == (2, 1, 1)
        log_counts(axes)
        assert axes.get_yscale() == "log"
        empty = plt.figure().subplots()
        draw_histogram(empty, np.array([np.nan]), 10, (0, 10), color="k")
        log_counts(empty)
        assert empty.get_yscale() == "linear"
    assert np.isnan(middle_of(np.array([np.nan])))
    assert middle_of(np.array([1.0, np.nan, 3.0])) == 2


def test_map_has_boards_along_x_and_pixels_along_y(detector):
    values = np.arange(detector.hardware.n_channels, dtype=float)
    values[0] = np.nan
    with drawing():
        figure = plt.figure()
        axes = figure.subplots()
        board_map(figure, axes, values, detector, label="n (ADC)", limits=(0, 100))
        shown = axes.images[0].get_array()
        assert shown.shape == (64, 185)
        assert shown[5, 3] == 3 * 64 + 5
        assert np.ma.is_masked(shown[0, 0]) or np.isnan(shown[0, 0])
        scale = axes.images[0].colorbar
        assert (scale.extend, scale.ax.get_ylabel()) == ("max", "n (ADC); grey: none")


def test_strip_map_shows_each_strip_where_the_plex_says(detector):
    strip = detector.plex.strip_of_channel
    values = np.where(strip >= 0, strip, -1).astype(float)
    with drawing():
        figure = plt.figure()
        strip_map(figure, values, detector, label="strip", limits=(0, 1))
        shown = np.concatenate([np.asarray(axes.images[0].get_array()) for axes in figure.axes
                                if axes.images])  # fmt: skip
    assert sorted(shown.ravel().tolist()) == list(range(detector.planes.n_strips))


def test_numbers_are_unique_and_every_plot_says_how_to_read_it():
    numbers = [plot.number for plot in ALL]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"[PGF]\d+[a-z]?", number) for number in numbers)
    assert all(plot.how_to_read.endswith(".") and plot.title for plot in ALL)


def test_page_on_how_to_read_lists_every_plot():
    page = plots_page()
    for number, title, reading in catalogue(ALL):
        assert f"| {number} | {title} | {reading} |" in page
    for number in (*(f"P{n}" for n in (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12)), "P7a",
                   *(f"G{n}" for n in range(1, 10)), "F1"):  # fmt: skip
        assert f"| {number} |" in page


def test_ids_in_an_svg_are_those_of_its_plot():
    with drawing():
        axes = plt.figure().subplots()
        axes.plot([0, 1], [1, 0], label="a")
        axes.fill_between([0, 1], [0, 1])
        axes.legend()
        text = svg_text(axes.figure, "P1")
    ids = set(re.findall(r'\bid="([^"]+)"', text))
    assert ids
    assert all(name.startswith("P1-") for name in ids)
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert used
    assert used <= ids


def test_names_of_channels(detector):
    assert channel_name(detector, 64 + 5) == "0-1-0-2-5"
    plex = detector.plex.channels
    first = int(np.flatnonzero(detector.plex.strip_of_channel >= 0)[0])
    row = plex[first]
    assert strip_name(detector, first).startswith(f"{row['module']}/{row['plane']}/{row['strip']} ")
    assert strip_name(detector, 0) == "outer detector"
    assert strip_name(detector, int(np.flatnonzero(plex["role"] == 2)[0])) == "spare pixel"
    assert status_text(0, PEDESTAL_STATUS) == "-"


def test_worst_channels_are_bad_first_inner_first_and_two_of_a_bad_board():
    stuck = next(bit for bit in PEDESTAL_STATUS if bit.name == "stuck")
    wide = next(bit for bit in PEDESTAL_STATUS if bit.name == "wide")
    status = np.zeros(6 * 64, np.int32)
    inner = np.ones(len(status), bool)
    inner[:64] = False
    status[3] = stuck.mask
    status[70] = wide.mask
    status[80] = stuck.mask
    status[128:192] = stuck.mask
    without = np.zeros(len(status), bool)
    without[130:192] = True
    status[200] = stuck.mask
    without[200] = True
    worst = worst_channels(status, PEDESTAL_STATUS, inner, without_data=without, most=10)
    assert worst.tolist() == [80, 128, 129, 3, 70, 200]
    assert worst_channels(status, PEDESTAL_STATUS, inner, without_data=without, most=2).size == 2
    none = worst_channels(0 * status, PEDESTAL_STATUS, inner, without_data=without, most=5)
    assert none.tolist() == []
