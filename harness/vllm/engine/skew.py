"""Skew cases: batches of two lengths of decodes, and of their mean and their longest for comparison."""

from collections.abc import Mapping
from typing import Any

from engine.shots import Shot
from protocol import bad_request, count, names


def read_parts(fields: Mapping[str, Any]) -> dict[str, Shot]:
    """Return the batches of a case that are to be fired, by part: attention sees each as any other.

    Raises Fault of kind bad_request when the fields are no skew case.
    """
    n, nb, kvs, kv_big, kv_mean = (count(fields, name) for name in ("n", "nb", "kvs", "kv_big", "kv_mean"))
    chunk, history = (count(fields, name, least=0) for name in ("pc", "kp"))
    if nb > n:
        raise bad_request("skew: nb must be at most n", f"found {nb} of {n}")
    prefill = ((chunk, history),) if chunk else ()
    batches = {
        "t_mean": ((1, kv_mean),) * n,
        "t_max": ((1, kv_big),) * n,
        "t_skew": ((1, kv_big),) * nb + ((1, kvs),) * (n - nb),
    }
    parts = names(fields, "parts", "skew")
    if not parts or not set(parts) <= set(batches):
        raise bad_request(f"skew: parts must be some of {', '.join(batches)}", f"found {list(parts)}")
    return {part: Shot("attention", prefill + batches[part]) for part in parts}
