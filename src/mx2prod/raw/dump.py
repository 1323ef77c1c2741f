"""Full decode of gates as plain data, in the structure of the samples' truth files."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.raw.columns import FebFlag, GateChunk
from mx2prod.raw.framing_kernels import LOST, OPAQUE
from mx2prod.raw.layout import CHAIN_MASK, MODE_BY_STREAM
from mx2prod.raw.reader import DecodedGate, RawFile
from mx2prod.raw.registers import decode_registers

_REGISTER_NAMES = {
    "GateStart": "gate_start",
    "GateLength": "gate_length",
    "HVTarget": "hv_target",
    "HVActual": "hv_actual",
    "HVPeriodManual": "hv_period_manual",
    "HVPeriodAuto": "hv_period_auto",
    "Temperature": "temperature",
    "boardID": "board_id",
    "FirmwareVersion": "firmware_register",
}


def dump(file: RawFile, numbers: Iterable[int] | None = None, *, run_index: int = 0) -> Any:
    """Decode gates of a raw file to plain lists and dictionaries.

    Parameters
    ----------
    file : RawFile
    numbers : iterable of int, optional
        Gate numbers in the subrun; all gates of the run if None.
    run_index : int
        Which run of the file.

    Raises
    ------
    UsageError
        If the file has no such gate.
    """
    scan = file.scan()
    of_run = scan.gates[scan.run_of_gate == run_index]
    wanted = of_run["gate"].tolist() if numbers is None else list(numbers)
    decoded = [file.decode_gate(number, run_index=run_index) for number in wanted]
    first = of_run[0] if len(of_run) else None
    return {
        "file": file.path.name,
        "size": file.size,
        "geometry": "UG" if scan.runs and scan.runs[0].header.is_nominal else None,
        "run": _value(first, "run"),
        "subrun": _value(first, "subrun"),
        "mode": MODE_BY_STREAM.get(file.name.stream) if file.name else None,
        "detector": _value(first, "detector"),
        "config": _value(first, "config"),
        "led_level": _value(first, "led_level"),
        "led_group_arg": _value(first, "led_group"),
        "first_global_gate": _value(first, "global_gate"),
        "feb_firmware": _firmware(decoded),
        "minervadaq_exit_code": 2 if run_index in scan.sentinels else 3,
        "gates": [_gate(gate) for gate in decoded],
    }


def _value(gate: np.void | None, name: str) -> int | None:
    return None if gate is None else int(gate[name])


def _firmware(gates: list[DecodedGate]) -> int | None:
    for gate in gates:
        present = gate.chunk.febs["firmware"][gate.chunk.febs["firmware"] > 0]
        if len(present):
            return int(present[0])
    return None


def _gate(decoded: DecodedGate) -> dict[str, Any]:
    return {
        **dump_header(decoded.chunk.gates[0]),
        "chains": [_chain(decoded, *chain) for chain in _chains(decoded.chunk)],
    }


def dump_header(header: np.void) -> dict[str, Any]:
    """DAQ header of a gate as plain data.

    Parameters
    ----------
    header : row of GATE_DTYPE
    """
    return {
        "gate": int(header["gate"]),
        "trigger_type": int(header["trigger_type"]),
        "global_gate": int(header["global_gate"]),
        "time_us": int(header["time_us"]),
        "readout_us": int(header["readout_us"]),
        "minos_sgate": int(header["sgate"]),
        "daq_header_offset": int(header["header_offset"]),
    }


def _chains(chunk: GateChunk) -> list[tuple[int, int, int]]:
    columns = (chunk.febs[name].tolist() for name in ("crate", "croc", "chain"))
    return list(dict.fromkeys(zip(*columns, strict=True)))


def _chain(decoded: DecodedGate, crate: int, croc: int, channel: int) -> dict[str, Any]:
    chunk, frames = decoded.chunk, decoded.frames
    source = crate << 14 | croc << 9 | channel << 7
    own = (frames["kind"] <= OPAQUE) & ((frames["source"] & CHAIN_MASK) == source)
    first, length, wrapped = _block(frames, own)
    febs = chunk.febs
    rows = np.flatnonzero(
        (febs["crate"] == crate) & (febs["croc"] == croc) & (febs["chain"] == channel)
    )
    return {
        "crate": crate,
        "croc": croc,
        "chan": channel,
        "block_bytes": None if wrapped else length,
        "n_frames": int(own.sum()),
        "file_offset": first,
        "bytes_written": length,
        "febs": [dump_board(chunk, int(row)) for row in rows],
    }


def _block(
    frames: npt.NDArray[np.void], own: npt.NDArray[np.bool_]
) -> tuple[int | None, int, bool]:
    """Offset and length of a chain block, bytes lost inside or after it included."""
    rows = np.flatnonzero(own)
    if not len(rows):
        return None, 0, False
    last = int(rows[-1])
    cut = last + 1 < len(frames) and frames["kind"][last + 1] == LOST
    stop = last + 1 if cut else last
    begin = int(frames["offset"][rows[0]])
    return begin, int(frames["offset"][stop] + frames["length"][stop]) - begin, cut


def dump_board(chunk: GateChunk, row: int) -> dict[str, Any]:
    """One board of a gate as plain data.

    Parameters
    ----------
    chunk : GateChunk
    row : int
        Row of the board in ``chunk.febs``.
    """
    feb = chunk.febs[row]
    flags = FebFlag(int(feb["flags"]))
    board: dict[str, Any] = {"feb": int(feb["board"])}
    if flags & ~FebFlag.INDEPENDENT_PUSH:
        board["state"] = _state(flags)
    if flags & (FebFlag.ABSENT | FebFlag.NO_ANSWER):
        return board
    if not flags & FebFlag.NO_DISCRIMINATOR:
        board["nhits_trip"] = feb["n_hits"].tolist()
        board["discr"] = _records(chunk, feb)
    adc = _adc_in_hit_order(chunk, feb)
    board["adc_raw_trip_chan"] = adc.tolist()
    board["adc_crc32"] = [f"{zlib.crc32(frame.astype('<u2').tobytes()):08x}" for frame in adc]
    if not flags & FebFlag.NO_FPGA:
        board["fpga"] = _registers(chunk, row)
    return board


def _state(flags: FebFlag) -> str:
    names = (flag.name for flag in FebFlag if flags & flag and flag.name)
    return ", ".join(name.lower().replace("_", " ") for name in names)


def _records(chunk: GateChunk, feb: np.void) -> list[list[dict[str, Any]]]:
    first = int(feb["first_record"])
    records = chunk.records[first : first + int(feb["n_records"])]
    return [
        [
            {
                "timestamp": int(record["timestamp"]),
                "delay_ticks": record["delay"].tolist(),
                "quarter_ticks": record["quarter"].tolist(),
            }
            for record in records[records["trip"] == trip]
        ]
        for trip in range(4)
    ]


def _adc_in_hit_order(chunk: GateChunk, feb: np.void) -> npt.NDArray[np.uint16]:
    rows = slice(int(feb["first_adc"]), int(feb["first_adc"]) + int(feb["n_adc"]))
    order = np.argsort(chunk.adc_frames["hit"][rows], kind="stable")
    return chunk.adc[rows][order]


def _registers(chunk: GateChunk, row: int) -> dict[str, Any]:
    values = {
        name: int(column[0])
        for name, column in decode_registers(chunk.registers[row : row + 1]).items()
    }
    named: dict[str, Any] = {name: values[column] for name, column in _REGISTER_NAMES.items()}
    named["DiscrimEnableMask"] = [values[f"discriminator_mask{trip}"] for trip in range(4)]
    named["GateTimeStamp"] = int(chunk.febs["gate_timestamp"][row])
    return named
