"""The judge of a run alone: the cases of the one that judges when a journal is ingested."""

import json
from typing import Any

import pytest
from client import ROOT, Message
from offline.judge import Judge, usual_share

TABLE = json.loads((ROOT / "tests/data/judge-cases.json").read_text())
IDS = [case["name"] for case in TABLE["cases"]]
Step = str | float | dict[str, Any]


def sentinel_of(tp: int) -> Message:
    return {"category": "attention", "tp": tp, "key": [16, 0, 2, 128]}


def line_of(step: Step) -> Message:
    """Return the line of a journal that a step stands for."""
    if isinstance(step, str):
        return {"type": "shot", **shot_of(step), "samples": {"proj": [1, 2]}}
    if not isinstance(step, dict):
        return line_of({"sentinel": step})
    if "session" in step:
        watch = step["session"]
        return {"type": "session", "watch": watch, "accept_speed": bool(watch and watch.get("accept"))}
    if "engine" in step:
        return {"type": "engine", "tp": step["engine"]}
    if "shot" in step:
        return {**line_of(step["shot"]), "shot_clocks_mhz": step["own"]}
    if "read" in step:
        return {"type": "state", "sm_clock_mhz": step["read"]}
    if "failed_sentinel" in step:
        return {"type": "failed", **sentinel_of(step["failed_sentinel"]), "sentinel": True}
    clocks = step.get("clocks", [])
    return {
        **{
            "type": "sentinel",
            **sentinel_of(step.get("tp", 1)),
            "samples": {"attention": [step["sentinel"]]},
        },
        **({"clock_mhz": clocks[-1], "clocks_mhz": [min(clocks), max(clocks)]} if clocks else {}),
        **({"shot_clocks_mhz": step["own"]} if "own" in step else {}),
        **({"at_s": step["at"]} if "at" in step else {}),
    }


def shot_of(letter: str) -> Message:
    return {"category": "dense", "tp": 1, "key": [ord(letter)]}


@pytest.mark.parametrize("case", TABLE["cases"], ids=IDS)
def test_a_case_of_both_judges(case: Message) -> None:
    judge = Judge()
    for step in case["steps"]:
        judge.take(line_of(step))
    assert judge.moved == case.get("moved", False)
    judge.break_off()
    named = [step.get("shot") if isinstance(step, dict) else step for step in case["steps"]]
    letters = sorted({name for name in named if isinstance(name, str)})
    shots = {letter: ("dense", 1, ord(letter)) for letter in letters}
    assert "".join(letter for letter in letters if judge.in_doubt(shots[letter])) == case["doubted"]
    assert "".join(letter for letter in letters if judge.is_due(shots[letter])) == case["due"]


def doubted(judge: Judge, letter: str) -> bool:
    return judge.in_doubt(("dense", 1, ord(letter)))


def test_what_no_sentinel_came_after_is_in_doubt_once_none_will() -> None:
    judge = Judge()
    for step in ({"session": {"share": 0.03, "every_s": 30}}, 100, "a"):
        judge.take(line_of(step))
    assert not doubted(judge, "a")
    judge.break_off()
    assert doubted(judge, "a")


def test_a_journal_without_a_session_is_judged_as_one_of_device_times_that_nobody_watched() -> None:
    judge = Judge()
    steps: list[Step] = [100, "a", 102.9, "b", 104, {"sentinel": 100, "at": 0}, "c", {"engine": 1}, "d"]
    for step in [*steps, {"sentinel": 100, "at": 1}]:
        judge.take(line_of(step))
    assert [letter for letter in "abcd" if doubted(judge, letter)] == ["b", "c"]


@pytest.mark.parametrize(("quantity", "share"), [("wall", 0.25), ("event", 0.03), ("kernel", 0.03)])
def test_times_of_the_host_may_move_more(quantity: str, share: float) -> None:
    assert usual_share(quantity) == share
