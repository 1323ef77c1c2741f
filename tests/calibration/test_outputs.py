"""Names of outputs and members of the verdict file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mx2prod.calibration.outputs import output_stem, subrun_of_name, write_verdict
from mx2prod.core.errors import OutputError
from mx2prod.core.ids import RunSubrun

STEM = "TS1_00001702_0004_pdstl_v09_2404120514"
RAW = f"{STEM}_RawData.dat"
LATER = RAW.replace("0004", "0009")
OWN = RunSubrun(1702, 4)


@pytest.mark.parametrize(
    ("names", "identity", "stem"),
    [
        ([RAW], OWN, STEM),
        ([RAW], RunSubrun(1703, 4), f"{STEM}_00001703_0004"),
        ([RAW], None, STEM),
        ([f"{STEM}_pedestal_table.acc.parquet"], OWN, STEM),
        ([f"{STEM}_gain_table.acc.parquet"], OWN, STEM),
        ([f"{STEM}_feb_table.acc.parquet"], OWN, STEM),
        (["mine.acc.parquet"], OWN, "mine"),
        (["x.dat"], OWN, "x"),
        ([LATER, RAW], None, f"{STEM}_to_00001702_0009"),
        (["b.dat", "a.dat"], None, "a_to_b"),
    ],
)
def test_stems(names: list[str], identity: RunSubrun | None, stem: str) -> None:
    assert output_stem([Path(name) for name in names], identity) == stem


def test_a_stem_has_its_ending_once() -> None:
    """The accumulator of a brighter LED level is named by it already."""
    again = Path(f"{STEM}_level2_gain_table.acc.parquet")
    other = Path(f"{STEM.replace('0004', '0009')}_level2_gain_table.acc.parquet")
    assert output_stem([Path(RAW)], OWN, "_level2") == f"{STEM}_level2"
    assert output_stem([again], OWN, "_level2") == f"{STEM}_level2"
    assert output_stem([other, again], None, "_level2") == f"{STEM}_to_00001702_0009_level2"


@pytest.mark.parametrize(
    ("name", "subrun"),
    [
        (RAW, OWN),
        (f"{STEM}_pedestal_table.acc.parquet", OWN),
        (f"{STEM}_to_00001702_0009_gain_table.dat", OWN),
        ("TS1_1702_4_pdstl", None),
        ("TS1_00001702_00004_pdstl", None),
        ("mine.acc.parquet", None),
    ],
)
def test_the_subrun_of_a_name(name: str, subrun: RunSubrun | None) -> None:
    assert subrun_of_name(name) == subrun


def test_further_members_do_not_replace_those_of_the_verdict(tmp_path: Path) -> None:
    path = tmp_path / "a.verdict.json"
    write_verdict(path, {"verdict": "bad"}, {"verdict": "good", "mine": 1}, overwrite=False)
    assert json.loads(path.read_text()) == {"verdict": "bad", "mine": 1}
    with pytest.raises(OutputError, match="exists already"):
        write_verdict(path, {}, None, overwrite=False)
