"""Files of JSON lines."""

import json
from pathlib import Path

from client import Message


def write(path: Path, *lines: Message) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def read(path: Path) -> list[Message]:
    return [json.loads(line) for line in path.read_text().splitlines()]
