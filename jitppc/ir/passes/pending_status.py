"""In code that can leave, the status of floating-point operations becomes a pending record.

An f_ op whose status goes nowhere but into the FPSCR becomes an o_ op and a few writes of registers
that nobody reads: what is kept about the last operation. Nothing is left on the way from one
operation to the next but a check that the case is ordinary. See ir/ops/floating_ordinary.py.

Not for tier 0, whose slow path is what such code leaves to.
"""

from __future__ import annotations

from collections import defaultdict

from jitppc.ir.block import Block, Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import FPSCR, NO_RESULT, Pending
from jitppc.ir.ops import OPS
from jitppc.ir.ops.floating_ordinary import NAMES
from jitppc.ir.types import I1, I64

from .rebuild import with_starts

GET, SET = OPS["get"], OPS["set"]
#: bits that an ordinary operation leaves 0 in the FPSCR that it returns
KNOWN_ZERO = FPSCR.FEX | NO_RESULT
#: in ordinary cases, the FPSCR that they are given
UNCHANGED = frozenset(("fv_binary_status", "fv_fma_status", "fv_sqrt_status"))
#: ops that take the FPSCR as last operand, and need no more of it than controls and sticky bits
CONTROLLED = frozenset(("fv_binary", "fv_fma", "fv_sqrt"))
MINUS_ZERO = 1 << 63


def keep_status_pending(block: Block) -> Block:
    """The block with records instead of status; the same block when there is nothing to do."""
    if not any(_reads(v) or _writes(v) for v in block.values):
        return block
    return _Rewriter(block).run()


def _reads(value: Value) -> bool:
    return value.op is GET and value.attr == "fpscr"


def _writes(value: Value) -> bool:
    return value.op is SET and value.attr == "fpscr"


def _is_masked(value: Value) -> bool:
    """An FPSCR without the bit that is none of it."""
    if value.op.name != "and":
        return False
    mask = value.args[1].constant
    return mask is not None and mask | NO_RESULT == I64.mask


def _source(word: Value) -> Value:
    """The FPSCR that a word was made from."""
    return word.args[-1] if word.op.name in UNCHANGED else word.args[0]


class _Rewriter:
    """One block; `words` are the values that are an FPSCR nobody needs to know."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.users: dict[Value, list[Value]] = defaultdict(list)
        for value in block.values:
            for arg in set(value.args):
                self.users[arg].append(value)
        self.words: set[Value] = set()
        self.lazy: set[Value] = set()
        for value in reversed(block.values):
            self._judge(value)

    # --- which
    def _judge(self, value: Value) -> None:
        name = value.op.name
        if name in NAMES and value.attr != 16:      # rounding to half precision has no short form
            halves = self.users[value]
            if all(h.op.name == "lo" or (h.op.name == "hi" and h in self.words) for h in halves):
                self.lazy.add(value)
        elif (
            (name == "hi" or name in UNCHANGED or _is_masked(value) or _reads(value))
            # what is no FPSCR at all does no harm here: see `run`
            and all(self._is_idle(value, user) for user in self.users[value])
        ):
            self.words.add(value)

    def _is_idle(self, word: Value, user: Value) -> bool:
        """The user does not need to know the word's FR, FI and FPRF."""
        name = user.op.name
        if _writes(user) or (name == "slt" and user.args[1].constant == 0):
            return True
        if name == "and":
            mask = user.args[1].constant
            return user in self.words or (mask is not None and mask & ~KNOWN_ZERO == 0)
        if user.args[-1] is not word or word in user.args[:-1]:
            return False
        return user in self.lazy or user in self.words or name in CONTROLLED

    # --- how
    def run(self) -> Block:
        """The new block."""
        b = OpsMixin()
        values = b.block.values
        at: list[int] = []
        replaced: dict[Value, Value] = {}
        #: word -> the op whose record it stands for, or None when it is what the register holds
        meant: dict[Value, Value | None] = {}
        for old in self.block.values:
            at.append(len(values))
            args = tuple([replaced.get(a, a) for a in old.args])
            if _reads(old):
                if old not in self.words:
                    b.leave_if(b.ne(b.emit("get", attr="fp_kind"), 0))
                values.append(old)
                meant[old] = None
            elif old in self.lazy:
                replaced[old] = b.emit("o" + old.op.name[1:], *args, attr=old.attr)
            elif old.op.name == "lo" and old.args[0] in self.lazy:
                replaced[old] = args[0]
            elif old.op.name == "hi" and old.args[0] in self.lazy:
                meant[old] = old.args[0]
                replaced[old] = _controls(old.args[0].args[-1], replaced)
            elif old in self.words and (word := _source(old)) in meant:
                meant[old], replaced[old] = meant[word], args[old.args.index(word)]
            elif old.op.name in ("slt", "and") and old.args[0] in meant and _is_known(old):
                replaced[old] = b.const(0, I1 if old.op.name == "slt" else I64)
            elif _writes(old) and old.args[0] in meant:
                source = meant[old.args[0]]
                if source is not None:
                    _record(b, source, [replaced.get(a, a) for a in source.args], replaced[source])
            elif _writes(old):
                values.append(Value(old.op, old.type, args, old.attr, old.is_static))
                b.emit("set", b.const(0), attr="fp_kind")
            else:
                new = old
                if args != old.args:
                    new = Value(old.op, old.type, args, old.attr, old.is_static)
                    replaced[old] = new
                values.append(new)
        return with_starts(values, self.block, at)


def _is_known(value: Value) -> bool:
    return value.op.name == "slt" or (value.args[1].constant or 0) & ~KNOWN_ZERO == 0


def _controls(word: Value, replaced: dict[Value, Value]) -> Value:
    return replaced.get(word, word)


def _record(b: OpsMixin, source: Value, operands: list[Value], result: Value) -> None:
    """Write what is kept about the operation `source`."""
    name, attr, numbers = source.op.name, source.attr, operands[:-1]

    def put(register: str, value: Value | int) -> None:
        b.emit("set", b.const(value) if isinstance(value, int) else value, attr=register)

    def held(mask: int, new: Value | int) -> Value:
        return b.or_(b.and_(b.emit("get", attr="fp_kind"), mask), new)

    if name == "f_extremum":
        return
    if name == "f_compare":
        code = b.or_(b.shl(result, Pending.CODE_SHIFT), Pending.CODE)
        put("fp_kind", held(Pending.OPERATION | Pending.CLASS, code))
        return
    if name == "f_to_int":
        kept = Pending.CLASS | Pending.CODE | Pending.CODE_MASK
        put("fp_kind", held(kept, Pending.INTEGER))
        numbers = [numbers[0], result]
    elif name == "f_from_int" or (name == "f_to_integral" and attr != "current"):
        put("fp_kind", Pending.EXACT | Pending.CLASS)
        numbers = []
    elif name == "f_to_integral":
        put("fp_kind", Pending.WHOLE | Pending.CLASS)
        numbers = [numbers[0], result]
    else:
        if name == "f_fma":
            attr = attr[0].removeprefix("n"), attr[1]
        elif name == "f_narrow":
            name, numbers = "f_add", [numbers[0], b.const(MINUS_ZERO)]
        put("fp_kind", Pending.NUMBER[name, attr] | Pending.CLASS)
    for register, number in zip(("fp_x", "fp_y", "fp_z"), numbers, strict=False):
        put(register, number)
    if name != "f_to_int":
        put("fp_class", result)
