import pytest
from client import Message, skew
from engine.shots import Shot
from engine.skew import read_parts
from faults import Fault


def test_the_parts_of_a_skew_case_stand_for_attention_batches_in_the_order_asked_for() -> None:
    parts = read_parts(skew(4, 1, ["t_skew", "t_mean", "t_max"], pc=16, kp=512))
    assert list(parts.items()) == [
        ("t_skew", Shot("attention", ((16, 512), (1, 512), (1, 128), (1, 128), (1, 128)))),
        ("t_mean", Shot("attention", ((16, 512), (1, 224), (1, 224), (1, 224), (1, 224)))),
        ("t_max", Shot("attention", ((16, 512), (1, 512), (1, 512), (1, 512), (1, 512)))),
    ]
    assert read_parts(skew(2, 2, ["t_skew"])) == {"t_skew": Shot("attention", ((1, 512), (1, 512)))}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (skew(2, 3, ["t_skew"]), "skew: nb must be at most n: found 3 of 2"),
        (skew(2, 0, ["t_skew"]), "skew: nb must be a whole number of at least 1: found 0"),
        (skew(2, 1, []), "skew: parts must be some of t_mean, t_max, t_skew: found []"),
        (skew(2, 1, ["t_min"]), "skew: parts must be some of t_mean, t_max, t_skew: found ['t_min']"),
    ],
)
def test_fields_that_are_no_skew_case_are_refused(fields: Message, message: str) -> None:
    with pytest.raises(Fault) as refused:
        read_parts(fields)
    assert (refused.value.kind, refused.value.message) == ("bad_request", message)
