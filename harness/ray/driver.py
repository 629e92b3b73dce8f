"""Runs a harness program as an actor of a Ray cluster and passes its standard streams through, byte by byte.

`python harness/ray/driver.py` runs the vLLM worker; `python harness/ray/driver.py --files examples -- python3
harness.py` runs another program in a copy of the folder that it needs. Ray chooses the node.
"""

import os
import signal
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from threading import Thread, Timer
from typing import Any, NoReturn

try:
    import ray
    from ray.exceptions import GetTimeoutError, RayError
except ImportError as error:
    print(
        f"{error}: `deno task setup --ray` installs Ray, or a Python that has it runs this script",
        file=sys.stderr,
    )
    sys.exit(2)

VLLM = Path(__file__).resolve().parent.parent / "vllm"
# Who started us waits 120 s for the first answer.
JOINED_S = 30
PLACED_S = 80
READ_BYTES = 2**16


class Program:
    """A program on a node of the cluster; its calls run side by side, one thread each."""

    def start(self, command: list[str]) -> str | None:
        """Start the program, the vLLM worker when none is named, among its files; returns why it cannot."""
        pipe = subprocess.PIPE
        argv = command or [sys.executable, "worker.py"]
        try:
            self.process = subprocess.Popen(argv, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            return str(error)
        return None

    def write(self, data: bytes) -> None:
        """Write to its standard input; no data closes it."""
        stdin = self.process.stdin
        assert stdin is not None
        try:
            if data:
                stdin.write(data)
            else:
                stdin.close()
        except BrokenPipeError:
            pass  # it has ended, which its standard output shows

    def read(self, stream: str) -> bytes:
        """Wait for more of its standard output or error; no data is the end."""
        return os.read(getattr(self.process, stream).fileno(), READ_BYTES)

    def status(self) -> int:
        """Wait for its end and return its exit status, 128 and the signal's number when one ended it."""
        code = self.process.wait()
        return code if code >= 0 else 128 - code


def give_up(message: str) -> NoReturn:
    """Say why and end, whatever other threads wait for."""
    words = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # Ray's own threads add nothing after it
    # What Ray had begun to say has no end of line then.
    write_all(words, f"\n{' '.join(message.split())}\n".encode())
    os._exit(1)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of the data."""
    while data:
        data = data[os.write(descriptor, data) :]


def connect(arguments: Namespace) -> None:
    """Join the cluster and hand it the program's files."""
    address = arguments.address
    cluster = "the Ray cluster of this machine" if address == "auto" else f"the Ray cluster {address}"
    # Of a client (ray://) whose connection is gone nothing stays, as of any other.
    os.environ.setdefault("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "0")
    files = {"working_dir": str(arguments.files), "excludes": ["__pycache__"]}
    timer = Timer(JOINED_S, lambda: give_up(f"Cannot join {cluster}: no answer within {JOINED_S} s"))
    timer.daemon = True
    timer.start()
    try:
        ray.init(address, runtime_env=files, log_to_driver=False, logging_level="WARNING")
    except (ConnectionError, RayError, RuntimeError, ValueError) as error:
        give_up(f"Cannot join {cluster}: {error}")
    timer.cancel()


def place(arguments: Namespace) -> Any:
    """Start the program where the cluster has room for it."""
    gpus = arguments.gpus
    if gpus is None:
        gpus = 1 if ray.cluster_resources().get("GPU", 0) > 0 else 0
    wants = {"num_cpus": arguments.cpus, "num_gpus": gpus}
    program = ray.remote(max_concurrency=4, **wants)(Program).remote()
    try:
        problem = ray.get(program.start.remote(arguments.command), timeout=PLACED_S)
    except GetTimeoutError:
        free = ray.available_resources()
        give_up(
            f"The Ray cluster had no room within {PLACED_S} s for {arguments.cpus:g} CPU and {gpus:g} GPU: "
            f"free are {free.get('CPU', 0):g} CPU and {free.get('GPU', 0):g} GPU"
        )
    except RayError as error:
        give_up(f"The actor on the Ray cluster could not be started: {error}")
    if problem is not None:
        give_up(f"Cannot start the program on its node of the Ray cluster: {problem}")
    return program


def pass_on(program: Any, out: int) -> int:
    """Pass the streams through until the program ends; returns its exit status."""

    def guarded(copy: Callable[[], None]) -> Thread:
        def run() -> None:
            try:
                copy()
            except RayError as error:
                give_up(f"The actor on the Ray cluster died: {error}")
            except BrokenPipeError:
                os._exit(1)  # who started us is gone, and with us the actor

        thread = Thread(target=run, daemon=True)
        thread.start()
        return thread

    def requests() -> None:
        while data := os.read(0, READ_BYTES):
            ray.get(program.write.remote(data))
        ray.get(program.write.remote(b""))

    def answers(stream: str, descriptor: int) -> Callable[[], None]:
        def copy() -> None:
            while data := ray.get(program.read.remote(stream)):
                write_all(descriptor, data)

        return copy

    guarded(requests)
    for thread in [guarded(answers("stdout", out)), guarded(answers("stderr", 2))]:
        thread.join()
    status: int = ray.get(program.status.remote())
    return status


def read_arguments() -> Namespace:
    """Return the command line's arguments; wrong ones end the process with 2."""
    parser = ArgumentParser(description="Runs a harness program on a Ray cluster.")
    parser.add_argument("--address", default="auto", help="the cluster's, by default the one of this machine")
    parser.add_argument("--files", default=VLLM, help="folder to copy to the node, where the program starts")
    parser.add_argument("--cpus", type=float, default=1, help="CPUs to reserve")
    parser.add_argument("--gpus", type=float, help="GPUs to reserve, by default 1 where the cluster has any")
    parser.add_argument("command", nargs="*", help="program and arguments, by default the vLLM worker")
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    arguments = read_arguments()
    protocol = os.dup(1)
    os.dup2(2, 1)  # what Ray prints goes to standard error
    connect(arguments)
    status = pass_on(place(arguments), protocol)
    os._exit(status)  # no ray.shutdown(): a thread that asks Ray after it starts a cluster of its own
