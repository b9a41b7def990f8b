"""Lowering of vector ops: an i128 is bitcast to LLVM lanes; Power's element 0 is LLVM's last."""

from __future__ import annotations

from jitppc.ir.block import Value

from . import vector_host
from .emitter import Emitter, lowers


def kind(lane: int) -> str:
    """LLVM's type of a vector of lanes."""
    return f"<{128 // lane} x i{lane}>"


def lanes(e: Emitter, value: Value, lane: int) -> str:
    """An i128 operand as LLVM's <n x iLANE> (element k of the book is LLVM's n - 1 - k)."""
    return e.tmp(f"bitcast i128 {e.of(value)} to {kind(lane)}")


def whole(e: Emitter, vector: str, lane: int) -> str:
    """The inverse of `lanes`."""
    return e.tmp(f"bitcast {kind(lane)} {vector} to i128")


def splat(element: str, of: str, count: int) -> str:
    """A vector constant of equal elements."""
    return "<" + ", ".join([f"{of} {element}"] * count) + ">"


def intrinsic(e: Emitter, name: str, result: str, *operands: tuple[str, str]) -> str:
    """Declare and call an LLVM intrinsic with (type, operand) pairs."""
    e.need(name, f"declare {result} @{name}({', '.join(k for k, _ in operands)})")
    return e.tmp(f"call {result} @{name}({', '.join(f'{k} {o}' for k, o in operands)})")


@lowers("vadd", "vsub", "vmul")
def _arithmetic(e: Emitter, v: Value) -> str:
    x, y = (lanes(e, a, v.attr) for a in v.args)
    return whole(e, e.tmp(f"{v.op.name[1:]} {kind(v.attr)} {x}, {y}"), v.attr)


_INTRINSICS = {
    "vaddsu": "uadd.sat", "vaddss": "sadd.sat", "vsubsu": "usub.sat", "vsubss": "ssub.sat",
    "vmaxu": "umax", "vmaxs": "smax", "vminu": "umin", "vmins": "smin", "vpopcnt": "ctpop",
}  # fmt: skip


@lowers(*_INTRINSICS)
def _intrinsic(e: Emitter, v: Value) -> str:
    of = kind(v.attr)
    name = f"llvm.{_INTRINSICS[v.op.name]}.v{128 // v.attr}i{v.attr}"
    return whole(e, intrinsic(e, name, of, *((of, lanes(e, a, v.attr)) for a in v.args)), v.attr)


@lowers("vctlz", "vcttz")
def _zeros(e: Emitter, v: Value) -> str:
    of = kind(v.attr)
    name = f"llvm.{v.op.name[1:]}.v{128 // v.attr}i{v.attr}"
    e.need(name, f"declare {of} @{name}({of}, i1)")
    x = lanes(e, v.args[0], v.attr)
    return whole(e, e.tmp(f"call {of} @{name}({of} {x}, i1 false)"), v.attr)


@lowers("vshl", "vlshr", "vashr", "vrotl")
def _shift(e: Emitter, v: Value) -> str:
    of, count = kind(v.attr), 128 // v.attr
    x, n = (lanes(e, a, v.attr) for a in v.args)
    if v.op.name == "vrotl":
        name = f"llvm.fshl.v{count}i{v.attr}"
        return whole(e, intrinsic(e, name, of, (of, x), (of, x), (of, n)), v.attr)
    amount = e.tmp(f"and {of} {n}, {splat(str(v.attr - 1), f'i{v.attr}', count)}")
    return whole(e, e.tmp(f"{v.op.name[1:]} {of} {x}, {amount}"), v.attr)


def masks(e: Emitter, bits: str, lane: int) -> str:
    """Lanes of ones for a vector of i1."""
    return whole(e, e.tmp(f"sext <{128 // lane} x i1> {bits} to {kind(lane)}"), lane)


