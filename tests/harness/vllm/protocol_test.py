import json
import math
import re
from typing import Any

import pytest
from client import ROOT
from faults import Fault
from messages import (
    Architecture,
    Boot,
    Done,
    Entry,
    Error,
    Failed,
    Fire,
    Hello,
    Kernels,
    Precision,
    Result,
    Shutdown,
    State,
    Sustain,
    Sustained,
    SustainedTimes,
    Walk,
)
from models import boot
from protocol import encode, occurrences, parse

BLOCKS = re.findall(r"```jsonl\n(.*?)```", (ROOT / "harness/PROTOCOL.md").read_text(), re.DOTALL)
LINES = [line.split(" ", 1) for block in BLOCKS for line in block.splitlines()]
REQUESTS = [line for arrow, line in LINES if arrow == "→"]
ANSWERS = [line for arrow, line in LINES if arrow == "←"]


def test_every_example_request_is_read() -> None:
    kinds = [type(parse(line)) for line in REQUESTS]
    assert kinds == [Hello, Boot, Fire, Fire, Sustain, Walk, Shutdown]


def test_example_boot_is_read_into_its_fields() -> None:
    request = parse(REQUESTS[1])
    assert isinstance(request, Boot)
    assert request.architecture == Architecture(
        catalog={
            "dense": {
                "embedding": Entry(("VocabParallelEmbedding",), ()),
                "rope": Entry((), ("LlamaAttention",), (), ("rope_kernel",)),
            },
            "per_sequence": {"lm_head": Entry(("LogitsProcessor",), ())},
            "attention": {"attention": Entry(("Attention",), ())},
            "moe": {},
        },
        sequence=("embedding", "attention", "lm_head"),
        occurrences={"embedding": 1, "attention": 1, "lm_head": 1},
    )
    assert (request.block_size, request.max_num_batched_tokens, request.max_num_seqs) == (None, 2048, 256)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Result(7, 0, {"embedding": [3.1, 3.0, 3.2], "layernorm": [5.25, 5.5, 5.0]}), "result"),
        (Failed(7, 3, "unsupported", "shot 3 (moe): the engine has no experts"), "failed"),
        (Done(7), "done"),
        (Done(8, 310.5, 9800.0), "done"),
        (State(8, 1980, 2619, 38, 216.5, [], 52101.25), "state"),
        (
            Kernels({"3f1c09ab": "flash_fwd_kernel", "90d2e7f4": "reshape_and_cache_flash_kernel"}),
            "kernels",
        ),
        (
            Result(
                8,
                0,
                {"attention": [12.1, 12.0, 12.3, 12.1]},
                "precision",
                {"attention": ["90d2e7f4", "3f1c09ab"]},
                2,
                {"attention": [13.2, 13.1, 13.4, 13.2]},
                (1929, 1922),
            ),
            "result",
        ),
        (Sustained(9, 0, {"gate_up_proj": SustainedTimes(665.1, 698.4, 1530)}), "sustained"),
        (
            Error(
                "unsupported",
                "cannot boot tp 1: layer 'rotary_emb' of the sequence matches no module"
                " (classes RotaryEmbedding)",
                "modules found: Attention, RMSNorm",
            ),
            "error",
        ),
        (
            Error(
                "bad_request",
                "unknown message type 'frie': expected hello, boot, fire, sustain, walk or shutdown",
            ),
            "error",
        ),
    ],
)
def test_answers_are_written_as_in_the_examples(answer: Any, kind: str) -> None:
    assert encode(answer) in [line for line in ANSWERS if f'"type":"{kind}"' in line]


def test_a_number_that_is_not_finite_is_never_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(Result(1, 0, {"embedding": [float("nan")]}))


FIRE = {"type": "fire", "seq": 1, "shots": [], "iterations": 3, "quantity": "wall"}


def changed(message: dict[str, Any], **fields: Any) -> str:
    return json.dumps({**message, **fields})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"type":"frie"}',
            "unknown message type 'frie': expected hello, boot, fire, sustain, walk or shutdown",
        ),
        ("{}", "unknown message type None: expected hello, boot, fire, sustain, walk or shutdown"),
        ("[1]", "a request is one JSON object a line: found [1]"),
        ("fire!", "a request is one JSON object a line: Expecting value: line 1 column 1 (char 0)"),
        ('{"type":"hello"}', "hello: protocol must be a whole number of at least 1: found None"),
        (
            changed(FIRE, iterations=0),
            "fire: iterations must be a whole number of at least 1: found 0",
        ),
        (
            changed(FIRE, iterations=True),
            "fire: iterations must be a whole number of at least 1: found True",
        ),
        (changed(FIRE, precision=1), "fire: precision must be an object: found 1"),
        (
            changed(FIRE, precision={"relative": 0, "min": 3, "max": 9}),
            "precision: relative must be a number above 0: found 0",
        ),
        (
            changed(FIRE, precision={"relative": 0.01, "min": 3, "max": 2}),
            "precision: max must be a whole number of at least 3: found 2",
        ),
        (changed(FIRE, shots={}), "fire: shots must be a list: found {}"),
        (changed(FIRE, shots=[1]), "fire: shot 0 must be an object: found 1"),
        (changed(boot("llama"), tp=0), "boot: tp must be a whole number of at least 1: found 0"),
        (changed(boot("llama"), config=None), "boot: config must be an object: found None"),
        (
            changed(boot("llama"), block_size=0),
            "boot: block_size must be a whole number of at least 1: found 0",
        ),
        (
            changed(boot("llama"), architecture={"sequence": {}}),
            "architecture: catalog must be an object: found None",
        ),
        (
            changed(boot("llama"), architecture={"sequence": {"head": "lm_head"}, "catalog": {}}),
            "sequence: head must be a list of names: found 'lm_head'",
        ),
        (
            changed(
                boot("llama"),
                architecture={"sequence": {}, "catalog": {"dense": {"norm": {"vllm": "RMSNorm"}}}},
            ),
            "dense.norm: vllm must be a list of names: found 'RMSNorm'",
        ),
    ],
)
def test_a_line_that_is_no_request_is_refused(line: str, message: str) -> None:
    with pytest.raises(Fault) as refused:
        parse(line)
    assert (refused.value.kind, refused.value.message) == ("bad_request", message)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(Fault, match="one JSON object a line"):
        parse(b"\xff\xfe{}")


