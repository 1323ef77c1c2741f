"""Input files: names, checksums, accumulators of earlier calls."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mx2prod import raw
from mx2prod.calibration import (
    PedestalConfig,
    Preproduction,
    SourceFile,
    Verdict,
    accumulate,
    calibrate_pedestals,
    read_accumulator,
    serialise,
    write_accumulator,
    write_products,
)
from mx2prod.calibration.input_files import (
    FileFacts,
    check_names,
    integrity_reasons,
    runs_by_subrun,
    source_of,
    stream_reasons,
    unreadable,
)
from mx2prod.constants import content_sha256
from mx2prod.core.errors import ConfigError, InputFileError, UsageError
from mx2prod.core.files import adler32_of
from mx2prod.core.ids import RunSubrun
from mx2prod.detector import Detector, load_detector
from mx2prod.raw import Fault, Kind, Severity
from tests.calibration.pedestal_gates import Pedestals, chunks, write_raw

SETTINGS = Preproduction(boards=("0-1-0",))
TRUTH = Pedestals.random(np.arange(10), 71)
NAME = "TS1_00001702_0004_pdstl_v09_2404120514_RawData.dat"


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector()


@pytest.fixture(scope="module")
def whole(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw file of 600 gates."""
    path = tmp_path_factory.mktemp("whole") / NAME
    write_raw(path, detector.hardware, chunks(detector.hardware, TRUTH, range(1, 601)))
    return path


def accumulator_of(
    detector: Detector, gates: range, file: str, config: PedestalConfig | None = None
):  # type: ignore[no-untyped-def]
    return accumulate(
        chunks(detector.hardware, TRUTH, gates), detector.hardware, config,
        [SourceFile(file, "01234567")],
    )  # fmt: skip


def test_two_accumulators_of_halves_give_the_table_of_the_whole(
    detector: Detector, whole: Path, tmp_path: Path
) -> None:
    """Tables are cheap: merged from accumulators, without the raw files."""
    (expected,) = calibrate_pedestals([whole], SETTINGS, detector=detector)
    halves = []
    for part, gates in enumerate((range(1, 251), range(251, 601))):
        halves.append(tmp_path / f"part{part}_pedestal_table.acc.parquet")
        write_accumulator(accumulator_of(detector, gates, NAME), halves[-1])
    (merged,) = calibrate_pedestals(halves, SETTINGS, detector=detector, merge=True)
    assert expected.tables is not None and merged.tables is not None
    for name in ("pedestals", "companion"):
        ours, theirs = getattr(merged.tables, name), getattr(expected.tables, name)
        assert content_sha256(ours) == content_sha256(theirs)
    assert merged.identity == expected.identity == RunSubrun(1702, 4)
    assert merged.verdict.gates == expected.verdict.gates
    assert merged.verdict.verdict is expected.verdict.verdict is Verdict.GOOD
    singles = list(calibrate_pedestals(halves, SETTINGS, detector=detector))
    assert [p.verdict.gates["used"] for p in singles] == [250, 350]


def test_an_accumulator_of_an_earlier_call_gives_the_same_table(
    detector: Detector, whole: Path, tmp_path: Path
) -> None:
    (first,) = calibrate_pedestals([whole], SETTINGS, detector=detector)
    paths = write_products(first, tmp_path / "first")
    (again,) = calibrate_pedestals([paths["accumulator"]], SETTINGS, detector=detector)
    repeated = write_products(again, tmp_path / "again")
    assert {path.name for path in repeated.values()} == {path.name for path in paths.values()}
    for name in ("table", "parquet", "accumulator"):
        assert repeated[name].read_bytes() == paths[name].read_bytes()
    assert read_accumulator(repeated["accumulator"]).files == ((NAME, adler32_of(whole)),)
    with pytest.raises(UsageError, match=rf"{re.escape(str(whole))}: run 1702 subrun 4.*overlap"):
        list(calibrate_pedestals([paths["accumulator"], whole], SETTINGS, detector=detector,
                                 merge=True))  # fmt: skip


