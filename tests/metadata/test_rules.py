"""One wrong value a record: the rule that is there for it finds it, on records of any content."""

from __future__ import annotations

import copy
import random
from collections import Counter

import pytest

from mx2prod.metadata import RULES, check_record, has_errors

RUNS = "core.runs"
NUMBERS = "core.runs_subruns"
RANGES = "core.lum_block_ranges"
COUNT = "core.event_count"
FIRST, LAST = "core.first_event_number", "core.last_event_number"
START, END = "core.start_time", "core.end_time"
STREAM = "core.data_stream"
GLOBAL = "dune.mx2x2_global_subrun_numbers"
WORKFLOW = "dune.workflow"
STATUS = "dune.output_status"
DQC = "dune.dqc_quality"
ALL, DERIVED, PER_GATE = "RDFTM", "DFTM", "DFT"

CHANGES = []
"""(rule, tiers, streams, change): the change makes the case break the rule."""


def breaks(rule, tiers=ALL, streams=None):
    def decorate(change):
        CHANGES.append(pytest.param(rule, tiers, streams, change, id=f"{rule}-{change.__name__}"))
        return change

    return decorate


@breaks("X01")
def other_run_in_name(case, rng):
    run = case.metadata[RUNS][0] + 1
    case.metadata[RUNS] = [run]
    case.metadata[NUMBERS] = [case.metadata[NUMBERS][0] + 100_000]


@breaks("X01")
def other_stream(case, rng):
    streams = ["pdstl", "linjc", "numib", "numip", "numil"]
    streams.remove(case.metadata[STREAM])
    case.metadata[STREAM] = rng.choice(streams)


@breaks("X01")
def two_runs(case, rng):
    case.metadata[RUNS] = [case.metadata[RUNS][0], case.metadata[RUNS][0] + 1]


@breaks("X01")
def name_of_no_file(case, rng):
    case.record["name"] = "numib.root"


@breaks("X01")
def cosmic_stream(case, rng):
    case.record["name"] = case.record["name"].replace(f"_{case.metadata[STREAM]}_", "_cosmc_")


@breaks("X02")
def factor_of_the_run_control(case, rng):
    run, subrun = divmod(case.metadata[NUMBERS][0], 100_000)
    case.metadata[NUMBERS] = [run * 10_000 + subrun % 1000]


@breaks("X02")
def next_subrun(case, rng):
    case.metadata[NUMBERS][0] += 1 if case.metadata[NUMBERS][0] % 100_000 < 9999 else -1


@breaks("X02", DERIVED)
def merged_numbers_of_another_run(case, rng):
    case.metadata["merge.method"] = "hadd"
    case.metadata[NUMBERS] = [case.metadata[NUMBERS][0] + 100_000]


@breaks("X02", DERIVED)
def merged_numbers_twice(case, rng):
    case.metadata["merge.method"] = "hadd"
    case.metadata[NUMBERS] *= 2


@breaks("X02", DERIVED)
def merged_subrun_too_large(case, rng):
    case.metadata["merge.method"] = "hadd"
    case.metadata[NUMBERS] = [case.metadata[RUNS][0] * 100_000 + rng.randint(10_000, 32_000)]


@breaks("X03")
def wrapped_unsigned(case, rng):
    subrun = case.metadata[NUMBERS][0] % 100_000
    run = rng.randint(42_950, 99_999)
    case.record["name"] = case.record["name"].replace(
        f"TS1_{case.metadata[RUNS][0]:08d}", f"TS1_{run:08d}"
    )
    case.metadata[RUNS] = [run]
    case.metadata[NUMBERS] = [(run * 100_000 + subrun) % 2**32]


@breaks("X03")
def wrapped_signed(case, rng):
    case.metadata[NUMBERS] = [-rng.randrange(1, 2**31)]


@breaks("X03")
def wrapped_printed_as_64_bits(case, rng):
    case.metadata[NUMBERS] = [2**64 - rng.randrange(1, 2**31)]


@breaks("X04")
def range_backwards(case, rng):
    case.metadata[RANGES][0].reverse()


@breaks("X04")
def ranges_overlap(case, rng):
    first, last = case.metadata[RANGES][0]
    case.metadata[RANGES] = [[first, first + 5], [first + 5, last]]


