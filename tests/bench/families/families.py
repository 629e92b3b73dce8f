"""Families of models on a device: walks, rows of a few shots, and whole forwards against their rows.

    python tests/bench/families/families.py --cases tests/bench/families/cases.json --out FOLDER

Each case of `cases.json`, which `cases.ts` writes, is a model cut down to two layers of each kind, with the
names of the layers of each. One process a case; a case that fails or runs out of time leaves its reason and
what it had by then. They boot and warm up side by side and measure one at a time; while one records, the
others are stopped, as kernels of two processes share the device by turns. `FOLDER/<name>.json` has the walk,
the samples of every shot and the forwards. Ten cases take about four minutes on an H200.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from faults import Fault
from script import read_json, run_script

WALKS = {
    "prefill": [[384, 0], [640, 0]],
    "decode": [[1, 1023], [1, 511], [1, 2047], [1, 300]],
    "mixed": [[512, 512], [1, 1023], [1, 511], [1, 700]],
}
FORWARDS: dict[str, list[list[int]]] = {
    "prefill 512": [[512, 0]],
    "prefill 2048": [[2048, 0]],
    "prefill 1024 at 4096": [[1024, 4096]],
    "8 decodes at 4096": [[1, 4096]] * 8,
    "64 decodes at 1024": [[1, 1024]] * 64,
    "prefill 512 beside 32 decodes at 2048": [[512, 0]] + [[1, 2048]] * 32,
}
POOL_BYTES = 3 << 30
"""Of the KV cache: several engines stand on one device."""
LEAST_GLUE = 0.0005
"""Share of a forward from which what a block launches itself is a layer of its own."""


def main() -> int:
    """Boot the cases side by side, then measure one at a time; returns 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="names of cases, what matters most first")
    parser.add_argument("--case", help="run this one here")
    parser.add_argument("--boot-s", type=float, default=150, help="longest wait for all to boot, in seconds")
    parser.add_argument("--measure-s", type=float, default=45, help="longest time of a case after it")
    parser.add_argument("--total-s", type=float, default=400, help="longest time of all together, in seconds")
    arguments = parser.parse_args()
    cases = read_json(arguments.cases, dict, "an object of cases")
    names = [name for name in arguments.only.split(",") if name] or list(cases)
    unknown = {*names, *([arguments.case] if arguments.case else [])} - set(cases)
    if unknown:
        raise Fault("bad_request", f"{arguments.cases} has no case {', '.join(sorted(unknown))}")
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Fault("bad_request", f"cannot write {arguments.out}: {error.strerror}") from error
    if arguments.case:
        return run_case(cases[arguments.case], arguments.out / f"{arguments.case}.json")
    end = time.monotonic() + arguments.total_s
    boots_end = time.monotonic() + arguments.boot_s
    left = {name: start(name, cases[name], arguments) for name in names}

    def ready(name: str) -> bool:
        return marker(arguments.out, name, "booted").exists() or left[name].poll() is not None

    while time.monotonic() < boots_end and not all(map(ready, left)):
        time.sleep(0.2)
    failed = 0
    while left and time.monotonic() < end:
        name = next(filter(ready, left), None)
        if name is None:
            time.sleep(0.2)
            continue
        process = left.pop(name)
        failed += measured(name, process, list(left.values()), arguments, end) != 0
    for name, process in left.items():
        print(f"{name}: not booted in time", flush=True)
        end_process(process)
    for mark in arguments.out.glob("*.mark"):
        mark.unlink()
    return int(failed + len(left) > 0)


def measured(
    name: str,
    process: "subprocess.Popen[bytes]",
    others: Sequence["subprocess.Popen[bytes]"],
    arguments: argparse.Namespace,
    end: float,
) -> int:
    """Let a case measure; returns its status, -1 when it ran out of time."""
    began = time.monotonic()
    pids = arguments.out / "others.pids"
    pids.write_text(json.dumps([other.pid for other in others]), encoding="utf-8")
    marker(arguments.out, name, "go").touch()
    try:
        status = process.wait(max(1.0, min(arguments.measure_s, end - began)))
    except subprocess.TimeoutExpired:
        end_process(process)
        status = -1
    signal_all([other.pid for other in others], signal.SIGCONT)
    pids.unlink()
    words = "ok" if status == 0 else f"failed ({status})"
    print(f"{name}: {words}, {time.monotonic() - began:.0f} s", flush=True)
    return status


