"""Lowering of ops with effects.

Tier 0 and regions share it: where they differ, they answer the questions of `EffectEmitter`
differently (how a register is addressed, how one leaves).

The law of slow paths: the fast path never calls. Whatever it cannot do (a TLB miss, an interrupt, a
privileged operation) it leaves, before having written anything, to code that starts the instruction
afresh.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir import layout
from jitppc.ir.block import Value
from jitppc.ir.layout import REGISTERS, Register, offset
from jitppc.ir.types import Type

from .emitter import LOWER, Emitter

UNLIKELY = "!prof !0"   # branch weights of a condition that is almost never true
LIKELY = "!prof !1"
METADATA = """!0 = !{!"branch_weights", i32 1, i32 2000}
!1 = !{!"branch_weights", i32 2000, i32 1}
"""


class EffectEmitter(Emitter):
    """An emitter for code with state. Subclasses say how to leave."""

    #: word after `store` for registers: `volatile` keeps LLVM from dropping any
    set_word = ""
    #: what follows a load from a TLB entry: metadata, where it is known that none changes meanwhile
    tlb_load = ""

    def field_pointer(self, name: str) -> str:
        """Pointer to a field of CPU_STATE."""
        return self.tmp(f"getelementptr i8, ptr %cpu, i64 {offset(name)}")

    def get_field(self, name: str, kind: str = "i64") -> str:
        """Load a field of CPU_STATE."""
        return self.tmp(f"load {kind}, ptr {self.field_pointer(name)}")

    def set_field(self, name: str, value: str, kind: str = "i64") -> None:
        """Store a field of CPU_STATE."""
        self.line(f"store {kind} {value}, ptr {self.field_pointer(name)}")

    def register_pointer(self, register: Register, index: Value | None) -> str:
        """Pointer to a register; `index` is None for a single register."""
        number = index.constant or 0 if index is not None else 0
        at = register.offset + number * register.stride
        return self.tmp(f"getelementptr i8, ptr %cpu, i64 {at}")

    def steady(self, key: str, fpscr: str, write: Callable[[str], str]) -> str:
        """What `write` makes of the FPSCR. Code that sees more than one instruction makes it once:
        `key` says what it is.
        """
        return write(fpscr)

    def cia(self) -> str:
        """The current instruction's address."""
        raise NotImplementedError

    def left(self) -> str:
        """What is left of the slice before the current instruction."""
        raise NotImplementedError

    def look_up(self, ea: str, size: int, tag_field: int) -> str:
        """The host address of `size` bytes at `ea`, to READ or to WRITE; or leave."""
        return probe(self, ea, size, tag_field)

    def leave_if(self, condition: str) -> None:
        """Start the instruction afresh on the slow path if the i1 is 1."""
        raise NotImplementedError

    def lower(self, value: Value) -> None:
        """Lower one op of any kind."""
        function = LOWER.get(value.op.name) or EFFECTS[value.op.name]
        result = function(self, value)
        if result is not None:
            self.names[value] = result


Effect = Callable[[EffectEmitter, Value], str | None]
EFFECTS: dict[str, Effect] = {}


def effect(name: str) -> Callable[[Effect], Effect]:
    """Register the fast path of an op with effects."""
    def register(function: Effect) -> Effect:
        EFFECTS[name] = function
        return function
    return register


def register_align(kind: Type) -> int:
    """Alignment of a register of this type in CPU_STATE."""
    return kind.bits // 8


def load_bits(e: Emitter, bits: int, pointer: str, align: int) -> str:
    """Load an integer; a quadword into a vector register, where it is mostly wanted."""
    if bits < 128:
        return e.tmp(f"load i{bits}, ptr {pointer}, align {align}")
    vector = e.tmp(f"load <2 x i64>, ptr {pointer}, align {align}")
    return e.tmp(f"bitcast <2 x i64> {vector} to i128")


def load_whole(e: Emitter, bits: int, pointer: str) -> str:
    """Load an integer of guest memory in one access, which is atomic where it is aligned.

    LLVM would make two of a quadword that is not volatile.
    """
    if bits < 128:
        return load_bits(e, bits, pointer, 1)
    vector = e.tmp(f"load volatile <2 x i64>, ptr {pointer}, align 1")
    return e.tmp(f"bitcast <2 x i64> {vector} to i128")


def store_whole(e: Emitter, bits: int, value: str, pointer: str) -> None:
    """Store an integer to guest memory, likewise."""
    if bits == 128:
        value = e.tmp(f"bitcast i128 {value} to <2 x i64>")
        e.line(f"store volatile <2 x i64> {value}, ptr {pointer}, align 1")
    else:
        e.line(f"store i{bits} {value}, ptr {pointer}, align 1")


@effect("get")
def _get(e: EffectEmitter, v: Value) -> str:
    register = REGISTERS[v.attr]
    pointer = e.register_pointer(register, v.args[0] if v.args else None)
    return load_bits(e, register.type.bits, pointer, register_align(register.type))


@effect("set")
def _set(e: EffectEmitter, v: Value) -> None:
    register = REGISTERS[v.attr]
    pointer = e.register_pointer(register, v.args[0] if len(v.args) > 1 else None)
    align = register_align(register.type)
    e.line(f"store {e.set_word}{register.type} {e.of(v.args[-1])}, ptr {pointer}, align {align}")


@effect("cia")
def _cia(e: EffectEmitter, v: Value) -> str:
    return e.cia()


