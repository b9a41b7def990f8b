"""One instruction through the evaluator: a word made from fields, a state, a small memory."""

from dataclasses import dataclass, field

import numpy as np
from vectors import new_state, registers, set_registers
from window import Window

from jitppc.frontend.translate import translate_word
from jitppc.fuzz.references.words import word_of
from jitppc.ir.builder import LE64, Mode
from jitppc.ir.interp import Evaluator, Outcome

CIA = 0x10000
WINDOW = 0x20000
WINDOW_BYTES = 4096


def window(data: bytes = b"") -> Window:
    """Memory at WINDOW: the bytes, and zeros."""
    return Window(WINDOW, data.ljust(WINDOW_BYTES, b"\0"))


@dataclass
class Machine:
    """A state and a memory; `run` changes both."""

    mode: Mode = LE64
    memory: Window = field(default_factory=window)
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
