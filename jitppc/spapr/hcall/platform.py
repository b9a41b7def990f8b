"""What the guest asks about its platform, randomness and watchdogs.

Ref: LoPAR 14.5.4.2 (characteristics), 14.11.6 (VPHN), 14.15 (H_RANDOM), 14.16 (H_WATCHDOG).
"""

from jitppc.ir.hcalls import H, Hcall
from jitppc.numa import one_node
from jitppc.spapr import watchdog
from jitppc.spapr.associativity import domains
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.papr_cpu import PaprCpu

M64 = (1 << 64) - 1


MAX_DOMAINS, NO_DOMAIN = 12, 0xFFFFFFFF


def _bit(n: int) -> int:
    return 1 << (63 - n)


INDIRECT_BRANCHES_SERIALISED = _bit(1)
HONOURS_BRANCH_HINTS = _bit(5)
FAVOUR_SECURITY = _bit(0)
NO_L1D_FLUSH_ENTRY = _bit(7)
NO_L1D_FLUSH_UACCESS = _bit(8)


@hcall(Hcall.H_GET_CPU_CHARACTERISTICS)
def h_get_cpu_characteristics(cpu: PaprCpu) -> HcallResult:
    """A processor without need of mitigations: translated code does not speculate as POWER does.

    "Indirect branches serialised" is the one answer on which Linux flushes neither the count cache
    nor the link stack at a context switch.

    Returns:
        r4 = characteristics, r5 = required behaviour.
    Ref: LoPAR 14.5.4.2.   Differs: the reference asks for cache flushes that do nothing under it.
    """
    return (
        H.SUCCESS,
        INDIRECT_BRANCHES_SERIALISED | HONOURS_BRANCH_HINTS,
        FAVOUR_SECURITY | NO_L1D_FLUSH_ENTRY | NO_L1D_FLUSH_UACCESS,
    )


def home_domains(cpu: PaprCpu, vcpu_id: int) -> tuple[int, ...]:
    """The domains of a processor, which is the last of them itself."""
    numa = cpu.platform.numa or one_node(cpu.memory.size)
    return *domains(numa, numa.node_of(vcpu_id), cpu.partition.affinity), vcpu_id


@hcall(Hcall.H_HOME_NODE_ASSOCIATIVITY)
def h_home_node_associativity(cpu: PaprCpu, flags: int, vcpu_id: int) -> HcallResult:
    """r4 to r9 hold the associativity domains of a vCPU, two 32-bit values each, then -1.

    Returns:
        FUNCTION unless flags is 1 (by vCPU), P2 for an unknown vCPU.
    Ref: LoPAR 14.11.6.1 (H_HOME_NODE_ASSOCIATIVITY).
    """
    if flags != 1:
        return H.FUNCTION
    if cpu.partition.record(vcpu_id) is None:
        return H.P2
    found = list(home_domains(cpu, vcpu_id))
    found += [NO_DOMAIN] * (MAX_DOMAINS - len(found))
    pairs = zip(found[::2], found[1::2], strict=True)
    return H.SUCCESS, *(first << 32 | second for first, second in pairs)


@hcall(Hcall.H_RANDOM)
def h_random(cpu: PaprCpu) -> HcallResult:
    """r4 = 64 random bits of the host. Ref: LoPAR 14.15 (H_RANDOM)."""
    return H.SUCCESS, int.from_bytes(cpu.platform.random_bytes(8), "big")


OPERATION_START, OPERATION_STOP, OPERATION_QUERY, OPERATION_QUERY_LPM = 1, 2, 3, 4
LPM_NEED_NOT_STOP = 2
RESERVED_SHIFT = 17
LEAVE_OTHERS = 1 << 16
ACTIONS = (1, 2, 3)


@hcall(Hcall.H_WATCHDOG)
def h_watchdog(cpu: PaprCpu, flags: int, number: int, timeout_ms: int) -> HcallResult:
    """Start or stop a watchdog timer, or say what there is.

    Args:
        flags: bit 47 leave the others running at expiry, bits 48:55 operation, 56:63 action.

    Returns:
        PARAMETER for reserved bits, operation or action; P2 for the number, P3 for the time;
        NOOP when nothing was running.
    Ref: LoPAR 14.16.   Differs: number 0 is P2, 1 ms is accepted, stopping all says what it did.
    """
    operation, action = flags >> 8 & 0xFF, flags & 0xFF
    timers, is_one = cpu.platform.watchdogs, 1 <= number <= watchdog.COUNT
    if flags >> RESERVED_SHIFT:
        return H.PARAMETER
    if operation == OPERATION_QUERY:
        return H.SUCCESS, watchdog.MIN_TIMEOUT_MS << 48 | watchdog.COUNT << 32
    if operation == OPERATION_QUERY_LPM:
        return (H.SUCCESS, LPM_NEED_NOT_STOP) if is_one else H.P2
    if operation == OPERATION_START:
        if not is_one:
            return H.P2
        if timeout_ms < watchdog.MIN_TIMEOUT_MS:
            return H.P3
        if action not in ACTIONS:
            return H.PARAMETER
        timers.start(number, timeout_ms, action, leaves_others=bool(flags & LEAVE_OTHERS))
        return H.SUCCESS
    if operation == OPERATION_STOP:
        if number == M64:
            return H.SUCCESS if timers.stop_all() else H.NOOP
        if not is_one:
            return H.P2
        return H.SUCCESS if timers.stop(number) else H.NOOP
    return H.PARAMETER
