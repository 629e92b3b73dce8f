from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import timing.sustained as sustained
from engine.layers import Part
from fakes import Engine, Module
from faults import Fault
from messages import State, SustainedTimes
from timing.jobs import Job
from timing.sustained import Reading, clock_of, power_at_work, power_of, sustain


def readings(*values: tuple[float, float | None, float | None, int | None]) -> list[Reading]:
    """Return readings of (seconds, joules so far, watts, MHz)."""
    return [(at, State(0, clock, None, None, watts, [], joules)) for at, joules, watts, clock in values]


@pytest.mark.parametrize(
    ("values", "watts"),
    [
        ([(0.0, 100.0, 1, 9), (0.1, 170.0, 1, 9), (0.2, 240.0, 1, 9), (0.3, 310.0, 1, 9)], 700),
        (
            [(0.00, 100, 1, 9), (0.02, 100, 1, 9), (0.05, 130, 1, 9), (0.09, 130, 1, 9), (0.15, 190, 1, 9)],
            600,
        ),
        ([(0.0, 100.0, 650.0, 9), (0.1, 100.0, 690.0, 9), (0.2, 100.0, 680.0, 9)], 680),
        ([(0.0, None, 650.0, 9), (0.1, None, 690.0, 9), (0.2, None, 680.0, 9)], 680),
        ([(0.0, None, None, 9), (0.1, None, None, 9)], None),
        ([], None),
        ([(0.0, 100.0, 650.0, 9), (0.1, 170.0, 690.0, 9), (0.2, 170.0, 680.0, 9)], 680),
        ([(0.0, 0, 1, 9), (0.1, 7, 1, 9), (0.4, 14.02, 1, 9)], 23.4),
        ([(0.0, None, 650.06, 9)], 650.1),
    ],
    ids=[
        "counter",
        "from step to step",
        "counter stands still",
        "no counter",
        "neither",
        "no readings",
        "a single step",
        "rounded to a tenth",
        "told, rounded to a tenth",
    ],
)
def test_power_is_that_of_the_energy_counter_where_it_moves(
    values: list[tuple[float, float | None, float | None, int | None]], watts: float | None
) -> None:
    assert power_of(readings(*values)) == watts


def test_the_clock_is_the_median_of_what_was_told() -> None:
    told = readings(
        (0.0, None, None, 1500), (0.1, None, None, None), (0.2, None, None, 1545), (0.3, None, None, 1530)
    )
    assert clock_of(told) == 1530
    assert clock_of(readings((0.0, None, None, None))) is None


class Fired(Engine):
    """An engine of modules that notes what it is given."""

    def __init__(self, *modules: Module) -> None:
        super().__init__(*modules)
        self.batches: list[Any] = []
        self.routers = self.experts = self.device = None

    def forward(self, requests: Any) -> None:
        self.batches.append(requests)
        super().forward(requests)


def test_each_module_of_a_job_is_repeated_in_a_forward_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    norm, linear, behind = (
        Module(lambda name=name: ran.append(name)) for name in ("norm", "linear", "behind")
    )
    engine: Any = Fired(norm, linear, behind)
    given: list[tuple[float, float | None]] = []

    def repeated(call: Any, _read: Any, seconds: float, rest_w: float | None) -> SustainedTimes:
        given.append((seconds, rest_w))
        call()
        call()
        return SustainedTimes(float(len(ran)), 300.0, 1500)

    monkeypatch.setattr(sustained, "repeat", repeated)
    sites: Any = {"norm": [norm], "linear": [linear], "named": [behind]}
    job = Job(((16, 0),), sites, parts=(Part("named", behind, ("kernel",)),))  # type: ignore[arg-type]
    found = sustain(engine, job, lambda _seq: State(0, None, None, None, None, []), 0.5, 125.0)
    # What is behind a module that is repeated is not run; what is before it is, once.
    assert ran == ["norm", "norm", "norm", "linear", "linear"]
    assert {layer: times.time_us for layer, times in found.items()} == {"norm": 2.0, "linear": 5.0}
    assert (engine.batches, engine.waits) == ([((16, 0),)] * 2, 2)
    assert given == [(0.5, 125.0)] * 2
    assert [each.before for each in (norm, linear, behind)] == [[], [], []]


def test_experts_are_forced_for_all_new_tokens_and_a_module_that_does_not_run_is_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forced: list[tuple[int, int]] = []

    @contextmanager
    def force(_routers: Any, tokens: int, activated: int, *_: Any) -> Iterator[None]:
        forced.append((tokens, activated))
        yield

    monkeypatch.setattr(sustained, "forced", force)
    monkeypatch.setattr(sustained, "repeat", lambda *_: SustainedTimes(1.0, None, None))
    experts, other = Module(), Module()
    engine: Any = Fired(experts)
    sites: Any = {"moe": [experts]}
    read = lambda _seq: State(0, None, None, None, None, [])  # noqa: E731
    sustain(engine, Job(((16, 0), (3, 9)), sites, activated_experts=8), read, 0.5, None)
    sustain(engine, Job(((16, 0),), sites), read, 0.5, None)
    assert forced == [(19, 8)]
    with pytest.raises(Fault, match="a module was found, but it was not called in a forward"):
        sustain(engine, Job(((16, 0),), {"a": [other]}), read, 0.5, None)  # type: ignore[dict-item]
    assert other.before == []


@pytest.mark.parametrize(
    ("power_w", "rest_w", "share", "watts"),
    [
        (400.0, 100.0, 0.5, 700.0),
        (400.0, 100.0, 1.0, 400.0),
        (90.0, 100.0, 0.5, 100.0),
        (110.0, 100.0, 0.05, 300.0),
        (110.0, 100.0, 0.049, None),
        (None, 100.0, 0.5, None),
        (400.0, None, 0.5, None),
    ],
)
def test_power_at_work_is_what_is_above_rest_by_the_share_of_the_time(
    power_w: float | None, rest_w: float | None, share: float, watts: float | None
) -> None:
    assert power_at_work(power_w, rest_w, share) == watts
