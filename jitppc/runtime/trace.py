"""The last instructions of a vCPU that is stepped, as text."""

from __future__ import annotations

from collections import deque

from jitppc.frontend.disasm import disassemble
from jitppc.ir.layout import PAGE_INFO_OFFSET

from .exits import Exit
from .memory import GuestMemory
from .page_names import info_at
from .region_pages import leads_to
from .vcpu import Vcpu

KEPT = 64


class Tracer:
    """Steps a vCPU of the exact strategy and remembers what it executed."""

    def __init__(self, vcpu: Vcpu, memory: GuestMemory) -> None:
        self._vcpu, self._memory = vcpu, memory
        self._last: deque[str] = deque(maxlen=KEPT)

    def step(self) -> Exit:
        """One instruction (or the interrupt that came before it, and one)."""
        vcpu = self._vcpu
        nia, table, little = vcpu.nia, int(vcpu.state["itlb"]), bool(vcpu.state["little"])
        exit_ = vcpu.run_for(1)
        word = self._word(table, nia, little)
        text = "(not in the code TLB)" if word is None else f"{word:08x}  {disassemble(word, nia)}"
        self._last.append(f"{nia:016x}  {text}")
        return exit_

    def lines(self, count: int) -> list[str]:
        """The last `count` instructions and some before them."""
        found = list(self._last)
        return ["  " + line for line in found[:-count][-8:]] + ["> " + x for x in found[-count:]]

    def _word(self, table: int, nia: int, little: bool) -> int | None:
        """The word that was fetched at an address through a code TLB."""
        cells = leads_to(table, nia & ~4095)
        if not cells:
            return None
        info = info_at(cells + PAGE_INFO_OFFSET)
        raw = self._memory.read(int(info["gra"]) + (nia & 4092), 4)
        return int.from_bytes(raw, "little" if little else "big")
