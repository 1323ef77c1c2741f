"""Gaps: the talk's run-1a without gains, and closure 14 of the pre-production page."""

from __future__ import annotations

import pytest

from mx2prod.conditions import (
    Interval,
    Iov,
    RunList,
    Stop,
    Store,
    Use,
    add_stop,
    check,
    choose,
    create_tag,
    freeze,
    gap_report,
    group,
    nominal_table,
    position,
    put,
    set_run_list,
    waive,
)
from mx2prod.conditions.coverage import missing_of
from mx2prod.core.errors import NoConditionsError, OverlapError, PolicyError, UsageError
from tests.conditions.making import GAINS, ORIGIN, PEDESTALS, digest_now, gains, pedestals


def beam_files() -> RunList:
    """302, 96 and 117 subruns of the three periods of the talk."""
    periods = ((1702, 1795, 302), (1796, 1805, 96), (50001, 50018, 117))
    places = []
    for first, last, count in periods:
        runs = range(first, last + 1)
        places += [
            position(runs[number % len(runs)], number // len(runs)) for number in range(count)
        ]
    return RunList.of(places)


@pytest.fixture
def run1(store: Store) -> Store:
    """Gains of run-1b from 1797/0 and of run-1c from 50001/0; none of run-1a."""
    create_tag(store, GAINS, "run1", reason="talk")
    for gain, since in ((5.5e5, position(1797)), (5.6e5, position(50001))):
        put(store, GAINS, gains(gain), tag="run1", since=since, reason="talk", provenance=ORIGIN)
    group(store, "mx2-run1-v1", {GAINS: "run1"}, reason="talk")
    set_run_list(store, "mx2-run1-v1", beam_files())
    return store


def test_run_1a_without_gains_is_named_and_must_be_decided(run1: Store) -> None:
    gtag = "mx2-run1-v1"
    runs = beam_files()
    assert len(runs.places) == 302 + 96 + 117
    run1a, run1b = gap_report(run1, gtag)
    assert (run1a.interval, run1a.subruns) == (Interval(position(1702), position(1796)), 302)
    early = [place for place in runs.places if position(1796) <= place < position(1797)]
    assert (run1b.interval, run1b.subruns) == (
        Interval(position(1796), position(1797)),
        len(early),
    )
    assert run1a.choice is None
    assert run1a.before is None
    assert run1a.after is not None
    checks = check(run1, gtag)
    assert "gaps" in [result.rule for result in checks.failed]
    waive(run1, gtag, "complete", person="cal", reason="one board")
    with pytest.raises(PolicyError, match="302 subruns without a table or a decision"):
        freeze(run1, gtag, reason="x")
    with pytest.raises(PolicyError, match="cannot be waived"):
        waive(run1, gtag, "gaps", person="cal", reason="x")


def test_after_signed_choices_nothing_is_uncovered(run1: Store) -> None:
    gtag = "mx2-run1-v1"
    made = choose(run1, gtag, GAINS, position(1750), "extend", reason="light ratio agrees")
    assert made.choice is not None
    assert made.choice.content_sha256 == made.after.content_sha256  # type: ignore[union-attr]
    choose(run1, gtag, GAINS, position(1796), "exclude", reason="HV was changed")
    assert all(missing.choice for missing in gap_report(run1, gtag))
    check(run1, gtag)
    waive(run1, gtag, "complete", person="cal", reason="one board")
    digest = freeze(run1, gtag, reason="talk").digest
    with run1.view(f"{gtag}@{digest}", use=Use.TEST) as view:
        covered = refused = 0
        for place in beam_files().places:
            run, subrun = place >> 32, place & 0xFFFFFFFF
            try:
                covered += bool(view.resolve(GAINS, run, subrun).content_sha256)
            except NoConditionsError as error:
                assert "excluded: HV was changed" in error.message
                refused += 1
        assert (covered, refused) == (302 + 117 + 96 - refused, refused)
        assert view.get(GAINS, 1702).choice == "extend"
        assert view.get(GAINS, 1702).table["gain"][0] == 5.5e5


def test_a_nominal_choice_makes_the_nominal_table(run1: Store) -> None:
    gtag = "mx2-run1-v1"
    choose(run1, gtag, GAINS, position(1702), "nominal", reason="no light injection")
    with run1.view(f"{gtag}@{digest_now(run1, gtag)}", use=Use.TEST) as view:
        found = view.get(GAINS, 1750)
        assert found.choice == "nominal"
        assert len(found.table) == len(nominal_table(GAINS, run1.maps)) == 11_840


@pytest.mark.parametrize(
    ("folder", "place", "choice", "reason", "match"),
    [
        (GAINS, position(1702), "guess", "x", "expected extend, nominal, exclude"),
        (GAINS, position(1702), "extend", " ", "with a reason"),
        (GAINS, position(1798), "extend", "x", "no subrun of the run list is without"),
        (PEDESTALS, position(1702), "extend", "x", "has no folder"),
    ],
)
def test_what_is_no_choice_is_refused(
    run1: Store, folder: str, place: int, choice: str, reason: str, match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        choose(run1, "mx2-run1-v1", folder, place, choice, reason=reason)


def test_a_payload_can_be_named(run1: Store) -> None:
    missing = gap_report(run1, "mx2-run1-v1")[1]
    made = choose(
        run1, "mx2-run1-v1", GAINS, position(1796), "extend", reason="x",
        payload=missing.after.content_sha256[:12],  # type: ignore[union-attr]
    )  # fmt: skip
    assert made.choice is not None
    with pytest.raises(UsageError, match="no payload"):
        choose(run1, "mx2-run1-v1", GAINS, position(1702), "extend", reason="x", payload="ffff")


def test_a_table_cannot_be_put_into_a_decided_gap(run1: Store) -> None:
    choose(run1, "mx2-run1-v1", GAINS, position(1702), "exclude", reason="x")
    with pytest.raises(OverlapError, match="exclude was chosen"):
        put(run1, GAINS, gains(1e5), tag="run1", since=position(1750), reason="x")


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (position(1698), position(1796)),
        (position(1795, 3), position(1796)),
        (position(1796), position(50001)),
        (position(1805), position(50001)),
        (position(50001), position(50019)),
        (position(50018, 9), position(50019)),
        (position(50019), 2**63 - 1),
    ],
)
def test_intervals_end_at_the_borders_of_the_periods(store: Store, since: int, until: int) -> None:
    create_tag(store, PEDESTALS, "t", reason="x")
    made = put(store, PEDESTALS, pedestals(), tag="t", since=since, reason="x")
    assert made.interval == Interval(since, until)


