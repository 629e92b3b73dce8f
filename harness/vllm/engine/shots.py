"""Shots and the batches that they stand for (`harness/PROTOCOL.md`, fire)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from messages import Limits
from protocol import bad_request, count

Requests = tuple[tuple[int, int], ...]
"""(new tokens, KV tokens) of each request of a batch, in its order."""


@dataclass(frozen=True)
class Shot:
    """One batch and the category whose layers are timed in it."""

    category: str
    requests: Requests
    activated_experts: int | None = None


def read_shot(fields: Mapping[str, Any]) -> Shot:
    """Read a shot of the protocol; raises Fault of kind bad_request when it is none."""
    match fields.get("category"):
        case "dense":
            return Shot("dense", ((count(fields, "tokens"), 0),))
        case "per_sequence":
            return Shot("per_sequence", ((1, 0),) * count(fields, "sequences"))
        case "attention":
            return Shot("attention", attention_requests(fields))
        case "linear_attention":
            return Shot("linear_attention", state_requests(fields))
        case "moe":
            requests = ((count(fields, "tokens"), 0),)
            return Shot("moe", requests, count(fields, "activated_experts"))
        case other:
            expected = "expected dense, per_sequence, attention, linear_attention, moe or skew"
            raise bad_request(f"unknown category {other!r}", expected)


DECODE_HISTORY = 256
"""Tokens that decodes of a linear_attention shot have behind them: a state is as large whatever they are."""


def state_requests(fields: Mapping[str, Any]) -> Requests:
    """Return the prefill of a linear_attention shot, when there is one, before the decodes."""
    tokens, decodes = (count(fields, name, least=0) for name in ("prefill_tokens", "n_decode"))
    requests = ((tokens, 0),) * bool(tokens) + ((1, DECODE_HISTORY),) * decodes
    if not requests:
        raise bad_request(
            "linear_attention: a batch has at least one request", "prefill_tokens and n_decode are 0"
        )
    return requests


def attention_requests(fields: Mapping[str, Any]) -> Requests:
    """Return the prefill requests before the decoding ones, which have a token or one and drafts to check."""
    decodes, kv_decode = (count(fields, name, least=0) for name in ("n_decode", "kv_decode"))
    new = count(fields, "decode_q_len") if "decode_q_len" in fields else 1
    requests = prefill_requests(fields) + ((new, kv_decode),) * decodes
    if not requests:
        raise bad_request("attention: a batch has at least one request", "no prefill, and n_decode is 0")
    return requests


def prefill_requests(fields: Mapping[str, Any]) -> Requests:
    """Return the prefills of a shot: those that it lists, or the one that it names if its chunk is not 0."""
    listed = fields.get("prefills")
    if listed is None:
        chunk, history = (count(fields, name, least=0) for name in ("prefill_chunk", "kv_prefill"))
        return ((chunk, history),) if chunk else ()
    if not isinstance(listed, list):
        raise bad_request("attention: prefills must be a list of [chunk, history]", f"found {listed!r}")
    return tuple(map(prefill_request, listed))


def prefill_request(pair: object) -> tuple[int, int]:
    """Return one prefill of a list."""
    if not isinstance(pair, list) or len(pair) != 2:
        raise bad_request("attention: a prefill must be [chunk, history]", f"found {pair!r}")
    named = dict(zip(("chunk", "history"), pair, strict=True))
    return count(named, "chunk"), count(named, "history", least=0)


def broken_limit(shot: Shot, limits: Limits, tokens_only: bool = False) -> str | None:
    """Return the first limit that a shot breaks, as a sentence, or None when it can be fired.

    The engine has room for `max_num_seqs` tokens and one request above the limits, so that a full
    batch of decodes can be fired with a prefill. `tokens_only` leaves the pool to who knows its groups.
    """
    tokens = sum(new for new, _ in shot.requests)
    longest = max(new + history for new, history in shot.requests)
    cached = limits.block_size * sum(
        blocks(new + history, limits.block_size) for new, history in shot.requests
    )
    room = limits.max_num_batched_tokens + limits.max_num_seqs
    if tokens > room:
        return f"{tokens} new tokens, the engine has room for {room}"
    if len(shot.requests) > limits.max_num_seqs + 1:
        return f"{len(shot.requests)} requests, the engine has room for {limits.max_num_seqs + 1}"
    if longest >= limits.max_model_len:
        return f"a request of {longest} tokens, it must be shorter than max_model_len {limits.max_model_len}"
    if not tokens_only and cached > limits.num_cache_tokens:
        return f"KV blocks for {cached} tokens, the pool holds {limits.num_cache_tokens}"
    if shot.activated_experts is not None and limits.num_experts and limits.top_k:
        most = min(limits.num_experts, tokens * limits.top_k)
        if not limits.top_k <= shot.activated_experts <= most:
            return (
                f"{shot.activated_experts} activated experts, between {limits.top_k} and {most} are possible"
            )
    return None


def blocks(tokens: int, block_size: int) -> int:
    """Return how many KV blocks hold so many tokens."""
    return -(-tokens // block_size)
