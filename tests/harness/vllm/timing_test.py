from collections.abc import Iterator
from typing import Any

import pytest
from faults import Fault
from timing import WallTimer


class Module:
    """Something that can be hooked and called, as torch's modules are."""

    def __init__(self) -> None:
        self.hooks: dict[str, Any] = {}

    def register_forward_pre_hook(self, hook: Any) -> Any:
        return self.register("before", hook)

    def register_forward_hook(self, hook: Any) -> Any:
        return self.register("after", hook)

    def register(self, when: str, hook: Any) -> Any:
        self.hooks[when] = hook
        return type("Handle", (), {"remove": lambda _: self.hooks.pop(when)})()

    def __call__(self) -> None:
        self.hooks["before"](self, ())
        self.hooks["after"](self, (), None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock that shows 0, 1000, 3000, 6000, ... ns: the n-th step takes n µs."""
    readings = iter(n * (n + 1) // 2 * 1000 for n in range(100))
    monkeypatch.setattr("time.perf_counter_ns", lambda: next(readings))
    return iter(())


@pytest.mark.usefixtures("clock")
def test_repeats_of_a_layer_in_one_forward_are_averaged() -> None:
    one, two, other = Module(), Module(), Module()

    def forward() -> None:
        for module in (one, other, two):
            module()

    samples = WallTimer(lambda: None).samples({"norm": [one, two], "linear": [other]}, forward, 2)
    assert samples == {"norm": [3.0, 9.0], "linear": [3.0, 9.0]}


def test_the_device_is_waited_for_on_both_sides() -> None:
    waits: list[int] = []
    module = Module()
    WallTimer(lambda: waits.append(1)).samples({"norm": [module]}, module, 3)
    assert len(waits) == 6


def test_hooks_are_gone_when_a_forward_fails() -> None:
    module = Module()

    def forward() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        WallTimer(lambda: None).samples({"norm": [module]}, forward, 1)
    assert module.hooks == {}


def test_a_layer_that_does_not_run_is_an_error() -> None:
    with pytest.raises(Fault, match="layer 'norm' was found, but its modules were not called in a forward"):
        WallTimer(lambda: None).samples({"norm": [Module()]}, lambda: None, 1)
