"""Serves designed batches and loads on a whole engine in this process, and writes what each step took.

`python harness/vllm/served.py --job job.json --out served.jsonl`; `shotlab steps --job` writes the job.
With `-` for both it reads the job on standard input, answers on standard output, and ends with its input. As
long as no job has come it imports the engine, and takes no device.
"""

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TextIO

from faults import first_line
from job_script import has_input, open_answers, watch_input
from script import leave, say, status_of
from serving.job import FORMAT, Job, Load, Scene, read_job
from serving.loads import itl_us, serve_load
from serving.scenes import Stage
from serving.server import Server, boot_server, head_of, import_engine
from serving.steps import Step, Watch


class Writer:
    """Adds lines to a file; each is on its way to the disk when it is written."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, fields: Mapping[str, Any]) -> None:
        """Write one line."""
        self.file.write(json.dumps(fields, allow_nan=False, separators=(",", ":")) + "\n")
        self.file.flush()

    def step(self, part: str, step: Step, start: float, kernel_us: float | None = None) -> None:
        """Write a step; its times are from `start`."""
        times = {
            "launch_us": step.launch_us(),
            "host_us": step.host_us(),
            "span_us": step.span_us(),
            "kernel_us": kernel_us,
            "probe_us": step.probe_us,
        }
        self.write(
            {
                "type": "step",
                "part": part,
                "batch": step.batch,
                "scheduled_s": round(step.scheduled_s - start, 6),
                "output_s": None if step.output_s is None else round(step.output_s - start, 6),
                **{name: None if value is None else round(value, 1) for name, value in times.items()},
            }
        )


def serve(job: Job, writer: Writer) -> int:
    """Serve a job; returns the exit status, 1 when a part of it failed."""
    began = time.monotonic()
    server = boot_server(job.config, job.engine)
    writer.write({"type": "served", "format": FORMAT, **job.plan, **head_of(server)})
    say(f"{job.model}: booted in {server.boot_s:.0f} s")
    watch = Watch(server)
    warm_up(server, watch)
    failed = 0
    stage = Stage(server, watch)
    for scene in job.scenes:
        failed += not attempt(writer, scene.name, partial(play, stage, scene, writer))
    for load in job.loads:
        failed += not attempt(writer, load.name, partial(fire, server, watch, load, writer))
    writer.write({"type": "done", "seconds": round(time.monotonic() - began, 1), "failed": failed})
    return 1 if failed else 0


def attempt(writer: Writer, name: str, run: Callable[[], object]) -> bool:
    """Run a part; what it fails of is written, and false returned."""
    began = time.monotonic()
    try:
        run()
    except Exception as error:
        writer.write({"type": "failed", "name": name, "message": first_line(error)})
        say(f"{name}: {first_line(error)}")
        return False
    say(f"{name}: {time.monotonic() - began:.1f} s")
    return True


def warm_up(server: Server, watch: Watch) -> None:
    """Serve prompts of unlike sizes, so that nothing is compiled or allocated later.

    Kernels are compiled for sizes that can and cannot be divided by 16, and chosen by the number of tokens.
    """
    config = server.engine.vllm_config
    longest, most = config.model_config.max_model_len, config.scheduler_config.max_num_batched_tokens
    eighths = [most * part // 8 for part in range(1, 9)]
    sizes = [min(600, longest // 2)] * 4 + [100 * number for number in range(1, 12)]
    for number, tokens in enumerate([*sizes, *eighths, *(size - 1 for size in eighths), 2 * most + 3]):
        server.add([10 + (at + number) % 97 for at in range(max(1, min(tokens, longest - 8)))], 8)
        if number >= len(sizes):
            run_until_idle(server)  # a prompt alone has its own size, beside others that of them all
    run_until_idle(server)
    server.synchronize()
    watch.take()


def run_until_idle(server: Server) -> None:
    """Run steps until no request is left."""
    while server.busy():
        server.engine.step()


def play(stage: Stage, scene: Scene, writer: Writer) -> None:
    """Play a scene and write its steps."""
    steps, summed = stage.play(scene)
    start = steps[0].scheduled_s if steps else 0.0
    for step in steps:
        writer.step(f"designed: {scene.name}", step, start)
    for step, kernel_us in summed:
        writer.step(f"recorded: {scene.name}", step, step.scheduled_s, kernel_us)


def fire(server: Server, watch: Watch, load: Load, writer: Writer) -> None:
    """Serve a load and write its requests and steps."""
    start, served = serve_load(server, watch, load)
    for asked, one in zip(load.requests, served, strict=True):
        writer.write(
            {
                "type": "request",
                "part": f"load: {load.name}",
                "arrival_s": round(one.arrival_s, 6),
                "input_tokens": asked.input_tokens,
                "output_tokens": asked.output_tokens,
                "first_s": round(one.token_s[0], 6),
                "last_s": round(one.token_s[-1], 6),
                "itl_us": itl_us(one.token_s),
            }
        )
    for step in watch.take():
        writer.step(f"load: {load.name}", step, start)


def main() -> int:
    """Serve the job that the command line names; returns the exit status."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--job", required=True, help="what to serve, JSON; `shotlab steps --job` writes it")
    parser.add_argument("--out", required=True, help="file of what was served, JSON Lines; emptied first")
    arguments = parser.parse_args()
    return status_of(partial(work_off, arguments), "the engine")


def work_off(arguments: Namespace) -> int:
    """Serve the job."""
    if arguments.job != "-":
        job = read_job(arguments.job)
        with open_answers(arguments.out) as file:
            return serve(job, Writer(file))
    with open_answers(arguments.out) as file:
        if not has_input():
            import_engine()
        job = read_job(arguments.job)
        watch_input()
        return serve(job, Writer(file))


if __name__ == "__main__":
    leave(main())
