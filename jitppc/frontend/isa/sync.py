"""Synchronisation, cache management, copy and paste, wait. Ref: Book II 4.3, 4.4, 4.6.

There are no caches to manage: the cache instructions check that the storage may be read, and the hints do
nothing at all. Stores to code are noticed when they happen, so icbi has nothing to invalidate either.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

REF = "Book II 4.6.3"
REF_CACHE = "Book II 4.3.2"
REF_COPY = "Book II 4.4"


# --- barriers ------------------------------------------------------------------------------------------------
@insn("X", "011111 /// L:2 ///// ///// 1001010110 /", "L", ref=REF, static=("L",),
      accept=lambda word: word >> 21 & 3 != 3)
def sync(b: Builder, i: Fields) -> None:
    """All earlier accesses are performed before all later ones; lwsync (L = 1) leaves store then load unordered."""
    b.fence("acq_rel" if i.L == 1 else "seq_cst")


@insn("X", "011111 ///// ///// ///// 1101010110 /", ref=REF)
def eieio(b: Builder, i: Fields) -> None:
    """Earlier stores are performed before later ones."""
    b.fence("acq_rel")


@insn("XL", "010011 ///// ///// ///// 0010010110 /", ref="Book II 4.6.1")
def isync(b: Builder, i: Fields) -> None:
    """Instructions behind it are fetched anew, in the context that those before it have made."""
    b.fence("acquire")
    b.jump_rel(4)


@insn("X", "011111 /// WC:2 ///// ///// 0000011110 /", "WC", since="3.0", until="3.0C", ref="Book II 4.6.4",
      accept=lambda word: not word >> 21 & 3)
def wait(b: Builder, i: Fields) -> None:
    """Nothing: waiting may end at once."""


@insn("X", "011111 /// WC:2 /// PL:2 ///// 0000011110 /", "WC,PL", since="3.1", ref="Book II 4.6.4", name="wait",
      key="wait.3.1", accept=lambda word: word >> 21 & 3 != 3 and not word >> 16 & 3)
def wait_for(b: Builder, i: Fields) -> None:
    """Nothing: waiting, for an event, a reservation's loss or a while, may end at once."""


# --- caches --------------------------------------------------------------------------------------------------
def block_address(b: Builder, i: Fields) -> Value:
    """EA <- (RA|0) + (RB)."""
    return b.ea(b.gpr_or_zero(i.RA), b.gpr(i.RB))


def cache_block(name: str, picture: str, asm: str, says: str,
                accept: Callable[[int], bool] | None = None) -> None:
    """A row that treats the byte at EA as a load does, and drops it."""
    def body(b: Builder, i: Fields) -> None:
        b.load(8, block_address(b, i))

    body.__doc__ = says
    insn("X", picture, asm, ref=REF_CACHE, name=name, accept=accept)(body)


def hint(name: str, picture: str, asm: str, since: str) -> None:
    """A row that may be ignored, and is: it raises no storage interrupt."""
    def body(b: Builder, i: Fields) -> None:
        pass

    body.__doc__ = "Nothing: a hint."
    insn("X", picture, asm, since=since, ref=REF_CACHE, name=name)(body)


cache_block("dcbf", "011111 /// L:2 RA RB 0001010110 /", "RA,RB,L", "The block at EA is in storage only.",
            accept=lambda word: word >> 21 & 3 != 2)
cache_block("dcbst", "011111 ///// RA RB 0000110110 /", "RA,RB", "The block at EA is in storage.")
cache_block("icbi", "011111 ///// RA RB 1111010110 /", "RA,RB", "The block at EA is in no instruction cache.")
hint("dcbt", "011111 TH RA RB 0100010110 /", "RA,RB,TH", "PPC")
hint("dcbtst", "011111 TH RA RB 0011110110 /", "RA,RB,TH", "PPC")
hint("icbt", "011111 / CT RA RB 0000010110 /", "CT,RA,RB", "2.07")


@insn("X", "011111 ///// RA RB 1111110110 /", "RA,RB", ref=REF_CACHE)
def dcbz(b: Builder, i: Fields) -> None:
    """The aligned block of 128 bytes at EA <- zeros."""
    b.zero_block(block_address(b, i))


# --- copy and paste ------------------------------------------------------------------------------------------
def is_whole(word: int) -> bool:
    """Bit 10 is 1: a copy is one block, its first and last."""
    return bool(word >> 21 & 1)


def aligned_block(b: Builder, i: Fields) -> Value:
    """EA <- (RA|0) + (RB), a multiple of 128, else an alignment interrupt."""
    ea = block_address(b, i)
    b.interrupt_if(b.ne(b.and_(ea, 127), 0), "ALIGNMENT", ea)
    return ea


@insn("X", "011111 //// L RA RB 1100000110 /", "RA,RB", since="3.0", until="3.0C", ref=REF_COPY, accept=is_whole)
def copy(b: Builder, i: Fields) -> None:
    """The block at EA could be read; it goes nowhere, because no accelerator takes a paste."""
    b.load(8, aligned_block(b, i))


@insn("X", "011111 //// L RA RB 1110000110 1", "RA,RB", since="3.0", until="3.0C", ref=REF_COPY, accept=is_whole,
      name="paste.")
def paste(b: Builder, i: Fields) -> None:
    """CR0 <- 0b000 || SO: the transfer failed, software tries another way. Memory takes none before ISA 3.1."""
    aligned_block(b, i)
    b.set_crf(0, b.get("so"))


@insn("X", "011111 ///// ///// ///// 1101000110 /", since="3.0", ref=REF_COPY)
def cpabort(b: Builder, i: Fields) -> None:
    """The copy buffer is empty."""
    b.set("has_copied", 0)


@insn("X", "011111 //// L RA RB 1100000110 /", "RA,RB", since="3.1", ref=REF_COPY, accept=is_whole, name="copy",
      key="copy.3.1")
def copy_block(b: Builder, i: Fields) -> None:
    """The copy buffer <- the block at EA, which is memory."""
    b.helper("copy", aligned_block(b, i))


@insn("X", "011111 //// L RA RB 1110000110 1", "RA,RB", since="3.1", ref=REF_COPY, accept=is_whole, name="paste.",
      key="paste.3.1")
def paste_block(b: Builder, i: Fields) -> None:
    """The block at EA <- the copy buffer, which is empty then; CR0 <- 0b00 || was it full || SO."""
    b.helper("paste", aligned_block(b, i))
