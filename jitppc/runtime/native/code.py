"""Pages of code: cells, their allocation, invalidation by stores, and the code TLB."""

from __future__ import annotations

from typing import Any

from numba import njit, types

from jitppc.ir.layout import (
    CELL_BYTES,
    CELL_PAGE_BYTES,
    CELLS_PER_PAGE,
    CODE_CONTEXTS,
    COUNTER,
    GRANULE_LOG2,
    HOT_AGAIN,
    HOT_RING,
    HOT_THRESHOLD,
    MSR,
    NO_TAG,
    PAGE_INFO_OFFSET,
    SEEN_RING,
    UNIT_THRESHOLD,
    PageMode,
)

from .code_tables import fill_code
from .contexts import DATA_CONTEXTS, switch_context
from .exclusive import begin, end, is_alone, vcpu
from .host import (
    I,
    U,
    cell_at,
    fetch_and,
    fetch_or,
    hot_at,
    load64,
    machine_of,
    mmu_of,
    page_info,
    seen_at,
    shared_of,
    store64,
    tlb_entry,
)
from .interrupts import fetch_interrupt
from .radix import FETCH, NOT_RAM, PR, REAL_MASK
from .stitch import is_unit, stitch
from .walk import translate

NONE = U(NO_TAG)
IR, PR_BIT = U(MSR.IR), U(MSR.PR)
INFO = U(PAGE_INFO_OFFSET)
BYTES = U(CELL_PAGE_BYTES)
BIG, NARROW, RESTRICTED = (U(n) for n in (PageMode.BIG, PageMode.NARROW, PageMode.RESTRICTED))
EXECUTION, LE64 = U(PageMode.EXECUTION), U(PageMode.LE64)
FLUSHES, CODE_PAGES, ITLB_MISSES, REVIVED, HOT_COUNT = (
    COUNTER[n] for n in ("flushes", "code_pages", "itlb_misses", "revived", "hot"))

#: handlers that fill fresh cells: [decode_me_le64, decode_me_any, page_end, handlers]
anchor = types.ExternalFunction("jit_anchor", types.uint64(types.uint64))


@njit
def fetch(cpu: Any) -> None:
    """Make the page at nia executable from the code TLB, or deliver the fetch's interrupt."""
    cpu.counters[ITLB_MISSES] += U(1)
    ea, cells = cpu.nia, U(0)
    waits = cpu.waits - U(1)
    while cpu.waits != waits:                        # ... others may have changed the translation
        waits = cpu.waits
        real = ea & REAL_MASK
        if cpu.msr & IR != U(0):
            cause, real, _shift, _flags = translate(cpu, ea, FETCH)
            if cause != U(0):
                fetch_interrupt(cpu, cause)
                return
        if real >= machine_of(cpu).ram_size:
            fetch_interrupt(cpu, NOT_RAM)
            return
        cells = cells_of(cpu, real)
    if ea >> U(62) != U(3) and cpu.msr & (IR | PR) == IR:
        cpu.kernel_runs_user_page = U(1)
    fill_code(cpu, ea, cells)


@njit
def mode_of(cpu: Any) -> Any:
    """The current PageMode."""
    mode = U(0) if models_now(cpu) == cpu.models else RESTRICTED
    if cpu.little == 0:
        mode |= BIG
    if cpu.sixty_four == 0:
        mode |= NARROW
    return mode


@njit
def has_own_handlers(mode: Any) -> Any:
    """The handlers of a page's mode are not those that ask the state for order and width."""
    return mode & EXECUTION == LE64


@njit
def models_now(cpu: Any) -> Any:
    """The bit of the model whose instructions the processor executes now. Ref: Book III 2.5."""
    return cpu.models if cpu.msr & PR_BIT == U(0) else cpu.problem_models


