"""Native code and the pending record of the FPSCR; the host's own floating-point mode."""

import ctypes
import random
import struct

import numpy as np
import pytest
from bench import CODE, bench, program_state

from jitppc.ir.fpscr import FPSCR, Pending
from jitppc.ir.ops.floating_ordinary import settled

FIELDS = ("fpscr", "fp_kind", "fp_x", "fp_y", "fp_z", "fp_class")
KINDS = (0, Pending.EXACT, Pending.INTEGER, Pending.WHOLE, *Pending.OPERATIONS)
ONE, TINY, LARGE = 0x3FF << 52, 0x000FFFFFFFFFFFF0, (1023 + 700) << 52
FTZ_DAZ_AND_UP = 0x1F80 | 1 << 15 | 1 << 6 | 2 << 13
STAY = 0x48000000


def number(source, precision=64):
    value = source.choice((source.uniform(-9, 9), 3.0, -0.5, 1e30, source.uniform(0, 1e-30)))
    if precision == 32 or source.randrange(4) == 0:
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    return struct.unpack("<Q", struct.pack("<d", value))[0]


@pytest.mark.parametrize("operation", KINDS)
def test_settling_natively_does_what_the_model_says(operation):
    source, vcpu = random.Random(operation), bench("interp").vcpu
    settle = ctypes.CFUNCTYPE(None, ctypes.c_uint64)(vcpu.engine.arena.symbols["jit_settle"])
    for _ in range(300):
        x, y, z = (number(source) for _ in range(3))
        name = Pending.OPERATIONS.get(operation, ("", 0))[0]
        if name == "f_sqrt":
            x &= (1 << 63) - 1
        if operation == Pending.INTEGER:
            y = int(struct.unpack("<d", struct.pack("<Q", x))[0]) & (1 << 64) - 1
            if abs(struct.unpack("<d", struct.pack("<Q", x))[0]) > 1e18:
                continue
        kind = operation | source.choice((0, Pending.CLASS))
        if source.randrange(2):
            kind |= Pending.CODE | source.choice((8, 4, 2, 1)) << Pending.CODE_SHIFT
        fpscr = FPSCR.FX | FPSCR.XX | source.getrandbits(32) & (
            FPSCR.FPRF | FPSCR.FR | FPSCR.FI | FPSCR.OX | FPSCR.VE)
        class_ = source.choice((x, ONE, 0, 1 << 63))
        before = (fpscr, kind, x, y, z, class_)
        for field, value in zip(FIELDS, before, strict=True):
            vcpu.state[field] = value
        settle(vcpu.address)
        expected = settled(*before)
        assert hex(expected) == hex(int(vcpu.state["fpscr"])), [hex(v) for v in before]
        assert int(vcpu.state["fp_kind"]) == 0


@pytest.mark.parametrize("in_region", [False, True])
def test_the_host_process_s_mode_neither_matters_nor_changes(in_region):
    """A library may have left the thread flushing denormals and rounding up."""
    native = bench("interp")
    native.place_vectors(little=True)
    # fmul f3,f1,f2; fadd f4,f5,f6
    native.place(CODE, [0xFC6100B2, 0xFC85302A, STAY])
    state = program_state(5, "le64")
    state[0]["vsr"][[1, 2, 5, 6]] = np.array(
        [[0, v] for v in (TINY, LARGE, ONE, (1023 - 60) << 52)], np.uint64)
    state[0]["fpscr"] = FPSCR.FX | FPSCR.XX
    call = native.engine.call
    native.load_state(state)
    native.run(CODE, 3)
    if in_region:
        assert native.install_region(CODE)
    before = call("jit_float_mode", FTZ_DAZ_AND_UP)
    if before == 0:
        pytest.skip("no MXCSR on this host")
    try:
        native.load_state(state)
        found = native.run(CODE, 3)
    finally:
        mode = call("jit_float_mode", before)
    assert hex(FTZ_DAZ_AND_UP) == hex(mode & ~0x3F)
    product = struct.unpack("<d", struct.pack("<Q", TINY))[0] * 2.0**700
    assert product == struct.unpack("<d", int(found.state[0]["vsr"][3][1]).to_bytes(8, "little"))[0]
    assert hex(ONE) == hex(int(found.state[0]["vsr"][4][1]))
