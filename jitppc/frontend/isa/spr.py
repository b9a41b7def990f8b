"""Move to and from special purpose registers: one line per SPR. Ref: Book I 3.3.19, Book III 5.4.4 and figure 18.

Each line of the table becomes an `mfspr` and an `mtspr` row of its own, so that `mflr` costs what `mr` costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.layout import MSR

REF = "Book III 5.4.4"
Read = Callable[[Builder], Value]
Write = Callable[[Builder, Value], None]

#: facilities FSCR can withhold from problem state, by their interrupt cause. Ref: Book III 7.2.12
DSCR_FACILITY, PM_FACILITY, BHRB_FACILITY, TM_FACILITY, EBB_FACILITY, TAR_FACILITY = 2, 3, 4, 5, 7, 8
SCV_FACILITY, PREFIX_FACILITY = 12, 13
FSCR, MMCR0, BESCR = 153, 795, 806
TFHAR, TFIAR, TEXASR = 128, 129, 130
HASHKEYR, HASHPKEYR = 468, 469


def facility(b: Builder, number: int) -> None:
    """Refuse in problem state unless FSCR grants the facility: the facility unavailable interrupt."""
    withheld = b.eq(b.and_(b.get("spr", FSCR), 1 << number), 0)
    in_problem_state = b.ne(b.and_(b.get("msr"), MSR.PR), 0)
    b.interrupt_if(b.and_(withheld, in_problem_state), "FACILITY_UNAVAILABLE", number)


def _encode(number: int) -> str:
    return f"{number & 31:05b} {number >> 5:05b}"


@dataclass(frozen=True, slots=True)
class Span:
    """The ISA levels that have an SPR."""

    since: str = "PPC"
    until: str | None = None


ALWAYS, ISA_206, ISA_207, ISA_300, ISA_310 = (Span(level) for level in ("PPC", "2.06", "2.07", "3.0", "3.1"))
TRANSACTIONAL = Span("2.07", "3.0C")


def _key(kind: str, name: str, span: Span) -> str:
    return f"{kind}.{name}" if span.until is None or span is TRANSACTIONAL else f"{kind}.{name}.{span.until}"


def _reader(number: int, name: str, read: Read, gate: int | None, privileged: bool, span: Span) -> None:
    def body(b: Builder, i: Fields) -> None:
        if privileged:
            b.privileged()
        if gate is not None:
            facility(b, gate)
        b.set_gpr(i.RT, read(b))
    body.__doc__ = f"RT <- {name}."
    insn("XFX", f"011111 RT {_encode(number)} 0101010011 /", f"RT,{number}", ref=REF, name="mfspr",
         key=_key("mfspr", name, span), since=span.since, until=span.until)(body)


def _writer(number: int, name: str, write: Write, gate: int | None, privileged: bool, span: Span) -> None:
    def body(b: Builder, i: Fields) -> None:
        if privileged:
            b.privileged()
        if gate is not None:
            facility(b, gate)
        write(b, b.gpr(i.RS))
    body.__doc__ = f"{name} <- (RS)."
    insn("XFX", f"011111 RS {_encode(number)} 0111010011 /", f"{number},RS", ref=REF, name="mtspr",
         key=_key("mtspr", name, span), since=span.since, until=span.until)(body)


def spr(number: int, name: str, read: Read | None, write: Write | None, gate: int | None = None,
        privileged: bool | None = None, span: Span = ALWAYS) -> None:
    """The rows of one SPR; `privileged` defaults to what bit 0 of the number's halves says (spr[0])."""
    needs = bool(number & 0x10) if privileged is None else privileged
    if read is not None:
        _reader(number, name, read, gate, needs, span)
    if write is not None:
        _writer(number, name, write, gate, needs, span)


def _kept(number: int, mask: int | None = None) -> tuple[Read, Write]:
    """Plain storage, of the bits in `mask`."""
    def read(b: Builder) -> Value:
        return b.get("spr", number)

    def write(b: Builder, value: Value) -> None:
        b.set("spr", number, value if mask is None else b.and_(value, mask))
    return read, write


