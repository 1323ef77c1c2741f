"""FPGA registers by name."""

from __future__ import annotations

import numpy as np
import pytest

from mx2prod.core.errors import UsageError
from mx2prod.raw.registers import REGISTERS, decode_registers, encode_registers


def block(**bytes_at):
    registers = np.zeros((1, 59), np.uint8)
    for name, value in bytes_at.items():
        registers[0, int(name[1:])] = value
    return {name: int(values[0]) for name, values in decode_registers(registers).items()}


def test_multi_byte_registers_are_little_endian():
    values = block(r0=1, r1=2, r2=3, r3=4, r4=0x24, r5=0xA9, r6=0xA6, r7=0x06, r23=0xA1, r24=0x8C)
    assert values["timer"] == 0x04030201
    assert values["gate_start"] == 43300
    assert values["gate_length"] == 1702
    assert values["hv_target"] == 36001


def test_bit_fields():
    values = block(r9=0b10_10101_1, r8=7, r16=0x85, r22=0b11_010101, r27=0x83, r29=0b1101_1010)
    assert values["dcm2_phase_total"] == 0x107
    assert values["dcm_status"] == 0b10101
    assert values["test_pulse_2bit"] == 2
    assert (values["trip0_inject_count"], values["trip0_inject_enable"]) == (5, 1)
    assert (values["trip_power_off"], values["hv_manual"], values["hv_enabled"]) == (0b10101, 1, 1)
    assert (values["after_pulse_ticks"], values["digitisation_done"]) == (3, 1)
    assert values["inject_dac"] == 0xA00
    assert (values["inject_mode"], values["inject_done"], values["inject_start"]) == (1, 1, 1)


def test_fields_never_share_a_bit():
    seen = np.zeros(59 * 8, int)
    for field in REGISTERS:
        start = field.first * 8 + field.low_bit
        seen[start : start + field.width] += 1
    assert seen.max() == 1


def test_all_ones_reach_the_maximum_of_every_field():
    registers = np.full((2, 59), 255, np.uint8)
    for field in REGISTERS:
        assert decode_registers(registers)[field.name].tolist() == [field.maximum] * 2


def test_encoding_is_the_inverse_of_decoding() -> None:
    draw = np.random.default_rng(1)
    values = {r.name: draw.integers(0, r.maximum + 1, 50, np.int64) for r in REGISTERS}
    found = decode_registers(encode_registers(values, 50))
    for name, value in values.items():
        assert np.array_equal(found[name], value), name


def test_registers_that_cannot_be_encoded() -> None:
    with pytest.raises(UsageError, match="did you mean 'hv_target'"):
        encode_registers({"hv_targt": 1}, 1)
    with pytest.raises(UsageError, match=r"board_id: 16 is not in 0\.\.15"):
        encode_registers({"board_id": 16}, 1)
