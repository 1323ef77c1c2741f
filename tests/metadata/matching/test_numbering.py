"""The numbering of global subruns and its traps, on small runs whose rows are known by hand."""

from __future__ import annotations

from mx2prod.metadata.matching.numbering import MadeSubrun, number_run

T = 1_720_000_000


def sub(system: str, subrun: int, start: int, end: int, run: int = 50005) -> MadeSubrun:
    return MadeSubrun(system, run, subrun, T + start, T + end)


def rows(*subruns: MadeSubrun) -> list[tuple[int, int, int, dict[str, int]]]:
    return [
        (
            row.number,
            row.start - T,
            row.end - T,
            {system: item.subrun for system, item in row.running.items()},
        )
        for row in number_run(subruns)
    ]


def test_each_edge_opens_an_interval():
    made = rows(sub("CRS", 1, 0, 100), sub("CRS", 2, 100, 200), sub("Mx2", 7, 50, 150))
    assert made == [
        (500050000001, 0, 50, {"CRS": 1}),
        (500050000002, 50, 100, {"CRS": 1, "Mx2": 7}),
        (500050000003, 100, 150, {"CRS": 2, "Mx2": 7}),
        (500050000004, 150, 200, {"CRS": 2}),
    ]


def test_short_interval_goes_to_the_next_and_the_rest_is_renumbered():
    made = rows(sub("CRS", 1, 0, 100), sub("CRS", 2, 102, 200))
    assert made == [(500050000001, 0, 100, {"CRS": 1}), (500050000002, 100, 200, {"CRS": 2})]


def test_overlap_of_a_second_hides_the_second_subrun():
    made = rows(sub("CRS", 1, 0, 100), sub("CRS", 2, 99, 200))
    assert made == [(500050000001, 0, 99, {"CRS": 1}), (500050000002, 99, 200, {})]


def test_short_interval_at_the_end_is_lost():
    made = rows(sub("CRS", 1, 0, 104), sub("Mx2", 1, 0, 100))
    assert made == [(500050000001, 0, 100, {"CRS": 1, "Mx2": 1})]


def test_last_edge_gives_the_prefix_and_global_run_varies():
    subruns = [
        sub("CRS", 1, 0, 150),
        sub("Mx2", 1, 0, 100),
        sub("Mx2", 1, 100, 200, run=50006),
    ]
    made = number_run(subruns)
    assert {row.number // 10**7 for row in made} == {50006}
    assert {row.global_run for row in made} == {50005, 50006}


def test_subruns_without_times_have_no_numbers():
    assert number_run([MadeSubrun("CRS", 50005, 1, 0, -1)]) == []
    assert rows(sub("CRS", 1, 0, 50), MadeSubrun("CRS", 50005, 2, -1, -1)) == [
        (500050000001, 0, 50, {"CRS": 1})
    ]
