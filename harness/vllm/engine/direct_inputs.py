"""Batches whose inputs are written straight into the model runner's buffers, without a scheduler's round.

The runner takes a new request in with lists, dictionaries and a dozen copies each; a shot's requests differ
in their lengths alone, so that rows of arrays say the same. What the runner makes of the buffers stays its
own: attention metadata, the forward's context, the forward.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from engine.batch import Batches
from engine.caches import FULL
from engine.given import differing, given_to
from faults import Fault, first_line
from messages import Limits

NEEDED = (
    "input_batch",
    "input_ids",
    "num_computed_tokens",
    "optimistic_seq_lens_cpu",
    "positions",
    "query_start_loc",
    "seq_lens",
    "_prepare_inputs",
    "_update_states",
)
"""What of the runner is written to or replaced."""

REFUSED = (
    "uses_mrope",
    "uses_xdrope_dim",
    "supports_mm_inputs",
    "enable_prompt_embeds",
    "use_async_spec_decode",
)
"""What a runner may do beside, of which these buffers are not all."""


class DirectInputs:
    """Writes batches into a runner's buffers, of one group that keeps all tokens."""

    def __init__(self, runner: Any, batches: Batches) -> None:
        """Take staging memory; raises Fault when the runner is not one whose buffers are known."""
        missing = [name for name in NEEDED if not hasattr(runner, name)]
        if missing:
            raise Fault("unsupported", f"the runner has no {', '.join(missing)}")
        refused = [name for name in REFUSED if getattr(runner, name, 0)]
        if refused:
            raise Fault("unsupported", f"the runner needs more: {', '.join(refused)}")
        threshold = getattr(runner, "reorder_batch_threshold", None)
        if threshold is not None:
            raise Fault("unsupported", f"the runner puts requests of at most {threshold} tokens first")
        if [group.kind for group in batches.groups] != [FULL]:
            raise Fault("unsupported", "the KV cache is more than one group that keeps all tokens")
        import numpy
        import torch

        self.runner, self.batches = runner, batches
        self.table = runner.input_batch.block_table[0]
        if getattr(self.table, "blocks_per_kv_block", 1) != 1:
            raise Fault("unsupported", "the runner splits blocks of the KV cache")
        on_device = runner.device.type != "cpu"
        tokens, requests = len(runner.positions), len(runner.seq_lens)
        self.names = [f"request-{index}" for index in range(requests)]
        self.arange: Any = numpy.arange(max(tokens, requests) + 1, dtype=numpy.int64)
        self.blocks = torch.arange(len(batches.block_ids), dtype=torch.int32, device=runner.device)
        self.staged_positions = torch.empty(tokens, dtype=torch.int64, pin_memory=on_device)
        self.staged_lengths = torch.empty(requests, dtype=torch.int32, pin_memory=on_device)
        self.requests: Sequence[tuple[int, int]] = ()
        self.rest: tuple[Any, ...] = (None,)
        """What the runner's method returns behind the indices of the logits."""

    def execute(self, requests: Sequence[tuple[int, int]]) -> None:
        """Run a batch of (new tokens, KV tokens) into the model, where a hook ends it."""
        with self.scheduled(requests) as output:
            self.runner.execute_model(output)

    @contextmanager
    def scheduled(self, requests: Sequence[tuple[int, int]]) -> Iterator[Any]:
        """Have the runner find a batch in its buffers meanwhile; yields what it is to execute."""
        runner, batch = self.runner, self.runner.input_batch
        names = self.names[: len(requests)]
        before = batch._req_ids, batch.req_id_to_index
        self.requests = requests
        batch._req_ids, batch.req_id_to_index = names, {name: index for index, name in enumerate(names)}
        runner._update_states, runner._prepare_inputs = lambda _: None, self.write
        try:
            yield self.batches.output([], {name: new for name, (new, _) in zip(names, requests, strict=True)})
        finally:
            batch._req_ids, batch.req_id_to_index = before
            del runner._update_states, runner._prepare_inputs

    def write(self, output: Any, new: Any) -> tuple[Any, ...]:
        """Write the batch, whose new tokens by request are `new`; returns as the runner's method does."""
        import numpy

        runner, batch = self.runner, self.runner.input_batch
        count, tokens = len(new), output.total_num_scheduled_tokens
        history = numpy.fromiter((kv for _, kv in self.requests), numpy.int64, count)
        ends = numpy.cumsum(new, dtype=numpy.int64)
        batch.num_computed_tokens_cpu[:count] = history
        batch.num_prompt_tokens[:count] = history + new
        starts = runner.query_start_loc.np
        starts[0] = 0
        starts[1 : count + 1] = ends
        starts[count + 1 :].fill(tokens)
        runner.query_start_loc.copy_to_gpu()
        lengths = self.staged_lengths.numpy()
        lengths[:count] = history + new
        lengths[count:] = 0
        runner.optimistic_seq_lens_cpu.copy_(self.staged_lengths)
        runner.seq_lens.copy_(self.staged_lengths, non_blocking=True)
        positions = self.staged_positions.numpy()[:tokens]
        numpy.add(numpy.repeat(history - ends + new, new), self.arange[:tokens], out=positions)
        runner.positions[:tokens].copy_(self.staged_positions[:tokens], non_blocking=True)
        offsets: Any = self.arange[:count] % self.batches.offsets
        numpy.take(
            self.batches.prompt,
            positions + numpy.repeat(offsets, new),
            out=runner.input_ids.np[:tokens],
            mode="clip",
        )
        runner.input_ids.copy_to_gpu(tokens)
        self.write_blocks()
        self.table.compute_slot_mapping(
            count, runner.query_start_loc.gpu[: count + 1], runner.positions[:tokens]
        )
        return runner.query_start_loc.gpu[1 : count + 1] - 1, *self.rest

    def write_blocks(self) -> None:
        """Write the block tables: requests have blocks one behind the other, in their order."""
        row = first = 0
        (group,) = self.batches.groups
        for (new, history), equal in groupby(self.requests):
            rows = sum(1 for _ in equal)
            _, each = group.kept(new, history)
            ids = self.blocks[first : first + rows * each].view(rows, each)
            self.table.block_table.gpu[row : row + rows, :each].copy_(ids)
            row, first = row + rows, first + rows * each

    def wipe(self) -> None:
        """Forget what is in the buffers."""
        runner, table = self.runner, self.table
        for buffer in (runner.input_ids, runner.query_start_loc, table.block_table, table.slot_mapping):
            buffer.gpu.zero_()
        for tensor in (runner.positions, runner.seq_lens, runner.optimistic_seq_lens_cpu):
            tensor.zero_()

    def differs(self, model: Any, requests: Sequence[tuple[int, int]]) -> str | None:
        """Return in what a batch's inputs differ from those that the runner makes itself, or None."""
        runner = self.runner
        prepare = runner._prepare_inputs

        def prepared(*arguments: Any) -> Any:
            result = prepare(*arguments)
            self.rest = result[1:]
            return result

        runner._prepare_inputs = prepared
        try:
            own = given_to(model, lambda: runner.execute_model(self.batches.build(requests)))
        finally:
            del runner._prepare_inputs
        self.wipe()
        return differing(own, given_to(model, lambda: self.execute(requests)))


