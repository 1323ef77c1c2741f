"""Checks before validation: each rule fails on what it is for, and passes on a good table."""

from __future__ import annotations

import numpy as np
import pytest

from mx2prod.conditions import (
    Limits,
    Provenance,
    RunList,
    Store,
    add_stop,
    check,
    compare_gtags,
    compare_tables,
    create_tag,
    freeze,
    group,
    nominal_table,
    position,
    put,
    set_run_list,
    waive,
)
from mx2prod.conditions.intervals import Stop
from mx2prod.conditions.rules import PAYLOAD_RULES, inner_keys
from mx2prod.constants import (
    AttenuationId,
    AttenuationOd,
    BadChannel,
    FebResponse,
    Pedestal,
    PmtGain,
    StripToStrip,
    Table,
    Temperature,
    Timing,
)
from mx2prod.constants.keys import default_maps
from mx2prod.core.errors import PolicyError, UsageError
from tests.conditions.making import GAINS, ORIGIN, PEDESTALS, gains, pedestals
from tests.constants.making import some_columns

MAPS = default_maps()
S2S = "minerva2x2_s2s_constants"


def changed(table: Table, **columns: np.ndarray) -> Table:
    """Table with other values."""
    values = {name: table[name].copy() for name in table.schema.names()} | columns
    return Table.of(table.schema, values)


def grouped(
    store: Store, folder: str, *tables: Table, name: str = "g", parent: str | None = None,
    provenance: tuple[Provenance, ...] = ORIGIN,
) -> str:  # fmt: skip
    """Global tag of one folder with tables of following subruns, and its run list."""
    create_tag(store, folder, name, reason="x")
    for number, table in enumerate(tables):
        put(
            store, folder, table, tag=name, since=position(1702, number), reason="x",
            provenance=provenance,
        )  # fmt: skip
    group(store, name, {folder: name}, reason="x", parent=parent)
    set_run_list(store, name, RunList.of([position(1702)]))
    return name


def failed(store: Store, gtag: str, **limits: float) -> dict[str, str]:
    """First problem of each rule that failed."""
    return {r.rule: r.problems[0] for r in check(store, gtag, Limits(**limits)).failed}


def test_a_good_table_of_the_whole_detector_passes(store: Store) -> None:
    columns = some_columns(Pedestal, None)
    for gain in ("hg", "mg", "lg"):
        columns[f"{gain}_entries"] = np.full(11_840, 9000.0)
    grouped(store, PEDESTALS, Table.of(Pedestal, columns))
    assert failed(store, "g") == {}
    assert freeze(store, "g", reason="x").digest


def test_inner_keys_are_those_of_the_inner_detector() -> None:
    assert len(inner_keys(Pedestal, MAPS)) == 9_728
    assert len(inner_keys(Timing, MAPS)) == 9_728 // 32
    assert len(inner_keys(AttenuationId, MAPS)) == 9_652


def rows_of(schema: type, count: int) -> Table:
    """First rows of the nominal table, or of one with random values."""
    keys = inner_keys(schema, MAPS)
    columns = some_columns(schema, None, seed=3)
    table = Table.of(schema, columns)
    kept = np.isin(table.channel, keys[:count])
    return Table.of(schema, {name: table[name][kept] for name in schema.names()})


@pytest.mark.parametrize(("missing", "passes"), [(0, True), (194, True), (195, False)])
def test_completeness_counts_the_inner_detector(missing: int, passes: bool) -> None:
    table = rows_of(Pedestal, 9_728 - missing)
    problems = PAYLOAD_RULES["complete"](table, Limits(), MAPS)
    assert (problems == []) is passes
    if not passes:
        assert problems[0].startswith("195 of 9728 keys have no row: channel 0-")


def test_bad_channels_need_not_be_complete() -> None:
    assert PAYLOAD_RULES["complete"](rows_of(BadChannel, 3), Limits(), MAPS) == []


