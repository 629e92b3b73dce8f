"""Designed batches: made by adding requests of the right sizes to an engine that runs."""

import time
from collections.abc import Callable
from functools import partial

from faults import Fault
from serving.job import Scene
from serving.loads import prompt
from serving.server import Server
from serving.steps import Step, Watch
from timing.kernel_sums import sum_kernels
from timing.profiler import PREFIX, Session

PAUSE_S = 0.2
"""Rest before what is timed, for the device's clock to recover from the prompts before."""

AFTER = 6
"""Steps after a prompt was added: it is scheduled one step later, and its effect on the host passes."""

PROFILED = 4
"""Steps of decodes within one recording."""


class Stage:
    """An engine on which scenes are played."""

    def __init__(self, server: Server, watch: Watch) -> None:
        self.server = server
        self.watch = watch
        self.number = 0
        self.finished: set[str] = set()
        self.session = Session("CUDA") if server.on_device and server.worker is not None else None

    def add(self, tokens: int, output_tokens: int) -> str:
        """Add a request with a prompt of its own; returns its name."""
        self.number += 1
        return self.server.add(prompt(self.server, self.number, tokens), output_tokens)

    def step(self) -> None:
        """Run the engine on by one step."""
        self.finished.update(one.request_id for one in self.server.engine.step() if one.finished)

    def fits(self, scene: Scene) -> bool:
        """Return whether the engine can hold a scene's requests all at once."""
        config = self.server.engine.vllm_config
        size, longest = config.cache_config.block_size, config.model_config.max_model_len
        blocks = self.server.scheduler.kv_cache_manager.block_pool.num_gpu_blocks - 1
        requests = [*scene.decodes, *((1, tokens) for tokens in (*scene.beside, *scene.queue))]
        needed = sum(count * -(-(tokens + self.room(scene)) // size) for count, tokens in requests)
        return (
            needed <= blocks
            and sum(count for count, _ in scene.decodes) < config.scheduler_config.max_num_seqs
            and all(tokens + self.room(scene) <= longest for _, tokens in requests)
        )

    def room(self, scene: Scene) -> int:
        """Return the tokens that the decodes of a scene make at most, its recordings included."""
        waves = 8 * len(scene.decodes) + 8
        return scene.steps + PROFILED + (AFTER + 4) * (len(scene.beside) + 1) + len(scene.queue) + waves

    def play(self, scene: Scene) -> tuple[list[Step], list[tuple[Step, float]]]:
        """Play a scene; returns its steps, and steps with the sum of their kernels in microseconds.

        Raises Fault when the engine cannot hold it.
        """
        if not self.fits(scene):
            raise Fault("infeasible", f"{scene.name} does not fit the engine")
        names = [self.add(tokens, self.room(scene)) for count, tokens in scene.decodes for _ in range(count)]
        self.run_until(self.decoding)
        time.sleep(PAUSE_S)
        self.watch.take()
        self.watch.rest()
        for _ in range(scene.steps):
            self.step()
        for tokens in scene.beside:
            self.prefill(tokens, alone=not names)
        if scene.queue:
            time.sleep(PAUSE_S)
            self.watch.rest()
            queued = [self.add(tokens, 1) for tokens in scene.queue]
            self.run_until(lambda: self.done(queued))
        self.server.synchronize()
        steps = self.watch.take()
        summed = self.profile(scene, names)
        if names:
            self.server.engine.abort_request(names)
        self.run_until(lambda: not self.server.busy())
        self.watch.take()
        return steps, summed

    def prefill(self, tokens: int, alone: bool) -> None:
        """Add one prompt and run on until its effect has passed."""
        if alone:
            time.sleep(PAUSE_S / 4)
            self.watch.rest()
        name = self.add(tokens, 1 if not alone else 2)
        self.run_until(lambda: self.done([name]))
        for _ in range(0 if alone else AFTER):
            self.step()

    def profile(self, scene: Scene, names: list[str]) -> list[tuple[Step, float]]:
        """Return the scene's decodes, or its prompts alone, with the sum of their kernels."""
        if self.session is None:
            return []
        if names:
            return self.recorded(self.run_on)
        found: list[tuple[Step, float]] = []
        for tokens in scene.beside:
            found += self.recorded(partial(self.prefill_once, tokens))
        return found

    def recorded(self, run: Callable[[], object]) -> list[tuple[Step, float]]:
        """Run steps of one kind in a recording; returns one of them with the mean sum of kernels."""
        assert self.session is not None
        self.server.synchronize()
        self.watch.take()
        self.session.start()
        try:
            run()
            self.server.synchronize()
        finally:
            _, busy_ns = sum_kernels(self.session.stop(), PREFIX)
        steps = self.watch.take()
        return [(steps[len(steps) // 2], busy_ns / 1e3 / len(steps))] if steps and busy_ns else []

    def run_on(self) -> None:
        """Run the steps of one recording."""
        for _ in range(PROFILED):
            self.step()

    def prefill_once(self, tokens: int) -> None:
        """Prefill one prompt and make one token of it."""
        name = self.add(tokens, 1)
        self.run_until(lambda: self.done([name]))

    def run_until(self, condition: Callable[[], bool]) -> None:
        """Run steps until a condition holds."""
        while not condition():
            self.step()

    def decoding(self) -> bool:
        """Return whether all requests are past their prompts."""
        scheduler = self.server.scheduler
        return not scheduler.waiting and all(
            one.num_computed_tokens >= one.num_prompt_tokens for one in scheduler.running
        )

    def done(self, names: list[str]) -> bool:
        """Return whether requests are finished."""
        return self.finished.issuperset(names)
