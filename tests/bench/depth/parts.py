"""Runs parts one after the other on a device within a time, each a process with a limit of its own.

    python3 tests/bench/depth/parts.py parts.json --until 560 --out "$OUT" [--only NAME...]

`parts.json` is a list of `{"name", "seconds", "limit", "argv", "files"}`: `argv` is a script and arguments,
`files` what it writes, `seconds` what it is expected to take once the device is free. While a part has the
device, the next one does its imports. A part that would not end in time is left out. Each file is packed into
the folder when its part has ended, however it did; `log.jsonl` there says how.
"""

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from faults import Fault
from script import open_out, read_json, run_script

IMPORTS_S = 120.0
"""How long a part may import, beyond the part before it."""

FIELDS: dict[str, Any] = {
    "name": str,
    "seconds": (int, float),
    "limit": (int, float),
    "argv": list,
    "files": list,
}
"""What a part has."""

GATED = Path(__file__).with_name("gated.py")


class Part:
    """A part whose process has been started."""

    def __init__(self, spec: Mapping[str, Any], folder: Path) -> None:
        self.spec = spec
        self.started = folder / f"{spec['name']}.started"
        self.log = folder / f"{spec['name']}.log"
        for path in map(Path, spec["files"]):
            path.parent.mkdir(parents=True, exist_ok=True)
        gate = [str(folder / "lock"), str(self.started)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(GATED), *gate, *spec["argv"]], stdout=log, stderr=subprocess.STDOUT
            )

    def has_device(self, within_s: float) -> bool:
        """Wait for the part to get the device; returns whether it did."""
        end = time.monotonic() + within_s
        while not self.started.exists() and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        return self.started.exists()

    def finish(self, within_s: float) -> int | None:
        """Wait for the part's end, or end it; returns its exit status, None when it was ended."""
        try:
            return self.process.wait(max(0.0, within_s))
        except subprocess.TimeoutExpired:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            return None

    def pack(self, out: Path) -> None:
        """Pack what the part has written into the folder."""
        for path in map(Path, self.spec["files"]):
            if path.exists():
                with path.open("rb") as source, gzip.open(out / f"{path.name}.gz", "wb", 6) as packed:
                    shutil.copyfileobj(source, packed)


def main() -> None:
    """Run the parts that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", type=Path)
    parser.add_argument("--until", type=float, required=True, help="seconds in all")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+")
    arguments = parser.parse_args()
    begun = time.monotonic()
    specs = read_json(arguments.parts, list, "a list of parts")
    for spec in specs:
        if not isinstance(spec, dict) or any(not isinstance(spec.get(name), FIELDS[name]) for name in FIELDS):
            fields = ", ".join(FIELDS)
            raise Fault("bad_request", f"cannot read {arguments.parts}: a part has {fields}: found {spec}")
    if not arguments.out.is_dir():
        raise Fault("bad_request", f"cannot write {arguments.out}: it is no folder")
    waiting = [spec for spec in specs if not arguments.only or spec["name"] in arguments.only]
    folder = Path(tempfile.mkdtemp(prefix="parts-"))
    log: list[dict[str, Any]] = []

    def left_s() -> float:
        return float(arguments.until) - (time.monotonic() - begun)

    def next_part() -> Part | None:
        while waiting:
            spec = waiting.pop(0)
            if spec["seconds"] <= left_s():
                return Part(spec, folder)
            log.append({"name": spec["name"], "left_out": True, "left_s": round(left_s())})
        return None

    part = next_part()
    while part is not None:
        got = part.has_device(min(IMPORTS_S, left_s()))
        started = time.monotonic()
        fits = got and part.spec["seconds"] <= left_s() + 5
        following = next_part()
        status = part.finish(min(part.spec["limit"], left_s()) if fits else 0.0)
        part.pack(arguments.out)
        tail = part.log.read_text(encoding="utf-8", errors="replace")[-1500:]
        took = round(time.monotonic() - started, 1)
        log.append(
            {"name": part.spec["name"], "got_device": got, "status": status, "took_s": took, "tail": tail}
        )
        print(f"{part.spec['name']}: status {status}, {took} s, {left_s():.0f} s left", flush=True)
        lines = "".join(json.dumps(line) + "\n" for line in log)
        with open_out(arguments.out / "log.jsonl") as file:
            file.write(lines)
        part = following


if __name__ == "__main__":
    run_script(main)
