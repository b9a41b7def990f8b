"""Lowering of AES rounds and polynomial products: the host's instructions, or code for any host."""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.ops.vector_crypto import INVERSE_SBOX, INVERSE_SHIFT_ROWS, SBOX, SHIFT_ROWS

from . import vector_host
from .emitter import Emitter, lowers
from .vector import BYTES, intrinsic, kind, lanes, shuffle, splat, whole

WORDS = "<2 x i64>"
REVERSED = tuple(range(15, -1, -1))


def _host_order(e: Emitter, x: str) -> str:
    """The bytes in the order of x86's AES instructions, as they want them."""
    return e.tmp(f"bitcast {BYTES} {shuffle(e, x, x, REVERSED)} to {WORDS}")


def _book_order(e: Emitter, x: str) -> str:
    turned = e.tmp(f"bitcast {WORDS} {x} to {BYTES}")
    return shuffle(e, turned, turned, REVERSED)


def _aes(e: Emitter, name: str, *operands: str) -> str:
    return intrinsic(e, f"llvm.x86.aesni.{name}", WORDS, *((WORDS, o) for o in operands))


@lowers("aes_round")
def _round(e: Emitter, v: Value) -> str:
    state, key = (lanes(e, a, 8) for a in v.args)
    native = vector_host.has("aes")
    form = (_native_round if native else _portable_round)
    return whole(e, form(e, v.attr, state, key), 8)


def _native_round(e: Emitter, how: str, state: str, key: str) -> str:
    state, key = _host_order(e, state), _host_order(e, key)
    if how == "ncipher":      # x86 adds the key after InvMixColumns, the book before it
        result = _aes(e, "aesimc", _aes(e, "aesdeclast", state, key))
    else:
        name = {"cipher": "aesenc", "cipherlast": "aesenclast", "ncipherlast": "aesdeclast"}[how]
        result = _aes(e, name, state, key)
    return _book_order(e, result)


def _portable_round(e: Emitter, how: str, state: str, key: str) -> str:
    forward = how in ("cipher", "cipherlast")
    moved = shuffle(e, state, state, SHIFT_ROWS if forward else INVERSE_SHIFT_ROWS)
    state = _substitute(e, "sbox" if forward else "inverse_sbox", moved)
    if how == "cipher":
        return e.tmp(f"xor {BYTES} {_mix(e, state, (2, 3, 1, 1))}, {key}")
    state = e.tmp(f"xor {BYTES} {state}, {key}")
    return _mix(e, state, (14, 11, 13, 9)) if how == "ncipher" else state


@lowers("aes_sub_bytes")
def _sub_bytes(e: Emitter, v: Value) -> str:
    state = lanes(e, v.args[0], 8)
    if not vector_host.has("aes"):
        return whole(e, _substitute(e, "sbox", state), 8)
    # the last round is ShiftRows and SubBytes, which commute: undo the first
    state = _host_order(e, shuffle(e, state, state, INVERSE_SHIFT_ROWS))
    return whole(e, _book_order(e, _aes(e, "aesenclast", state, "zeroinitializer")), 8)


def _substitute(e: Emitter, box: str, x: str) -> str:
    e.need(f"jitppc.{box}", _BOXES[box])
    return e.tmp(f"call {BYTES} @jitppc.{box}({BYTES} {x})")


def _box(name: str, content: bytes) -> str:
    """A constant table and a function that looks sixteen bytes up in it."""
    literal = ", ".join(f"i8 {b}" for b in content)
    lines = [f"@jitppc.{name}.table = internal constant [256 x i8] [{literal}]",
             f"define internal {BYTES} @jitppc.{name}({BYTES} %x) {{"]
    result = "poison"
    for k in range(16):
        lines += [f" %n{k} = extractelement {BYTES} %x, i64 {k}",
                  f" %z{k} = zext i8 %n{k} to i64",
                  f" %a{k} = getelementptr i8, ptr @jitppc.{name}.table, i64 %z{k}",
                  f" %b{k} = load i8, ptr %a{k}",
                  f" %r{k} = insertelement {BYTES} {result}, i8 %b{k}, i64 {k}"]
        result = f"%r{k}"
    return "\n".join([*lines, f" ret {BYTES} {result}", "}"])


