import pytest
from messages import State
from timing.sustained import Reading, clock_of, power_of


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
    ],
    ids=["counter", "from step to step", "counter stands still", "no counter", "neither", "no readings"],
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
