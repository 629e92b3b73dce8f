"""Families of models on a device: walks, rows of a few shots, and whole forwards against their rows.

    python tests/bench/families/families.py --cases tests/bench/families/cases.json --out FOLDER

Each case of `cases.json`, which `cases.ts` writes, is a model cut down to two layers of each kind, with the
names of the layers of each. One process a case, with a time limit; a case that fails leaves its reason. They
boot side by side and measure one at a time. `FOLDER/<name>.json` has the walk, the samples of every shot and
the forwards. Eight cases take about three minutes on an H200.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "harness/vllm"))

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
    parser.add_argument("--only", default="", help="names of cases, with commas between them")
    parser.add_argument("--case", help="run this one here")
    parser.add_argument("--boot-s", type=int, default=150, help="longest wait for all to boot, in seconds")
    parser.add_argument("--measure-s", type=int, default=45, help="longest time of a case after it, seconds")
    arguments = parser.parse_args()
    cases = json.loads(arguments.cases.read_text(encoding="utf-8"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.case:
        return run_case(cases[arguments.case], arguments.out / f"{arguments.case}.json")
    names = [name for name in arguments.only.split(",") if name] or list(cases)
    began = time.time()
    processes = {name: start(name, cases[name], arguments) for name in names}
    while time.time() - began < arguments.boot_s and any(
        process.poll() is None and not marker(arguments.out, name, "booted").exists()
        for name, process in processes.items()
    ):
        time.sleep(0.2)
    failed = 0
    for name, process in processes.items():
        marker(arguments.out, name, "go").touch()
        waited = time.time()
        try:
            status = process.wait(arguments.measure_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = -1
        failed += status != 0
        words = "ok" if status == 0 else f"failed ({status})"
        print(f"{name}: {words}, {time.time() - waited:.0f} s, {time.time() - began:.0f} in all", flush=True)
    for left in arguments.out.glob("*.mark"):
        left.unlink()
    return int(failed > 0)


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
    """Say that the case has booted, and wait until nobody else measures."""
    marker(path.parent, path.stem, "booted").touch()
    while not marker(path.parent, path.stem, "go").exists():
        time.sleep(0.05)


def run_case(case: Mapping[str, Any], path: Path) -> int:
    """Measure one case; whatever happens, what is known by then is written."""
    found: dict[str, Any] = {"config": case["config"], "kinds": case["kinds"], "began_s": time.time()}
    try:
        measure(case, found, path)
    except BaseException as error:
        found["error"] = f"{type(error).__name__}: {error}"[:2000]
        found["trace"] = traceback.format_exc()[-3000:]
    found["seconds"] = round(time.time() - found["began_s"], 1)
    path.write_text(json.dumps(found), encoding="utf-8")
    return int("error" in found)


def measure(case: Mapping[str, Any], found: dict[str, Any], path: Path) -> None:
    """Boot, walk, and fire what the forwards consist of."""
    import engine.boot as booting
    import loop
    from engine.layers import find_layers, inner_modules
    from messages import Walk
    from protocol import fields_of, parse, parse_architecture

    arguments_of, check = booting.engine_arguments, loop.check

    def with_extras(boot: Any, on_cpu: bool) -> dict[str, Any]:
        beside_others = (
            {} if on_cpu else {"gpu_memory_utilization": 0.05, "kv_cache_memory_bytes": POOL_BYTES}
        )
        return {**arguments_of(boot, on_cpu), **beside_others, **case.get("arguments", {})}

    def noted(engine: Any, timer: Any) -> None:
        wait_for_turn(path)
        found["turn_s"] = round(time.time() - found["began_s"], 1)
        try:
            check(engine, timer)
        except Exception as error:
            found["check"] = f"{type(error).__name__}: {error}"

    booting.engine_arguments = with_extras
    loop.check = noted
    worker = loop.Worker()
    architecture = case["architecture"]
    limits = case.get("limits", {"max_num_batched_tokens": 2048, "max_num_seqs": 128})
    boot = {
        "type": "boot",
        "tp": case["tp"],
        "config": case["config"],
        "architecture": architecture,
        "dtype": "auto",
        "kv_cache_dtype": "auto",
        "block_size": None,
        **limits,
    }
    found["device"] = fields_of(worker.hello(parse('{"type":"hello","protocol":1}')))  # type: ignore[arg-type]
    found["booted"] = fields_of(worker.boot(parse(json.dumps(boot))))  # type: ignore[arg-type]
    found["boot_s"] = round(time.time() - found["began_s"], 1)
    engine = worker.engine
    assert engine is not None
    scale = case.get("scale", 1)
    walks = {
        name: tuple((max(1, new // scale), history // scale) for new, history in batch)
        for name, batch in WALKS.items()
    }
    found["walk"] = fields_of(worker.walk(Walk(walks)))
    architecture = with_glue(architecture, found["walk"])
    found["architecture"] = architecture
    known = parse_architecture(architecture)
    tree = [
        *engine.runner.get_model().named_modules(),
        *engine.runner.sampler.named_modules(prefix="sampler"),
    ]
    engine.layers = find_layers(tree, known)
    engine.inner = inner_modules(tree, engine.layers)
    engine.occurrences = known.occurrences
    forwards: dict[str, Any] = {}
    found["forwards"] = forwards
    for name, batch in FORWARDS.items():
        requests = [(max(1, new // scale), history // scale) for new, history in batch]
        forwards[name] = {"requests": requests, **fire(worker, engine, requests)}
    found["covered"] = fields_of(worker.walk(Walk(walks)))


def fire(worker: Any, engine: Any, requests: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return the rows of a batch by layer, and the kernels of the whole forward by layer."""
    from engine.routing import forced
    from faults import Fault
    from messages import Walk
    from protocol import fields_of
    from timing.walk import PASSES, WARM_UP

    tokens, sequences = sum(new for new, _ in requests), len(requests)
    limits = engine.limits
    activated = None
    if limits.num_experts and limits.top_k:
        share = 1 - (1 - limits.top_k / limits.num_experts) ** tokens
        activated = min(max(round(limits.num_experts * share), limits.top_k), tokens * limits.top_k)
    rows = rows_of(worker, engine, requests, tokens, sequences, activated)
    routing = (
        nullcontext()
        if activated is None
        else forced(engine.routers, tokens, activated, WARM_UP + PASSES, engine.device, engine.experts)
    )
    walked: dict[str, Any] = {}
    fault = None
    try:
        with routing:
            walked = fields_of(worker.walk(Walk({"forward": tuple(requests)})))
    except Fault as error:
        fault = error.message
    nodes = walked["batches"]["forward"]["nodes"] if walked else []
    return {"activated_experts": activated, "rows": rows, "forward": nodes, "fault": fault}


def rows_of(
    worker: Any,
    engine: Any,
    requests: Sequence[tuple[int, int]],
    tokens: int,
    sequences: int,
    activated: int | None,
) -> dict[str, Any]:
    """Return the samples of every layer, from shots that each fire one category as a sweep does."""
    from engine.device import QUANTITIES
    from engine.shots import Shot
    from faults import Fault
    from timing.jobs import job_of

    shots = {
        "dense": Shot("dense", ((tokens, 0),)),
        "per_sequence": Shot("per_sequence", ((1, 0),) * sequences),
        "attention": Shot("attention", tuple(requests)),
        "linear_attention": Shot("linear_attention", tuple(requests)),
        "moe": Shot("moe", ((tokens, 0),), activated),
    }
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
    status = main()
    sys.stdout.flush()
    os._exit(status)
