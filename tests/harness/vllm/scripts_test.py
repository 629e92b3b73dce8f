"""What scripts say of wrong use: one line, and the exit status 2."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults import Fault
from script import open_out, plural, read_json, read_text, status_of

ROOT = Path(__file__).parents[3]
BENCH = "tests/bench"
FOLDERS = ("harness", "tasks", BENCH, "tests/notebooks")
APART = {"harness/ray/driver.py", "harness/vllm/engine/clock_guard.py"}
"""One runs in an environment of its own, which has Ray; one is started by the worker alone, as a module."""

FILES = {
    "text": "no JSON\n",
    "object.json": "{}",
    "list.json": "[]",
    "part.json": '[{"name": "a"}]',
    "plan.jsonl": json.dumps({"format": "shotlab-plan", "version": 1, "configs": {"1": {}}}) + "\n",
    "shot.jsonl": '{"format": "shotlab-plan", "version": 1, "configs": {"1": {}}}\n{"tp": 1}\n',
}
HEADER = "a plan begins with its header, format shotlab-plan of version 1: found None of version None"
NO_JSON = "Expecting value: line 1 column 1 (char 0)"

CASES: list[tuple[str, str, str]] = [
    ("harness/vllm/worker.py", "--plan no --out j", "cannot read no: No such file or directory"),
    ("harness/vllm/worker.py", "--plan text --out j", f"cannot read text, line 1: {NO_JSON}"),
    ("harness/vllm/worker.py", "--plan object.json --out j", f"cannot read object.json, line 1: {HEADER}"),
    (
        "harness/vllm/worker.py",
        "--plan shot.jsonl --out j",
        "cannot read shot.jsonl, line 2: a shot has a category and the fields of its key: found {'tp': 1}",
    ),
    (
        "harness/vllm/worker.py",
        "--plan plan.jsonl --out no/j",
        "cannot write no/j: No such file or directory",
    ),
    ("harness/vllm/served.py", "--job no --out s", "cannot read no: No such file or directory"),
    ("harness/vllm/served.py", "--job /dev/zero --out s", "cannot read /dev/zero: it is no regular file"),
    ("harness/vllm/served.py", "--job text --out s", f"cannot read the job text: JSONDecodeError: {NO_JSON}"),
    (
        "harness/vllm/served.py",
        "--job object.json --out s",
        "cannot read the job object.json: KeyError: 'format'",
    ),
    ("harness/vllm/collectives.py", "--job no --out s", "cannot read no: No such file or directory"),
    (
        "harness/vllm/collectives.py",
        "--job list.json --out s",
        "cannot read the job list.json: TypeError: list indices must be integers or slices, not str",
    ),
    (f"{BENCH}/depth/parts.py", "no --until 1 --out .", "cannot read no: No such file or directory"),
    (
        f"{BENCH}/depth/parts.py",
        "object.json --until 1 --out .",
        "cannot read object.json: it must be a list of parts, got {}",
    ),
    (
        f"{BENCH}/depth/parts.py",
        "part.json --until 1 --out .",
        "cannot read part.json: a part has name, seconds, limit, argv, files: found {'name': 'a'}",
    ),
    (f"{BENCH}/depth/parts.py", "list.json --until 1 --out no", "cannot write no: it is no folder"),
    (f"{BENCH}/depth/gated.py", "lock started no.py", "cannot read no.py: there is no such file"),
    (f"{BENCH}/depth/rows.py", "no j", "cannot read no: No such file or directory"),
    (
        f"{BENCH}/depth/rows.py",
        "plan.jsonl",
        "rows.py takes PLAN RESULTS, or arguments of depth.py, with -- between them",
    ),
    (
        f"{BENCH}/depth/depth.py",
        "no --layers 2 --steps cold --out o",
        "cannot read no: No such file or directory",
    ),
    (
        f"{BENCH}/depth/depth.py",
        "text --layers 2 --steps cold --out o",
        f"cannot read text, line 1: {NO_JSON}",
    ),
    (f"{BENCH}/depth/states_table.py", "no", "cannot read no: No such file or directory"),
    (f"{BENCH}/depth/states_table.py", "text", "cannot read text: Not a gzipped file (b'no')"),
    (f"{BENCH}/depth/cold_table.py", "no", "cannot read no: No such file or directory"),
    (f"{BENCH}/depth/behind_table.py", "no", "cannot read no: No such file or directory"),
    (f"{BENCH}/truth/forward.py", "no --out o", "cannot read no: No such file or directory"),
    (f"{BENCH}/truth/tensor_parallel.py", "no --out o", "cannot read no: No such file or directory"),
    (f"{BENCH}/device/trials.py", "no", "cannot read no: No such file or directory"),
    (
        f"{BENCH}/device/trials.py",
        "plan.jsonl",
        "full memory and device errors need a CUDA device, and this engine runs on a cpu",
    ),
    (f"{BENCH}/device/own_clocks.py", "no --json o", "cannot read no: No such file or directory"),
    (f"{BENCH}/device/shot_time.py", "no --json o", "cannot read no: No such file or directory"),
    (f"{BENCH}/device/shot_time.py", "text --json o", f"cannot read text, line 1: {NO_JSON}"),
    (f"{BENCH}/layerwise/compare.py", "no", "cannot read no: No such file or directory"),
    (
        f"{BENCH}/layerwise/compare.py",
        "plan.jsonl",
        "vLLM's profiler and the worker's kernels need a CUDA device, and this engine runs on a cpu",
    ),
    (f"{BENCH}/families/families.py", "--cases no --out o", "cannot read no: No such file or directory"),
    (f"{BENCH}/families/families.py", "--cases text --out o", f"cannot read text: {NO_JSON}"),
    (f"{BENCH}/families/families.py", "--cases object.json --out o --only a", "object.json has no case a"),
    (
        f"{BENCH}/families/worker_with.py",
        "[]",
        "arguments of vLLM's must be an object of JSON: found '[]'",
    ),
    ("tasks/mutate/mutants.py", "no.py", "cannot read no.py: No such file or directory"),
    (
        "tasks/mutate/mutants.py",
        "text",
        "cannot read text: invalid syntax (<unknown>, line 1)",
    ),
    (
        "tasks/setup/filled.py",
        "no/lock . true",
        "cannot start true with no/lock: No such file or directory",
    ),
    ("tests/notebooks/execute.py", "no.ipynb out.ipynb", "cannot read no.ipynb: No such file or directory"),
]


def scripts() -> list[str]:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    programs = {
        str(path.relative_to(ROOT)) for path in paths if 'if __name__ == "__main__":' in path.read_text()
    }
    return sorted(programs - APART)


def call(script: str, words: Sequence[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *words], cwd=folder, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_every_script_has_a_case() -> None:
    assert {script for script, _, _ in CASES} == set(scripts())


def test_a_missing_or_broken_file_and_a_missing_device_are_one_line_and_2(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda case: call(case[0], case[1].split(), tmp_path), CASES))
    assert found == [(2, f"{message}\n") for _, _, message in CASES]


def test_a_wrong_option_is_one_line_after_the_usage_and_2(tmp_path: Path) -> None:
    calls = [script for script in scripts() if not script.endswith("rows.py")]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda script: call(script, ["--no-such-option"], tmp_path), calls))
    for script, (status, said) in zip(calls, found, strict=True):
        name = Path(script).name
        assert status == 2, said
        assert re.fullmatch(rf"usage: {name} (.+\n)+{name}: error: [^\n]+\n", said), said


def test_the_driver_of_ray_in_a_python_without_it_is_one_line_and_2() -> None:
    for words in ([], ["--help"], ["--address", "a:1", "--", "cat"]):
        # -S leaves the packages of every environment out.
        argv = [sys.executable, "-S", str(ROOT / "harness/ray/driver.py"), *words]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout, done.stderr) == (
            2,
            "",
            "No module named 'ray': `deno task setup --ray` installs Ray, or a Python that has it runs this"
            " script\n",
        )


def test_a_script_ends_as_its_work_did(capfd: pytest.CaptureFixture[str]) -> None:
    def fails(error: BaseException) -> None:
        raise error

    cases: list[tuple[BaseException | None, int, str]] = [
        (None, 0, ""),
        (Fault("bad_request", "no such thing"), 2, "no such thing\n"),
        (Fault("unsupported", "no GPU"), 2, "no GPU\n"),
        (Fault("engine_dead", "it died"), 1, "it died\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (
            ModuleNotFoundError("No module named 'vllm'", name="vllm.engine"),
            2,
            "No module named 'vllm': `deno task setup` installs it, or a Python that has it runs this"
            " script\n",
        ),
        (ValueError("a fault"), 1, "the run failed: a fault\n"),
    ]
    for error, status, said in cases:
        assert status_of(lambda error=error: error and fails(error), "the run") == status
        assert capfd.readouterr().err == said
    assert status_of(lambda: fails(ValueError("a fault"))) == 1
    assert capfd.readouterr().err.endswith("ValueError: a fault\n")


def test_files_that_cannot_be_read_or_written_are_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "number").write_text("1")
    messages = []
    for work in (
        lambda: read_text(tmp_path),
        lambda: read_text(tmp_path / "latin"),
        lambda: read_json(tmp_path / "number", dict, "an object"),
        lambda: open_out(tmp_path),
    ):
        with pytest.raises(Fault) as found:
            work()
        messages.append((found.value.kind, found.value.message.replace(str(tmp_path), ".")))
    assert messages == [
        ("bad_request", "cannot read .: it is no regular file"),
        (
            "bad_request",
            "cannot read ./latin: 'utf-8' codec can't decode byte 0xe9 in position 0: unexpected end of data",
        ),
        ("bad_request", "cannot read ./number: it must be an object, got 1"),
        ("bad_request", "cannot write .: Is a directory"),
    ]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 shots are left"), (1, "1 shot is left"), (2048, "2,048 shots are left")]
)
def test_one_thing_and_several(count: int, text: str) -> None:
    assert f"{plural(count, 'shot is', 'shots are')} left" == text
    assert plural(count, "trial").removesuffix("s") == f"{count:,} trial"
    assert plural(count, "trial").endswith("s") == (count != 1)
