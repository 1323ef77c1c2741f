"""Every defect class of the raw-format page, section 11, on a file that has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mx2prod import raw
from mx2prod.core.errors import InputFileError, RawFileError
from mx2prod.raw import findings
from mx2prod.raw.info import RawInfo
from tests.raw.conftest import kinds
from tests.raw.surgery import DAQ_HEADER, RUN_HEADER, gates_of, patch, pieces, seal

NAME = "TS1_00050017_0017_numib_v09_2407100856_RawData.dat"
SAMPLES = {
    # name: (gates, intact, errors, warnings)
    "b01_hw_abort": (3, 3, set(), {"json_unreliable"}),
    "b02_bad_crc": (3, 2, {"crc_error"}, {"frame_status"}),
    "b03_feb_missing": (3, 1, {"feb_missing"}, {"feb_missing", "feb_no_answer"}),
    "b04_block_over_64k": (2, 1, {"block_wrapped", "feb_missing"}, {"feb_missing"}),
    "d01_truncated_midframe": (3, 3, {"truncated"}, set()),
    "d02_no_sentinel": (6, 6, set(), {"no_sentinel"}),
    "d03_no_daq_header": (5, 5, {"no_daq_header"}, {"gate_gap", "json_unreliable"}),
    "d04_appended_same_run": (12, 12, {"second_run", "duplicate_gate"}, {"json_unreliable"}),
    "d06_unknown_device_function": (6, 5, {"unknown_frame", "feb_missing"}, set()),
    "d07_gates_out_of_order": (6, 6, {"gate_order"}, {"gate_gap", "time_order"}),
    "d08_json_size0": (6, 6, set(), {"json_unreliable"}),
    "d09_length_zero": (6, 5, {"bytes_lost", "feb_missing"}, {"feb_missing"}),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_defective_sample(name: str, raw_path: Any, truth_of: Any) -> None:
    gates, intact, errors, warnings = SAMPLES[name]
    info = raw.summarise(raw_path(name))
    assert (info.gates, info.intact_gates) == (gates, intact)
    assert kinds(info, "error") == errors
    assert kinds(info, "warning") == warnings
    assert info.bytes_decoded + info.bytes_lost == info.bytes
    truth = truth_of(name)
    for key in ("cut_offset", "removed_offset", "second_run_offset"):
        if key in truth and name != "d01_truncated_midframe":
            assert truth[key] in {fault.offset for fault in info.faults}
    if "intact_gates" in truth:
        with raw.open(raw_path(name)) as file:
            scan = file.scan()
            undamaged = scan.gates["gate"][scan.gates["flags"] == 0].tolist()
        assert set(truth["intact_gates"]) <= set(undamaged)
        assert set(undamaged) <= {*truth["intact_gates"], *truth.get("recoverable", [])}


@pytest.mark.parametrize("name", SAMPLES)
def test_strict_reading_stops_at_the_first_error(name: str, raw_path: Any) -> None:
    errors = SAMPLES[name][2]
    with raw.open(raw_path(name)) as file:
        if not errors:
            assert sum(len(chunk) for chunk in file.chunks()) == SAMPLES[name][0]
            return
        with pytest.raises(RawFileError) as caught:
            list(file.chunks())
        first = next(fault for fault in file.faults if fault.severity == "error")
    assert caught.value.kind == first.kind
    assert caught.value.exit_code == 2
    assert str(raw_path(name)) in caught.value.message
    assert first.offset is None or str(first.offset) in caught.value.message
    assert "mx2 raw" in caught.value.next_step


def test_empty_file(raw_path: Any) -> None:
    info = raw.summarise(raw_path("d05_empty"))
    assert info.gates == 0
    assert "empty" in kinds(info, "error")


@pytest.fixture
def base(raw_path: Any) -> bytes:
    return raw_path("p03_numib_small").read_bytes()


Write = Callable[[bytes], RawInfo]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write bytes under a DAQ name and summarise them."""

    def run(data: bytes) -> RawInfo:
        path = tmp_path / NAME
        path.write_bytes(data)
        info = raw.summarise(path)
        assert info.bytes_decoded + info.bytes_lost == len(data)
        return info

    return run


def test_run_header_only(base: bytes, write: Write) -> None:
    assert kinds(write(base[:RUN_HEADER]), "error") == {"no_gates"}
    sentinel = pieces(base)[-1].data
    assert kinds(write(base[:RUN_HEADER] + sentinel), "error") == {"no_gates"}


@pytest.mark.parametrize("size", [1, 7, 10, 200, 491])
def test_shorter_than_its_run_header(base: bytes, write: Write, size: int) -> None:
    assert kinds(write(base[:size]), "error") == {"truncated"}


