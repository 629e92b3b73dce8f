"""Inputs that are written directly, number by number, into a made-up runner's buffers."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from engine.boot import find_direct
from engine.caches import CacheGroup
from engine.direct_inputs import NEEDED, REFUSED, DirectInputs, direct_inputs, probes, verify
from engine.shots import Shot, broken_limit
from faults import Fault
from messages import Limits

Requests = tuple[tuple[int, int], ...]

TOKENS, REQUESTS = 8, 4


class Buffer:
    """A buffer of the host and its copy on the device, full of what was there before."""

    def __init__(self, size: int) -> None:
        self.np = numpy.full(size, 77, dtype=numpy.int32)
        self.gpu = torch.full((size,), 77, dtype=torch.int32)

    def copy_to_gpu(self, count: int | None = None) -> None:
        self.gpu[:count] = torch.from_numpy(self.np)[:count]


class Table:
    """The block table, which notes of what it was asked the slots."""

    def __init__(self) -> None:
        self.block_table = SimpleNamespace(gpu=torch.full((REQUESTS, 4), 77, dtype=torch.int32))
        self.slot_mapping = SimpleNamespace(gpu=torch.full((TOKENS,), 77))
        self.asked: list[Any] = []

    def compute_slot_mapping(self, count: int, starts: Any, positions: Any) -> None:
        self.asked.append((count, starts.tolist(), positions.tolist()))


class Runner:
    """A model runner of vLLM as far as its inputs go."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.table = Table()
        self.input_batch = SimpleNamespace(
            block_table=[self.table],
            num_computed_tokens_cpu=numpy.full(REQUESTS, 77),
            num_prompt_tokens=numpy.full(REQUESTS, 77),
            _req_ids=["before"],
            req_id_to_index={"before": 0},
        )
        self.input_ids, self.query_start_loc = Buffer(TOKENS), Buffer(REQUESTS + 1)
        self.positions = torch.full((TOKENS,), 77)
        self.seq_lens = torch.full((REQUESTS,), 77, dtype=torch.int32)
        self.optimistic_seq_lens_cpu = torch.full((REQUESTS,), 77, dtype=torch.int32)
        self.num_computed_tokens = None
        self.executed: list[Any] = []

    def _update_states(self, output: Any) -> str:
        return "the runner's own"

    def _prepare_inputs(self, output: Any, new: Any) -> str:
        return "the runner's own"

    def execute_model(self, output: Any) -> None:
        batch = self.input_batch
        self.executed.append((output, list(batch._req_ids), dict(batch.req_id_to_index)))


def direct_of(runner: Any) -> DirectInputs:
    batches: Any = SimpleNamespace(
        groups=[CacheGroup("full", 4)],
        block_ids=range(20),
        offsets=10,
        prompt=numpy.arange(100, 120, dtype=numpy.int32),
        output=lambda started, scheduled: SimpleNamespace(
            started=started, scheduled=scheduled, total_num_scheduled_tokens=sum(scheduled.values())
        ),
    )
    return DirectInputs(runner, batches)


def written(direct: DirectInputs, requests: tuple[tuple[int, int], ...]) -> Any:
    """Write a batch as the runner does within its forward; returns what it is given."""
    with direct.scheduled(requests) as output:
        assert direct.runner._update_states(output) is None
        return direct.runner._prepare_inputs(output, numpy.array([new for new, _ in requests]))


def test_a_batch_is_these_numbers() -> None:
    runner = Runner()
    direct = direct_of(runner)
    indices, *rest = written(direct, ((3, 5), (1, 9), (1, 9)))
    batch = runner.input_batch
    assert (indices.tolist(), rest) == ([2, 3, 4], [None])
    assert batch.num_computed_tokens_cpu.tolist() == [5, 9, 9, 77]
    assert batch.num_prompt_tokens.tolist() == [8, 10, 10, 77]
    assert runner.query_start_loc.gpu.tolist() == [0, 3, 4, 5, 5]
    assert runner.optimistic_seq_lens_cpu.tolist() == [8, 10, 10, 0]
    assert runner.seq_lens.tolist() == [8, 10, 10, 0]
    assert runner.positions.tolist() == [5, 6, 7, 9, 9, 77, 77, 77]
    assert runner.input_ids.gpu.tolist() == [105, 106, 107, 110, 111, 77, 77, 77]
    assert runner.table.block_table.gpu.tolist() == [
        [0, 1, 77, 77],
        [2, 3, 4, 77],
        [5, 6, 7, 77],
        [77, 77, 77, 77],
    ]
    assert runner.table.asked == [(3, [0, 3, 4, 5], [5, 6, 7, 9, 9])]


