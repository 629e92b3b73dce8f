"""A harness for another engine: put yours in place of boot and forward (docs/harnesses.md)."""

import json
import signal
import sys
from itertools import pairwise
from time import perf_counter

INFO = {"harness": "example", "harness_version": "1", "engine": "toy", "engine_version": "1", "lanes": 1}
INFO |= {"device": "a Python loop", "driver": "none", "runtime": "Python", "quantities": ["wall"]}
LIMITS = {"num_cache_tokens": 2**20, "max_model_len": 4096, "num_experts": 16, "top_k": 2, "block_size": 16}
LAYERS = "embedding layernorm qkv_proj qk_norm rotary_emb attention o_proj gate_up_proj act_fn down_proj moe"
LAYERS += " final_layernorm lm_head sampler"
engine = None


def boot(request):
    catalog = request["architecture"]["catalog"]
    layers = {name: {"class": "Loop", "modules": 1} for group in catalog.values() for name in group}
    if unknown := layers.keys() - set(LAYERS.split()):
        raise ValueError("unsupported", f"the engine has no layer {', '.join(unknown)}")
    asked = {name: request[name] for name in ("max_num_batched_tokens", "max_num_seqs")}
    booted = {"limits": LIMITS | asked, "layers": layers, "num_gpu_blocks": 2**16, "engine_args": {}}
    return booted | {"catalog": catalog, "room": sum(asked.values())}  # unknown fields are ignored


def forward(layer, batch):  # does the work of a layer and says when it was done
    for _ in range(sum(new + history for new, history in batch)):
        pass
    return perf_counter()


def batch_of(shot, part):  # (new tokens, history) of each request; part: which batch of a skew case
    if "tokens" in shot or "sequences" in shot:  # dense, moe or per_sequence
        return [(shot["tokens"], 0)] if "tokens" in shot else [(1, 0)] * shot["sequences"]
    names = ["prefill_chunk", "kv_prefill", "n_decode", "kv_decode"]
    if shot["category"] == "skew":
        names = ["pc", "kp", "n", "kv_mean" if part == "t_mean" else "kvs"]
    chunk, history, n, kv = (shot[name] for name in names)
    long = {"t_max": n, "t_skew": shot.get("nb")}.get(part, 0)  # how many have the long history
    return [(chunk, history)] * (chunk > 0) + [(1, shot.get("kv_big"))] * long + [(1, kv)] * (n - long)


def samples(shot, iterations):
    times = {}
    for name in shot["parts"] if shot["category"] == "skew" else engine["catalog"][shot["category"]]:
        batch = batch_of(shot, name)
        if sum(new for new, _ in batch) > engine["room"]:
            raise ValueError("infeasible", "the batch has more new tokens than the engine has room for")
        marks = [forward(name, batch) for _ in range(1 + iterations)]  # the first forward warms up
        times[name] = [1e6 * (end - begin) for begin, end in pairwise(marks)]
    return times


def say(**answer):
    print(json.dumps(answer), flush=True)


def refuse(answer, error, **where):  # our errors have a kind and a message, others a message alone
    kind, message = ("bad_request", *map(str, error.args))[-2:]
    say(type=answer, kind=kind, message=message, **where)


signal.signal(signal.SIGINT, signal.SIG_IGN)
for line in sys.stdin:
    try:
        match request := json.loads(line):
            case {"type": "hello", "protocol": 1}:
                say(type="hello", protocol=1, **INFO)
            case {"type": "boot"}:
                engine = boot(request)
                say(type="booted", tp=request["tp"], **engine)
            case {"type": "fire", "quantity": "wall"} if engine:
                for index, shot in enumerate(request["shots"]):
                    where = {"seq": request["seq"], "index": index}
                    try:
                        say(type="result", samples=samples(shot, request["iterations"]), **where)
                    except (ValueError, KeyError) as error:
                        refuse("failed", error, **where)
                say(type="done", seq=request["seq"])
            case {"type": "shutdown"}:
                say(type="bye")
                break
            case _:
                raise ValueError("bad_request", "this request cannot be served")
    except (ValueError, KeyError) as error:
        refuse("error", error)
