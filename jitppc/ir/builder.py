"""The builder: typed emit methods stamped from the op table, folding as it goes, and the Power
vocabulary on top.

Instruction bodies see only this class. Operands are `Value`s; a Python int is taken as a constant
of the type the other operands ask for. Control flow inside an instruction is `select`, or an
`interrupt_if` that leaves before anything has been written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .block import Block, Value
from .layout import INTERRUPTS, MSR, NOT_PLAIN, PAIR, REGISTERS, PageMode
from .ops import OPS, Op
from .simplify import simplify
from .types import BY_BITS, I1, I8, I64, I128, Type

Operand = Value | int


class Mode:
    """What translation assumes about the machine.

    `little` and `sixty_four` are True, False, or None for either.
    """

    __slots__ = ("little", "name", "sixty_four")

    def __init__(self, name: str, little: bool | None, sixty_four: bool | None) -> None:
        self.name, self.little, self.sixty_four = name, little, sixty_four


LE64 = Mode("le64", True, True)
BE64 = Mode("be64", False, True)
ANY = Mode("any", None, None)
MODES = {mode.name: mode for mode in (LE64, BE64, ANY)}
#: of pages that regions are made from
PAGE_MODES = {PageMode.LE64: LE64, PageMode.BE64: BE64}


class OpsMixin:
    """`emit` and one method per pure op."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Value]:
            """The methods stamped below, which a type checker cannot see."""

    def __init__(self, mode: Mode = LE64, pair: int | None = NOT_PLAIN) -> None:
        self.mode, self._pair = mode, pair
        self.block = Block()
        self._constants: dict[tuple[int, Type], Value] = {}

    def const(self, value: int, type_: Type = I64) -> Value:
        """The constant `value` modulo the width of the type."""
        value &= type_.mask
        key = (value, type_)
        if key not in self._constants:
            self._constants[key] = Value(OPS["const"], type_, (), (value, type_.bits), True)
        return self._constants[key]

    def emit(self, name: str, *operands: Operand, attr: Any = None) -> Value:
        """Append one op, or return an equal simpler value.

        Raises TypeError when types do not fit the row.
        """
        row = OPS[name]
        args, shared = self._typed(row, operands)
        result = self._result_type(row, shared, attr)
        if row.evaluate is not None:
            if all(a.constant is not None for a in args):
                kind = shared or (args[0].type if args else I64)
                return self.const(row.evaluate(kind, attr, *(a.constant for a in args)), result)
            simpler = simplify(self, row, args, attr, result)
            if simpler is not None:
                return simpler
        # a predecoded cell has no room for 128 bits, so these are computed where they are used
        is_static = row.evaluate is not None and result != I128 and all(a.is_static for a in args)
        value = Value(row, result, args, attr, is_static)
        self.block.values.append(value)
        return value

    def field(self, name: str, width: int, shift: int) -> Value:
        """Bits of the instruction word (`width` bits, `shift` from the right), known only when it
        is decoded.
        """
        value = Value(OPS["field"], I64, (), (name, width, shift), True)
        self.block.values.append(value)
        return value

    def _typed(
        self, row: Op, operands: tuple[Operand, ...]
    ) -> tuple[tuple[Value, ...], Type | None]:
        if len(operands) != len(row.args) and "index" not in row.args:
            raise TypeError(f"{row.name} takes {len(row.args)} operands, not {len(operands)}")
        shared: Type | None = None
        for kind, operand in zip(row.args, operands, strict=False):
            if kind == "T" and isinstance(operand, Value):
                if shared not in (None, operand.type):
                    raise TypeError(f"{row.name}: operands of {shared} and {operand.type}")
                shared = operand.type
        if "T" in row.args and shared is None:
            shared = I64
        kinds = row.args if "index" not in row.args else (None,) * len(operands)
        args = []
        for kind, operand in zip(kinds, operands, strict=True):
            wanted = shared if kind == "T" else kind
            if isinstance(operand, int):
                arg = self.const(operand, wanted if isinstance(wanted, Type) else I64)
            else:
                arg = operand
            if isinstance(wanted, Type) and arg.type != wanted:
                raise TypeError(f"{row.name} wants {wanted}, got {arg!r}")
            args.append(arg)
        return tuple(args), shared

    @staticmethod
    def _result_type(row: Op, shared: Type | None, attr: Any) -> Type:
        if row.name == "get":
            return REGISTERS[attr].type
        if row.result == "attr":
            return BY_BITS[attr]
        result = shared if row.result == "T" else row.result
        assert isinstance(result, Type)
        return result

    # zext and its like take the width as a plain argument
    def zext(self, x: Value, bits: int = 64) -> Value:
        """Extended with zeros."""
        return x if x.type.bits == bits else self.emit("zext", x, attr=bits)

    def sext(self, x: Value, bits: int = 64) -> Value:
        """Extended with the sign."""
        return x if x.type.bits == bits else self.emit("sext", x, attr=bits)

    def trunc(self, x: Value, bits: int) -> Value:
        """The low bits."""
        return x if x.type.bits == bits else self.emit("trunc", x, attr=bits)


