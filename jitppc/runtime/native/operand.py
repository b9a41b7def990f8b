"""The storage operand of an instruction word: whether it is loaded or stored, and where it is.

Only stepping asks. A test holds these numbers against the rows. Ref: Book III 7.5.16 (SRR1 bits 35
and 36, SDAR); Book I 1.6 (where the opcodes are).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .host import I, U

LOADS, STORES = 1, 2
#: extended opcodes under primary opcode 31; cache instructions count as loads, dcbz as a store
_LOADS = (
    7, 12, 13, 20, 21, 22, 23, 39, 45, 52, 53, 54, 55, 71, 76, 77, 84, 86, 87, 103, 109, 116, 119,
    246, 268, 269, 276, 278, 279, 300, 301, 311, 332, 333, 341, 343, 359, 364, 373, 375, 524, 532,
    533, 534, 535, 567, 588, 597, 599, 631, 690, 754, 774, 780, 781, 790, 812, 813, 844, 855, 876,
    887, 982,
)  # fmt: skip
_STORES = (
    135, 140, 141, 149, 150, 151, 167, 173, 181, 182, 183, 199, 205, 214, 215, 231, 237, 247, 396,
    397, 407, 429, 439, 461, 487, 652, 658, 660, 661, 662, 663, 694, 695, 716, 722, 725, 726, 727,
    759, 902, 908, 909, 918, 940, 941, 972, 983, 1004, 1014,
)  # fmt: skip
_ATOMICS = (582, 614, 710, 742)
#: there the address is (RA|0) alone, or (RA) and what is in the word
_NO_INDEX = (597, 725, 269, 301, 397, 429, *_ATOMICS)
_HASHES = (658, 690, 722, 754)
PLAIN, INDEXED, HASHED = 0, 1, 2


KINDS = np.zeros(1024, np.uint8)
KINDS[[*_LOADS, *_ATOMICS]] = LOADS
KINDS[[*_STORES, *_ATOMICS]] |= np.uint8(STORES)
FORMS = np.full(1024, INDEXED, np.uint8)
FORMS[list(_NO_INDEX)], FORMS[list(_HASHES)] = PLAIN, HASHED


def _set(*numbers: int) -> np.uint64:
    return np.uint64(sum(1 << number for number in numbers))


#: primary opcodes with a displacement; of prefixed instructions those of the types MLS and 8LS
D_LOADS = _set(32, 33, 34, 35, 40, 41, 42, 43, 46, 48, 49, 50, 51, 56, 57, 58)
D_STORES = _set(36, 37, 38, 39, 44, 45, 47, 52, 53, 54, 55, 62)
EIGHT_LOADS, EIGHT_STORES = _set(41, 42, 43, 50, 51, 56, 57, 58), _set(46, 47, 54, 55, 60, 61, 62)


@njit
def _member(members: Any, number: Any) -> Any:
    return (members >> number) & U(1) != U(0)


@njit
def _by(loads: Any, stores: Any, number: Any) -> Any:
    if _member(loads, number):
        return LOADS
    return STORES if _member(stores, number) else 0


@njit
def kind_of(word: Any) -> Any:
    """LOADS, STORES, both or neither; a prefixed instruction has its prefix in the upper half."""
    primary = (word >> U(26)) & U(63)
    if word >> U(32) != U(0):
        type_ = (word >> U(56)) & U(3)
        if type_ == U(0):
            return _by(EIGHT_LOADS, EIGHT_STORES, primary)
        return _by(D_LOADS, D_STORES, primary) if type_ == U(2) else 0
    if primary == U(31):
        return I(KINDS[I(word >> U(1)) & 1023])
    if primary == U(6):
        return STORES if word & U(1) != U(0) else LOADS
    if primary == U(61):
        return LOADS if word & U(7) == U(1) else STORES
    return _by(D_LOADS, D_STORES, primary)


@njit
def _displacement(word: Any) -> Any:
    """What is added to the base, of instructions of one word."""
    primary = word >> U(26)
    value = U((I(word & U(0xFFFF)) ^ I(0x8000)) - I(0x8000))
    is_quad = primary == U(56) or primary == U(6) or (primary == U(61) and word & U(3) == U(1))
    if is_quad:
        return value & ~U(15)
    return value & ~U(3) if primary > U(56) else value


@njit
def address_of_operand(cpu: Any, word: Any) -> Any:
    """The effective address; the registers must be those before the instruction."""
    number = (word >> U(16)) & U(31)
    base = cpu.gpr[number] if number != U(0) else U(0)
    if word >> U(32) != U(0):
        away = ((word >> U(16)) & U(0x3_FFFF_0000)) | (word & U(0xFFFF))
        if (word >> U(52)) & U(1) != U(0):
            base = cpu.nia
        return (base + U((I(away) ^ (I(1) << I(33))) - (I(1) << I(33)))) & cpu.ea_mask
    if word >> U(26) != U(31):
        return (base + _displacement(word)) & cpu.ea_mask
    form = FORMS[I(word >> U(1)) & 1023]
    if form == INDEXED:
        base += cpu.gpr[(word >> U(11)) & U(31)]
    elif form == HASHED:
        code = ((word & U(1)) << U(5)) | ((word >> U(21)) & U(31))
        base = cpu.gpr[number] + ((code - U(64)) << U(3))
    return base & cpu.ea_mask
