"""Lines of the harness protocol (`harness/PROTOCOL.md`): requests are read, answers written."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from faults import Fault
from messages import Answer, Boot, Fire, Hello, Request, Shutdown

PROTOCOL = 1

T = TypeVar("T")


def encode(answer: Answer) -> str:
    """Return an answer as one line of JSON without its newline; an absent detail is left out."""
    fields = {"type": answer.type, **asdict(answer)}
    if fields.get("detail", "") is None:
        del fields["detail"]
    return json.dumps(fields, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


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
        case "shutdown":
            return Shutdown()
        case other:
            raise bad_request(f"unknown message type {other!r}", "expected hello, boot, fire or shutdown")


def parse_boot(message: Mapping[str, Any]) -> Boot:
    """Read the fields of a boot request."""
    return Boot(
        tp=count(message, "tp"),
        config=field(message, "config", dict, "an object"),
        architecture=field(message, "architecture", dict, "an object"),
        dtype=field(message, "dtype", str, "a text"),
        kv_cache_dtype=field(message, "kv_cache_dtype", str, "a text"),
        block_size=None if message.get("block_size") is None else count(message, "block_size"),
        max_num_batched_tokens=count(message, "max_num_batched_tokens"),
        max_num_seqs=count(message, "max_num_seqs"),
    )


def parse_fire(message: Mapping[str, Any]) -> Fire:
    """Read the fields of a fire request; of the shots it is only checked that they are objects."""
    shots = field(message, "shots", list, "a list")
    for index, shot in enumerate(shots):
        if not isinstance(shot, dict):
            raise bad_request(f"fire: shot {index} must be an object", f"found {shot!r}")
    return Fire(
        seq=count(message, "seq", least=0),
        shots=tuple(shots),
        iterations=count(message, "iterations"),
        quantity=field(message, "quantity", str, "a text"),
    )


def field(message: Mapping[str, Any], name: str, kind: type[T], words: str) -> T:
    """Return a field, or raise Fault when it is absent or of another type."""
    value = message.get(name)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    raise bad_request(f"{subject(message)}: {name} must be {words}", f"found {value!r}")


def count(message: Mapping[str, Any], name: str, least: int = 1) -> int:
    """Return a whole number, or raise Fault when it is none or below `least`."""
    words = f"a whole number of at least {least}"
    value = field(message, name, int, words)
    if value < least:
        raise bad_request(f"{subject(message)}: {name} must be {words}", f"found {value}")
    return value


def subject(message: Mapping[str, Any]) -> str:
    """Return what a message calls itself: its type, or the category of a shot."""
    return str(message.get("type", message.get("category", "message")))


def bad_request(rule: str, found: str) -> Fault:
    """Return the Fault for a request that breaks the protocol."""
    return Fault("bad_request", f"{rule}: {found}")
