"""How the bench against the reference's way sums up what it found."""

import pytest
from agreement import agreement, deviations, line_of, summary


def test_classes_are_compared_where_both_ways_have_a_time() -> None:
    pairs = [
        (
            {"RMSNorm": 2.0, "Linear": 11.0, "Only ours": 1.0},
            {"RMSNorm": 2.5, "Linear": 10.0, "Only theirs": 1.0},
        ),
        ({"RMSNorm": 3.0, "Linear": 9.0}, {"RMSNorm": 0.0, "Linear": 10.0}),
    ]
    assert deviations(pairs) == {
        "RMSNorm": [pytest.approx(-0.2)],
        "Linear": [pytest.approx(0.1), pytest.approx(-0.1)],
    }
    found = agreement(pairs)
    assert (found["times"], found["p50"], found["signed_p50"]) == (3, 0.1, -0.1)
    assert [(one["class"], one["times"]) for one in found["classes"]] == [("Linear", 2), ("RMSNorm", 1)]


def test_percentiles_are_of_the_sizes_and_the_median_keeps_its_sign() -> None:
    found = summary([number / 1000 * (-1) ** number for number in range(1, 101)])
    assert found == {"times": 100, "signed_p50": 0.0005, "p50": 0.051, "p90": 0.091, "p99": 0.1}
    assert " ".join(line_of("Linear", found).split()) == "Linear 100 times 5.10 / 9.10 / 10.00 % (+0.05 %)"


def test_nothing_in_common_has_no_figures() -> None:
    assert agreement([({}, {"Linear": 1.0})]) == {"times": 0, "classes": []}
    assert line_of("Linear", {"times": 0}).endswith("no times")
