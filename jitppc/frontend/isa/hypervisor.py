"""Instructions that belong to the hypervisor: in a partition they are privileged in every state.

So a guest gets a privileged-instruction interrupt for each, unless its processor has no such instruction.
Ref: Book III 1.4, 7.5.9.
"""

from __future__ import annotations

from collections.abc import Iterable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.builder import Builder

#: mnemonic, form, picture, operands, level that brought it, last level that has it, section of the book
Members = Iterable[tuple[str, str, str, str, str, str | None, str]]

_MEMBERS: Members = (
    ("hrfid", "XL", "010011 ///// ///// ///// 0100010010 /", "", "2.01", None, "Book III 4.3.2"),
    ("urfid", "XL", "010011 ///// ///// ///// 0100110010 /", "", "3.0", None, "Book III 4.3.2"),
    ("stop", "XL", "010011 ///// ///// ///// 0101110010 /", "", "3.0", None, "Book III 4.3.3"),
    ("doze", "XL", "010011 ///// ///// ///// 0110010010 /", "", "2.05", "2.07", "Book III 3.3.2 of ISA 2.07"),
    ("nap", "XL", "010011 ///// ///// ///// 0110110010 /", "", "2.05", "2.07", "Book III 3.3.2 of ISA 2.07"),
    ("sleep", "XL", "010011 ///// ///// ///// 0111010010 /", "", "2.05", "2.07", "Book III 3.3.2 of ISA 2.07"),
    ("rvwinkle", "XL", "010011 ///// ///// ///// 0111110010 /", "", "2.05", "2.07", "Book III 3.3.2 of ISA 2.07"),
    ("lwzcix", "X", "011111 RT RA RB 1100010101 /", "RT,RA,RB", "2.05", None, "Book III 5.4.1"),
    ("lhzcix", "X", "011111 RT RA RB 1100110101 /", "RT,RA,RB", "2.05", None, "Book III 5.4.1"),
    ("lbzcix", "X", "011111 RT RA RB 1101010101 /", "RT,RA,RB", "2.05", None, "Book III 5.4.1"),
    ("ldcix", "X", "011111 RT RA RB 1101110101 /", "RT,RA,RB", "2.05", None, "Book III 5.4.1"),
    ("stwcix", "X", "011111 RS RA RB 1110010101 /", "RS,RA,RB", "2.05", None, "Book III 5.4.1"),
    ("sthcix", "X", "011111 RS RA RB 1110110101 /", "RS,RA,RB", "2.05", None, "Book III 5.4.1"),
    ("stbcix", "X", "011111 RS RA RB 1111010101 /", "RS,RA,RB", "2.05", None, "Book III 5.4.1"),
    ("stdcix", "X", "011111 RS RA RB 1111110101 /", "RS,RA,RB", "2.05", None, "Book III 5.4.1"),
    ("msgsnd", "X", "011111 ///// ///// RB 0011001110 /", "RB", "2.07", None, "Book III 11.4"),
    ("msgclr", "X", "011111 ///// ///// RB 0011101110 /", "RB", "2.07", None, "Book III 11.4"),
    ("msgsndu", "X", "011111 ///// ///// RB 0001001110 /", "RB", "3.0", None, "Book III 11.4"),
    ("msgclru", "X", "011111 ///// ///// RB 0001101110 /", "RB", "3.0", None, "Book III 11.4"),
    ("msgsync", "X", "011111 ///// ///// ///// 1101110110 /", "", "3.0", None, "Book III 11.4"),
)


def refused(name: str, form: str, picture: str, asm: str, since: str, until: str | None, ref: str) -> None:
    """A row that is refused in problem and in privileged state."""
    @insn(form, picture, asm, since=since, until=until, ref=ref, name=name)
    def _refused(b: Builder, i: Fields) -> None:
        """Refused: a partition is never in hypervisor state."""
        b.interrupt_if(1, "PROGRAM_PRIVILEGED")


for _member in _MEMBERS:
    refused(*_member)


@insn("X", "011111 RS ///// RB 0100110010 /", "RB,RS", until="2.07", ref="Book III 5.9.3.3 of ISA 2.07", name="tlbie",
      key="tlbie.hash")
def tlbie(b: Builder, i: Fields) -> None:
    """Refused: before ISA 3.0 a partition asks its hypervisor to invalidate translations."""
    b.interrupt_if(1, "PROGRAM_PRIVILEGED")


