"""Ops that read and write the processor state, end blocks, and raise interrupts."""

from __future__ import annotations

from jitppc.ir.types import I1, I64, NOTHING

from .row import Effect, Op

READS, WRITES = Effect.READS_STATE, Effect.WRITES_STATE
MAY, ENDS = Effect.MAY_INTERRUPT, Effect.ENDS_BLOCK

ROWS = (
    Op("get", ("index",), "register", "Read a register of the file named by the attribute.",
       effects=READS, attr="register"),
    Op("set", ("index", "register"), NOTHING, "Write a register of the file named by the attribute.",
       effects=WRITES, attr="register"),
    Op("cia", (), I64, "The current instruction's address, in the current mode's width.", effects=READS),
    Op("jump", (I64,), NOTHING, "Go on at the effective address given.", effects=ENDS),
    Op("jump_if", (I1, I64), NOTHING, "Go on at the effective address if the condition is 1, else at the next.",
       effects=ENDS),
    Op("jump_rel", (I64,), NOTHING, "Go on at cia plus the displacement.", effects=ENDS),
    Op("jump_rel_if", (I1, I64), NOTHING, "Go on at cia plus the displacement if 1, else at the next.",
       effects=ENDS),
    Op("interrupt_if", (I1, I64), NOTHING,
       "Raise the interrupt named by the attribute if 1; the value goes with it.",
       effects=MAY | READS, attr="interrupt"),
    Op("helper", (None, None, None), NOTHING,
       "Call the native routine named by the attribute with up to three operands (unused ones are 0); it may "
       "change any state and nia; the block ends.",
       effects=READS | WRITES | Effect.READS_MEMORY | Effect.WRITES_MEMORY | MAY | ENDS, attr="helper"),
    Op("timebase", (), I64, "The Time Base.", effects=READS | WRITES),
    Op("random", (), I64, "64 random bits from the host.", effects=READS | WRITES),
)
