"""The talk's record as it is printed: what is wrong with it is said by rule, row by row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mx2prod.cli.main import run
from mx2prod.core.errors import InputFileError
from mx2prod.metadata import check_record, example, read_any_record, read_record
from mx2prod.metadata.printed import join_pieces

PRINTED = Path(__file__).parents[1] / "data" / "metadata" / "talk-record-as-printed.txt"
ROWS = [
    ("record", "json", "ours"),
    ("core.runs_subruns", "X03", "ours"),
    ("core.start_time", "X08", "ours"),
    ("core.end_time", "X08", "ours"),
    ("core.data_tier", "word", "ours"),
    ("dune.workflow", "type", "ours"),
    ("dune.output_status", "word", "ours"),
    ("core.events", "value", "ours"),
    ("dune.requestid", "value", "ours"),
    ("dune.config_file", "config", "ours"),
    ("creator", "record", "ours"),
    ("core.file_type", "old-word", "MC"),
    ("core.group", "old-word", "MC"),
    ("dune.dqc_quality", "X22", "ours"),
]
"""Field, rule and authority of the twelve rows of section 6, in its order."""


def test_pieces_are_joined_to_the_shipped_example():
    record, problems = read_any_record(PRINTED)
    assert record == example("printed")
    assert [(i.field, i.rule, str(i.severity)) for i in problems] == [("record", "json", "error")]
    assert "line" in problems[0].got


@pytest.mark.parametrize(("field", "rule", "authority"), ROWS)
def test_every_row_of_the_page_is_named(field, rule, authority):
    record, problems = read_any_record(PRINTED)
    found = {(i.field, i.rule, i.authority) for i in problems + check_record(record)}
    assert (field, rule, authority) in found


def test_the_command_says_it_and_exits_with_findings(capsys):
    assert run(["--json", "metadata", "check", str(PRINTED)]) == 3
    (item,) = json.loads(capsys.readouterr().out)
    rules = {(problem["field"], problem["rule"]) for problem in item["problems"]}
    assert {(field, rule) for field, rule, _ in ROWS} <= rules


def test_reading_alone_stays_strict():
    with pytest.raises(InputFileError, match="not JSON"):
        read_record(PRINTED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a record",
        "[1, 2",
        '{"name": "x"} trailing',
        '{"metadata": {"a.b": 1}}, "a.b": 2}',
        '{"metadata": {}, "name": "x"}, "name": "y"}',
        '{"metadata": {"a.b": 1, "a.b": 2}}, "name": "x"}',
        '{"metadata": 3}, "name": "x"}',
    ],
)
def test_other_texts_are_not_joined(text, tmp_path):
    assert join_pieces(text) is None
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(InputFileError):
        read_any_record(path)


def test_commas_and_brackets_inside_of_texts_are_kept():
    text = '{"metadata": {"a.b": ",}"},}\n,\n"c.d": "x,]\\" ,}", "size": 3}'
    assert join_pieces(text) == {"metadata": {"a.b": ",}", "c.d": 'x,]" ,}'}, "size": 3}
