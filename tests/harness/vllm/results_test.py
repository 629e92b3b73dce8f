"""Files of results: who may write them, what they go on with, and what they call a shot."""

import re
from pathlib import Path

import pytest
from client import ROOT, Message, dense
from faults import Fault
from json_lines import read, write
from offline.results import Results, shot_hash, shot_key
from offline.resume import read_before

PLAN: Message = {"format": "shotlab-plan", "settings": {"model": "tiny/llama"}}


def test_a_line_that_was_cut_is_passed_over_and_the_next_begins_a_line_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "results.jsonl", {"type": "result", "shot": dense(1), "samples": {}})
    with path.open("a") as file:
        file.write('{"type":"result","shot":{"ca')
    assert read_before(path).answered == {shot_key(dense(1))}
    results = Results(path)
    results.write({"type": "bye"})
    results.close()
    assert path.read_text().endswith('{"ca\n{"type":"bye"}\n')


def test_a_file_goes_on_with_its_own_plan_and_quantity_only(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    for plan, quantity, fits in (
        (PLAN, "wall", True),
        (PLAN, "wall", True),
        (PLAN, "event", False),
        ({}, "wall", False),
    ):
        results = Results(path)
        if fits:
            results.begin(plan, quantity)
        else:
            with pytest.raises(Fault, match="it holds results of another plan or quantity"):
                results.begin(plan, quantity)
        results.close()
    assert [line["type"] for line in read(path)] == ["results"]


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    first = Results(path)
    with pytest.raises(Fault) as refused:
        Results(path)
    assert str(refused.value) == (
        f"cannot write {path}: another process writes it; name another file with --out, or wait for its end"
    )
    first.close()
    Results(path).close()


def test_the_protocols_example_of_a_results_file_is_gone_on_with(tmp_path: Path) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", (ROOT / "harness/PROTOCOL.md").read_text(), re.DOTALL)
    path = tmp_path / "results.jsonl"
    path.write_text(block)
    header, *lines = read(path)
    shots = [line["shot"] for line in lines if "shot" in line and "sentinel" not in line]
    assert read_before(path).answered == {shot_key(shot) for shot in shots}
    (chunk,) = [line for line in lines if line["type"] == "chunk"]
    assert chunk["shots"] == [shot_hash(shots[1])]
    results = Results(path)
    results.begin(header["plan"], header["quantity"])
    results.close()
    assert path.read_text() == block


def test_a_shots_key_does_not_depend_on_the_order_of_its_fields() -> None:
    shot = dense(1)
    assert shot_key(dict(reversed(shot.items()))) == shot_key(shot)


def test_the_hash_of_a_shot_is_that_of_its_sorted_fields() -> None:
    assert shot_hash({"tp": 1, "tokens": 16, "category": "dense"}) == "3d2ff94a"
