"""Plans in files: what is none, which engines one needs, and how they are booted."""

import json
from pathlib import Path
from typing import Any

import pytest
from client import Message, attention, dense, moe
from faults import Fault
from offline.journal import id_fields
from offline.plan import Plan, engine_of, read_plan
from runs_alone import HEADER, SENTINEL

SHARED: Message = {**HEADER, "expert_configs": {"2": {"experts": 4}, "4": {}}}
FIELDS = "a shot has a category and the fields of its key: found"
PLACES = "prefills are a list of [chunk, history] beside a prefill_key: found"
NONE = "a plan begins with its header, format shotlab-plan of version 1: found"


def written(tmp_path: Path, *lines: Message | str) -> Path:
    path = tmp_path / "plan.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], f"line 1: {NONE} None of version None"),
        ([{}], f"line 1: {NONE} None of version None"),
        ([{**HEADER, "version": 2}], f"line 1: {NONE} 'shotlab-plan' of version 2"),
        ([{**HEADER, "format": "results"}], f"line 1: {NONE} 'results' of version 1"),
        ([HEADER, "[]"], "line 2: expected an object: found []"),
        ([HEADER, dense(1), "7"], "line 3: expected an object: found 7"),
        ([HEADER, {}], "line 2: a shot has a tp: found {}"),
        ([HEADER, {"tp": "1"}], "line 2: a shot has a tp: found {'tp': '1'}"),
        (
            [HEADER, dense(1), {**dense(1), "tp": 4}],
            "line 3: tp must be one that the header has a config for (1, 2): found 4",
        ),
        (
            [HEADER, {**moe(1, 1), "ep": 2}],
            "line 2: ep must be one that the header has an expert config for (1): found 2",
        ),
        (
            [SHARED, {**moe(1, 1), "ep": 2}, {**moe(1, 1), "ep": 3}],
            "line 3: ep must be one that the header has an expert config for (1, 2, 4): found 3",
        ),
        ([HEADER, {"tp": 1}], f"line 2: {FIELDS} {{'tp': 1}}"),
        (
            [HEADER, dense(1), {"tp": 1, "category": "dense"}],
            f"line 3: {FIELDS} {{'tp': 1, 'category': 'dense'}}",
        ),
        ([HEADER, {"tp": 1, "prefills": 7}], f"line 2: {PLACES} {{'tp': 1, 'prefills': 7}}"),
        (
            [HEADER, dense(1), {"tp": 1, "prefills": [[1]]}],
            f"line 3: {PLACES} {{'tp': 1, 'prefills': [[1]]}}",
        ),
        (
            [HEADER, {"tp": 1, "prefills": [[1, 2]]}],
            f"line 2: {PLACES} {{'tp': 1, 'prefills': [[1, 2]]}}",
        ),
    ],
)
def test_a_file_that_is_no_plan_is_refused_by_line(
    tmp_path: Path, lines: list[Message | str], message: str
) -> None:
    path = written(tmp_path, *lines)
    with pytest.raises(Fault) as refused:
        read_plan(path)
    assert (refused.value.kind, refused.value.message) == ("bad_request", f"cannot read {path}, {message}")


def test_json_that_is_cut_and_a_header_without_configs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"line 2: Expecting property name"):
        read_plan(written(tmp_path, HEADER, "{"))
    bare = {name: value for name, value in HEADER.items() if name != "configs"}
    with pytest.raises(Fault, match="configs"):
        read_plan(written(tmp_path, bare))


def test_empty_lines_are_passed_over_and_all_else_is_kept(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, HEADER, "", dense(1), "  ", SENTINEL))
    assert (plan.header, plan.shots) == (HEADER, [dense(1), SENTINEL])
    assert plan.settings == HEADER["settings"]


@pytest.mark.parametrize(
    ("prefills", "prefill_key", "called"),
    [
        ([[23, 4], [22, 5]], 15.75, (45, -6.75)),
        ([[16, 24]], 32.0, (16, 24)),
        ([[3, 0]], 1.5, (3, 0)),
        ([], 0.0, (0, 0)),
    ],
    ids=["two", "one", "odd", "none"],
)
def test_prefills_at_a_place_are_called_by_one_that_has_their_sum(
    tmp_path: Path, prefills: list[list[int]], prefill_key: float, called: tuple[int, float]
) -> None:
    line = {"category": "attention", "tp": 1, "prefills": prefills, "prefill_key": prefill_key}
    lines = [{**line, "n_decode": 1, "kv_decode": 16, "decode_q_len": q} for q in (1, 4)]
    shots = read_plan(written(tmp_path, HEADER, *lines)).shots
    assert [id_fields(shot)["key"] for shot in shots] == [[*called, 1, 16], [*called, 1, 16, 4]]
    assert isinstance(shots[0]["kv_prefill"], type(called[1]))


def test_engines_are_those_of_the_shots_in_the_order_in_which_they_are_met() -> None:
    shots = [dense(1), {**dense(2), "tp": 2}, {**moe(1, 1), "ep": 4}, dense(3)]
    assert [engine_of(shot) for shot in shots] == [(1, 1), (2, 1), (1, 4), (1, 1)]
    assert Plan(SHARED, shots).engines() == [(1, 1), (2, 1), (1, 4)]


def test_an_engine_is_booted_with_the_plan_s_settings_and_its_own_config() -> None:
    header = {**SHARED, "configs": {"1": {"heads": 8}, "2": {"heads": 4}}}
    settings = {**HEADER["settings"], "clock": 1500}
    plan = Plan({**header, "settings": settings}, [])
    second, share = plan.boot(2), plan.boot(1, 2)
    assert (second.tp, second.config, second.clock_mhz) == (2, {"heads": 4}, 1500)
    assert (share.tp, share.config) == (1, {"experts": 4})
    assert (second.dtype, second.kv_cache_dtype) == ("bfloat16", "auto")
    assert (second.max_num_batched_tokens, second.max_num_seqs) == (64, 8)
    assert Plan(header, []).boot(1).clock_mhz is None
    with pytest.raises(Fault):
        plan.boot(4)


@pytest.mark.parametrize(
    ("header", "sentinel"),
    [
        ({}, None),
        ({"sentinels": 7}, None),
        ({"sentinels": {"2": 7}}, None),
        ({"sentinels": {"1": SENTINEL}}, None),
        ({"sentinels": {"2": {**SENTINEL, "tp": 2}}}, {**SENTINEL, "tp": 2}),
    ],
    ids=["none", "no object", "no shot", "other degree", "named"],
)
def test_the_sentinel_is_the_one_that_the_header_names(
    header: dict[str, Any], sentinel: Message | None
) -> None:
    plan = Plan(header, [{**attention(1, 0, 0, 0), "tp": 2}, {**dense(1), "tp": 2}])
    assert plan.sentinel(2) == sentinel
    assert plan.sentinels() == ([] if sentinel is None else [sentinel])
