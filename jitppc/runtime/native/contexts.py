"""Translation contexts: which TLB serves the current MSR, PID and key register, and how narrowly it
is emptied.

Nothing is flushed when the context changes. A data context is real mode (0), the kernel behind its
guard (1: supervisor state with both key-0 bits of AMR set, so that only quadrant 3 is reachable:
shared by all PIDs), or (PID, PR, AMR key 0). A code context is real mode (0), the kernel (1), or a
PID in problem state.

With a hashed page table, an era takes the place of the PID: the time between two droppings of user
segments. All supervisor state is the kernel's context then, and what it holds of user segments is
in a log, to be dropped with them.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import (
    CODE_CONTEXTS,
    COUNTER,
    DATA_CONTEXTS,
    FILL_LOG,
    GRANULE_LOG2,
    KERNEL_TABLE_ENTRIES,
    MOST_EVICTIONS,
    MSR,
    NO_TAG,
    TLB_ENTRY,
)

from .code_tables import clear_code, forget_code
from .host import I, U, mmu_of, tlb_entry
from .linear_map import choose_window, forget_window, in_window
from .pmu import account
from .radix import AMR, PIDR

REAL, KERNEL = U(0), U(1)
NONE = U(NO_TAG)
LITTLE, SIXTY_FOUR = U(MSR.LE), U(MSR.SF)
PR, IR, DR = U(MSR.PR), U(MSR.IR), U(MSR.DR)
COUNTED = U(MSR.PR | MSR.PMM)
GUARDED = U(3 << 62)
SWITCHES, GROWN = COUNTER["context_switches"], COUNTER["grown_tables"]
LARGE_MASK = U((KERNEL_TABLE_ENTRIES - 1) * TLB_ENTRY.itemsize)


@njit
def set_msr(cpu: Any, msr: Any) -> None:
    """Write MSR and everything that follows from it."""
    if cpu.pmu_on != U(0) and (cpu.msr ^ msr) & COUNTED != U(0):
        account(cpu)
    cpu.msr = msr
    cpu.little = 1 if msr & LITTLE != U(0) else 0
    if msr & SIXTY_FOUR != U(0):
        cpu.sixty_four = 1
        cpu.ea_mask = NONE
    else:
        cpu.sixty_four = 0
        cpu.ea_mask = U(0xFFFF_FFFF)
    switch_context(cpu)


@njit
def _space(cpu: Any) -> Any:
    """The user's address space: a PID, or an era of segments."""
    return cpu.segments_era if cpu.hash_mode != U(0) else cpu.spr[PIDR]


@njit
def data_key(cpu: Any) -> Any:
    """The data context of the current state."""
    if cpu.msr & DR == U(0):
        return REAL
    key = (_space(cpu) << U(8)) | U(0x80)
    if cpu.msr & PR != U(0):
        return key | U(0x10)
    if cpu.hash_mode != U(0):
        return KERNEL
    guard = cpu.spr[AMR] & GUARDED
    if guard == GUARDED:
        return KERNEL
    return key | (guard >> U(62))


@njit
def code_key(cpu: Any) -> Any:
    """The code context of the current state; bits 5 and 6 are its byte order and width."""
    order = U(0x20) if cpu.msr & LITTLE == U(0) else U(0)
    if cpu.msr & SIXTY_FOUR == U(0):
        order |= U(0x40)
    if cpu.msr & IR == U(0):
        return REAL | order
    if cpu.msr & PR == U(0):
        return KERNEL | order
    return (_space(cpu) << U(8)) | U(0x80) | order


@njit
def switch_context(cpu: Any) -> None:
    """Choose the TLBs of the current context; a table whose owner changes is emptied."""
    key = data_key(cpu)
    ikey = code_key(cpu)
    if key == cpu.context_key and ikey == cpu.code_key:
        return
    cpu.context_key = key
    cpu.code_key = ikey
    cpu.counters[SWITCHES] += U(1)
    mmu = mmu_of(cpu)
    slot = _data_slot(key)
    if mmu.data_keys[slot] != key:
        mmu.data_keys[slot] = key
        clear_data(cpu, slot)
    cpu.data_slot = U(slot)
    cpu.dtlb = mmu.data_tables[slot]
    cpu.dtlb_mask = mmu.data_masks[slot]
    choose_window(cpu)
    slot = _code_slot(ikey)
    if mmu.code_keys[slot] != ikey:
        mmu.code_keys[slot] = ikey
        clear_code(cpu, slot)
    cpu.code_slot = U(slot)
    cpu.itlb = mmu.code_tables[slot]


