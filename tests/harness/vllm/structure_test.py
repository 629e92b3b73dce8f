"""How the worker's modules hang together."""

import ast
from pathlib import Path

WORKER = Path(__file__).parents[3] / "harness" / "vllm"

CHANGING = {"Chunk", "Engine", "Judge", "KernelSum", "Node", "Served", "Step", "Stretch"}
"""Classes of data that is filled in bit by bit; all others stay as they were made."""

ROOMS = [
    "faults",
    "script",
    "job_script",
    "messages",
    "protocol",
    "engine",
    "collective",
    "timing",
    "serving",
    "loop",
    "offline",
    "served",
    "collectives",
    "worker",
]
"""From the ground up: a module imports from its own room and from those before it."""


def imports() -> list[tuple[str, str]]:
    """Return who imports whom among the worker's modules, by their dotted names."""
    found = []
    for path in sorted(WORKER.rglob("*.py")):
        name = ".".join(path.relative_to(WORKER).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ROOMS:
                found.append((name, str(node.module)))
    return found


def test_every_module_is_in_a_room_of_the_list() -> None:
    names = {path.relative_to(WORKER).parts[0].removesuffix(".py") for path in WORKER.rglob("*.py")}
    assert names == set(ROOMS)


def test_modules_import_from_their_own_room_and_from_those_before_it() -> None:
    def level(name: str) -> int:
        return ROOMS.index(name.split(".")[0])

    assert [(who, whom) for who, whom in imports() if level(whom) > level(who)] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    pairs = imports()
    left = {name for pair in pairs for name in pair}
    while free := {name for name in left if not any(who == name and whom in left for who, whom in pairs)}:
        left -= free
    assert left == set()


def test_data_stays_as_it_was_made_but_for_what_is_filled_in() -> None:
    changing = {
        node.name
        for path in WORKER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for decorator in map(ast.unparse, node.decorator_list)
        if decorator.startswith("dataclass") and decorator != "dataclass(frozen=True)"
    }
    assert changing == CHANGING