def plain(number: int, name: str, mask: int | None = None, gate: int | None = None, store: int | None = None,
          read_only: bool = False, span: Span = ALWAYS) -> None:
    """An SPR that only remembers; `store` names the number it shares storage with."""
    read, write = _kept(number if store is None else store, mask)
    spr(number, name, read, None if read_only else write, gate, span=span)


WORD = 0xFFFF_FFFF


def read_xer(b: Builder) -> Value:
    """XER from its parts."""
    value = b.or_(b.get("xer_mid"), b.zext(b.get("xer_low")))
    for name, shift in (("so", 31), ("ov", 30), ("ca", 29), ("ov32", 19), ("ca32", 18)):
        value = b.or_(value, b.shl(b.zext(b.get(name)), shift))
    return value


def write_xer(b: Builder, value: Value) -> None:
    """XER into its parts; bits that POWER9 does not implement are lost."""
    for name, shift in (("so", 31), ("ov", 30), ("ca", 29), ("ov32", 19), ("ca32", 18)):
        b.set(name, b.trunc(b.and_(b.lshr(value, shift), 1), 8))
    b.set("xer_low", b.trunc(b.and_(value, 0x7F), 8))
    b.set("xer_mid", b.and_(value, 0x3FF80))


def _dec(b: Builder) -> Value:
    return b.sub(b.get("dec_deadline"), b.timebase())


def _user_amr_write(b: Builder, value: Value) -> None:
    b.helper("mtamr", value, b.get("spr", 157))


def _tbu(b: Builder) -> Value:
    return b.lshr(b.timebase(), 32)


spr(1, "XER", read_xer, write_xer, span=ISA_300)
spr(1, "XER", lambda b: b.and_(read_xer(b), ~(3 << 18)), write_xer, span=Span("PPC", "2.07"))
plain(3, "UDSCR", gate=DSCR_FACILITY, store=17, span=ISA_207)
spr(8, "LR", lambda b: b.get("lr"), lambda b, x: b.set("lr", x))
spr(9, "CTR", lambda b: b.get("ctr"), lambda b, x: b.set("ctr", x))
spr(13, "UAMR", lambda b: b.get("spr", 29), _user_amr_write, span=ISA_206)
plain(17, "DSCR")
plain(18, "DSISR", WORD)
plain(19, "DAR")
spr(22, "DEC", _dec, lambda b, x: b.helper("mtdec", x))
plain(26, "SRR0")
plain(27, "SRR1")
plain(28, "CFAR")
spr(29, "AMR", lambda b: b.get("spr", 29), lambda b, x: b.helper("mtamr", x, -1), span=ISA_206)
spr(48, "PIDR", lambda b: b.get("spr", 48), lambda b, x: b.helper("mtpid", x), span=ISA_300)
spr(61, "IAMR", lambda b: b.get("spr", 61), lambda b, x: b.helper("mtiamr", x), span=ISA_207)
spr(136, "CTRL", lambda b: b.get("spr", 152), None, privileged=False)
spr(152, "CTRL", None, lambda b, x: b.helper("mtpmu", 152, b.and_(x, 1), -1))
plain(153, "FSCR", span=ISA_207)
plain(157, "UAMOR", span=ISA_206)
plain(159, "PSPB", WORD, span=ISA_207)
spr(176, "DPDES", lambda b: b.shl(b.get("doorbell"), b.get("thread")), None, span=ISA_207)
spr(256, "VRSAVE", lambda b: b.get("vrsave"), lambda b, x: b.set("vrsave", b.and_(x, WORD)))
spr(259, "USPRG3", lambda b: b.get("spr", 275), None, privileged=False)
spr(268, "TB", lambda b: b.timebase(), None, privileged=False)
spr(269, "TBU", _tbu, None, privileged=False)
for _n in range(4):
    plain(272 + _n, f"SPRG{_n}")
spr(287, "PVR", lambda b: b.get("pvr"), None)
spr(308, "SPURR", lambda b: b.timebase(), None, span=Span("2.05"))
spr(309, "PURR", lambda b: b.timebase(), None)
spr(446, "TIR", lambda b: b.get("thread"), None, span=ISA_207)