@breaks("X04")
def ranges_unsorted(case, rng):
    first, last = case.metadata[RANGES][0]
    case.metadata[RANGES] = [[first + 5, last], [first, first + 4]]


@breaks("X04")
def gate_beyond_63_bits(case, rng):
    case.metadata[RANGES].append([2**63, 2**63 + 1])


@breaks("X05", "RDFT")
def more_gates_than_read(case, rng):
    case.metadata[COUNT] = case.metadata[RANGES][0][1] - case.metadata[RANGES][0][0] + 2


@breaks("X05", "DF")
def gates_missing_without_list(case, rng):
    case.metadata[COUNT] -= rng.randint(1, 3)


@breaks("X05", "T", ("numip", "numil"))
def more_than_the_beam_gates(case, rng):
    case.metadata[COUNT] += 1


@breaks("X05")
def negative_count(case, rng):
    case.metadata[COUNT] = -1


@breaks("X06", PER_GATE)
def gates_from_zero(case, rng):
    case.metadata[FIRST] = 0


@breaks("X06", PER_GATE)
def global_gates_on_a_derived_file(case, rng):
    case.metadata[LAST] = case.metadata[RANGES][0][1]
    case.metadata[FIRST] = case.metadata[LAST] + 1


@breaks("X06", "DF")
def last_gate_beyond_the_count(case, rng):
    case.metadata[LAST] += 1


@breaks("X06", "DF")
def last_gate_below_the_count(case, rng):
    case.metadata[LAST] -= 1


@breaks("X06", "R")
def gate_numbers_on_a_raw_file(case, rng):
    case.metadata[FIRST], case.metadata[LAST] = 1, case.metadata[COUNT]


@breaks("X08")
def end_before_start(case, rng):
    case.metadata[END] = case.metadata[START] - 1.0


@breaks("X08")
def time_unset(case, rng):
    case.metadata[rng.choice([START, END])] = rng.choice([0, -1, 0.0])


@breaks("X08")
def time_as_text(case, rng):
    case.metadata[START] = str(case.metadata[START])


@breaks("X08")
def time_true(case, rng):
    case.metadata[END] = True


@breaks("X08")
def time_of_tomorrow(case, rng):
    case.options["now"] = case.metadata[END] - 61.0


@breaks("X08")
def time_of_the_job(case, rng):
    case.metadata[START] += 86_400 + 200
    case.metadata[END] += 86_400 + 200


@breaks("X09")
def start_apart_from_the_stamp(case, rng):
    shift = rng.uniform(250, 3000)
    case.metadata[START] += shift
    case.metadata[END] += shift


@breaks("X10", "RDFT", ("numib", "numip", "numil"))
def too_fast(case, rng):
    case.metadata[END] = case.metadata[START] + 0.01 * case.metadata[COUNT]


@breaks("X10", "RDFT", ("numib", "numip", "numil"))
def too_slow(case, rng):
    case.metadata[END] = case.metadata[START] + 30.0 * case.metadata[COUNT]


@breaks("X11")
def namespace_of_another_detector(case, rng):
    case.record["namespace"] = "neardet-2x2-lar"


@breaks("X11")
def namespace_too_long_for_rucio(case, rng):
    case.record["namespace"] = case.metadata["core.run_type"] = "neardet-2x2-minerva-and-more"


@breaks("X12")
def format_of_another_tier(case, rng):
    case.metadata["core.file_format"] = "root" if case.letter == "R" else "binary"


@breaks("X12")
def suffix_of_another_tier(case, rng):
    stem = case.record["name"].rpartition("_")[0]
    case.record["name"] = f"{stem}_{'DST.root' if case.letter != 'T' else 'RecoData.root'}"


@breaks("X13", DERIVED)
def parent_not_declared(case, rng):
    case.parent = {}


@breaks("X13", DERIVED)
def parent_retired(case, rng):
    case.parent["retired"] = True


@breaks("X13", DERIVED)
def parent_of_another_subrun(case, rng):
    name = case.parent["name"]
    subrun = int(name[13:17])
    other = f"{name[:13]}{subrun % 9999 + 1:04d}{name[17:]}"
    case.record["parents"] = [{"did": f"neardet-2x2-minerva:{other}"}]


@breaks("X13", DERIVED)
def parent_of_a_wrong_tier(case, rng):
    name = case.parent["name"].replace("RawData.dat", "RecoData.root")
    case.record["parents"] = [{"did": f"neardet-2x2-minerva:{name}"}]


