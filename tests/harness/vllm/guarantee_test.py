"""Runs alone on devices whose speed follows random schedules, killed at random: what stands has one speed."""

import bisect
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client import Message, attention, dense
from json_lines import read
from offline import firing as firing_module
from offline import run as run_module
from offline.journal import Journal, id_of, shot_hash, shot_id
from offline.plan import Plan
from offline.resume import read_state
from offline.run import OfflineRun
from runs_alone import HEADER, FakeWorker, Killed

SEEDS = 60
SHARE = 0.03
CHUNK = 3
STEADY = 2 * CHUNK + 8
"""Shots for which a device keeps a speed at least: more than lie between two sentinels."""

SENTINEL = attention(16, 0, 2, 128)
SHOTS = [
    *(dense(tokens) for tokens in range(1, 19)),
    *(attention(0, 0, n, 16) for n in range(1, 13)),
    SENTINEL,
]
USUAL_US = {id_of(shot): 10.0 + place for place, shot in enumerate(SHOTS)}


class Device:
    """A device whose speed goes with the shots that it has fired."""

    def __init__(self, rng: random.Random) -> None:
        self.fired = 0
        self.begins, self.factors = [0], [1.0]
        ends = rng.randrange(250)
        while self.begins[-1] < ends:
            kind = rng.random()
            slow, fast = 1.05 + 0.5 * rng.random(), 0.7 + 0.25 * rng.random()
            factor = 1 + 0.02 * (rng.random() - 0.5) if kind < 0.6 else slow if kind < 0.9 else fast
            self.factors[-1] = factor
            self.begins.append(self.begins[-1] + STEADY + rng.randrange(150 if kind < 0.6 else 50))
            self.factors.append(1.0)

    def time_us(self, shot: Message) -> float:
        factor = self.factors[bisect.bisect_right(self.begins, self.fired) - 1]
        return USUAL_US[id_of(shot)] * factor


class Worker(FakeWorker):
    """Counts what its device fires, and is killed now and then."""

    def __init__(self, device: Device, rng: random.Random, deadly: float) -> None:
        super().__init__(device.time_us)
        self.device, self.rng, self.probability = device, rng, deadly

    def fire(self, request: Any) -> Iterator[Any]:
        for answer in super().fire(request):
            self.device.fired += answer.type == "result"
            if self.rng.random() < self.probability:
                raise Killed
            yield answer


def run_to_end(path: Path, seed: int) -> Device:
    """Run a plan until a run ends clean, or there were enough of them."""
    rng = random.Random(seed)
    device = Device(rng)
    names = {id_of(shot): shot_hash(shot) for shot in SHOTS}
    for round in range(8):
        journal = Journal(path)
        state = read_state(path, names)
        worker = Worker(device, rng, 0.03 if round < 4 else 0.0)
        accept = rng.random() < 0.1
        try:
            if OfflineRun(Plan(HEADER, list(SHOTS)), journal, state, worker).run(None, SHARE, accept) == 0:
                return device
        except Killed:
            pass
        finally:
            journal.close()
    return device


def test_what_stands_is_of_one_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "SENTINEL_S", 0.0)
    monkeypatch.setitem(run_module.CHUNKS, "kernel", CHUNK)
    clean = moved = stood = doubted = 0
    for seed in range(SEEDS):
        path = tmp_path / str(seed)
        clock = Device(random.Random(0))

        def time_of_device(clock: Device = clock) -> float:
            clock.fired += 1
            return 1e9 + clock.fired

        monkeypatch.setattr(firing_module.time, "time", time_of_device)
        device = run_to_end(path, seed)
        judge = read_state(path, {}).judge
        last = {shot_id(line): line["samples"]["layer"][0] for line in read(path) if line["type"] == "shot"}
        factors = [us / USUAL_US[shot] for shot, us in last.items() if not judge.in_doubt(shot)]
        assert not factors or max(factors) / min(factors) <= (1 + SHARE) / (1 - SHARE), seed
        stood += len(factors)
        doubted += len(last) - len(factors)
        clean += len(factors) == len(SHOTS)
        moved += any(abs(factor - 1) > 2 * SHARE for factor in device.factors)
    assert moved > SEEDS / 3
    assert clean > SEEDS / 2
    assert stood > 10 * doubted
