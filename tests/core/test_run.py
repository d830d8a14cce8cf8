"""The states of a run, and the moves between them."""

from weighbridge.core.run import FINISHED, LEGAL_MOVES, RunState


def test_every_state_has_its_moves() -> None:
    assert set(LEGAL_MOVES) == set(RunState)


def test_a_finished_run_can_only_be_queued_again() -> None:
    for state in FINISHED:
        assert LEGAL_MOVES[state] == {RunState.QUEUED}


def test_every_unfinished_run_can_be_cancelled_and_can_fail() -> None:
    for state in set(RunState) - FINISHED:
        assert {RunState.CANCELLED, RunState.FAILED} <= LEGAL_MOVES[state]


def test_a_run_succeeds_only_through_delivery() -> None:
    assert [s for s, moves in LEGAL_MOVES.items() if RunState.SUCCEEDED in moves] == [
        RunState.DELIVERING
    ]
