"""Collectives of one rank: the group that they run in, and how they are timed."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from collective.job import Job

DTYPE = torch.bfloat16

GRAPH_CALLS = 20
"""Calls in one CUDA graph."""

REPLAYS = 5
"""Replays of a graph in one trial."""

TRIAL_S = 0.02
"""How long a trial on a CPU takes at least, unless it needs more calls than MOST_CALLS."""

FEWEST_CALLS = 3
MOST_CALLS = 200

Call = Callable[[], Any]
"""Runs a collective once, and returns what it gives."""


class Group:
    """All ranks, through torch.distributed alone."""

    def __init__(self, job: Job, rank: int, ranks: int, store: str) -> None:
        self.rank, self.ranks = rank, ranks
        self.device = torch.device("cuda", rank) if job.backend == "nccl" else torch.device("cpu")
        if job.backend == "nccl":
            torch.cuda.set_device(self.device)
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        self.join(job, f"file://{store}")

    def join(self, job: Job, store: str) -> None:
        """Meet the other ranks."""
        dist.init_process_group(
            job.backend,
            init_method=store,
            rank=self.rank,
            world_size=self.ranks,
            timeout=timedelta(seconds=job.boot_timeout_s),
        )

    def call(self, collective: str, given: torch.Tensor) -> Call:
        """Return a collective of a tensor."""
        if collective == "all_reduce":
            return lambda: (dist.all_reduce(given), given)[1]
        elements = given.numel() * self.ranks if collective == "all_gather" else given.numel() // self.ranks
        result = torch.empty(elements, dtype=DTYPE, device=self.device)
        run = dist.all_gather_into_tensor if collective == "all_gather" else dist.reduce_scatter_tensor
        return lambda: (run(result, given), result)[1]

    def capture(self, graph: Any) -> AbstractContextManager[Any]:
        """Return a context within which calls become a CUDA graph."""
        context: AbstractContextManager[Any] = torch.cuda.graph(graph, capture_error_mode="thread_local")
        return context


class VllmGroup(Group):
    """All ranks as a tensor-parallel group of vLLM."""

    def join(self, job: Job, store: str) -> None:
        """Meet the other ranks."""
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        from vllm.config import VllmConfig, set_current_vllm_config
        from vllm.distributed import parallel_state

        self.state = parallel_state
        with set_current_vllm_config(VllmConfig()):
            parallel_state.init_distributed_environment(
                world_size=self.ranks,
                rank=self.rank,
                distributed_init_method=store,
                local_rank=self.rank,
                backend=job.backend,
            )
            parallel_state.initialize_model_parallel(self.ranks)

    def call(self, collective: str, given: torch.Tensor) -> Call:
        """Return a collective of a tensor."""
        group = self.state.get_tp_group()
        if collective == "all_reduce":
            return lambda: group.all_reduce(given)
        run = group.all_gather if collective == "all_gather" else group.reduce_scatter
        return lambda: run(given, 0)

    def capture(self, graph: Any) -> AbstractContextManager[Any]:
        """Return a context of vLLM's within which calls become a CUDA graph."""
        return capture_vllm(self.state, self.device, graph)


@contextmanager
def capture_vllm(state: Any, device: torch.device, graph: Any) -> Iterator[None]:
    """Capture on the stream that vLLM names; it tells the ranks each other's buffers at the end."""
    with (
        state.graph_capture(device) as context,
        torch.cuda.graph(graph, stream=context.stream, capture_error_mode="thread_local"),
    ):
        yield


def check_call(group: Group, collective: str, elements: int) -> None:
    """Raise RuntimeError when a collective gives another result than it must."""
    size = elements * group.ranks if collective == "reduce_scatter" else elements
    value = 1.0 if collective != "all_gather" else float(group.rank + 1)
    given = torch.full((size,), value, dtype=DTYPE, device=group.device)
    result = group.call(collective, given)()
    if collective == "all_gather":
        ranks = torch.arange(1, group.ranks + 1, dtype=DTYPE, device=group.device)
        expected = ranks.repeat_interleave(elements)
    else:
        expected = torch.full((elements,), float(group.ranks), dtype=DTYPE, device=group.device)
    if not torch.equal(result, expected):
        raise RuntimeError(f"{collective} of {elements * 2} bytes gave a wrong result")


def time_call(group: Group, collective: str, size_bytes: int, trials: int) -> tuple[int, list[float]]:
    """Return the calls of a trial, and the microseconds of a call in each."""
    elements = size_bytes // 2
    check_call(group, collective, elements)
    size = elements * group.ranks if collective == "reduce_scatter" else elements
    call = group.call(collective, torch.zeros(size, dtype=DTYPE, device=group.device))
    timer = time_graph if group.device.type == "cuda" else time_wall
    return timer(group, call, trials)


def time_graph(group: Group, call: Call, trials: int) -> tuple[int, list[float]]:
    """Time replays of a CUDA graph by events on the device; not tried on two GPUs.

    A replay before the first event brings the ranks together: none waits for another's start.
    """
    call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with group.capture(graph):
        for _ in range(GRAPH_CALLS):
            call()
    graph.replay()
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    found = []
    for _ in range(trials):
        torch.cuda.synchronize()
        dist.barrier()
        torch.cuda.synchronize()
        graph.replay()
        first.record()
        for _ in range(REPLAYS):
            graph.replay()
        last.record()
        torch.cuda.synchronize()
        found.append(first.elapsed_time(last) * 1000 / (GRAPH_CALLS * REPLAYS))
    return GRAPH_CALLS * REPLAYS, found


def time_wall(group: Group, call: Call, trials: int) -> tuple[int, list[float]]:
    """Time calls by the clock on the wall; all ranks take as many."""
    call()
    began = time.perf_counter()
    for _ in range(FEWEST_CALLS):
        call()
    us = torch.tensor([time.perf_counter() - began], dtype=torch.float64)
    dist.all_reduce(us, op=dist.ReduceOp.MAX)
    calls = min(MOST_CALLS, max(FEWEST_CALLS, round(TRIAL_S * FEWEST_CALLS / us.item())))
    found = []
    for _ in range(trials):
        dist.barrier()
        began = time.perf_counter()
        for _ in range(calls):
            call()
        found.append((time.perf_counter() - began) * 1e6 / calls)
    return calls, found
