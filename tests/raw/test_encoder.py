"""Encoding: decoded gates and damaged files come out as the bytes they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mx2prod import raw
from mx2prod.core.errors import UsageError
from mx2prod.raw.columns import FebFlag, GateChunk
from mx2prod.raw.encoder import cell_type, encode
from mx2prod.raw.layout import Address, RunHeader, source_id
from mx2prod.raw.roundtrip import roundtrip
from tests.raw.surgery import patch

CLEAN = [f"p{number:02d}" for number in range(1, 12)]


def all_files() -> list[Path]:
    return sorted((Path(__file__).parents[1] / "data" / "raw").glob("*/*.dat"))


@pytest.mark.parametrize("path", all_files(), ids=lambda path: path.parent.name)
def test_roundtrip_is_exact_for_every_sample(path: Path) -> None:
    result = roundtrip(path)
    assert (result.equal, result.first_difference) == (True, None)
    if path.parent.name[:3] in CLEAN:
        assert result.opaque_frames == 0
    assert result.decoded_frames > 50 or path.stat().st_size == 0


@pytest.mark.parametrize("prefix", CLEAN)
def test_encoding_decoded_gates_gives_the_file(prefix: str, samples: dict[str, Path]) -> None:
    """The encoder fills status, lengths, counts, CRC and sentinel from the content alone."""
    name = next(key for key in samples if key.startswith(prefix))
    path = next(samples[name].glob("*.dat"))
    with raw.open(path) as file:
        assert b"".join(encode(file.scan().runs[0].header, file.chunks())) == path.read_bytes()


def test_wrapped_block_is_written_only_when_asked(raw_path: Any) -> None:
    chunk, header = one_gate(raw_path("p08_many_hits"))
    many = busy(chunk)
    with pytest.raises(UsageError, match="chain block of"):
        list(encode(header, [many]))
    written = b"".join(encode(header, [many], allow_wrap=True))
    with_wrap = written[492:]
    assert len(with_wrap) < 65536 * 3


def one_gate(path: Path) -> tuple[GateChunk, RunHeader]:
    with raw.open(path, chunk_bytes=1) as file:
        return next(file.chunks()), file.scan().runs[0].header


def busy(chunk: GateChunk) -> GateChunk:
    """All boards of the gate on one chain: a block of more than 64 KiB."""
    febs = np.tile(chunk.febs[:1], 6)
    febs["board"] = np.arange(1, 7)
    gates = chunk.gates.copy()
    gates["n_febs"] = 6
    return replace(chunk, gates=gates, febs=febs, registers=np.tile(chunk.registers[:1], (6, 1)))


def test_content_that_the_format_cannot_hold(raw_path: Any) -> None:
    chunk, header = one_gate(raw_path("p03_numib_small"))
    high = chunk.adc.copy()
    high[0, 3, 5] = 4096
    with pytest.raises(UsageError, match="TriP 3 channel 5: ADC 4096"):
        list(encode(header, [replace(chunk, adc=high)]))
    febs = chunk.febs.copy()
    febs["n_timed"][0] = 23
    with pytest.raises(UsageError, match="23 timed hits"):
        list(encode(header, [replace(chunk, febs=febs)]))
    febs = chunk.febs.copy()
    febs["n_adc"][1] -= 1
    with pytest.raises(UsageError, match="ADC frames, expected"):
        list(encode(header, [replace(chunk, febs=febs)]))


def test_file_without_gates() -> None:
    data = b"".join(encode(RunHeader.nominal(), []))
    assert len(data) == 492 + 56
    assert data[-56:] == bytes.fromhex("0038CBCB09050000") + bytes(48)


def test_cell_types() -> None:
    assert [cell_type(hit, 2) for hit in range(3)] == [0x5D, 0x5E, 0x5F]
    assert [cell_type(hit, 1, firmware=91) for hit in range(2)] == [0x3E, 0x3F]
    assert cell_type(0, 22) == 0x31


def test_run_header(raw_path: Any) -> None:
    nominal = RunHeader.nominal()
    assert (len(nominal.chains), nominal.febs, nominal.is_nominal) == (22, 185, True)
    data = raw_path("p03_numib_small").read_bytes()[:492]
    header = RunHeader.parse(data)
    assert header.encode() == data
    assert (header.febs, header.is_nominal) == (5, False)
    with pytest.raises(ValueError, match="cut to 491 of 492 bytes"):
        RunHeader.parse(data[:-1])
    with pytest.raises(ValueError, match="lists 241 words"):
        RunHeader.parse(patch(data, 8, (241).to_bytes(4, "little")))


def test_unusable_run_header_is_named(raw_path: Any, tmp_path: Path) -> None:
    data = patch(raw_path("p10_numib_full").read_bytes(), 8, b"\x07")
    path = tmp_path / "damaged.dat"
    path.write_bytes(data)
    info = raw.summarise(path)
    assert any(f.kind == "no_run_header" and "7 words" in f.detail for f in info.faults)
    assert info.intact_gates == 14
    assert roundtrip(path).equal


def test_source_id_examples() -> None:
    assert source_id(0, 10, 1, 1) == 0x1488
    for hit in range(32):
        address = Address(1, 13, 3, 15, hit)
        assert Address.of(source_id(1, 13, 3, 15, hit)) == address


def test_boards_that_fail_are_written_as_the_daq_does(raw_path: Any) -> None:
    """Header-only frames byte by byte as in the sample; absent boards give none; error bits."""
    path = raw_path("b03_feb_missing")
    with raw.open(path) as file:
        chunks = list(file.chunks(strict=False))
        header = file.scan().runs[0].header
    febs = np.concatenate([chunk.febs["flags"] for chunk in chunks])
    assert np.any(febs & FebFlag.NO_ANSWER) and np.any(febs & FebFlag.ABSENT)
    assert b"".join(encode(header, chunks)) == path.read_bytes()


def test_error_bits_are_written_and_read_back(raw_path: Any, tmp_path: Path) -> None:
    chunk, header = one_gate(raw_path("p03_numib_small"))
    chunk.febs["flags"][1] |= FebFlag.STATUS
    path = tmp_path / raw_path("p03_numib_small").name
    path.write_bytes(b"".join(encode(header, [chunk])))
    with raw.open(path) as file:
        again = next(file.chunks(strict=False))
    assert np.array_equal(again.febs["flags"], chunk.febs["flags"])
    assert {str(f.kind) for f in raw.summarise(path).faults if f.severity != "note"} == {
        "frame_status"
    }
