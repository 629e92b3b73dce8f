"""Runs a notebook from top to bottom without a browser: `execute.py NOTEBOOK OUT`.

A third argument is the folder that it runs in; without it, that is the notebook's own. However long it takes.
"""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

sys.path.insert(0, str(Path(__file__).parents[2] / "harness/vllm"))

from faults import Fault, first_line
from script import read_text, run_script


def execute(source: Path, out: Path, folder: Path) -> int:
    """Run `source` in `folder` and save it with its outputs, an error's included, as `out`."""
    try:
        notebook = nbformat.reads(read_text(source), as_version=4)
    except (ValueError, nbformat.ValidationError) as error:
        raise Fault("bad_request", f"cannot read {source}: it is no notebook: {first_line(error)}") from error
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


def main() -> int:
    """Run the notebook that the command line names."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("folder", type=Path, nargs="?")
    call = parser.parse_args()
    return execute(call.notebook, call.out, call.folder or call.notebook.resolve().parent)


if __name__ == "__main__":
    run_script(main)
