"""The judge of a run alone: the same verdicts as those of a live run."""

from collections.abc import Sequence

import pytest
from offline.doubts import Doubts

Step = str | float
"""A shot that was measured, or the time of a sentinel that was fired."""


def doubts(steps: Sequence[Step], quantity: str = "kernel", clocks: Sequence[int] = ()) -> Doubts:
    """Return what follows from steps; `clocks` are those at the ends of the chunks before each sentinel."""
    found, left = Doubts(), list(clocks)
    found.begin(quantity)
    for step in steps:
        if isinstance(step, str):
            found.measured(step)
        else:
            if left:
                found.see(left.pop(0))
            found.sentinel("sentinel", {"attention": [step, step, step]})
    return found


@pytest.mark.parametrize(
    ("steps", "quantity", "clocks", "standing"),
    [
        ([100.0, "a", 102.9], "kernel", [], ""),
        ([100.0, "a", 103.1, "b", 100.0], "kernel", [], "a"),
        ([100.0, "a", 100.0, "b", 104.0, "c", 104.0], "kernel", [], "bc"),
        ([100.0, "a", 96.0, "b", 96.0, "c", 100.0], "kernel", [], "ac"),
        ([100.0, "a", 92.0, "b", 100.0, "c", 100.0], "kernel", [], "a"),
        ([100.0, "a", 92.0, "b", 96.0, "c", 95.0, "d", 96.0], "kernel", [], "ab"),
        ([100.0, "a", 120.0], "wall", [], ""),
        ([100.0, "a", 130.0], "wall", [], "a"),
        ([100.0, "a", 104.0, "a", 100.0], "kernel", [], ""),
        (["a", 100.0, "b", 104.0], "kernel", [], "b"),
        ([100.0, "a", 100.0, "b", 100.0], "kernel", [1980, 1700, 1980], "a"),
        ([100.0, "a", 100.0], "kernel", [1980, 1800], ""),
    ],
    ids=[
        "within the share",
        "moved and back",
        "since the sentinel before",
        "two faster ones become the reference",
        "one faster one does not",
        "two faster ones that agree",
        "wall times within theirs",
        "wall times beyond",
        "measured again",
        "only what a sentinel comes before",
        "the clock has moved",
        "the clock within its share",
    ],
)
def test_what_lies_before_a_sentinel_that_moved_is_in_doubt(
    steps: list[Step], quantity: str, clocks: list[int], standing: str
) -> None:
    assert doubts(steps, quantity, clocks).standing == set(standing)


def test_a_shot_is_measured_again_twice_at_most() -> None:
    steps: list[Step] = [100.0]
    due = []
    for _ in range(3):
        steps += ["a", 104.0]
        due.append(doubts(steps).is_due("a"))
    assert due == [True, True, False]


def test_a_shot_that_was_given_up_stays_in_doubt_and_is_not_due() -> None:
    found = doubts([100.0, "a", 104.0])
    found.give_up("a")
    assert (found.standing, found.is_due("a")) == ({"a"}, False)


def test_each_process_and_each_sentinel_has_its_own_reference() -> None:
    found = doubts([100.0, "a", 100.0])
    found.sentinel("another", {"attention": [200.0]})
    assert not found.moved
    found.begin("kernel")
    found.sentinel("sentinel", {"attention": [150.0]})
    assert not found.moved


def test_the_farthest_clock_since_the_sentinel_before_is_judged() -> None:
    found = doubts([100.0], clocks=[1980])
    found.measured("a")
    for clock in (1980, 1500, 1980):
        found.see(clock)
        assert found.clock_moved == (clock == 1500)
    found.see(None)
    found.sentinel("sentinel", {"attention": [100.0]})
    assert found.standing == {"a"}


def test_the_share_may_be_asked_for() -> None:
    found = Doubts(0.5)
    found.begin("kernel")
    for time_us in (100.0, 140.0):
        found.sentinel("sentinel", {"attention": [time_us]})
        assert not found.moved
