import pytest
from engine.versions import TRIED, note_untried, scheduler_fields
from faults import Fault


@pytest.mark.parametrize(
    ("needed", "groups", "found"),
    [
        ([], 1, {}),
        (["num_common_prefix_blocks"], 1, {"num_common_prefix_blocks": [0]}),
        (["num_common_prefix_blocks"], 3, {"num_common_prefix_blocks": [0, 0, 0]}),
    ],
)
def test_a_version_is_given_what_it_asks_for(
    needed: list[str], groups: int, found: dict[str, object]
) -> None:
    assert scheduler_fields(needed, groups) == found


def test_a_version_that_asks_for_what_nobody_knows_is_refused() -> None:
    with pytest.raises(Fault) as refused:
        scheduler_fields(["num_common_prefix_blocks", "phase"], 1)
    assert refused.value.message == "this version of vLLM asks for phase in SchedulerOutput, unknown here"


def test_a_version_that_was_never_driven_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for version in TRIED:
        note_untried(f"{version}.3")
    assert capsys.readouterr().err == ""
    note_untried("0.99.0")
    told = f"vLLM 0.99.0 was not tried, {', '.join(TRIED)} were: what it has under other names"
    assert capsys.readouterr().err == f"{told} is refused at boot\n"