@njit
def _data_slot(key: Any) -> Any:
    if key <= KERNEL:
        return I(key)
    # user, or one of the supervisor's key states
    kind = ((key >> U(2)) & U(4)) | (key & U(3))
    return I(U(2) + ((key >> U(8)) * U(5) + kind) % U(DATA_CONTEXTS - 2))


@njit
def _code_slot(key: Any) -> Any:
    if key < U(0x80):
        return I((key & U(1)) | ((key >> U(4)) & U(6)))  # 0..7: real and kernel, by mode
    return I(U(8) + ((key >> U(8)) + (key & U(0x60))) % U(CODE_CONTEXTS - 8))


@njit
def entry_offset(ea: Any, mask: Any) -> Any:
    """Where in a data table of this mask the entry for an effective address is."""
    return (ea >> U(GRANULE_LOG2 - 5)) & mask


@njit
def clear_data(cpu: Any, slot: Any) -> None:
    """Empty one data table: the entries its log names, or all when the log ran over."""
    mmu = mmu_of(cpu)
    address, fills = mmu.data_tables[slot], mmu.data_fills[slot]
    if fills <= U(FILL_LOG):
        for n in range(I(fills)):
            _empty(address + U(mmu.data_log[slot, n]) * U(32))
    else:
        for n in range(I(mmu.data_masks[slot] >> U(5)) + 1):
            _empty(address + U(n) * U(32))
    mmu.data_fills[slot] = mmu.data_evictions[slot] = U(0)


@njit
def evicted(cpu: Any) -> None:
    """An entry of the current data table gives way to another. Where that happens often, two that
    are in use have one place: a larger table is used from now on, if one is spare.
    """
    mmu, slot = mmu_of(cpu), I(cpu.data_slot)
    mmu.data_evictions[slot] += U(1)
    is_large = mmu.data_masks[slot] == LARGE_MASK
    if mmu.data_evictions[slot] < U(MOST_EVICTIONS) or is_large or mmu.spare_count == U(0):
        return
    cpu.counters[GROWN] += U(1)
    clear_data(cpu, slot)                # native code finds nothing there until its slice ends
    mmu.spare_count -= U(1)
    mmu.data_tables[slot], mmu.data_masks[slot] = mmu.spare_tables[mmu.spare_count], LARGE_MASK
    mmu.data_fills[slot] = U(FILL_LOG + 1)           # nothing known: empty all
    clear_data(cpu, slot)
    cpu.dtlb, cpu.dtlb_mask = mmu.data_tables[slot], LARGE_MASK


@njit
def _empty(address: Any) -> None:
    entry = tlb_entry(address)
    entry.read_tag = NONE
    entry.write_tag = NONE


@njit
def log_data_fill(cpu: Any, address: Any) -> None:
    """An entry of the current data table was filled."""
    mmu = mmu_of(cpu)
    slot = I(cpu.data_slot)
    fills = mmu.data_fills[slot]
    if fills < U(FILL_LOG):
        mmu.data_log[slot, I(fills)] = (address - cpu.dtlb) >> U(5)
    mmu.data_fills[slot] = fills + U(1)


@njit
def log_user_fill(cpu: Any, address: Any) -> None:
    """An entry of the kernel's data table was filled for a user segment."""
    if cpu.user_fills < U(FILL_LOG):
        mmu_of(cpu).user_log[I(cpu.user_fills)] = address
    cpu.user_fills += U(1)


@njit
def forget_user(cpu: Any) -> None:
    """Drop the translations of user segments."""
    if cpu.user_fills > U(FILL_LOG) or cpu.kernel_runs_user_page != U(0):
        cpu.kernel_runs_user_page = U(0)
        forget_all(cpu)
        return
    mmu = mmu_of(cpu)
    for n in range(I(cpu.user_fills)):
        _empty(mmu.user_log[n])
    cpu.user_fills = U(0)
    cpu.segments_era = (cpu.segments_era + U(1)) & U(0xFFFF_FFFF)
    switch_context(cpu)


