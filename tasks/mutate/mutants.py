"""Faults of Python sources as lines of JSON, the kinds that mutants.ts knows: `mutants.py FILE...`."""

import ast
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "harness/vllm"))

from faults import Fault
from script import read_text, run_script

COMPARISONS = {
    ast.Eq: ("flip a comparison", "=="), ast.NotEq: ("flip a comparison", "!="),
    ast.Is: ("flip a comparison", "is"), ast.IsNot: ("flip a comparison", "is not"),
    ast.In: ("flip a comparison", "in"), ast.NotIn: ("flip a comparison", "not in"),
    ast.Lt: ("move a bound", "<"), ast.LtE: ("move a bound", "<="),
    ast.Gt: ("move a bound", ">"), ast.GtE: ("move a bound", ">="),
}  # fmt: skip
OTHER = {
    "==": "!=", "!=": "==", "is": "is not", "is not": "is", "in": "not in", "not in": "in",
    "<": "<=", "<=": "<", ">": ">=", ">=": ">",
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.Pow: ("**", "*"),
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "floor": "ceil", "ceil": "floor", "any": "all", "all": "any"}


class Source:
    """A source and where its lines begin, in bytes: the syntax tree counts in bytes."""

    def __init__(self, text: str) -> None:
        self.bytes = text.encode()
        self.starts = [0]
        for line in self.bytes.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Where a node begins."""
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Where a node ends."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, start: int, end: int) -> str:
        """What stands there."""
        return self.bytes[start:end].decode()

    def of(self, node: ast.expr | ast.stmt) -> str:
        """What a node reads."""
        return self.text(self.start(node), self.end(node))


Edit = tuple[str, int, int, str]


def edits(node: ast.AST, source: Source) -> Iterator[Edit]:
    """The faults of one node: kind, start, end and what is put there."""

    def whole(operator: str, put: str, at: ast.expr | ast.stmt) -> Edit:
        return operator, source.start(at), source.end(at), put

    def between(operator: str, left: ast.expr, right: ast.expr, found: str, put: str) -> Edit:
        start, end = source.end(left), source.start(right)
        return operator, start, end, source.text(start, end).replace(found, put, 1)

    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            operator, found = COMPARISONS[type(op)]
            yield between(operator, left, right, found, OTHER[found])
        case ast.BoolOp(op=op, values=values):
            found, put = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
            parts = [f"({source.of(value)})" for value in values]
            yield whole("swap and/or", f" {put} ".join(parts), node)
            yield whole("drop a condition", f" {found} ".join(parts[1:]), node)
            yield whole("drop a condition", f" {found} ".join(parts[:-1]), node)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            if not any(isinstance(side, ast.JoinedStr) or is_text(side) for side in (left, right)):
                yield between("arithmetic", left, right, *ARITHMETIC[type(op)])
        case ast.AugAssign(target=target, op=ast.Add() | ast.Sub() as op, value=value):
            yield between("arithmetic", target, value, *ARITHMETIC[type(op)])
            yield whole("drop an assignment", "pass", node)
        case ast.Constant(value=bool(value)):
            yield whole("negate a boolean", str(not value), node)
        case ast.Constant(value=int() | float() as value):
            yield whole("off by one", f"({value + 1})", node)
            if value > 1:
                yield whole("change a constant", f"({value * 2})", node)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            if not isinstance(test, ast.Compare | ast.BoolOp):
                yield whole("negate a condition", f"(not ({source.of(test)}))", test)
        case ast.Continue():
            yield whole("leave a loop", "break", node)
        case ast.Break():
            yield whole("leave a loop", "continue", node)
        case ast.Raise(exc=ast.expr()):
            yield whole("drop a throw", "pass", node)
        case ast.Expr(value=ast.Call()):
            yield whole("drop a call", "pass", node)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield whole("drop an assignment", "pass", node)
        case ast.Call(func=func, args=args):
            name = source.of(func).split(".")[-1]
            if name in NAMES:
                end = source.end(func)
                yield "swap min/max", end - len(name), end, NAMES[name]
            if name == "sorted" and args:
                yield whole("drop a call", f"list({source.of(args[0])})", node)
            match args[:2]:
                case [ast.Name() as first, ast.Name() as second] if name not in {"isinstance", "min", "max"}:
                    put = f"{source.of(second)}, {source.of(first)}"
                    yield "swap arguments", source.start(first), source.end(second), put
        case ast.FunctionDef(returns=ast.Constant(value=None), body=body) if not is_ellipsis(body[-1]):
            first_statement = body[1] if len(body) > 1 and ast.get_docstring(node) is not None else body[0]
            start = source.start(first_statement)
            yield "return early", start, start, f"return\n{' ' * first_statement.col_offset}"


def is_text(node: ast.expr) -> bool:
    """Whether an expression is a text."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_ellipsis(statement: ast.stmt) -> bool:
    """Whether a statement is the `...` of a function that does nothing."""
    return isinstance(statement, ast.Expr) and getattr(statement.value, "value", None) is ...


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and those in it, but for annotations."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from walk(child)


def brief(code: str) -> str:
    """A piece of code on one short line."""
    line = " ".join(code.split())
    return line if len(line) <= 100 else f"{line[:48]} … {line[-48:]}"


def mutants(path: str, text: str) -> Iterator[dict[str, object]]:
    """The faults of a source, as mutants.ts describes them, with its path."""
    source = Source(text)
    found = [edit for node in walk(ast.parse(text)) for edit in edits(node, source)]
    for operator, start, end, put in sorted(found, key=lambda edit: edit[1]):
        faulty = source.bytes[:start] + put.encode() + source.bytes[end:]
        yield {
            "path": path,
            "operator": operator,
            "line": source.bytes[:start].count(b"\n") + 1,
            "change": f"{brief(source.text(start, end))} → {brief(put)}",
            "text": faulty.decode(),
        }


def main() -> None:
    """Print the faults of the files that the command line names."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE")
    for path in parser.parse_args().files:
        text = read_text(path)
        try:
            for mutant in mutants(path, text):
                print(json.dumps(mutant, ensure_ascii=False))
        except SyntaxError as error:
            raise Fault("bad_request", f"cannot read {path}: {error}") from error


if __name__ == "__main__":
    run_script(main)