@breaks("X13", DERIVED)
def parent_whose_record_has_a_wrong_tier(case, rng):
    case.parent["metadata"]["core.data_tier"] = "full-reconstructed"


@breaks("X13", DERIVED)
def parent_of_no_mx2_name(case, rng):
    case.record["parents"] = [{"did": "neardet-2x2-minerva:some.dat"}]


@breaks("X13", PER_GATE)
def more_gates_than_the_parent(case, rng):
    case.parent["metadata"][COUNT] = case.metadata[COUNT] - 1


@breaks("X13", DERIVED)
def gates_outside_the_parent(case, rng):
    case.parent["metadata"][RANGES][0][1] -= 1


@breaks("X14", DERIVED)
def second_output(case, rng):
    twin = copy.deepcopy(case.record)
    twin["name"] = twin["name"].replace("-abcdef_", "-ghijkl_")
    twin["metadata"][STATUS] = "confirmed"
    case.others.append(twin)


@breaks("X16")
def upper_case_checksum(case, rng):
    case.record["checksums"]["adler32"] = "EFD92F00"


@breaks("X16")
def checksum_without_its_leading_zero(case, rng):
    case.record["checksums"]["adler32"] = "9600001"


@breaks("X16")
def checksum_as_a_number(case, rng):
    case.record["checksums"]["adler32"] = 9600001


@breaks("X16")
def checksum_of_nothing(case, rng):
    case.record["checksums"]["adler32"] = "00000001"


@breaks("X17")
def campaign_of_no_period(case, rng):
    case.metadata["dune.campaign"] = "run2"


@breaks("X17")
def run_outside_the_campaign(case, rng):
    old, run = case.metadata[RUNS][0], rng.randint(1806, 50_000)
    case.record["name"] = case.record["name"].replace(f"TS1_{old:08d}", f"TS1_{run:08d}")
    case.metadata[RUNS] = [run]
    case.metadata[NUMBERS][0] += (run - old) * 100_000


@breaks("X17", "R")
def run_of_no_period(case, rng):
    run_outside_the_campaign(case, rng)
    del case.metadata["dune.campaign"]


@breaks("X18", "FT")
def global_subruns_unsorted(case, rng):
    case.metadata[GLOBAL].reverse()


@breaks("X18", "FT")
def global_subrun_twice(case, rng):
    case.metadata[GLOBAL].append(case.metadata[GLOBAL][-1])


@breaks("X18", "FT")
def global_subrun_of_another_subrun(case, rng):
    case.metadata[GLOBAL].append(case.metadata[GLOBAL][-1] + 1)
    case.subruns.rows = {key: rows[:-1] for key, rows in case.subruns.rows.items()}


@breaks("X18", "FT")
def global_subrun_negative(case, rng):
    case.metadata[GLOBAL].insert(0, -1)


@breaks("X19", "FT")
def hole_in_the_global_subruns(case, rng):
    del case.metadata[GLOBAL][rng.randint(1, 35)]


@breaks("X20", "FTM")
def workflow_without_id(case, rng):
    del case.metadata[WORKFLOW]["workflow_id"]


@breaks("X20", DERIVED)
def workflow_id_as_text(case, rng):
    case.metadata[WORKFLOW]["workflow_id"] = "4000"


@breaks("X20", DERIVED)
def job_finished_before_it_started(case, rng):
    case.metadata[WORKFLOW]["jobscript_finish"] = case.metadata[WORKFLOW]["jobscript_start"] - 1


@breaks("X20", DERIVED)
def job_took_longer_than_it_ran(case, rng):
    case.metadata[WORKFLOW]["jobscript_real_seconds"] += 6


@breaks("X20", DERIVED)
def workflow_member_of_a_wrong_type(case, rng):
    case.metadata[WORKFLOW]["stage_id"] = "1"


@breaks("X21", DERIVED)
def status_backwards(case, rng):
    case.previous = copy.deepcopy(case.record)
    case.previous["metadata"][STATUS], case.metadata[STATUS] = rng.choice(
        [("confirmed", "uploaded"), ("confirmed", "recorded"), ("uploaded", "recorded")]
    )


@breaks("X21", DERIVED)
def confirmed_without_reading_back(case, rng):
    case.metadata[STATUS] = "confirmed"
    case.replicas.waiting[case.did] = ["nersc"]