def test_gains_count_as_measured_with_a_small_error_only() -> None:
    table = nominal_table(PmtGain.folder, MAPS)
    error = np.where(np.arange(len(table)) % 10 == 0, 0.06, 0.01) * table["gain"]
    (problem,) = PAYLOAD_RULES["complete"](changed(table, gain_err=error), Limits(), MAPS)
    assert "have no gain to 5%" in problem


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (gains(1e8), "64 rows: gain is not below 1e+08"),
        (gains(9.9e7), ""),
    ],
)
def test_hard_limits_of_the_page(table: Table, expected: str) -> None:
    problems = PAYLOAD_RULES["bounds"](table, Limits(), MAPS)
    assert (problems or [""])[0].startswith(expected)
    assert bool(problems) == bool(expected)


def test_time_offsets_and_strip_factors_have_limits_on_both_sides() -> None:
    timing = nominal_table(Timing.folder, MAPS)
    early = changed(timing, offset_ns=np.full(len(timing), -16_000.0))
    assert "370 rows: offset_ns" in PAYLOAD_RULES["bounds"](early, Limits(), MAPS)[0]
    strips = nominal_table(S2S, MAPS)
    large = changed(strips, s2s=np.full(len(strips), 100.0))
    assert "s2s is not below 100" in PAYLOAD_RULES["bounds"](large, Limits(), MAPS)[0]


def test_entries_of_pedestals_and_gains() -> None:
    rule = PAYLOAD_RULES["entries"]
    assert rule(pedestals(entries=100), Limits(), MAPS) == []
    assert "64 rows: fewer than 100 readings" in rule(pedestals(entries=99), Limits(), MAPS)[0]
    assert "fewer than 3000 pulses" in rule(gains(pulses=2999), Limits(), MAPS)[0]
    assert rule(nominal_table(GAINS, MAPS), Limits(), MAPS) == []


def test_the_mean_of_good_strips_is_one() -> None:
    rule = PAYLOAD_RULES["s2s-mean"]
    table = nominal_table(S2S, MAPS)
    assert rule(table, Limits(), MAPS) == []
    off = changed(table, s2s=np.full(len(table), 1.00001))
    assert "mean factor of 9652 good strips is 1.000010000" in rule(off, Limits(), MAPS)[0]
    bad = changed(table, error=np.full(len(table), 10000))
    assert rule(bad, Limits(), MAPS) == ["no strip is good"]
    assert rule(pedestals(), Limits(), MAPS) == []


def test_provenance_and_verdicts(store: Store) -> None:
    facts = (Provenance("input", "x"), Provenance("verdict", "bad"))
    grouped(store, PEDESTALS, pedestals(), provenance=facts)
    found = failed(store, "g", present=0)
    assert "not known: software, config, request" in found["provenance"]
    assert "the calibration says bad" in found["verdict-bad"]
    waive(store, "g", "verdict-bad", person="one", reason="only this one")
    waive(store, "g", "verdict-bad", person="one", reason="still the same person")
    assert "verdict-bad" in failed(store, "g", present=0)
    waive(store, "g", "verdict-bad", person="two", reason="agreed")
    assert "verdict-bad" not in failed(store, "g", present=0)


def test_waivers_end_with_the_contents(store: Store) -> None:
    grouped(store, PEDESTALS, pedestals(1.0))
    check(store, "g")
    assert waive(store, "g", "complete", person="cal", reason="x").failed == []
    put(store, PEDESTALS, pedestals(2.0), tag="g", since=position(1703), reason="x",
        provenance=ORIGIN)  # fmt: skip
    with pytest.raises(PolicyError, match="changed after its checks"):
        freeze(store, "g", reason="x")
    with pytest.raises(PolicyError, match="changed after its checks"):
        waive(store, "g", "complete", person="cal", reason="x")
    assert "complete" in failed(store, "g")


def test_what_cannot_be_waived(store: Store) -> None:
    grouped(store, PEDESTALS, pedestals())
    with pytest.raises(PolicyError, match="never checked"):
        waive(store, "g", "complete", person="cal", reason="x")
    check(store, "g")
    with pytest.raises(UsageError, match="did you mean 'complete'"):
        waive(store, "g", "complet", person="cal", reason="x")
    with pytest.raises(UsageError, match="reason"):
        waive(store, "g", "complete", person="cal", reason=" ")
    with pytest.raises(UsageError, match="has passed"):
        waive(store, "g", "entries", person="cal", reason="x")


