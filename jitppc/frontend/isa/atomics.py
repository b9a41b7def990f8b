"""Load and reserve, store conditional, and atomic memory operations. Ref: Book II 4.5, 4.6.

A word, doubleword or quadword that is not aligned raises an alignment interrupt (the ops see to that). The
atomic memory operations are a reserving load and a conditional store; when the store fails, because another
processor came between, the instruction starts again.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import BY_BITS, Type

REF = "Book II 4.6.2"
REF_AMO = "Book II 4.5"


# --- reservations ------------------------------------------------------------------------------------------
def load_and_reserve(name: str, xo: str, bits: int, since: str) -> None:
    """A row: RT <- MEM(EA), RESERVE; EA = (RA|0) + (RB). The hint EH is ignored."""
    def body(b: Builder, i: Fields) -> None:
        ea = b.ea(b.gpr_or_zero(i.RA), b.gpr(i.RB))
        b.set_gpr(i.RT, b.zext(b.load_reserve(bits, ea)))

    body.__doc__ = f"RT <- MEM(EA, {bits // 8}), RESERVE, EA = (RA|0) + (RB)."
    insn("X", f"011111 RT RA RB {xo} EH", "RT,RA,RB,EH", since=since, ref=REF, name=name)(body)


def conditional(b: Builder, bits: int, ea: Value, value: Value) -> None:
    """Store if the reservation holds; CR0 <- 0b00 || stored || SO."""
    stored = b.store_conditional(bits, ea, value)
    b.set_crf(0, b.or_(b.shl(b.zext(stored, 8), 1), b.get("so")))


def store_conditional(name: str, xo: str, bits: int, since: str) -> None:
    """A row: MEM(EA) <- (RS) if reserved; EA = (RA|0) + (RB)."""
    def body(b: Builder, i: Fields) -> None:
        ea = b.ea(b.gpr_or_zero(i.RA), b.gpr(i.RB))
        conditional(b, bits, ea, b.gpr(i.RS))

    body.__doc__ = f"MEM(EA, {bits // 8}) <- (RS) if the reservation holds, EA = (RA|0) + (RB)."
    insn("X", f"011111 RS RA RB {xo} 1", "RS,RA,RB", since=since, ref=REF, name=name + ".")(body)


load_and_reserve("lbarx", "0000110100", 8, "2.07")
load_and_reserve("lharx", "0001110100", 16, "2.07")
load_and_reserve("lwarx", "0000010100", 32, "PPC")
load_and_reserve("ldarx", "0001010100", 64, "PPC")
store_conditional("stbcx", "1010110110", 8, "2.07")
store_conditional("sthcx", "1011010110", 16, "2.07")
store_conditional("stwcx", "0010010110", 32, "PPC")
store_conditional("stdcx", "0011010110", 64, "PPC")


@insn("X", "011111 RTp RA RB 0100010100 EH", "RTp,RA,RB,EH", since="2.07", ref=REF,
      accept=lambda word: word >> 21 & 31 not in (word >> 16 & 31, word >> 11 & 31)
      and not word >> 21 & 1)
def lqarx(b: Builder, i: Fields) -> None:
    """RTp || RTp+1 <- MEM(EA, 16), RESERVE, EA = (RA|0) + (RB). An odd RTp counts as RTp - 1."""
    value = b.load_reserve(128, b.ea(b.gpr_or_zero(i.RA), b.gpr(i.RB)))
    b.set_gpr(b.and_(i.RTp, 30), b.hi(value))
    b.set_gpr(b.or_(i.RTp, 1), b.lo(value))


@insn("X", "011111 RSp RA RB 0010110110 1", "RSp,RA,RB", since="2.07", ref=REF, name="stqcx.",
      accept=lambda word: not word >> 21 & 1)
def stqcx(b: Builder, i: Fields) -> None:
    """MEM(EA, 16) <- RSp || RSp+1 if the reservation holds. An odd RSp counts as RSp - 1."""
    ea = b.ea(b.gpr_or_zero(i.RA), b.gpr(i.RB))
    conditional(b, 128, ea, b.pack(b.gpr(b.and_(i.RSp, 30)), b.gpr(b.or_(i.RSp, 1))))


# --- atomic memory operations -------------------------------------------------------------------------------
Combine = Callable[[Builder, Value, Value], Value]

#: by function code: what goes back to storage, given MEM(EA) and the register operand
COMBINE: dict[int, tuple[str, Combine]] = {
    0b00000: ("t + x", lambda b, t, x: b.add(t, x)),
    0b00001: ("t ^ x", lambda b, t, x: b.xor(t, x)),
    0b00010: ("t | x", lambda b, t, x: b.or_(t, x)),
    0b00011: ("t & x", lambda b, t, x: b.and_(t, x)),
    0b00100: ("the greater of t and x, unsigned", lambda b, t, x: b.select(b.ult(t, x), x, t)),
    0b00101: ("the greater of t and x, signed", lambda b, t, x: b.select(b.slt(t, x), x, t)),
    0b00110: ("the smaller of t and x, unsigned", lambda b, t, x: b.select(b.ult(x, t), x, t)),
    0b00111: ("the smaller of t and x, signed", lambda b, t, x: b.select(b.slt(x, t), x, t)),
}
SWAP, COMPARE_SWAP, STORE_TWIN = 0b01000, 0b10000, 0b11000
#: by function code: offset of the second operand in operands, the increment, and if they must be equal
BOUNDED = {0b11000: (1, 1, False), 0b11001: (1, 1, True), 0b11100: (-1, -1, False)}


def row(name: str, code: int, says: str, xo: str, body: Callable[[Builder, Fields], None]) -> None:
    """Register one function code of one of the four instructions."""
    register = "RT" if name.startswith("l") else "RS"
    body.__doc__ = says
    insn("X", f"011111 {register} RA {code:05b} {xo} /", f"{register},RA,{code}", since="3.0",
         ref=REF_AMO, name=name, key=f"{name}.{code}")(body)


def operand(b: Builder, register: Value, kind: Type) -> Value:
    """The low bits of a GPR (number modulo 32)."""
    return b.trunc(b.gpr(b.and_(register, 31)), kind.bits)


def exchange(b: Builder, i: Fields, kind: Type, ea: Value, new: Value, result: Value) -> None:
    """MEM(EA) <- new, RT <- result; or start again when MEM(EA) has changed."""
    stored = b.store_conditional(kind.bits, ea, new, 0)
    b.set_gpr(i.RT, b.select(stored, b.zext(result), b.gpr(i.RT)))
    b.jump_if(b.eq(stored, 0), b.cia())


def neighbour(b: Builder, ea: Value, kind: Type, side: int) -> Value:
    """The address beside EA; both must lie in one aligned block of 32 bytes, else an alignment interrupt."""
    size, within = kind.bits // 8, b.and_(ea, 31)
    outside = b.ult(b.const(32 - 2 * size), within) if side > 0 else b.ult(within, size)
    b.interrupt_if(outside, "ALIGNMENT", ea)
    return b.ea(ea, side * size)


def load_atomics(name: str, xo: str, kind: Type) -> None:
    """The rows of lwat or ldat: RT <- t, what MEM(EA) was, and MEM(EA) changed; EA = (RA|0)."""
    def combining(combine: Combine) -> Callable[[Builder, Fields], None]:
        def body(b: Builder, i: Fields) -> None:
            x = operand(b, b.add(i.RT, 1), kind)
            ea = b.ea(b.gpr_or_zero(i.RA))
            t = b.load_reserve(kind.bits, ea)
            exchange(b, i, kind, ea, combine(b, t, x), t)
        return body

    def compare_swap(b: Builder, i: Fields) -> None:
        x, y = (operand(b, b.add(i.RT, n), kind) for n in (1, 2))
        ea = b.ea(b.gpr_or_zero(i.RA))
        t = b.load_reserve(kind.bits, ea)
        exchange(b, i, kind, ea, b.select(b.eq(t, x), t, y), t)

    def bounded(side: int, step: int, if_equal: bool) -> Callable[[Builder, Fields], None]:
        def body(b: Builder, i: Fields) -> None:
            ea = b.ea(b.gpr_or_zero(i.RA))
            bound = b.load(kind.bits, neighbour(b, ea, kind, side))
            t = b.load_reserve(kind.bits, ea)
            goes = b.eq(t, bound) if if_equal else b.ne(t, bound)
            new = b.select(goes, b.add(t, step), t)
            exchange(b, i, kind, ea, new, b.select(goes, t, b.const(kind.sign_bit, kind)))
        return body

    for code, (says, combine) in COMBINE.items():
        row(name, code, f"RT <- t, MEM(EA) <- {says}, x = (RT+1).", xo, combining(combine))
    row(name, SWAP, "RT <- t, MEM(EA) <- (RT+1).", xo, combining(lambda b, t, x: x))
    row(name, COMPARE_SWAP, "RT <- t, MEM(EA) <- (RT+2) if t is not (RT+1).", xo, compare_swap)
    for code, (side, step, if_equal) in BOUNDED.items():
        says = f"If t is {'' if if_equal else 'not '}the operand {'behind' if side > 0 else 'before'} it"
        row(name, code, f"{says}, RT <- t and MEM(EA) <- t {step:+}; else RT <- the sign bit.", xo,
            bounded(side, step, if_equal))


def store_atomics(name: str, xo: str, kind: Type) -> None:
    """The rows of stwat or stdat: MEM(EA) changed by (RS); EA = (RA|0)."""
    def combining(combine: Combine) -> Callable[[Builder, Fields], None]:
        def body(b: Builder, i: Fields) -> None:
            ea = b.ea(b.gpr_or_zero(i.RA))
            x = operand(b, i.RS, kind)
            t = b.load_reserve(kind.bits, ea)
            again = b.eq(b.store_conditional(kind.bits, ea, combine(b, t, x), 0), 0)
            b.jump_if(again, b.cia())
        return body

    def twin(b: Builder, i: Fields) -> None:
        ea = b.ea(b.gpr_or_zero(i.RA))
        beside = neighbour(b, ea, kind, 1)
        b.touch(kind.bits, beside)
        x = operand(b, i.RS, kind)
        other = b.load(kind.bits, beside)
        t = b.load_reserve(kind.bits, ea)
        same = b.eq(t, other)
        stored = b.store_conditional(kind.bits, ea, b.select(same, x, t), 0)
        b.store(kind.bits, beside, b.select(b.and_(stored, same), x, other))
        b.jump_if(b.eq(stored, 0), b.cia())

    for code, (says, combine) in COMBINE.items():
        row(name, code, f"MEM(EA) <- {says}, x = (RS).", xo, combining(combine))
    row(name, STORE_TWIN, "MEM(EA) and the operand behind it <- (RS) if they are equal.", xo, twin)


def undefined_function(name: str, xo: str) -> None:
    """The row of the function codes that have none of their own: a data storage interrupt with DSISR bit 61,
    whatever the address is. Ref: Book III 7.5.3.
    """
    known = {STORE_TWIN, *COMBINE} if name.startswith("s") else {SWAP, COMPARE_SWAP, *BOUNDED, *COMBINE}

    def body(b: Builder, i: Fields) -> None:
        b.interrupt_if(1, "AMO_FUNCTION", b.ea(b.gpr_or_zero(i.RA)))

    register = "RT" if name.startswith("l") else "RS"
    body.__doc__ = "A data storage interrupt: there is no such function."
    insn("X", f"011111 {register} RA FC {xo} /", f"{register},RA,FC", since="3.0", ref=REF_AMO, name=name,
         accept=lambda word: word >> 11 & 31 not in known)(body)


load_atomics("lwat", "1001000110", BY_BITS[32])
load_atomics("ldat", "1001100110", BY_BITS[64])
store_atomics("stwat", "1011000110", BY_BITS[32])
store_atomics("stdat", "1011100110", BY_BITS[64])
for _name, _xo in (("lwat", "1001000110"), ("ldat", "1001100110"), ("stwat", "1011000110"), ("stdat", "1011100110")):
    undefined_function(_name, _xo)