def probe(e: EffectEmitter, ea: str, size: int, tag_field: int) -> str:
    """Look `size` bytes at `ea` up in the data TLB; leaves on a miss, returns the host pointer.

    The last byte's granule is compared with the tag found at the first byte's index, so an access
    that crosses into the next granule misses, whatever stands there.
    """
    shift = layout.GRANULE_LOG2 - 5                  # ... of a rotation: it keeps the address
    last = ea if size == 1 else e.tmp(f"add i64 {ea}, {size - 1}")
    granule = e.tmp(f"and i64 {last}, {-(1 << layout.GRANULE_LOG2)}")
    e.need("fshr64", "declare i64 @llvm.fshr.i64(i64, i64, i64)")
    turned = e.tmp(f"call i64 @llvm.fshr.i64(i64 {ea}, i64 {ea}, i64 {shift})")
    at = e.tmp(f"and i64 {turned}, %dmask")
    entry = e.tmp(f"getelementptr i8, ptr %dtlb, i64 {at}")
    tag_at = e.tmp(f"getelementptr i8, ptr {entry}, i64 {tag_field * 8}")
    tag = e.tmp(f"load i64, ptr {tag_at}{e.tlb_load}")
    e.leave_if(e.tmp(f"icmp ne i64 {tag}, {granule}"))
    addend_at = e.tmp(f"getelementptr i8, ptr {entry}, i64 {offset('addend', layout.TLB_ENTRY)}")
    addend = e.tmp(f"load ptr, ptr {addend_at}{e.tlb_load}")
    return e.tmp(f"getelementptr i8, ptr {addend}, i64 {ea}")


READ, WRITE = 0, 1


@effect("load")
def _load(e: EffectEmitter, v: Value) -> str:
    pointer = e.look_up(e.of(v.args[0]), v.attr // 8, READ)
    return load_whole(e, v.attr, pointer)


@effect("store")
def _store(e: EffectEmitter, v: Value) -> None:
    pointer = e.look_up(e.of(v.args[0]), v.attr // 8, WRITE)
    store_whole(e, v.attr, e.of(v.args[1]), pointer)


@effect("touch")
def _touch(e: EffectEmitter, v: Value) -> None:
    e.look_up(e.of(v.args[0]), v.attr // 8, WRITE)


@effect("zero_block")
def _zero_block(e: EffectEmitter, v: Value) -> None:
    start = e.tmp(f"and i64 {e.of(v.args[0])}, -128")
    pointer = e.look_up(start, 128, WRITE)
    e.line(f"store <128 x i8> zeroinitializer, ptr {pointer}, align 1")


def _leave_if_misaligned(e: EffectEmitter, ea: str, size: int) -> None:
    if size > 1:
        e.leave_if(e.tmp(f"icmp ne i64 {e.tmp(f'and i64 {ea}, {size - 1}')}, 0"))


@effect("load_reserve")
def _load_reserve(e: EffectEmitter, v: Value) -> str:
    ea, bits = e.of(v.args[0]), v.attr
    _leave_if_misaligned(e, ea, bits // 8)
    e.leave_if(e.tmp(f"icmp ne i64 {e.get_field('guarding')}, 0"))
    pointer = e.look_up(ea, bits // 8, READ)
    loaded = e.tmp(f"load atomic i{bits}, ptr {pointer} monotonic, align {bits // 8}")
    e.set_field("reserve_ea", ea)
    e.set_field("reserve_bits", str(bits))
    e.set_field("reserve_cia", e.cia())
    e.set_field("reserve_count", e.left())
    low = e.tmp(f"zext i{bits} {loaded} to i64") if bits < 64 else loaded
    if bits == 128:
        low = e.tmp(f"trunc i128 {loaded} to i64")
        high = e.tmp(f"trunc i128 {e.tmp(f'lshr i128 {loaded}, 64')} to i64")
        e.set_field("reserve_high", high)
    e.set_field("reserve_low", low)
    return loaded


@effect("store_conditional")
def _store_conditional(e: EffectEmitter, v: Value) -> str:
    """Compare-and-swap against the value the reserving load saw, if they are a plain pair; anything
    unusual leaves.
    """
    ea, bits, far = e.of(v.args[0]), v.attr, e.of(v.args[2])
    same = e.tmp(f"icmp eq i64 {e.get_field('reserve_ea')}, {ea}")
    size = e.tmp(f"icmp eq i64 {e.get_field('reserve_bits')}, {bits}")
    load_at = e.tmp(f"add i64 {e.get_field('reserve_cia')}, {far}")
    count = e.tmp(f"add i64 {e.left()}, {e.tmp(f'lshr i64 {far}, 2')}")
    there = e.tmp(f"icmp eq i64 {load_at}, {e.cia()}")
    straight = e.tmp(f"icmp eq i64 {e.get_field('reserve_count')}, {count}")
    fits, plain = e.tmp(f"and i1 {same}, {size}"), e.tmp(f"and i1 {there}, {straight}")
    e.leave_if(e.tmp(f"xor i1 {e.tmp(f'and i1 {fits}, {plain}')}, true"))
    pointer = e.look_up(ea, bits // 8, WRITE)
    expected = e.get_field("reserve_low")
    if bits < 64:
        expected = e.tmp(f"trunc i64 {expected} to i{bits}")
    elif bits == 128:
        high = e.tmp(f"zext i64 {e.get_field('reserve_high')} to i128")
        high = e.tmp(f"shl i128 {high}, 64")
        expected = e.tmp(f"or i128 {high}, {e.tmp(f'zext i64 {expected} to i128')}")
    e.set_field("reserve_ea", str(-1))
    pair = e.tmp(
        f"cmpxchg ptr {pointer}, i{bits} {expected}, i{bits} {e.of(v.args[1])} "
        f"monotonic monotonic, align {bits // 8}"
    )
    return e.tmp(f"extractvalue {{i{bits}, i1}} {pair}, 1")


@effect("fence")
def _fence(e: EffectEmitter, v: Value) -> None:
    e.line(f"fence {v.attr}")
