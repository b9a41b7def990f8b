"""Hypothesis strategies derived from the rows: words, blocks of words, processor states, memories.

The only place with instruction strategies. A word of a row has its opcode bits, random fields, and
reserved bits 0 (silicon ignores them; the objdump and QEMU comparisons rely on it).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import numpy as np
from hypothesis import strategies as st

from jitppc.frontend.decode import decode, rows
from jitppc.frontend.forms import words_of
from jitppc.frontend.levels import model_for
from jitppc.frontend.rows import Row
from jitppc.frontend.translate import emit
from jitppc.ir.block import Block
from jitppc.ir.builder import LE64, Builder, Mode
from jitppc.ir.interp import StorageInterrupt
from jitppc.ir.layout import CPU_STATE, MSR, NO_TAG

REGISTER_FIELDS = frozenset(
    "RT RS RA RB RC FRT FRS FRA FRB FRC VRT VRS VRA VRB VRC T S A B C RTp RSp FRTp FRSp".split()
)

#: Doublewords at the edges of what instructions distinguish: widths, signs, carries, and the
#: specials of both floating-point formats.
EDGES = (
    0, 1, 2, 3, 7, 0x1F, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF,
    0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000,
    0xFFFFFFFF80000000, 0xFFFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFF, 0x0123456789ABCDEF,
    0x3FF0000000000000, 0xBFF0000000000000, 0x7FF0000000000000, 0xFFF0000000000000,
    0x7FF8000000000000, 0x7FF0000000000001, 0x0010000000000000, 0x000FFFFFFFFFFFFF,
    0x7FEFFFFFFFFFFFFF, 0x3FE0000000000000, 0x4330000000000000, 0x41E0000000000000,
    0x43E0000000000000, 0xC3E0000000000000, 0x47EFFFFFE0000000, 0x36A0000000000000,
    0x3F8000007F800000, 0x7FC00000FF800001, 0x0080000000000001,
)  # fmt: skip

U32 = st.integers(0, 0xFFFFFFFF)
U64 = st.one_of(st.sampled_from(EDGES), st.integers(0, 2**64 - 1))


def free_bits(row: Row) -> int:
    """A mask of the bits that a row's fields occupy."""
    return sum(((1 << width) - 1) << shift for shift, width in row.picture.fields.values())


def random_word(row: Row, source: random.Random, near: bool = False) -> int:
    """A word of the row that its `accept` allows; `near` keeps register numbers small, so that
    the instructions of a block read what others wrote."""
    free = free_bits(row)
    if near:
        for name, (shift, width) in row.picture.fields.items():
            if name in REGISTER_FIELDS and width == 5:
                free &= ~(0b11100 << shift)
    for _ in range(1000):
        word = row.picture.value | source.getrandbits(row.picture.bits) & free
        found = decode(word, model_for(row))
        if found is not None and found.row is row and (row.accept is None or row.accept(word)):
            return word
    raise AssertionError(f"{row.key}: no acceptable word in 1000")


@st.composite
def words(
    draw: st.DrawFn, row: Row | None = None, among: Callable[[Row], bool] | None = None
) -> int:
    """A valid word: of this row, or of any row (that `among` allows)."""
    if row is None:
        row = draw(st.sampled_from([r for r in rows().values() if among is None or among(r)]))
    near = draw(st.booleans())
    return random_word(row, random.Random(draw(U32)), near)


def word_lists(max_size: int = 8, among: Callable[[Row], bool] | None = None) -> st.SearchStrategy:
    """Words of a straight line of instructions."""
    return st.lists(words(among=among), min_size=1, max_size=max_size)


def block_of(line: Iterable[int], mode: Mode = LE64) -> Block:
    """The block of these instructions, cut behind the first one that ends it."""
    b = Builder(mode)
    offset = 0
    for word in line:
        b.block.starts.append((len(b.block.values), offset))
        insn = decode(word)
        offset += 4 * len(words_of(word))
        assert insn is not None
        emit(b, insn)
        if b.block.ends:
            break
    return b.block


def blocks_of_rows(
    max_size: int = 8, mode: Mode = LE64, among: Callable[[Row], bool] | None = None
) -> st.SearchStrategy[Block]:
    """A block of several random instructions, as the region translator makes them."""
    return word_lists(max_size, among).map(lambda line: block_of(line, mode))


