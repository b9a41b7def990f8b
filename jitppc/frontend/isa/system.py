"""System linkage, MSR, translation look-aside buffer and doorbells. Ref: Book III 4.3, 4.4, 6.9.3, 11.4."""

from __future__ import annotations

from jitppc.frontend.isa.spr import SCV_FACILITY, facility
from jitppc.frontend.rows import Fields, insn
from jitppc.ir.builder import Builder
from jitppc.ir.layout import LPCR


@insn("SC", "010001 ///// ///// //// LEV /// 1 /", "LEV", ref="Book III 4.3.1")
def sc(b: Builder, i: Fields) -> None:
    """System call (LEV = 0) or hypercall (LEV = 1)."""
    b.helper("sc", i.LEV)


@insn("SC", "010001 ///// ///// //// LEV /// 0 1", "LEV", since="3.0", ref="Book III 4.3.1")
def scv(b: Builder, i: Fields) -> None:
    """System call vectored: LR <- NIA, CTR <- MSR, nia <- vector + LEV * 32."""
    facility(b, SCV_FACILITY)
    b.interrupt_if(1, "SYSTEM_CALL_VECTORED", i.LEV)


@insn("XL", "010011 ///// ///// ///// 0000010010 /", ref="Book III 4.3.2")
def rfid(b: Builder, i: Fields) -> None:
    """MSR <- SRR1, nia <- SRR0."""
    b.privileged()
    b.helper("rfid")


@insn("XL", "010011 ///// ///// ///// 0001010010 /", since="3.0", ref="Book III 4.3.2")
def rfscv(b: Builder, i: Fields) -> None:
    """MSR <- CTR, nia <- LR."""
    b.privileged()
    b.helper("rfscv")


@insn("X", "011111 RT ///// ///// 0001010011 /", "RT", ref="Book III 5.4.5")
def mfmsr(b: Builder, i: Fields) -> None:
    """RT <- MSR."""
    b.privileged()
    b.set_gpr(i.RT, b.get("msr"))


@insn("X", "011111 RS //// L ///// 0010010010 /", "RS,L", ref="Book III 5.4.5")
def mtmsr(b: Builder, i: Fields) -> None:
    """MSR[32:63] <- (RS)[32:63]; with L only EE and RI."""
    b.privileged()
    b.helper("mtmsr", b.gpr(i.RS), i.L)


@insn("X", "011111 RS //// L ///// 0010110010 /", "RS,L", ref="Book III 5.4.5")
def mtmsrd(b: Builder, i: Fields) -> None:
    """MSR <- (RS); with L only EE and RI."""
    b.privileged()
    b.helper("mtmsrd", b.gpr(i.RS), i.L)


def _tlbie(b: Builder, i: Fields, everywhere: int) -> None:
    b.privileged()
    # partition-scoped: the hypervisor's, but for tlbiel without radix trees
    has_radix = 1 if everywhere else b.ne(b.and_(b.get("lpcr"), LPCR.HR), 0)
    b.interrupt_if(b.and_(b.eq(i.PRS, 0), has_radix), "PROGRAM_PRIVILEGED")
    rs = b.gpr(i.RS)
    b.helper("tlbie", b.gpr(i.RB), rs, b.or_(b.or_(i.RIC, b.shl(i.PRS, 2)), everywhere << 3))


@insn("X", "011111 RS / RIC PRS R RB 0100110010 /", "RB,RS,RIC,PRS,R", since="3.0", ref="Book III 6.9.3.3")
def tlbie(b: Builder, i: Fields) -> None:
    """Invalidate translations on all processors; on others not before tlbsync."""
    _tlbie(b, i, 1)


@insn("X", "011111 RS / RIC PRS R RB 0100010010 /", "RB,RS,RIC,PRS,R", since="3.0", ref="Book III 6.9.3.3")
def tlbiel(b: Builder, i: Fields) -> None:
    """Invalidate translations on this processor."""
    _tlbie(b, i, 0)


@insn("X", "011111 RS ///// RB 0100010010 /", "RB,RS", until="2.07", ref="Book III 5.9.3.3 of ISA 2.07", name="tlbiel",
      key="tlbiel.hash")
