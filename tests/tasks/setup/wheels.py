"""Makes wheels of nothing but files: `wheels.py FOLDER COUNT`."""

import sys
import zipfile
from pathlib import Path

FILES = 40


def make_wheel(folder: Path, name: str) -> None:
    """Write the wheel of a package whose modules are numbered."""
    info = f"{name}-1.0.dist-info"
    texts = {f"{name}/m{number}.py": f"NUMBER = {number}\n" for number in range(FILES)}
    texts[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    texts[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    texts[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*texts, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in texts.items():
            wheel.writestr(path, text)


if __name__ == "__main__":
    for index in range(int(sys.argv[2])):
        make_wheel(Path(sys.argv[1]), f"part{index}")
