"""Times whole forwards of random batches through 2 and 4 decoder layers: what a predictor is judged by.

    python3 tests/bench/truth/forward.py plan.jsonl --batches 50 --out truth.jsonl

Of the plan only the header counts: it has the model's configuration and the limits. The file gets a header,
a line for each batch, and one for each time that it was fired: with each number of layers, and where there
are prefills and decodes also with the decodes first, as a server's scheduler would have them.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from batches import Batch, random_batches
from engine.boot import boot_engine
from engine.boot_faults import boot_fault
from engine.engine import Engine
from engine.shots import Requests
from faults import Fault
from file_head import file_head
from messages import Boot, Limits
from offline.plan import read_plan
from recording import Recorded, all_sites, record, rounded, whole_events
from script import open_out, run_script
from timing.jobs import Job

LAYERS = (4, 2)
"""Numbers of decoder layers; the larger has the smaller cache, which decides the batches."""

PREFILLS_FIRST, DECODES_FIRST = "prefills_first", "decodes_first"


def orders(batch: Batch) -> dict[str, Requests]:
    """Return the orders in which a batch is fired."""
    prefills = tuple(request for request in batch.requests if request[0] > 1)
    decodes = tuple(request for request in batch.requests if request[0] == 1)
    both = {PREFILLS_FIRST: batch.requests}
    return {**both, DECODES_FIRST: decodes + prefills} if prefills and decodes else both


def activated_experts(limits: Limits, tokens: int) -> int | None:
    """Return how many experts get tokens when they are routed independently and evenly, on average."""
    if limits.num_experts is None or limits.top_k is None:
        return None
    missed = (1 - limits.top_k / limits.num_experts) ** tokens
    return max(limits.top_k, round(limits.num_experts * (1 - missed)))


def tokens_of(requests: Requests) -> int:
    """Return the new tokens of a batch."""
    return sum(new for new, _ in requests)


def with_layers(boot: Boot, layers: int) -> Boot:
    """Return the request that boots a model of so many layers, all like its one layer."""
    text = boot.config.get("text_config")
    changed = {"num_hidden_layers": layers}
    config = {**boot.config, "text_config": {**text, **changed}} if text else {**boot.config, **changed}
    return replace(boot, config=config)


def fire(engine: Engine, batches: Sequence[Batch], samples: int, layers: int, out: TextIO) -> None:
    """Fire all batches on an engine and write a line for each."""
    sites = all_sites(engine)
    fired = [
        (index, order, requests)
        for index, batch in enumerate(batches)
        for order, requests in orders(batch).items()
    ]
    jobs = [
        Job(requests, sites, True, activated_experts=activated_experts(engine.limits, tokens_of(requests)))
        for _, _, requests in fired
    ]
    record(engine, jobs[:2], 1)
    outcomes = record(engine, jobs, samples)
    bare = [replace(job, sites={}) for job in jobs]
    on_device = engine.device.type == "cuda"
    events = whole_events(engine, bare, samples) if on_device else [None] * len(jobs)
    for (index, order, _), outcome, event_us in zip(fired, outcomes, events, strict=False):
        write(out, {"batch": index, "layers": layers, "order": order, **told(outcome, event_us)})


def told(outcome: Recorded | Fault, event_us: list[float] | Fault | None) -> dict[str, Any]:
    """Return what the line of a fired batch says."""
    if isinstance(outcome, Fault):
        return {"type": "failed", "message": outcome.message}
    return {
        "type": "times",
        **outcome.fields(),
        "event_us": rounded(event_us) if isinstance(event_us, list) else None,
    }


def write(out: TextIO, line: Mapping[str, Any]) -> None:
    """Append a line."""
    out.write(json.dumps(line) + "\n")
    out.flush()


def main() -> None:
    """Fire the batches that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    plan = read_plan(arguments.plan)
    boot = plan.boot(1)
    batches: list[Batch] = []
    with open_out(arguments.out) as out:
        for layers in LAYERS:
            started = time.perf_counter()
            try:
                engine = boot_engine(with_layers(boot, layers))
            except Exception as error:
                fault = boot_fault(error)
                raise Fault(fault.kind, f"cannot boot {layers} layers: {fault.message}") from error
            say(layers, "booted", started)
            if not batches:
                batches = random_batches(arguments.batches, arguments.seed, engine.limits)
                settings = {"seed": arguments.seed, "samples": arguments.samples, "layers": sorted(LAYERS)}
                write(out, {**file_head("truth", plan), **settings})
                for index, batch in enumerate(batches):
                    experts = activated_experts(engine.limits, tokens_of(batch.requests))
                    described = {"kind": batch.kind, "activated_experts": experts, "requests": batch.requests}
                    write(out, {"type": "batch", "batch": index, **described})
            started = time.perf_counter()
            fire(engine, batches, arguments.samples, layers, out)
            say(layers, f"fired {len(batches)} batches", started)
            engine.close()


def say(layers: int, what: str, started: float) -> None:
    """Print what was done."""
    print(f"{layers} layers: {what} in {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    run_script(main)