def signal_all(pids: Sequence[int], what: signal.Signals) -> None:
    """Send a signal to those of some processes that still run."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def record_alone(pids: Sequence[int]) -> None:
    """Stop processes from here on whenever this one records."""
    from timing.profiler import Session

    start_recording, stop_recording = Session.start, Session.stop

    def begin(session: Session) -> None:
        signal_all(pids, signal.SIGSTOP)
        time.sleep(0.02)  # What they have launched runs to its end.
        start_recording(session)

    def end(session: Session) -> Any:
        signal_all(pids, signal.SIGCONT)
        return stop_recording(session)

    Session.start, Session.stop = begin, end  # type: ignore[method-assign]


def end_process(process: "subprocess.Popen[bytes]") -> None:
    """End a process at once."""
    process.kill()
    process.wait()


def start(name: str, case: Mapping[str, Any], arguments: argparse.Namespace) -> "subprocess.Popen[bytes]":
    """Start the process of a case."""
    command = [sys.executable, __file__, "--cases", str(arguments.cases), "--out", str(arguments.out)]
    environment = {**os.environ, **case.get("environment", {})}
    with (arguments.out / f"{name}.log").open("wb") as log:
        return subprocess.Popen([*command, "--case", name], stdout=log, stderr=log, env=environment)


def marker(folder: Path, name: str, what: str) -> Path:
    """Return the file by which a case says that it has booted, or is told to go on."""
    return folder / f"{name}.{what}.mark"


def wait_for_turn(path: Path) -> None:
    """Say that the case has booted, and wait until nobody else measures; from then on it records alone."""
    marker(path.parent, path.stem, "booted").touch()
    while not marker(path.parent, path.stem, "go").exists():
        time.sleep(0.05)
    record_alone(json.loads((path.parent / "others.pids").read_text(encoding="utf-8")))


def run_case(case: Mapping[str, Any], path: Path) -> int:
    """Measure one case; whatever happens, what is known by then is written."""
    found: dict[str, Any] = {"config": case["config"], "kinds": case["kinds"], "began_s": time.time()}
    found["error"] = "ran out of time"
    try:
        measure(case, found, path)
        del found["error"]
    except BaseException as error:
        found["error"] = f"{type(error).__name__}: {error}"[:2000]
        found["trace"] = traceback.format_exc()[-3000:]
    keep(found, path)
    return int("error" in found)


def keep(found: dict[str, Any], path: Path) -> None:
    """Write what is known."""
    found["seconds"] = round(time.time() - found["began_s"], 1)
    path.write_text(json.dumps(found), encoding="utf-8")


def measure(case: Mapping[str, Any], found: dict[str, Any], path: Path) -> None:
    """Boot, walk, and fire what the forwards consist of."""
    import engine.boot as booting
    import loop
    from engine.layers import find_layers, find_parts, inner_modules
    from messages import Walk
    from protocol import fields_of, parse, parse_architecture

    arguments_of, check = booting.engine_arguments, loop.check
    scale = case.get("scale", 1)

    def with_extras(boot: Any, on_cpu: bool) -> dict[str, Any]:
        pool = case.get("pool_bytes", POOL_BYTES)
        beside_others = {} if on_cpu else {"gpu_memory_utilization": 0.02, "kv_cache_memory_bytes": pool}
        return {**arguments_of(boot, on_cpu), **beside_others, **case.get("arguments", {})}

    def in_turn(engine: Any, timer: Any) -> None:
        found["engine_s"] = round(time.time() - found["began_s"], 1)
        keep(found, path)
        warm_up(engine, {**scaled(FORWARDS, scale), **scaled(WALKS, scale)}, found)
        wait_for_turn(path)
        found["turn_s"] = round(time.time() - found["began_s"], 1)
        try:
            check(engine, timer)
        except Exception as error:
            found["check"] = f"{type(error).__name__}: {error}"

    booting.engine_arguments = with_extras
    booting.steady_memory = at_once
    loop.check = in_turn
    worker = loop.Worker()
    architecture = case["architecture"]
    limits = case.get("limits", {"max_num_batched_tokens": 2048, "max_num_seqs": 128})
    boot = {
        "type": "boot",
        "tp": case["tp"],
        "config": case["config"],
        "architecture": architecture,
        "dtype": "auto",
        "kv_cache_dtype": case.get("kv_cache_dtype", "auto"),
        "block_size": None,
        **limits,
    }
    found["device"] = fields_of(worker.hello(parse('{"type":"hello","protocol":1}')))  # type: ignore[arg-type]
    found["booted"] = fields_of(worker.boot(parse(json.dumps(boot))))  # type: ignore[arg-type]
    found["boot_s"] = round(time.time() - found["began_s"], 1)
    engine = worker.engine
    assert engine is not None
    keep(found, path)
    walks = {name: tuple(batch) for name, batch in scaled(WALKS, scale).items()}
    found["walk"] = fields_of(worker.walk(Walk(walks)))
    architecture = with_glue(architecture, found["walk"])
    found["architecture"] = architecture
    known = parse_architecture(architecture)
    tree = [
        *engine.runner.get_model().named_modules(),
        *engine.runner.sampler.named_modules(prefix="sampler"),
    ]
    engine.layers = find_layers(tree, known)
    engine.parts = find_parts(tree, known)
    engine.inner = inner_modules(tree, engine.layers, engine.parts)
    engine.occurrences = known.occurrences
    forwards: dict[str, Any] = {}
    found["forwards"] = forwards
    for name, requests in scaled(FORWARDS, scale).items():
        forwards[name] = {"requests": requests, **fire(worker, engine, requests)}
        keep(found, path)
    found["covered"] = fields_of(worker.walk(Walk(walks)))


def at_once(read: Callable[[], tuple[int, int]], _: Any = None) -> tuple[int, int]:
    """Return free and total bytes as they are: other cases take memory all the time."""
    return read()


def scaled(batches: Mapping[str, list[list[int]]], scale: int) -> dict[str, list[tuple[int, int]]]:
    """Return batches with their tokens divided by `scale`."""
    return {
        name: [(max(1, new // scale), history // scale) for new, history in batch]
        for name, batch in batches.items()
    }


def warm_up(engine: Any, batches: Mapping[str, list[tuple[int, int]]], found: dict[str, Any]) -> None:
    """Run every batch and shot once, so that nothing is compiled while they are measured."""
    from engine.routing import forced

    for name, requests in batches.items():
        activated = experts_of(engine, sum(new for new, _ in requests))
        try:
            with route_of(forced, engine, requests, activated, 1):
                engine.forward(requests)
            for shot in shots_of(requests, activated).values():
                engine.forward(shot.requests)
            engine.synchronize()
        except Exception as error:
            found.setdefault("warm_up", {})[name] = f"{type(error).__name__}: {error}"
    found["warm_s"] = round(time.time() - found["began_s"], 1)


def experts_of(engine: Any, tokens: int) -> int | None:
    """Return how many experts so many tokens activate when each chooses by chance; None without experts."""
    limits = engine.limits
    if not limits.num_experts or not limits.top_k:
        return None
    share = 1 - (1 - limits.top_k / limits.num_experts) ** tokens
    return min(max(round(limits.num_experts * share), limits.top_k), tokens * limits.top_k)


def route_of(
    forced: Any, engine: Any, requests: Sequence[tuple[int, int]], activated: int | None, forwards: int
) -> Any:
    """Return a context in which a batch's tokens go to so many experts."""
    if activated is None:
        return nullcontext()
    tokens = sum(new for new, _ in requests)
    return forced(engine.routers, tokens, activated, forwards, engine.device, engine.experts)


