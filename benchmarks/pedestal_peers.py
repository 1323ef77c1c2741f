"""The pedestal accumulator beside ctapipe's aggregators, on the same readings in the same run."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.pedestal_accumulator import first_chunks, further_seconds
from benchmarks.timing import Row, best_seconds, row
from mx2prod.calibration import PedestalAccumulator, PedestalMoments, accumulate, peirce1
from mx2prod.calibration.boards import ROWS_PER_BOARD
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.trip import pixels_by_gain
from mx2prod.raw.columns import FEB_EXCLUDED, GateChunk

PEER = Path(__file__).with_name("ctapipe_peer.py")
Arrays = dict[str, npt.NDArray[Any]]


def measure(path: Path, ctapipe_python: Path) -> list[Row]:
    """Measure on the first gates of a pedestal file; rows with name, value, unit, ratio.

    Parameters
    ----------
    path : Path
        Raw file of the Mx2 geometry with good pedestal gates only.
    ctapipe_python : Path
        Interpreter of the environment that has ctapipe.

    Raises
    ------
    SystemExit
        If ctapipe's means or widths are not ours.
    """
    hardware = HardwareMap.load()
    chunks = with_own_readings(first_chunks(path))
    readings = readings_of(chunks, hardware)
    ours = best_seconds(lambda: accumulate(chunks, hardware))
    total = accumulate(chunks, hardware)
    plain = best_seconds(total.plain_moments)
    clipped = best_seconds(lambda: outliers_rejected(total))
    seconds, theirs = aggregate(readings, ctapipe_python)
    require_agreement(total, theirs)
    n = int(np.count_nonzero(np.isfinite(readings)))
    rate = n / ours / 1e6
    rows = [row("accumulate, with histograms and monitors", rate, "M/s", ours=rate)]
    for name, spent in (
        ("accumulate, each further gate", further_seconds(chunks, hardware, 5)),
        ("accumulate, mean and rms of all readings", ours + plain),
        ("accumulate, mean and rms without outliers (peirce1)", ours + clipped),
        *((f"ctapipe {kind}", value) for kind, value in seconds.items()),
    ):
        rows.append(row(name, n / spent / 1e6, "M/s", ours=rate))
    return rows


def with_own_readings(chunks: list[GateChunk]) -> list[GateChunk]:
    """Give every gate readings of its own, because the file repeats a few gates.

    Pedestals of 430 +- 20 ADC, width 5 ADC, and 1 % of readings with 1 to 3 photoelectrons of 70
    ADC on top.
    """
    generator = np.random.default_rng(1)
    mean = generator.normal(430, 20, chunks[0].adc.shape[1:])
    result = []
    for chunk in chunks:
        noise = generator.normal(0, 5, chunk.adc.shape)
        light = 70 * generator.integers(1, 4, chunk.adc.shape)
        light[generator.random(chunk.adc.shape) > 0.01] = 0
        result.append(replace(chunk, adc=np.rint(mean + noise + light).astype(np.uint16)))
    return result


def readings_of(chunks: list[GateChunk], hardware: HardwareMap) -> npt.NDArray[np.float64]:
    """Give the readings that the accumulator takes, shape (n_gates, n_channels * 3), in its rows.

    NaN where it takes none, as ctapipe wants it: boards with a timed hit, absent boards.
    """
    parts = []
    for chunk in chunks:
        readings = np.full((len(chunk), hardware.n_febs, ROWS_PER_BOARD), np.nan)
        febs = chunk.febs[chunk.adc_frames["feb"]]
        taken = (febs["n_timed"] == 0) & ((febs["flags"] & FEB_EXCLUDED.value) == 0)
        words = pixels_by_gain(chunk.adc[taken]).transpose(0, 2, 1)
        index = hardware.feb_index(febs[taken])
        readings[febs["gate"][taken], index] = words.reshape(-1, ROWS_PER_BOARD)
        parts.append(readings.reshape(len(chunk), -1))
    return np.concatenate(parts)


def outliers_rejected(total: PedestalAccumulator) -> PedestalMoments:
    """Mean and rms by our recipe against outliers."""
    return peirce1(total.histograms, total.outside.sum(axis=1))


def aggregate(
    readings: npt.NDArray[np.float64], ctapipe_python: Path
) -> tuple[dict[str, float], Arrays]:
    """Run the peer on the readings; its seconds and its results."""
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder) / "readings.npy", Path(folder) / "result.npz"
        np.save(given, readings)
        words = [str(ctapipe_python), str(PEER), str(given), str(result)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        with np.load(result) as archive:
            arrays = {name: archive[name] for name in archive.files}
    return json.loads(done.stdout.splitlines()[-1]), arrays


def require_agreement(total: PedestalAccumulator, theirs: Arrays) -> None:
    """Refuse to compare speeds of different answers.

    Counts, means and widths of all readings must be equal to rounding.  Without outliers the two
    recipes cut at different places, so the means need only agree within their own error for 95 %
    of the rows.

    Raises
    ------
    SystemExit
        If they do not agree.
    """
    n = total.entries()
    mean, rms = total.plain_moments()
    width = theirs["PlainAggregator_std"] * np.sqrt(n / (n - 1))
    moments = outliers_rejected(total)
    apart = np.abs(moments.mean - theirs["SigmaClippingAggregator_mean"])
    for name, agree in (
        ("counts", np.array_equal(n, theirs["PlainAggregator_n_events"])),
        ("means", np.allclose(mean, theirs["PlainAggregator_mean"], rtol=0, atol=1e-9)),
        ("widths", np.allclose(rms, width, rtol=0, atol=1e-9)),
        ("means without outliers", np.mean(apart <= moments.mean_err) > 0.95),
    ):
        if not agree:
            raise SystemExit(f"{name} of ctapipe and ours do not agree")
