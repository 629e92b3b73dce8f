"""Batches whose inputs are written straight into the model runner's buffers, without a scheduler's round.

The runner takes a new request in with lists, dictionaries and a dozen copies each; a shot's requests differ
in their lengths alone, so that rows of arrays say the same. What the runner makes of the buffers stays its
own: attention metadata, the forward's context, the forward.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from engine.batch import Batches
from engine.caches import FULL
from engine.engine import EndOfForward
from faults import Fault

DERIVED = "scheduler_metadata"
"""Made of all the others by the attention's own library, in memory of which it leaves parts unwritten."""

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
        if refused or [group.kind for group in batches.groups] != [FULL]:
            raise Fault("unsupported", f"the runner needs more: {', '.join(refused) or 'other caches'}")
        import numpy
        import torch

        self.runner, self.batches = runner, batches
        table = runner.input_batch.block_table[0]
        if getattr(table, "blocks_per_kv_block", 1) != 1:
            raise Fault("unsupported", "the runner splits blocks")
        self.table = table
        on_device = runner.device.type != "cpu"
        tokens = len(runner.positions)
        requests = len(runner.seq_lens)
        self.names = [f"request-{index}" for index in range(requests)]
        self.arange: Any = numpy.arange(max(tokens, requests) + 1, dtype=numpy.int64)
        self.blocks = torch.arange(len(batches.block_ids), dtype=torch.int32, device=runner.device)
        self.staged_positions = torch.empty(tokens, dtype=torch.int64, pin_memory=on_device)
        self.staged_lengths = torch.empty(requests, dtype=torch.int32, pin_memory=on_device)
        self.requests: Sequence[tuple[int, int]] = ()
        self.rest: tuple[Any, ...] = (None,)
        """What the runner's method returns behind the indices of the logits."""

    @contextmanager
    def scheduled(self, requests: Sequence[tuple[int, int]]) -> Iterator[Any]:
        """Have the runner find a batch of (new tokens, KV tokens) in its buffers; yields what to execute."""
        runner, batch = self.runner, self.runner.input_batch
        names = self.names[: len(requests)]
        before = batch._req_ids, batch.req_id_to_index
        self.requests = requests
        batch._req_ids, batch.req_id_to_index = names, dict(zip(names, range(len(names)), strict=True))
        runner._update_states, runner._prepare_inputs = lambda _: None, self.write
        try:
            yield self.batches.output([], {name: new for name, (new, _) in zip(names, requests, strict=True)})
        finally:
            batch._req_ids, batch.req_id_to_index = before
            del runner._update_states, runner._prepare_inputs

    def forward(self, requests: Sequence[tuple[int, int]]) -> None:
        """Run a batch into the model, where a hook ends it; in place of the engine's own `forward`."""
        try:
            with self.scheduled(requests) as output:
                self.runner.execute_model(output)
        except EndOfForward:
            return
        self.runner.execute_model_state = None
        raise Fault("unsupported", "a forward that was to end within the model did not")

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
            own = inputs_of(model, lambda: runner.execute_model(self.batches.build(requests)))
        finally:
            del runner._prepare_inputs
        self.table.block_table.gpu.zero_()

        def run() -> None:
            with self.scheduled(requests) as output:
                runner.execute_model(output)

        written = inputs_of(model, run)
        return next(
            (
                name
                for name in {**own, **written}
                if not name.endswith(DERIVED) and not same(own.get(name), written.get(name))
            ),
            None,
        )


class Seen(Exception):
    """Ends a forward whose inputs have been seen."""


def inputs_of(model: Any, run: Callable[[], object]) -> dict[str, Any]:
    """Return what a forward gives to the model and to its layers, by name."""
    from vllm.forward_context import get_forward_context

    found: dict[str, Any] = {}

    def see(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        context = get_forward_context()
        found.update({f"argument {index}": copied(value) for index, value in enumerate(args)})
        found.update({name: copied(value) for name, value in kwargs.items()})
        for layer, metadata in dict(context.attn_metadata or {}).items():
            found.update({f"{layer}: {name}": copied(value) for name, value in vars(metadata).items()})
        for layer, slots in dict(context.slot_mapping or {}).items():
            found[f"slots of {layer}"] = copied(slots)
        raise Seen

    hook = model.register_forward_pre_hook(see, with_kwargs=True)
    try:
        run()
    except Seen:
        pass
    finally:
        hook.remove()
    return found


def copied(value: Any) -> Any:
    """Return a copy of a tensor, anything else as it is."""
    return value.clone() if hasattr(value, "clone") else value


def same(one: Any, other: Any) -> bool:
    """Return whether two inputs are equal; of what is neither number nor tensor the type counts."""
    if hasattr(one, "shape") and hasattr(other, "shape"):
        return one.shape == other.shape and bool((one == other).all())
    if isinstance(one, int | float | str | bool | tuple | None):
        return bool(one == other)
    return type(one) is type(other)