def fire(worker: Any, engine: Any, requests: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return the rows of a batch by layer, and the kernels of the whole forward by layer."""
    from engine.routing import forced
    from messages import Walk
    from protocol import fields_of
    from timing.walk import PASSES, WARM_UP

    activated = experts_of(engine, sum(new for new, _ in requests))
    rows = rows_of(worker, engine, shots_of(requests, activated))
    routing = route_of(forced, engine, requests, activated, WARM_UP + PASSES)
    walked: dict[str, Any] = {}
    fault = None
    try:
        with routing:
            walked = fields_of(worker.walk(Walk({"forward": tuple(requests)})))
    except Fault as error:
        fault = error.message
    nodes = walked["batches"]["forward"]["nodes"] if walked else []
    return {"activated_experts": activated, "rows": rows, "forward": nodes, "fault": fault}


def shots_of(requests: Sequence[tuple[int, int]], activated: int | None) -> dict[str, Any]:
    """Return the shots that a batch's rows come from, each of one category as a sweep fires it."""
    from engine.shots import Shot

    tokens = sum(new for new, _ in requests)
    return {
        "dense": Shot("dense", ((tokens, 0),)),
        "per_sequence": Shot("per_sequence", ((1, 0),) * len(requests)),
        "attention": Shot("attention", tuple(requests)),
        "linear_attention": Shot("linear_attention", tuple(requests)),
        "moe": Shot("moe", ((tokens, 0),), activated),
    }


def rows_of(worker: Any, engine: Any, shots: Mapping[str, Any]) -> dict[str, Any]:
    """Return the samples of every layer."""
    from engine.device import QUANTITIES
    from timing.jobs import job_of

    timer = worker.timer(engine, QUANTITIES[engine.device.type][0])
    rows: dict[str, Any] = {}
    for category, shot in shots.items():
        if not engine.layers.get(category):
            continue
        try:
            (outcome,) = timer.measure(engine, [job_of(engine, shot)], 5).outcomes
        except Fault as fault:
            outcome = fault
        if isinstance(outcome, Fault):
            rows[category] = {"fault": f"{outcome.kind}: {outcome.message}"}
        else:
            rows[category] = {"samples": outcome.samples, "kernels": outcome.kernels}
    return rows


def with_glue(architecture: Mapping[str, Any], walk: Mapping[str, Any]) -> dict[str, Any]:
    """Return an architecture with a layer for what blocks launch beside the modules that it names."""
    layers = [list(names) for names in architecture["layers"]]
    dense = dict(architecture["catalog"]["dense"])
    sequence = dict(architecture["sequence"])
    for batch in walk["batches"].values():
        nodes = batch["nodes"]
        total = sum(us for node in nodes[1:] for _, us in node["kernels"]) or 1.0
        covered: list[bool] = []
        decoders: list[int | None] = []
        for node in nodes:
            parent = node["parent"]
            covered.append(node["layer"] is not None or (parent is not None and covered[parent]))
            own = walk["decoders"].index(node["path"]) if node["path"] in walk["decoders"] else None
            decoders.append(own if own is not None or parent is None else decoders[parent])
            share = sum(us for _, us in node["kernels"]) / total
            if covered[-1] or parent is None or share < LEAST_GLUE:
                continue
            at = decoders[-1]
            name = glue_name(node, at is not None, node["path"] in walk["decoders"])
            entry = dense.setdefault(name, {"vllm": []})
            if node["class"] not in entry["vllm"]:
                entry["vllm"] = [*entry["vllm"], node["class"]]
            if at is None:
                sequence["head"] = [*sequence["head"], *([] if name in sequence["head"] else [name])]
            elif name not in layers[at]:
                layers[at].append(name)
    catalog = {**architecture["catalog"], "dense": dense}
    return {**architecture, "catalog": catalog, "sequence": sequence, "layers": layers}


def glue_name(node: Mapping[str, Any], in_decoder: bool, is_decoder: bool) -> str:
    """Return what a block's own kernels are called."""
    if is_decoder:
        return "layer_glue"
    words = f"{node['class']} {node['path'].rsplit('.', 1)[-1]}".lower()
    kind = "model" if not in_decoder else "attn" if "att" in words else "mlp"
    return f"{kind}_glue_{node['class']}".lower()


if __name__ == "__main__":
    run_script(main)
