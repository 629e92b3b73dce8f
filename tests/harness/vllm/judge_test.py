"""The judge of a run alone: the cases of the one that judges when a journal is ingested."""

import json
from typing import Any

import pytest
from client import ROOT, Message
from offline.judge import Judge

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
        return {"type": "session", "watch": step["session"], "accept_speed": step["session"].get("accept")}
    if "engine" in step:
        return {"type": "engine", "tp": step["engine"]}
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
        **({"at_s": step["at"]} if "at" in step else {}),
    }


def shot_of(letter: str) -> Message:
    return {"category": "dense", "tp": 1, "key": [ord(letter)]}


@pytest.mark.parametrize("case", TABLE["cases"], ids=IDS)
def test_a_case_of_both_judges(case: Message) -> None:
    judge = Judge()
    for step in case["steps"]:
        judge.take(line_of(step))
    judge.break_off()
    letters = sorted({step for step in case["steps"] if isinstance(step, str)})
    shots = {letter: ("dense", 1, ord(letter)) for letter in letters}
    assert "".join(letter for letter in letters if judge.in_doubt(shots[letter])) == case["doubted"]
    assert "".join(letter for letter in letters if judge.is_due(shots[letter])) == case["due"]
