"""Loads that are served by an engine of plain Python, on a clock that its steps move."""

from types import SimpleNamespace
from typing import Any

import pytest
from serving.job import Load, ServedRequest
from serving.loads import NAP_S, itl_us, prompt, serve_load

STEP_S = 0.5
VOCABULARY = 30_000


class Server:
    """Gives each request that is there a token a step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 50.0
        self.there: dict[str, list[Any]] = {}
        self.prompts: dict[str, list[int]] = {}
        self.naps: list[float] = []
        self.synchronized = 0
        model = SimpleNamespace(get_vocab_size=lambda: VOCABULARY)
        self.engine = SimpleNamespace(vllm_config=SimpleNamespace(model_config=model), step=self.step)
        monkeypatch.setattr("time.perf_counter", lambda: self.now)
        monkeypatch.setattr("time.sleep", self.nap)

    def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    def busy(self) -> bool:
        return bool(self.there)

    def add(self, words: list[int], tokens: int) -> str:
        name = f"request-{len(self.prompts)}"
        self.prompts[name] = words
        self.there[name] = [tokens, 0]
        return name

    def step(self) -> list[Any]:
        self.now += STEP_S
        outputs = []
        for name, one in list(self.there.items()):
            one[1] += 1
            finished = one[1] == one[0]
            made = SimpleNamespace(token_ids=list(range(one[1])))
            outputs.append(SimpleNamespace(request_id=name, outputs=[made], finished=finished))
            if finished:
                del self.there[name]
        return outputs

    def synchronize(self) -> None:
        self.synchronized += 1


class Watch:
    """Counts rests."""

    def __init__(self) -> None:
        self.taken = self.rests = 0

    def take(self) -> None:
        self.taken += 1

    def rest(self) -> None:
        self.rests += 1


def serve(
    monkeypatch: pytest.MonkeyPatch, requests: list[tuple[float, int, int]], concurrency: int | None = None
) -> tuple[Server, Watch, list[tuple[float, list[float]]]]:
    server, watch = Server(monkeypatch), Watch()
    anything: Any = server
    watched: Any = watch
    load = Load("toy", tuple(ServedRequest(*one) for one in requests), concurrency)
    start, served = serve_load(anything, watched, load)
    assert start == 50.0
    assert server.synchronized == 1
    return server, watch, [(one.arrival_s, [round(at, 6) for at in one.token_s]) for one in served]


def test_requests_arrive_by_the_clock_and_their_tokens_come_with_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, watch, served = serve(monkeypatch, [(0.0, 4, 3), (0.6, 4, 1), (0.7, 4, 2)])
    # The second and the third are there when the second step is over, and wait for the third.
    assert served == [(0.0, [0.5, 1.0, 1.5]), (0.6, [1.5]), (0.7, [1.5, 2.0])]
    assert (watch.taken, watch.rests) == (1, 1)


def test_while_nobody_is_there_the_loop_sleeps_for_a_little_and_no_longer_than_it_must(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, watch, served = serve(monkeypatch, [(0.0, 4, 1), (0.5 + 2.5 * NAP_S, 4, 1)])
    assert [round(nap / NAP_S, 6) for nap in server.naps] == [1.0, 1.0, 0.5]
    assert served == [(0.0, [0.5]), (0.5 + 2.5 * NAP_S, [round(1 + 2.5 * NAP_S, 6)])]
    assert watch.rests == 1 + 3


def test_so_many_are_served_at_a_time_and_arrive_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, _, served = serve(monkeypatch, [(9.0, 4, 1), (9.0, 4, 3), (9.0, 4, 1), (9.0, 4, 1)], 2)
    assert served == [(0.0, [0.5]), (0.0, [0.5, 1.0, 1.5]), (0.5, [1.0]), (1.0, [1.5])]
    assert server.naps == []


def test_prompts_are_of_the_length_that_was_asked_for_and_share_no_words() -> None:
    server: Any = SimpleNamespace(
        engine=SimpleNamespace(
            vllm_config=SimpleNamespace(model_config=SimpleNamespace(get_vocab_size=lambda: VOCABULARY))
        )
    )
    first, second = (prompt(server, number, 40) for number in (0, 1))
    assert first[:3] == [10, 10 + 7919, 10 + 2 * 7919]
    assert second[:2] == [10 + 104729 % 29_990, 10 + (7919 + 104729) % 29_990]
    assert len(first) == len(second) == 40
    assert all(10 <= word < VOCABULARY for word in [*first, *second])
    assert not set(first) & set(second)


def test_times_between_tokens_are_in_whole_microseconds() -> None:
    assert itl_us([0.0, 0.0125, 0.0200004]) == [12_500, 7_500]
    assert itl_us([1.0]) == itl_us([]) == []
