"""Runs a notebook from top to bottom without a browser: `execute.py NOTEBOOK OUT`.

A third argument is the folder that it runs in; without it, that is the notebook's own. However long it takes.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def main(source: Path, out: Path, folder: Path) -> int:
    """Run `source` in `folder` and save it with its outputs, an error's included, as `out`."""
    notebook = nbformat.read(source, as_version=4)
    begun = time.monotonic()
    client = NotebookClient(
        notebook,
        timeout=None,
        startup_timeout=600,
        kernel_name="deno",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    failed = False
    try:
        client.execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        failed = True
    nbformat.write(notebook, out)
    print(f"{source.name}: {time.monotonic() - begun:.1f} s")
    return int(failed)


if __name__ == "__main__":
    given, made, *folders = map(Path, sys.argv[1:])
    sys.exit(main(given, made, *folders or [given.resolve().parent]))