def test_missing_run_header_takes_the_nominal_map(raw_path: Any, write: Write) -> None:
    data = raw_path("p10_numib_full").read_bytes()[RUN_HEADER:]
    info = write(data)
    assert "no_run_header" in kinds(info, "error")
    assert (info.gates, info.intact_gates, info.febs) == (14, 14, 185)


@pytest.mark.parametrize(
    "data", [b"\0" * 5000, bytes(range(256)) * 400, b"PK\3\4 not a raw file" * 9]
)
def test_not_a_raw_file(data: bytes, write: Write) -> None:
    info = write(data)
    assert kinds(info, "error") == {"not_raw"}
    assert info.bytes_lost == len(data)


def test_frames_without_crc_are_refused(base: bytes, write: Write) -> None:
    stripped = base[:RUN_HEADER]
    for piece in pieces(base)[1:6]:
        body = piece.data[:-3] if piece.kind == "adc" else piece.data[:-1]
        length = {"adc": 452, "discriminator": len(body), "fpga": 74}[piece.kind]
        head = length.to_bytes(2, "big")
        stripped += (head + body[2:8] + head + body[10:])[:length]
    info = write(stripped)
    assert kinds(info, "error") == {"not_raw"}
    assert "CRC-less CROC-E frames" in info.faults[0].detail


def test_file_cut_between_frames(base: bytes, write: Write) -> None:
    inside_gate_4 = pieces(base)[90]
    assert inside_gate_4.kind == "adc"
    info = write(base[: inside_gate_4.offset])
    assert kinds(info, "error") == {"truncated"}
    assert info.bytes_lost == 0


def test_zero_filled_tail_and_foreign_bytes(base: bytes, write: Write) -> None:
    info = write(base + b"\0" * 3000)
    assert kinds(info, "error") == {"bytes_lost"}
    assert (info.intact_gates, info.bytes_lost) == (6, 3000)
    gates = gates_of(base)
    data = base[:RUN_HEADER] + gates[0] + b"foreign" * 100 + b"".join(gates[1:])
    info = write(data + pieces(base)[-1].data)
    assert (info.intact_gates, info.bytes_lost) == (6, 700)
    inside = pieces(base)[50].offset
    info = write(base[:inside] + b"foreign" * 100 + base[inside:])
    assert (info.intact_gates, info.bytes_lost) == (5, 700)


def test_damaged_run_header_takes_the_boards_seen(base: bytes, write: Write) -> None:
    info = write(patch(base, 1, b"\0"))
    assert kinds(info, "error") == {"no_run_header", "bytes_lost"}
    assert (info.gates, info.intact_gates, info.febs, info.chains) == (6, 6, 5, 3)


def test_run_header_that_lacks_bytes(base: bytes, write: Write) -> None:
    info = write(base[:300] + base[303:])
    fault = next(fault for fault in info.faults if fault.kind == "no_run_header")
    assert "cut to 489 of 492 bytes" in fault.detail
    assert (info.intact_gates, info.febs) == (6, 5)


@pytest.mark.parametrize("lead", [[8], [8] * 3000, [400], [100, 9]])
def test_broken_run_headers_before_a_good_one(base: bytes, write: Write, lead: list[int]) -> None:
    info = write(b"".join(base[:length] for length in lead) + base)
    assert kinds(info, "error") == {"bytes_lost"}
    assert (info.intact_gates, info.bytes_lost) == (6, sum(lead))


def test_second_run_of_a_header_alone(base: bytes, write: Write) -> None:
    info = write(base + base[:RUN_HEADER])
    assert kinds(info, "error") == {"second_run"}
    assert info.gates == 6


def test_header_without_frames_is_one_finding(base: bytes, write: Write) -> None:
    sentinel = pieces(base)[-1]
    header = patch(pieces(base)[-2].data, 32, b"\x07")
    info = write(base[: sentinel.offset] + header + sentinel.data)
    missing = [f for f in info.faults if f.kind == "feb_missing" and f.severity == "warning"]
    assert [fault.detail for fault in missing] == ["no frame of any of the 5 boards in the gate"]
    assert (info.gates, info.intact_gates) == (7, 6)


def test_daq_header_that_lacks_bytes(base: bytes, write: Write) -> None:
    at = header_offset(base, 3) + 30
    info = write(base[:at] + base[at + 5 :])
    assert {"bytes_lost", "no_daq_header"} <= kinds(info, "error")
    assert (info.gates, info.intact_gates, info.bytes_lost) == (5, 5, DAQ_HEADER - 5)


