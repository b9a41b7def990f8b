"""Transactional memory, of ISA 2.07 to 3.0: transactions that always fail at once, as the architecture allows.

tbegin. says so in CR0 and in TEXASR (persistent: nesting overflow), TFIAR and TFHAR; the instruction behind it is
where a failure handler is found. There never is a transaction, so the others do nothing, and what reclaims or
recreates one is a TM Bad Thing. Ref: Book II 5.5, Book III 3.2.2 of ISA 3.0B.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.layout import MSR

from .spr import TEXASR, TFHAR, TFIAR, TM_FACILITY

REF = "Book II 5.5"
#: TEXASR: persistent, nesting overflow, failure summary, TFIAR is exact; and problem state
FAILED = 1 << 63 - 7 | 1 << 63 - 9 | 1 << 63 - 36 | 1 << 63 - 37
IN_PROBLEM_STATE = 63 - 35
#: CR0 after a transaction that failed
FAILURE = 0b1010


def available(b: Builder) -> None:
    """MSR[TM] is 1, else a facility unavailable interrupt, whatever the state."""
    b.interrupt_if(b.eq(b.and_(b.get("msr"), MSR.TM), 0), "FACILITY_UNAVAILABLE", TM_FACILITY)


def problem_state(b: Builder) -> Value:
    """MSR[PR] as a doubleword."""
    return b.zext(b.ne(b.and_(b.get("msr"), MSR.PR), 0))


@insn("X", "011111 //// R:1 ///// ///// 1010001110 1", "R", since="2.07", until="3.0C", ref=REF, name="tbegin.")
def tbegin(b: Builder, i: Fields) -> None:
    """CR0 <- 0b1010: the transaction has failed; TEXASR, TFIAR and TFHAR say how and where."""
    available(b)
    b.set("spr", TEXASR, b.or_(b.shl(problem_state(b), IN_PROBLEM_STATE), FAILED))
    b.set("spr", TFIAR, b.or_(b.cia(), problem_state(b)))
    b.set("spr", TFHAR, b.add(b.cia(), 4))
    b.set_crf(0, FAILURE)


def idle(name: str, picture: str, asm: str) -> None:
    """A row that finds no transaction: CR0 <- 0b0 || MSR[TS] || 0."""
    @insn("X", picture, asm, since="2.07", until="3.0C", ref=REF, name=name)
    def _idle(b: Builder, i: Fields) -> None:
        """CR0 <- 0b0000: there is no transaction."""
        available(b)
        b.set_crf(0, 0)


idle("tend.", "011111 A:1 //// ///// ///// 1010101110 1", "A")
idle("tabort.", "011111 ///// RA ///// 1110001110 1", "RA")
idle("tabortwc.", "011111 TO RA RB 1100001110 1", "TO,RA,RB")
idle("tabortwci.", "011111 TO RA SIM 1101001110 1", "TO,RA,SIM")
idle("tabortdc.", "011111 TO RA RB 1100101110 1", "TO,RA,RB")
idle("tabortdci.", "011111 TO RA SIM 1101101110 1", "TO,RA,SIM")
idle("tsr.", "011111 //// L ///// ///// 1011101110 1", "L")


@insn("X", "011111 BF // ///// ///// 1011001110 /", "BF", since="2.07", until="3.0C", ref=REF)
def tcheck(b: Builder, i: Fields) -> None:
    """CR field BF <- TDOOMED || MSR[TS] || 0: any transaction is doomed."""
    available(b)
    b.set_crf(i.BF, 0b1000)


def impossible(name: str, picture: str, asm: str) -> None:
    """A row that needs a transaction, or makes one."""
    @insn("X", picture, asm, since="2.07", until="3.0C", ref="Book III 4.4.3", name=name)
    def _impossible(b: Builder, i: Fields) -> None:
        """A TM Bad Thing: there is no transaction, and can be none."""
        b.privileged()
        available(b)
        b.interrupt_if(1, "PROGRAM_TM_BAD")


impossible("treclaim.", "011111 ///// RA ///// 1110101110 1", "RA")
impossible("trechkpt.", "011111 ///// ///// ///// 1111101110 1", "")
