"""Status of the boards of a file (detector page, sections 4 and 8)."""

from __future__ import annotations

import numpy as np
import pytest

from mx2prod.core.errors import AddressError
from mx2prod.detector import (
    BoardAddress,
    BoardStatus,
    Plex,
    board_report,
    expand_chains,
    load_detector,
)


@pytest.fixture(scope="module")
def plex() -> Plex:
    return load_detector().plex


def counts(report: object) -> dict[str, int]:
    return {
        str(status): len(report.with_status(status))  # type: ignore[attr-defined]
        for status in BoardStatus
    }


def test_whole_detector(plex: Plex) -> None:
    boards = plex.hardware.boards
    report = board_report(plex, seen=np.repeat(boards, 3), header=boards)
    assert counts(report) == {"mapped": 152, "od": 33, "unmapped": 0, "absent": 0}
    assert report.verdict == "good"
    assert report.warnings() == []
    assert [board.feb_index for board in report.boards] == list(range(185))


def test_test_stand_is_kept_and_labelled(plex: Plex) -> None:
    stand = expand_chains([(0, 10, 1, 2), (0, 10, 2, 2), (0, 13, 3, 1)])
    report = board_report(plex, seen=stand, header=stand)
    assert counts(report) == {"mapped": 0, "od": 0, "unmapped": 5, "absent": 185}
    assert report.verdict == "investigate"
    unmapped = report.with_status(BoardStatus.UNMAPPED)
    assert [str(board.address) for board in unmapped] == [
        "0-10-1-1", "0-10-1-2", "0-10-2-1", "0-10-2-2", "0-13-3-1",
    ]  # fmt: skip
    assert {board.feb_index for board in unmapped} == {-1}
    assert "5 unmapped boards (in no detector table): 0-10-1-1, 0-10-1-2" in report.warnings()[-2]
    assert report.warnings()[-1].endswith("0-1-0-9, 0-1-0-10 and 175 more")


def test_missing_from_data_or_from_header(plex: Plex) -> None:
    boards = plex.hardware.boards
    silent = board_report(plex, seen=boards[1:], header=boards)
    assert [str(board.address) for board in silent.with_status(BoardStatus.ABSENT)] == ["0-1-0-1"]
    assert silent.boards[0].role is BoardStatus.OD
    assert silent.chain_differences == ()
    assert silent.verdict == "investigate"
    unlisted = board_report(plex, seen=boards, header=boards[:-1])
    state = unlisted.boards[-1]
    assert (state.in_header, state.in_data, state.status) == (False, True, BoardStatus.ABSENT)
    assert unlisted.chain_differences == (
        "chain 0-6-2: 4 boards in the run header, 5 in the hardware map",
    )


def test_file_without_run_header(plex: Plex) -> None:
    report = board_report(plex, seen=plex.hardware.boards, header=None)
    assert report.verdict == "good"
    assert {board.in_header for board in report.boards} == {None}


def test_one_board_too_many(plex: Plex) -> None:
    boards = [*map(tuple, plex.hardware.boards.tolist()), (0, 5, 0, 7)]
    report = board_report(plex, seen=boards, header=boards)
    extra = report.with_status(BoardStatus.UNMAPPED)
    assert [board.address for board in extra] == [BoardAddress(0, 5, 0, 7)]
    assert report.warnings() == [
        "chain 0-5-0: 7 boards in the run header, 6 in the hardware map",
        "1 unmapped board (in no detector table): 0-5-0-7",
    ]


def test_as_plain_values(plex: Plex) -> None:
    report = board_report(plex, seen=[BoardAddress(0, 1, 0, 2)], header=None)
    assert report.boards[1].as_dict() == {
        "crate": 0, "croc": 1, "chain": 0, "board": 2, "feb_index": 1, "role": "mapped",
        "in_header": None, "in_data": True, "status": "mapped",
    }  # fmt: skip


def test_addresses_that_do_not_fit(plex: Plex) -> None:
    with pytest.raises(AddressError, match="croc 40"):
        board_report(plex, seen=[(0, 40, 0, 1)], header=None)