def tlbiel_hash(b: Builder, i: Fields) -> None:
    """Invalidate translations on this processor. Linux executes it for a CPU that goes."""
    b.privileged()
    b.helper("tlbie", b.gpr(i.RB), b.gpr(i.RS), 0)


@insn("X", "011111 ///// ///// ///// 1000110110 /", ref="Book III 6.9.3.3")
def tlbsync(b: Builder, i: Fields) -> None:
    """The invalidations of tlbie are done on all processors."""
    b.privileged()
    b.helper("tlbsync")


@insn("X", "011111 ///// ///// RB 0010001110 /", "RB", since="2.07", ref="Book III 11.4")
def msgsndp(b: Builder, i: Fields) -> None:
    """Send a directed privileged doorbell to a thread of this core."""
    b.privileged()
    b.helper("msgsndp", b.gpr(i.RB))


@insn("X", "011111 ///// ///// RB 0010101110 /", "RB", since="2.07", ref="Book III 11.4")
def msgclrp(b: Builder, i: Fields) -> None:
    """Withdraw this thread's directed privileged doorbell."""
    b.privileged()
    b.helper("msgclrp", b.gpr(i.RB))


@insn("X", "011111 RS ///// RB 0110010010 /", "RS,RB", ref="Book III 6.9.3.2")
def slbmte(b: Builder, i: Fields) -> None:
    """Write an SLB entry."""
    b.privileged()
    b.helper("slbmte", b.gpr(i.RS), b.gpr(i.RB))


@insn("X", "011111 // IH ///// ///// 0111110010 /", "IH", ref="Book III 6.9.3.2")
def slbia(b: Builder, i: Fields) -> None:
    """Invalidate SLB entries, as the hint says."""
    b.privileged()
    b.helper("slbia", i.IH)


@insn("X", "011111 ///// ///// RB 0110110010 /", "RB", ref="Book III 6.9.3.2")
def slbie(b: Builder, i: Fields) -> None:
    """Invalidate the SLB entry of a segment."""
    b.privileged()
    b.helper("slbie", b.gpr(i.RB))


@insn("X", "011111 RT ///// RB 1110010011 /", "RT,RB", ref="Book III 6.9.3.2")
def slbmfee(b: Builder, i: Fields) -> None:
    """RT <- the ESID half of an SLB entry."""
    b.privileged()
    b.helper("slbmfee", i.RT, b.gpr(i.RB))


@insn("X", "011111 RT ///// RB 1101010011 /", "RT,RB", ref="Book III 6.9.3.2")
def slbmfev(b: Builder, i: Fields) -> None:
    """RT <- the VSID half of an SLB entry."""
    b.privileged()
    b.helper("slbmfev", i.RT, b.gpr(i.RB))


@insn("X", "011111 RT ///// RB 1111010011 1", "RT,RB", since="2.05", ref="Book III 6.9.3.2", name="slbfee.")
def slbfee(b: Builder, i: Fields) -> None:
    """RT <- the VSID half of the SLB entry that translates (RB), CR0 <- 0b00 || found || SO."""
    b.privileged()
    b.helper("slbfee", i.RT, b.gpr(i.RB))


@insn("X", "011111 ///// ///// ///// 0101010010 /", since="3.0", ref="Book III 6.9.3.2")
def slbsync(b: Builder, i: Fields) -> None:
    """Order the invalidations of slbieg; they are done when slbieg is."""
    b.privileged()
    b.fence("seq_cst")


@insn("X", "011111 RS ///// RB 0111010010 /", "RS,RB", since="3.0", ref="Book III 6.9.3.2")
def slbieg(b: Builder, i: Fields) -> None:
    """Invalidate the SLB entry of a segment on all processors; the process named in RS is this partition's."""
    b.privileged()
    b.helper("slbie", b.gpr(i.RB))


@insn("X", "011111 RS ///// ///// 1101010010 /", "RS", since="3.0", ref="Book III 6.9.3.2")
def slbiag(b: Builder, i: Fields) -> None:
    """Invalidate all SLB entries on all processors; the process named in RS is this partition's."""
    b.privileged()
    b.helper("slbia", 4)