@breaks("X22", DERIVED)
def two_verdicts(case, rng):
    case.metadata[DQC] = ["good", "bad"]


@breaks("X22", DERIVED)
def no_verdict(case, rng):
    case.metadata[DQC] = ["beam", "li_ok"]


@breaks("X22", DERIVED)
def verdict_in_a_flag(case, rng):
    case.metadata[DQC] = ["good", "not_bad_at_all"]


@breaks("X22", DERIVED)
def verdict_of_another_word(case, rng):
    case.metadata[DQC] = "investigate"


@breaks("X24")
def number_came_back_as_text(case, rng):
    case.sent = copy.deepcopy(case.record)
    case.metadata[COUNT] = str(case.metadata[COUNT])


@breaks("X24")
def float_came_back_as_integer(case, rng):
    case.metadata[START] = float(int(case.metadata[START]))
    case.sent = copy.deepcopy(case.record)
    case.metadata[START] = int(case.metadata[START])


@breaks("X24", DERIVED)
def nested_member_lost(case, rng):
    case.sent = copy.deepcopy(case.record)
    del case.metadata[WORKFLOW]["stage_id"]


@breaks("X24")
def size_changed(case, rng):
    case.sent = copy.deepcopy(case.record)
    case.record["size"] += 1


@breaks("X25")
def tape_path_changed(case, rng):
    case.previous = copy.deepcopy(case.record)
    case.replicas.tape.add(case.did)
    case.metadata["core.file_type"] = "detector"


@breaks("X25")
def year_on_tape_changed(case, rng):
    case.previous = copy.deepcopy(case.record)
    case.replicas.tape.add(case.did)
    case.previous["metadata"][START] -= 400 * 86_400


@breaks("X25")
def run_on_tape_changed(case, rng):
    case.previous = copy.deepcopy(case.record)
    case.replicas.tape.add(case.did)
    case.previous["metadata"][RUNS] = [case.metadata[RUNS][0] + 1]


@breaks("X26")
def unknown_key(case, rng):
    case.metadata["core.colour"] = "green"


@breaks("record")
def no_name(case, rng):
    del case.record["name"]


@breaks("record")
def name_with_a_slash(case, rng):
    case.record["name"] = "a/b"


@breaks("record")
def name_too_long(case, rng):
    case.record["name"] += "x" * 242


@breaks("record")
def size_not_a_positive_integer(case, rng):
    case.record["size"] = rng.choice([0, -5, "12", True, 12.0, None])


@breaks("record")
def no_checksum(case, rng):
    case.record["checksums"] = rng.choice([{}, [], None, "efd92f00"])


@breaks("record")
def checksum_of_an_unknown_kind(case, rng):
    case.record["checksums"]["md5"] = "0" * 32


@breaks("record")
def sha256_malformed(case, rng):
    case.record["checksums"]["sha256"] = "0" * 63


@breaks("record", DERIVED)
def no_parents(case, rng):
    case.record["parents"] = rng.choice([[], None, "x"])


@breaks("record", DERIVED)
def parent_without_namespace(case, rng):
    case.record["parents"] = [{"did": case.parent["name"]}]


@breaks("record", DERIVED)
def parent_twice(case, rng):
    case.record["parents"] *= 2


@breaks("record", DERIVED)
def its_own_parent(case, rng):
    case.record["parents"].append({"did": case.did})


@breaks("record", "R")
def parents_of_a_raw_file(case, rng):
    case.record["parents"] = [{"did": "a:b"}]


@breaks("record")
def creator_is_sent(case, rng):
    case.record["creator"] = "twalton"


@breaks("record")
def member_is_unknown(case, rng):
    case.record["colour"] = "green"


@breaks("record")
def time_stamp_of_the_server_is_sent(case, rng):
    case.record["created_timestamp"] = 1691170423.9


@breaks("record")
def creator_on_read_back(case, rng):
    case.options["read_back"] = True
    case.record["creator"] = "twalton"


@breaks("value")
def empty_value(case, rng):
    case.metadata[rng.choice(["dune.requestid", "dune.dataset_name"])] = rng.choice(["", [], None])


@breaks("value")
def text_that_metacat_spoils(case, rng):
    case.metadata["core.group"] = rng.choice(["min\\erva", "min\nerva", "min'erva", "minérva", '"'])