def test_a_smaller_batch_leaves_nothing_of_a_larger_one_in_the_lengths() -> None:
    runner = Runner()
    direct = direct_of(runner)
    written(direct, ((1, 3), (1, 3), (1, 3), (5, 0)))
    indices, *_ = written(direct, ((2, 0),))
    assert indices.tolist() == [1]
    assert runner.query_start_loc.gpu.tolist() == [0, 2, 2, 2, 2]
    assert runner.seq_lens.tolist() == [2, 0, 0, 0]
    assert runner.positions.tolist()[:2] == [0, 1]


def test_a_batch_is_executed_under_its_names_and_the_runner_is_left_as_it_was() -> None:
    runner = Runner()
    direct_of(runner).execute(((3, 5), (1, 9)))
    ((output, names, places),) = runner.executed
    assert (output.started, output.scheduled) == ([], {"request-0": 3, "request-1": 1})
    assert (names, places) == (["request-0", "request-1"], {"request-0": 0, "request-1": 1})
    assert (runner.input_batch._req_ids, runner.input_batch.req_id_to_index) == (["before"], {"before": 0})
    assert runner._update_states(None) == runner._prepare_inputs(None, None) == "the runner's own"


def test_nothing_is_left_in_buffers_that_are_wiped() -> None:
    runner = Runner()
    direct_of(runner).wipe()
    table = runner.table
    buffers = (runner.input_ids, runner.query_start_loc, table.block_table, table.slot_mapping)
    for tensor in (*(buffer.gpu for buffer in buffers), runner.positions, runner.seq_lens):
        assert not tensor.any()
    assert not runner.optimistic_seq_lens_cpu.any()


@pytest.mark.parametrize("name", REFUSED)
def test_a_runner_that_does_more_is_refused(name: str) -> None:
    runner: Any = Runner()
    setattr(runner, name, 0)
    direct_of(runner)
    setattr(runner, name, 1)
    with pytest.raises(Fault) as fault:
        direct_of(runner)
    assert (fault.value.kind, fault.value.message) == ("unsupported", f"the runner needs more: {name}")


def test_a_runner_of_other_methods_has_what_it_lacks_named() -> None:
    runner: Any = SimpleNamespace(input_ids=None, seq_lens=None)
    with pytest.raises(Fault) as fault:
        direct_of(runner)
    assert fault.value.message == (
        "the runner has no input_batch, num_computed_tokens, optimistic_seq_lens_cpu, positions,"
        " query_start_loc, _prepare_inputs, _update_states"
    )


def test_buffers_that_cannot_be_had_are_a_fault_with_their_own_words() -> None:
    runner: Any = Runner()
    runner.positions = None
    batches: Any = SimpleNamespace(groups=[CacheGroup("full", 4)], block_ids=range(20))
    with pytest.raises(Fault) as fault:
        direct_inputs(runner, batches, Limits(8, 4, 64, 512, None, None, 16))
    assert (fault.value.kind, fault.value.message) == (
        "unsupported",
        "TypeError: object of type 'NoneType' has no len()",
    )


LIMITS = [
    (Limits(256, 16, 9000, 512, None, None, 32), 16),
    (Limits(2048, 256, 30_000_000, 131_072, None, None, 16), 256),
    (Limits(1, 1, 64, 33, None, None, 32), 1),
    (Limits(8, 4, 64, 512, None, None, 16), 3),
]