def test_accumulators_of_other_settings_are_refused(detector: Detector, tmp_path: Path) -> None:
    path = tmp_path / "x.acc.parquet"
    for accumulator, message in (
        (accumulator_of(detector, range(1, 9), NAME, PedestalConfig(window_bins=64)),
         "window_bins 64 and 512"),
        (replace(accumulator_of(detector, range(1, 9), NAME), hardware="f" * 64),
         "hardware map ffffffffffff and "),
    ):  # fmt: skip
        write_accumulator(accumulator, path, overwrite=True)
        with pytest.raises(ConfigError, match=f"{path}: made with other settings.*{message}"):
            list(calibrate_pedestals([path], SETTINGS, detector=detector))
    write_accumulator(accumulate([], detector.hardware), path, overwrite=True)
    with pytest.raises(InputFileError, match="has read no gate"):
        list(calibrate_pedestals([path], SETTINGS, detector=detector))
    path.write_bytes(b"no accumulator")
    with pytest.raises(InputFileError, match="no whole pedestal accumulator"):
        list(calibrate_pedestals([path], SETTINGS, detector=detector))


def test_the_stream_of_an_accumulator_is_that_of_its_raw_files(
    detector: Detector, tmp_path: Path
) -> None:
    """Pedestal gates in a beam file are named, from the raw file or from its accumulator."""
    path = tmp_path / "x.acc.parquet"
    write_accumulator(accumulator_of(detector, range(1, 9), NAME.replace("pdstl", "numip")), path)
    (product,) = calibrate_pedestals([path], SETTINGS, detector=detector)
    assert "stream" not in {reason.code for reason in product.verdict.reasons}
    write_accumulator(
        accumulator_of(detector, range(1, 9), NAME.replace("pdstl", "numib")), path, overwrite=True
    )
    (product,) = calibrate_pedestals([path], SETTINGS, detector=detector)
    (reason,) = [r for r in product.verdict.reasons if r.code == "stream"]
    assert reason.text == "8 pedestal gates in a file of stream numib; used by their type"
    assert serialise(read_accumulator(path)) == path.read_bytes()


def test_facts_of_several_files_are_joined() -> None:
    fault = Fault(Kind.TRUNCATED, Severity.ERROR, "cut")
    one, other = FileFacts((fault,), "pdstl"), FileFacts((), "numib")
    assert FileFacts.joined([one, one]) == FileFacts((fault, fault), "pdstl")
    assert FileFacts.joined([one, other]).stream is None
    assert FileFacts.joined([]) == FileFacts()
    assert FileFacts.of_names([SourceFile(NAME, ""), SourceFile("x.dat", "")]).stream is None
    assert list(stream_reasons({"type 1": 3}, FileFacts((), None))) == []
    (reason,) = integrity_reasons(FileFacts((fault, fault)))
    assert (reason.count, reason.text) == (2, "the file had to be salvaged: truncated (2)")
    assert unreadable(FileFacts()).text == "no intact gate in the file: no gates"


def test_names_and_checksums(whole: Path) -> None:
    with pytest.raises(UsageError, match="no input file given"):
        check_names([])
    with pytest.raises(UsageError, match=f"other/{NAME}: a file of this name is given already"):
        check_names([whole, Path("other") / NAME])
    right = adler32_of(whole)
    assert source_of(whole) == source_of(whole, {NAME: right}) == SourceFile(NAME, right)
    with pytest.raises(InputFileError, match=f"adler32 {right}, the catalogue says 00000000"):
        source_of(whole, {NAME: "00000000"})


def test_a_run_counts_if_it_has_an_intact_gate_of_its_own(
    detector: Detector, whole: Path, tmp_path: Path
) -> None:
    """A run that stands twice has no gates of its own the second time."""
    later = tmp_path / "later.dat"
    gates = chunks(detector.hardware, TRUTH, range(1, 4), subrun=5)
    write_raw(later, detector.hardware, gates)
    path = tmp_path / NAME
    path.write_bytes(whole.read_bytes() * 2 + later.read_bytes())
    with raw.open(path) as file:
        assert len({*file.scan().run_of_gate.tolist()}) == 3
        assert runs_by_subrun(file.scan()) == {RunSubrun(1702, 4): [0], RunSubrun(1702, 5): [2]}