#: what problem state reaches of two registers of the monitor: FC, PMAE and PMAO; FCnP0. Ref: Book III 10.4.4, 10.4.6
PROBLEM_BITS = {"MMCR0": 0x8400_0080, "MMCR2": sum(1 << (62 - 9 * n) for n in range(6))}
#: registers that problem state may write where MMCR0[PMCC] says so; the others it may read
GROUP_A = ("MMCR2", "MMCRA", *(f"PMC{n}" for n in range(1, 7)), "MMCR0")
PMCC_SHIFT, PMCCEXT = 63 - 45, 1 << (63 - 54)


def _may_monitor(b: Builder, name: str, *, writes: bool) -> Value:
    """Refuse problem state what MMCR0[PMCC] does not grant; the bits of the register that it reaches.

    Ref: Book III 10.4.4 (PMCC, PMCCEXT).
    """
    control, in_problem_state = b.get("spr", MMCR0), b.ne(b.and_(b.get("msr"), MSR.PR), 0)
    granted = b.and_(b.lshr(control, PMCC_SHIFT), 3)
    refused = b.eq(granted, 1)
    if name in ("PMC5", "PMC6"):
        refused = b.or_(refused, b.eq(granted, 3))
    if not writes:
        restricted = b.ne(b.and_(control, PMCCEXT), 0)
        if name not in GROUP_A:
            refused = b.or_(refused, b.and_(b.eq(granted, 0), restricted))
    b.interrupt_if(b.and_(in_problem_state, refused), "FACILITY_UNAVAILABLE", PM_FACILITY)
    if writes:
        b.interrupt_if(b.and_(in_problem_state, b.eq(granted, 0)), "PROGRAM_ILLEGAL")
    every = b.const(-1)
    return b.select(in_problem_state, PROBLEM_BITS[name], every) if name in PROBLEM_BITS else every


def monitor(number: int, name: str, mask: int | None, span: Span) -> None:
    """The rows of a register of the performance monitor, and of its number for problem state."""
    def write(b: Builder, value: Value) -> None:
        b.helper("mtpmu", number, value if mask is None else b.and_(value, mask), -1)

    def write_some(b: Builder, value: Value) -> None:
        bits = _may_monitor(b, name, writes=True)
        b.helper("mtpmu", number, value if mask is None else b.and_(value, mask), bits)

    def read_some(b: Builder) -> Value:
        return b.and_(_may_monitor(b, name, writes=False), b.get("spr", number))

    changes_by_itself = name.startswith("PMC") or name == "MMCR0"
    if changes_by_itself:
        _monitor_reader(number, name, number, span)
        _monitor_reader(number - 16, "U" + name, number, span)
    spr(number, name, None if changes_by_itself else _kept(number)[0], write, span=span)
    own_read = None if changes_by_itself else read_some
    spr(number - 16, "U" + name, own_read, write_some if name in GROUP_A else None, span=span)


def _monitor_reader(number: int, name: str, store: int, span: Span) -> None:
    def body(b: Builder, i: Fields) -> None:
        bits: Value | int = -1
        if number == store:
            b.privileged()
        else:
            bits = _may_monitor(b, name.removeprefix("U"), writes=False)
        b.helper("mfpmu", i.RT, store, bits)
    body.__doc__ = f"RT <- {name}."
    insn("XFX", f"011111 RT {_encode(number)} 0101010011 /", f"RT,{number}", ref=REF, name="mfspr",
         key=_key("mfspr", name, span), since=span.since, until=span.until)(body)


for _n, _name in enumerate(("SIER", "MMCR2", "MMCRA", "PMC1", "PMC2", "PMC3", "PMC4", "PMC5", "PMC6", None, None,
                            "MMCR0", "SIAR", "SDAR", "MMCR1")):
    if _name is not None:
        _mask = WORD if _name.startswith("PMC") or _name == "MMCR0" else None
        _span = ISA_207 if _n < 2 else ALWAYS
        monitor(784 + _n, _name, _mask, _span)
for _n, _name in enumerate(("EBBHR", "EBBRR")):
    plain(804 + _n, _name, gate=EBB_FACILITY, span=ISA_207)