_BOXES = {"sbox": _box("sbox", SBOX), "inverse_sbox": _box("inverse_sbox", INVERSE_SBOX)}


def _mix(e: Emitter, state: str, factors: tuple[int, ...]) -> str:
    """MixColumns with these factors of the rows from a byte's own on, cyclically."""
    powers = [state]
    while max(factors) >> len(powers):
        x = powers[-1]
        carries = e.tmp(f"ashr {BYTES} {x}, {splat('7', 'i8', 16)}")
        reduction = e.tmp(f"and {BYTES} {carries}, {splat('27', 'i8', 16)}")
        doubled = e.tmp(f"shl {BYTES} {x}, {splat('1', 'i8', 16)}")
        powers.append(e.tmp(f"xor {BYTES} {doubled}, {reduction}"))
    total = ""
    for turn, factor in enumerate(factors):
        for bit, power in enumerate(powers):
            if factor >> bit & 1:
                rows = tuple(i & ~3 | (i + turn) & 3 for i in range(16))
                term = shuffle(e, power, power, rows)
                total = e.tmp(f"xor {BYTES} {total}, {term}") if total else term
    return total


@lowers("vpmsum")
def _products(e: Emitter, v: Value) -> str:
    lane = v.attr
    x, y = (lanes(e, a, lane) for a in v.args)
    if lane == 64 and vector_host.has("pclmul"):
        name = "llvm.x86.pclmulqdq"
        e.need(name, f"declare {WORDS} @{name}({WORDS}, {WORDS}, i8 immarg)")
        call = f"call {WORDS} @{name}({WORDS} {x}, {WORDS} {y}, i8"
        low, high = e.tmp(f"{call} 0)"), e.tmp(f"{call} 17)")
        return whole(e, e.tmp(f"xor {WORDS} {low}, {high}"), 64)
    name = f"jitppc.polynomial_product{lane}"
    e.need(name, _product_loop(name, lane))
    return e.tmp(f"call i128 @{name}({kind(lane)} {x}, {kind(lane)} {y})")


def _product_loop(name: str, lane: int) -> str:
    """A function that for each k adds y's lanes, shifted by k, where bit k of x's is 1."""
    count, wide = 64 // lane, f"i{2 * lane}"
    of = f"<{count} x {wide}>"
    by, one = splat(str(lane), wide, count), splat("1", wide, count)
    halves = []
    for operand in "xy":
        halves += [f" %{operand} = bitcast {kind(lane)} %{operand}.lanes to {of}",
                   f" %{operand}.even = lshr {of} %{operand}, {by}",
                   f" %{operand}.left = shl {of} %{operand}, {by}",
                   f" %{operand}.odd = lshr {of} %{operand}.left, {by}"]
    steps = []
    for half in ("even", "odd"):
        steps += [f" %{half}.shifted = lshr {of} %x.{half}, %k",
                  f" %{half}.bit = and {of} %{half}.shifted, {one}",
                  f" %{half}.mask = sub {of} zeroinitializer, %{half}.bit",
                  f" %{half}.moved = shl {of} %y.{half}, %k",
                  f" %{half}.term = and {of} %{half}.moved, %{half}.mask"]
    return "\n".join([
        f"define internal i128 @{name}({kind(lane)} %x.lanes, {kind(lane)} %y.lanes) {{",
        "entry:", *halves, " br label %loop",
        "loop:",
        f" %k = phi {of} [ zeroinitializer, %entry ], [ %next, %loop ]",
        f" %total = phi {of} [ zeroinitializer, %entry ], [ %sum, %loop ]", *steps,
        f" %partial = xor {of} %total, %even.term",
        f" %sum = xor {of} %partial, %odd.term",
        f" %next = add {of} %k, {one}",
        f" %first = extractelement {of} %next, i64 0",
        f" %more = icmp ult {wide} %first, {lane}",
        " br i1 %more, label %loop, label %done", "done:",
        f" %result = bitcast {of} %sum to i128", " ret i128 %result", "}"])