def test_missing_gate_is_a_gap(base: bytes, write: Write) -> None:
    gates = gates_of(base)
    info = write(base[:RUN_HEADER] + b"".join(gates[:2] + gates[3:]) + pieces(base)[-1].data)
    assert kinds(info, "error") == set()
    assert kinds(info, "warning") == {"gate_gap"}


def header_offset(base: bytes, number: int) -> int:
    return [piece.offset for piece in pieces(base) if piece.kind == "header"][number - 1]


def test_header_words_that_change(base: bytes, write: Write) -> None:
    at = header_offset(base, 3)
    other_run = write(patch(base, at + 12, (50018).to_bytes(4, "little")))
    assert kinds(other_run, "error") == {"header_mismatch"}
    assert other_run.intact_gates == 5
    repeated = base[header_offset(base, 2) + 24 : header_offset(base, 2) + 32]
    reused = write(patch(base, at + 24, repeated))
    assert "global_gate_reused" in kinds(reused, "warning")
    pedestal = write(patch(base, at + 20, b"\x01"))
    assert kinds(pedestal, "warning") == {"header_mismatch"}
    assert pedestal.triggers == {16: 5, 1: 1}
    earlier = write(patch(base, at + 40, (1).to_bytes(8, "little")))
    assert kinds(earlier, "warning") == {"time_order"}


def test_name_against_headers(base: bytes, tmp_path: Path) -> None:
    path = tmp_path / "TS1_00050017_0018_numib_v09_2407100856_RawData.dat"
    path.write_bytes(base)
    assert kinds(raw.summarise(path), "error") == {"header_mismatch"}
    plain = tmp_path / "copy.dat"
    plain.write_bytes(base)
    info = raw.summarise(plain)
    assert kinds(info, "error", "warning") == set()
    assert (info.run, info.stream) == (50017, "numib")


def discriminator(base: bytes) -> tuple[int, bytes]:
    """Offset and bytes of the first discriminator frame with records."""
    piece = next(p for p in pieces(base) if p.kind == "discriminator" and len(p.data) > 65)
    return piece.offset, piece.data


def test_malformed_discriminator_frames(base: bytes, write: Write) -> None:
    offset, frame = discriminator(base)
    falling = bytearray(frame)
    falling[22:24], falling[24:26] = b"\xff\xff", b"\x00\x00"
    info = write(patch(base, offset, seal(bytes(falling))))
    assert "malformed" in kinds(info, "error")
    counts = bytearray(frame)
    counts[20] ^= 1
    info = write(patch(base, offset, seal(bytes(counts))))
    assert "malformed" in kinds(info, "error")
    assert info.intact_gates == 5


def test_independent_push_needs_both_mode_bits(raw_path: Any, write: Write) -> None:
    base = raw_path("p05_independent_push").read_bytes()
    offset, frame = discriminator(base)
    half = bytearray(frame)
    half[23] &= 0x7F
    assert "malformed" in kinds(write(patch(base, offset, seal(bytes(half)))), "error")


def test_adc_frame_of_a_wrong_length_is_malformed(base: bytes, write: Write) -> None:
    piece = next(p for p in pieces(base) if p.kind == "adc")
    short = (453 - 20).to_bytes(2, "big")
    frame = seal(short + piece.data[2:8] + short + piece.data[10:433])
    info = write(base[: piece.offset] + frame + base[piece.offset + len(piece.data) :])
    assert "malformed" in kinds(info, "error")


def test_firmware_that_does_not_fit_the_length_is_decoded_by_length(
    base: bytes, write: Write
) -> None:
    data = base
    for piece in pieces(base):
        if piece.kind == "fpga":
            data = patch(data, piece.offset, seal(patch(piece.data, 4, b"\x5f")))
    info = write(data)
    assert kinds(info, "error", "warning") == set()
    assert "frame_status" in kinds(info, "note")
    assert info.intact_gates == 6


def test_more_hits_than_the_pipeline_holds(base: bytes, write: Write) -> None:
    offset, frame = discriminator(base)
    hits = 23
    body = frame[:20] + bytes([hits, 0]) + frame[22:62] * (2 * hits) + b"\0"
    length = (len(body) + 2).to_bytes(2, "big")
    new = seal(length + body[2:8] + length + body[10:] + b"\0\0")
    info = write(base[:offset] + new + base[offset + len(frame) :])
    assert "hit_count" in kinds(info, "warning")


def test_same_gate_twice_is_used_once(base: bytes, write: Write) -> None:
    gates = gates_of(base)
    info = write(base[:RUN_HEADER] + gates[0] + gates[0] + b"".join(gates[1:]))
    assert {"duplicate_gate", "gate_order"} <= kinds(info, "error")
    assert info.gates == 7


