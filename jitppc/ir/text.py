"""Blocks as text (`.pir`), and back.

    ; everything behind a semicolon is a comment
    +0:                                     an instruction begins, 0 bytes behind the block's first
      %0:i64 = get[gpr] 4                   name and type, `=`, op, attribute in brackets, operands
      %1:i64 = add %0, 0xff                 a plain number is a constant, of type i64
      %2:i1 = slt %1, 0
      %3:i8 = select %2, 8:i8, 4:i8         a constant of another type says so
      %4:i64 = field[RT,5,21]               a tuple as attribute is a list with commas
      set[gpr] 3, %1                        an op without a result

Names count from %0 in order; a block of one instruction may leave out `+0:`. Numbers are decimal
or 0x..., may be negative, and are taken modulo their type. The parser says which line it does not
understand; whether the block is legal is for `verify` to say.
"""

from __future__ import annotations

import re
from typing import Any

from .block import Block, Value
from .ops import OPS
from .types import BY_NAME, I64, I128, NOTHING, Type


# --- printing -------------------------------------------------------------------------------------
def number_text(number: int) -> str:
    """Small numbers in decimal, others in hexadecimal."""
    return str(number) if number < 1000 else f"0x{number:x}"


def value_text(value: Value, names: dict[Value, str]) -> str:
    """One op, without indentation. Operands that have no name yet are shown as `%?`."""

    def operand(arg: Value) -> str:
        if arg.constant is not None:
            return number_text(arg.constant) + ("" if arg.type == I64 else f":{arg.type}")
        return names.get(arg, "%?")

    attr = "" if value.attr is None else f"[{_attribute_text(value.attr)}]"
    result = "" if value.type is NOTHING else f"{names.get(value, '%?')}:{value.type} = "
    return f"{result}{value.op.name}{attr} {', '.join(map(operand, value.args))}".rstrip()


def block_text(block: Block) -> str:
    """The block, one op a line; `parse_block` gives an equal block."""
    names: dict[Value, str] = {}
    lines, starts = [], list(block.starts)
    for index, value in enumerate(block.values):
        while starts and starts[0][0] <= index:
            lines.append(f"+{starts.pop(0)[1]}:")
        if value.type is not NOTHING:
            names[value] = f"%{len(names)}"
        lines.append("  " + value_text(value, names))
    lines += [f"+{offset}:" for _, offset in starts]
    if block.size_bytes != 4:
        lines.append(_PREFIXED)
    return "\n".join(lines) + "\n"


def _attribute_text(attr: Any) -> str:
    return ",".join(map(str, attr)) if isinstance(attr, tuple) else str(attr)


# --- parsing --------------------------------------------------------------------------------------
#: the last line of a block whose last instruction is prefixed
_PREFIXED = "prefixed:"
_START = re.compile(r"\+(\d+):")
_LINE = re.compile(
    r"(?:(?P<name>%\w+):(?P<type>\w+)\s*=\s*)?(?P<op>[a-z_]\w*)(?:\[(?P<attr>[^\]]*)\])?"
    r"(?:\s+(?P<operands>.*))?"
)
_NUMBER = re.compile(r"(-?(?:0x[0-9a-fA-F]+|\d+))(?::(\w+))?")


def parse_block(text: str) -> Block:
    """The block that a text says. Raises ValueError with the number of the line in question."""
    block = Block()
    names: dict[str, Value] = {}
    constants: dict[tuple[int, Type], Value] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition(";")[0].strip()
        try:
            if line == _PREFIXED:
                block.size_bytes = 8
            elif start := _START.fullmatch(line):
                block.starts.append((len(block.values), int(start.group(1))))
            elif line:
                block.values.append(_parse_line(line, names, constants))
        except ValueError as problem:
            raise ValueError(f"line {number}: {problem}: {line}") from None
    return block


def _parse_line(
    line: str, names: dict[str, Value], constants: dict[tuple[int, Type], Value]
) -> Value:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("not an op")
    row = OPS.get(match["op"])
    if row is None:
        raise ValueError(f"there is no op {match['op']}")
    args = tuple(
        _operand(part.strip(), names, constants)
        for part in (match["operands"] or "").split(",")
        if part.strip()
    )
    type_ = _type(match["type"]) if match["name"] else NOTHING
    is_static = row.name == "field" or (
        row.is_pure and type_ != I128 and all(arg.is_static for arg in args)
    )
    value = Value(row, type_, args, _attribute(match["attr"]), is_static)
    if match["name"]:
        if match["name"] in names:
            raise ValueError(f"{match['name']} is there already")
        names[match["name"]] = value
    return value


def _type(name: str) -> Type:
    if name not in BY_NAME:
        raise ValueError(f"there is no type {name}")
    return BY_NAME[name]


def _attribute(text: str | None) -> Any:
    if text is None:
        return None
    pieces = [
        int(p) if re.fullmatch(r"-?\d+", p) else {"True": True, "False": False}.get(p, p)
        for p in text.split(",")
    ]
    return pieces[0] if len(pieces) == 1 else tuple(pieces)


def _operand(text: str, names: dict[str, Value], constants: dict[tuple[int, Type], Value]) -> Value:
    if text.startswith("%"):
        if text not in names:
            raise ValueError(f"{text} is not defined above")
        return names[text]
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is neither a name nor a number")
    type_ = _type(match[2]) if match[2] else I64
    key = (int(match[1], 0) & type_.mask, type_)
    if key not in constants:
        constants[key] = Value(OPS["const"], type_, (), (key[0], type_.bits), True)
    return constants[key]
