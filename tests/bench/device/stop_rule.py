"""The trial of the rule by which a worker may stop early."""

import time
from collections import Counter

from loop import Worker
from messages import Precision, Result
from offline.plan import Plan
from trial import SHOTS, Trial, fire, random_shots

RULE = Precision(0.01, 3, 30)


def try_precision(worker: Worker, plan: Plan, quantity: str) -> Trial:
    """Fire shots until they are precise."""
    shots = random_shots(plan, SHOTS)
    fire(worker, shots[:16], quantity)
    started = time.perf_counter()
    answers = [answer for answer in fire(worker, shots, quantity, RULE) if isinstance(answer, Result)]
    each_ms = (time.perf_counter() - started) / len(shots) * 1000
    samples = Counter(len(values) for answer in answers for values in answer.samples.values())
    stops = Counter(str(answer.stop) for answer in answers)
    counts = ", ".join(f"{count} of {number}" for number, count in sorted(samples.items()))
    return {
        "relative": RULE.relative,
        "shots": len(answers),
        "samples": {str(number): count for number, count in sorted(samples.items())},
        "stops": dict(stops),
        "ms_a_shot": round(each_ms, 2),
        "sentence": f"Until the median is known to {RULE.relative:.0%}, {RULE.min} to {RULE.max} samples:"
        f" {len(answers)} random attention shots took {counts} samples, {stops['precision']} ended precise"
        f" and {stops['max']} at the most, {each_ms:.1f} ms a shot.",
    }
