"""Which machines the table of docs/machines.md boots, and what it takes for a right answer."""

from dataclasses import replace

from machine_cells import Cell, all_cells, covering, is_machine, pairs
from machine_table import doubts

CELL = Cell("power9", "radix", "xive", "little", "vmlinux", "built-in", 2)
SAID = """ppc64le
cpu\t\t: POWER9 (raw), altivec supported
MMU\t\t: Radix
           CPU0       CPU1
 16:          0          3  XIVE-IPI   0 Edge      IPI-0
"""


def test_a_cover_shows_every_pair_with_few_machines():
    cells = all_cells()
    chosen = covering(cells)
    assert frozenset().union(*map(pairs, chosen)) == frozenset().union(*map(pairs, cells))
    assert set(chosen) <= set(cells)
    assert len(chosen) < 50


def test_there_is_no_radix_tree_and_no_xive_before_power9():
    old = replace(CELL, cpu="power8")
    assert not is_machine(old)
    assert not is_machine(replace(old, mmu="hash"))
    assert not is_machine(replace(CELL, cpu="power7", mmu="hash", controller="xics"))
    assert is_machine(replace(old, mmu="hash", controller="xics"))


def test_what_the_guest_says_is_compared_with_the_cell():
    assert doubts(CELL, SAID) == []
    assert doubts(replace(CELL, endian="big"), SAID) == ["machine"]
    assert doubts(replace(CELL, mmu="hash"), SAID) == ["MMU"]
    assert doubts(replace(CELL, controller="xics"), SAID) == ["controller"]
    assert doubts(replace(CELL, vcpus=1), SAID) == ["processors"]
    assert doubts(replace(CELL, cpu="power10"), SAID) == ["processor"]
    assert doubts(CELL, SAID.replace("           CPU0", "jitppc#            CPU0")) == []
    older = SAID.replace("POWER9 (raw)", "POWER7 (architected)")
    assert doubts(replace(CELL, cpu="power7+"), older) == []
    assert doubts(replace(CELL, cpu="power7+"), SAID.replace("POWER9", "POWER7")) == ["processor"]
    compat = replace(CELL, cpu="power10,max-cpu-compat=power9")
    assert doubts(compat, SAID) == ["processor"]
    assert doubts(compat, SAID.replace("(raw)", "(architected)")) == []
