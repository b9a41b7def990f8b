"""Virtual processors: areas, idling, waking each other. Ref: LoPAR 14.11.3, 14.11.4."""

import os

from jitppc.ir.hcalls import H, Hcall
from jitppc.ir.layout import MSR
from jitppc.spapr.guest_buffers import read_or_none
from jitppc.spapr.hcall.table import HcallResult, Resume, hcall
from jitppc.spapr.memory_map import GRA_MASK
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.partition import DISPATCH_COUNTER_OFFSET, VcpuRecord, VcpuState

M64 = (1 << 64) - 1
FUNCTION_SHIFT = 45
REGISTER_VPA, REGISTER_DTL, REGISTER_SLB_SHADOW = 1, 2, 3
DEREGISTER_VPA, DEREGISTER_DTL, DEREGISTER_SLB_SHADOW = 5, 6, 7

VPA_MIN_SIZE = 640
VPA_SHARED_PROCESSOR_BYTE = 9
VPA_SHARED_PROCESSOR = 0x02
DTL_MIN_SIZE = 48
SLB_SHADOW_MIN_SIZE = 8
CACHE_LINE_SIZE = 128
PAGE_SIZE = 4096


def _area_size(cpu: PaprCpu, gra: int, width: int) -> int | None:
    data = read_or_none(cpu.memory, gra + 4, width)
    return None if data is None else int.from_bytes(data, "big")


def _register_vpa(cpu: PaprCpu, record: VcpuRecord, gra: int) -> H:
    if gra == 0:
        return H.HARDWARE
    size = _area_size(cpu, gra, 2)
    if gra % CACHE_LINE_SIZE or size is None or size < VPA_MIN_SIZE:
        return H.PARAMETER
    crosses_page = gra // PAGE_SIZE != (gra + size - 1) // PAGE_SIZE
    if crosses_page or not cpu.memory.contains(gra, size):
        return H.PARAMETER
    flags = cpu.memory.read(gra + VPA_SHARED_PROCESSOR_BYTE, 1)[0] | VPA_SHARED_PROCESSOR
    cpu.memory.write(gra + VPA_SHARED_PROCESSOR_BYTE, bytes((flags,)))
    record.vcpu.vpa = gra
    return H.SUCCESS


def _registered_area(cpu: PaprCpu, record: VcpuRecord, gra: int, min_size: int) -> H:
    """Whether a second area may be registered: it needs a VPA and a size word that fits."""
    if gra == 0:
        return H.HARDWARE
    size = _area_size(cpu, gra, 4)
    if size is None or size < min_size or not cpu.memory.contains(gra, size):
        return H.PARAMETER
    return H.SUCCESS if record.vcpu.vpa else H.RESOURCE


@hcall(Hcall.H_REGISTER_VPA)
def h_register_vpa(cpu: PaprCpu, flags: int, vcpu_id: int, gra: int) -> HcallResult:
    """Register or forget the VPA, dispatch trace log or SLB shadow of a vCPU.

    Args:
        flags: u64, the function (1-3 register, 5-7 deregister) at bits 16:18, all else zero.

    Returns:
        PARAMETER for a bad function, vCPU or area; HARDWARE for address 0; RESOURCE when the order
        (VPA first, VPA last) is not kept.
    Ref: LoPAR 14.11.3.2 (H_REGISTER_VPA).
    """
    function = flags >> FUNCTION_SHIFT
    record = cpu.partition.record(vcpu_id)
    if flags != function << FUNCTION_SHIFT or record is None:
        return H.PARAMETER
    gra &= GRA_MASK
    if function == REGISTER_VPA:
        return _register_vpa(cpu, record, gra)
    if function == DEREGISTER_VPA:
        if record.dtl or record.slb_shadow:
            return H.RESOURCE
        record.vcpu.vpa = 0
    elif function == REGISTER_DTL:
        status = _registered_area(cpu, record, gra, DTL_MIN_SIZE)
        record.dtl = gra if status == H.SUCCESS else record.dtl
        return status
    elif function == REGISTER_SLB_SHADOW:
        status = _registered_area(cpu, record, gra, SLB_SHADOW_MIN_SIZE)
        record.slb_shadow = gra if status == H.SUCCESS else record.slb_shadow
        return status
    elif function == DEREGISTER_DTL:
        record.dtl = 0
    elif function == DEREGISTER_SLB_SHADOW:
        record.slb_shadow = 0
    else:
        return H.PARAMETER
    return H.SUCCESS


