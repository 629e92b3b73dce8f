"""Lines of the harness protocol (`harness/PROTOCOL.md`): requests are read, answers written."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from faults import Fault
from messages import (
    Answer,
    Architecture,
    Boot,
    Entry,
    Fire,
    Hello,
    Precision,
    Request,
    Shutdown,
    Sustain,
    Walk,
)

PROTOCOL = 1

OPTIONAL = {
    "caches",
    "conditions",
    "detail",
    "device_busy_us",
    "device_uuid",
    "energy_j",
    "kernel_sums",
    "kernels",
    "processor",
    "recordings",
    "shot_clocks_mhz",
    "stop",
    "sustains",
    "wall_us",
}
"""Fields of answers that are left out when they are None; others are written as null."""

T = TypeVar("T")


def encode(answer: Answer) -> str:
    """Return an answer as one line of JSON without its newline."""
    return json.dumps(fields_of(answer), allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def fields_of(answer: Answer) -> dict[str, Any]:
    """Return an answer as an object; what is optional and absent is left out."""
    fields = {"type": answer.type, **asdict(answer)}
    return {name: value for name, value in fields.items() if value is not None or name not in OPTIONAL}


def parse(line: str | bytes) -> Request:
    """Read a request; raises Fault of kind bad_request when the line is none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise bad_request("a request is one JSON object a line", str(error)) from error
    if not isinstance(message, dict):
        raise bad_request("a request is one JSON object a line", f"found {message!r}")
    match message.get("type"):
        case "hello":
            return Hello(count(message, "protocol"))
        case "boot":
            return parse_boot(message)
        case "fire":
            return parse_fire(message)
        case "sustain":
            return parse_sustain(message)
        case "walk":
            return Walk(parse_batches(field(message, "batches", dict, "an object")))
        case "shutdown":
            return Shutdown()
        case other:
            expected = "expected hello, boot, fire, sustain, walk or shutdown"
            raise bad_request(f"unknown message type {other!r}", expected)


def parse_boot(message: Mapping[str, Any]) -> Boot:
    """Read the fields of a boot request."""
    return Boot(
        tp=count(message, "tp"),
        config=field(message, "config", dict, "an object"),
        architecture=parse_architecture(field(message, "architecture", dict, "an object")),
        dtype=field(message, "dtype", str, "a text"),
        kv_cache_dtype=field(message, "kv_cache_dtype", str, "a text"),
        block_size=None if message.get("block_size") is None else count(message, "block_size"),
        max_num_batched_tokens=count(message, "max_num_batched_tokens"),
        max_num_seqs=count(message, "max_num_seqs"),
        clock_mhz=None if message.get("clock_mhz") is None else count(message, "clock_mhz"),
    )


def parse_architecture(fields: Mapping[str, Any]) -> Architecture:
    """Read an architecture's catalogue and the layers of its sequence."""
    layers = parse_layers(fields) if fields.get("layers") is not None else None
    sequence = field(fields, "sequence", dict, "an object", "architecture")
    stages = {stage: names(sequence, stage, "sequence") for stage in sequence}
    groups = field(fields, "catalog", dict, "an object", "architecture")
    catalog = {
        group: {
            layer: parse_entry(field(layers, layer, dict, "an object", group), f"{group}.{layer}")
            for layer in layers
        }
        for group, layers in ((group, field(groups, group, dict, "an object", "catalog")) for group in groups)
    }
    named = tuple(layer for stage in stages.values() for layer in stage)
    return Architecture(catalog, named, layers, occurrences(stages, layers))


def occurrences(
    stages: Mapping[str, Sequence[str]], layers: Sequence[Sequence[str]] | None
) -> dict[str, int]:
    """Return how often a walk names each layer; without `layers` it is one through one decoder layer."""
    if layers is not None:
        return dict(Counter(layer for names in layers for layer in names))
    counts = {stage: Counter(layers) for stage, layers in stages.items()}
    walked: Counter[str] = Counter()
    for stage, count in counts.items():
        if not stage.startswith("mlp_"):
            walked += count
    mlp: Counter[str] = Counter()
    for stage, count in counts.items():
        if stage.startswith("mlp_"):
            mlp |= count
    return dict(walked + mlp)


