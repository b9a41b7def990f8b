"""Registers that only the hypervisor may set. Ref: LoPAR 14.5.4.3."""

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.papr_cpu import PaprCpu

RESOURCE_CIABR = 1
RESOURCE_DAWR0 = 2
RESOURCE_AIL = 3
RESOURCE_ENDIANNESS = 4
RESOURCE_DAWR1 = 5
#: versions in PVR of processors with DAWR1: POWER10, POWER11. Ref: Power ISA 3.1
HAVE_SECOND_DAWR = (0x80, 0x82)
AIL_RELOCATION_ON = 3
CIABR_PRIVILEGE_MASK = 3
CIABR_HYPERVISOR = 3
DAWRX_HYPERVISOR = 4
DABRX_KNOWN = 0xF
DABRX_HYPERVISOR = 4
DABRX_KERNEL_OR_USER = 3


@hcall(Hcall.H_SET_MODE)
def h_set_mode(cpu: PaprCpu, mflags: int, resource: int, value1: int, value2: int) -> HcallResult:
    """Breakpoints of the caller (1, 2, 5), interrupt location (3) or endianness (4) of all vCPUs.

    Returns:
        UNSUPPORTED_FLAG for a bad mode, P2 for an unknown resource, P3 and P4 for the values.
    Ref: LoPAR 14.5.4.3.5 (H_SET_MODE).
    """
    if resource == RESOURCE_CIABR:
        return _set_ciabr(cpu, mflags, value1, value2)
    if resource == RESOURCE_DAWR0:
        return _set_dawr(cpu, 0, mflags, value1, value2)
    if resource == RESOURCE_DAWR1 and cpu.vcpu.spr.get("PVR", 0) >> 16 in HAVE_SECOND_DAWR:
        return _set_dawr(cpu, 1, mflags, value1, value2)
    if resource not in {RESOURCE_AIL, RESOURCE_ENDIANNESS}:
        return H.P2
    if value1:
        return H.P3
    if value2:
        return H.P4
    if resource == RESOURCE_AIL:
        if mflags not in {0, AIL_RELOCATION_ON}:
            return H.UNSUPPORTED_FLAG
        cpu.partition.set_ail(mflags)
    else:
        if mflags not in {0, 1}:
            return H.UNSUPPORTED_FLAG
        cpu.partition.set_ile(bool(mflags))
    return H.SUCCESS


def _set_ciabr(cpu: PaprCpu, mflags: int, value1: int, value2: int) -> H:
    if mflags:
        return H.UNSUPPORTED_FLAG
    if value2:
        return H.P4
    if value1 & CIABR_PRIVILEGE_MASK == CIABR_HYPERVISOR:
        return H.P3
    cpu.vcpu.spr["CIABR"] = value1
    return H.SUCCESS


def _set_dawr(cpu: PaprCpu, number: int, mflags: int, value1: int, value2: int) -> H:
    if mflags:
        return H.UNSUPPORTED_FLAG
    if value2 & DAWRX_HYPERVISOR or value2 >> 32:
        return H.P4
    cpu.vcpu.set_watchpoint(number, value1, value2)
    return H.SUCCESS


@hcall(Hcall.H_SET_SPRG0)
def h_set_sprg0(cpu: PaprCpu, value: int) -> HcallResult:
    """Ref: LoPAR 14.5.4.3.2 (H_SET_SPRG0)."""
    cpu.vcpu.sprg0 = value
    return H.SUCCESS


@hcall(Hcall.H_SET_DABR)
def h_set_dabr(cpu: PaprCpu, value: int) -> HcallResult:
    """HARDWARE: since ISA 2.07 there is a DAWR instead. Ref: LoPAR 14.5.4.3.3 (H_SET_DABR)."""
    return H.HARDWARE


@hcall(Hcall.H_SET_XDABR)
def h_set_xdabr(cpu: PaprCpu, value: int, flags: int) -> HcallResult:
    """HARDWARE, once the flags are right. Ref: LoPAR 14.5.4.3.4 (H_SET_XDABR)."""
    is_valid = not flags & ~DABRX_KNOWN and not flags & DABRX_HYPERVISOR
    return H.HARDWARE if is_valid and flags & DABRX_KERNEL_OR_USER else H.PARAMETER