@njit
def forget_all(cpu: Any) -> None:
    """Empty every translation of this vCPU (real mode stays: it depends on nothing)."""
    forget_window(cpu)
    mmu = mmu_of(cpu)
    for slot in range(1, DATA_CONTEXTS):
        if mmu.data_keys[slot] != NONE:
            mmu.data_keys[slot] = NONE
    for slot in range(CODE_CONTEXTS):
        if mmu.code_keys[slot] & U(0x81) != U(0):
            mmu.code_keys[slot] = NONE
    cpu.context_key = NONE
    cpu.user_fills = U(0)
    switch_context(cpu)


@njit
def forget_user_code(cpu: Any) -> Any:
    """Whether the kernel's code tables had pages of users, so that everything was dropped."""
    if cpu.kernel_runs_user_page == U(0):
        return False
    cpu.kernel_runs_user_page = U(0)
    forget_all(cpu)
    return True


@njit
def forget_pid(cpu: Any, pid: Any) -> None:
    """Empty the contexts of one PID.

    PID 0 owns the kernel's quadrant, which every supervisor context may hold.
    """
    if forget_user_code(cpu):
        return
    mmu = mmu_of(cpu)
    if pid == U(0):
        forget_window(cpu)
        for slot in range(1, DATA_CONTEXTS):
            if mmu.data_keys[slot] & U(0x10) == U(0) or mmu.data_keys[slot] >> U(8) == U(0):
                mmu.data_keys[slot] = NONE
        for slot in range(CODE_CONTEXTS):
            if mmu.code_keys[slot] & U(0x81) == U(1) or mmu.code_keys[slot] >> U(8) == U(0):
                mmu.code_keys[slot] = NONE
    for slot in range(2, DATA_CONTEXTS):
        if mmu.data_keys[slot] >> U(8) == pid:
            mmu.data_keys[slot] = NONE
    for slot in range(8, CODE_CONTEXTS):
        if mmu.code_keys[slot] >> U(8) == pid:
            mmu.code_keys[slot] = NONE
    cpu.context_key = NONE
    switch_context(cpu)


@njit
def forget_range(cpu: Any, pid: Any, ea: Any, size_log2: Any) -> None:
    """Drop the translations of a page of one PID; of the kernel's quadrant, from every context."""
    if forget_user_code(cpu):
        return
    if size_log2 > U(24):
        forget_pid(cpu, pid)
        return
    mmu = mmu_of(cpu)
    start = ea & ~((U(1) << size_log2) - U(1))
    is_kernel = ea >> U(62) == U(3)
    if is_kernel and in_window(cpu, start):
        forget_window(cpu)
    granule = U(1 << GRANULE_LOG2)
    count = I(1) if size_log2 < U(GRANULE_LOG2) else I(U(1) << (size_log2 - U(GRANULE_LOG2)))
    for slot in range(1, DATA_CONTEXTS):
        key = mmu.data_keys[slot]
        if key != NONE and (is_kernel or (key != KERNEL and key >> U(8) == pid)):
            for n in range(count):
                tag = (start + U(n) * granule) & ~(granule - U(1))
                at = entry_offset(tag, mmu.data_masks[slot])
                entry = tlb_entry(mmu.data_tables[slot] + at)
                if entry.read_tag == tag or entry.write_tag == tag:
                    entry.read_tag = NONE
                    entry.write_tag = NONE
    pages = I(1) if size_log2 <= U(12) else I(U(1) << (size_log2 - U(12)))
    for slot in range(CODE_CONTEXTS):
        key = mmu.code_keys[slot]
        kernel_table = key & U(0x81) == U(1)
        if key != NONE and (kernel_table if is_kernel else (key >= U(0x80) and key >> U(8) == pid)):
            forget_code(mmu.code_tables[slot], start & ~U(4095), pages)


@njit
def refresh(cpu: Any) -> None:
    """Recompute all that follows from MSR, after Python wrote it."""
    cpu.context_key = NONE
    set_msr(cpu, cpu.msr)