def parse_layers(fields: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Read the names of the layers of each decoder layer."""
    layers = field(fields, "layers", list, "a list of lists of names", "architecture")
    return tuple(names({"layers": block}, "layers", "architecture") for block in layers)


def parse_entry(fields: Mapping[str, Any], where: str) -> Entry:
    """Read one layer of a catalogue."""
    within, not_within, kernels = (
        names(fields, name, where) if name in fields else () for name in ("within", "not_within", "kernels")
    )
    return Entry(names(fields, "vllm", where), within, not_within, kernels)


def names(fields: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    """Return a list of names."""
    values = field(fields, name, list, "a list of names", where)
    return tuple(field({name: value}, name, str, "a list of names", where) for value in values)


def parse_batches(batches: Mapping[str, Any]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Read batches by name."""
    return {name: tuple(map(parse_request, field(batches, name, list, "a list", "walk"))) for name in batches}


def parse_request(request: Any) -> tuple[int, int]:
    """Read one request of a batch."""
    if not isinstance(request, list) or len(request) != 2:
        raise bad_request("walk: a request must be [new tokens, KV tokens]", f"found {request!r}")
    new, history = request
    fields = {"type": "walk", "new tokens": new, "KV tokens": history}
    return count(fields, "new tokens"), count(fields, "KV tokens", least=0)


def parse_fire(message: Mapping[str, Any]) -> Fire:
    """Read the fields of a fire request; of the shots it is only checked that they are objects."""
    return Fire(
        seq=count(message, "seq", least=0),
        shots=parse_shots(message),
        iterations=count(message, "iterations"),
        quantity=field(message, "quantity", str, "a text"),
        precision=parse_precision(message["precision"]) if message.get("precision") is not None else None,
    )


def parse_sustain(message: Mapping[str, Any]) -> Sustain:
    """Read the fields of a request to sustain shots."""
    seconds = message.get("seconds")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < math.inf:
        raise bad_request("sustain: seconds must be a number above 0", f"found {seconds!r}")
    return Sustain(count(message, "seq", least=0), parse_shots(message), float(seconds))


def parse_shots(message: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the shots of a request, which are read when their turn comes."""
    shots = field(message, "shots", list, "a list")
    for index, shot in enumerate(shots):
        if not isinstance(shot, dict):
            raise bad_request(f"{subject(message)}: shot {index} must be an object", f"found {shot!r}")
    return tuple(shots)


def parse_precision(fields: Any) -> Precision:
    """Read a stop rule."""
    if not isinstance(fields, dict):
        raise bad_request("fire: precision must be an object", f"found {fields!r}")
    relative = fields.get("relative")
    if not isinstance(relative, int | float) or isinstance(relative, bool) or not relative > 0:
        raise bad_request("precision: relative must be a number above 0", f"found {relative!r}")
    rule = {"type": "precision", **fields}
    least = count(rule, "min")
    return Precision(float(relative), least, count(rule, "max", least))


def field(fields: Mapping[str, Any], name: str, kind: type[T], words: str, where: str | None = None) -> T:
    """Return a field, or raise Fault when it is absent or of another type.

    `words` say what it must be, `where` it is: a message calls itself by its type or category.
    """
    value = fields.get(name)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    raise bad_request(f"{where or subject(fields)}: {name} must be {words}", f"found {value!r}")


def count(fields: Mapping[str, Any], name: str, least: int = 1) -> int:
    """Return a whole number, or raise Fault when it is none or below `least`."""
    words = f"a whole number of at least {least}"
    value = field(fields, name, int, words)
    if value < least:
        raise bad_request(f"{subject(fields)}: {name} must be {words}", f"found {value}")
    return value


def subject(fields: Mapping[str, Any]) -> str:
    """Return what a message calls itself."""
    return str(fields.get("type", fields.get("category", "message")))


def bad_request(rule: str, found: str) -> Fault:
    """Return the Fault for a request that breaks the protocol."""
    return Fault("bad_request", f"{rule}: {found}")
