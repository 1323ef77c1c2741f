"""From energy in strips to what the boards read: photoelectrons, charge, hit blocks, ADC.

Source: detector page, sections 6 and 7.2; raw-format page, sections 3 to 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.units import NS_PER_US, TICK_NS, US_PER_S
from mx2prod.detector import Electronics, strip_ends, strip_length
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import CHANNEL_OF_PIXEL, N_TRIP_CHANNELS, TRIP_OF_PIXEL
from mx2prod.raw.columns import ADC_FRAME_DTYPE, FEB_DTYPE, RECORD_DTYPE, FebFlag
from mx2prod.raw.encoder import cell_types
from mx2prod.simulation.adc_kernels import CHARGE_DTYPE, WORDS, make_adc
from mx2prod.simulation.boards import selected_boards
from mx2prod.simulation.columns import DEPOSIT_DTYPE, HIT_DTYPE
from mx2prod.simulation.hardware import SECONDS_PER_HOUR, TrueDetector, day_wave
from mx2prod.simulation.random_kernels import normal_table
from mx2prod.simulation.readout_kernels import make_blocks
from mx2prod.simulation.spec import FileSpec, Spec

Floats = npt.NDArray[np.float64]
_Columns = npt.NDArray[np.void]

TICKS_OF_SPAN = 5_000_000
SPAN_US = round(TICKS_OF_SPAN * TICK_NS / NS_PER_US)
"""Time in microseconds that is a whole number of ticks, so that no digit of a counter is lost."""
MOST_ARRIVALS = 4096
FIRST_ROWS = 65_536
"""Room for records, charges and hits of a block, to begin with."""
LED_GROUPS = {8: "ABCD", 16: "BCD", 32: "ACD", 64: "CD", 128: "ABD"}
"""LED groups that flash, by the argument in the DAQ header."""
LED_LETTERS = "ABCD"


@dataclass(frozen=True)
class BoardReadout:
    """What all boards read in some gates, in the columns of a decoded raw file.

    Attributes
    ----------
    febs : ndarray of FEB_DTYPE, shape (n_gates * n_boards,)
        In order of gate and board; event count and frame time are left 0.
    records : ndarray of RECORD_DTYPE
    adc_frames : ndarray of ADC_FRAME_DTYPE, shape (n_frames,)
    adc : ndarray of uint16, shape (n_frames, 6, 36)
    hits : ndarray of HIT_DTYPE
        Truth; empty if it is not asked for.
    dead_ns : ndarray of float64, shape (n_gates,)
        Blind time, summed over pairs of chips.
    """

    febs: _Columns
    records: _Columns
    adc_frames: _Columns
    adc: npt.NDArray[np.uint16]
    hits: _Columns
    dead_ns: Floats


class ReadoutSimulator:
    """The boards of one file.

    Parameters
    ----------
    spec : Spec
    file : FileSpec
    truth : TrueDetector
    """

    def __init__(self, spec: Spec, file: FileSpec, truth: TrueDetector) -> None:
        self._spec, self._file, self._truth = spec, file, truth
        hardware = truth.detector.hardware
        self._boards = selected_boards(hardware, spec.detector.febs)
        self._numbers = hardware.feb_index(self._boards)
        self._table = normal_table()
        self._local = np.full(hardware.n_febs, -1, np.int64)
        self._local[self._numbers] = np.arange(len(self._boards))
        self._pixel_of = truth.channel_of_strip
        self._strips = _strip_columns(truth)
        response = truth.response
        self._response = np.array(
            [truth.w2, response.xtalk_dynode, response.afterpulse, response.afterpulse_delay,
             truth.slewing_ns, response.xtalk_side, response.xtalk_corner,
             response.fibre_light_speed]
        )  # fmt: skip
        self._of_boards = {
            "gains": self._take(truth.charge_per_pe),
            "alive": self._take(truth.alive),
            "threshold": self._take(truth.threshold),
            "dark": np.cumsum(self._take(np.where(truth.alive, truth.dark_rate, 0)), axis=1),
            "injected": self._take(_injected(truth, file)),
            "pedestal": self._take(truth.pedestal),
            "noise": self._take(truth.noise),
            "curve": self._take(truth.curve),
            "stuck": self._take(truth.stuck),
        }
        self._sizes = [FIRST_ROWS, FIRST_ROWS, FIRST_ROWS, MOST_ARRIVALS]
        self._offsets = np.ascontiguousarray(truth.offset_ns[self._numbers])
        self._phase, self._drift = truth.day_phase[self._numbers], truth.drift[self._numbers]
        self._common = response.common_shift
        ticks = Electronics().gate_length_ticks
        self._clock = np.array([TICK_NS, ticks * TICK_NS])
        self._choices = np.array(
            [file.push == "independent", spec.adc_pairing == "end",
             response.low_gain == "per_push", spec.truth != "light"]
        )  # fmt: skip
        self._word = (TRIP_OF_PIXEL.astype(np.int64) * N_TRIP_CHANNELS + CHANNEL_OF_PIXEL).T.copy()

    def _take(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Values of the channels of the simulated boards, shape (n_boards, 64, ...)."""
        by_board = values.reshape(-1, PIXELS_PER_BOARD, *values.shape[1:])
        return np.ascontiguousarray(by_board[self._numbers])

    def read(self, plan: _Columns, deposits: _Columns) -> BoardReadout:
        """Read all boards in some gates.

        Parameters
        ----------
        plan : ndarray of GATE_PLAN_DTYPE, shape (n_gates,)
        deposits : ndarray of DEPOSIT_DTYPE
            Of these gates.

        Returns
        -------
        BoardReadout
        """
        febs = self._febs(plan)
        place = np.concatenate(
            [[self._file.run, self._file.subrun], plan["gate"].astype(np.int64)]
        ).astype(np.int64)
        rows = np.ascontiguousarray(deposits, DEPOSIT_DTYPE)
        records, charges, hits, dead = self._blocks(plan, place, rows, febs)
        frames = _frames(febs, self._file.firmware)
        adc = np.empty((len(frames), WORDS), np.uint16)
        values = self._of_boards
        make_adc(
            np.uint64(self._spec.seed), place, self._table, self._numbers, febs, charges,
            values["pedestal"], values["noise"], values["curve"], self._shift(plan), self._common,
            values["stuck"], self._word, adc,
        )  # fmt: skip
        return BoardReadout(
            febs, records, frames, adc.reshape(len(frames), -1, N_TRIP_CHANNELS), hits, dead
        )

    def _febs(self, plan: _Columns) -> _Columns:
        n_boards = len(self._boards)
        febs = np.zeros(len(plan) * n_boards, FEB_DTYPE)
        febs["gate"] = np.repeat(np.arange(len(plan)), n_boards)
        for name in self._boards.dtype.names or ():
            febs[name] = np.tile(self._boards[name], len(plan))
        febs["firmware"] = self._file.firmware
        if self._file.push == "independent":
            febs["flags"] |= FebFlag.INDEPENDENT_PUSH.value
        febs["gate_timestamp"] = np.repeat(_timestamps(plan), n_boards)
        return febs

    def _by_board(
        self, plan: _Columns, deposits: _Columns
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows of the deposits in order of gate and board, and where each begins."""
        n_boards = len(self._boards)
        board = self._local[self._pixel_of[deposits["strip"]] // PIXELS_PER_BOARD]
        gate = deposits["gate"].astype(np.int64) - int(plan["gate"][0])
        rows = np.flatnonzero(board >= 0)
        key = gate[rows] * n_boards + board[rows]
        rows = rows[np.argsort(key, kind="stable")]
        counts = np.bincount(key, minlength=len(plan) * n_boards)
        return rows, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def _blocks(
        self, plan: _Columns, place: npt.NDArray[np.int64], deposits: _Columns, febs: _Columns
    ) -> tuple[_Columns, _Columns, _Columns, Floats]:
        """Run the kernel; again with more room if the first guess was too small."""
        order, firsts = self._by_board(plan, deposits)
        dead = np.zeros(len(plan))
        values, light = self._of_boards, self._spec.light_injection
        injection = np.array([light.time_ns, light.width_ns, light.common])
        sizes = self._sizes
        while True:
            records = np.zeros(sizes[0], RECORD_DTYPE)
            charges = np.zeros(sizes[1], CHARGE_DTYPE)
            hits = np.zeros(sizes[2] if self._choices[3] else 0, HIT_DTYPE)
            needed = make_blocks(
                np.uint64(self._spec.seed), place, self._table, deposits, order, firsts,
                self._strips, self._pixel_of, self._numbers, values["gains"], values["alive"],
                self._response, self._offsets, values["dark"], values["injected"],
                self._levels(plan), injection, values["threshold"], values["pedestal"],
                values["curve"], self._clock, self._choices, febs, records, charges, hits, dead,
                sizes[3],
            )  # fmt: skip
            room = (len(records), len(charges), len(hits) or needed[2], sizes[3])
            if all(want <= have for want, have in zip(needed, room, strict=True)):
                return records[: needed[0]], charges[: needed[1]], hits[: needed[2]], dead
            sizes = [max(want + want // 4, have) for want, have in zip(needed, sizes, strict=True)]
            self._sizes = sizes

    def _levels(self, plan: _Columns) -> Floats:
        """Light of the light injection in each gate over its mean; 0 without."""
        done = (plan["gate"].astype(np.float64) - 1) / max(self._file.gates - 1, 1)
        level = 1 + self._spec.light_injection.drift * (done - 0.5)
        return np.asarray(np.where(plan["led_level"] > 0, level, 0.0))

    def _shift(self, plan: _Columns) -> Floats:
        """Shift of the pedestals of each board since the middle of the file: daily wave, drift.

        Returns
        -------
        ndarray of float64, shape (n_gates, n_boards), ADC
        """
        hours = (plan["time_us"].astype(np.float64) / US_PER_S / SECONDS_PER_HOUR)[:, None]
        middle = self._truth.when.timestamp() / SECONDS_PER_HOUR
        response, phase = self._truth.response, self._phase
        wave = day_wave(response, hours, phase) - day_wave(response, middle, phase)
        return np.ascontiguousarray(wave + (hours - middle) * self._drift)


def _strip_columns(truth: TrueDetector) -> Floats:
    """Give what the light of a strip goes through (:func:`.readout_kernels.make_blocks`)."""
    detector, response = truth.detector, truth.response
    strips = detector.planes.strips()["strip"]
    low, high = strip_ends(strips)
    fibres = detector.fibres
    columns = [
        truth.attenuation[:, 0],
        truth.attenuation[:, 1],
        truth.attenuation[:, 2],
        np.where(fibres.readout_end > 0, high, low),
        np.exp(
            -fibres.clear / response.clear_attenuation - fibres.bagged_wls / truth.attenuation[:, 0]
        ),
        strip_length(strips),
        response.pe_per_mev * truth.light * truth.strip_response,
        fibres.bagged_wls + fibres.clear,
    ]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def _injected(truth: TrueDetector, file: FileSpec) -> Floats:
    """Mean light of a pulse at the level of a file; boards of groups that do not flash get none."""
    if file.led_level == 0:
        return np.zeros(len(truth.gain))
    groups = LED_GROUPS[file.led_group]
    letters = np.array(list(LED_LETTERS))[np.arange(len(truth.hv)) % len(LED_LETTERS)]
    flashes = np.isin(letters, list(groups))
    return np.asarray(truth.injected[file.led_level - 1] * np.repeat(flashes, PIXELS_PER_BOARD))


def _timestamps(plan: _Columns) -> npt.NDArray[np.uint32]:
    """Counter of the boards' clock when each gate opened, modulo 2^32."""
    opened = plan["time_us"].astype(np.int64) - plan["readout_us"].astype(np.int64)
    spans, rest = np.divmod(opened, SPAN_US)
    ticks = spans * TICKS_OF_SPAN + rest * TICKS_OF_SPAN // SPAN_US
    return np.asarray(ticks % 2**32, np.uint32)


def _frames(febs: _Columns, firmware: int) -> _Columns:
    """ADC frames of all boards, hits in ascending order."""
    counts = febs["n_adc"].astype(np.int64)
    frames = np.zeros(int(counts.sum()), ADC_FRAME_DTYPE)
    feb = np.repeat(np.arange(len(febs)), counts)
    hit = np.arange(len(frames)) - np.repeat(febs["first_adc"].astype(np.int64), counts)
    frames["feb"], frames["hit"] = feb, hit
    frames["type"] = cell_types(hit, febs["n_timed"][feb].astype(np.int64), firmware)
    return frames