@njit
def cells_of(cpu: Any, real: Any) -> Any:
    """The cells of the page that holds a real address, made and active, in the current mode."""
    machine = machine_of(cpu)
    slot = machine.code_pages + (real >> U(12)) * U(8)
    cells = load64(slot)
    mode = mode_of(cpu)
    if cells != U(0) and page_info(cells + INFO).mode != mode:
        _empty_code_tlbs(cpu)                        # tables of the other mode lead to these cells
    if cells == U(0):
        cells = _allocate(cpu)
        store64(slot, cells)
        info = page_info(cells + INFO)
        info.host = machine.ram + (real & ~U(4095))
        info.gra = real & ~U(4095)
        info.active = U(0)
        cpu.counters[CODE_PAGES] += U(1)
    info = page_info(cells + INFO)
    if info.active == U(0) or info.mode != mode:
        info.mode = mode
        info.generation += U(1)
        info.contents = U(0)
        info.active = U(1)
        _fill(cpu, cells, mode)
        fetch_or(_owners(cpu, real), machine.bit)
        protect(cpu, real)
        if not is_alone(cpu):
            _protect_elsewhere(cpu, real)
        _seen(cpu, cells + INFO, info.generation)
    return cells


@njit
def _seen(cpu: Any, page: Any, generation: Any) -> None:
    """Tell the translator that a page is executed, if the ring has room."""
    if cpu.seen_ring != U(0) and cpu.seen_head - cpu.seen_tail < U(SEEN_RING):
        record = seen_at(cpu.seen_ring + (cpu.seen_head % U(SEEN_RING)) * U(32))
        record.page, record.generation, record.ea = page, generation, cpu.nia
        cpu.seen_head += U(1)


@njit
def _allocate(cpu: Any) -> Any:
    """Room for one page's cells; when the pool is used up, it starts afresh without any page.

    What lies there keeps counting its generation, so that nothing meant for an earlier page fits.
    """
    machine = machine_of(cpu)
    if machine.pool_next + BYTES > machine.pool_end:
        machine.pool_next = machine.pool
        for page in range(I(machine.ram_size >> U(12))):
            store64(machine.code_pages + U(page) * U(8), U(0))
            owners = _owners(cpu, U(page) << U(12))
            if load64(owners) & machine.bit != U(0):
                fetch_and(owners, ~machine.bit)
        _empty_code_tlbs(cpu)
        cpu.counters[FLUSHES] += U(1)
    cells = machine.pool_next
    machine.pool_next += BYTES
    return cells


@njit
def _empty_code_tlbs(cpu: Any) -> None:
    """No table leads to any cells."""
    mmu = mmu_of(cpu)
    for context in range(CODE_CONTEXTS):
        mmu.code_keys[context] = NONE
    cpu.context_key = NONE
    switch_context(cpu)


@njit
def _fill(cpu: Any, cells: Any, mode: Any) -> None:
    """Every cell undecoded, the page-end cell behind them."""
    is_wide = mode & NARROW == U(0)
    heat = UNIT_THRESHOLD if is_wide and machine_of(cpu).stencils != U(0) else HOT_THRESHOLD
    first = anchor(U(0) if has_own_handlers(mode) else U(1))
    for n in range(CELLS_PER_PAGE):
        cell = cell_at(cells + U(n * CELL_BYTES))
        cell.entry = first
        cell.handler = 0
        cell.heat = heat
    end = cell_at(cells + U(CELLS_PER_PAGE * CELL_BYTES))
    end.entry = anchor(U(2))
    end.heat = 0


@njit
def protect(cpu: Any, real: Any) -> None:
    """Take the right to store past the slow path from every TLB entry of the page's granule."""
    machine = machine_of(cpu)
    granule = real >> U(GRANULE_LOG2)
    slots = machine.write_slots + granule * U(16)
    host = machine.ram + (granule << U(GRANULE_LOG2))
    first, second = load64(slots), load64(slots + U(8))
    if first == NONE:                                # more than two entries had it: look at all
        mmu = mmu_of(cpu)
        for context in range(DATA_CONTEXTS):
            for n in range(I(mmu.data_masks[context] >> U(5)) + 1):
                _deny(mmu.data_tables[context] + U(n) * U(32), host)
    else:
        if first != U(0):
            _deny(first, host)
        if second != U(0):
            _deny(second, host)
    store64(slots, U(0))
    store64(slots + U(8), U(0))


@njit
def _deny(address: Any, host: Any) -> None:
    entry = tlb_entry(address)
    if entry.host == host:
        entry.write_tag = NONE


