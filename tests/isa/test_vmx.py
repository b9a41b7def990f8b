"""Vector instructions against QEMU user mode, on operands at the edges of what they distinguish."""

from __future__ import annotations

import functools
import random

import numpy as np
import pytest
from vmx_operands import vector_cases

from jitppc.frontend.decode import rows
from jitppc.frontend.levels import in_model
from jitppc.fuzz import differences
from jitppc.fuzz.cases import Batch
from jitppc.fuzz.references import open_reference

MODEL = "power9"
CASES_PER_ROW = 16
VECTOR_ROWS = [
    key for key, row in rows().items()
    if row.body.__module__.split(".")[-1][:4] == "vmx_" and in_model(row, MODEL)
]  # fmt: skip


@pytest.fixture(scope="module")
def qemu(require_tool):
    require_tool("powerpc64le-linux-gnu-gcc")
    require_tool("qemu-ppc64le")
    running = open_reference("qemu-user", MODEL)
    yield running
    running.close()


@functools.cache
def tier():
    return open_reference("interp", MODEL)


@pytest.mark.parametrize("first", range(0, len(VECTOR_ROWS), 40))
def test_vector_rows_agree_with_qemu(first, qemu):
    keys = VECTOR_ROWS[first : first + 40]
    parts = [vector_cases(rows()[k], random.Random(f"vectors {k}"), CASES_PER_ROW) for k in keys]
    batch = Batch(np.concatenate(parts), MODEL)
    theirs, ours = qemu.run(batch), tier().run(batch)
    undefined = qemu.undefined(batch, theirs)
    bad = np.flatnonzero(differences.differing(batch, ours, theirs, undefined, qemu))
    assert [] == [
        (keys[n // CASES_PER_ROW], differences.parts(batch, ours, theirs, int(n), qemu.fields))
        for n in bad
    ]
