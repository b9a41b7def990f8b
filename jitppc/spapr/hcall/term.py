"""The console's hypercalls. Ref: LoPAR 16.6.1 (H_GET_TERM_CHAR), 16.6.2 (H_PUT_TERM_CHAR)."""

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.vio.vty import BUFFER_SIZE


@hcall(Hcall.H_GET_TERM_CHAR)
def h_get_term_char(cpu: PaprCpu, unit_address: int) -> HcallResult:
    """r4 = number of bytes, r5 and r6 = up to 16 bytes, the first one most significant."""
    vty = cpu.vty(unit_address)
    if vty is None:
        return H.PARAMETER
    data = vty.read()
    packed = int.from_bytes(data.ljust(BUFFER_SIZE, b"\0"), "big")
    return H.SUCCESS, len(data), packed >> 64, packed & (1 << 64) - 1


@hcall(Hcall.H_PUT_TERM_CHAR, may_block=True)
def h_put_term_char(
    cpu: PaprCpu, unit_address: int, length: int, char0_7: int, char8_15: int
) -> HcallResult:
    """Up to 16 bytes are on the console; it is never busy.

    Mostly native code takes them (`runtime/native/vty_calls.py`).
    """
    vty = cpu.vty(unit_address)
    if vty is None or length > BUFFER_SIZE:
        return H.PARAMETER
    vty.put((char0_7 << 64 | char8_15).to_bytes(BUFFER_SIZE, "big")[:length])
    return H.SUCCESS
