from typing import Any

import pytest
from fakes import Engine, Module
from timing.event_timer import EventTimer
from timing.jobs import Job
from timing.timed import Timed

CYCLES_PER_US = 1000
PAIR_US = 1.5


class Cuda:
    """In place of torch.cuda: the device's time in microseconds, of which each event takes some."""

    def __init__(self) -> None:
        self.now_us = 0.0
        self.held: list[float] = []
        cuda = self

        class Event:
            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing

            def record(self) -> None:
                cuda.now_us += PAIR_US
                self.at_us = cuda.now_us

            def elapsed_time(self, other: "Event") -> float:
                return (other.at_us - self.at_us) / 1000

        self.Event = Event

    def _sleep(self, cycles: int) -> None:
        self.held.append(cycles / CYCLES_PER_US)
        self.now_us += cycles / CYCLES_PER_US

    def synchronize(self) -> None:
        pass

    def work(self, us: float) -> None:
        self.now_us += us


def test_an_empty_pair_is_measured_and_taken_off() -> None:
    cuda = Cuda()
    timer = EventTimer(cuda)
    assert round(timer.empty_us, 6) == PAIR_US
    assert cuda.held == pytest.approx([2000] * 3, rel=1e-3), "the host runs ahead of the pairs"
    module = Module(lambda: cuda.work(12.0))
    engine: Any = Engine(module)
    assert timer.measure(engine, [Job(((1, 0),), {"norm": [module]})], 2).outcomes == [
        Timed({"norm": [12.0, 12.0]})
    ]


def test_what_calls_within_a_module_take_is_not_its_own_nor_are_their_events() -> None:
    cuda = Cuda()
    timer = EventTimer(cuda)
    norm = Module(lambda: cuda.work(3.0))

    def linear() -> None:
        cuda.work(10.0)
        norm()
        norm()
        cuda.work(5.0)

    around = Module(linear)
    engine: Any = Engine(around)
    job = Job(((1, 0),), {"linear": [around], "norm": [norm]}, occurrences={"norm": 2})
    assert timer.measure(engine, [job], 2).outcomes == [Timed({"linear": [15.0, 15.0], "norm": [3.0, 3.0]})]


def test_a_pass_is_held_back_for_what_the_host_needed_before() -> None:
    cuda = Cuda()
    timer = EventTimer(cuda)
    module = Module()
    engine: Any = Engine(module)
    cuda.held.clear()
    timer.measure(engine, [Job(((1, 0),), {"norm": [module]})], 2)
    first, *later = cuda.held
    assert abs(first - 7700) < 10
    assert all(200 < held < 5000 for held in later)


def test_what_is_within_an_empty_pairs_cost_is_still_more_than_nothing() -> None:
    cuda = Cuda()
    timer = EventTimer(cuda)
    timer.empty_us = 99.0
    module = Module()
    engine: Any = Engine(module)
    (outcome,) = timer.measure(engine, [Job(((1, 0),), {"norm": [module]})], 1).outcomes
    assert outcome == Timed({"norm": [0.001]})
