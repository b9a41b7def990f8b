"""Native predecoding chooses the row, the variant and the mode that decode() chooses."""

from __future__ import annotations

import random

import pytest
from bench import CODE, Bench, bench
from isa.vectors import new_state
from strategies import random_word

from jitppc.frontend.decode import decode, is_hidden, is_prefix, rows
from jitppc.frontend.forms import words_of
from jitppc.ir.builder import ANY, LE64
from jitppc.ir.layout import MSR
from jitppc.runtime.tier0 import _symbol

MODES = {"le64": (LE64, MSR.SF | MSR.LE), "any": (ANY, MSR.SF)}
CROWDED = (4, 19, 31, 57, 59, 60, 61, 62, 63)


def expected_names(word: int, mode: str) -> set[str]:
    found = decode(word)
    if found is None:
        return {f"unknown_{mode}"}
    name = _symbol(found.row, found.flags, MODES[mode][0])
    return {name, f"{name}_far"}


def chosen(native: Bench, word: int, mode: str, names: dict[int, str]) -> str:
    bits = MODES[mode][1]
    native.vcpu.state["gpr"] = 0        # no store hits the code
    native.place(CODE, [word], bool(bits & MSR.LE))
    native.vcpu.msr, native.vcpu.nia = bits | MSR.ME, CODE
    native.vcpu.run_for(1)
    number = int(native.cells(CODE)["handler"][0])
    if decode(word) is not None:
        kept = tuple(int(n) for n in native.cells(CODE)["word"][: len(words_of(word))])
        assert words_of(word) == kept
    table = native.engine.handlers
    address = native.words_at(table + 8 * number)
    return names[address]


def words(source: random.Random) -> list[int]:
    """Words of every row with reserved bits set too, and any words."""
    found = []
    for row in (row for row in rows().values() if not is_hidden(row)):
        for _ in range(3):
            word = random_word(row, source)
            found += [word, word & ~0x7FE | source.getrandbits(32) & 0x7FE]
            any_bits = source.getrandbits(row.picture.bits)
            found.append(row.picture.value | any_bits & ~row.picture.mask)
    found += [source.getrandbits(32) for _ in range(500)]
    found += [source.choice(CROWDED) << 26 | source.getrandbits(26) for _ in range(3000)]
    return [word for word in found if word >> 32 or not is_prefix(word)]


@pytest.mark.parametrize("mode", sorted(MODES))
def test_the_native_decoder_agrees_with_decode(mode):
    native = bench("exact")
    native.load_state(new_state())
    names = {
        address: name
        for name, address in native.engine.arena.symbols.items()
        if name.startswith(("h_", "unknown_", "crossing_"))
    }
    wrong = []
    for word in words(random.Random(mode)):
        name = chosen(native, word, mode, names)
        if name not in expected_names(word, mode):
            wrong.append(f"{word:08x}: {name}, not {expected_names(word, mode)}")
    assert [] == wrong[:20]
