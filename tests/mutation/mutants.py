"""All mutants of a source file: the same code with one place changed, as a slip might change it.

An operator, a comparison, a constant (an axis, too), a bound, a condition; a statement, a keyword
or a return value left out. Texts, annotations, decorators, __repr__, what stands in a `raise` and
the cases of the exercises are left alone. mutate.py runs the tests on them.
"""

import ast
from typing import NamedTuple

OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.MatMult: ast.Mult, ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
COMPARISONS = {
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.In: [ast.NotIn],
    ast.NotIn: [ast.In], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is],
}  # fmt: skip
CALLS = {"min": "max", "any": "all", "minimum": "maximum", "zeros": "ones", "sum": "mean"}
CALLS |= {other: name for name, other in CALLS.items()}


class Mutant(NamedTuple):
    """source[start:end], in bytes, becomes text; line counts from 1."""

    file: str
    line: int
    start: int
    end: int
    kind: str
    text: str


def changed(node, **fields):
    """A copy of a node with other fields."""
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})


def opposite(test):
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
    return ast.UnaryOp(ast.Not(), test)


def others(node):
    """(a node, kind of mutation, what comes in its place) for all that can be done to a node."""
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op):
            yield node, "operator", changed(node, op=OPERATORS[type(op)]())
        case ast.UnaryOp(operand=operand):
            yield node, "operator", operand
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield node, "comparison", changed(node, ops=[*ops[:i], other(), *ops[i + 1 :]])
        case ast.Constant(value=bool(value)):
            yield node, "constant", ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield node, "constant", ast.Constant(value + 1)
            yield node, "constant", ast.Constant(value - 1)
        case ast.Constant(value=float(value)):
            yield node, "constant", ast.Constant(2 * value or 1.0)
        case ast.If(test=test) | ast.While(test=test):
            yield test, "condition", opposite(test)
        case ast.comprehension(ifs=[test]):
            yield test, "condition", opposite(test)
        case ast.IfExp(body=body, orelse=orelse):
            yield node, "condition", changed(node, body=orelse, orelse=body)
        case ast.Subscript(slice=ast.Slice() as bounds):
            for side in ("lower", "upper"):
                if getattr(bounds, side):
                    yield node, "bound", changed(node, slice=changed(bounds, **{side: None}))
        case ast.Call(func=func, args=args, keywords=keywords):
            match func:
                case ast.Name("range"):  # one round less
                    i = min(len(args), 2) - 1
                    stop = ast.BinOp(args[i], ast.Sub(), ast.Constant(1))
                    yield node, "bound", changed(node, args=[*args[:i], stop, *args[i + 1 :]])
                case ast.Name(name) if name in CALLS:
                    yield func, "call", changed(func, id=CALLS[name])
                case ast.Attribute(attr=name) if name in CALLS:
                    yield func, "call", changed(func, attr=CALLS[name])
            for one in keywords:
                rest = [keyword for keyword in keywords if keyword is not one]
                yield node, "keyword", changed(node, keywords=rest)
        case ast.Return(value=ast.Tuple(elts=[first, second, *rest])):
            yield node, "return", changed(node, value=ast.Tuple([second, first, *rest]))
        case ast.Return(value=ast.AST() as value) if ast.unparse(value) != "None":
            yield node, "return", changed(node, value=ast.Constant(None))
    match node:
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign():
            yield node, "statement", ast.Pass()
        case ast.Expr() | ast.Raise() | ast.Continue() | ast.Break():
            yield node, "statement", ast.Pass()


def all_others(node):
    """The same for all nodes below it, too."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.FunctionDef(name="__repr__") | ast.JoinedStr():
            return
        case ast.Call(func=ast.Name("case")) | ast.FunctionDef(name="case"):
            return
    yield from others(node)
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "decorator_list", "bases", "exc", "pattern"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from all_others(child)


def mutants(file, source):
    """[Mutant] of a file's source, in the order of their places."""
    begins = [0]
    for line in source.encode().splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    found = set()
    for node, kind, other in all_others(ast.parse(source)):
        text = ast.unparse(ast.fix_missing_locations(other))
        if isinstance(other, (ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.UnaryOp)):
            text = f"({text})"
        start = begins[node.lineno - 1] + node.col_offset
        end = begins[node.end_lineno - 1] + node.end_col_offset
        found.add(Mutant(file, node.lineno, start, end, kind, text))
    return sorted(found, key=lambda m: m[1:])


def mutated(source, mutant):
    source = source.encode()
    return (source[: mutant.start] + mutant.text.encode() + source[mutant.end :]).decode()
