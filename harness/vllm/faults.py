"""Failures that the other side is told about."""


class Fault(Exception):
    """A failure with its kind in the protocol's words; `detail` keeps the engine's own."""

    def __init__(self, kind: str, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its class when it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
