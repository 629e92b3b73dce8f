"""Decoder layers of several kinds, on vLLM's CPU engine: attention is timed in each of them alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from direct_inputs_test import Silent
from engine.boot import boot_engine
from engine.engine import Engine
from engine.shots import Shot
from engine_test import COMMON, KINDS, RECURRENT, SLIDING, STATES
from models import boot
from protocol import parse_boot
from timing.jobs import job_of
from timing.passes import run_passes


@pytest.fixture(scope="module", params=[(SLIDING, KINDS), (RECURRENT, STATES)], ids=["windows", "states"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    config, architecture = request.param
    fields = {**boot("llama"), "config": {**COMMON, **config}, "architecture": architecture}
    booted = boot_engine(parse_boot(fields))
    yield booted
    booted.close()


def test_each_kind_is_run_up_to_its_mixer_and_nothing_behind_it(engine: Engine) -> None:
    paths = {id(module): path for path, module in engine.runner.get_model().named_modules()}
    ran: list[str] = []
    for category in engine.layers.keys() & {"attention", "linear_attention"}:
        job = job_of(engine, Shot(category, ((16, 8), (1, 40))))
        sites: list[Any] = [module for modules in job.sites.values() for module in modules]
        behind = [decoder.mlp for decoder in job.decoders]
        hooks = [
            module.register_forward_hook(lambda each, *_: ran.append(paths[id(each)]))
            for module in [*sites, *behind]
        ]
        ran.clear()
        run_passes(engine, job, 2, Silent(), layer_only=True)
        for hook in hooks:
            hook.remove()
        assert ran == [paths[id(site)] for site in sites for _ in range(3)]
