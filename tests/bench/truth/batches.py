"""Random batches as a server would have them: decodes of even and uneven lengths, prefills beside them."""

import math
from dataclasses import dataclass
from random import Random

from engine.shots import Requests, Shot, broken_limit
from messages import Limits

KINDS = ("even", "uneven", "prefill", "mixed", "full", "several")
"""Decodes of one length; of many; one prefill alone; uneven decodes beside one, beside one that fills the
batch, and beside several."""

MOST_DECODES = 200
LEAST_HISTORY = 16
LONGEST_HISTORY = 8000
MOST_PREFILLS = 4


@dataclass(frozen=True)
class Batch:
    """Requests, the prefills first as in every shot."""

    kind: str
    requests: Requests


def random_batches(count: int, seed: int, limits: Limits) -> list[Batch]:
    """Return batches that fit into the limits, of every kind in turn; a seed gives the same ones again."""
    random = Random(seed)
    return [fitting(KINDS[index % len(KINDS)], random, limits) for index in range(count)]


def fitting(kind: str, random: Random, limits: Limits) -> Batch:
    """Return a batch that can be fired."""
    while True:
        requests = draw(kind, random, limits)
        if broken_limit(Shot("attention", requests), limits) is None:
            return Batch(kind, requests)


def draw(kind: str, random: Random, limits: Limits) -> Requests:
    """Return the requests of a batch, that may be too long for the model or the cache."""
    longest = min(LONGEST_HISTORY, limits.max_model_len - 2)
    if kind == "prefill":
        return ((between(random, 2, limits.max_num_batched_tokens), history(random, longest)),)
    count = between(random, 2, min(MOST_DECODES, limits.max_num_seqs - MOST_PREFILLS))
    top = between(random, LEAST_HISTORY, longest)
    lengths = (
        (top,) * count if kind == "even" else (between(random, LEAST_HISTORY, top) for _ in range(count))
    )
    prefills = tuple(
        (chunk, history(random, longest))
        for chunk in chunks(kind, random, limits.max_num_batched_tokens - count)
    )
    return prefills + tuple((1, length) for length in lengths)


def chunks(kind: str, random: Random, room: int) -> list[int]:
    """Return the new tokens of each prefill, `room` at most in all."""
    match kind:
        case "mixed":
            return [between(random, 2, room)]
        case "full":
            return [room]
        case "several":
            count = random.randint(2, MOST_PREFILLS)
            return [between(random, 2, room // count) for _ in range(count)]
        case _:
            return []


def history(random: Random, longest: int) -> int:
    """Return the history of a prefill; half of them have none."""
    return 0 if random.random() < 0.5 else between(random, LEAST_HISTORY, longest)


def between(random: Random, least: int, most: int) -> int:
    """Return a whole number, evenly spread on a logarithmic axis."""
    return round(math.exp(random.uniform(math.log(least), math.log(max(least, most)))))
