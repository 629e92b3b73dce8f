"""What a journal has already, line by line."""

import json
from pathlib import Path
from typing import Any

import pytest
from client import Message
from json_lines import write
from offline.resume import ResumeState, read_state

ID = ("dense", 1, 4)
SENTINEL_ID = ("attention", 1, 16, 0, 2, 128)
NAME, WATCH = "4444aaaa", "bbbb5555"

SHOT: Message = {"category": "dense", "tp": 1, "key": [4]}
MEASURED: Message = {"type": "shot", **SHOT, "samples": {"a": [1.0]}}
FAILED: Message = {"type": "failed", **SHOT, "kind": "infeasible", "message": "no room"}
CHUNK: Message = {"type": "chunk", "shots": [NAME, "other"]}
WATCHING: Message = {"type": "chunk", "shots": [WATCH], "sentinel": True}
COST: Message = {"type": "cost", "wall_us": 1.0}
SESSION: Message = {"type": "session", "watch": {"every_s": 10.0, "share": 0.03}}


def sentinel(us: float) -> Message:
    fields = {"category": "attention", "tp": 1, "key": [16, 0, 2, 128]}
    return {"type": "sentinel", **fields, "samples": {"a": [us]}}


def state_of(*lines: Message, **settings: Any) -> ResumeState:
    state = ResumeState(**settings)
    state.names.update({ID: NAME, SENTINEL_ID: WATCH})
    for line in lines:
        state.take(line)
    return state


@pytest.mark.parametrize(
    ("lines", "retry", "answered", "failed"),
    [
        ([], False, False, False),
        ([MEASURED], False, True, False),
        ([FAILED], False, True, True),
        ([FAILED, MEASURED], False, True, False),
        ([MEASURED, FAILED], False, True, True),
        ([{**FAILED, "sentinel": True}], False, False, False),
        ([FAILED], True, False, False),
        ([MEASURED, FAILED], True, False, False),
        ([FAILED, MEASURED], True, True, False),
    ],
    ids=[
        "nothing",
        "measured",
        "failed",
        "failed, then measured",
        "measured, then failed",
        "failed as the sentinel",
        "failed, and to be tried again",
        "measured, then failed, and to be tried again",
        "failed, and measured when tried again",
    ],
)
def test_a_shot_needs_no_firing_once_it_is_answered(
    lines: list[Message], retry: bool, answered: bool, failed: bool
) -> None:
    state = state_of(*lines, retry_failed=retry)
    assert (state.answered, state.failed) == ({ID} if answered else set(), {ID} if failed else set())
    assert state.sustained == set()


def test_a_failure_stands_unless_it_is_to_be_tried_again() -> None:
    assert not ResumeState().retry_failed


@pytest.mark.parametrize(
    ("lines", "deaths"),
    [
        ([CHUNK], {}),
        ([CHUNK, SESSION], {NAME: 1, "other": 1}),
        ([CHUNK, SESSION, SESSION], {NAME: 1, "other": 1}),
        ([CHUNK, COST, SESSION], {}),
        ([CHUNK, SESSION, CHUNK, SESSION], {NAME: 2, "other": 2}),
        ([CHUNK, SESSION, CHUNK, MEASURED, COST], {"other": 1}),
        ([CHUNK, SESSION, FAILED], {"other": 1}),
        ([WATCHING, SESSION], {f"sentinel {WATCH}": 1}),
        ([WATCHING, SESSION, sentinel(100)], {}),
        ([WATCHING, SESSION, CHUNK, SESSION, sentinel(100)], {NAME: 1, "other": 1}),
        ([WATCHING, SESSION, MEASURED], {f"sentinel {WATCH}": 1}),
    ],
)
def test_a_process_died_of_what_a_chunk_without_a_cost_had_begun(
    lines: list[Message], deaths: dict[str, int]
) -> None:
    state = state_of(*lines)
    assert dict(state.deaths) == deaths
    assert state.deaths["unknown"] == 0


def test_what_is_in_doubt_is_measured_again_unless_it_has_failed() -> None:
    doubted = [SESSION, sentinel(100), MEASURED, sentinel(104)]
    assert state_of(*doubted).is_due(ID)
    assert not state_of(*doubted[:3], sentinel(100)).is_due(ID)
    assert not state_of(*doubted, FAILED).is_due(ID)


def test_what_was_repeated_without_a_pause_is_known() -> None:
    state = state_of({"type": "sustained", **SHOT, "layers": {}})
    assert (state.sustained, state.answered) == ({ID}, set())


def test_a_journal_that_was_left_is_one_whose_process_has_ended(tmp_path: Path) -> None:
    path = write(tmp_path / "out", SESSION, sentinel(100), MEASURED, CHUNK)
    state = read_state(path, {ID: NAME}, retry_failed=True)
    assert dict(state.deaths) == {NAME: 1, "other": 1}
    assert (state.begun, state.names) == ([], {ID: NAME})
    assert state.is_due(ID), "no sentinel came after it"
    # What fails from here on has been tried again.
    state.take(FAILED)
    assert state.failed == {ID}


def test_a_failure_in_a_journal_stands(tmp_path: Path) -> None:
    state = read_state(write(tmp_path / "out", SESSION, FAILED), {})
    assert (state.answered, state.failed) == ({ID}, {ID})


def test_lines_that_are_no_objects_are_passed_over_and_no_file_is_an_empty_journal(tmp_path: Path) -> None:
    path = tmp_path / "out"
    assert read_state(path, {}).answered == set()
    path.write_text(f'[]\n7\n{{"type"\n{json.dumps(MEASURED)}\n')
    assert read_state(path, {}).answered == {ID}