def test_without_a_run_list_nothing_is_validated(store: Store) -> None:
    create_tag(store, PEDESTALS, "t", reason="x")
    put(store, PEDESTALS, pedestals(), tag="t", since=position(1702), reason="x")
    group(store, "g", {PEDESTALS: "t"}, reason="x")
    assert "there is none" in failed(store, "g")["gaps"]


def test_a_change_against_the_parent_is_found_and_a_swap_allows_it(store: Store) -> None:
    before = nominal_table(GAINS, MAPS)
    rng = np.random.default_rng(1)
    noise = 1 + 0.001 * rng.standard_normal(len(before))
    grouped(store, GAINS, before, name="old")
    gain = before["gain"] * noise
    gain[:64] *= 1.2
    grouped(store, GAINS, changed(before, gain=gain), name="new", parent="old")
    text = failed(store, "new")["change"]
    assert "boards changed without a swap: 0-1-0-1" in text
    grouped(store, GAINS, changed(before, gain=before["gain"] * 1.03), name="up", parent="old")
    assert "median gain changed by a factor 1.0300" in failed(store, "up")["change"]
    add_stop(store, Stop(position(1702, 0), GAINS, "swap", "board 0-1-0-1"))
    assert "change" not in failed(store, "new")


def test_strip_factors_converge(store: Store) -> None:
    table = nominal_table(S2S, MAPS)
    grouped(store, S2S, table, name="old")
    factor = np.ones(len(table))
    factor[:2], factor[2:4] = 1.03, 0.97
    grouped(store, S2S, changed(table, s2s=factor), name="new", parent="old")
    problems = next(r.problems for r in check(store, "new").failed if r.rule == "change")
    assert any("4 good strips changed by more than 2%" in text for text in problems)


def test_a_table_is_compared_over_the_rows_that_both_have() -> None:
    one, two = pedestals(430.0, 64), pedestals(430.0, 32)
    diff = compare_tables(one, two)
    assert (diff.common, len(diff.only_before), diff.only_after, diff.columns) == (32, 32, (), ())
    mean = one["hg_mean"].copy()
    mean[5] += 50
    (column,) = compare_tables(one, changed(one, hg_mean=mean)).columns
    assert (column.column, column.kind, column.median, column.beyond) == ("hg_mean", "ratio", 1, 1)
    worst = column.worst[0]
    assert (worst.address, worst.after - worst.before) == ("0-1-0-2-5", 50)
    with pytest.raises(UsageError):
        compare_tables(one, gains())


def test_differences_where_a_ratio_makes_no_sense() -> None:
    timing = nominal_table(Timing.folder, MAPS)
    shift = np.full(len(timing), 2.5)
    (column,) = compare_tables(timing, changed(timing, offset_ns=shift)).columns
    assert (column.kind, column.median, column.rms, column.unit) == ("difference", 2.5, 0, "ns")


def test_global_tags_are_compared_where_both_have_a_table(store: Store) -> None:
    grouped(store, PEDESTALS, pedestals(1.0), pedestals(2.0), name="old")
    grouped(store, PEDESTALS, pedestals(1.0), pedestals(3.0), name="new")
    grouped(store, GAINS, gains(), name="other")
    found = compare_gtags(store, "old", "new")
    (pair,) = found.intervals
    assert (found.same, pair.interval.since) == (1, position(1702, 1))
    assert {column.column for column in pair.table.columns} == {"hg_mean", "mg_mean", "lg_mean"}
    apart = compare_gtags(store, "old", "other")
    assert (apart.only_before, apart.only_after) == ((PEDESTALS,), (GAINS,))


def test_feb_curves_have_nominal_values_and_pedestals_have_none() -> None:
    assert nominal_table(FebResponse.folder, MAPS)["hg_slope1"][0] == 0.80
    assert nominal_table(AttenuationId.folder, MAPS)["atten"][0] == 3500
    assert set(nominal_table(StripToStrip.folder, MAPS)["s2s"]) == {1.0}
    bars = nominal_table(AttenuationOd.folder, MAPS)
    assert (len(bars), set(bars["atten"]), set(bars["reflect"])) == (2_112, {3500.0}, {0.8})
    assert nominal_table(Temperature.folder, MAPS)["slope"].tolist() == [0.0]
    with pytest.raises(UsageError, match="has no nominal values"):
        nominal_table(PEDESTALS, MAPS)
