"""Vector ops: lowered code agrees with `evaluate`, with the host's vector unit and without."""

import ctypes

import llvmlite.binding as llvm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitppc.backend.lower import LOWER, Emitter, vector_host
from jitppc.ir.block import Value
from jitppc.ir.ops import OPS
from jitppc.ir.ops.vector import ROWS, join, split
from jitppc.ir.types import I1, I64, I128

SHUFFLES = (
    tuple(range(16)),
    tuple(range(1, 32, 2)),
    (0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
    (31, 30, 5, 5, 5, 17, 0, 16, 15, 8, 9, 10, 11, 28, 29, 30),
)
ATTRIBUTES = {
    "lane": (8, 16, 32, 64),
    "bytes": SHUFFLES,
    "signed": (False, True),
    "negated": (False, True),
    "relation": ("eq", "ge", "gt"),
    "rounding": ("nearest", "zero", "up", "down"),
    "kind": ("cipher", "cipherlast", "ncipher", "ncipherlast"),
    "function": ("reciprocal", "reciprocal root", "exp2", "log2"),
    None: (None,),
}
CASES = [(row.name, attr) for row in ROWS for attr in ATTRIBUTES[row.attr]]
HOST_CASES = [
    case for case in CASES if case[0] in ("vperm", "aes_round", "aes_sub_bytes", "vpmsum")
]


def function_text(name, attr, symbol, needs):
    """A function that reads operands from 16-byte slots and stores its result."""
    row, e, args = OPS[name], Emitter(), []
    for number, kind in enumerate(row.args):
        value = Value(OPS["field"], kind, (), None, False)
        pointer = e.tmp(f"getelementptr i8, ptr %operands, i64 {16 * number}")
        loaded = e.tmp(f"load {'i8' if kind == I1 else kind}, ptr {pointer}, align 1")
        e.names[value] = e.tmp(f"trunc i8 {loaded} to i1") if kind == I1 else loaded
        args.append(value)
    value = Value(row, row.result, tuple(args), attr, False)
    result = LOWER[name](e, value)
    kind = row.result
    if kind == I1:
        result, kind = e.tmp(f"zext i1 {result} to i8"), "i8"
    e.line(f"store {kind} {result}, ptr %result, align 1")
    needs.update(e.declarations)
    return (
        f"define void @{symbol}(ptr %result, ptr %operands) {{\n"
        + "\n".join(e.lines)
        + "\n ret void\n}\n"
    )


class Compiled:
    """All cases as native functions."""

    def __init__(self, cases):
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        needs, texts = {}, []
        for number, (name, attr) in enumerate(cases):
            texts.append(function_text(name, attr, f"f{number}", needs))
        module = llvm.parse_assembly("\n".join([*needs.values(), *texts]))
        module.verify()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=1,
            jit=True,
        )
        self.engine = llvm.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        self.functions = {}
        for number, case in enumerate(cases):
            address = self.engine.get_function_address(f"f{number}")
            self.functions[case] = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p)(address)

    def __call__(self, case, operands):
        result = ctypes.create_string_buffer(16)
        self.functions[case](result, b"".join(x.to_bytes(16, "little") for x in operands))
        return int.from_bytes(result.raw, "little")


@pytest.fixture(scope="module")
def native():
    return Compiled(CASES)


@pytest.fixture(scope="module")
def portable():
    """The cases whose lowering asks for host features, without any."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector_host, "features", frozenset)
        yield Compiled(HOST_CASES)


def vectors_of(lane, *elements):
    """Vectors whose elements are often special."""
    element = st.one_of(st.sampled_from(elements), st.integers(0, (1 << lane) - 1))
    return st.lists(element, min_size=128 // lane, max_size=128 // lane).map(
        lambda xs: join(xs, lane)
    )


SINGLES = (
    0,
    0x80000000,
    0x3F800000,
    0xBF800000,
    0x7F800000,
    0xFF800000,
    0x7FC12345,
    0xFF800001,
    0x7F812345,
    1,
    0x80000001,
    0x7FFFFF,
    0x800000,
    0x800001,
    0x7F7FFFFF,
    0x4F000000,
    0xCF000000,
    0x4F800000,
    0x3EFFFFFF,
    0x4B000001,
    0x4AFFFFFF,
    0xBF000000,
    0x3FC00000,
    0x40200000,
    0x33800000,
    0x73000000,
    0x0C000000,
    0xC3150000,
)
I128S = st.one_of(
    st.integers(0, (1 << 128) - 1),
    vectors_of(32, *SINGLES),
    *(
        vectors_of(lane, 0, 1, (1 << lane) - 1, 1 << lane - 1, (1 << lane - 1) - 1, lane, lane - 1)
        for lane in (8, 16, 32, 64)
    ),
)
OPERANDS = {
    I128: I128S,
    I64: st.one_of(st.integers(0, 40), st.integers(0, (1 << 64) - 1)),
    I1: st.integers(0, 1),
}


def check(case, native):
    name, attr = case
    row = OPS[name]

    @settings(max_examples=40)
    @given(st.tuples(*(OPERANDS[kind] for kind in row.args)))
    def agrees(operands):
        assert row.evaluate(I128, attr, *operands) == native(case, operands)

    agrees()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lowered_code_agrees_with_evaluate(native, case):
    check(case, native)


@pytest.mark.parametrize("case", HOST_CASES, ids=str)
def test_portable_code_agrees_with_evaluate(portable, case):
    check(case, portable)


@given(I128S, st.sampled_from((8, 16, 32, 64)))
def test_join_undoes_split(x, lane):
    assert x == join(split(x, lane), lane)


@pytest.mark.parametrize("negated", [False, True])
def test_a_product_that_rounds_up_to_the_smallest_normal_is_flushed(native, negated):
    just_below_one, smallest_normal = 0x3F7FFFFF, 0x00800000
    x, y = join([just_below_one] * 4, 32), join([smallest_normal] * 4, 32)
    sign = 0x80000000 if negated else 0
    for flushes, expected in ((0, smallest_normal), (1, 0)):
        operands = (x, 0, y, flushes)
        result = OPS["vfmadd"].evaluate(I128, negated, *operands)
        assert join([expected | sign] * 4, 32) == result
        assert result == native(("vfmadd", negated), operands)
