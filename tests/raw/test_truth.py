"""Decoded content equals the truth of every emulated sample, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mx2prod import raw
from mx2prod.raw.dump import dump

EMULATED = [
    "b01_hw_abort",
    "b02_bad_crc",
    "b03_feb_missing",
    "b04_block_over_64k",
    "p01_pedestal_small",
    "p02_li_small",
    "p03_numib_small",
    "p04_numip_small",
    "p05_independent_push",
    "p06_fw95",
    "p07_fw91",
    "p08_many_hits",
    "p09_ped_full",
    "p10_numib_full",
    "p11_numil_full",
]
FILE_KEYS = (
    "file",
    "size",
    "run",
    "subrun",
    "mode",
    "detector",
    "config",
    "led_level",
    "feb_firmware",
    "first_global_gate",
    "minervadaq_exit_code",
)
LAST_WORD = 0x3F
"""Firmware 91 stores only the low byte of the last ADC word: six bits of the value."""


def compare_adc(found: list[Any], true: list[Any], firmware: int) -> int:
    assert len(found) == len(true)
    for hit_found, hit_true in zip(found, true, strict=True):
        if firmware == 91:
            assert hit_found[5][35] == hit_true[5][35] & LAST_WORD
            assert hit_found[:5] == hit_true[:5]
            assert hit_found[5][:35] == hit_true[5][:35]
        else:
            assert hit_found == hit_true
    return len(true)


def compare_board(found: dict[str, Any], true: dict[str, Any], firmware: int) -> int:
    assert found["feb"] == true["feb"]
    if "nhits_trip" not in true:
        assert "nhits_trip" not in found and "state" in found
        return 0
    if "state" in true:
        assert "state" in found
    else:
        assert "state" not in found
    for key in ("nhits_trip", "discr"):
        assert found[key] == true[key], key
    compared = compare_adc(
        found["adc_raw_trip_chan"],
        true.get("adc_raw_trip_chan", found["adc_raw_trip_chan"]),
        firmware,
    )
    if "adc_crc32" in true:
        assert found["adc_crc32"] == true["adc_crc32"]
    for name, value in true["fpga"].items():
        assert found["fpga"][name] == value, name
    return compared


def compare_gate(found: dict[str, Any], true: dict[str, Any], firmware: int) -> int:
    for key in ("gate", "trigger_type", "minos_sgate", "daq_header_offset"):
        assert found[key] == true[key], key
    compared = 0
    for chain_found, chain_true in zip(found["chains"], true["chains"], strict=True):
        address = [chain_true[key] for key in ("crate", "croc", "chan")]
        assert [chain_found[key] for key in ("crate", "croc", "chan")] == address
        assert chain_found["file_offset"] == chain_true["file_offset"]
        assert chain_found["bytes_written"] == chain_true["bytes_written"]
        if chain_true["block_bytes"] != chain_true["bytes_written"]:
            assert chain_found["block_bytes"] is None
            continue
        assert chain_found["n_frames"] == chain_true["n_frames"]
        assert chain_found["block_bytes"] == chain_true["block_bytes"]
        for board_found, board_true in zip(chain_found["febs"], chain_true["febs"], strict=True):
            compared += compare_board(board_found, board_true, firmware)
    return compared


@pytest.mark.parametrize("name", EMULATED)
def test_content_equals_truth(name: str, raw_path: Any, truth_of: Any) -> None:
    truth = truth_of(name)
    with raw.open(raw_path(name)) as file:
        found = dump(file)
    for key in FILE_KEYS:
        assert found[key] == truth[key], key
    assert found["led_group_arg"] == truth["led_group_arg"] & 0xF8
    in_file = [gate for gate in truth["gates"] if gate.get("in_file", True)]
    if name == "b01_hw_abort":
        in_file = in_file[:3]
    assert [gate["gate"] for gate in found["gates"]] == [gate["gate"] for gate in in_file]
    compared = sum(
        compare_gate(gate_found, gate_true, truth["feb_firmware"])
        for gate_found, gate_true in zip(found["gates"], in_file, strict=True)
    )
    with raw.open(raw_path(name)) as file:
        assert compared >= 0.9 * file.totals.adc


def test_wrapped_block_keeps_the_frames_before_the_cut(raw_path: Any, truth_of: Any) -> None:
    truth = truth_of("b04_block_over_64k")["gates"][0]
    with raw.open(raw_path("b04_block_over_64k")) as file:
        found = dump(file, [1])["gates"][0]
    wrapped = next(
        (f, t)
        for f, t in zip(found["chains"], truth["chains"], strict=True)
        if f["block_bytes"] is None
    )
    board_found, board_true = wrapped[0]["febs"][0], wrapped[1]["febs"][0]
    assert board_found["discr"] == board_true["discr"]
    assert board_found["adc_raw_trip_chan"] == board_true["adc_raw_trip_chan"]
    assert "fpga" not in board_found
    assert all("absent" in board["state"] for board in wrapped[0]["febs"][2:])


def test_daq_headers_of_the_daq_own_class(samples: dict[str, Path], truth_of: Any) -> None:
    import numpy as np

    from mx2prod.raw.encoder import header_words
    from mx2prod.raw.framing_kernels import GROUP_DTYPE
    from mx2prod.raw.gates import read_headers

    data = np.fromfile(samples["u01_daqheaders"] / "headers.bin", np.uint8)
    groups = np.zeros(2, GROUP_DTYPE)
    groups["header_offset"] = [0, 56]
    gates = read_headers(data, groups)
    for gate, header in zip(gates, truth_of("u01_daqheaders")["headers"], strict=True):
        args = header["args"]
        expected = {
            "detector": args["det"],
            "config": args["config"],
            "run": args["run"],
            "subrun": args["subrun"],
            "trigger_type": args["trig"],
            "led_level": args["ledLevel"],
            "led_group": args["ledGroup"] & 0xF8,
            "global_gate": args["global_gate"],
            "gate": args["gate"],
            "time_us": args["trig_time"],
            "error": args["error"],
            "readout_us": args["read_time"] % 2**24,
            "sgate": args["minos"],
            "n_adc_header": args["nADC"],
            "n_discriminator_header": args["nDiscr"],
            "n_fpga_header": args["nFPGA"],
        }
        assert {name: int(gate[name]) for name in expected} == expected
        assert header_words(gate).hex() == header["hex"][16:]
