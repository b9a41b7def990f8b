"""Host arithmetic on vectors of doubles or singles: results, what is not ordinary about them, and
what they are short of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import host_flags
from .effects import EffectEmitter


@dataclass(frozen=True, slots=True)
class Lanes:
    """A vector type, and bounds as LLVM writes them: from `least` on nothing can have been rounded
    up from a tiny number, below `top` nothing overflows, from `safe` on remainders are exact,
    below `huge` error-free transformations are.
    """

    type: str
    count: int
    least: str
    top: str
    safe: str
    huge: str
    fraction_bits: int
    exponents: int

    @property
    def bits(self) -> str:
        """The type of the lanes' bits."""
        return f"<{self.count} x i{128 // self.count}>"

    @property
    def sign(self) -> int:
        """The sign bit of a lane; added, it makes of unsigned comparisons signed ones."""
        return 1 << (128 // self.count - 1)

    @property
    def unit(self) -> int:
        """One in the exponent, with the lane's sign shifted out."""
        return 1 << self.fraction_bits + 1

    @property
    def range_turned(self) -> int:
        """What `exponents_turned` of a normal number, of exponent 2 at least, is less than."""
        return self.exponents * self.unit ^ self.sign

    def splat_bits(self, constant: int) -> str:
        """A vector of equal constants, for the bits."""
        element = f"i{128 // self.count}"
        return "<" + ", ".join([f"{element} {constant}"] * self.count) + ">"

    def splat(self, constant: str) -> str:
        """A vector of equal constants."""
        element = self.type.split()[-1].rstrip(">")
        return "<" + ", ".join(f"{element} {constant}" for _ in range(self.count)) + ">"


def power_of_two(exponent: int) -> str:
    """LLVM's text of a power of two, for doubles and floats."""
    return f"0x{exponent + 1023 << 52:016X}"


LANES = {
    64: Lanes(
        "<2 x double>", 2, power_of_two(-1021), power_of_two(1023), power_of_two(-895),
        power_of_two(977), 52, 2045,
    ),
    32: Lanes(
        "<4 x float>", 4, power_of_two(-125), power_of_two(127), power_of_two(-100),
        power_of_two(100), 23, 253,
    ),
}


class VectorText:
    """Writes LLVM's vector operations for one lane type."""

    def __init__(self, e: EffectEmitter, precision: int) -> None:
        self.e, self.lanes = e, LANES[precision]
        self.type, self.mask = self.lanes.type, f"<{self.lanes.count} x i1>"

    def operand(self, bits: str) -> str:
        """An i128 as a vector."""
        return self.e.tmp(f"bitcast i128 {bits} to {self.type}")

    def op(self, name: str, *operands: str) -> str:
        """Host arithmetic on the lanes."""
        return host_flags.arithmetic(self.e, name, self.type, *operands)

    def compare(self, predicate: str, x: str, constant: str = "0.0") -> str:
        """Lanes whose comparison with a constant holds."""
        return self.e.tmp(f"fcmp {predicate} {self.type} {x}, {self.lanes.splat(constant)}")

    def both(self, x: str, y: str) -> str:
        """Lanes in both masks."""
        return self.e.tmp(f"and {self.mask} {x}, {y}")

    def either(self, *masks: str) -> str:
        """Lanes in any mask."""
        text = masks[0]
        for other in masks[1:]:
            text = self.e.tmp(f"or {self.mask} {text}, {other}")
        return text

    def magnitude(self, x: str) -> str:
        """|x|."""
        callee = f"llvm.fabs.{host_flags.SUFFIX[self.type]}"
        self.e.need(callee, f"declare {self.type} @{callee}({self.type})")
        return self.e.tmp(f"call {self.type} @{callee}({self.type} {x})")

    def negative(self, x: str) -> str:
        """-x."""
        return self.e.tmp(f"fneg {self.type} {x}")

    def exponents_turned(self, x: str) -> str:
        """Numbers that grow with the exponents from 2 on; those of 0 and 1 are the largest."""
        lanes = self.lanes
        bits = self.e.tmp(f"bitcast {self.type} {x} to {lanes.bits}")
        doubled = self.e.tmp(f"add {lanes.bits} {bits}, {bits}")
        least = lanes.splat_bits(lanes.sign - 2 * lanes.unit)
        return self.e.tmp(f"add {lanes.bits} {doubled}, {least}")

    def any(self, mask: str) -> str:
        """i1: any lane is in the mask."""
        bits = self.e.tmp(f"bitcast {self.mask} {mask} to i{self.lanes.count}")
        return self.e.tmp(f"icmp ne i{self.lanes.count} {bits}, 0")

    def leave_if_any(self, mask: str) -> None:
        """Leave if any lane is in the mask."""
        self.e.leave_if(self.any(mask))

    def sum_error(self, x: str, y: str, near: str) -> str:
        """What near = x + y is short of."""
        part = self.op("fsub", near, x)
        first = self.op("fsub", x, self.op("fsub", near, part))
        return self.op("fadd", first, self.op("fsub", y, part))


# --- one operation: what is not ordinary, and what the result is short of

class Operation:
    """An operation on vectors: `near` is the result, `unusual` the lanes that are no ordinary case,
    `error` writes what the result is short of (its being zero is what counts).
    """

    def __init__(self, t: VectorText, *operands: str) -> None:
        self.t, self.operands = t, operands
        self.near = self.compute()

    def compute(self) -> str:
        """Write the result."""
        raise NotImplementedError

    def unusual(self) -> str:
        """Write the lanes that must be done otherwise."""
        raise NotImplementedError

    def error(self) -> str:
        """Write the remainder."""
        raise NotImplementedError

    def too_large(self, x: str) -> str:
        """Lanes that may have overflowed, and NaNs."""
        return self.t.compare("uge", self.t.magnitude(x), self.t.lanes.top)

    def small_product(self, product: str, x: str, y: str) -> str:
        """Lanes whose product may have lost bits: small, and not zero because an operand is."""
        t = self.t
        small = t.compare("olt", t.magnitude(product), t.lanes.safe)
        return t.both(small, t.both(t.compare("one", x), t.compare("one", y)))


class Sum(Operation):
    def compute(self) -> str:
        return self.t.op("fadd", *self.operands)

    def unusual(self) -> str:
        return self.too_large(self.near)

    def error(self) -> str:
        x, y = self.operands
        return self.t.sum_error(x, y, self.near)


class Product(Operation):
    def compute(self) -> str:
        return self.t.op("fmul", *self.operands)

    def unusual(self) -> str:
        return self.t.either(
            self.too_large(self.near), self.small_product(self.near, *self.operands)
        )

    def error(self) -> str:
        return self.t.op("fma", *self.operands, self.t.negative(self.near))


class Quotient(Operation):
    def compute(self) -> str:
        return self.t.op("fdiv", *self.operands)

    def unusual(self) -> str:
        t, dividend = self.t, self.operands[0]
        small = t.either(
            t.compare("ult", t.magnitude(self.near), t.lanes.safe),
            t.compare("ult", t.magnitude(dividend), t.lanes.safe),
        )
        return t.either(self.too_large(self.near), t.both(small, t.compare("one", dividend)))

    def error(self) -> str:
        x, y = self.operands
        return self.t.op("fma", self.t.negative(self.near), y, x)


class Root(Operation):
    def compute(self) -> str:
        return self.t.op("sqrt", *self.operands)

    def unusual(self) -> str:
        t, [x] = self.t, self.operands
        outside = t.either(t.compare("ult", x, t.lanes.safe), t.compare("uge", x, t.lanes.top))
        return t.both(outside, t.compare("une", x))

    def error(self) -> str:
        return self.t.op("fma", self.t.negative(self.near), self.near, *self.operands)


class MultiplyAdd(Operation):
    """x * z + y; the operands come in that order."""

    product = ""

    def compute(self) -> str:
        return self.t.op("fma", *self.operands)

    def unusual(self) -> str:
        t, (x, z, y) = self.t, self.operands
        self.product = t.op("fmul", x, z)
        huge = [t.compare("uge", t.magnitude(v), t.lanes.huge) for v in (y, self.product)]
        return t.either(
            self.too_large(self.near), *huge, self.small_product(self.product, x, z)
        )

    def error(self) -> str:
        """Ref: Boldo & Muller, ErrFma."""
        t, (x, z, y) = self.t, self.operands
        low = t.op("fma", x, z, t.negative(self.product))
        a1 = t.op("fadd", y, low)
        a2 = t.sum_error(y, low, a1)
        b1 = t.op("fadd", self.product, a1)
        b2 = t.sum_error(self.product, a1, b1)
        return t.op("fadd", t.op("fadd", t.op("fsub", b1, self.near), b2), a2)


def operation_of(t: VectorText, name: str, attr: Any, operands: list[str]) -> Operation:
    """The operation of an op, its operands bent so that one class does for several kinds."""
    if name == "fv_sqrt":
        return Root(t, *operands)
    kind = attr[0]
    if kind in ("sub", "msub", "nmsub"):
        operands[-1] = t.negative(operands[-1])
    if name == "fv_fma":
        return MultiplyAdd(t, *operands)
    return {"add": Sum, "sub": Sum, "mul": Product, "div": Quotient}[kind](t, *operands)