LONGEST_PROBE = 5001
"""Tokens of a request of a probe: the pool of a large device would take seconds to be written."""


def probes(limits: Limits) -> list[tuple[tuple[int, int], ...]]:
    """Return batches of every kind of (new tokens, KV tokens), as large as an engine of these limits takes.

    Decodes alone, a prefill alone, prefills before decodes (one with a history, the longest without), and
    requests of which no two are alike.
    """
    block = limits.block_size
    seqs = max(1, min(limits.max_num_seqs, limits.num_cache_tokens // block - 1))
    share = limits.num_cache_tokens // (block * (seqs + 1)) * block
    history = max(0, min(share, limits.max_model_len - 1, LONGEST_PROBE) - 1)
    chunk = max(1, min(limits.max_num_batched_tokens, limits.max_model_len - 1, share))
    decodes = ((1, history),) * seqs
    part = max(1, chunk // 4)
    unlike = tuple((1 + index % part, history // (index + 2)) for index in range(min(seqs, 4)))
    prefills = ((part, max(0, history - part)), (chunk, 0))
    return [decodes, ((chunk, 0),), *((prefill, *decodes) for prefill in prefills), unlike]


def direct_inputs(runner: Any, batches: Batches, limits: Limits) -> DirectInputs:
    """Return what writes a runner's inputs; raises Fault where that is not just what it makes itself."""
    try:
        direct = DirectInputs(runner, batches)
        verify(direct, limits)
    except Fault:
        raise
    except Exception as error:
        raise Fault("unsupported", f"{type(error).__name__}: {first_line(error)}") from error
    return direct


def verify(direct: DirectInputs, limits: Limits) -> None:
    """Raise Fault where a model is not given by direct inputs what its runner gives it."""
    model = direct.runner.get_model()
    for requests in probes(limits):
        name = direct.differs(model, requests)
        if name:
            raise Fault("unsupported", f"inputs that are written differ in {name}")