def _stamp(row: Op) -> Callable[..., Value]:
    def plain(self: OpsMixin, *operands: Operand) -> Value:
        return self.emit(row.name, *operands)

    def with_attr(self: OpsMixin, attr: Any, *operands: Operand) -> Value:
        return self.emit(row.name, *operands, attr=attr)

    method = plain if row.attr is None else with_attr
    method.__name__, method.__doc__ = row.name, row.says
    return method


for _row in OPS.values():
    _name = _row.name + "_" if _row.name in ("and", "or", "not") else _row.name
    if not hasattr(OpsMixin, _name) and _row.name not in ("const", "field", "get", "set"):
        setattr(OpsMixin, _name, _stamp(_row))


class Builder(OpsMixin):
    """The vocabulary of instruction bodies."""

    # --- registers --------------------------------------------------------------------------------
    def get(self, register: str, index: Operand | None = None) -> Value:
        """Read a register (of a file, with an index)."""
        return self.emit("get", *(() if index is None else (index,)), attr=register)

    def set(self, register: str, *index_and_value: Operand) -> None:
        """Write a register, with an index one of a file: "lr", value or "gpr", index, value."""
        *index, value = index_and_value
        kind = REGISTERS[register].type
        value = self.const(value, kind) if isinstance(value, int) else value
        if value.type != kind:
            raise TypeError(f"register {register} is {kind}, got {value!r}")
        self.emit("set", *index, value, attr=register)

    def gpr(self, index: Operand) -> Value:
        """(RA): the contents of a GPR."""
        return self.get("gpr", index)

    def gpr_or_zero(self, index: Operand) -> Value:
        """(RA|0): 0 when the field is 0, else the contents of the GPR."""
        index = self.const(index) if isinstance(index, int) else index
        if index.constant is not None:
            return self.const(0) if index.constant == 0 else self.get("gpr", index)
        # gpr[32] is the word of zeros behind the file (see ir/layout.py)
        return self.get("gpr", self.select(self.eq(index, 0), 32, index))

    def set_gpr(self, index: Operand, value: Operand) -> None:
        """Write a GPR."""
        self.set("gpr", index, value)

    # --- condition register -----------------------------------------------------------------------
    def crf(self, index: Operand) -> Value:
        """CR field `index` as an i8: LT=8 GT=4 EQ=2 SO=1."""
        return self.get("crf", index)

    def set_crf(self, index: Operand, value: Operand) -> None:
        """Write CR field `index` (i8, four bits)."""
        self.set("crf", index, value)

    def cr_bit(self, bit: Operand) -> Value:
        """CR bit `bit` (0..31, as the field BI) as an i1."""
        bit = self.const(bit) if isinstance(bit, int) else bit
        mask = self.trunc(self.lshr(self.const(8), self.and_(bit, 3)), 8)
        return self.ne(self.and_(self.crf(self.lshr(bit, 2)), mask), 0)

    def set_cr_bit(self, bit: Operand, value: Value) -> None:
        """Write CR bit `bit` (i1)."""
        bit = self.const(bit) if isinstance(bit, int) else bit
        field_, low = self.lshr(bit, 2), self.sub(3, self.and_(bit, 3))
        kept = self.and_(self.crf(field_), self.not_(self.trunc(self.shl(self.const(1), low), 8)))
        self.set_crf(field_, self.or_(kept, self.shl(self.zext(value, 8), self.trunc(low, 8))))

    def comparison(self, less: Value, greater: Value) -> Value:
        """A CR field from two i1: LT, GT or EQ, with XER[SO] copied."""
        not_less = self.select(greater, self.const(4, I8), self.const(2, I8))
        code = self.select(less, self.const(8, I8), not_less)
        return self.or_(code, self.get("so"))

    def record_cr0(self, value: Value) -> None:
        """CR0 from a signed comparison of a result with zero, SO copied.

        In 32-bit mode the result's low word is compared.
        """
        zero = self.const(0)
        if self.mode.sixty_four is None:
            low = self.sext(self.trunc(value, 32))
            value = self.select(self.ne(self.get("sixty_four"), 0), value, low)
        self.set_crf(0, self.comparison(self.slt(value, zero), self.slt(zero, value)))

    # --- fixed-point exceptions -------------------------------------------------------------------
    def set_carry(self, ca: Value, ca32: Value) -> None:
        """XER[CA] and XER[CA32] from two i1: the carries out of bit 0 and of bit 32.

        In 32-bit mode CA is CA32.
        """
        if self.mode.sixty_four is None:
            ca = self.select(self.ne(self.get("sixty_four"), 0), ca, ca32)
        self.set("ca", self.zext(ca, 8))
        self.set("ca32", self.zext(ca32, 8))

    def set_overflow(self, ov: Value, ov32: Value) -> None:
        """XER[OV], XER[OV32] from two i1, and the sticky XER[SO] (in 32-bit mode OV is OV32)."""
        if self.mode.sixty_four is None:
            ov = self.select(self.ne(self.get("sixty_four"), 0), ov, ov32)
        self.set("ov", self.zext(ov, 8))
        self.set("ov32", self.zext(ov32, 8))
        self.set("so", self.or_(self.get("so"), self.zext(ov, 8)))

    # --- memory -----------------------------------------------------------------------------------
    def ea(self, base: Value, displacement: Operand = 0) -> Value:
        """Effective address: the sum, truncated to 32 bits in 32-bit mode."""
        total = self.add(base, displacement)
        return total if self.mode.sixty_four else self.and_(total, self.get("ea_mask"))

    def _ordered(self, value: Value, reverse: bool) -> Value:
        """Between the value as the program sees it and the bytes in host order; both ways."""
        if value.type.bits == 8:
            return value
        if self.mode.little is None:
            swapped = self.bswap(value)
            is_little = self.ne(self.get("little"), 0)
            return self.select(is_little, *((swapped, value) if reverse else (value, swapped)))
        return self.bswap(value) if self.mode.little == reverse else value

    def load(self, bits: int, ea: Value, reverse: bool = False) -> Value:
        """Load `bits` (8..128) in the current byte order (or the other)."""
        return self._ordered(self.emit("load", ea, attr=bits), reverse)

    def store(self, bits: int, ea: Value, value: Value, reverse: bool = False) -> None:
        """Store the low `bits` of a value in the current byte order (or the other)."""
        self.emit("store", ea, self._ordered(self.trunc(value, bits), reverse), attr=bits)

    def load_reserve(self, bits: int, ea: Value) -> Value:
        """Load and set the reservation."""
        return self._ordered(self.emit("load_reserve", ea, attr=bits), False)

    def store_conditional(
        self, bits: int, ea: Value, value: Value, distance: Operand | None = None
    ) -> Value:
        """Store if the reservation holds; i1 says whether it did. Clears the reservation.

        Args:
            distance: bytes from the reserving load, of which this one is told (frontend/pairs.py).
        """
        ordered = self._ordered(self.trunc(value, bits), False)
        far = self._pair_distance() if distance is None else distance
        return self.emit("store_conditional", ea, ordered, far, attr=bits)

    def _pair_distance(self) -> Value:
        """What the words before the instruction say, or (in a handler) a field of the cell."""
        return self.field(PAIR, 17, 0) if self._pair is None else self.const(self._pair)

    # --- control ----------------------------------------------------------------------------------
    def interrupt_if(self, condition: Operand, kind: str, value: Operand = 0) -> None:
        """Raise an interrupt of `layout.INTERRUPTS` if the i1 is 1.

        Args:
            value: DAR for ALIGNMENT and AMO_FUNCTION, the FSCR facility number for
                FACILITY_UNAVAILABLE, else unused.
        """
        if kind not in INTERRUPTS:
            raise KeyError(kind)
        condition = self.const(condition, I1) if isinstance(condition, int) else condition
        if condition.constant != 0:
            self.emit("interrupt_if", condition, value, attr=kind)

    def require(self, facility: str) -> None:
        """Refuse unless MSR[FP], [VEC] or [VSX] is set: the facility's unavailable interrupt."""
        bit = {"FP": MSR.FP, "VECTOR": MSR.VEC, "VSX": MSR.VSX}[facility]
        self.interrupt_if(self.eq(self.and_(self.get("msr"), bit), 0), facility + "_UNAVAILABLE")

    def privileged(self) -> None:
        """Refuse in problem state: a privileged-instruction program interrupt."""
        self.interrupt_if(self.ne(self.and_(self.get("msr"), MSR.PR), 0), "PROGRAM_PRIVILEGED")

    def invalid_form(self) -> None:
        """The instruction's form is invalid: an illegal-instruction program interrupt, always."""
        self.interrupt_if(1, "PROGRAM_ILLEGAL")

    def invalid_form_if(self, condition: Value) -> None:
        """An illegal-instruction program interrupt if the (static) condition holds."""
        self.interrupt_if(condition, "PROGRAM_ILLEGAL")

    def helper(self, name: str, *operands: Operand) -> None:
        """Call a native routine with up to three 64-bit operands.

        It may do anything; the block ends.
        """
        padded = (*operands, 0, 0, 0)[:3]
        self.emit("helper", *padded, attr=name)

    # --- 128-bit pieces ---------------------------------------------------------------------------
    def zext128(self, x: Value) -> Value:
        """A doubleword as the low half of an i128."""
        return self.emit("zext", x, attr=128)

    def umulh(self, x: Value, y: Value) -> Value:
        """High doubleword of the unsigned 128-bit product."""
        return self.hi(self.mul(self.zext(x, 128), self.zext(y, 128)))

    def smulh(self, x: Value, y: Value) -> Value:
        """High doubleword of the signed 128-bit product."""
        return self.hi(self.mul(self.sext(x, 128), self.sext(y, 128)))


assert I128.bits == 128
