"""Journals of plans: who may write them, what they go on with, and what they call a shot."""

import re
from pathlib import Path

import pytest
from client import ROOT, Message, attention, dense
from faults import Fault
from json_lines import read, write
from offline.journal import Journal, id_of, shot_hash, shot_id
from offline.resume import read_state

PLAN: Message = {"format": "shotlab-plan", "settings": {"model": "tiny/llama"}}


def test_a_line_that_was_cut_is_passed_over_and_the_next_begins_a_line_of_its_own(tmp_path: Path) -> None:
    shot = {"type": "shot", "category": "dense", "tp": 1, "key": [1], "samples": {}}
    path = write(tmp_path / "journal.jsonl", {"type": "plan", "format": 2}, shot)
    with path.open("a") as file:
        file.write('{"type":"shot","ca')
    assert read_state(path, {}).answered == {id_of(dense(1))}
    journal = Journal(path)
    journal.write({"type": "bye"})
    journal.close()
    assert path.read_text().endswith('"ca\n{"type":"bye"}\n')


def test_a_file_goes_on_with_its_own_plan_and_quantity_only(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for plan, quantity, fits in (
        (PLAN, "wall", True),
        (PLAN, "wall", True),
        (PLAN, "event", False),
        ({}, "wall", False),
    ):
        journal = Journal(path)
        if fits:
            journal.begin(plan, quantity)
        else:
            with pytest.raises(Fault, match="it holds results of another plan or quantity"):
                journal.begin(plan, quantity)
        journal.close()
    assert [line["type"] for line in read(path)] == ["plan"]


@pytest.mark.parametrize(
    ("first", "found"),
    [
        ({"type": "results", "version": 1}, "found 'results' of format 1"),
        ({"type": "plan", "format": 3}, "found 'plan' of format 3"),
    ],
)
def test_a_file_of_another_format_is_not_written(tmp_path: Path, first: Message, found: str) -> None:
    path = write(tmp_path / "journal.jsonl", first)
    with pytest.raises(Fault) as refused:
        Journal(path)
    assert str(refused.value) == (
        f"cannot go on in {path}: it is no journal of format 2, {found}; name another file with --out"
    )


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first = Journal(path)
    with pytest.raises(Fault) as refused:
        Journal(path)
    assert str(refused.value) == (
        f"cannot write {path}: another process writes it; name another file with --out, or wait for its end"
    )
    first.close()
    Journal(path).close()


def test_the_protocols_example_of_a_journal_is_gone_on_with(tmp_path: Path) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", (ROOT / "harness/PROTOCOL.md").read_text(), re.DOTALL)
    path = tmp_path / "journal.jsonl"
    path.write_text(block)
    header, *lines = read(path)
    answers = [line for line in lines if line["type"] in ("shot", "failed")]
    assert read_state(path, {}).answered == {shot_id(line) for line in answers}
    (chunk,) = [line for line in lines if line["type"] == "chunk"]
    assert chunk["shots"] == [shot_hash(attention(0, 0, 4, 128)), shot_hash(dense(16))]
    journal = Journal(path)
    journal.begin(header["plan"], header["quantity"])
    journal.close()
    assert path.read_text() == block


def test_a_shots_id_does_not_depend_on_the_order_of_its_fields() -> None:
    shot = dense(1)
    assert id_of(dict(reversed(shot.items()))) == id_of(shot)


def test_the_hash_of_a_shot_is_that_of_its_sorted_fields() -> None:
    assert shot_hash({"tp": 1, "tokens": 16, "category": "dense"}) == "3d2ff94a"
