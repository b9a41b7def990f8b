"""The lowered floating-point ops compute what `evaluate` says: on integers, on the host, compiled.
"""

import ctypes
import functools
import random

import llvmlite.binding as llvm
import pytest
from floating_operands import (
    QUAD_VARIANTS,
    VARIANTS,
    VECTOR_VARIANTS,
    a_number,
    operands_of,
    quad_operands_of,
    vector_operands_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from jitppc.backend.lower import floating_quad
from jitppc.backend.lower.effects import METADATA, EffectEmitter
from jitppc.backend.lower.emitter import LOWER, Emitter
from jitppc.backend.lower.floating_fast import complete
from jitppc.backend.lower.floating_functions import FAST, SOFT, parameters_of
from jitppc.backend.lower.floating_slow import slow_module
from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import NO_RESULT
from jitppc.ir.ops import OPS
from jitppc.ir.types import I32, I64, I128

MASK = 2**64 - 1
CONVERSIONS = ("double_of_single", "single_of_double", "double_of_half")
ENTRIES = [
    *VARIANTS,
    *((c, None) for c in CONVERSIONS),
    *((n + end, a) for n, a in (*QUAD_VARIANTS, *VECTOR_VARIANTS) for end in ("", "_status")),
]


def shown(packed):
    return f"{packed >> 64:x}:{packed & MASK:016x}"


def constants(b, name, operands):
    return [b.const(x, type_) for x, type_ in zip(operands, OPS[name].args, strict=True)]


@pytest.mark.parametrize(("name", "attr"), VARIANTS)
def test_integer_and_host_forms_agree_with_evaluate(name, attr):
    source = random.Random(f"{name}{attr}")
    for _ in range(60):
        operands = operands_of(name, source)
        expected = OPS[name].evaluate(I64, attr, *operands)
        b = OpsMixin()
        values = constants(b, name, operands)
        assert shown(expected) == shown(SOFT[name](attr, b, *values).constant), operands
        form = FAST[name](attr, b, *values[:-1]) if name in FAST else None
        if form is not None:
            conditions, packed = complete(b, values[-1], form)
            if not any(condition.constant for condition in conditions):
                assert shown(expected) == shown(packed.constant), operands


@pytest.mark.parametrize(("name", "attr"), QUAD_VARIANTS)
def test_integer_forms_of_quads_agree_with_evaluate(name, attr):
    source = random.Random(f"{name}{attr}")
    for _ in range(60):
        operands = quad_operands_of(name, source)
        b = OpsMixin()
        number, status = floating_quad.computed(name, attr, b, *constants(b, name, operands))
        expected = OPS[name + "_status"].evaluate(I64, attr, *operands)
        assert hex(expected) == hex(status.constant), operands
        if not expected & NO_RESULT:
            expected = OPS[name].evaluate(I64, attr, *operands)
            assert hex(expected) == hex(number.constant), operands


class LeavingEmitter(EffectEmitter):
    """An emitter for code that can leave: the function then returns 1."""

    def leave_if(self, condition):
        stay, go = self.fresh("stay"), self.fresh("go")
        self.line(f"br i1 {condition}, label %{go}, label %{stay}")
        self.line(f"{go}:")
        self.line("ret i64 1")
        self.line(f"{stay}:")


def function_of(symbol, e, name, attr):
    """Text of `i64 symbol(const i128 *operands, i128 *result)`, and what it needs."""
    row = OPS[name]
    parameters = parameters_of(name)
    for index, parameter in enumerate(parameters):
        pointer = e.tmp(f"getelementptr i128, ptr %in, i64 {index}")
        e.names[parameter] = e.tmp(f"load {parameter.type}, ptr {pointer}, align 8")
    result = LOWER[name](e, Value(row, row.result, tuple(parameters), attr, False))
    if row.result != I128:
        result = e.tmp(f"zext {row.result} {result} to i128")
    e.line(f"store i128 {result}, ptr %out, align 8")
    e.line("ret i64 0")
    return e.definition(f"i64 @{symbol}(ptr %in, ptr %out)"), e.declarations


@functools.cache
def compiled():
    """A native function for each entry."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    needs, text = {}, []
    for number, (name, attr) in enumerate(ENTRIES):
        for kind, e in (("all", Emitter()), ("ordinary", LeavingEmitter())):
            definition, declarations = function_of(f"{kind}{number}", e, name, attr)
            needs |= declarations
            text.append(definition)
    module = llvm.parse_assembly("\n".join([*needs.values(), *text, METADATA]))
    module.link_in(llvm.parse_assembly(slow_module(needs)))
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1
    )
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    builder.getModulePassManager().run(module, builder)
    return llvm.create_mcjit_compiler(module, machine)


def call(name, attr, operands, kind="all"):
    """The result of a native function; None when it left."""
    address = compiled().get_function_address(f"{kind}{ENTRIES.index((name, attr))}")
    function = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)(address)
    words = [word for x in operands for word in (x & MASK, x >> 64)]
    given_, result = (ctypes.c_uint64 * len(words))(*words), (ctypes.c_uint64 * 2)()
    return None if function(given_, result) else result[1] << 64 | result[0]


@pytest.mark.parametrize(("name", "attr"), VARIANTS)
def test_compiled_form_agrees_with_evaluate(name, attr):
    source = random.Random(f"compiled {name} {attr}")
    for _ in range(400):
        operands = operands_of(name, source)
        expected = OPS[name].evaluate(I64, attr, *operands)
        assert shown(expected) == shown(call(name, attr, operands)), [hex(x) for x in operands]


@pytest.mark.parametrize(("name", "attr"), VARIANTS)
def test_ordinary_form_agrees_with_evaluate_or_leaves(name, attr):
    source, ordinary = random.Random(f"ordinary {name} {attr}"), 0
    for _ in range(400):
        operands = operands_of(name, source)
        found = call(name, attr, operands, "ordinary")
        if found is not None:
            ordinary += 1
            expected = OPS[name].evaluate(I64, attr, *operands)
            assert shown(expected) == shown(found), [hex(x) for x in operands]
    assert ordinary


@pytest.mark.parametrize(("name", "attr"), QUAD_VARIANTS)
def test_compiled_quads_agree_with_evaluate(name, attr):
    source = random.Random(f"compiled {name} {attr}")
    for _ in range(150):
        operands = quad_operands_of(name, source)
        status = OPS[name + "_status"].evaluate(I64, attr, *operands)
        shown_operands = [hex(x) for x in operands]
        assert hex(status) == hex(call(name + "_status", attr, operands)), shown_operands
        if not status & NO_RESULT:
            expected = OPS[name].evaluate(I64, attr, *operands)
            assert hex(expected) == hex(call(name, attr, operands)), shown_operands


@pytest.mark.parametrize(("name", "attr"), VECTOR_VARIANTS)
def test_compiled_vectors_agree_with_evaluate(name, attr):
    source, ordinary = random.Random(f"compiled {name} {attr}"), 0
    for _ in range(300):
        operands = vector_operands_of(name, attr, source)
        status = OPS[name + "_status"].evaluate(I64, attr, *operands)
        expected = OPS[name].evaluate(I64, attr, *operands)
        shown_operands = [hex(x) for x in operands]
        assert hex(status) == hex(call(name + "_status", attr, operands)), shown_operands
        if not status & NO_RESULT:
            assert hex(expected) == hex(call(name, attr, operands)), shown_operands
        in_line = call(name, attr, operands, "ordinary")
        if in_line is not None:
            ordinary += 1
            assert hex(expected) == hex(in_line), shown_operands
            assert hex(status) == hex(call(name + "_status", attr, operands, "ordinary"))
    assert ordinary


@given(st.sampled_from(VARIANTS), st.lists(st.integers(0, MASK), min_size=4, max_size=4))
@settings(max_examples=500)
def test_compiled_form_agrees_on_any_bits(variant, words):
    name, attr = variant
    operands = [*words[: len(OPS[name].args) - 1], words[3] & 0xFF]
    expected = OPS[name].evaluate(I64, attr, *operands)
    assert shown(expected) == shown(call(name, attr, operands))
    found = call(name, attr, operands, "ordinary")
    assert found is None or shown(expected) == shown(found)


@pytest.mark.parametrize("name", CONVERSIONS)
def test_conversions_of_formats_agree_with_evaluate(name):
    source, row = random.Random(name), OPS[name]
    for _ in range(2000):
        x = a_number(source)
        x = source.choice((x, x >> 32, x >> 48)) & row.args[0].mask
        assert row.evaluate(row.args[0], None, x) == call(name, None, [x]), hex(x)


def test_single_of_double_undoes_double_of_single():
    source = random.Random(5)
    for _ in range(500):
        x = source.getrandbits(32)
        y = OPS["double_of_single"].evaluate(I32, None, x)
        assert x == OPS["single_of_double"].evaluate(I64, None, y)