@hcall(Hcall.H_CEDE, may_block=True)
def h_cede(cpu: PaprCpu) -> HcallResult:
    """The caller waits with interrupts enabled until one is pending or someone prods it.

    It may also come back for no reason (the host wanted to stop the machine): guests look again.
    Native code answers most of these calls, of H_CONFER and of H_PROD itself
    (runtime/native/idle.py).
    Ref: LoPAR 14.11.4.1 (H_CEDE).
    """
    record, vcpu = cpu.record, cpu.vcpu
    vcpu.msr |= MSR.EE
    if not record.vcpu.is_prodded and not cpu.platform.power.is_requested:
        record.count_dispatch(cpu.memory, is_running=False)
        vcpu.wait_for_interrupt(None)
        record.count_dispatch(cpu.memory, is_running=True)
    record.vcpu.is_prodded = False
    return H.SUCCESS


def _wait_for_prod(cpu: PaprCpu) -> HcallResult:
    """Waits with interrupts as they are. A stop of the machine makes the call execute again."""
    record, vcpu = cpu.record, cpu.record.vcpu
    record.count_dispatch(cpu.memory, is_running=False)
    vcpu.waits_for_prod = True
    while not vcpu.is_prodded:
        record.wake.clear()             # its lock is a barrier: who prods sees us wait, or we look
        if cpu.platform.power.is_requested or record.has_fwnmi_reset:
            vcpu.waits_for_prod = False
            return Resume.RESTART
        if not vcpu.is_prodded:
            record.wake.wait()
    vcpu.waits_for_prod = False
    record.count_dispatch(cpu.memory, is_running=True)
    vcpu.is_prodded = record.is_joined = False
    return H.SUCCESS


@hcall(Hcall.H_CONFER, may_block=True)
def h_confer(cpu: PaprCpu, target: int, dispatch_count: int) -> HcallResult:
    """The caller gives its time to `target` (-1: to all); to itself means waiting for H_PROD.

    Returns:
        PARAMETER for an unknown target; SUCCESS at once when the target has run since the caller
        read `dispatch_count`, which is even while it runs.
    Ref: LoPAR 14.11.4.2 (H_CONFER).
    """
    if target != M64:
        record = cpu.partition.record(target)
        if record is None:
            return H.PARAMETER
        if record is cpu.record:
            return _wait_for_prod(cpu)
        if not dispatch_count & 1 or not record.vcpu.vpa:
            return H.SUCCESS
        now = read_or_none(cpu.memory, record.vcpu.vpa + DISPATCH_COUNTER_OFFSET, 4)
        if now is None or int.from_bytes(now, "big") != dispatch_count & 0xFFFFFFFF:
            return H.SUCCESS
    os.sched_yield()
    return H.SUCCESS


@hcall(Hcall.H_PROD)
def h_prod(cpu: PaprCpu, target: int) -> HcallResult:
    """Ref: LoPAR 14.11.4.3 (H_PROD)."""
    record = cpu.partition.record(target)
    if record is None:
        return H.PARAMETER
    record.prod()
    return H.SUCCESS


@hcall(Hcall.H_JOIN, may_block=True)
def h_join(cpu: PaprCpu) -> HcallResult:
    """The caller waits for H_PROD, except the last one of the partition, which goes on.

    Ref: LoPAR 14.11.4.4 (H_JOIN).
    """
    if cpu.vcpu.msr & MSR.EE:
        return H.BAD_MODE
    with cpu.partition.lock:
        others = [r for r in cpu.partition.running() if r is not cpu.record]
        if all(record.is_joined and not record.vcpu.is_prodded for record in others):
            return H.CONTINUE
        cpu.record.is_joined = True
    return _wait_for_prod(cpu)


SYS_RESET_ALL = M64
SYS_RESET_ALL_OTHERS = M64 - 1


@hcall(Hcall.H_SIGNAL_SYS_RESET)
def h_signal_sys_reset(cpu: PaprCpu, target: int) -> HcallResult:
    """System reset is pending on one vCPU, on all (-1) or on all others (-2).

    Ref: LoPAR 14.14.1 (H_SIGNAL_SYS_RESET).
    """
    if target in {SYS_RESET_ALL, SYS_RESET_ALL_OTHERS}:
        for record in cpu.partition.records:
            if target == SYS_RESET_ALL or record is not cpu.record:
                cpu.partition.signal_system_reset(record)
        return H.SUCCESS
    record_or_none = cpu.partition.record(target)
    if record_or_none is None or record_or_none.state is not VcpuState.RUNNING:
        return H.PARAMETER
    cpu.partition.signal_system_reset(record_or_none)
    return H.SUCCESS
