"""The user-level registers of a CPU_STATE record by name, as recorded results name them.

Any engine can be judged by recorded results: `new_state` and `set_registers` make the state to
start from, and `registers` says what it holds afterwards.
"""

import numpy as np

from jitppc.ir.layout import CPU_STATE, MSR, NO_TAG

#: XER bits that have a field of their own in CPU_STATE
XER_BITS = {"so": 1 << 31, "ov": 1 << 30, "ca": 1 << 29, "ov32": 1 << 19, "ca32": 1 << 18}
XER_LOW = 0x7F
XER_MID = 0x000FFFFF & ~(1 << 19 | 1 << 18 | XER_LOW)

FSCR = 153

Registers = dict[str, int]


def new_state() -> np.ndarray:
    """An array of one CPU_STATE record: zeros, 64-bit little-endian problem state."""
    state = np.zeros(1, CPU_STATE)
    state["msr"] = MSR.SF | MSR.VEC | MSR.VSX | MSR.PR | MSR.FP | MSR.IR | MSR.DR | MSR.LE
    state["sixty_four"], state["little"] = 1, 1
    state["ea_mask"] = (1 << 64) - 1
    state["reserve_ea"] = NO_TAG
    state["spr"][0][FSCR] = (1 << 64) - 1
    return state


def set_registers(state: np.ndarray, values: Registers) -> None:
    """Set r0 .. r31, cr, xer, lr and ctr, as far as they are named."""
    record = state[0]
    for name, value in values.items():
        if name == "cr":
            record["crf"] = [value >> 28 - 4 * n & 15 for n in range(8)]
        elif name == "xer":
            for field, bit in XER_BITS.items():
                record[field] = bool(value & bit)
            record["xer_low"], record["xer_mid"] = value & XER_LOW, value & XER_MID
        elif name in ("lr", "ctr"):
            record["spr"][8 if name == "lr" else 9] = value
        else:
            record["gpr"][int(name[1:])] = value


def registers(state: np.ndarray) -> Registers:
    """All that `set_registers` can set."""
    record = state[0]
    values = {f"r{n}": int(record["gpr"][n]) for n in range(32)}
    values["cr"] = sum(int(field) << 28 - 4 * n for n, field in enumerate(record["crf"]))
    values["xer"] = sum(bit for field, bit in XER_BITS.items() if record[field])
    values["xer"] |= int(record["xer_low"]) | int(record["xer_mid"])
    values["lr"], values["ctr"] = int(record["spr"][8]), int(record["spr"][9])
    return values
