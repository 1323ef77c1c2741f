"""Calibrated digits against the same formulas in plain Python, digit by digit."""

from __future__ import annotations

from functools import lru_cache
from math import exp, sqrt

import numpy as np
import pytest

from mx2prod.constants import (
    AttenuationId,
    BadChannel,
    EnergyScale,
    FebResponse,
    Pedestal,
    PmtGain,
    Slewing,
    StripToStrip,
    Table,
    Temperature,
    Timing,
)
from mx2prod.detector import Role, load_detector, strip_length
from mx2prod.digits import (
    CalDigitFlag,
    CalibrationConfig,
    CalibrationConstants,
    Cuts,
    DigitFlag,
    SuppressionConfig,
    calibrated,
    raw_digit_chunks,
    suppressed,
)
from mx2prod.digits.calibration_constants import DEFAULT_FLAGS
from tests.digits.calibration_tools import changed, gate_numbers, tables_of
from tests.simulation.making import spec_of
from tests.simulation.readout_tools import truth_of

DETECTOR = load_detector()
FC = 1.602176634e-4
LAW = [{"kind": "uniform", "size": 0.2}]


def random_sup(make_chunk, seed, pedestals, bad):
    """Suppressed digits of random boards whose hits lie inside their gates."""
    chunk = make_chunk(seed, n_gates=4)
    rng = np.random.default_rng(seed)
    stamps = chunk.febs["gate_timestamp"][chunk.records["feb"]].astype(np.int64)
    chunk.records["timestamp"] = (stamps + rng.integers(0, 1600, len(stamps))) % 2**32
    raw = next(raw_digit_chunks(chunk))
    raw.header["trigger_type"][:] = rng.choice([1, 16, 16], len(raw))
    spread = rng.choice([3, 100, 1500, 3700], len(raw.digits["chan"]))
    for name in ("adc_hi", "adc_med", "adc_lo"):
        raw.digits[name][:] = np.minimum(415 + rng.integers(0, spread + 1), 4095)
    raw.boards["gate_length"][:] = 1702
    config = SuppressionConfig(allow_missing_pedestal=True)
    return suppressed(raw, Cuts.of(pedestals, config, bad), config)