def random_state(seed: int, mode: Mode = LE64, msr: int = 0) -> np.ndarray:
    """A CPU_STATE record: every architected register random, with edges as likely as any value.

    Facilities are available unless `msr` names bits to flip.
    """
    source = random.Random(seed)

    def doubleword() -> int:
        kind = source.randrange(4)
        if kind == 0:
            return source.choice(EDGES)
        if kind == 1:
            return source.choice(EDGES) + source.choice((-1, 0, 1)) & 0xFFFFFFFFFFFFFFFF
        return source.getrandbits(64) >> source.choice((0, 0, 0, 32, 48, 56))

    state = np.zeros(1, CPU_STATE)
    record = state[0]
    record["gpr"] = [doubleword() for _ in range(32)]
    record["vsr"] = [[doubleword(), doubleword()] for _ in range(64)]
    record["spr"] = [source.getrandbits(64) for _ in range(1024)]
    record["spr"][153] = 0xFFFFFFFFFFFFFFFF  # FSCR: every facility is available
    for debug in (180, 181, 187, 188, 189):  # no watchpoint, no breakpoint
        record["spr"][debug] = 0
    # MMCR0[PMAO]: no alert of the performance monitor
    record["spr"][795] = int(record["spr"][795]) & ~0x80
    record["crf"] = [source.randrange(16) for _ in range(8)]
    for name in ("so", "ov", "ca", "ov32", "ca32"):
        record[name] = source.randrange(2)
    record["xer_low"] = source.randrange(128)
    record["fpscr"] = _consistent_fpscr(source.getrandbits(32))
    record["vscr"] = source.getrandbits(64) & 0x10001
    record["reserve_ea"] = NO_TAG
    base = MSR.SF | MSR.FP | MSR.VEC | MSR.VSX | MSR.IR | MSR.DR | MSR.RI
    base |= MSR.LE if mode.little is not False else 0
    record["msr"] = base ^ msr
    record["little"] = int(bool(record["msr"] & MSR.LE))
    record["sixty_four"] = int(bool(record["msr"] & MSR.SF))
    record["ea_mask"] = 0xFFFFFFFFFFFFFFFF if record["sixty_four"] else 0xFFFFFFFF
    return state


def _consistent_fpscr(bits: int) -> int:
    """FPSCR with no exception enabled, and VX the or of the VX bits. Ref: Book I 4.2.2."""
    bits &= 0x9FFFF703  # all but FEX, VX, the reserved bit, the enables and NI
    return bits | (0x20000000 if bits & 0x01F80700 else 0)


def cpu_states(mode: Mode = LE64) -> st.SearchStrategy[np.ndarray]:
    """Processor states; sometimes one facility is off, or the processor is in problem state."""
    flips = st.sampled_from((0, 0, 0, MSR.FP, MSR.VEC, MSR.VSX, MSR.PR))
    return st.builds(lambda seed, msr: random_state(seed, mode, msr), U32, flips)


class SparseMemory:
    """Memory everywhere: contents depend on address and seed; some granules refuse accesses."""

    def __init__(self, seed: int = 0, refusing: bool = False) -> None:
        self.seed, self.refusing = seed, refusing
        self.written: dict[int, int] = {}

    def _check(self, ea: int, size_bytes: int) -> None:
        for granule in {ea >> 6, ea + size_bytes - 1 >> 6}:
            if self.refusing and (granule * 0x9E3779B97F4A7C15 + self.seed >> 20) % 4 == 0:
                raise StorageInterrupt(granule)

    def _byte(self, ea: int) -> int:
        ea &= 0xFFFFFFFFFFFFFFFF
        if ea in self.written:
            return self.written[ea]
        return (ea * 0x9E3779B97F4A7C15 + self.seed * 0xC2B2AE3D27D4EB4F >> 17) & 0xFF

    def load(self, ea: int, size_bytes: int) -> bytes:
        self._check(ea, size_bytes)
        return bytes(self._byte(ea + n) for n in range(size_bytes))

    def store(self, ea: int, data: bytes) -> None:
        self._check(ea, len(data))
        for n, byte in enumerate(data):
            self.written[ea + n & 0xFFFFFFFFFFFFFFFF] = byte


def memories() -> st.SearchStrategy[SparseMemory]:
    """Memories of all contents, with and without places that raise storage interrupts."""
    return st.builds(SparseMemory, st.integers(0, 255), st.booleans())
