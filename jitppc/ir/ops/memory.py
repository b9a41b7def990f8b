"""Ops that reach guest memory by effective address.

Values are in the byte order of the host (little endian); the builder adds the byte swap that
MSR[LE] or a byte-reversed form asks for.
"""

from __future__ import annotations

from jitppc.ir.types import I1, I64, NOTHING

from .row import Effect, Op

LOAD = Effect.READS_MEMORY | Effect.READS_STATE | Effect.MAY_INTERRUPT
STORE = Effect.WRITES_MEMORY | Effect.READS_STATE | Effect.MAY_INTERRUPT

ROWS = (
    Op("load", (I64,), "attr", "Load as many bits as the attribute says; any alignment.", effects=LOAD, attr="bits"),
    Op("store", (I64, None), NOTHING, "Store as many bits as the attribute says; any alignment.",
       effects=STORE, attr="bits"),
    Op("load_reserve", (I64,), "attr", "Load and reserve; a misaligned address raises an alignment interrupt.",
       effects=LOAD | Effect.WRITES_STATE, attr="bits"),
    Op("store_conditional", (I64, None, I64), I1, "Store if the reservation holds, 1 if stored; clears the "
       "reservation. The last operand says how far back the reserving load is (frontend/pairs.py).",
       effects=STORE | Effect.WRITES_STATE, attr="bits"),
    Op("zero_block", (I64,), NOTHING, "Zero the aligned 128-byte block that holds the address.",
       effects=STORE, attr=None),
    Op("touch", (I64,), NOTHING, "Raise the storage interrupt that a store of the attribute's bits would raise; "
       "else do nothing. For instructions of several stores.", effects=STORE, attr="bits"),
    Op("fence", (), NOTHING, "Order memory: seq_cst puts all earlier accesses before all later ones, acq_rel "
       "all but earlier stores before later loads, acquire earlier loads before all later ones.",
       effects=Effect.READS_MEMORY | Effect.WRITES_MEMORY, attr="order"),
)