PROBES = [
    (
        LIMITS[0][0],
        [
            ((1, 510),) * 16,
            ((256, 0),),
            ((64, 446), *((1, 510),) * 16),
            ((256, 0), *((1, 510),) * 16),
            ((1, 255), (2, 170), (3, 127), (4, 102)),
        ],
    ),
    (
        LIMITS[1][0],
        [
            ((1, 5000),) * 256,
            ((2048, 0),),
            ((512, 4488), *((1, 5000),) * 256),
            ((2048, 0), *((1, 5000),) * 256),
            ((1, 2500), (2, 1666), (3, 1250), (4, 1000)),
        ],
    ),
    (
        LIMITS[2][0],
        [((1, 31),), ((1, 0),), ((1, 30), (1, 31)), ((1, 0), (1, 31)), ((1, 15),)],
    ),
    (
        LIMITS[3][0],
        [
            ((1, 15),) * 3,
            ((8, 0),),
            ((2, 13), *((1, 15),) * 3),
            ((8, 0), *((1, 15),) * 3),
            ((1, 7), (2, 5), (1, 3)),
        ],
    ),
    (
        Limits(2, 1, 48, 2, None, None, 16),
        [((1, 0),), ((1, 0),), ((1, 0), (1, 0)), ((1, 0), (1, 0)), ((1, 0),)],
    ),
]


@pytest.mark.parametrize(("limits", "batches"), PROBES)
def test_probes_are_these_batches(limits: Limits, batches: list[Requests]) -> None:
    assert probes(limits) == batches


@pytest.mark.parametrize(("limits", "seqs"), LIMITS)
def test_probes_are_batches_that_the_engine_takes(limits: Limits, seqs: int) -> None:
    found = probes(limits)
    assert [broken_limit(Shot("attention", requests), limits) for requests in found] == [None] * 5
    assert [len(requests) for requests in found] == [seqs, 1, seqs + 1, seqs + 1, min(seqs, 4)]


def runner_of(**changes: Any) -> Any:
    """Return what has everything that a runner must have."""
    table = SimpleNamespace(blocks_per_kv_block=changes.pop("split", 1))
    fields = {name: None for name in NEEDED if name != changes.get("without")}
    return SimpleNamespace(**{**fields, "input_batch": SimpleNamespace(block_table=[table])}, **changes)


def batches_of(*kinds: str) -> Any:
    return SimpleNamespace(groups=[SimpleNamespace(kind=kind) for kind in kinds])


REFUSALS = [
    ({"without": "query_start_loc"}, ("full",), "the runner has no query_start_loc"),
    ({"uses_mrope": True}, ("full",), "the runner needs more: uses_mrope"),
    (
        {"uses_mrope": True, "supports_mm_inputs": True},
        ("full",),
        "the runner needs more: uses_mrope, supports_mm_inputs",
    ),
    ({"reorder_batch_threshold": 512}, ("full",), "the runner puts requests of at most 512 tokens first"),
    ({}, ("full", "sliding"), "the KV cache is more than one group that keeps all tokens"),
    ({}, ("state",), "the KV cache is more than one group that keeps all tokens"),
    ({"split": 2}, ("full",), "the runner splits blocks of the KV cache"),
]


@pytest.mark.parametrize(("changes", "kinds", "message"), REFUSALS)
def test_a_runner_of_other_buffers_takes_requests_in(
    changes: dict[str, Any], kinds: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = Limits(8, 4, 64, 512, None, None, 16)
    runner = runner_of(**changes, get_model=lambda: None)
    assert find_direct(runner, batches_of(*kinds), limits) is None
    assert capsys.readouterr().err == f"requests are taken in one by one: {message}\n"


def test_every_probe_is_compared_and_a_difference_is_named() -> None:
    seen: list[Any] = []
    runner = SimpleNamespace(get_model=lambda: "model")
    direct: Any = SimpleNamespace(runner=runner, differs=lambda *asked: seen.append(asked))
    limits, batches = PROBES[0]
    verify(direct, limits)
    assert seen == [("model", requests) for requests in batches]
    direct.differs = lambda *_: "positions"
    with pytest.raises(Fault) as fault:
        verify(direct, limits)
    assert (fault.value.kind, fault.value.message) == (
        "unsupported",
        "inputs that are written differ in positions",
    )
