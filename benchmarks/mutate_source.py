"""Small changes of a source file (mutants) that its tests should notice."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
}
OPPOSITES = {
    **{"min": "max", "minimum": "maximum", "argmin": "argmax", "any": "all", "floor": "ceil"},
    **{"max": "min", "maximum": "minimum", "argmax": "argmin", "all": "any", "ceil": "floor"},
}
SYMMETRIC = {*OPPOSITES, "allclose", "hypot", "isclose", "isinstance", "multiply", "union1d", "zip"}
"""Calls whose arguments are not swapped."""


UNTESTABLE_CALLS = {"NewType", "TypeVar", "cast", "setLogLevel", "setNumThreads"}
UNTESTABLE_ARGUMENTS = {"strict", "timeout"}
SKIPPED_FIELDS = {"annotation", "returns", "decorator_list"}
OPERATIONS = (ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.UnaryOp)
AROUND_OPERANDS = (ast.Attribute, ast.BinOp, ast.Compare, ast.Subscript, ast.UnaryOp)
LARGE = 10
"""Numbers from here on are doubled: one more is rarely a difference that matters."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small change of a source file.

    Attributes
    ----------
    file : str
        Path within the package.
    line : int
    operator : str
        The kind of change.
    start, end : int
        The bytes of the file that are replaced.
    text : str
        What replaces them.
    lines : range
        Lines of which a test must run one to notice; empty where it takes effect on import.
    names : frozenset of str
        What it changes the meaning of, where it takes effect on import.
    """

    file: str
    line: int
    operator: str
    start: int
    end: int
    text: str
    lines: range
    names: frozenset[str]

    def apply(self, source: bytes) -> bytes:
        """Return the changed source."""
        return source[: self.start] + self.text.encode() + source[self.end :]

    def diff(self, source: bytes) -> str:
        """Return the lines that change, before (-) and after (+)."""
        before, after = source.decode().splitlines(), self.apply(source).decode().splitlines()
        return "\n".join(list(difflib.unified_diff(before, after, n=0, lineterm=""))[3:])


def function_lines(source: str) -> set[int]:
    """Return the numbers of the lines that run when something is called, not on import."""
    functions = [
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.Lambda)
    ]
    return {line for f in functions for line in _body(f)}


def find_mutants(file: str, source: str) -> list[Mutant]:
    """Return all mutants of a source file, in the order of its lines."""
    text = _Text(source)
    mutants = []
    for node, parents in _walk(ast.parse(source), ()):
        lines, names = _reach(node, parents)
        for operator, start, end, new in _changes(node, parents, text):
            mutants.append(Mutant(file, text.line(start), operator, start, end, new, lines, names))
    return sorted(mutants, key=lambda m: (m.start, m.end, m.text))


class _Text:
    """A source file, and where the nodes of its tree stand in it."""

    def __init__(self, source: str) -> None:
        self.source = source.encode()
        self.starts = [0]
        for line in self.source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def line(self, place: int) -> int:
        return self.source.count(b"\n", 0, place) + 1

    def between(self, start: int, end: int) -> str:
        return self.source[start:end].decode()

    def of(self, node: ast.expr | ast.stmt) -> str:
        return self.between(self.start(node), self.end(node))


Parents = tuple[ast.AST, ...]
Change = tuple[str, int, int, str]


def _walk(node: ast.AST, parents: Parents) -> Iterator[tuple[ast.AST, Parents]]:
    """Yield every node that may be changed, and the nodes around it, outermost first."""
    if isinstance(node, ast.Assert | ast.Import | ast.ImportFrom):
        return
    if isinstance(node, ast.JoinedStr):
        return  # positions within are wrong before Python 3.12
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    call = node.value if isinstance(node, ast.Expr) else node
    if isinstance(call, ast.Call) and _called(call) in UNTESTABLE_CALLS:
        return
    yield node, parents
    if isinstance(node, ast.Raise):
        return
    for name, value in ast.iter_fields(node):
        if name not in SKIPPED_FIELDS:
            for child in value if isinstance(value, list) else [value]:
                untestable = isinstance(child, ast.keyword) and child.arg in UNTESTABLE_ARGUMENTS
                if isinstance(child, ast.AST) and not untestable:
                    yield from _walk(child, (*parents, node))


def _called(call: ast.Call) -> str:
    """Return the last name of what is called."""
    return ast.unparse(call.func).rpartition(".")[2]


def _body(function: ast.FunctionDef | ast.Lambda) -> range:
    inner = function.body if isinstance(function.body, list) else [function.body]
    return range(inner[0].lineno, (inner[-1].end_lineno or 0) + 1)


def _reach(node: ast.AST, parents: Parents) -> tuple[range, frozenset[str]]:
    """Return the lines that run with a node, or the names that it defines on import."""
    statements = [n for n in (*parents, node) if isinstance(n, ast.stmt)]
    if not statements:
        return range(0), frozenset()
    inner = statements[-1]
    if isinstance(inner, ast.FunctionDef):  # its defaults and decorators
        return _body(inner), frozenset()
    if any(isinstance(n, ast.FunctionDef) for n in statements):
        body = getattr(inner, "body", None)
        last = body[0].lineno - 1 if body else inner.end_lineno or inner.lineno
        return range(inner.lineno, max(last, inner.lineno) + 1), frozenset()
    names = {n.id for n in ast.walk(inner) if isinstance(n, ast.Name) and _is_stored(n)}
    return range(0), frozenset(names | {n.name for n in statements if isinstance(n, ast.ClassDef)})


def _is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _changes(node: ast.AST, parents: Parents, text: _Text) -> Iterator[Change]:
    if isinstance(node, ast.stmt):
        yield from _of_statement(node, parents, text)
    elif isinstance(node, ast.expr):
        for operator, new in _of_expression(node, text):
            start, end = text.start(node), text.end(node)
            enclosed = text.between(start - 1, start) == "(" and text.between(end, end + 1) == ")"
            is_operand = isinstance(node, OPERATIONS) and isinstance(parents[-1], AROUND_OPERANDS)
            if is_operand and not enclosed:
                new = f"({new})"
            yield operator, start, end, new
    elif isinstance(node, ast.comprehension):
        for condition in node.ifs:
            yield "condition", text.start(condition), text.end(condition), "True"


def _of_statement(node: ast.stmt, parents: Parents, text: _Text) -> Iterator[Change]:
    whole = text.start(node), text.end(node)
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    if (
        (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        or isinstance(node, ast.AugAssign | ast.Delete | ast.Raise)
        or isinstance(target, ast.Subscript | ast.Attribute)
    ):
        yield "statement removed", *whole, "pass"
    if isinstance(node, ast.AugAssign):
        old, new = ARITHMETIC.get(type(node.op), ("", ""))
        place = text.of(node).find(old + "=")
        if old:
            start = whole[0] + len(text.of(node)[:place].encode())
            yield "arithmetic", start, start + len(old), new
    if isinstance(node, ast.Continue):
        yield "loop", *whole, "break"
    if isinstance(node, ast.Break):
        yield "loop", *whole, "continue"
    if isinstance(node, ast.If):
        for new in ("True", "False"):
            yield "condition", text.start(node.test), text.end(node.test), new
    if isinstance(node, ast.While):
        yield "condition", text.start(node.test), text.end(node.test), "False"
    if isinstance(node, ast.Return) and not _is_false(node.value):
        assert node.value is not None
        yield "return", text.start(node.value), text.end(node.value), "None"
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        for decorator in node.decorator_list:
            if not ast.unparse(decorator).startswith("dataclass"):
                at = text.source.rindex(b"@", 0, text.start(decorator))
                yield "decorator removed", at, text.end(decorator), ""


def _is_false(value: ast.expr | None) -> bool:
    """Return whether a function that returns None instead gives the same to a condition."""
    return value is None or (
        isinstance(value, ast.Constant) and (value.value is None or value.value is False)
    )


def _of_expression(node: ast.expr, text: _Text) -> Iterator[tuple[str, str]]:
    """Yield kinds of change, and the new text of the whole expression."""
    if isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        for i, operator in enumerate(node.ops):
            old, new = COMPARISONS[type(operator)]
            yield from _replaced("comparison", node, operands[i], operands[i + 1], old, new, text)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        old, new = ARITHMETIC[type(node.op)]
        if not any(isinstance(n, ast.JoinedStr) or _is_text(n) for n in (node.left, node.right)):
            yield from _replaced("arithmetic", node, node.left, node.right, old, new, text)
    elif isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        # one operand after the other: `a and b and c` gives `a or b and c`, `a and b or c`
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from _replaced("boolean", node, left, right, old, new, text)
    elif isinstance(node, ast.UnaryOp):
        yield "sign", text.of(node)[3 if isinstance(node.op, ast.Not) else 1 :].strip()
    elif isinstance(node, ast.IfExp):
        body, test, orelse = text.of(node.body), text.of(node.test), text.of(node.orelse)
        yield "condition", f"{body} if not ({test}) else {orelse}"
    elif isinstance(node, ast.Call):
        yield from _of_call(node, text)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def _of_constant(node: ast.Constant) -> Iterator[tuple[str, str]]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", str(not value)
    elif isinstance(value, int):
        yield "number", str(value * 2 if value >= LARGE else value + 1)
    elif isinstance(value, float):
        yield "number", repr(value * 2 if value else 1.0)


def _replaced(
    kind: str, node: ast.expr, left: ast.expr, right: ast.expr, old: str, new: str, text: _Text
) -> Iterator[tuple[str, str]]:
    """Yield the expression with another operator between two of its operands."""
    start, end = text.end(left), text.start(right)
    gap = text.between(start, end)
    if old in gap and "#" not in gap:
        before, after = text.between(text.start(node), start), text.between(end, text.end(node))
        yield kind, before + gap.replace(old, new, 1) + after


def _of_call(node: ast.Call, text: _Text) -> Iterator[tuple[str, str]]:
    name, whole = _called(node), text.of(node)
    if name in OPPOSITES:
        end = len(text.of(node.func))
        yield "call", whole[: end - len(name)] + OPPOSITES[name] + whole[end:]
    first = node.args[:2]
    if len(first) == 2 and name not in SYMMETRIC and all(isinstance(n, ast.Name) for n in first):
        left, right = first
        before = text.between(text.start(node), text.start(left))
        gap = text.between(text.end(left), text.start(right))
        after = text.between(text.end(right), text.end(node))
        if text.of(left) != text.of(right):
            yield "arguments", before + text.of(right) + gap + text.of(left) + after
