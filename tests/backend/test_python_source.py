"""The compiler of Python's integer functions: what it makes does what Python does."""

import ctypes
import importlib.util
import sys

import llvmlite.binding as llvm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitppc.backend.lower.python_source import functions_text, symbol_of

I64 = st.integers(-(2**63), 2**63 - 1)
SMALL = st.integers(-(2**31), 2**31)

SOURCE = '''
Work = list[int]
TEN, PAIR = 10, 2


def divided(x: int, y: int) -> int:
    return x // y * 1000 + x % y


def pair(x: int, y: int) -> tuple[int, int]:
    if x < y:
        return x, y
    return y, x


def logic(x: int, y: int) -> int:
    low, high = pair(x, y)
    low, high = high, low
    a = x and y
    b = x or (y if not x > 3 else 7)
    c = 1 if x in (1, y, TEN) or -5 <= x < y <= 9 else 0
    return a ^ b << 1 ^ c << 2 ^ min(low, high, ) ^ max(x, y) ^ ~x ^ -y


def bits(x: int, n: int) -> int:
    return x >> n ^ x << PAIR ^ x & 255 | n


def loops(w: Work, n: int) -> int:
    w[0] = w[1] = n
    for i in range(n):
        w[2 + i] = i * i
        if i == 5:
            for j in range(i, 1, -2):
                w[0] += w[j]
    for i in range(1, n):
        w[1] ^= w[1 + i] - i
    total = 0
    while n > 0:
        n -= 1
        if n % 3 == 0:
            touch(w, n)
        total += w[2 + n]
    return total


def touch(w: Work, n: int) -> None:
    """Nothing is returned."""
    if n == 9:
        return
    w[2 + n] = -w[2 + n]
'''


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """The module of SOURCE, and its functions compiled: name -> callable of ints."""
    path = tmp_path_factory.mktemp("source") / "compiled_here.py"
    path.write_text(SOURCE)
    module = load(path)
    roots = [getattr(module, n) for n in ("divided", "logic", "bits", "loops")]
    text = functions_text(*roots).replace("define internal", "define")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    parsed = llvm.parse_assembly(text)
    parsed.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()

    def native(name: str, first=ctypes.c_int64):
        address = engine.get_function_address(symbol_of(getattr(module, name)))
        return ctypes.CFUNCTYPE(ctypes.c_int64, first, ctypes.c_int64)(address)

    return module, native


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def wrapped(x: int) -> int:
    return (x + (1 << 63)) % (1 << 64) - (1 << 63)


@given(x=SMALL, y=SMALL)
def test_division_rounds_down_as_pythons(functions, x, y):
    module, native = functions
    if y:
        assert module.divided(x, y) == native("divided")(x, y)


@given(x=st.one_of(SMALL, st.integers(-12, 12)), y=st.one_of(SMALL, st.integers(-12, 12)))
def test_conditions_and_choices_are_pythons(functions, x, y):
    module, native = functions
    assert wrapped(module.logic(x, y)) == native("logic")(x, y)


@given(x=I64, n=st.integers(0, 63))
def test_shifts_are_those_of_signed_numbers(functions, x, n):
    module, native = functions
    assert wrapped(module.bits(x, n)) == native("bits")(x, n)


@given(n=st.integers(0, 30))
def test_loops_and_the_workspace_are_pythons(functions, n):
    module, native = functions
    work, array = [0] * 40, (ctypes.c_int64 * 40)()
    expected = module.loops(work, n)
    assert expected == native("loops", ctypes.POINTER(ctypes.c_int64))(array, n)
    assert work == list(array)


REFUSED = {
    "a float": "return 1.5", "a string": "return 'x'", "a keyword": "return f(x=x)",
    "a name from nowhere": "return nowhere", "division": "return x / 2", "a power": "return x**2",
    "an attribute": "return x.bit_length()", "break": "while x:\n        break",
    "a list": "y = [x]\n    return y", "try": "try:\n        return x\n    finally:\n        pass",
}  # fmt: skip


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_is_not_understood_is_refused_with_its_place(body, tmp_path):
    path = tmp_path / "refused_here.py"
    path.write_text(f"def f(x: int) -> int:\n    {body}\n")
    with pytest.raises(ValueError, match=r"refused_here\.py:\d+: cannot be compiled: "):
        functions_text(load(path).f)


def test_decimal_arithmetic_is_understood_and_legal():
    from jitppc.ir.decimal import operate

    llvm.parse_assembly(functions_text(operate)).verify()
