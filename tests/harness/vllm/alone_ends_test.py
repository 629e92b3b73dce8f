"""How a run alone ends: its exit status and its last words."""

import json
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alone_doubts_test import slow_from
from alone_words_test import Clock, Slow, said
from client import Message, dense
from faults import Fault
from json_lines import read
from messages import Boot, Booted, Done, Failed, Fire
from offline.journal import Journal
from offline.plan import Plan
from offline.resume import ResumeState
from offline.run import OfflineRun, run_alone
from runs_alone import HEADER, SENTINEL, FakeWorker, run


class Used(FakeWorker):
    """A worker that fails as it is told to when it boots, and notes that its device was given back."""

    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__()
        self.error = error
        self.unlocked = 0

    def boot(self, request: Boot) -> Booted:
        if self.error is not None:
            raise self.error
        return super().boot(request)

    def unlock(self) -> None:
        self.unlocked += 1


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The signals that a run has handled."""
    found: list[Any] = []
    monkeypatch.setattr("signal.signal", lambda *told: found.append(told))
    return found


def arguments(tmp_path: Path, plan: list[Message], out: str = "out") -> Any:
    path = tmp_path / "plan.jsonl"
    path.write_text("\n".join(map(json.dumps, plan)))
    return SimpleNamespace(
        plan=str(path),
        out=str(tmp_path / out),
        retry_failed=False,
        quantity="kernel",
        drift_share=None,
        accept_speed=False,
    )


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (None, 0, "1 of 1 shot, 0 failed, "),
        (Fault("unsupported", "no such device"), 1, "no such device"),
        (Fault("unsupported", "no such device", "it is gone"), 1, "no such device (it is gone)"),
        (Fault("bad_request", "config is none"), 2, "config is none"),
        (KeyboardInterrupt(), 130, "interrupted: run the same command again to go on"),
    ],
    ids=["done", "a fault", "a fault with its detail", "wrong use", "interrupted"],
)
def test_a_run_ends_with_its_status_and_gives_the_device_back(
    tmp_path: Path,
    handled: list[Any],
    capsys: pytest.CaptureFixture[str],
    error: BaseException | None,
    status: int,
    words: str,
) -> None:
    worker: Any = Used(error)
    told = arguments(tmp_path, [HEADER, dense(1)])
    assert run_alone(told, worker) == status
    last = said(capsys)[-1]
    assert last.startswith(words) if error is None else last == words
    assert worker.unlocked == 1
    assert handled == [(signal.SIGTERM, signal.default_int_handler)]
    # Who was interrupted was not killed: no shot is blamed for it.
    costs = [line for line in read(tmp_path / "out") if line == {"type": "cost", "wall_us": 0}]
    assert len(costs) == (status == 130)
    Journal(tmp_path / "out").close()


@pytest.mark.parametrize(
    ("plan", "out", "words"),
    [
        ([HEADER, dense(1)], "no/out", "cannot write {tmp}/no/out: No such file or directory"),
        ([HEADER, {}], "out", "cannot read {tmp}/plan.jsonl, line 2: a shot has a tp: found {{}}"),
    ],
    ids=["no such folder", "no plan"],
)
def test_files_that_cannot_be_used_are_wrong_use(
    tmp_path: Path,
    handled: list[Any],
    capsys: pytest.CaptureFixture[str],
    plan: list[Message],
    out: str,
    words: str,
) -> None:
    worker: Any = Used()
    assert run_alone(arguments(tmp_path, plan, out), worker) == 2
    assert said(capsys) == [words.format(tmp=tmp_path)]
    assert (worker.fired, handled) == ([], [])


def test_a_run_with_shots_that_failed_ends_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Refuses(Slow):
        def fire(self, request: Fire) -> Any:
            for _ in super().fire(request):
                pass
            yield from (Failed(request.seq, at, "infeasible", "no") for at in range(len(request.shots)))
            yield Done(request.seq)

    path = tmp_path / "out"
    assert run(path, Refuses(Clock(monkeypatch)), [dense(1)]) == 1
    assert said(capsys)[-1] == "1 of 1 shot, 1 failed, 1000.0 ms each, about 0 s left"
    # Nothing of it is left, and nothing failed in this run.
    assert run(path, FakeWorker(), [dense(1)]) == 0


def test_a_device_that_is_back_by_the_time_it_is_asked_again_measures_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Two sentinels, three shots, a slow sentinel, and then none is slow.
    worker = FakeWorker(slow_from(5, 6))
    assert run(tmp_path / "out", worker, [dense(1), dense(2), dense(3)]) == 0
    assert worker.fired_shots() == [["1", "2", "3"]] * 2
    told = said(capsys)
    assert told[1] == "3 shots are measured again at tp 1"
    assert told[2].startswith("6 of 6 shots, 0 failed, ")


def test_every_engine_begins_with_its_sentinel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = {**SENTINEL, "tp": 2}
    header = {**HEADER, "sentinels": {"1": SENTINEL, "2": second}}
    worker = Slow(Clock(monkeypatch))
    assert run(tmp_path / "out", worker, [dense(1), {**dense(1), "tp": 2}], header=header) == 0
    kinds = [chunk[0]["category"][0] + str(chunk[0]["tp"]) for chunk in worker.fired]
    assert kinds == ["a1", "a1", "d1", "a1", "a2", "a2", "d2", "a2"]


@pytest.mark.parametrize(("quantity", "size"), [("kernel", 128), ("event", 64), ("wall", 16)])
def test_so_many_shots_of_a_category_are_fired_at_once(tmp_path: Path, quantity: str, size: int) -> None:
    shots = [*(dense(tokens) for tokens in range(1, 2 * size + 2)), SENTINEL]
    journal, worker = Journal(tmp_path / "out"), FakeWorker()
    fired = OfflineRun(Plan(HEADER, list(shots)), journal, ResumeState(), worker)  # type: ignore[arg-type]
    fired.firing.quantity = quantity
    assert [len(chunk) for chunk in fired.chunks(shots)] == [size, size, 1, 1]
    journal.close()
