"""Event-based branches and the branch history buffer. Ref: Book II 6, 7; Book III 9.

An event-based branch happens when BESCR[GE] is 1 and an event both enabled and present (BESCR[PME, PMEO] or [EE, EEO]).
Events are alerts of the performance monitor (runtime/native/pmu.py), and what software writes into BESCR. The buffer
records nothing: its entries are 0.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.builder import Builder
from jitppc.ir.layout import MSR

from .spr import BHRB_FACILITY, EBB_FACILITY, MMCR0, facility

REF, BUFFER = "Book II 6.1", "Book II 7.1"


@insn("XL", "010011 ///// ///// //// S:1 0010010010 /", "S", since="2.07", ref=REF)
def rfebb(b: Builder, i: Fields) -> None:
    """BESCR[GE] <- S; nia <- EBBRR[0:61] || 0b00."""
    facility(b, EBB_FACILITY)
    b.helper("rfebb", i.S)


def history(b: Builder) -> None:
    """Refuse in problem state unless MMCR0[PMCC] grants the buffer: the facility unavailable interrupt."""
    control = b.and_(b.lshr(b.get("spr", MMCR0), 18), 3)
    in_problem_state = b.ne(b.and_(b.get("msr"), MSR.PR), 0)
    b.interrupt_if(b.and_(in_problem_state, b.eq(b.and_(control, 2), 0)), "FACILITY_UNAVAILABLE", BHRB_FACILITY)


@insn("XFX", "011111 RT BHRBE 0100101110 /", "RT,BHRBE", since="2.07", ref=BUFFER)
def mfbhrbe(b: Builder, i: Fields) -> None:
    """RT <- an entry of the branch history rolling buffer: 0, there are none."""
    history(b)
    b.set_gpr(i.RT, 0)


@insn("X", "011111 ///// ///// ///// 0110101110 /", since="2.07", ref=BUFFER)
def clrbhrb(b: Builder, i: Fields) -> None:
    """The branch history rolling buffer is empty: it always is."""
    history(b)
