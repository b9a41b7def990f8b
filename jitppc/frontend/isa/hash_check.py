"""Hash store and check, against return addresses that were overwritten. Ref: Book I 3.3.17 of ISA 3.1B.

Differs: no aspect of DEXCR turns them off; the hypervisor, which may enforce them, does.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .spr import HASHKEYR, HASHPKEYR

REF = "Book I 3.3.17"


def has_base(word: int) -> bool:
    """RA is not 0, where the form is invalid."""
    return bool(word >> 16 & 31)


def operands(b: Builder, i: Fields, key: int) -> tuple[Value, Value]:
    """EA <- (RA) + (D, from -512 to -8), aligned; and the digest of (RA) and (RB)."""
    ea = b.ea(b.gpr(i.RA), i.HASHD)
    b.interrupt_if(b.ne(b.and_(ea, 7), 0), "ALIGNMENT", ea)
    return ea, b.hash_digest(b.gpr(i.RA), b.gpr(i.RB), b.get("spr", key))


def store_row(name: str, xo: str, key: int, is_privileged: bool) -> None:
    """MEM(EA, 8) <- the digest."""
    @insn("X", f"011111 D5 RA RB {xo} DX1", "RB,HASHD(RA)", since="3.1B", ref=REF, name=name, accept=has_base)
    def _store(b: Builder, i: Fields) -> None:
        """MEM(EA, 8) <- the digest of (RA) and (RB) under the key register."""
        if is_privileged:
            b.privileged()
        ea, value = operands(b, i, key)
        b.store(64, ea, value)


def check_row(name: str, xo: str, key: int, is_privileged: bool) -> None:
    """A trap unless MEM(EA, 8) is the digest."""
    @insn("X", f"011111 D5 RA RB {xo} DX1", "RB,HASHD(RA)", since="3.1B", ref=REF, name=name, accept=has_base)
    def _check(b: Builder, i: Fields) -> None:
        """A trap unless MEM(EA, 8) is the digest of (RA) and (RB) under the key register."""
        if is_privileged:
            b.privileged()
        ea, value = operands(b, i, key)
        b.interrupt_if(b.ne(b.load(64, ea), value), "PROGRAM_TRAP")


store_row("hashst", "1011010010", HASHKEYR, is_privileged=False)
check_row("hashchk", "1011110010", HASHKEYR, is_privileged=False)
store_row("hashstp", "1010010010", HASHPKEYR, is_privileged=True)
check_row("hashchkp", "1010110010", HASHPKEYR, is_privileged=True)