def test_intervals_end_at_a_swap_of_their_folder(store: Store) -> None:
    swap = Stop(position(1710), PEDESTALS, "swap", "board 0-1-0-2 exchanged")
    add_stop(store, swap)
    create_tag(store, PEDESTALS, "t", reason="x")
    create_tag(store, GAINS, "t", reason="x")
    since = position(1702)
    ped = put(store, PEDESTALS, pedestals(), tag="t", since=since, reason="x")
    gain = put(store, GAINS, gains(), tag="t", since=since, reason="x")
    assert (ped.interval.until, gain.interval.until) == (position(1710), position(1796))


def test_a_given_end_may_pass_a_stop_only_with_a_waiver(store: Store) -> None:
    create_tag(store, PEDESTALS, "t", reason="x")
    put(
        store, PEDESTALS, pedestals(), tag="t", since=position(1702), until=position(1800),
        reason="x", provenance=ORIGIN,
    )  # fmt: skip
    group(store, "g", {PEDESTALS: "t"}, reason="x")
    set_run_list(store, "g", RunList.of([position(1702)]))
    failed = {result.rule: result.problems for result in check(store, "g").failed}
    assert "passes 1796/0: period" in failed["stops"][0]
    checks = waive(store, "g", "stops", person="cal", reason="same settings")
    assert "stops" not in [result.rule for result in checks.failed]


def test_gaps_are_built_from_subruns_that_exist() -> None:
    """1806 to 50000 were never taken, so they are no gap."""
    iov = Iov(Interval(position(1796), position(1806)), "a" * 64)
    later = Iov(Interval(position(50001), position(50019)), "b" * 64)
    runs = RunList.of([position(1796, 1), position(1805, 2), position(50001)])
    assert missing_of("f", runs, [iov, later], [], []) == []
    runs = RunList.of([*runs.places, position(50030), position(50031, 4)])
    (missing,) = missing_of("f", runs, [iov, later], [], [])
    assert missing.interval == Interval(position(50030), position(50031, 5))
    assert (missing.before, missing.after, missing.subruns) == (later, None, 2)
