"""vLLM behind the harness protocol: `python harness/vllm/worker.py`, requests on stdin, answers on stdout."""

import os
import signal
import sys
import traceback
from typing import TextIO

from loop import Worker
from messages import Answer
from protocol import encode


def claim_stdout() -> TextIO:
    """Return standard output for the protocol alone: what others print there goes to standard error."""
    protocol = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return protocol


def main() -> int:
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


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # without the engine's teardown, which can take seconds