@njit
def _protect_elsewhere(cpu: Any, real: Any) -> None:
    """As `protect`, on all other vCPUs. Those that have the right to store are waited for."""
    at, count = (real >> U(GRANULE_LOG2)) * U(16), I(shared_of(cpu).count)
    has_rights = False
    for n in range(count):
        other = vcpu(cpu, n)
        if other.here != cpu.here:
            slots = machine_of(other).write_slots + at
            has_rights = has_rights or load64(slots) | load64(slots + U(8)) != U(0)
    if has_rights:
        begin(cpu)
        for n in range(count):
            protect(vcpu(cpu, n), real)
        end(cpu)


@njit
def _owners(cpu: Any, real: Any) -> Any:
    """Host address of the set of vCPUs that have active cells of a page."""
    return shared_of(cpu).owners + (real >> U(12)) * U(8)


@njit
def takes_slow_stores(cpu: Any, real: Any) -> Any:
    """1 if any page of the granule holds active cells of some vCPU, or one guards it: stores take
    the slow path.
    """
    first = _owners(cpu, (real >> U(GRANULE_LOG2)) << U(GRANULE_LOG2))
    found = load64(shared_of(cpu).guards + (real >> U(GRANULE_LOG2)) * U(8))
    for n in range(1 << (GRANULE_LOG2 - 12)):
        found |= load64(first + U(n * 8))
    return U(found != U(0))


@njit
def note_store(cpu: Any, real: Any) -> None:
    """A store hits the page of `real`: all vCPUs forget what they decoded there.

    A store looks before, and on a machine of several vCPUs again when it is done: one of them may
    have decoded what was there before.
    """
    owners = load64(_owners(cpu, real))
    if owners == U(0):
        return
    if owners == machine_of(cpu).bit:
        forget_page(cpu, real)
        return
    begin(cpu)
    forget_page_everywhere(cpu, real)
    end(cpu)


@njit
def forget_page_everywhere(cpu: Any, real: Any) -> None:
    """No vCPU has decoded anything of a page. The caller is exclusive."""
    owners = load64(_owners(cpu, real))
    for n in range(I(shared_of(cpu).count)):
        if (owners >> U(n)) & U(1) != U(0):
            forget_page(vcpu(cpu, n), real)


@njit
def forget_page(cpu: Any, real: Any) -> None:
    """This vCPU has decoded nothing of a page."""
    machine = machine_of(cpu)
    fetch_and(_owners(cpu, real), ~machine.bit)
    cells = load64(machine.code_pages + (real >> U(12)) * U(8))
    if cells == U(0):
        return
    info = page_info(cells + INFO)
    if info.active != U(0):
        info.active = U(0)
        info.generation += U(1)
        info.contents = U(0)
        _fill(cpu, cells, info.mode)
        cpu.counters[REVIVED] += U(1)


@njit
def forget_code(cpu: Any) -> None:
    """Everything is decoded anew: the processor became another model."""
    machine = machine_of(cpu)
    for page in range(I(machine.ram_size >> U(12))):
        if load64(machine.code_pages + U(page) * U(8)) != U(0):
            forget_page(cpu, U(page) << U(12))


@njit
def hot(cpu: Any, address: Any) -> None:
    """A cell was jumped to often: make it a unit's head; later ask for its translation, if the ring
    has room.
    """
    cell = cell_at(address)
    index = (cpu.nia & U(4095)) >> U(2)
    page = address - index * U(CELL_BYTES) + INFO
    info = page_info(page)
    if cell.entry == load64(cpu.table + U(cell.handler) * U(8)):
        if info.mode & NARROW == U(0) and stitch(cpu, address, index):
            cell.heat = HOT_THRESHOLD
            return
    elif not is_unit(cpu, cell.entry):
        cell.heat = HOT_AGAIN
        return                                       # undecoded, or translated already
    cell.heat = HOT_AGAIN
    cpu.counters[HOT_COUNT] += U(1)
    if cpu.hot_ring == U(0) or cpu.hot_head - cpu.hot_tail >= U(HOT_RING):
        return
    if info.active == U(0):
        return
    request = hot_at(cpu.hot_ring + (cpu.hot_head % U(HOT_RING)) * U(32))
    request.page = page
    request.index = index
    request.cia = cpu.nia
    request.generation = info.generation
    cpu.hot_head += U(1)
