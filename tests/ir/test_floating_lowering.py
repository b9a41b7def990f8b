"""The lowered floating-point ops compute what `evaluate` says: on integers, with host arithmetic, and compiled."""

import ctypes
import functools
import random

import llvmlite.binding as llvm
import pytest
from floating_operands import VARIANTS, a_number, an_fpscr, operands_of
from hypothesis import given, settings
from hypothesis import strategies as st

from jitppc.backend.lower.emitter import LOWER, Emitter
from jitppc.backend.lower.floating_functions import FAST, SOFT, slow_module
from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.ops import OPS
from jitppc.ir.ops.row import Op
from jitppc.ir.types import I32, I64, I128

PARAMETER = Op("parameter", (), "attr", "An operand.")
MASK = 2**64 - 1
CONVERSIONS = ("double_of_single", "single_of_double", "double_of_half")


def shown(packed):
    return f"{packed >> 64:x}:{packed & MASK:016x}"


@pytest.mark.parametrize(("name", "attr"), VARIANTS)
def test_integer_and_host_forms_agree_with_evaluate(name, attr):
    source = random.Random(f"{name}{attr}")
    for _ in range(60):
        operands = operands_of(name, source)
        expected = OPS[name].evaluate(I64, attr, *operands)
        b = OpsMixin()
        values = [b.const(x) for x in operands]
        assert shown(SOFT[name](attr, b, *values).constant) == shown(expected), operands
        if name in FAST:
            ok, result = FAST[name](attr, b, *values)
            if ok.constant:
                assert shown(result.constant) == shown(expected), operands


@functools.cache
def compiled():
    """One native function `void f(const i64 *operands, i128 *result)` for each variant."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    needs, text = {}, []
    for number, (name, attr) in enumerate([*VARIANTS, *((c, None) for c in CONVERSIONS)]):
        e, row = Emitter(), OPS[name]
        parameters = [Value(PARAMETER, kind, (), kind.bits, False) for kind in row.args]
        for index, parameter in enumerate(parameters):
            pointer = e.tmp(f"getelementptr i64, ptr %in, i64 {index}")
            e.names[parameter] = e.tmp(f"load {parameter.type}, ptr {pointer}")
        result = LOWER[name](e, Value(row, row.result, tuple(parameters), attr, False))
        if row.result != I128:
            result = e.tmp(f"zext {row.result} {result} to i128")
        e.line(f"store i128 {result}, ptr %out, align 8")
        needs |= e.declarations
        text.append(f"define void @f{number}(ptr %in, ptr %out) {{\n" + "\n".join(e.lines) + "\n ret void\n}")
    module = llvm.parse_assembly("\n".join([*needs.values(), *text]))
    module.link_in(llvm.parse_assembly(slow_module(needs)))
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    builder.getModulePassManager().run(module, builder)
    return llvm.create_mcjit_compiler(module, machine)


def call(number, operands):
    """The result of a native function."""
    address = compiled().get_function_address(f"f{number}")
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(address)
    given_, result = (ctypes.c_uint64 * len(operands))(*operands), (ctypes.c_uint64 * 2)()
    function(given_, result)
    return result[1] << 64 | result[0]


@pytest.mark.parametrize("number", range(len(VARIANTS)), ids=lambda n: "{}-{}".format(*VARIANTS[n]))
def test_compiled_form_agrees_with_evaluate(number):
    name, attr = VARIANTS[number]
    source = random.Random(number)
    for _ in range(400):
        operands = operands_of(name, source)
        expected = OPS[name].evaluate(I64, attr, *operands)
        assert shown(call(number, operands)) == shown(expected), [hex(x) for x in operands]


@given(st.sampled_from(range(len(VARIANTS))), st.lists(st.integers(0, MASK), min_size=4, max_size=4))
@settings(max_examples=500)
def test_compiled_form_agrees_on_any_bits(number, words):
    name, attr = VARIANTS[number]
    operands = [*words[:len(OPS[name].args) - 1], words[3] & 0xFF]
    assert shown(call(number, operands)) == shown(OPS[name].evaluate(I64, attr, *operands))


@pytest.mark.parametrize("name", CONVERSIONS)
def test_conversions_of_formats_agree_with_evaluate(name):
    source = random.Random(name)
    row, number = OPS[name], len(VARIANTS) + CONVERSIONS.index(name)
    for _ in range(2000):
        x = a_number(source)
        x = source.choice((x, x >> 32, x >> 48)) & row.args[0].mask
        assert row.evaluate(row.args[0], None, x) == call(number, [x]) & row.result.mask, hex(x)


def test_single_of_double_undoes_double_of_single():
    source = random.Random(5)
    for _ in range(500):
        x = source.getrandbits(32)
        y = OPS["double_of_single"].evaluate(I32, None, x)
        assert x == OPS["single_of_double"].evaluate(I64, None, y)


def test_fpscr_operands_are_consistent():
    source = random.Random(6)
    assert all(an_fpscr(source) < 2**32 for _ in range(100))
