"""Batches and one engine's forwards, on made-up parts of vLLM."""

import sys
from array import array
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, make_dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy
import pytest
from engine.batch import GIVEN, Batches, is_needed
from engine.caches import CacheGroup
from engine.engine import EndOfForward, Engine
from fakes import Module
from faults import Fault

SchedulerOutput = make_dataclass(
    "SchedulerOutput",
    [
        *((name, Any) for name in GIVEN),
        ("num_common_prefix_blocks", Any),
        ("later", Any, field(default=None)),
    ],
)


@pytest.fixture(autouse=True)
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for vLLM's requests."""
    output = ModuleType("vllm.v1.core.sched.output")
    vars(output).update(
        NewRequestData=SimpleNamespace,
        CachedRequestData=SimpleNamespace(make_empty=lambda: "nothing cached"),
        SchedulerOutput=SchedulerOutput,
    )
    for name in ("vllm", "vllm.v1", "vllm.v1.core", "vllm.v1.core.sched"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    vars(sys.modules["vllm"])["SamplingParams"] = lambda **asked: asked
    monkeypatch.setitem(sys.modules, output.__name__, output)


FULL = CacheGroup("full", 4)
SLIDING = CacheGroup("sliding", 4, 8)


def requests_of(output: Any) -> list[tuple[Any, ...]]:
    """Return of each new request its name, tokens computed, length of its prompt and blocks by group."""
    return [
        (
            each.req_id,
            each.num_computed_tokens,
            len(each.prompt_token_ids),
            [list(ids) for ids in each.block_ids],
        )
        for each in output.scheduled_new_reqs
    ]


def test_requests_have_blocks_one_behind_the_other_by_group() -> None:
    output = Batches((FULL, SLIDING), 100, 50, 32).build(((2, 0), (1, 15)))
    assert requests_of(output) == [
        ("request-0", 0, 2, [[0], [1]]),
        ("request-1", 15, 16, [[2, 3, 4, 5], [0, 0, 6, 7]]),
    ]
    assert output.num_scheduled_tokens == {"request-0": 2, "request-1": 1}
    assert output.total_num_scheduled_tokens == 3
    assert output.num_common_prefix_blocks == [0, 0]
    assert (output.scheduled_cached_reqs, output.later) == ("nothing cached", None)
    rest = (
        output.scheduled_spec_decode_tokens,
        output.scheduled_encoder_inputs,
        output.free_encoder_mm_hashes,
    )
    assert rest == ({}, {}, [])


def test_each_batch_ends_the_requests_of_the_one_before() -> None:
    batches = Batches((FULL,), 100, 50, 32)
    ended = [batches.build(((1, 0),) * count).finished_req_ids for count in (2, 1, 3)]
    assert ended == [set(), {"request-0", "request-1"}, {"request-0"}]
    assert batches.output((), {}, ["x"]).finished_req_ids == {"x"}
    assert batches.output((), {}).finished_req_ids == set()


def test_prompts_begin_one_token_further_each_and_again_behind_the_longest() -> None:
    batches = Batches((FULL,), 100, 50, 3)
    assert (len(batches.prompt), int(batches.prompt.min()) >= 0, int(batches.prompt.max()) < 50) == (
        6,
        True,
        True,
    )
    output = batches.build(((1, 2),) * 4)
    prompts = [each.prompt_token_ids.tolist() for each in output.scheduled_new_reqs]
    whole = batches.prompt.tolist()
    assert prompts == [whole[0:3], whole[1:4], whole[2:5], whole[0:3]]
    again = Batches((FULL,), 100, 50, 3).prompt.tolist()
    assert again == whole == numpy.random.default_rng(0).integers(0, 50, 6, dtype=numpy.int32).tolist()
    assert Batches((FULL,), 100, 1, 3).prompt.tolist() == [0] * 6


def test_a_request_is_one_greedy_token_of_text_alone() -> None:
    (found,) = Batches((FULL,), 100, 50, 3).build(((1, 2),)).scheduled_new_reqs
    assert found.sampling_params == {"temperature": 0.0, "max_tokens": 1, "ignore_eos": True}
    assert (found.mm_features, found.pooling_params, found.lora_request) == ([], None, None)
    assert found.block_ids == (array("i", [0]),)


def test_only_a_field_without_a_default_is_needed() -> None:
    @dataclass
    class Fields:
        plain: int
        valued: int = 0
        made: list[int] = field(default_factory=list)
        derived: int = field(init=False)

    assert [each.name for each in fields(Fields) if is_needed(each)] == ["plain"]


class Runner:
    """A model runner that notes what it is asked."""

    def __init__(self, returns: Any = None, error: Exception | None = None) -> None:
        self.log: list[Any] = []
        self.returns, self.error = returns, error
        self.execute_model_state = "of a forward"

    def execute_model(self, output: Any) -> Any:
        self.log.append(output)
        if self.error is not None:
            raise self.error
        return self.returns

    def sample_tokens(self, grammar: Any) -> None:
        self.log.append(("sampled", grammar))


def engine_of(**fields: Any) -> Engine:
    """Return an engine with these fields of it, all others empty."""
    names = {each.name: None for each in Engine.__dataclass_fields__.values()}
    built = SimpleNamespace(build=lambda requests: ("built", requests))
    return Engine(**{**names, "batches": built, **fields})


BUILT = ("built", ((1, 0),))


@pytest.mark.parametrize(
    ("runner", "log"),
    [
        (Runner(), [BUILT, ("sampled", None)]),
        (Runner(returns="sampled already"), [BUILT]),
        (Runner(error=EndOfForward()), [BUILT]),
    ],
)
def test_a_forward_samples_what_it_has_not_and_may_be_ended(runner: Runner, log: list[Any]) -> None:
    engine_of(runner=runner).forward(((1, 0),))
    assert runner.log == log
    runner.log.clear()
    engine_of(runner=runner).forward_into(((1, 0),))
    assert runner.log == log


def test_a_forward_whose_inputs_are_written_has_to_end_within_the_model() -> None:
    def end(requests: Any) -> None:
        raise EndOfForward

    runner = Runner()
    engine_of(runner=runner, direct=SimpleNamespace(execute=end)).forward_into(((1, 0),))
    assert (runner.log, runner.execute_model_state) == ([], "of a forward")
    seen: list[Any] = []
    with pytest.raises(Fault) as fault:
        engine_of(runner=runner, direct=SimpleNamespace(execute=seen.append)).forward_into(((1, 0),))
    assert fault.value.message == "a forward that was to end within the model did not"
    assert (fault.value.kind, seen, runner.execute_model_state) == ("unsupported", [((1, 0),)], None)


def test_forwards_end_before_their_logits_meanwhile() -> None:
    logits = [Module(), Module()]
    engine = engine_of(logits=logits)
    with engine.without_logits():
        for module in logits:
            with pytest.raises(EndOfForward):
                module()
    for module in logits:
        module()


@pytest.mark.parametrize(("device", "waits"), [("cpu", 0), ("cuda", 1)])
def test_a_device_is_waited_for_and_a_cpu_is_not(
    monkeypatch: pytest.MonkeyPatch, device: str, waits: int
) -> None:
    waited: list[int] = []
    monkeypatch.setattr("torch.accelerator.synchronize", lambda: waited.append(1))
    engine_of(device=SimpleNamespace(type=device)).synchronize()
    assert len(waited) == waits


def test_the_filler_is_read_and_the_layer_before_runs_where_there_is_one() -> None:
    calls: list[Any] = []
    before = SimpleNamespace(running=lambda *asked: calls.append(asked) or "running")
    engine = engine_of(filler=SimpleNamespace(read=lambda: calls.append("read")), before=before)
    engine.evict()
    assert engine.after_another(["timed"], nullcontext) == "running"
    assert calls == ["read", (["timed"], nullcontext)]
    assert isinstance(engine_of().after_another([]), nullcontext)


def test_a_kernel_runs_before_a_batch_that_leaves_it_other_blocks() -> None:
    kernel, other = object(), object()
    asked: list[Any] = []
    before = SimpleNamespace(holds=lambda *about: asked.append(about) or holds, listening=lambda: "listening")
    engine = engine_of(kernels_before={id(kernel): before}, batches=SimpleNamespace(groups="groups"))
    holds = True
    assert engine.kernel_before(kernel, ((1, 0),)) == "listening"
    holds = False
    for given in (engine.kernel_before(kernel, ((9, 0),)), engine.kernel_before(other, ((1, 0),))):
        with given as run:
            run()
    assert asked == [(((1, 0),), "groups"), (((9, 0),), "groups")]


def test_an_engine_that_is_closed_holds_nothing() -> None:
    ended: list[str] = []
    core = SimpleNamespace(shutdown=lambda: ended.append("core"))
    engine = engine_of(llm=SimpleNamespace(llm_engine=SimpleNamespace(engine_core=core)))
    engine.close()
    assert (ended, vars(engine)) == (["core"], {})
