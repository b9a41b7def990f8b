"""The XIVE controller's hypercalls: where sources lead, queues, and pages of them.

All answer FUNCTION while the guest does not use XIVE.
Ref: LoPAR 14.5.4.7 (H_INT_GET_SOURCE_INFO and its siblings); reference §2.8.
"""

from dataclasses import replace

from jitppc.ir.hcalls import H, Hcall
from jitppc.ir.xive_places import (
    FIRST_RESERVED_PRIORITY,
    PAGE_LOG2,
    PAGE_SIZE,
    management_page,
    queue_page,
    trigger_page,
)
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.in_use import while_xive_is
from jitppc.spapr.memory_map import GRA_MASK
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.xive.controller import LEAST_FAVOURED, SIZES_LOG2, EventQueue

M64 = (1 << 64) - 1

SOURCE_IS_LEVEL = 1 << 2
SET_DATA, MASKED = 1 << 1, 1 << 0
NOTIFY_ALWAYS = 1 << 0
DEBUG = 1 << 0
GENERATION_SHIFT = 62
ESB_STORE = 1 << 0

REFUSED: HcallResult = H.FUNCTION
with_xive = while_xive_is(True, REFUSED)


@hcall(Hcall.H_INT_GET_SOURCE_INFO)
@with_xive
def h_int_get_source_info(cpu: PaprCpu, flags: int, source: int) -> HcallResult:
    """r4 = flags, r5 = management page, r6 = trigger page, r7 = log2 of a page's bytes.

    Returns:
        PARAMETER for flags, P2 for an unknown source.
    Differs: level sources are managed by loads and stores, too; no flag sends them to H_INT_ESB.
    """
    if flags:
        return H.PARAMETER
    known = cpu.interrupts.xive.source(source)
    if known is None:
        return H.P2
    info = SOURCE_IS_LEVEL if known.is_level else 0
    return H.SUCCESS, info, management_page(source), trigger_page(source), PAGE_LOG2


@hcall(Hcall.H_INT_SET_SOURCE_CONFIG)
@with_xive
def h_int_set_source_config(
    cpu: PaprCpu, flags: int, source: int, target: int, priority: int, data: int
) -> HcallResult:
    """The source's events go to this queue, with `data` if SET_DATA; priority 0xff: nowhere.

    Returns:
        PARAMETER, P2, P3, P4 for flags, source, target, priority.
    """
    if flags & ~(SET_DATA | MASKED):
        return H.PARAMETER
    xive = cpu.interrupts.xive
    if xive.source(source) is None:
        return H.P2
    if priority == LEAST_FAVOURED:
        xive.configure(source, 0, LEAST_FAVOURED, None, is_masked=True)
        return H.SUCCESS
    if priority >= FIRST_RESERVED_PRIORITY:
        return H.P4
    if not xive.has_target(target):
        return H.P3
    new_data = data if flags & SET_DATA else None
    xive.configure(source, target, priority, new_data, is_masked=bool(flags & MASKED))
    return H.SUCCESS


@hcall(Hcall.H_INT_GET_SOURCE_CONFIG)
@with_xive
def h_int_get_source_config(cpu: PaprCpu, flags: int, source: int) -> HcallResult:
    """r4 = target, r5 = priority (0xff while masked), r6 = data."""
    if flags:
        return H.PARAMETER
    known = cpu.interrupts.xive.source(source)
    if known is None:
        return H.P2
    priority = LEAST_FAVOURED if known.is_masked else known.priority
    return H.SUCCESS, known.target, priority, known.data


def _queue_status(cpu: PaprCpu, target: int, priority: int) -> H:
    if priority >= FIRST_RESERVED_PRIORITY:
        return H.P3
    return H.SUCCESS if cpu.interrupts.xive.has_target(target) else H.P2


