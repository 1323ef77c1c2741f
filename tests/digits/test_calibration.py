"""Calibrated digits: missing constants, special channels and boards, limits, the stream."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

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
from mx2prod.core.errors import ConditionsError, ConfigError, InputFileError, TableError
from mx2prod.detector import Role, strip_length
from mx2prod.digits import (
    CAL_DIGIT_DTYPE,
    CAL_DIGIT_FLAG_MEANING,
    CALIBRATION_FOLDERS,
    OPTIONAL_CALIBRATION_FOLDERS,
    CalDigitFlag,
    CalibratedDigitStream,
    CalibrationConfig,
    CalibrationConstants,
    Clock,
    DigitFlag,
    StripAttenuation,
    calibrated,
    strip_light,
)
from mx2prod.digits.calibrated_columns import N_SLEWING, PUSH_BLOCKS
from mx2prod.digits.calibration_constants import DEFAULT_FLAGS, TABLE_OF_DEFAULT
from mx2prod.raw.layout import MAX_HITS
from tests.digits.calibration_tools import (
    calibrated_by,
    changed,
    gate_numbers,
    simulated,
    tables_of,
)
from tests.simulation.making import file_of
from tests.simulation.readout_tools import deposits, quiet_spec, strip_at, truth_of

GATES = 20
PIXEL = 9
CHANNEL = 64 + PIXEL
TABLE_NAMES = ("gain", "response", "attenuation", "strip_to_strip", "energy_scale", "time_offset",
               "slewing")  # fmt: skip


@pytest.fixture(scope="module")
def sample():
    """One muon-like deposit a gate in pixel 9 of board 0-1-0-2, and dark counts everywhere."""
    spec = quiet_spec(file_of(gates=GATES), dark_rate=20_000)
    truth = truth_of(spec)
    rows = deposits(np.arange(1, GATES + 1), strip_at(truth, PIXEL), 10.0)
    return truth, simulated(spec, truth, rows, GATES)[0]


def with_flags(sup, where, flags):
    """Suppressed digits with more flags in some rows."""
    words = sup.digits["flags"].copy()
    words[where] |= np.uint16(flags)
    return replace(sup, digits=sup.digits | {"flags": words})


def of_pixel(made, channel=CHANNEL):
    return made.digits[made.digits["chan"] == channel]


def channel_id(truth, channel=CHANNEL):
    return int(truth.detector.hardware.channel_ids()[channel])


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_a_table_that_is_missing_is_an_error_or_a_counted_default(sample, name):
    truth, sup = sample
    tables = tables_of(truth)
    folder = TABLE_OF_DEFAULT[name].folder
    del tables[folder]
    with pytest.raises(ConditionsError, match=folder) as caught:
        calibrated_by(sup, truth, tables)
    assert f"use_defaults: [{name}]" in caught.value.next_step
    config = CalibrationConfig(use_defaults=[name])
    stream = CalibratedDigitStream([sup], tables, config, truth.detector)
    with stream:
        (made,) = stream
    flag = DEFAULT_FLAGS[name]
    needed = made.digits["strip"] >= 0 if name not in ("gain", "response") else True
    assert ((made.digits["flags"] & int(flag) != 0) == needed).all()
    assert stream.counters[flag.name.lower()] == np.sum(made.digits["flags"] & int(flag) != 0) > 0


def test_defaults_are_those_of_the_detector(sample):
    truth, sup = sample
    tables = tables_of(truth)
    for schema in (PmtGain, FebResponse, StripToStrip, EnergyScale, AttenuationId):
        del tables[schema.folder]
    made = of_pixel(calibrated_by(sup, truth, tables, use_defaults=TABLE_NAMES))
    charge = (made["adc_hi"] - truth.pedestal[CHANNEL, 0]) / 0.80
    small = charge < 1900
    assert small.sum() > 2
    assert made["q"][small] == pytest.approx(charge[small], rel=1e-5, abs=0.01)
    assert made["pe"] == pytest.approx(made["q"] / (5.6e5 * 1.602176634e-4), rel=1e-5)
    length = float(strip_length(int(made["strip"][0]) % 127 + 1))
    light = np.exp(-length / 2 / 3500) + 0.8 * np.exp(-1.5 * length / 3500)
    way = np.exp(1500 / 7830 + 300 / 3500)
    assert made["energy"] == pytest.approx(made["pe"] * way / light * 0.0792, rel=1e-5)


@pytest.mark.parametrize("schema", [PmtGain, FebResponse, AttenuationId, StripToStrip, Timing])
def test_a_channel_without_a_row_is_named(sample, schema):
    truth, sup = sample
    tables = tables_of(truth)
    table = tables[schema.folder]
    keys = {
        PmtGain: channel_id(truth), FebResponse: channel_id(truth),
        Timing: channel_id(truth, CHANNEL // 32 * 32),
    }  # fmt: skip
    key = keys.get(schema, truth.detector.planes.strips()["strip_id"][strip_at(truth, PIXEL)])
    tables[schema.folder] = changed(table, table.channel != key)
    named = 0 if schema is Timing else PIXEL  # of all 32 pixels the first five
    with pytest.raises(ConditionsError, match=f"{schema.folder}: .* 0-1-0-2-{named}"):
        calibrated_by(sup, truth, tables)
    address = {"crate": [0] * 32, "croc": [1] * 32, "chain": [0] * 32, "board": [2] * 32,
               "pixel": np.arange(32)}  # fmt: skip
    tables[BadChannel.folder] = Table.of(
        BadChannel, address | {"flags": [8] * 32, "reason": np.full(32, "test", object)}
    )
    bad = of_pixel(calibrated_by(sup, truth, tables))
    assert (bad["flags"] & int(CalDigitFlag.BADCHANNEL) != 0).all()


@pytest.mark.parametrize(
    ("schema", "column"),
    [(PmtGain, "gain"), (FebResponse, "mg_slope2"), (AttenuationId, "atten"),
     (StripToStrip, "s2s"), (EnergyScale, "meu")],
)  # fmt: skip
def test_numbers_that_give_no_energy_count_as_missing(sample, schema, column):
    truth, sup = sample
    tables = tables_of(truth)
    tables[schema.folder] = changed(tables[schema.folder], **{column: 0.0})
    with pytest.raises(ConditionsError, match=schema.folder):
        calibrated_by(sup, truth, tables)
    made = calibrated_by(sup, truth, tables, use_defaults=TABLE_NAMES)
    assert np.isfinite(made.digits["energy"]).all()


def test_a_table_of_a_step_that_is_off_is_not_needed(sample):
    truth, sup = sample
    only = {Pedestal.folder: tables_of(truth)[Pedestal.folder]}
    off = {
        name: False for name in CalibrationConfig.model_fields
        if name.startswith("do_")
    }  # fmt: skip
    made = calibrated_by(sup, truth, only, **off)
    has_strip = made.digits["strip"] >= 0
    assert (made.digits["energy"][has_strip] == made.digits["q"][has_strip]).all()
    defaults = sum(int(flag) for flag in DEFAULT_FLAGS.values())
    assert (made.digits["flags"] & defaults == 0).all()


def test_strips_with_an_error_code_have_no_energy(sample):
    truth, sup = sample
    tables = tables_of(truth)
    s2s = tables[StripToStrip.folder]
    error = np.where(np.arange(len(s2s)) == strip_at(truth, PIXEL), 1000, 0)
    tables[StripToStrip.folder] = changed(s2s, error=error)
    killed = calibrated_by(sup, truth, tables)
    of = killed.digits["chan"] == CHANNEL
    assert ((killed.digits["flags"] & int(CalDigitFlag.DISCARDED) != 0) == of).all()
    assert (killed.digits["energy"][of] == 0).all()
    assert (killed.digits["pe"][of] > 5).any()
    alive = of_pixel(calibrated_by(sup, truth, tables, kill_error_strips=False))
    assert (alive["energy"] == of_pixel(calibrated_by(sup, truth))["energy"]).all()


def test_temperature_multiplies_the_light_into_energy(sample):
    truth, sup = sample
    reading = float(sup.boards["temperature"][0])
    tables = tables_of(truth) | {
        Temperature.folder: Table.of(
            Temperature, {"t_ref": [reading - 50], "slope": [0.002], "slope_err": [0.0]}
        )
    }
    plain, warm = (calibrated_by(sup, truth, tables, do_temp_response=on) for on in (False, True))
    board = np.isin(sup.boards["chan"], [channel_id(truth) & ~0xFFF])
    factor = 1 + 0.002 * (float(sup.boards["temperature"][board][0]) - reading + 50)
    assert factor > 1.05
    assert of_pixel(warm)["energy"] == pytest.approx(of_pixel(plain)["energy"] * factor, rel=1e-5)
    assert (warm.digits["pe"] == plain.digits["pe"]).all()
    with pytest.raises(ConditionsError, match=Temperature.folder):
        calibrated_by(sup, truth, do_temp_response=True)


def test_outer_detector_and_spare_pixels_have_light_and_no_energy(sample):
    truth, sup = sample
    digits = calibrated_by(sup, truth).digits
    for role, flag in ((Role.OD, CalDigitFlag.OD), (Role.SPARE, CalDigitFlag(0))):
        of = digits[digits["role"] == role]
        assert len(of) > 0
        assert (of["flags"] & int(CalDigitFlag.OD) == int(flag)).all()
        assert (of["strip"] == -1).all() and (of["plane"] == -1).all()
        assert (of["energy"] == 0).all() and (of["pe"] > 0).any()
    of = digits[digits["role"] == Role.STRIP]
    assert (of["strip"] // 127 == of["plane"]).all()
    assert (truth.channel_of_strip[of["strip"]] == of["chan"]).all()


def test_boards_that_no_map_has_are_kept_without_charge(sample):
    truth, sup = sample
    board = channel_id(truth) & ~0xFFF
    stranger = board | 25 << 12  # board 27 of the same chain
    chan = np.where(sup.digits["chan"] & ~0xFFF == board, sup.digits["chan"] | 25 << 12,
                    sup.digits["chan"])  # fmt: skip
    boards = np.where(sup.boards["chan"] == board, stranger, sup.boards["chan"])
    made = calibrated_by(
        replace(sup, digits=sup.digits | {"chan": chan.astype(np.int32)},
                boards=sup.boards | {"chan": boards.astype(np.int32)}), truth)  # fmt: skip
    of = made.digits[made.digits["chan"] == -1]
    wanted = int(CalDigitFlag.UNMAPPED | CalDigitFlag.DISCARDED)
    assert len(of) >= GATES
    assert (of["flags"] & wanted == wanted).all()
    assert (of["q"] == 0).all() and (of["push"] == -1).all() and (of["strip"] == -1).all()
    assert (of["role"] == Role.UNMAPPED).all()


def test_channels_without_a_pedestal_have_no_charge(sample):
    truth, sup = sample
    tables = tables_of(truth)
    pedestals = tables[Pedestal.folder]
    tables[Pedestal.folder] = changed(pedestals, pedestals.channel != channel_id(truth))
    with pytest.raises(ConditionsError, match="no usable pedestal: 0-1-0-2-9 "):
        calibrated_by(sup, truth, tables)
    of = of_pixel(calibrated_by(sup, truth, tables, use_defaults=["pedestal"]))
    assert (of["q"] == 0).all() and (of["energy"] == 0).all()
    wanted = int(CalDigitFlag.NO_PEDESTAL | CalDigitFlag.DISCARDED)
    assert (of["flags"] & wanted == wanted).all()


@pytest.mark.parametrize(
    ("raw", "flag"),
    [(DigitFlag.EXCLUDED, CalDigitFlag.EXCLUDED | CalDigitFlag.DISCARDED),
     (DigitFlag.GATE_NOT_USED, CalDigitFlag.EXCLUDED | CalDigitFlag.DISCARDED),
     (DigitFlag.NO_GATE_TIMESTAMP, CalDigitFlag.NO_GATE_TIMESTAMP)],
)  # fmt: skip
def test_boards_that_are_not_whole_give_no_time(sample, raw, flag):
    truth, sup = sample
    board = sup.digits["chan"] & ~0xFFF == channel_id(truth) & ~0xFFF
    made = calibrated_by(with_flags(sup, board, int(raw)), truth)
    of = made.digits["chan"] // 64 == 1
    assert of.any() and not of.all()
    assert (made.digits["flags"][of] & int(flag) == int(flag)).all()
    assert np.isnan(made.digits["t"][of]).all()
    assert (made.digits["energy"][of] == 0).all() == bool(flag & CalDigitFlag.DISCARDED)
    fired = made.digits["flags"] & int(CalDigitFlag.FIRED) != 0
    assert (np.isfinite(made.digits["t"]) == (fired & ~of)).all()


def test_times_far_outside_the_gates_are_refused(sample):
    truth, sup = sample
    later = sup.digits["timestamp"] + np.uint32(22_235)
    shifted = replace(sup, digits=sup.digits | {"timestamp": later})
    with pytest.raises(ConfigError, match=r"gates 1 to 20: .*raw\.t_offset_ns"):
        calibrated_by(shifted, truth)
    offset = -22_235 * 9.4154
    config = CalibrationConfig()
    constants = CalibrationConstants.of(tables_of(truth), config, truth.detector)
    moved = calibrated(shifted, constants, config, Clock(t_offset_ns=offset))
    right = calibrated_by(sup, truth)
    np.testing.assert_allclose(moved.digits["t"], right.digits["t"], atol=0.05)


def test_the_length_of_a_tick_is_a_setting(sample):
    truth, sup = sample
    config = CalibrationConfig()
    constants = CalibrationConstants.of(tables_of(truth), config, truth.detector)
    slow, right = (calibrated(sup, constants, config, Clock(tick)) for tick in (9.41, 9.4154))
    np.testing.assert_allclose(slow.digits["t_raw"], right.digits["t_raw"] * (9.41 / 9.4154),
                               rtol=1e-6)  # fmt: skip


def test_ticks_and_pushes(sample):
    """Digits of a push share the time stamp of its record; without a record there is none."""
    truth, sup = sample
    made = calibrated_by(sup, truth)
    digits = made.digits
    fired = digits["flags"] & int(CalDigitFlag.FIRED) != 0
    quarter = digits["quarter"][fired]
    fine = digits["delay"][fired] + np.where(quarter == 0, 1, quarter / 4)
    expected = (digits["ticks"][fired] + fine) * 9.4154
    assert digits["t_raw"][fired] == pytest.approx(expected, rel=1e-6)
    assert (digits["push"] // PUSH_BLOCKS == digits["chan"] // 32).all()
    assert (digits["push"] % PUSH_BLOCKS == digits["block"]).all()
    first = digits[made.offset[0] : made.offset[1]]
    for push in np.unique(first["push"][first["delay"] < 16]):
        assert len(np.unique(first["ticks"][first["push"] == push])) == 1
    assert PUSH_BLOCKS > MAX_HITS + 1


def test_a_flat_third_slope_gives_no_infinite_charge():
    spec = quiet_spec(file_of(gates=5))
    truth = truth_of(spec)
    rows = deposits(np.arange(1, 6), strip_at(truth, PIXEL), 2000.0)
    sup, _ = simulated(spec, truth, rows, 5)
    tables = tables_of(truth)
    tables[FebResponse.folder] = changed(tables[FebResponse.folder], lg_slope3=0.0)
    large = of_pixel(calibrated_by(sup, truth, tables))
    low = large[large["flags"] & int(CalDigitFlag.LOW_USED) != 0]
    assert low["q"] == pytest.approx(np.full(len(low), 15 * 2600.0))
    assert len(low) > 2


def test_numbers_that_are_not_finite_stop_the_file(sample):
    truth, sup = sample
    config = CalibrationConfig()
    constants = CalibrationConstants.of(tables_of(truth), config, truth.detector)
    constants.channels["energy_per_pe"][CHANNEL] = np.inf
    made = calibrated_by(sup, truth)
    gate = gate_numbers(made)[made.digits["chan"] == CHANNEL][0]
    with pytest.raises(InputFileError, match=f"gate {gate}, dense channel {CHANNEL}: energy is"):
        calibrated(sup, constants, config)


def test_a_digit_of_a_board_that_its_gate_has_not(sample):
    truth, sup = sample
    chan = sup.digits["chan"].copy()
    chan[3] = int(chan[3]) ^ 1 << 17
    with pytest.raises(InputFileError, match="of a board that its gate does not have"):
        calibrated_by(replace(sup, digits=sup.digits | {"chan": chan}), truth)


def test_no_digits_and_no_gates(sample):
    truth, sup = sample
    nothing = replace(
        sup, digits={n: v[:0] for n, v in sup.digits.items()},
        digits_per_gate=np.zeros(GATES, np.int32),
    )  # fmt: skip
    made = calibrated_by(nothing, truth)
    assert len(made) == GATES
    assert made.offset.tolist() == [0] * (GATES + 1)
    no_gates = replace(nothing, digits_per_gate=np.zeros(0, np.int32))
    no_gates = replace(no_gates, boards_per_gate=np.zeros(0, np.int32))
    assert len(calibrated_by(no_gates, truth)) == 0


def test_the_stream_counts(sample):
    truth, sup = sample
    tables = tables_of(truth)
    stream = CalibratedDigitStream([sup, sup], tables, CalibrationConfig(), truth.detector)
    with stream:
        chunks = list(stream)
    digits = chunks[0].digits
    assert stream.counters["n_calibrated"] == 2 * len(digits)
    n_sup = len(sup.digits["chan"])
    assert stream.counters["n_calibrated"] + stream.counters["n_low_gain"] == 2 * n_sup
    fired = np.sum(digits["flags"] & int(CalDigitFlag.FIRED) != 0)
    assert stream.counters["fired"] == 2 * fired > 0
    assert stream.counters["no_gain"] == 0
    assert stream.seconds["calibrate"] > 0
    assert set(tables) <= {*CALIBRATION_FOLDERS, *OPTIONAL_CALIBRATION_FOLDERS,
                           "minerva2x2_alignment_constants"}  # fmt: skip


def test_the_how_to_page_runs(sample, capsys):
    truth, sup = sample
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "calibrated-digits.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {"suppressed_chunks": [sup], "tables": tables_of(truth)}
    exec(code, names)
    assert len(names["usable"]) > 0
    assert capsys.readouterr().out == f"{names['stream'].counters['low_used']} 0\n"
    settings = set(re.findall(r"`((?:do|kill|low)_\w+)`", page))
    fields = {name for name in CalibrationConfig.model_fields if "default" not in name}
    assert settings == fields - {"do_cal_veto"}


def test_slewing_constants_without_a_range_are_refused(sample):
    truth, sup = sample
    tables = tables_of(truth)
    tables[Slewing.folder] = changed(tables[Slewing.folder], pe_min=0.0)
    with pytest.raises(TableError, match="pe_min 0, pe_max 1000"):
        calibrated_by(sup, truth, tables)


def test_configuration_is_strict():
    for wrong in ({"do_veto": True}, {"do_cal_veto": True}, {"default_mev_per_pe": 0},
                  {"use_defaults": ["gains"]}, {"default_fibre_index": float("nan")}):  # fmt: skip
        with pytest.raises(ValidationError):
            CalibrationConfig.model_validate(wrong)
    on = {name for name, field in CalibrationConfig.model_fields.items() if field.default is True}
    assert {n for n in CalibrationConfig.model_fields if n.startswith("do_")} - on == {
        "do_cal_veto", "do_temp_response",
    }  # fmt: skip


def test_every_flag_has_its_bit_and_a_meaning():
    assert set(CAL_DIGIT_FLAG_MEANING) == set(CalDigitFlag)
    official = (
        "FIRED", "HI_SAT", "MED_USED", "LOW_USED", "LOW_AMBIGUOUS", "DISCARDED", "NO_GAIN",
        "NO_S2S", "XTALK", "UNTIMED_ASSIGNED", "OD", "VETO", "BADCHANNEL",
    )  # fmt: skip
    assert [int(CalDigitFlag[name]) for name in official] == [1 << n for n in range(13)]
    assert set(DEFAULT_FLAGS) == set(TABLE_OF_DEFAULT)
    ends = [CAL_DIGIT_DTYPE.fields[n][1] + CAL_DIGIT_DTYPE.fields[n][0].itemsize
            for n in CAL_DIGIT_DTYPE.names]  # fmt: skip
    assert [CAL_DIGIT_DTYPE.fields[n][1] for n in CAL_DIGIT_DTYPE.names[1:]] == ends[:-1]
    assert ends[-1] == CAL_DIGIT_DTYPE.itemsize


@settings(max_examples=100)
@given(st.floats(-5, 2000), st.lists(st.floats(-20, 20), min_size=4, max_size=4))
def test_slewing_kernel_is_the_sum_of_powers(pe, p):
    from mx2prod.digits.calibration_kernels import slewing_of

    light = min(max(pe, 0.5), 900.0)
    expected = sum(
        value * (light ** (-k / 2) - 10 ** (-k / 2)) for k, value in enumerate(p, start=1)
    )
    constants = np.array([*p, 0.5, 900.0])
    assert slewing_of(pe, constants) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert slewing_of.py_func(pe, constants) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert slewing_of(10.0, constants) == pytest.approx(0, abs=1e-12)
    assert len(p) == N_SLEWING


def test_light_along_a_strip(sample):
    truth, _ = sample
    attenuation = StripAttenuation.of(truth.detector, tables_of(truth)[AttenuationId.folder])
    strips = np.array([0, 63, 4000])
    length = attenuation.length[strips]
    at_end = attenuation.light(np.zeros(3), strips)
    assert at_end == pytest.approx(1 + 0.8 * np.exp(-2 * length / 3500))
    assert attenuation.light(length, strips) == pytest.approx(1.8 * np.exp(-length / 3500))
    whole = strip_light(length / 2, length, *(np.full(3, v) for v in (3500.0, 0.8, 1.0)))
    assert attenuation.light(length / 2, strips) == pytest.approx(whole)
