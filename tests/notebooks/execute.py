"""Runs a notebook from top to bottom without a browser: `execute.py NOTEBOOK OUT`."""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

SECONDS = 90
"""What a notebook may take."""


def main(source: Path, out: Path) -> int:
    """Run `source` in its own folder and save it with its outputs, an error's included, as `out`."""
    notebook = nbformat.read(source, as_version=4)
    begun = time.monotonic()
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="deno",
        record_timing=False,
        resources={"metadata": {"path": str(source.resolve().parent)}},
    )
    failed = False
    try:
        client.execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        failed = True
    nbformat.write(notebook, out)
    seconds = time.monotonic() - begun
    print(f"{source.name}: {seconds:.1f} s")
    return 1 if failed or seconds > SECONDS else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
