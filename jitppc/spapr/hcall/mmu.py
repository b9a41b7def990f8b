"""Address translation: the process table and pages.

The calls on a hashed page table are answered by native code while there is one
(`runtime/native/hash_calls.py`). Their rows here are for the time when there is none.
Ref: LoPAR 14.5.4.1; Power ISA 3.0B Book III 5.7.6.
"""

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.guest_buffers import read_or_none, write_if_inside
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.memory_map import (
    GRA_MASK,
    HASH_TABLE_MAX_LOG2,
    HASH_TABLE_MIN_LOG2,
    hash_table_size_log2,
)
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.partition import PATE1_GR

FLAG_MODIFY = 0x10
FLAG_REGISTER = 0x08
FLAG_RADIX = 0x04
FLAG_HASH_TABLE_OF_PROCESSES = 0x02
FLAG_GTSE = 0x01
FLAGS_KNOWN = 0x1F
MAX_TABLE_SIZE_LOG2 = 24

PAGE_SIZE = 4096
PAGE_ZERO = 1 << 15
PAGE_COPY = 1 << 14
PAGE_ICACHE_INVALIDATE = 1 << 23
PAGE_ICACHE_SYNC = 1 << 22
PAGE_FLAGS = PAGE_ZERO | PAGE_COPY | PAGE_ICACHE_INVALIDATE | PAGE_ICACHE_SYNC


@hcall(Hcall.H_REGISTER_PROC_TBL)
def h_register_process_table(
    cpu: PaprCpu, flags: int, base: int, page_size: int, size: int
) -> HcallResult:
    """Every vCPU translates through the process table at `base`, radix, flat partition scope.

    Without RADIX, it is by segments and a hashed page table, which has no table of processes.

    Args:
        flags: MODIFY | REGISTER | RADIX | GTSE; without MODIFY only the mode is confirmed, with
            MODIFY but without REGISTER the table is forgotten.
        size: the table has 1 << (size + 12) bytes.

    Returns:
        PARAMETER for unknown flags or for hash; P2, P3, P4 for base, page_size, size.
    Ref: LoPAR 14.5.4.1.10 (H_REGISTER_PROC_TBL).
    """
    partition = cpu.partition
    wants_radix = bool(flags & FLAG_RADIX)
    if flags & ~FLAGS_KNOWN or flags & FLAG_HASH_TABLE_OF_PROCESSES:
        return H.PARAMETER
    if not wants_radix:
        if flags & FLAG_REGISTER and not partition.has_hash_table:
            partition.set_hash_table(cpu.memory, hash_table_size_log2(cpu.memory.size))
        return H.SUCCESS if partition.has_hash_table else H.PARAMETER
    if not cpu.platform.has_radix:
        return H.PARAMETER
    has_gtse = bool(flags & FLAG_GTSE)
    if not flags & FLAG_MODIFY:
        if partition.has_hash_table:
            return H.PARAMETER
        dw1 = cpu.partition.process_table_dw1
    elif flags & FLAG_REGISTER:
        if base & 0xFFF or base >> 60:
            return H.P2
        if page_size:
            return H.P3
        if size > MAX_TABLE_SIZE_LOG2:
            return H.P4
        dw1 = PATE1_GR | base | size
    else:
        dw1 = PATE1_GR
    if partition.has_hash_table:
        partition.set_hash_table(cpu.memory, 0)
    partition.set_process_table(dw1, has_gtse)
    return H.SUCCESS


@hcall(Hcall.H_RESIZE_HPT_PREPARE)
def h_resize_hpt_prepare(cpu: PaprCpu, flags: int, size_log2: int) -> HcallResult:
    """A table of 1 << size_log2 bytes can be changed to; 0 takes an earlier wish back.

    Returns:
        AUTHORITY when it must not be resized, NOT_AVAILABLE without one, PARAMETER for flags and
        sizes that no table has, RESOURCE for one above twice what the memory needs.
    Ref: LoPAR 14.5.4.1 (H_RESIZE_HPT_PREPARE); reference §2.4.   Differs: it is ready at once.
    """
    partition = cpu.partition
    if not cpu.platform.may_resize_hash_table:
        return H.AUTHORITY
    if not partition.has_hash_table:
        return H.NOT_AVAILABLE
    if flags or (size_log2 and not HASH_TABLE_MIN_LOG2 <= size_log2 <= HASH_TABLE_MAX_LOG2):
        return H.PARAMETER
    if size_log2 > hash_table_size_log2(cpu.memory.size) + 1:
        return H.RESOURCE
    partition.prepared_hash_table_log2 = size_log2
    return H.SUCCESS


@hcall(Hcall.H_RESIZE_HPT_COMMIT)
def h_resize_hpt_commit(cpu: PaprCpu, flags: int, size_log2: int) -> HcallResult:
    """The prepared table is in use; what is bolted is in it.

    Returns:
        CLOSED when no such table is prepared, PTEG_FULL when what is bolted does not fit.
    Ref: LoPAR 14.5.4.1 (H_RESIZE_HPT_COMMIT).
    """
    partition = cpu.partition
    if not cpu.platform.may_resize_hash_table:
        return H.AUTHORITY
    if flags:
        return H.PARAMETER
    if not size_log2 or size_log2 != partition.prepared_hash_table_log2:
        return H.CLOSED
    fits = partition.resize_hash_table(size_log2)
    return H.SUCCESS if fits else H.PTEG_FULL


def _no_hash_table(_cpu: PaprCpu) -> HcallResult:
    return H.FUNCTION


for _call in (
    Hcall.H_REMOVE,
    Hcall.H_ENTER,
    Hcall.H_READ,
    Hcall.H_CLEAR_MOD,
    Hcall.H_CLEAR_REF,
    Hcall.H_PROTECT,
    Hcall.H_BULK_REMOVE,
):
    hcall(_call)(_no_hash_table)


@hcall(Hcall.H_PAGE_INIT)
def h_page_init(cpu: PaprCpu, flags: int, destination: int, source: int) -> HcallResult:
    """A 4 KiB page is zeroed or copied. Ref: LoPAR 14.5.4.4.1 (H_PAGE_INIT)."""
    if flags & ~PAGE_FLAGS or (flags & PAGE_ZERO and flags & PAGE_COPY):
        return H.PARAMETER
    destination &= GRA_MASK
    if destination % PAGE_SIZE or not cpu.memory.contains(destination, PAGE_SIZE):
        return H.PARAMETER
    if flags & PAGE_COPY:
        source &= GRA_MASK
        data = None if source % PAGE_SIZE else read_or_none(cpu.memory, source, PAGE_SIZE)
        if data is None:
            return H.PARAMETER
        write_if_inside(cpu.memory, destination, data)
    elif flags & PAGE_ZERO:
        write_if_inside(cpu.memory, destination, bytes(PAGE_SIZE))
    elif flags & (PAGE_ICACHE_INVALIDATE | PAGE_ICACHE_SYNC):
        write_if_inside(cpu.memory, destination, cpu.memory.read(destination, PAGE_SIZE))
    return H.SUCCESS