def test_sentinel_in_the_middle(base: bytes, write: Write) -> None:
    info = write(patch(base, header_offset(base, 3) + 5, b"\x05"))
    assert {"no_daq_header", "no_run_header"} <= kinds(info, "error")
    assert info.gates == 5


def test_frames_of_two_gates_are_parted_by_event_count(base: bytes, write: Write) -> None:
    """Cut from the middle of gate 3 to the same board of gate 4: no frame repeats."""

    def board_starts(gate: int) -> list[int]:
        first = 1 + sum(len(pieces_of) for pieces_of in by_gate[:gate])
        return [first + i for i, p in enumerate(by_gate[gate]) if p.kind == "discriminator"]

    by_gate: list[list[Any]] = [[]]
    for piece in pieces(base)[1:-1]:
        by_gate[-1].append(piece)
        if piece.kind == "header":
            by_gate.append([])
    all_pieces = pieces(base)
    cut_from = all_pieces[board_starts(2)[2]].offset
    cut_to = all_pieces[board_starts(3)[2]].offset
    info = write(base[:cut_from] + base[cut_to:])
    assert "no_daq_header" in kinds(info, "error")
    fault = next(f for f in info.faults if f.kind == "no_daq_header")
    assert fault.offset == cut_from
    assert info.intact_gates == 4


def test_two_different_runs_in_one_file(raw_path: Any, base: bytes, write: Write) -> None:
    other = raw_path("p05_independent_push").read_bytes()
    info = write(base + other)
    assert kinds(info, "error") == {"second_run"} | {"header_mismatch"}
    assert (info.gates, info.intact_gates) == (9, 9)


@pytest.mark.parametrize("chunk_bytes", [1, 5000, 20_000, 1 << 24])
def test_findings_do_not_depend_on_the_chunk(chunk_bytes: int, raw_path: Any) -> None:
    for name in SAMPLES:
        with (
            raw.open(raw_path(name)) as file,
            raw.open(raw_path(name), chunk_bytes=chunk_bytes) as other,
        ):
            assert set(other.faults) == set(file.faults)
            assert other.totals == file.totals


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    import os

    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path, fifo, tmp_path / "missing", Path("/dev/null")):
        with pytest.raises(InputFileError, match=str(path)):
            raw.open(path)


def test_file_that_shrinks_while_it_is_read(base: bytes, tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(base)
    with raw.open(path, chunk_bytes=1) as file:
        chunks = file.chunks()
        next(chunks)
        with path.open("r+b") as handle:
            handle.truncate(1000)
        with pytest.raises(InputFileError, match="became shorter"):
            list(chunks)


def test_daq_header_bytes_are_those_of_the_layout() -> None:
    from mx2prod.raw import layout

    assert (layout.DAQ_HEADER_BYTES, layout.RUN_HEADER_BYTES) == (DAQ_HEADER, RUN_HEADER)


def flip_is_noticed(data: bytes, offset: int, bit: int, write: Write) -> bool:
    """Does a flipped bit of a front-end frame give a finding and spoil its gate?"""
    info = write(patch(data, offset, bytes([data[offset] ^ 1 << bit])))
    return bool(kinds(info, "error")) and info.intact_gates < 6


def random_flips(data: bytes, count: int) -> list[tuple[int, int]]:
    """Bits of front-end frames, the same in every run."""
    generator = np.random.default_rng(17)
    inside = [p for p in pieces(data) if p.kind in ("adc", "discriminator", "fpga")]
    offsets = np.concatenate([np.arange(p.offset, p.offset + len(p.data)) for p in inside])
    chosen = generator.choice(offsets, count).tolist()
    return list(zip(chosen, generator.integers(0, 8, count).tolist(), strict=True))


def test_flipped_bits_of_frames_are_noticed(base: bytes, write: Write) -> None:
    for offset, bit in random_flips(base, 300):
        assert flip_is_noticed(base, offset, bit, write), (offset, bit)


@pytest.mark.slow
def test_ten_thousand_flipped_bits_are_noticed(base: bytes, write: Write) -> None:
    for offset, bit in random_flips(base, 10_000):
        assert flip_is_noticed(base, offset, bit, write), (offset, bit)


def test_findings_of_many_frames_are_counted(
    base: bytes, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "MAX_LISTED", 10)
    data = base
    for piece in pieces(base):
        if piece.kind == "adc":
            data = patch(data, piece.offset + 200, bytes([piece.data[200] ^ 1]))
    info = write(data)
    crc = [fault for fault in info.faults if fault.kind == "crc_error"]
    assert len(crc) == 11
    assert crc[-1].detail == "80 more frames with findings, not listed one by one"
    assert info.intact_gates == 0
