"""The loader of relocatable objects: every kind of reference, and what it refuses."""

from __future__ import annotations

import ctypes
import io

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from jitppc.backend.arena import Arena, LoadError
from jitppc.backend.objects import compile_text

DATA_AND_CALLS = """
@table = constant [3 x i64] [i64 10, i64 20, i64 30]
@pointers = global [2 x ptr] [ptr @table, ptr @twice]
@counter = internal global i64 5
declare i64 @strlen(ptr)
@text = private constant [6 x i8] c"hello\\00"
define i64 @twice(i64 %x) noinline {
 %y = shl i64 %x, 1
 ret i64 %y
}
define i64 @pick(i64 %n) {
 %p = getelementptr i64, ptr @table, i64 %n
 %v = load i64, ptr %p
 ret i64 %v
}
define i64 @indirect(i64 %x) {
 %slot = getelementptr ptr, ptr @pointers, i64 1
 %f = load ptr, ptr %slot
 %v = call i64 %f(i64 %x)
 ret i64 %v
}
define i64 @count(i64 %by) {
 %old = load i64, ptr @counter
 %new = add i64 %old, %by
 store i64 %new, ptr @counter
 ret i64 %new
}
define i64 @address(i64 %unused) {
 %a = ptrtoint ptr @table to i64
 ret i64 %a
}
define i64 @length(i64 %unused) {
 %n = call i64 @strlen(ptr @text)
 ret i64 %n
}
"""


def function(placed, name):
    return ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(placed.symbols[name])


@pytest.fixture
def arena() -> Arena:
    return Arena(1 << 20)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_code_data_and_the_C_library_are_reached(arena, level):
    placed = arena.load([compile_text(DATA_AND_CALLS, level)])[0]
    assert [10, 20, 30] == [function(placed, "pick")(n) for n in range(3)]
    assert function(placed, "indirect")(21) == 42
    assert [6, 8] == [function(placed, "count")(n) for n in (1, 2)]
    assert function(placed, "address")(0) == placed.symbols["table"]
    assert function(placed, "length")(0) == 5
    assert arena.base <= placed.start < placed.start + placed.size <= arena.base + arena.size


def test_each_copy_of_an_object_has_data_of_its_own(arena):
    code = compile_text(DATA_AND_CALLS, 1)
    first, second = arena.load([code])[0], arena.load([code])[0]
    assert function(first, "count")(1) == function(second, "count")(1) == 6


def test_objects_loaded_together_may_refer_to_each_other(arena):
    one = compile_text(
        "declare i64 @b(i64)\ndefine i64 @a(i64 %x) {\n"
        " %y = call i64 @b(i64 %x)\n %z = add i64 %y, 1\n ret i64 %z\n}\n"
    )
    other = compile_text("define i64 @b(i64 %x) {\n %y = mul i64 %x, 10\n ret i64 %y\n}\n")
    placed = arena.load([one, other])
    assert function(placed[0], "a")(4) == 41


def test_only_exported_symbols_are_known_to_later_objects(arena):
    user = compile_text(
        "declare i64 @hidden_b(i64)\ndefine i64 @a(i64 %x) {\n"
        " %y = call i64 @hidden_b(i64 %x)\n ret i64 %y\n}\n"
    )
    maker = compile_text("define i64 @hidden_b(i64 %x) {\n ret i64 7\n}\n")
    arena.load([maker])
    with pytest.raises(LoadError, match="nobody defines hidden_b"):
        arena.load([user])
    arena.load([maker], export=True)
    assert function(arena.load([user])[0], "a")(0) == 7


def test_a_full_arena_says_so_and_keeps_what_it_has():
    arena = Arena(1 << 16)
    code = compile_text(DATA_AND_CALLS, 1)
    first = arena.load([code])[0]
    large = compile_text("@x = global [65536 x i8] zeroinitializer\n")
    for _ in range(3):
        with pytest.raises(LoadError, match="full"):
            arena.load([large])
    assert function(first, "pick")(1) == 20
    assert arena.used <= arena.size
    assert function(arena.load([code])[0], "pick")(2) == 30


def test_arenas_lie_below_two_gibibytes(arena):
    assert arena.base + arena.size <= 1 << 31


def _relocations(code: bytes) -> list[tuple[int, int]]:
    """(offset in the file, kind) of every relocation of loaded sections."""
    elf = ELFFile(io.BytesIO(code))
    found = []
    for section in elf.iter_sections():
        if section["sh_type"] == "SHT_RELA" and ".eh_frame" not in section.name:
            for n in range(section.num_relocations()):
                at = section["sh_offset"] + 24 * n + 8
                found.append((at, int.from_bytes(code[at : at + 4], "little")))
    return found


def test_a_relocation_of_an_unknown_kind_is_refused(arena):
    code = bytearray(compile_text(DATA_AND_CALLS, 1))
    at, _kind = _relocations(bytes(code))[0]
    code[at : at + 4] = (37).to_bytes(4, "little")
    with pytest.raises(LoadError, match=r"relocation of kind \{37\}"):
        arena.load([bytes(code)])


def test_a_reference_that_is_too_far_is_refused(arena):
    """An addend of 4 GiB on a 32-bit reference."""
    code = bytearray(compile_text(DATA_AND_CALLS, 1))
    at, _ = next(item for item in _relocations(bytes(code)) if item[1] in (2, 4, 11))
    code[at + 8 : at + 16] = (1 << 32).to_bytes(8, "little")
    with pytest.raises(LoadError, match="does not fit"):
        arena.load([bytes(code)])


def test_zeroed_data_is_zero(arena):
    text = "@z = global [64 x i64] zeroinitializer\n" + DATA_AND_CALLS
    placed = arena.load([compile_text(text, 1)])[0]
    at = placed.symbols["z"] - arena.base
    assert not np.any(arena.bytes[at : at + 512])
