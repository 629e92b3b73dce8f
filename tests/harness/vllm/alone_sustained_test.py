"""What a run alone repeats without a pause."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from client import Message, dense
from json_lines import read
from messages import Answer, Boot, Booted, Done, Sustain, Sustained, SustainedTimes
from runs_alone import HEADER, FakeWorker, run

OTHER: Message = {**dense(1), "tp": 2}
SHOTS = [dense(1), dense(2), OTHER]


class Steady(FakeWorker):
    """A worker that notes what it is to repeat, with which engine."""

    def __init__(self, tells: bool = True) -> None:
        super().__init__()
        self.read_state = object() if tells else None
        self.tp = 0
        self.repeated: list[tuple[int, list[Message]]] = []

    def boot(self, request: Boot) -> Booted:
        self.tp = request.tp
        return super().boot(request)

    def sustain(self, request: Sustain) -> Iterator[Answer]:
        self.repeated.append((self.tp, [dict(shot) for shot in request.shots]))
        for index in range(len(request.shots)):
            yield Sustained(request.seq, index, {"layer": SustainedTimes(1.5, 300.0, 1500)})
        yield Done(request.seq, None, 9.0)


def header(*sustained: Message) -> Message:
    return {**HEADER, "sustained": list(sustained)}


def test_each_engine_repeats_its_own_shots_of_the_plan_once(tmp_path: Path) -> None:
    path, worker = tmp_path / "out", Steady()
    assert run(path, worker, SHOTS[1:], header=header(dense(2), OTHER)) == 0
    assert worker.repeated == [(1, [dense(2)]), (2, [OTHER])]
    assert [line["key"] for line in read(path) if line["type"] == "sustained"] == [[2], [1]]
    # Shots that the plan has gained are fired; what was repeated is not repeated again.
    worker = Steady()
    assert run(path, worker, [*SHOTS, dense(3)], header=header(dense(2), OTHER)) == 0
    assert worker.fired_shots() == [["1", "3"]]
    assert worker.repeated == []


@pytest.mark.parametrize(
    ("sustained", "tells"),
    [((), True), ((dense(2),), False)],
    ids=["nothing is asked for", "a device that does not tell"],
)
def test_nothing_is_repeated(tmp_path: Path, sustained: tuple[Message, ...], tells: bool) -> None:
    worker = Steady(tells)
    assert run(tmp_path / "out", worker, SHOTS, header=header(*sustained)) == 0
    assert worker.repeated == []
