"""A part of Python as LLVM text: functions of integers, from their source.

What is written in it runs as Python in the evaluator and as native code everywhere else, and is
stated once. It has functions of positional parameters with constants and functions of modules;
assignments, `if`, `while`, `for` over `range`, `return` of a number or a tuple of numbers;
arithmetic, comparisons, `and`, `or`, `not`, `in` a tuple, `min`, `max`, calls. A number is 64 bits
wide and signed. The first parameter may be a list of numbers with the annotation `Work`: here a
pointer, and no index is checked. Whatever else occurs is a ValueError at compile time.

Numba understands all this and much more, and takes a second for every eight functions.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from .emitter import Emitter

WORK = "Work"
_ARITHMETIC: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or",
    ast.BitXor: "xor", ast.LShift: "shl", ast.RShift: "ashr",
}  # fmt: skip
_COMPARISON: dict[type, str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "slt", ast.LtE: "sle", ast.Gt: "sgt", ast.GtE: "sge",
}  # fmt: skip
_CHOICE = {"min": "slt", "max": "sgt"}


@functools.cache
def _definitions(file: str) -> dict[str, ast.FunctionDef]:
    body = ast.parse(Path(file).read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def symbol_of(function: Callable[..., Any]) -> str:
    """The function's name in LLVM."""
    return f"{function.__module__}.{function.__name__}"


def signature_of(function: Callable[..., Any]) -> tuple[str, list[str]]:
    """Types of the result and of the parameters."""
    node = _definitions(inspect.getfile(function))[function.__name__]
    returns = ast.unparse(node.returns) if node.returns else ""
    numbers = {"int": 1, "None": 0}.get(returns, returns.count("int"))
    result = "void" if numbers == 0 else "i64"
    if numbers > 1:
        result = "{" + ", ".join(["i64"] * numbers) + "}"
    kinds = ["ptr" if _is_work(a) else "i64" for a in node.args.args]
    return result, kinds


def _is_work(argument: ast.arg) -> bool:
    return isinstance(argument.annotation, ast.Name) and argument.annotation.id == WORK


def functions_text(*roots: Callable[..., Any]) -> str:
    """Definitions of these functions and of all that they call, internal to the module."""
    wanted, text = list(roots), dict[Callable[..., Any], str]()
    while wanted:
        function = wanted.pop()
        if function not in text:
            compiler = _Function(function)
            text[function] = compiler.definition()
            wanted += compiler.calls
    return "\n".join(text.values())


