"""Serves a load: requests arrive in real time, one process adds them and runs the engine."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from serving.job import Load
from serving.server import Server
from serving.steps import Watch

NAP_S = 0.002
"""How long the loop sleeps at most while no request is there."""


@dataclass
class Served:
    """What became of a request; times in seconds from the load's start."""

    arrival_s: float
    token_s: list[float] = field(default_factory=list)
    """When tokens came, one entry a token."""


def prompt(server: Server, number: int, tokens: int) -> list[int]:
    """Return a made-up prompt that shares no block with those of other numbers."""
    words = int(server.engine.vllm_config.model_config.get_vocab_size()) - 10
    return [10 + (at * 7919 + number * 104729) % words for at in range(tokens)]


def serve_load(server: Server, watch: Watch, load: Load) -> tuple[float, list[Served]]:
    """Serve a load; returns the clock at its start and what became of its requests, in their order."""
    requests = load.requests
    prompts = [prompt(server, number, one.input_tokens) for number, one in enumerate(requests)]
    served: list[Served] = []
    names: dict[str, int] = {}
    waiting = deque(range(len(requests)))
    running = 0
    watch.take()
    watch.rest()
    start = time.perf_counter()
    while waiting or server.busy():
        now = time.perf_counter() - start
        while waiting and arrives(load, waiting[0], now, running):
            number = waiting.popleft()
            arrival = now if load.concurrency is not None else requests[number].arrival_s
            served.append(Served(arrival))
            names[server.add(prompts[number], requests[number].output_tokens)] = number
            running += 1
        if not server.busy():
            watch.rest()
            time.sleep(max(0.0, min(NAP_S, requests[waiting[0]].arrival_s - (time.perf_counter() - start))))
            continue
        outputs = server.engine.step()
        at = time.perf_counter() - start
        for output in outputs:
            one = served[names[output.request_id]]
            one.token_s += [at] * (len(output.outputs[0].token_ids) - len(one.token_s))
            running -= output.finished
    server.synchronize()
    return start, served


def arrives(load: Load, number: int, now: float, running: int) -> bool:
    """Return whether a request is there by now."""
    if load.concurrency is not None:
        return running < load.concurrency
    return load.requests[number].arrival_s <= now


def itl_us(token_s: Sequence[float]) -> list[int]:
    """Return the times between tokens in whole microseconds."""
    return [round((after - before) * 1e6) for before, after in pairwise(token_s)]
