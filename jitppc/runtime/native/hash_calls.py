"""The hypercalls on the hashed page table, done where `sc` is executed.

Arguments and answers are in GPRs as the books have them: r3 the call and then its status, r4... the
rest. Ref: LoPAR 14.5.4.1 (page frame table access); reference §2.4.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.hcalls import Hcall
from jitppc.ir.layout import COUNTER, SHARED_STATE, offset

from . import spin
from .contexts import forget_all, forget_user
from .exclusive import begin, end, is_alone, vcpu
from .hash import (
    IS_1T,
    KEY_HIGH,
    KEY_LOW,
    NO_EXEC,
    PP,
    PP0,
    RPN,
    SLB_VALID,
    VALID,
    VSID_1T,
    VSID_256M,
    B,
    C,
    R,
    base_of,
    page_shift,
    slb_size,
)
from .host import I, U, load64, machine_of, shared_of, store64
from .status import NOT_FOUND, PARAMETER, PTEG_FULL, SUCCESS

REMOVE, ENTER, READ, CLEAR_MOD, CLEAR_REF, PROTECT, BULK_REMOVE = (
    U(call) for call in (
        Hcall.H_REMOVE, Hcall.H_ENTER, Hcall.H_READ, Hcall.H_CLEAR_MOD, Hcall.H_CLEAR_REF,
        Hcall.H_PROTECT, Hcall.H_BULK_REMOVE))
EXACT, READ_4 = U(1 << 39), U(1 << 37)
WITH_AVPN, AND_CONDITION = U(1 << 31), U(1 << 30)
W, INHIBITED, M = U(0x40), U(0x20), U(0x10)
SOFTWARE = U(0x60)                       # of the first doubleword: cleared on entry
CALLS = COUNTER["hash_calls"]
TABLE_LOCK = U(offset("table_lock", SHARED_STATE))
# of a translation specifier of H_BULK_REMOVE. Ref: LoPAR 14.5.4.1.8
REQUEST, RESPONSE, END = U(1), U(2), U(3)


@njit
def hash_call(cpu: Any) -> Any:
    """Answer the hypercall in r3 if it is one of ours; 1 if it was."""
    call = cpu.gpr[3]
    changes = call in (REMOVE, BULK_REMOVE, PROTECT, CLEAR_MOD, CLEAR_REF)
    if not changes and call not in (ENTER, READ):
        return U(0)
    cpu.counters[CALLS] += U(1)
    if is_alone(cpu):
        cpu.gpr[3] = _answer(cpu, call)
    elif changes:                        # no vCPU translates by the entry meanwhile
        begin(cpu)
        cpu.gpr[3] = _answer(cpu, call)
        end(cpu)
    elif call == ENTER:
        spin.take(machine_of(cpu).shared + TABLE_LOCK)
        cpu.gpr[3] = _enter(cpu)
        spin.give(machine_of(cpu).shared + TABLE_LOCK)
    else:
        cpu.gpr[3] = _read(cpu)
    return U(1)


@njit
def _answer(cpu: Any, call: Any) -> Any:
    """The status of a call."""
    if call == ENTER:
        return _enter(cpu)
    if call == REMOVE:
        return _remove(cpu)
    if call == BULK_REMOVE:
        return _bulk_remove(cpu)
    if call == PROTECT:
        return _protect(cpu)
    if call == READ:
        return _read(cpu)
    return _clear(cpu, C if call == CLEAR_MOD else R)


@njit
def _entry(cpu: Any, index: Any) -> Any:
    """Host address of an entry, or 0 outside of the table."""
    machine = machine_of(cpu)
    if index >> U(3) > machine.hpt_mask:
        return U(0)
    return machine.hpt + index * U(16)


@njit
def _is_wanted(high: Any, flags: Any, avpn: Any) -> Any:
    """The entry is there, and is the one that the caller means."""
    if high & VALID == U(0):
        return False
    if flags & WITH_AVPN != U(0) and high & ~U(0x7F) != avpn:
        return False
    return flags & AND_CONDITION == U(0) or high & avpn == U(0)


@njit
def _drop(cpu: Any, high: Any) -> None:
    """The translations through an entry are gone, on all vCPUs."""
    for n in range(I(shared_of(cpu).count)):
        _drop_on(vcpu(cpu, n), high)


@njit
def _drop_on(cpu: Any, high: Any) -> None:
    """The translations through an entry are gone: those of user segments if it is in one."""
    vsid_mask = (VSID_1T if high & IS_1T != U(0) else VSID_256M) | B
    for n in range(I(slb_size(cpu))):
        segment, attributes = cpu.slb[n, 0], cpu.slb[n, 1]
        is_user = segment & SLB_VALID != U(0) and segment >> U(62) != U(3)
        if is_user and (high ^ attributes) & vsid_mask == U(0):
            forget_user(cpu)
            return
    forget_all(cpu)


@njit
def _enter(cpu: Any) -> Any:
    """H_ENTER(flags, index, high, low): r4 = index of the entry."""
    flags, index, high, low = cpu.gpr[4], cpu.gpr[5], cpu.gpr[6], cpu.gpr[7]
    machine = machine_of(cpu)
    shift = page_shift(base_of(high, low), high, low)
    if shift == U(0) or shift > machine.hpt_page_limit:
        return PARAMETER
    real = low & RPN & ~((U(1) << shift) - U(1))
    attributes = low & (W | INHIBITED | M)
    if real < machine.ram_size:
        if attributes != M:
            return PARAMETER
    elif attributes & ~M != INHIBITED:
        return PARAMETER
    address = _entry(cpu, index)
    if address == U(0):
        return PARAMETER
    if flags & EXACT == U(0):
        index &= ~U(7)
        address = _entry(cpu, index)
        left = 8
        while load64(address) & VALID != U(0):
            left -= 1
            if left == 0:
                return PTEG_FULL
            index += U(1)
            address += U(16)
    elif load64(address) & VALID != U(0):
        return PTEG_FULL
    store64(address + U(8), low)
    store64(address, high & ~SOFTWARE)
    cpu.gpr[4] = index
    return SUCCESS


@njit
def _take_out(cpu: Any, flags: Any, index: Any, avpn: Any) -> Any:
    """An entry is empty: status, and the entry as it was."""
    address = _entry(cpu, index)
    if address == U(0):
        return PARAMETER, U(0), U(0)
    high, low = load64(address), load64(address + U(8))
    if not _is_wanted(high, flags, avpn):
        return NOT_FOUND, high, low
    store64(address, U(0))
    store64(address + U(8), U(0))
    _drop(cpu, high)
    return SUCCESS, high, low


@njit
def _remove(cpu: Any) -> Any:
    """H_REMOVE(flags, index, AVPN): r4, r5 = the entry as it was."""
    status, high, low = _take_out(cpu, cpu.gpr[4], cpu.gpr[5], cpu.gpr[6])
    if status == SUCCESS:
        cpu.gpr[4], cpu.gpr[5] = high, low
    return status


@njit
def _bulk_remove(cpu: Any) -> Any:
    """H_BULK_REMOVE: four pairs (specifier, AVPN) in r4 to r11, each answered in its specifier.

    Ref: LoPAR 14.5.4.1.8: R and C of the entry come back in bits 58 and 59 of the answer.
    """
    for pair in range(4):
        place = 4 + 2 * pair
        wanted, avpn = cpu.gpr[place], cpu.gpr[place + 1]
        kind = wanted >> U(62)
        if kind == END:
            return SUCCESS
        kept = wanted & U((1 << 58) - 1)
        if kind != REQUEST:
            cpu.gpr[place] = (RESPONSE << U(62)) | (U(2) << U(60)) | kept
            return PARAMETER
        flags = U(0)
        if wanted & U(1 << 57) != U(0):
            flags |= WITH_AVPN
        if wanted & U(1 << 56) != U(0):
            flags |= AND_CONDITION
        code, changed = U(2), U(0)
        if flags != WITH_AVPN | AND_CONDITION:
            status, _, low = _take_out(cpu, flags, wanted & U((1 << 56) - 1), avpn)
            if status == SUCCESS:
                code = U(0)
                changed = ((low & R) >> U(8) << U(59)) | ((low & C) >> U(7) << U(58))
            elif status == NOT_FOUND:
                code = U(1)
        cpu.gpr[place] = (RESPONSE << U(62)) | (code << U(60)) | changed | kept
        if code == U(2):
            return PARAMETER
    return SUCCESS


@njit
def _protect(cpu: Any) -> Any:
    """H_PROTECT(flags, index, AVPN): PP, N and key come from flags."""
    flags, avpn = cpu.gpr[4], cpu.gpr[6]
    address = _entry(cpu, cpu.gpr[5])
    if address == U(0):
        return PARAMETER
    high, low = load64(address), load64(address + U(8))
    if not _is_wanted(high, flags & WITH_AVPN, avpn):
        return NOT_FOUND
    low &= ~(PP0 | PP | NO_EXEC | KEY_HIGH | KEY_LOW)
    low |= (flags << U(55)) & PP0 | (flags << U(48)) & KEY_HIGH
    low |= flags & (PP | NO_EXEC | KEY_LOW)
    store64(address + U(8), low)
    _drop(cpu, high)
    return SUCCESS


@njit
def _read(cpu: Any) -> Any:
    """H_READ(flags, index): r4... = the entry, or all four around it."""
    index = cpu.gpr[5]
    count = 1
    if cpu.gpr[4] & READ_4 != U(0):
        index, count = index & ~U(3), 4
    address = _entry(cpu, index)
    if address == U(0):
        return PARAMETER
    for n in range(2 * count):
        cpu.gpr[4 + n] = load64(address + U(8 * n))
    return SUCCESS


@njit
def _clear(cpu: Any, bit: Any) -> Any:
    """H_CLEAR_REF or H_CLEAR_MOD(flags, index): r4 = the second doubleword as it was."""
    address = _entry(cpu, cpu.gpr[5])
    if address == U(0):
        return PARAMETER
    high, low = load64(address), load64(address + U(8))
    if high & VALID == U(0):
        return NOT_FOUND
    store64(address + U(8), low & ~bit)
    cpu.gpr[4] = low
    _drop(cpu, high)
    return SUCCESS
