"""Batches as the engine's scheduler would hand them to the model runner."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any

from engine.caches import CacheGroup
from engine.versions import scheduler_fields

GIVEN = (
    "scheduled_new_reqs",
    "scheduled_cached_reqs",
    "num_scheduled_tokens",
    "total_num_scheduled_tokens",
    "scheduled_spec_decode_tokens",
    "scheduled_encoder_inputs",
    "finished_req_ids",
    "free_encoder_mm_hashes",
)
"""Fields of SchedulerOutput that all versions have."""


def is_needed(field: "Field[Any]") -> bool:
    """Return whether a field has no default."""
    return field.default is MISSING and field.default_factory is MISSING and field.init


class Batches:
    """Builds scheduler outputs; each finishes the requests of the one before."""

    def __init__(
        self,
        groups: Sequence[CacheGroup],
        most_blocks: int,
        vocab_size: int,
        longest: int,
    ) -> None:
        """Prepare KV blocks, and prompts of up to `longest` tokens with ids below `vocab_size`."""
        import numpy
        from vllm import SamplingParams
        from vllm.v1.core.sched.output import SchedulerOutput

        self.groups = groups
        needed = [each.name for each in fields(SchedulerOutput) if is_needed(each)]
        self.extra = scheduler_fields([name for name in needed if name not in GIVEN], len(groups))
        self.sampling = SamplingParams(temperature=0.0, max_tokens=1, ignore_eos=True)
        self.prompt = numpy.random.default_rng(0).integers(0, vocab_size, 2 * longest, dtype=numpy.int32)
        self.offsets = longest
        self.block_ids = array("i", numpy.arange(most_blocks, dtype=numpy.int32).tobytes())
        self.running: set[str] = set()

    def build(self, requests: Sequence[tuple[int, int]]) -> Any:
        """Return the scheduler's output for requests of (new tokens, KV tokens).

        The history is said to be computed already, so that the runner attends over it; blocks that a group
        does not keep are block 0, which nobody reads. Prompts are
        slices of one array, each from another start, so that tokens of one batch differ.
        """
        from vllm.v1.core.sched.output import NewRequestData

        first_block, started, scheduled = 0, [], {}
        for index, (new, history) in enumerate(requests):
            start = index % self.offsets
            name = f"request-{index}"
            tables = []
            for group in self.groups:
                gone, count = group.kept(new, history)
                own = self.block_ids[first_block : first_block + count]
                tables.append(array("i", bytes(gone * self.block_ids.itemsize)) + own if gone else own)
                first_block += count
            started.append(
                NewRequestData(
                    req_id=name,
                    prompt_token_ids=self.prompt[start : start + new + history],
                    mm_features=[],
                    sampling_params=self.sampling,
                    pooling_params=None,
                    block_ids=tuple(tables),
                    num_computed_tokens=history,
                    lora_request=None,
                )
            )
            scheduled[name] = new
        output = self.output(started, scheduled, self.running)
        self.running = set(scheduled)
        return output

    def output(self, started: Sequence[Any], scheduled: dict[str, int], finished: Iterable[str] = ()) -> Any:
        """Return a scheduler's output: new requests, the new tokens of all, and requests that are no more."""
        from vllm.v1.core.sched.output import CachedRequestData, SchedulerOutput

        return SchedulerOutput(
            scheduled_new_reqs=list(started),
            scheduled_cached_reqs=CachedRequestData.make_empty(),
            num_scheduled_tokens=scheduled,
            total_num_scheduled_tokens=sum(scheduled.values()),
            scheduled_spec_decode_tokens={},
            scheduled_encoder_inputs={},
            finished_req_ids=set(finished),
            free_encoder_mm_hashes=[],
            **self.extra,
        )
