"""The checks that need bytes or several records: each hit a hundred times, never falsely."""

from __future__ import annotations

import random
import zlib

from mx2prod.metadata import Context, check_record, check_records
from mx2prod.metadata.schema import load_schema

TIMES = 100


def rules_of(problems):
    return {item.rule for item in problems}


def dataset(new_case, rng, letter="F", n=8):
    """Records of one tier, version and period with sizes that belong together."""
    cases = []
    while len(cases) < n:
        case = new_case(letter, rng, "numib")
        if case.metadata["core.runs"][0] > 50000:
            case.record["size"] = round(75_000 * case.metadata["core.event_count"])
            cases.append(case)
    return cases


def checked(cases):
    records = [case.record for case in cases]
    return [rules_of(found) for found in check_records(records, [c.context() for c in cases])]


def test_one_convention_of_event_numbers(new_case):
    rng = random.Random(7)
    cases = dataset(new_case, rng, n=5)
    for _ in range(TIMES):
        assert not any("X07" in found for found in checked(cases))
        which = rng.randrange(len(cases))
        metadata = cases[which].metadata
        gates = metadata["core.first_event_number"], metadata["core.last_event_number"]
        edges = metadata["core.lum_block_ranges"][0]
        metadata["core.first_event_number"], metadata["core.last_event_number"] = edges
        found = checked(cases)
        assert [number for number, rules in enumerate(found) if "X07" in rules] == [which]
        metadata["core.first_event_number"], metadata["core.last_event_number"] = gates


def test_sizes_far_from_the_others(new_case):
    rng = random.Random(23)
    cases = dataset(new_case, rng)
    for _ in range(TIMES):
        assert not any("X23" in found for found in checked(cases))
        which = rng.randrange(len(cases))
        size = cases[which].record["size"]
        factor = rng.uniform(6, 100)
        cases[which].record["size"] = round(size * factor if rng.random() < 0.5 else size / factor)
        found = checked(cases)
        assert [number for number, rules in enumerate(found) if "X23" in rules] == [which]
        cases[which].record["size"] = size


def test_size_and_checksum_of_the_bytes(new_case, tmp_path):
    rng = random.Random(15)
    path = tmp_path / "data"
    for _ in range(TIMES):
        case = new_case(rng.choice("RDFTM"), rng)
        content = rng.randbytes(rng.randrange(1, 2000))
        path.write_bytes(content)
        case.record["size"] = len(content)
        case.record["checksums"] = {"adler32": f"{zlib.adler32(content):08x}"}
        context = Context(schema=load_schema(), data_file=path)
        assert "X15" not in rules_of(check_record(case.record, context))
        at = rng.randrange(len(content))
        other = bytes([content[at] ^ (1 + rng.randrange(255))])
        path.write_bytes(content[:at] + other + content[at + 1 :])
        assert "X15" in rules_of(check_record(case.record, context))
