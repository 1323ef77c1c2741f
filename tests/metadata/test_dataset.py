"""Checks over several records (X07, X23)."""

from __future__ import annotations

from mx2prod.metadata import check_records


def rules(problems):
    return {item.rule for item in problems}


def test_one_record_of_another_convention(new_case, rng):
    records = [new_case("F", rng).record for _ in range(5)]
    metadata = records[3]["metadata"]
    first, last = metadata["core.lum_block_ranges"][0]
    metadata["core.first_event_number"], metadata["core.last_event_number"] = first, last
    found = check_records(records)
    assert ["X07" in rules(problems) for problems in found] == [False, False, False, True, False]


def test_raw_and_derived_records_have_conventions_of_their_own(new_case, rng):
    records = [new_case(letter, rng).record for letter in "RRFFRT"]
    assert not any("X07" in rules(problems) for problems in check_records(records))


def test_size_far_from_the_others_of_its_period(new_case, rng):
    records = []
    while len(records) < 7:
        record = new_case("F", rng).record
        if record["metadata"]["core.runs"][0] > 50_000:
            record["size"] = 75_000 * record["metadata"]["core.event_count"]
            records.append(record)
    records[2]["size"] //= 80
    found = check_records(records)
    assert [position for position, item in enumerate(found) if "X23" in rules(item)] == [2]


def muon_files(new_case, rng, run, count, size):
    files = []
    for _ in range(count):
        record = new_case("M", rng).record
        record["metadata"]["core.runs"] = [run]
        record["size"] = size
        files.append(record)
    return files


def test_rock_muon_files_of_the_talk(new_case, rng):
    """37 GB / 302, 12 GB / 96 and 181 MB / 117: the last set is 80 times too small."""
    records = [
        *muon_files(new_case, rng, 1700, 30, 37_000_000_000 // 302),
        *muon_files(new_case, rng, 1800, 10, 12_000_000_000 // 96),
        *muon_files(new_case, rng, 50017, 12, 181_000_000 // 117),
    ]
    flagged = ["X23" in rules(problems) for problems in check_records(records)]
    assert flagged == [False] * 40 + [True] * 12


def test_few_files_say_nothing(new_case, rng):
    records = muon_files(new_case, rng, 50017, 2, 10**8) + muon_files(new_case, rng, 50017, 1, 10)
    assert not any("X23" in rules(problems) for problems in check_records(records))


def test_a_run_of_no_period_and_an_empty_size_are_left_out(new_case, rng):
    records = muon_files(new_case, rng, 3, 6, 0) + muon_files(new_case, rng, 3, 6, 100)
    assert not any("X23" in rules(problems) for problems in check_records(records))
