import math
import random
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from faults import Fault
from messages import Precision
from timing.precision import is_precise, joined, median_error, until_precise
from timing.timed import Measured, Timed

RULE = Precision(relative=0.01, min=3, max=30)


@pytest.mark.parametrize(
    ("samples", "error"),
    [
        ([5.0], math.inf),
        ([5.0, 5.0], 0.0),
        ([99.0, 100.0, 102.0], math.pi / 2 * 1.0 / math.sqrt(2) / 100),
        ([90.0] * 5 + [110.0] * 5, math.pi / 2 * 10.0 / 3 / 100),
    ],
)
def test_the_error_of_a_median(samples: list[float], error: float) -> None:
    assert median_error(samples) == pytest.approx(error)


def test_the_error_is_that_of_medians_of_normal_samples() -> None:
    chance = random.Random(1)
    draws = [[chance.gauss(100, 2) for _ in range(15)] for _ in range(2000)]
    spread = statistics.stdev(map(statistics.median, draws)) / 100
    assert statistics.mean(map(median_error, draws)) == pytest.approx(spread, rel=0.05)


def test_every_layer_must_be_precise() -> None:
    steady, loose = [10.0, 10.0, 10.01], [10.0, 11.0, 12.5]
    assert is_precise({"a": steady}, RULE)
    assert not is_precise({"a": steady, "b": loose}, RULE)


def test_a_median_is_precise_at_just_the_error_that_is_allowed() -> None:
    loose = {"a": [10.0, 11.0, 12.5], "b": [10.0, 10.0, 10.0]}
    error = median_error(loose["a"])
    assert is_precise(loose, Precision(error, 3, 30))
    assert not is_precise(loose, Precision(math.nextafter(error, 0), 3, 30))


@pytest.mark.parametrize(
    ("busy_us", "total_us"),
    [((1.0, 2.0), 3.0), ((1.0, None), 1.0), ((None, 2.0), None), ((None, None), None)],
)
def test_what_the_device_worked_adds_up_where_it_is_told(
    busy_us: tuple[float | None, float | None], total_us: float | None
) -> None:
    told = iter(busy_us)
    rule = Precision(0.01, 3, 6)
    measured = until_precise(lambda *_: Measured([Timed({"a": [10.0, 12.0, 14.0]})], next(told)), 1, rule)
    assert measured.device_busy_us == total_us
    assert measured.outcomes == [Timed({"a": [10.0, 12.0, 14.0] * 2})]


ONE = Timed({"a": [1.0], "b": [5.0]}, {"a": ["k"], "b": ["n"]}, {"a": [2.0]}, 2, (1980, 1500))
TWO = Timed({"a": [3.0], "b": [6.0]}, {"a": ["k"], "b": ["n"]}, {"b": [7.0]}, 3, (1965, 1980))
OTHERS = Timed({"a": [3.0], "b": [6.0]}, {"a": ["other"], "b": ["n"]}, {"b": [7.0]}, 3)
FAULT = Fault("infeasible", "no room")


@pytest.mark.parametrize(
    ("before", "after", "both"),
    [
        (
            ONE,
            TWO,
            Timed(
                {"a": [1.0, 3.0], "b": [5.0, 6.0]},
                {"a": ["k"], "b": ["n"]},
                {"a": [2.0, 3.0], "b": [5.0, 7.0]},
                4,
                (1965, 1500),
            ),
        ),
        (ONE, OTHERS, Timed(OTHERS.samples, OTHERS.kernels, OTHERS.kernel_sums, 4)),
        (ONE, FAULT, FAULT),
        (FAULT, ONE, ONE),
    ],
    ids=["the same kernels", "other kernels", "the second failed", "the first had failed"],
)
def test_samples_of_two_rounds_are_joined(
    before: Timed | Fault, after: Timed | Fault, both: Timed | Fault
) -> None:
    assert joined(before, after) == both


def scripted(samples: dict[int, list[float]], asked: list[tuple[list[int], int]]) -> Any:
    """Return a measure that hands out the samples of each job in their order, and notes what it is asked."""
    at = dict.fromkeys(samples, 0)

    def measure(indices: Sequence[int], iterations: int) -> Measured:
        asked.append((list(indices), iterations))
        outcomes: list[Timed | Fault] = []
        for index in indices:
            start = at[index]
            at[index] += iterations
            outcomes.append(Timed({"a": samples[index][start : start + iterations]}, {"a": ["k"]}))
        return Measured(outcomes, 1.0)

    return measure


def test_only_shots_that_are_not_precise_are_repeated_and_as_often_again() -> None:
    asked: list[tuple[list[int], int]] = []
    loose = [10.0, 12.0] * 15
    settling = [10.0, 10.3, 9.6, *[10.0] * 27]
    measure = scripted({0: [10.0] * 3, 1: loose, 2: settling}, asked)
    measured = until_precise(measure, 3, RULE)
    assert asked == [([0, 1, 2], 3), ([1, 2], 3), ([1], 6), ([1], 12), ([1], 6)]
    assert [len(outcome.samples["a"]) for outcome in measured.outcomes if isinstance(outcome, Timed)] == [
        3,
        30,
        6,
    ]
    assert measured.device_busy_us == 5.0


def test_a_shot_that_failed_is_not_repeated() -> None:
    fault = Fault("infeasible", "no")
    assert until_precise(lambda *_: Measured([fault]), 1, RULE).outcomes == [fault]


def test_an_engine_that_dies_in_a_repetition_is_asked_no_more() -> None:
    rounds: Iterator[list[Timed | Fault]] = iter(
        [
            [Timed({"a": [10.0, 12.0, 14.0]}), Timed({"a": [10.0, 12.0, 14.0]}), Fault("infeasible", "no")],
            [Timed({"a": [10.0, 12.0, 14.0]}), Fault("engine_dead", "no")],
        ]
    )
    outcomes = until_precise(lambda *_: Measured(list(next(rounds))), 3, RULE).outcomes
    assert isinstance(outcomes[1], Fault)
    assert outcomes[1].kind == "engine_dead"