@lowers("vcmpeq", "vcmpgtu", "vcmpgts")
def _compare(e: Emitter, v: Value) -> str:
    if v.args[0] is v.args[1]:      # LLVM 22's code generator fails on some of these
        return "-1" if v.op.name == "vcmpeq" else "0"
    x, y = (lanes(e, a, v.attr) for a in v.args)
    relation = {"vcmpeq": "eq", "vcmpgtu": "ugt", "vcmpgts": "sgt"}[v.op.name]
    return masks(e, e.tmp(f"icmp {relation} {kind(v.attr)} {x}, {y}"), v.attr)


@lowers("vsigns")
def _signs(e: Emitter, v: Value) -> str:
    count = 128 // v.attr
    negative = e.tmp(f"icmp slt {kind(v.attr)} {lanes(e, v.args[0], v.attr)}, zeroinitializer")
    return e.tmp(f"zext i{count} {e.tmp(f'bitcast <{count} x i1> {negative} to i{count}')} to i64")


@lowers("vsplat")
def _splat(e: Emitter, v: Value) -> str:
    of, count, element = kind(v.attr), 128 // v.attr, e.of(v.args[0])
    if v.attr < 64:
        element = e.tmp(f"trunc i64 {element} to i{v.attr}")
    first = e.tmp(f"insertelement {of} poison, i{v.attr} {element}, i64 0")
    zeros = f"<{count} x i32> zeroinitializer"
    return whole(e, e.tmp(f"shufflevector {of} {first}, {of} poison, {zeros}"), v.attr)


def _place(e: Emitter, number: Value, lane: int) -> str:
    """LLVM's number of the element the book gives this number."""
    last = 128 // lane - 1
    if number.constant is not None:
        return str(last - (number.constant & last))
    return e.tmp(f"and i64 {e.tmp(f'xor i64 {e.of(number)}, {last}')}, {last}")


@lowers("vextract")
def _extract(e: Emitter, v: Value) -> str:
    vector = lanes(e, v.args[0], v.attr)
    element = e.tmp(f"extractelement {kind(v.attr)} {vector}, i64 {_place(e, v.args[1], v.attr)}")
    return element if v.attr == 64 else e.tmp(f"zext i{v.attr} {element} to i64")


@lowers("vinsert")
def _insert(e: Emitter, v: Value) -> str:
    of, vector, element = kind(v.attr), lanes(e, v.args[0], v.attr), e.of(v.args[2])
    if v.attr < 64:
        element = e.tmp(f"trunc i64 {element} to i{v.attr}")
    place = _place(e, v.args[1], v.attr)
    changed = e.tmp(f"insertelement {of} {vector}, i{v.attr} {element}, i64 {place}")
    return whole(e, changed, v.attr)


@lowers("vselect")
def _select(e: Emitter, v: Value) -> str:
    mask, x, y = (lanes(e, a, 64) for a in v.args)
    chosen = e.tmp(f"and <2 x i64> {mask}, {x}")
    rest = e.tmp(f"xor <2 x i64> {mask}, {splat('-1', 'i64', 2)}")
    other = e.tmp(f"and <2 x i64> {rest}, {y}")
    return whole(e, e.tmp(f"or <2 x i64> {chosen}, {other}"), 64)


def shuffle(e: Emitter, x: str, y: str, numbers: tuple[int, ...]) -> str:
    """The bytes of two <16 x i8> whose numbers, in the book's order, are given."""
    mask = ", ".join(f"i32 {n ^ 15}" for n in reversed(numbers))
    return e.tmp(f"shufflevector <16 x i8> {x}, <16 x i8> {y}, <16 x i32> <{mask}>")


@lowers("vshuffle")
def _shuffle(e: Emitter, v: Value) -> str:
    return _shuffled(e, v.args[0], v.args[1], v.attr)


def _stays_together(numbers: tuple[int, ...], size: int) -> bool:
    """The bytes move in whole elements of `size` bytes."""
    return all(
        n % size == k % size and n - k % size == numbers[k - k % size]
        for k, n in enumerate(numbers)
    )