class _Function:
    """Compiles one function. Locals are stack slots, which LLVM makes values of."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.node = _definitions(inspect.getfile(function))[function.__name__]
        self.globals: dict[str, Any] = vars(inspect.getmodule(function))
        self.e = Emitter()
        self.slots: dict[str, str] = {}
        self.allocated: list[str] = []
        self.calls: list[Callable[..., Any]] = []
        self.result, self.kinds = signature_of(function)

    def definition(self) -> str:
        """The function's text."""
        parameters = [a.arg for a in self.node.args.args]
        self.work = {
            name for name, kind in zip(parameters, self.kinds, strict=True) if kind == "ptr"
        }
        stored = {n.id for n in ast.walk(self.node)
                  if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for name in sorted(stored | set(parameters) - self.work):
            self.slots[name] = self._slot()
        for name in parameters:
            if name not in self.work:
                self.e.line(f"store i64 %p.{name}, ptr {self.slots[name]}")
        self._all(self.node.body)
        self.e.line("ret void" if self.result == "void" else "unreachable")
        pairs = zip(self.kinds, parameters, strict=True)
        listed = ", ".join(f"{kind} %p.{name}" for kind, name in pairs)
        symbol = symbol_of(self.function)
        self.e.lines[:0] = [f" {slot} = alloca i64" for slot in self.allocated]
        return self.e.definition(f'internal {self.result} @"{symbol}"({listed}) nounwind')

    def _slot(self) -> str:
        """A new stack slot, allocated at the function's beginning."""
        self.allocated.append("%" + self.e.fresh("slot"))
        return self.allocated[-1]

    def _refuse(self, node: ast.AST) -> ValueError:
        where = f"{inspect.getfile(self.function)}:{getattr(node, 'lineno', '?')}"
        return ValueError(f"{where}: cannot be compiled: {ast.unparse(node)}")

    # --- statements
    def _all(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            method = getattr(self, "_" + type(statement).__name__.lower(), None)
            if method is None:
                raise self._refuse(statement)
            method(statement)

    def _expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):    # a docstring
            self._call(node.value)

    def _assign(self, node: ast.Assign) -> None:
        first = node.targets[0]
        if not isinstance(first, ast.Tuple):
            value = self.value(node.value)
            for target in node.targets:
                self._store(target, value)
            return
        if isinstance(node.value, ast.Tuple):
            values = [self.value(v) for v in node.value.elts]
        else:
            kind, pair = self._call(node.value)
            values = [
                self.e.tmp(f"extractvalue {kind} {pair}, {n}") for n in range(len(first.elts))
            ]
        for target, value in zip(first.elts, values, strict=True):
            self._store(target, value)

    def _augassign(self, node: ast.AugAssign) -> None:
        target = node.target
        if isinstance(target, ast.Subscript):
            pointer = self._place(target)
        elif isinstance(target, ast.Name):
            pointer = self.slots[target.id]
        else:
            raise self._refuse(node)
        old = self.e.tmp(f"load i64, ptr {pointer}")
        new = self._operation(node.op, old, self.value(node.value), node)
        self.e.line(f"store i64 {new}, ptr {pointer}")

    def _store(self, target: ast.expr, value: str) -> None:
        pointer = (
            self.slots[target.id] if isinstance(target, ast.Name) else self._place(target)
        )
        self.e.line(f"store i64 {value}, ptr {pointer}")

    def _return(self, node: ast.Return) -> None:
        if isinstance(node.value, ast.Tuple):
            whole = "poison"
            for n, element in enumerate(node.value.elts):
                value = self.value(element)
                whole = self.e.tmp(f"insertvalue {self.result} {whole}, i64 {value}, {n}")
            self.e.line(f"ret {self.result} {whole}")
        elif node.value is None:
            self.e.line("ret void")
        else:
            self.e.line(f"ret i64 {self.value(node.value)}")
        self._label(self.e.fresh("dead"))

    def _label(self, name: str) -> None:
        self.e.line(f"{name}:")

    def _if(self, node: ast.If) -> None:
        yes, no, end = (self.e.fresh(stem) for stem in ("yes", "no", "end"))
        self.e.line(f"br i1 {self.truth(node.test)}, label %{yes}, label %{no}")
        for label, body in ((yes, node.body), (no, node.orelse)):
            self._label(label)
            self._all(body)
            self.e.line(f"br label %{end}")
        self._label(end)

    def _while(self, node: ast.While) -> None:
        def condition() -> str:
            return self.truth(node.test)

        self._loop(condition, node.body, lambda: None)

    def _for(self, node: ast.For) -> None:
        call = node.iter
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "range"):
            raise self._refuse(node)
        limits = [self.value(a) for a in call.args]
        step = int(ast.literal_eval(call.args[2])) if len(limits) == 3 else 1
        if len(limits) == 1:
            limits.insert(0, "0")
        counter = self._slot()
        self.e.line(f"store i64 {limits[0]}, ptr {counter}")

        def condition() -> str:
            now = self.e.tmp(f"load i64, ptr {counter}")
            self._store(node.target, now)
            return self.e.tmp(f"icmp {'slt' if step > 0 else 'sgt'} i64 {now}, {limits[1]}")

        def step_on() -> None:
            now = self.e.tmp(f"load i64, ptr {counter}")
            self.e.line(f"store i64 {self.e.tmp(f'add i64 {now}, {step}')}, ptr {counter}")

        self._loop(condition, node.body, step_on)

    def _loop(self, condition: Callable[[], str], body: list[ast.stmt],
              step_on: Callable[[], None]) -> None:
        head, inside, end = (self.e.fresh(stem) for stem in ("head", "inside", "end"))
        self.e.line(f"br label %{head}")
        self._label(head)
        self.e.line(f"br i1 {condition()}, label %{inside}, label %{end}")
        self._label(inside)
        self._all(body)
        step_on()
        self.e.line(f"br label %{head}")
        self._label(end)

    # --- expressions
    def truth(self, node: ast.expr) -> str:
        """An i1: the expression is not 0."""
        return self.e.tmp(f"icmp ne i64 {self.value(node)}, 0")

    def value(self, node: ast.expr) -> str:
        """The expression as an i64."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return str(int(node.value))
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Subscript):
            return self.e.tmp(f"load i64, ptr {self._place(node)}")
        if isinstance(node, ast.BinOp):
            left = self.value(node.left)
            return self._operation(node.op, left, self.value(node.right), node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.BoolOp):
            return self._either(node.values, isinstance(node.op, ast.And))
        if isinstance(node, ast.IfExp):
            return self._branches(
                self.truth(node.test), lambda: self.value(node.body),
                lambda: self.value(node.orelse),
            )
        if isinstance(node, ast.Call):
            return self._call(node)[1]
        raise self._refuse(node)

    def _name(self, node: ast.Name) -> str:
        if node.id in self.slots:
            return self.e.tmp(f"load i64, ptr {self.slots[node.id]}")
        found = self.globals.get(node.id)
        if not isinstance(found, int):
            raise self._refuse(node)
        return str(int(found))

    def _place(self, node: ast.expr) -> str:
        """Pointer to w[index]."""
        if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
                and node.value.id in self.work):
            raise self._refuse(node)
        index = self.value(node.slice)
        return self.e.tmp(f"getelementptr i64, ptr %p.{node.value.id}, i64 {index}")

    def _operation(self, op: ast.operator, x: str, y: str, node: ast.AST) -> str:
        if type(op) in _ARITHMETIC:
            return self.e.tmp(f"{_ARITHMETIC[type(op)]} i64 {x}, {y}")
        if not isinstance(op, ast.FloorDiv | ast.Mod):
            raise self._refuse(node)
        # LLVM rounds toward zero, Python down: they differ where the remainder's sign is not y's
        rest = self.e.tmp(f"srem i64 {x}, {y}")
        unlike = self.e.tmp(f"icmp slt i64 {self.e.tmp(f'xor i64 {rest}, {y}')}, 0")
        inexact = self.e.tmp(f"icmp ne i64 {rest}, 0")
        below = self.e.tmp(f"and i1 {unlike}, {inexact}")
        if isinstance(op, ast.Mod):
            added = self.e.tmp(f"add i64 {rest}, {y}")
            return self.e.tmp(f"select i1 {below}, i64 {added}, i64 {rest}")
        quotient = self.e.tmp(f"sdiv i64 {x}, {y}")
        return self.e.tmp(f"sub i64 {quotient}, {self.e.tmp(f'zext i1 {below} to i64')}")

    def _unary(self, node: ast.UnaryOp) -> str:
        if isinstance(node.op, ast.Not):
            return self._number(self.e.tmp(f"xor i1 {self.truth(node.operand)}, true"))
        x = self.value(node.operand)
        if isinstance(node.op, ast.USub):
            return self.e.tmp(f"sub i64 0, {x}")
        if isinstance(node.op, ast.Invert):
            return self.e.tmp(f"xor i64 {x}, -1")
        raise self._refuse(node)

    def _number(self, condition: str) -> str:
        return self.e.tmp(f"zext i1 {condition} to i64")

    def _compare(self, node: ast.Compare) -> str:
        """Operands of a chain are all evaluated; none has an effect."""
        if isinstance(node.ops[0], ast.In) and isinstance(node.comparators[0], ast.Tuple):
            x = self.value(node.left)
            equal = [self.e.tmp(f"icmp eq i64 {x}, {self.value(other)}")
                     for other in node.comparators[0].elts]
            return self._number(functools.reduce(lambda a, b: self.e.tmp(f"or i1 {a}, {b}"), equal))
        if not all(type(op) in _COMPARISON for op in node.ops):
            raise self._refuse(node)
        values = [self.value(operand) for operand in (node.left, *node.comparators)]
        held = [
            self.e.tmp(f"icmp {_COMPARISON[type(op)]} i64 {x}, {y}")
            for op, x, y in zip(node.ops, values, values[1:], strict=False)
        ]
        return self._number(functools.reduce(lambda a, b: self.e.tmp(f"and i1 {a}, {b}"), held))

    def _either(self, operands: list[ast.expr], is_and: bool) -> str:
        """`and`, `or`: the first operand that decides."""
        first = self.value(operands[0])
        if len(operands) == 1:
            return first
        true = self.e.tmp(f"icmp ne i64 {first}, 0")

        def rest() -> str:
            return self._either(operands[1:], is_and)

        def stays() -> str:
            return first

        return self._branches(true, *((rest, stays) if is_and else (stays, rest)))

    def _branches(self, condition: str, yes: Callable[[], str], no: Callable[[], str]) -> str:
        slot = self._slot()
        labels, end = [self.e.fresh("yes"), self.e.fresh("no")], self.e.fresh("end")
        self.e.line(f"br i1 {condition}, label %{labels[0]}, label %{labels[1]}")
        for label, branch in zip(labels, (yes, no), strict=True):
            self._label(label)
            self.e.line(f"store i64 {branch()}, ptr {slot}")
            self.e.line(f"br label %{end}")
        self._label(end)
        return self.e.tmp(f"load i64, ptr {slot}")

    def _call(self, node: ast.expr) -> tuple[str, str]:
        """Type and name of a call's result."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            raise self._refuse(node)
        if node.func.id in _CHOICE and len(node.args) == 2:
            x, y = (self.value(a) for a in node.args)
            first = self.e.tmp(f"icmp {_CHOICE[node.func.id]} i64 {x}, {y}")
            return "i64", self.e.tmp(f"select i1 {first}, i64 {x}, i64 {y}")
        callee: Any = self.globals.get(node.func.id)
        if not isinstance(callee, FunctionType) or node.keywords:
            raise self._refuse(node)
        result, kinds = signature_of(callee)
        self.calls.append(callee)
        operands = ", ".join(
            f"{kind} {self._work_name(a) if kind == 'ptr' else self.value(a)}"
            for kind, a in zip(kinds, node.args, strict=True)
        )
        call = f'call {result} @"{symbol_of(callee)}"({operands})'
        if result == "void":
            self.e.line(call)
            return result, ""
        return result, self.e.tmp(call)

    def _work_name(self, node: ast.expr) -> str:
        if not (isinstance(node, ast.Name) and node.id in self.work):
            raise self._refuse(node)
        return f"%p.{node.id}"