@breaks("value")
def integer_beyond_63_bits(case, rng):
    case.metadata[COUNT] = 2**63


@breaks("value")
def not_a_number(case, rng):
    case.metadata[START] = float("nan")


@breaks("value")
def key_with_a_hyphen(case, rng):
    case.metadata[rng.choice(["core.data-tier", "tier", "Core.tier"])] = "x"


@breaks("value")
def nested_object(case, rng):
    case.metadata["core.application"] = {"name": "reco"}


@breaks("value", DERIVED)
def null_inside_the_workflow(case, rng):
    case.metadata[WORKFLOW]["user"] = None


@breaks("required")
def key_missing(case, rng):
    del case.metadata[rng.choice(["core.group", RUNS, RANGES, "retention.class", STREAM])]


@breaks("required", DERIVED)
def conditions_missing(case, rng):
    del case.metadata["dune.conditions_digest"]


@breaks("required", "FT")
def global_subruns_missing_though_the_database_has_them(case, rng):
    del case.metadata[GLOBAL]


@breaks("required")
def tier_missing(case, rng):
    case.record["name"] = "x.root"
    del case.metadata["core.data_tier"]


@breaks("type")
def count_of_a_wrong_type(case, rng):
    case.metadata[COUNT] = rng.choice([7200.0, "7200", True, [7200]])


@breaks("type")
def run_and_subrun_as_a_pair(case, rng):
    case.metadata[RUNS] = [[case.metadata[RUNS][0], 1]]


@breaks("type", DERIVED)
def digest_malformed(case, rng):
    case.metadata["dune.conditions_digest"] = "abc"


@breaks("word")
def word_of_no_list(case, rng):
    key = rng.choice(["core.data_tier", "core.file_type", "core.group", "retention.class"])
    case.metadata[key] = "reco"


@breaks("tier", "R")
def workflow_on_a_raw_file(case, rng):
    case.metadata["dune.config_file"] = "mx2-run1c-full-v1.opts"


@breaks("tier")
def events_listed(case, rng):
    case.metadata["core.events"] = [1, 2]


@breaks("config", DERIVED)
def configuration_of_one_file(case, rng):
    case.metadata["dune.config_file"] = case.record["name"].replace(".root", ".opts")


OVER_SEVERAL = {"X07", "X23"}
REPORTED_ELSEWHERE = {"json", "old-word", "unknown-key", "content", "sidecar"}
WITH_BYTES = {"X15"}


def hit(case):
    return {item.rule for item in check_record(case.record, case.context())}


@pytest.mark.parametrize(("rule", "tiers", "streams", "change"), CHANGES)
def test_the_rule_finds_it(rule, tiers, streams, change, new_case, rng):
    for _ in range(20):
        stream = rng.choice(streams) if streams else None
        case = new_case(rng.choice(tiers), rng, stream)
        change(case, rng)
        assert rule in hit(case), case.record


def test_every_rule_over_single_records_has_a_change():
    tried = {param.values[0] for param in CHANGES}
    assert set(RULES) - OVER_SEVERAL - WITH_BYTES - REPORTED_ELSEWHERE == tried


def test_every_cross_check_of_the_page_is_registered():
    assert {f"X{number:02d}" for number in range(1, 27)} <= set(RULES)


@pytest.mark.parametrize("letter", ALL)
def test_records_without_a_fault_have_no_error_and_no_warning_of_ours(letter, new_case, rng):
    for _ in range(300):
        case = new_case(letter, rng)
        problems = check_record(case.record, case.context())
        assert not has_errors(problems), problems
        ours = [item for item in problems if item.authority == "ours"]
        assert {(item.rule, str(item.severity)) for item in ours} <= {("X22", "note")}, ours


@pytest.mark.slow
def test_ten_thousand_mutated_records_and_as_many_good_ones(new_case):
    rng = random.Random(1)
    found = Counter()
    while sum(found.values()) < 15_000:
        rule, tiers, streams, change = rng.choice(CHANGES).values
        case = new_case(rng.choice(tiers), rng, rng.choice(streams) if streams else None)
        change(case, rng)
        assert rule in hit(case), (rule, change.__name__, case.record)
        found[rule] += 1
    assert min(found.values()) >= 100, found
    for _ in range(10_000):
        case = new_case(rng.choice(ALL), rng)
        assert not has_errors(check_record(case.record, case.context()))