def _shuffled(e: Emitter, x: Value, y: Value, numbers: tuple[int, ...]) -> str:
    """The same in the widest lanes that stay together: LLVM sees through those."""
    lane = next(n for n in (64, 32, 16, 8) if _stays_together(numbers, n // 8))
    size, count = lane // 8, 128 // lane
    # the book's element n of x || y is LLVM's n with its place in the vector turned round
    places = [first // size ^ count - 1 for first in reversed(numbers[::size])]
    mask = ", ".join(f"i32 {place}" for place in places)
    of, a, c = kind(lane), lanes(e, x, lane), lanes(e, y, lane)
    return whole(
        e, e.tmp(f"shufflevector {of} {a}, {of} {c}, <{count} x i32> <{mask}>"), lane
    )


BYTES = "<16 x i8>"


@lowers("vperm")
def _perm(e: Emitter, v: Value) -> str:
    chosen = v.args[2].constant
    if chosen is not None:
        bytes_ = tuple(number & 31 for number in chosen.to_bytes(16, "big"))
        return _shuffled(e, v.args[0], v.args[1], bytes_)
    x, y, numbers = (lanes(e, a, 8) for a in v.args)
    places = e.tmp(f"xor {BYTES} {numbers}, {splat('15', 'i8', 16)}")
    if v.args[0] is v.args[1] and vector_host.has("ssse3"):
        return whole(e, _lookup(e, x, places), 8)
    if vector_host.has("avx512vbmi") and vector_host.has("avx512vl"):
        name = "llvm.x86.avx512.vpermi2var.qi.128"
        found = intrinsic(e, name, BYTES, (BYTES, x), (BYTES, places), (BYTES, y))
    elif vector_host.has("ssse3"):
        fifth_bit = e.tmp(f"shl {BYTES} {numbers}, {splat('3', 'i8', 16)}")
        is_second = e.tmp(f"icmp slt {BYTES} {fifth_bit}, zeroinitializer")
        found = e.tmp(f"select <16 x i1> {is_second}, {BYTES} {_lookup(e, y, places)}, "
                      f"{BYTES} {_lookup(e, x, places)}")
    else:
        e.need("jitppc.bytes_at", _BYTES_AT)
        found = e.tmp(f"call {BYTES} @jitppc.bytes_at({BYTES} {x}, {BYTES} {y}, {BYTES} {places})")
    return whole(e, found, 8)


def _lookup(e: Emitter, table: str, places: str) -> str:
    low = e.tmp(f"and {BYTES} {places}, {splat('15', 'i8', 16)}")
    return intrinsic(e, "llvm.x86.ssse3.pshuf.b.128", BYTES, (BYTES, table), (BYTES, low))


def _bytes_at() -> str:
    """A function that looks sixteen LLVM lane numbers up in two vectors, on any host."""
    parameters = f"{BYTES} %x, {BYTES} %y, {BYTES} %places"
    lines = [f"define internal {BYTES} @jitppc.bytes_at({parameters}) {{",
             " %table = alloca [32 x i8], align 16",
             f" store {BYTES} %x, ptr %table, align 16",
             " %second = getelementptr i8, ptr %table, i64 16",
             f" store {BYTES} %y, ptr %second, align 16"]
    result = "poison"
    for k in range(16):
        lines += [f" %p{k} = extractelement {BYTES} %places, i64 {k}",
                  f" %m{k} = and i8 %p{k}, 31",
                  f" %z{k} = zext i8 %m{k} to i64",
                  f" %a{k} = getelementptr i8, ptr %table, i64 %z{k}",
                  f" %b{k} = load i8, ptr %a{k}",
                  f" %r{k} = insertelement {BYTES} {result}, i8 %b{k}, i64 {k}"]
        result = f"%r{k}"
    return "\n".join([*lines, f" ret {BYTES} {result}", "}"])


_BYTES_AT = _bytes_at()