def test_a_stop_rule_is_read() -> None:
    request = parse(REQUESTS[3])
    assert isinstance(request, Fire)
    assert request.precision == Precision(0.01, 3, 30)


def test_a_reading_that_the_device_does_not_give_is_null() -> None:
    assert '"power_w":null' in encode(State(1, 1980, None, None, None, []))


def test_unknown_fields_are_ignored() -> None:
    assert parse('{"type":"shutdown","why":"done"}') == Shutdown()


FIRE: dict[str, Any] = {"type": "fire", "seq": 0, "shots": [], "iterations": 1, "quantity": "wall"}
RULE: dict[str, Any] = {"relative": 0.1, "min": 1, "max": 1}
SUSTAIN: dict[str, Any] = {"type": "sustain", "seq": 0, "shots": [], "seconds": 0.001}
LEAST = "must be a whole number of at least"


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        (FIRE, None),
        ({**FIRE, "seq": -1}, f"fire: seq {LEAST} 0: found -1"),
        ({**FIRE, "iterations": 0}, f"fire: iterations {LEAST} 1: found 0"),
        ({**FIRE, "iterations": True}, f"fire: iterations {LEAST} 1: found True"),
        ({**FIRE, "shots": [{}, 7]}, "fire: shot 1 must be an object: found 7"),
        ({**FIRE, "precision": None}, None),
        ({**FIRE, "precision": RULE}, None),
        (
            {**FIRE, "precision": {**RULE, "relative": 0}},
            "precision: relative must be a number above 0: found 0",
        ),
        (
            {**FIRE, "precision": {**RULE, "relative": True}},
            "precision: relative must be a number above 0: found True",
        ),
        ({**FIRE, "precision": {**RULE, "min": 0}}, f"precision: min {LEAST} 1: found 0"),
        ({**FIRE, "precision": {**RULE, "min": 3, "max": 2}}, f"precision: max {LEAST} 3: found 2"),
        ({**FIRE, "precision": {**RULE, "min": 3, "max": 3}}, None),
        (SUSTAIN, None),
        ({**SUSTAIN, "seq": -1}, f"sustain: seq {LEAST} 0: found -1"),
        ({**SUSTAIN, "seconds": 0}, "sustain: seconds must be a number above 0: found 0"),
        ({**SUSTAIN, "seconds": True}, "sustain: seconds must be a number above 0: found True"),
        ({**SUSTAIN, "seconds": "1"}, "sustain: seconds must be a number above 0: found '1'"),
        ({**SUSTAIN, "seconds": math.inf}, "sustain: seconds must be a number above 0: found inf"),
        ({"type": "walk", "batches": {"a": [[1, 0]]}}, None),
        ({"type": "walk", "batches": {"a": [[0, 0]]}}, f"walk: new tokens {LEAST} 1: found 0"),
        ({"type": "walk", "batches": {"a": [[1, -1]]}}, f"walk: KV tokens {LEAST} 0: found -1"),
        (
            {"type": "walk", "batches": {"a": [[1, 0, 0]]}},
            "walk: a request must be [new tokens, KV tokens]: found [1, 0, 0]",
        ),
        (
            {"type": "walk", "batches": {"a": ["ab"]}},
            "walk: a request must be [new tokens, KV tokens]: found 'ab'",
        ),
        ({"type": "hello", "protocol": 0}, f"hello: protocol {LEAST} 1: found 0"),
    ],
)
def test_numbers_are_read_down_to_their_least(message: dict[str, Any], refusal: str | None) -> None:
    line = json.dumps(message)
    if refusal is None:
        assert parse(line)
        return
    with pytest.raises(Fault) as refused:
        parse(line)
    assert (refused.value.kind, refused.value.message) == ("bad_request", refusal)


@pytest.mark.parametrize("name", ["tp", "max_num_batched_tokens", "max_num_seqs", "block_size", "clock_mhz"])
def test_a_boot_counts_from_one(name: str) -> None:
    message = json.loads(REQUESTS[1])
    one = parse(json.dumps({**message, name: 1}))
    assert getattr(one, name) == 1
    with pytest.raises(Fault) as refused:
        parse(json.dumps({**message, name: 0}))
    assert refused.value.message == f"boot: {name} {LEAST} 1: found 0"


@pytest.mark.parametrize(
    ("stages", "layers", "counts"),
    [
        ({"block": ["norm", "attention", "norm"], "end": ["norm"]}, None, {"norm": 3, "attention": 1}),
        (
            {"block": ["norm"], "mlp_dense": ["act", "norm"], "mlp_moe": ["norm", "norm", "moe"]},
            None,
            {"norm": 3, "act": 1, "moe": 1},
        ),
        ({"block": ["norm"]}, [["norm", "act"], ["norm", "moe"]], {"norm": 2, "act": 1, "moe": 1}),
        ({}, None, {}),
    ],
    ids=["stages add up", "of two kinds of MLP the larger count", "decoder layers one by one", "none"],
)
def test_how_often_a_walk_names_a_layer(stages: Any, layers: Any, counts: dict[str, int]) -> None:
    assert occurrences(stages, layers) == counts
