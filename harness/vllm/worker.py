"""vLLM behind the harness protocol.

`python harness/vllm/worker.py` reads requests on stdin and answers on stdout;
`python harness/vllm/worker.py --plan plan.jsonl --out journal.jsonl` fires a plan alone.
"""

import os
import signal
import sys
import traceback
from argparse import ArgumentParser, Namespace
from functools import partial
from typing import TextIO

from engine.gpus import use_bus_order
from loop import Worker
from messages import Answer
from offline.run import run_alone
from protocol import encode
from script import leave, status_of


def claim_stdout() -> TextIO:
    """Return standard output for the protocol alone: what others print there goes to standard error."""
    protocol = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return protocol


def serve() -> int:
    """Serve until shutdown or the end of input; returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = claim_stdout()

    def emit(answer: Answer) -> None:
        out.write(encode(answer) + "\n")
        out.flush()

    try:
        return Worker().serve(sys.stdin.buffer, emit)
    except BrokenPipeError:
        return 1
    except Exception:
        traceback.print_exc()
        return 1


def read_arguments() -> Namespace:
    """Return the command line's arguments; wrong ones end the process with 2."""
    parser = ArgumentParser(
        description="Without arguments: speaks the harness protocol. With a plan: fires it."
    )
    parser.add_argument("--plan", help="shots to fire, as `shotlab plan` writes them")
    parser.add_argument("--out", help="journal that shots are added to; those it has are not fired again")
    parser.add_argument("--quantity", choices=["kernel", "event", "wall"], help="what is timed")
    parser.add_argument("--drift-share", type=float, help="share by which the repeated shot may move")
    parser.add_argument("--accept-speed", action="store_true", help="hold times against the present speed")
    parser.add_argument("--retry-failed", action="store_true", help="fire again what failed before")
    arguments = parser.parse_args()
    if (arguments.plan is None) != (arguments.out is None):
        parser.error("--plan and --out go together")
    return arguments


if __name__ == "__main__":
    use_bus_order()
    arguments = read_arguments()
    leave(serve() if arguments.plan is None else status_of(partial(run_alone, arguments), "the run"))