@hcall(Hcall.H_INT_GET_QUEUE_INFO)
@with_xive
def h_int_get_queue_info(cpu: PaprCpu, flags: int, target: int, priority: int) -> HcallResult:
    """r4 = first of the queue's two pages of its own, r5 = log2 of its bytes, 0 without one."""
    if flags:
        return H.PARAMETER
    status = _queue_status(cpu, target, priority)
    if status != H.SUCCESS:
        return status
    queue = cpu.interrupts.xive.queue(target, priority)
    return H.SUCCESS, queue_page(target, priority), queue.size_log2


@hcall(Hcall.H_INT_SET_QUEUE_CONFIG)
@with_xive
def h_int_set_queue_config(
    cpu: PaprCpu, flags: int, target: int, priority: int, gra: int, size_log2: int
) -> HcallResult:
    """The queue has 1 << size_log2 bytes at `gra`, and is empty; size 0: there is none.

    Returns:
        PARAMETER, P2, P3 for flags, target, priority; P5 for a size that is none, P4 for an
        address that is no multiple of it or not all in RAM.
    """
    if flags & ~NOTIFY_ALWAYS:
        return H.PARAMETER
    status = _queue_status(cpu, target, priority)
    if status != H.SUCCESS:
        return status
    queue = EventQueue(notifies_always=flags & NOTIFY_ALWAYS)
    if size_log2:
        if size_log2 not in SIZES_LOG2:
            return H.P5
        gra &= GRA_MASK
        size = 1 << size_log2
        if gra % size or not cpu.memory.contains(gra, size):
            return H.P4
        queue = replace(queue, gra=gra, size_log2=size_log2)
    cpu.interrupts.xive.set_queue(target, priority, queue)
    return H.SUCCESS


@hcall(Hcall.H_INT_GET_QUEUE_CONFIG)
@with_xive
def h_int_get_queue_config(cpu: PaprCpu, flags: int, target: int, priority: int) -> HcallResult:
    """r4 = flags, r5 = address, r6 = log2 of bytes; with DEBUG generation in r4, r7 = index."""
    if flags & ~DEBUG:
        return H.PARAMETER
    status = _queue_status(cpu, target, priority)
    if status != H.SUCCESS:
        return status
    queue = cpu.interrupts.xive.queue(target, priority)
    answer = NOTIFY_ALWAYS if queue.notifies_always else 0
    if not flags & DEBUG:
        return H.SUCCESS, answer, queue.gra, queue.size_log2, 0
    answer |= queue.generation << GENERATION_SHIFT
    return H.SUCCESS, answer, queue.gra, queue.size_log2, queue.index


def _no_reporting_line(_cpu: PaprCpu) -> HcallResult:
    """FUNCTION: contexts are never taken off their processor, so nothing reports them."""
    return H.FUNCTION


hcall(Hcall.H_INT_SET_OS_REPORTING_LINE)(_no_reporting_line)
hcall(Hcall.H_INT_GET_OS_REPORTING_LINE)(_no_reporting_line)


@hcall(Hcall.H_INT_ESB)
@with_xive
def h_int_esb(cpu: PaprCpu, flags: int, source: int, offset: int, _data: int) -> HcallResult:
    """A load (its value is r4) or a store at an offset of the source's management page."""
    if flags & ~ESB_STORE:
        return H.PARAMETER
    xive = cpu.interrupts.xive
    if xive.source(source) is None:
        return H.P2
    if offset >= PAGE_SIZE:
        return H.P3
    if flags & ESB_STORE:
        xive.management_store(source, offset)
        return H.SUCCESS, M64
    return H.SUCCESS, xive.management_load(source, offset)


@hcall(Hcall.H_INT_SYNC)
@with_xive
def h_int_sync(cpu: PaprCpu, flags: int, source: int) -> HcallResult:
    """All events of the source so far are in their queue: they always are."""
    if flags:
        return H.PARAMETER
    return H.P2 if cpu.interrupts.xive.source(source) is None else H.SUCCESS


@hcall(Hcall.H_INT_RESET)
@with_xive
def h_int_reset(cpu: PaprCpu, flags: int) -> HcallResult:
    """All sources are off and lead nowhere, and there are no queues."""
    if flags:
        return H.PARAMETER
    cpu.interrupts.xive.forget()
    return H.SUCCESS
