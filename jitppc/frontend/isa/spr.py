"""Move to and from special purpose registers: one line per SPR. Ref: Book I 3.3.19, Book III 5.4.4 and figure 18.

Each line of the table becomes an `mfspr` and an `mtspr` row of its own, so that `mflr` costs what `mr` costs.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.layout import MSR

REF = "Book III 5.4.4"
Read = Callable[[Builder], Value]
Write = Callable[[Builder, Value], None]

#: facilities FSCR can withhold from problem state, by their interrupt cause. Ref: Book III 7.2.12
DSCR_FACILITY, EBB_FACILITY, TAR_FACILITY, SCV_FACILITY = 2, 7, 8, 12
FSCR = 153


def facility(b: Builder, number: int) -> None:
    """Refuse in problem state unless FSCR grants the facility: the facility unavailable interrupt."""
    withheld = b.eq(b.and_(b.get("spr", FSCR), 1 << number), 0)
    in_problem_state = b.ne(b.and_(b.get("msr"), MSR.PR), 0)
    b.interrupt_if(b.and_(withheld, in_problem_state), "FACILITY_UNAVAILABLE", number)


def _encode(number: int) -> str:
    return f"{number & 31:05b} {number >> 5:05b}"


def _reader(number: int, name: str, read: Read, gate: int | None, privileged: bool) -> None:
    def body(b: Builder, i: Fields) -> None:
        if privileged:
            b.privileged()
        if gate is not None:
            facility(b, gate)
        b.set_gpr(i.RT, read(b))
    body.__doc__ = f"RT <- {name}."
    insn("XFX", f"011111 RT {_encode(number)} 0101010011 /", f"RT,{number}", ref=REF, name="mfspr",
         key=f"mfspr.{name}")(body)


def _writer(number: int, name: str, write: Write, gate: int | None, privileged: bool) -> None:
    def body(b: Builder, i: Fields) -> None:
        if privileged:
            b.privileged()
        if gate is not None:
            facility(b, gate)
        write(b, b.gpr(i.RS))
    body.__doc__ = f"{name} <- (RS)."
    insn("XFX", f"011111 RS {_encode(number)} 0111010011 /", f"{number},RS", ref=REF, name="mtspr",
         key=f"mtspr.{name}")(body)


def spr(number: int, name: str, read: Read | None, write: Write | None, gate: int | None = None,
        privileged: bool | None = None) -> None:
    """The rows of one SPR; `privileged` defaults to what bit 0 of the number's halves says (spr[0])."""
    needs = bool(number & 0x10) if privileged is None else privileged
    if read is not None:
        _reader(number, name, read, gate, needs)
    if write is not None:
        _writer(number, name, write, gate, needs)


def _kept(number: int, mask: int | None = None) -> tuple[Read, Write]:
    """Plain storage, of the bits in `mask`."""
    def read(b: Builder) -> Value:
        return b.get("spr", number)

    def write(b: Builder, value: Value) -> None:
        b.set("spr", number, value if mask is None else b.and_(value, mask))
    return read, write


def plain(number: int, name: str, mask: int | None = None, gate: int | None = None, store: int | None = None,
          read_only: bool = False) -> None:
    """An SPR that only remembers; `store` names the number it shares storage with."""
    read, write = _kept(number if store is None else store, mask)
    spr(number, name, read, None if read_only else write, gate)


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


spr(1, "XER", read_xer, write_xer)
plain(3, "UDSCR", gate=DSCR_FACILITY, store=17)
spr(8, "LR", lambda b: b.get("lr"), lambda b, x: b.set("lr", x))
spr(9, "CTR", lambda b: b.get("ctr"), lambda b, x: b.set("ctr", x))
spr(13, "UAMR", lambda b: b.get("spr", 29), _user_amr_write)
plain(17, "DSCR")
plain(18, "DSISR", WORD)
plain(19, "DAR")
spr(22, "DEC", _dec, lambda b, x: b.helper("mtdec", x))
plain(26, "SRR0")
plain(27, "SRR1")
plain(28, "CFAR")
spr(29, "AMR", lambda b: b.get("spr", 29), lambda b, x: b.helper("mtamr", x, -1))
spr(48, "PIDR", lambda b: b.get("spr", 48), lambda b, x: b.helper("mtpid", x))
spr(61, "IAMR", lambda b: b.get("spr", 61), lambda b, x: b.helper("mtiamr", x))
spr(136, "CTRL", lambda b: b.get("spr", 152), None, privileged=False)
spr(152, "CTRL", None, lambda b, x: b.set("spr", 152, b.and_(x, 1)))
plain(153, "FSCR")
plain(157, "UAMOR")
plain(159, "PSPB", WORD)
spr(176, "DPDES", lambda b: b.get("doorbell"), None)
spr(256, "VRSAVE", lambda b: b.get("vrsave"), lambda b, x: b.set("vrsave", b.and_(x, WORD)))
spr(259, "USPRG3", lambda b: b.get("spr", 275), None, privileged=False)
spr(268, "TB", lambda b: b.timebase(), None, privileged=False)
spr(269, "TBU", _tbu, None, privileged=False)
for _n in range(4):
    plain(272 + _n, f"SPRG{_n}")
spr(287, "PVR", lambda b: b.get("pvr"), None)
spr(308, "SPURR", lambda b: b.timebase(), None)
spr(309, "PURR", lambda b: b.timebase(), None)
spr(446, "TIR", lambda b: b.const(0), None)
for _n, _name in enumerate(("SIER", "MMCR2", "MMCRA", "PMC1", "PMC2", "PMC3", "PMC4", "PMC5", "PMC6", None, None,
                            "MMCR0", "SIAR", "SDAR", "MMCR1")):
    if _name is not None:
        _mask = WORD if _name.startswith("PMC") or _name == "MMCR0" else None
        plain(784 + _n, _name, _mask)
        plain(768 + _n, "U" + _name, store=784 + _n, read_only=True)
for _n, _name in enumerate(("EBBHR", "EBBRR", "BESCR")):
    plain(804 + _n, _name, gate=EBB_FACILITY)
plain(815, "TAR", gate=TAR_FACILITY)
plain(823, "PSSCR")
spr(848, "IC", lambda b: b.get("spr", 848), None)
spr(849, "VTB", lambda b: b.timebase(), None)
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
