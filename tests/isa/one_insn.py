"""One instruction through the evaluator: a word made from fields, a state, a small memory."""

from dataclasses import dataclass, field

import numpy as np
from vectors import new_state, registers, set_registers

from jitppc.frontend.decode import rows
from jitppc.frontend.forms import COMBINED
from jitppc.frontend.translate import translate_word
from jitppc.ir.builder import LE64, Mode
from jitppc.ir.interp import Evaluator, Outcome, StorageInterrupt

CIA = 0x10000
WINDOW = 0x20000
WINDOW_BYTES = 4096


def word_of(key: str, **fields: int) -> int:
    """The word of a row with these raw fields; split fields by their whole name."""
    picture = rows()[key].picture
    word = picture.value
    for name, whole in fields.items():
        value = whole
        for piece in reversed(COMBINED[name] if name not in picture.fields else (name,)):
            shift, width = picture.fields[piece]
            word |= (value & (1 << width) - 1) << shift
            value >>= width
    return word


class Window:
    """Memory at WINDOW; anything else raises."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data.ljust(WINDOW_BYTES, b"\0"))

    def _at(self, ea: int, size: int) -> int:
        if not WINDOW <= ea <= WINDOW + WINDOW_BYTES - size:
            raise StorageInterrupt
        return ea - WINDOW

    def load(self, ea: int, size_bytes: int) -> bytes:
        at = self._at(ea, size_bytes)
        return bytes(self.data[at : at + size_bytes])

    def store(self, ea: int, data: bytes) -> None:
        at = self._at(ea, len(data))
        self.data[at : at + len(data)] = data


@dataclass
class Machine:
    """A state and a memory; `run` changes both."""

    mode: Mode = LE64
    memory: Window = field(default_factory=Window)
    state: np.ndarray = field(default_factory=new_state)

    def run(self, key: str, before: dict[str, int] | None = None, **fields: int) -> Outcome:
        """Set registers, then run one instruction at CIA."""
        set_registers(self.state, before or {})
        block = translate_word(word_of(key, **fields), self.mode)
        return Evaluator(self.state, self.memory).run(block, CIA)

    def narrow(self) -> None:
        """Switch to 32-bit mode."""
        self.state["sixty_four"], self.state["ea_mask"] = 0, 0xFFFFFFFF

    def big(self) -> None:
        """Switch to big-endian mode."""
        self.state["little"] = 0

    def __getitem__(self, name: str) -> int:
        return registers(self.state)[name]