@lru_cache
def random_tables(seed):
    """True tables of a detector with all miscalibrations, with a tenth of the rows left out."""
    truth = truth_of(
        spec_of(febs="all", miscalibrate={"feb": LAW, "strip": LAW, "attenuation": LAW, "timing": [
            {"kind": "uniform", "size": 30}]})
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    tables = tables_of(truth)
    for folder in (Pedestal, PmtGain, FebResponse, AttenuationId, StripToStrip, Timing):
        table = tables[folder.folder]
        tables[folder.folder] = changed(table, rng.random(len(table)) > 0.1)
    s2s = tables[StripToStrip.folder]
    tables[StripToStrip.folder] = changed(s2s, error=rng.choice([0, 0, 0, 1000], len(s2s)))
    slewing = tables[Slewing.folder]
    tables[Slewing.folder] = changed(slewing, p1=4.0, p2=-1.5, p3=0.7, p4=0.3, pe_max=40.0)
    tables[Temperature.folder] = Table.of(
        Temperature, {"t_ref": [30_000.0], "slope": [-1e-6], "slope_err": [0.0]}
    )
    ids = tables[Pedestal.folder]
    some = rng.random(len(ids)) < 0.02
    address = {name: ids[name][some] for name in ("crate", "croc", "chain", "board", "pixel")}
    tables[BadChannel.folder] = Table.of(
        BadChannel,
        address | {"flags": rng.choice([0, 2, 8], some.sum()),
                   "reason": np.full(some.sum(), "test", object)},
    )  # fmt: skip
    return tables


class Twin:
    """The page's formulas, with tables as dictionaries."""

    def __init__(self, tables, config):
        self.config = config
        self.rows = {
            folder: {key: number for number, key in enumerate(table.channel.tolist())}
            for folder, table in tables.items()
        }
        self.tables = tables
        self.strip_ids = DETECTOR.planes.strips()["strip_id"].tolist()

    def get(self, schema, key, name, default=None):
        folder = schema.folder
        row = self.rows.get(folder, {}).get(key)
        return default if row is None else self.tables[folder][name][row]

    def charge(self, channel, adc, low):
        """Charge and flags: of the first gain below its second kink and the end of the ADC."""
        response = self.get(FebResponse, channel, "hg_slope1")
        flags = int(CalDigitFlag.NO_RESPONSE) if response is None else 0
        if self.get(Pedestal, channel, "hg_mean") is None:
            return 0.0, flags | int(CalDigitFlag.NO_PEDESTAL | CalDigitFlag.DISCARDED)
        high, medium = (self.one_gain(channel, gain, adc[gain]) for gain in (0, 1))
        if adc[0] < 4095 and high[1]:
            return high[0], flags
        if adc[1] < 4095 and medium[1]:
            return medium[0], flags | int(CalDigitFlag.MED_USED)
        if low is None:
            return medium[0], flags | int(CalDigitFlag.MED_USED | CalDigitFlag.LOW_AMBIGUOUS)
        return self.one_gain(channel, 2, low)[0], flags | int(CalDigitFlag.LOW_USED)

    def one_gain(self, channel, gain, adc):
        """Charge by one gain, and whether it is below the second kink."""
        prefix = ("hg", "mg", "lg")[gain]
        default = DETECTOR.constants.response.curves[gain]
        s1, k1, s2, k2, s3 = (
            self.get(FebResponse, channel, f"{prefix}_{name}",
                     getattr(default, name.removeprefix("x")))
            for name in ("slope1", "xkink1", "slope2", "xkink2", "slope3")
        )  # fmt: skip
        y = adc - self.get(Pedestal, channel, f"{prefix}_mean")
        y1, y2 = s1 * k1, s1 * k1 + s2 * (k2 - k1)
        q = y / s1 if y <= y1 else k1 + (y - y1) / s2 if y <= y2 else k2 + (y - y2) / s3
        return q, y <= y2

    def light_factor(self, strip):
        """Factors 3 to 7 of a strip, and flags."""
        config, key = self.config, self.strip_ids[strip]
        response = DETECTOR.constants.response
        factor, flags = 1.0, 0
        atten, reflect, amp = (
            self.get(AttenuationId, key, name, default)
            for name, default in (("atten", response.attenuation),
                                  ("reflect", response.reflectivity), ("amp", response.amplitude))
        )  # fmt: skip
        if config.do_clear_fiber_atten:
            factor *= exp(DETECTOR.fibres.clear[strip] / 7830)
        if config.do_wls_baggie_atten:
            factor *= exp(DETECTOR.fibres.bagged_wls[strip] / atten)
        if config.do_strip_atten:
            length = float(strip_length(strip % 127 + 1))
            factor /= amp * (exp(-length / 2 / atten) + reflect * exp(-1.5 * length / atten))
        if (config.do_wls_baggie_atten or config.do_strip_atten) and self.get(
            AttenuationId, key, "amp"
        ) is None:
            flags |= int(CalDigitFlag.NO_ATTENUATION)
        if config.do_cal_strip:
            factor *= self.get(StripToStrip, key, "s2s", 1.0)
            if self.get(StripToStrip, key, "s2s") is None:
                flags |= int(CalDigitFlag.NO_S2S)
            elif self.get(StripToStrip, key, "error") and config.kill_error_strips:
                flags |= int(CalDigitFlag.DISCARDED)
        if config.do_pe_to_energy:
            factor *= self.get(EnergyScale, 0, "meu")
        return factor, flags

    def delay(self, channel, strip, pe):
        """Offset, slewing and way in the fibres, ns; flags."""
        if not self.config.do_cal_time:
            return 0.0, 0
        half = channel & ~(31 << 5)
        offset = self.get(Timing, half, "offset_ns")
        flags = int(CalDigitFlag.NO_TIME_OFFSET) if offset is None and strip >= 0 else 0
        light = min(max(pe, self.get(Slewing, 0, "pe_min")), self.get(Slewing, 0, "pe_max"))
        walk = sum(
            self.get(Slewing, 0, f"p{k}") * (sqrt(light) ** -k - sqrt(10) ** -k)
            for k in range(1, 5)
        )
        way = 0.0
        if strip >= 0:
            length = DETECTOR.fibres.bagged_wls[strip] + DETECTOR.fibres.clear[strip]
            way = length * self.get(Slewing, 0, "n_index") / 299.792458
        return (offset or 0.0) + walk + way, flags


def low_readings(sup, gate, rows):
    """Low gain by channel where the untimed reading is of one hit only."""
    own, low = {}, {}
    for row in rows:
        channel = int(sup.digits["chan"][row])
        own[channel] = own.get(channel, 0) + bool(sup.digits["sup_reason"][row] & 7)
        if sup.digits["flags"][row] & DigitFlag.UNTIMED:
            low[channel] = int(sup.digits["adc_lo"][row])
    return {channel: adc for channel, adc in low.items() if own[channel] <= 1}


def twin_of(sup, tables, config, tick=9.4154):
    """Rows (channel id, gate, q, pe, energy, t_raw, t, flags)."""
    twin = Twin(tables, config)
    boards_end = np.cumsum(sup.boards_per_gate)
    ends = np.cumsum(sup.digits_per_gate)
    made = []
    for gate in range(len(sup)):
        rows = range(ends[gate] - sup.digits_per_gate[gate], ends[gate])
        low = low_readings(sup, gate, rows)
        first = boards_end[gate] - sup.boards_per_gate[gate]
        board_of = {int(sup.boards["chan"][n]): n for n in range(first, boards_end[gate])}
        for row in rows:
            if not sup.digits["sup_reason"][row] & 15:
                continue
            digit = {name: values[row] for name, values in sup.digits.items()}
            made.append(one(twin, digit, low, sup.boards, board_of, gate + 1, tick))
    return made


def one(twin, digit, low, boards, board_of, gate, tick):
    channel, raw = int(digit["chan"]), int(digit["flags"])
    board = board_of[channel & ~0xFFF]
    address = DETECTOR.plex.addresses([channel])[0]
    dense = int(DETECTOR.hardware.channel_index(channel))
    strip = int(address["strip_index"])
    flags = int(CalDigitFlag.FIRED) if raw & DigitFlag.FIRED else 0
    flags |= int(CalDigitFlag.HI_SAT) if digit["sup_reason"] & 4 else 0
    flags |= int(CalDigitFlag.NO_GATE_TIMESTAMP) if raw & DigitFlag.NO_GATE_TIMESTAMP else 0
    if raw & (DigitFlag.EXCLUDED | DigitFlag.GATE_NOT_USED):
        flags |= int(CalDigitFlag.EXCLUDED | CalDigitFlag.DISCARDED)
    flags |= int(CalDigitFlag.OD) if address["role"] == Role.OD else 0
    flags |= int(CalDigitFlag.UNMAPPED) if address["role"] == Role.UNMAPPED else 0
    if twin.get(BadChannel, channel, "flags", 0):
        flags |= int(CalDigitFlag.BADCHANNEL)
    adc = [int(digit[f"adc_{gain}"]) for gain in ("hi", "med")]
    if dense < 0:
        q, pe, more = 0.0, 0.0, int(CalDigitFlag.DISCARDED)
    else:
        reading = int(digit["adc_lo"]) if twin.config.low_gain == "per_push" else low.get(channel)
        q, more = twin.charge(channel, adc, reading)
        gain = twin.get(PmtGain, channel, "gain", DETECTOR.constants.response.gain_mean)
        pe = q / (gain * FC)
        more |= int(CalDigitFlag.NO_GAIN) if twin.get(PmtGain, channel, "gain") is None else 0
    flags |= more
    energy = 0.0
    if strip >= 0:
        factor, more = twin.light_factor(strip)
        flags |= more
        reference = twin.get(Temperature, 0, "t_ref")
        slope = twin.get(Temperature, 0, "slope") if twin.config.do_temp_response else 0.0
        energy = pe * factor * (1 + slope * (int(boards["temperature"][board]) - reference))
    if flags & CalDigitFlag.DISCARDED:
        energy = 0.0
    delay, more = (0.0, 0) if dense < 0 else twin.delay(channel, strip, pe)
    if dense < 0 and twin.config.do_cal_time:
        delay = twin.delay(0, -1, 0.0)[0]
    flags |= more
    no_time = DigitFlag.NO_GATE_TIMESTAMP | DigitFlag.EXCLUDED | DigitFlag.GATE_NOT_USED
    t_raw = np.nan
    if raw & DigitFlag.FIRED and not raw & no_time:
        since = (int(digit["timestamp"]) - int(boards["gate_timestamp"][board])) % 2**32
        quarter = int(digit["quarter"])
        t_raw = (since + int(digit["delay"]) + (quarter / 4 if quarter else 1)) * tick
    return dense, gate, q, pe, energy, t_raw, t_raw - delay, flags


CONFIGS = [
    {},
    {"do_temp_response": True, "low_gain": "per_push", "kill_error_strips": False},
    {"do_cal_time": False, "do_strip_atten": False, "do_wls_baggie_atten": False},
    {"do_clear_fiber_atten": False, "do_cal_strip": False, "do_pe_to_energy": False},
]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("values", CONFIGS)
def test_columns_equal_the_twin(make_chunk, seed, values):
    tables = random_tables(seed)
    sup = random_sup(make_chunk, seed, tables[Pedestal.folder], tables[BadChannel.folder])
    config = CalibrationConfig(**values, use_defaults=tuple(DEFAULT_FLAGS))
    made = calibrated(sup, CalibrationConstants.of(tables, config, DETECTOR), config)
    expected = twin_of(sup, tables, config)
    names = ("chan", "gate", "q", "pe", "energy", "t_raw", "t", "flags")
    columns = dict(zip(names, (np.array(c) for c in zip(*expected, strict=True)), strict=True))
    assert made.digits.dtype.itemsize == 52  # no byte without meaning
    assert len(made.digits) == len(expected) > 200
    assert made.n_low_gain == len(sup.digits["chan"]) - len(expected)
    np.testing.assert_array_equal(made.digits["chan"], columns["chan"])
    np.testing.assert_array_equal(gate_numbers(made), columns["gate"])
    np.testing.assert_array_equal(made.digits["flags"], columns["flags"])
    for name in ("q", "pe", "energy"):
        np.testing.assert_allclose(made.digits[name], columns[name], rtol=1e-6, atol=1e-6)
    for name in ("t_raw", "t"):
        np.testing.assert_allclose(made.digits[name], columns[name], rtol=0, atol=1e-3)
    assert len(np.unique(made.digits["flags"])) > 20


def test_same_columns_from_any_cut_into_chunks(make_chunk):
    tables = random_tables(1)
    config = CalibrationConfig(use_defaults=tuple(DEFAULT_FLAGS))
    constants = CalibrationConstants.of(tables, config, DETECTOR)
    sup = random_sup(make_chunk, 1, tables[Pedestal.folder], tables[BadChannel.folder])
    whole = calibrated(sup, constants, config)
    boards = np.concatenate([[0], np.cumsum(sup.boards_per_gate)])
    digits = np.concatenate([[0], np.cumsum(sup.digits_per_gate)])
    pieces = []
    for first, last in ((0, 1), (1, 3), (3, 4)):
        of_boards = slice(boards[first], boards[last])
        of_digits = slice(digits[first], digits[last])
        piece = type(sup)(
            {name: values[first:last] for name, values in sup.header.items()},
            {name: values[of_boards] for name, values in sup.boards.items()},
            sup.boards_per_gate[first:last],
            {name: values[of_digits] for name, values in sup.digits.items()},
            sup.digits_per_gate[first:last],
            {},
        )
        pieces.append(calibrated(piece, constants, config))
    assert np.concatenate([piece.digits for piece in pieces]).tobytes() == whole.digits.tobytes()
    sizes = np.concatenate([np.diff(piece.offset) for piece in pieces])
    assert sizes.tolist() == np.diff(whole.offset).tolist()
