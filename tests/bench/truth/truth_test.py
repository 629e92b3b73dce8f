"""Forwards and ranks without a device: batches that are drawn, and passes of made-up modules."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from batches import KINDS, Batch, random_batches
from communication import marked_communication
from fakes import Engine, Module
from faults import Fault
from forward import activated_experts, orders, told, with_layers
from kernel_timer_test import Recording
from messages import Limits
from models import boot
from offline.plan import Plan
from protocol import parse_boot
from rank_shots import shots_of
from recording import Recorded, by_pass, record
from timing.jobs import Job

LIMITS = Limits(
    max_num_batched_tokens=2048,
    max_num_seqs=256,
    num_cache_tokens=1_000_000,
    max_model_len=40_960,
    num_experts=None,
    top_k=None,
    block_size=16,
)


def test_batches_are_of_every_kind_and_fit() -> None:
    batches = random_batches(60, 3, LIMITS)
    assert batches == random_batches(60, 3, LIMITS)
    assert batches != random_batches(60, 4, LIMITS)
    assert [batch.kind for batch in batches[:6]] == list(KINDS)
    for kind, requests in ((batch.kind, batch.requests) for batch in batches):
        prefills = [request for request in requests if request[0] > 1]
        lengths = {history for new, history in requests if new == 1}
        assert requests[: len(prefills)] == tuple(prefills)
        assert sum(new for new, _ in requests) <= 2048
        assert all(history <= 8000 for _, history in requests)
        expected = {"even": 0, "uneven": 0, "prefill": 1, "mixed": 1, "full": 1}
        assert len(prefills) == expected.get(kind, len(prefills)) or kind == "several"
        assert len(lengths) == {"even": 1, "prefill": 0}.get(kind, len(lengths))
        if kind == "full":
            assert sum(new for new, _ in requests) == 2048


def test_prefills_and_decodes_are_fired_in_both_orders() -> None:
    assert orders(Batch("mixed", ((9, 0), (1, 5), (1, 6)))) == {
        "prefills_first": ((9, 0), (1, 5), (1, 6)),
        "decodes_first": ((1, 5), (1, 6), (9, 0)),
    }
    assert list(orders(Batch("uneven", ((1, 5), (1, 6))))) == ["prefills_first"]


@pytest.mark.parametrize(("tokens", "activated"), [(1, 8), (2, 16), (16, 82), (2048, 128)])
def test_as_many_experts_get_tokens_as_independent_routing_gives(tokens: int, activated: int) -> None:
    experts = SimpleNamespace(num_experts=128, top_k=8)
    assert activated_experts(experts, tokens) == activated  # type: ignore[arg-type]
    assert activated_experts(LIMITS, tokens) is None


def test_a_model_gets_its_layers_where_its_configuration_has_them() -> None:
    request = parse_boot(boot("llama"))
    assert with_layers(request, 4).config["num_hidden_layers"] == 4
    nested = parse_boot({**boot("llama"), "config": {"text_config": {"num_hidden_layers": 1}}})
    assert with_layers(nested, 4).config == {"text_config": {"num_hidden_layers": 4}}


def test_calls_of_a_layer_are_added_up_pass_by_pass() -> None:
    spans = [("norm", 0, 1.0), ("norm", 0, 2.0), ("norm", 1, 5.0), ("mlp", 1, 7.0)]
    assert by_pass(spans, 2) == {"norm": [3.0, 5.0], "mlp": [0.0, 7.0]}


def engine_of(*modules: Module, device: str) -> Any:
    engine: Any = Engine(*modules)
    engine.device = SimpleNamespace(type=device)
    return engine


def test_what_a_pass_launches_outside_of_the_layers_is_done_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recording = Recording()
    monkeypatch.setattr("recording.Session", lambda activity: recording)
    norm = Module(lambda: recording.launch("norm_kernel", 2000))
    other = Module(lambda: recording.launch("add_kernel", 500))
    engine = engine_of(norm, other, norm, device="cuda")
    (outcome,) = record(engine, [Job(((1, 0),), {"norm": [norm]}, True)], 2)
    assert outcome == Recorded(
        {"elsewhere": [0.5, 0.5], "norm": [4.0, 4.0]},
        {"elsewhere": {"add_kernel": 1}, "norm": {"norm_kernel": 2}},
    )
    assert isinstance(outcome, Recorded)
    assert told(outcome, [9.0004, 9.0]) == {
        "type": "times",
        "layers_us": {"elsewhere": [0.5, 0.5], "norm": [4.0, 4.0]},
        "event_us": [9.0, 9.0],
        "kernels": {"elsewhere": {"add_kernel": 1}, "norm": {"norm_kernel": 2}},
    }


def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stop the clock; what is returned lets it go on by microseconds."""
    now = [0]
    monkeypatch.setattr("time.perf_counter_ns", lambda: now[0])

    def go_on(us: float) -> None:
        now[0] += round(us * 1000)

    return go_on


def test_on_a_cpu_the_time_of_a_pass_is_shared_out_without_remainder(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = clock(monkeypatch)
    inner = Module(lambda: go_on(3))

    def call_inner() -> None:
        go_on(1)
        inner()

    outer = Module(call_inner)
    engine = engine_of(outer, Module(lambda: go_on(10)), device="cpu")
    (outcome,) = record(engine, [Job(((1, 0),), {"outer": [outer], "inner": [inner]}, True)], 2)
    assert outcome == Recorded({"inner": [3.0, 3.0], "outer": [1.0, 1.0], "elsewhere": [10.0, 10.0]}, {})


def test_what_ranks_say_to_each_other_is_taken_out_of_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = clock(monkeypatch)

    class Group:
        def all_reduce(self, value: int) -> int:
            go_on(20)
            return value

        all_gather = gather = reduce_scatter = all_reduce

    group = Group()
    monkeypatch.setattr("vllm.distributed.get_tp_group", lambda: group)

    def multiply_and_reduce() -> None:
        go_on(4)
        group.all_reduce(1)

    layer = Module(multiply_and_reduce)
    job = Job(((1, 0),), {"o_proj": [layer]}, True)
    (outcome,) = record(engine_of(layer, device="cpu"), [job], 1, marked_communication)
    assert outcome == Recorded({"communication": [20.0], "o_proj": [4.0], "elsewhere": [0.0]}, {})
    assert vars(group) == {}


def test_a_fault_that_kills_the_engine_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("CUDA error: an illegal memory access")

    engine = engine_of(Module(fail), device="cpu")
    outcomes = record(engine, [Job(((1, 0),), {}, True)] * 40, 1)
    assert [type(outcome) for outcome in outcomes] == [Fault]


def test_the_shots_of_ranks_are_the_same_in_every_process() -> None:
    settings = {"max_num_batched_tokens": 64, "max_num_seqs": 4}
    plan = Plan({"settings": settings}, [])
    shots = shots_of(plan, 2)
    assert json.dumps(shots) == json.dumps(shots_of(plan, 2))
    assert [shot["tokens"] for shot in shots if shot["category"] == "dense"] == [1, 2, 4, 8, 16, 32, 64]
    kinds = {
        (shot["prefill_chunk"] > 0, shot["n_decode"] > 0) for shot in shots if shot["category"] == "attention"
    }
    assert kinds == {(True, False), (False, True), (True, True)}