def _bescr(number: int, name: str, write: Callable[[Builder, Value, Value], Value], upper: bool = False) -> None:
    """A way to reach BESCR, whole or its upper word: (builder, BESCR, what is written in place) -> BESCR."""
    def get(b: Builder) -> Value:
        whole = b.get("spr", BESCR)
        return b.lshr(whole, 32) if upper else whole

    def put(b: Builder, value: Value) -> None:
        b.helper("mtbescr", write(b, b.get("spr", BESCR), b.shl(value, 32) if upper else value))
    spr(number, name, get, put, EBB_FACILITY, span=ISA_207)


for _n, _suffix, _upper in ((800, "S", False), (801, "SU", True)):
    _bescr(_n, "BESCR" + _suffix, lambda b, old, x: b.or_(old, x), _upper)
for _n, _suffix, _upper in ((802, "R", False), (803, "RU", True)):
    _bescr(_n, "BESCR" + _suffix, lambda b, old, x: b.and_(old, b.not_(x)), _upper)
_bescr(806, "BESCR", lambda b, old, x: x)


def _tm(b: Builder) -> None:
    """MSR[TM] is 1, else the facility unavailable interrupt."""
    b.interrupt_if(b.eq(b.and_(b.get("msr"), MSR.TM), 0), "FACILITY_UNAVAILABLE", TM_FACILITY)


def _transactional(number: int, name: str, store: int, shift: int = 0) -> None:
    """An SPR of transactional memory: storage, or the upper word of one."""
    def get(b: Builder) -> Value:
        _tm(b)
        return b.lshr(b.get("spr", store), shift)

    def put(b: Builder, value: Value) -> None:
        _tm(b)
        low = b.and_(b.get("spr", store), WORD)
        b.set("spr", store, b.or_(b.shl(value, shift), low) if shift else value)
    spr(number, name, get, put, span=TRANSACTIONAL)


_transactional(TFHAR, "TFHAR", TFHAR)
_transactional(TFIAR, "TFIAR", TFIAR)
_transactional(TEXASR, "TEXASR", TEXASR)
_transactional(131, "TEXASRU", TEXASR, 32)
plain(HASHKEYR, "HASHKEYR", span=ISA_310)
spr(812, "UDEXCR", lambda b: b.and_(b.get("spr", 828), WORD), None, privileged=False, span=ISA_310)
plain(828, "DEXCR", span=ISA_310)
for _n, _name in ((752, "SIER2"), (753, "SIER3"), (754, "MMCR3")):
    monitor(_n, _name, None, ISA_310)
plain(815, "TAR", gate=TAR_FACILITY, span=ISA_207)
plain(823, "PSSCR", span=ISA_300)
spr(848, "IC", lambda b: b.get("spr", 848), None, span=ISA_207)
spr(849, "VTB", lambda b: b.timebase(), None, span=ISA_207)
plain(896, "PPR", 7 << 50)
spr(898, "PPR32", lambda b: b.lshr(b.get("spr", 896), 32),
    lambda b, x: b.set("spr", 896, b.shl(b.and_(x, 7 << 18), 32)))
spr(1023, "PIR", lambda b: b.get("vcpu_id"), None)


@insn("XFX", "011111 RT 01100 01000 0101110011 /", "RT,268", ref="Book II 6.2.1", name="mftb")
def mftb(b: Builder, i: Fields) -> None:
    """RT <- TB."""
    b.set_gpr(i.RT, b.timebase())


@insn("XFX", "011111 RT 01101 01000 0101110011 /", "RT,269", ref="Book II 6.2.1", name="mftb", key="mftb.TBU")
def mftbu(b: Builder, i: Fields) -> None:
    """RT <- TBU."""
    b.set_gpr(i.RT, _tbu(b))


@insn("XFX", "011111 RT sprl sprh 0101010011 /", "RT,spr", ref=REF, name="mfspr", key="mfspr")
def mfspr(b: Builder, i: Fields) -> None:
    """An SPR that is not there: refused in problem state (and 0, 4, 5, 6 always), else without effect."""
    b.helper("spr_other", i.spr)


@insn("XFX", "011111 RS sprl sprh 0111010011 /", "spr,RS", ref=REF, name="mtspr", key="mtspr")
def mtspr(b: Builder, i: Fields) -> None:
    """As mfspr of an SPR that is not there."""
    b.helper("spr_other", i.spr)
