"""Journals of plans: who may write them, what they go on with, and what they call a shot."""

import re
from pathlib import Path

import pytest
from client import ROOT, Message, attention, dense, moe
from faults import Fault
from json_lines import read, write
from offline.journal import Journal, header_of, id_fields, id_of, shot_hash, shot_id
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


@pytest.mark.parametrize(
    ("shot", "key"),
    [
        (dense(7), [7]),
        (attention(16, 0, 2, 128), [16, 0, 2, 128]),
        ({**attention(0, 0, 2, 128), "decode_q_len": 1}, [0, 0, 2, 128]),
        ({**attention(0, 0, 2, 128), "decode_q_len": 4}, [0, 0, 2, 128, 4]),
        ({**moe(8, 16), "ep": 1}, [8, 16]),
        ({**moe(8, 16), "ep": 2}, [8, 16, 2]),
        ({**dense(7), "ep": 2}, [7]),
    ],
)
def test_a_key_ends_with_what_splits_its_category_unless_it_is_one(shot: Message, key: list[int]) -> None:
    assert id_fields(shot) == {"category": shot["category"], "tp": 1, "key": key}
    assert id_of(shot) == (shot["category"], 1, *key)


def test_a_journal_begins_with_its_plan_and_a_name_of_its_own(tmp_path: Path) -> None:
    names = set()
    for name in ("one", "two"):
        journal = Journal(tmp_path / name)
        journal.begin(PLAN, "wall")
        journal.close()
        (line,) = read(tmp_path / name)
        names.add(line.pop("id"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("started"))
        assert line == {"type": "plan", "format": 2, "quantity": "wall", "plan": PLAN}
    assert len(names) == 2 and all(re.fullmatch(r"[0-9a-f]{8}", name) for name in names)


def test_what_was_written_is_on_the_disk_after_a_second_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    seconds = iter([0.0, 0.5, 1.0, 1.0, 1.9, 1.9, 2.0, 9.0, 9.0])
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.synced = next(seconds)
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    monkeypatch.setattr("os.fsync", lambda _: synced.append(path.stat().st_size))
    journal.write({"at": 1})
    assert (synced, path.stat().st_size) == ([], 0)
    journal.write({"at": 2})
    assert synced == [18]
    journal.write({"at": 3})
    assert (synced, path.stat().st_size) == ([18], 18)
    journal.flush()
    assert (synced, path.stat().st_size) == ([18], 27)
    journal.close()
    assert synced == [18, 27]
    assert journal.file.closed


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (None, None),
        ("", None),
        ('{"type":"plan"}', None),
        ('{"type":"plan"}\n', {"type": "plan"}),
        ("[]\n", None),
        ("{\n", None),
    ],
    ids=["no file", "empty", "cut", "a header", "no object", "no JSON"],
)
def test_the_header_of_a_file(tmp_path: Path, text: str | None, header: Message | None) -> None:
    path = tmp_path / "journal.jsonl"
    if text is not None:
        path.write_text(text)
    assert header_of(path) == header
