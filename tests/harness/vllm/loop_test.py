"""The loop of the protocol without vLLM: what is answered, and what is left after a fault."""

import json
from typing import Any

import loop
import pytest
from chunks_test import DEAD, LIMITS, OUT, Engine, Scripted, timed
from client import dense
from engine.caches import CacheGroup
from faults import Fault
from loop import Worker
from messages import Answer, Boot, HelloAnswer, State, SustainedTimes

HELLO = HelloAnswer(1, "shotlab-vllm", "1", "vllm", "0", "Abacus", "none", "wood", ["wall"], 1)
BOOT = {
    "type": "boot",
    "tp": 2,
    "config": {},
    "architecture": {
        "modelType": "toy",
        "sequence": {},
        "catalog": {"dense": {"norm": {"vllm": ["N"]}}, "per_sequence": {}, "attention": {}, "moe": {}},
        "sha256": "00",
    },
    "dtype": "auto",
    "kv_cache_dtype": "auto",
    "block_size": None,
    "max_num_batched_tokens": 64,
    "max_num_seqs": 8,
}
WALK = {"type": "walk", "batches": {"one": [[1, 0]]}}
SHUTDOWN = {"type": "shutdown"}


class Device:
    type = "cpu"


class Bootable(Engine):
    """An engine that notes its end."""

    def __init__(self) -> None:
        super().__init__()
        self.device = Device()
        self.arguments = {"seed": 1}
        self.conditions: dict[str, Any] | None = None
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class World:
    """What a worker meets: engines, a timer, a state of the device."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engines: list[Bootable] = []
        self.boot_error: Exception | None = None
        self.timer = Scripted(chunk=2, busy_us=None)
        self.made: list[str] = []
        self.checked: list[Any] = []
        self.read: Any = None
        monkeypatch.setattr(loop, "describe", lambda: HELLO)
        monkeypatch.setattr(loop, "boot_engine", self.boot)
        monkeypatch.setattr(loop, "make_timer", self.make_timer)
        monkeypatch.setattr(loop, "check", lambda engine, timer: self.checked.append((engine, timer)))
        monkeypatch.setattr(loop, "open_state", lambda _device: self.read)
        self.worker = Worker()

    def boot(self, request: Boot) -> Bootable:
        if self.boot_error is not None:
            raise self.boot_error
        assert request.tp == 2
        self.engines.append(Bootable())
        return self.engines[-1]

    def make_timer(self, _engine: Any, quantity: str) -> Scripted:
        self.made.append(quantity)
        return self.timer

    def serve(self, *requests: Any) -> tuple[int, list[Answer]]:
        """Return the exit status and the answers to requests, given as objects or as lines."""
        answers: list[Answer] = []
        lines = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in requests]
        return self.worker.serve(iter(lines), answers.append), answers


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def fire(*tokens: int, seq: int = 3, quantity: str = "wall") -> dict[str, Any]:
    shots = [dense(count) for count in tokens]
    return {"type": "fire", "seq": seq, "shots": shots, "iterations": 3, "quantity": quantity}


def kinds(answers: list[Answer]) -> list[str]:
    return [answer.type for answer in answers]


def test_it_says_who_it_is_and_refuses_other_versions(here: World) -> None:
    status, answers = here.serve({"type": "hello", "protocol": 1}, {"type": "hello", "protocol": 2})
    assert status == 0
    assert answers[0] == HELLO
    error: Any = answers[1]
    assert (error.kind, error.message) == ("bad_request", "this harness speaks protocol 1: found 2")


@pytest.mark.parametrize("request_type", ["fire", "sustain", "walk"])
def test_without_an_engine_nothing_is_fired(here: World, request_type: str) -> None:
    request = {
        "fire": fire(1),
        "walk": WALK,
        "sustain": {"type": "sustain", "seq": 3, "shots": [], "seconds": 1},
    }
    status, (error,) = here.serve(request[request_type])
    anything: Any = error
    assert (status, anything.kind) == (0, "bad_request")
    assert anything.message == f"no engine is booted: send boot before {request_type}"


def test_a_boot_tells_what_it_came_to(here: World) -> None:
    _, (booted,) = here.serve(BOOT)
    anything: Any = booted
    assert (anything.tp, anything.limits, anything.num_gpu_blocks) == (2, LIMITS, 256)
    assert anything.layers == {
        "norm": {"class": "object", "modules": 1},
        "attn": {"class": "object", "modules": 1},
    }
    assert (anything.engine_args, anything.conditions) == ({"seed": 1}, None)
    assert (anything.caches, anything.sustains) == (None, None)
    assert here.checked == [(here.engines[0], here.timer)]
    assert here.made == ["wall"]


def test_a_boot_tells_groups_that_forget_and_a_device_that_tells_its_state(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = CacheGroup("sliding", 16, 128)
    monkeypatch.setattr(loop, "keeps_all", lambda _groups: False)
    monkeypatch.setattr("chunks_test.Batches.groups", (group,))
    here.read = lambda seq, **_: State(seq, 1980, None, 38, 90.5, [])
    _, (booted,) = here.serve(BOOT)
    anything: Any = booted
    assert anything.caches == [{"kind": "sliding", "block_size": 16, "span": 128}]
    assert anything.sustains is True


def test_a_boot_frees_the_engine_before_and_its_timers(here: World) -> None:
    here.serve(BOOT, BOOT)
    assert [engine.closed for engine in here.engines] == [1, 0]
    assert here.made == ["wall", "wall"]


def test_after_a_boot_that_failed_no_engine_is_left(here: World) -> None:
    here.serve(BOOT)
    here.boot_error = Fault("out_of_memory", "out of beads", "12 asked")
    status, answers = here.serve(BOOT, fire(1))
    errors: list[Any] = answers
    assert status == 0
    assert [(error.kind, error.message, error.detail) for error in errors] == [
        ("out_of_memory", "cannot boot tp 2: out of beads", "12 asked"),
        ("bad_request", "no engine is booted: send boot before fire", None),
    ]
    assert here.engines[0].closed == 1


def test_a_boot_that_fails_its_check_is_freed(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise Fault("unsupported", "a clock stands still")

    monkeypatch.setattr(loop, "check", fail)
    _, (error, _) = here.serve(BOOT, fire(1))
    anything: Any = error
    assert anything.message == "cannot boot tp 2: a clock stands still"
    assert [engine.closed for engine in here.engines] == [1]
    assert here.worker.engine is None


def test_shots_are_fired_chunk_by_chunk_and_what_the_device_worked_adds_up(here: World) -> None:
    here.timer.outcomes = [timed(1), OUT, timed(3)]
    here.timer.busy_us = 1.23456
    _, (_, *answers) = here.serve(BOOT, fire(1, 2, 3))
    assert kinds(answers) == ["result", "failed", "result", "done"]
    indexed: list[Any] = answers[:3]
    assert [answer.index for answer in indexed] == [0, 1, 2]
    assert here.timer.asked == [(2, 3), (1, 3)]
    done: Any = answers[3]
    assert (done.seq, done.device_busy_us) == (3, 2.469)


def test_the_time_that_a_request_took_is_told_in_microseconds_of_three_decimals(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.timer.outcomes = [timed(1)]
    clock = iter([100.0, 100.25 + 1.23456e-7])
    monkeypatch.setattr(loop.time, "perf_counter", lambda: next(clock))
    _, (_, _, done) = here.serve(BOOT, fire(1))
    anything: Any = done
    assert anything.wall_us == 250000.123


def test_a_device_that_does_not_tell_how_long_it_worked_is_not_said_to_have_rested(here: World) -> None:
    here.timer.outcomes = [timed(1)]
    _, (_, _, done) = here.serve(BOOT, fire(1))
    anything: Any = done
    assert anything.device_busy_us is None


def test_the_state_of_the_device_is_told_before_and_after_the_shots(here: World) -> None:
    asked: list[Any] = []

    def read(seq: int, **what: bool) -> State:
        asked.append((seq, what))
        return State(seq, 1980, None, 38, 90.5, [])

    here.read = read
    here.timer.outcomes = [timed(1)]
    _, (_, *answers) = here.serve(BOOT, fire(1))
    assert kinds(answers) == ["state", "result", "state", "done"]
    # The meter of energy is slow to read, and nothing takes it from here.
    assert asked == [(3, {"energy": False})] * 2


def test_another_quantity_is_refused_and_a_timer_is_made_once(here: World) -> None:
    here.timer.outcomes = [timed(1), timed(2)]
    _, answers = here.serve(BOOT, fire(1, quantity="kernel"), fire(1), fire(2))
    assert kinds(answers) == ["booted", "error", "result", "done", "result", "done"]
    error: Any = answers[1]
    assert error.message == "quantity must be one of wall: found 'kernel'"
    assert here.made == ["wall"]


def test_an_engine_that_died_ends_the_worker_after_it_was_told(here: World) -> None:
    here.timer.outcomes = [timed(1), DEAD]
    status, answers = here.serve(BOOT, fire(1, 2, 3), fire(4))
    assert status == 1
    assert kinds(answers) == ["booted", "result", "failed"]


def test_an_engine_that_dies_at_its_boot_ends_the_worker(here: World) -> None:
    here.boot_error = Fault("engine_dead", "the frame broke")
    status, answers = here.serve(BOOT, fire(1))
    assert (status, kinds(answers)) == (1, ["error"])


def test_a_line_that_is_none_is_an_error_and_shutdown_ends_the_loop(here: World) -> None:
    status, answers = here.serve(b"beads", SHUTDOWN, fire(1))
    assert (status, kinds(answers)) == (0, ["error", "bye"])


SUSTAIN = {"type": "sustain", "seq": 4, "shots": [dense(1), dense(999), dense(2)], "seconds": 0.5}


def test_sustaining_answers_each_shot(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here.read = lambda seq, **_: State(seq, 1980, None, 38, 90.5, [])
    times = SustainedTimes(2.0, 300.0, None)
    monkeypatch.setattr(
        loop,
        "sustain",
        lambda _engine, _job, _read, seconds, rest_w: (
            {"norm": times} if (seconds, rest_w) == (0.5, 90.5) else {}
        ),
    )
    _, (_, *answers) = here.serve(BOOT, SUSTAIN)
    assert kinds(answers) == ["sustained", "failed", "sustained", "done"]
    told: list[Any] = answers
    assert [answer.index for answer in told[:3]] == [0, 1, 2]
    assert told[0].layers == {"norm": times}
    assert told[1].kind == "infeasible"
    assert told[1].message.startswith("shot 1 (dense): ")
    assert all(answer.seq == 4 for answer in told)


def test_sustaining_needs_a_device_that_tells_its_power(here: World) -> None:
    _, (_, error) = here.serve(BOOT, SUSTAIN)
    anything: Any = error
    assert (anything.kind, anything.message) == (
        "unsupported",
        "a device of type cpu tells neither power nor clock",
    )


def test_an_engine_that_dies_while_sustaining_ends_the_worker(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise DEAD

    here.read = lambda seq, **_: State(seq, 1980, None, 38, 90.5, [])
    monkeypatch.setattr(loop, "sustain", die)
    status, (_, *answers) = here.serve(BOOT, SUSTAIN)
    assert (status, kinds(answers)) == (1, ["failed"])


def test_a_walk_that_fails_is_an_error(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OUT

    monkeypatch.setattr(loop, "walk", fail)
    status, (_, error) = here.serve(BOOT, WALK)
    anything: Any = error
    assert (status, anything.kind, anything.message) == (0, "out_of_memory", "no room")


class Lock:
    """A lock of the clock that tells what becomes of it."""

    def __init__(self, uuid: str, mhz: int) -> None:
        self.mhz = mhz
        self.did = [uuid]
        LOCKS.append(self)

    def verify(self, read: Any, work: Any) -> None:
        work()
        clock = read(0).sm_clock_mhz
        if clock != self.mhz:
            self.give_back()
            raise Fault("unsupported", f"the device is at {clock} MHz")
        self.did.append("verified")

    def give_back(self) -> None:
        self.did.append("given back")


LOCKS: list[Lock] = []


@pytest.fixture
def lockable(here: World, monkeypatch: pytest.MonkeyPatch) -> World:
    LOCKS.clear()
    here.read = lambda seq, **_: State(seq, 1545, None, 38, 90.5, [])
    monkeypatch.setattr(loop, "LockedClock", Lock)
    monkeypatch.setattr(loop, "device_uuid", lambda _device: "GPU-1")
    boot = here.boot

    def with_conditions(request: Boot) -> Bootable:
        engine = boot(request)
        engine.conditions = {"values": "normal"}
        return engine

    monkeypatch.setattr(loop, "boot_engine", with_conditions)
    monkeypatch.setattr(Bootable, "evict", lambda _self: None, raising=False)
    monkeypatch.setattr(Bootable, "synchronize", lambda _self: None, raising=False)
    return here


def test_a_boot_locks_the_clock_once_for_all_engines_and_gives_it_back_at_the_end(lockable: World) -> None:
    asked = {**BOOT, "clock_mhz": 1545}
    _, answers = lockable.serve(asked, asked)
    booted: list[Any] = answers
    assert [each.conditions for each in booted] == [{"values": "normal", "clock_mhz": 1545}] * 2
    assert [lock.did for lock in LOCKS] == [["GPU-1", "verified", "verified", "given back"]]


def test_an_engine_of_the_device_s_own_clock_gives_a_locked_one_back(lockable: World) -> None:
    _, answers = lockable.serve({**BOOT, "clock_mhz": 1545}, BOOT)
    booted: list[Any] = answers
    assert booted[1].conditions == {"values": "normal"}
    assert [lock.did for lock in LOCKS] == [["GPU-1", "verified", "given back"]]


def test_an_engine_of_another_clock_gives_the_one_before_back(lockable: World) -> None:
    answers: list[Any] = []
    for clock in (1545, 1800):
        lockable.read = lambda seq, clock=clock: State(seq, clock, None, 38, 90.5, [])
        lockable.worker.serve_lines([json.dumps({**BOOT, "clock_mhz": clock}).encode()], answers.append)
    assert [answer.conditions["clock_mhz"] for answer in answers] == [1545, 1800]
    assert [lock.did for lock in LOCKS] == [["GPU-1", "verified", "given back"], ["GPU-1", "verified"]]


def test_without_a_clock_nothing_is_locked(lockable: World) -> None:
    lockable.serve(BOOT)
    assert LOCKS == []


def test_a_boot_whose_clock_is_refused_leaves_no_engine(lockable: World) -> None:
    _, answers = lockable.serve({**BOOT, "clock_mhz": 1800}, fire(1))
    errors: list[Any] = answers
    assert [error.message for error in errors] == [
        "cannot boot tp 2: the device is at 1545 MHz",
        "no engine is booted: send boot before fire",
    ]
    assert [lock.did for lock in LOCKS] == [["GPU-1", "given back"]]


def test_a_device_that_tells_no_clock_is_not_left_locked(lockable: World) -> None:
    lockable.read = None
    _, (error,) = lockable.serve({**BOOT, "clock_mhz": 1545})
    anything: Any = error
    assert anything.message.startswith(
        "cannot boot tp 2: cannot lock the clock at 1545 MHz: the device does not"
    )
    assert [lock.did for lock in LOCKS] == [["GPU-1", "given back"]]
