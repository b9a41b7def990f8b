"""A stack that one vCPU pops and pushes by stores conditional, while another changes it by ordinary
stores: A-B-A all the time.

The other holds a lock in the line of the stack's head, which is an ordinary store too: a store
conditional whose load was before it must fail, though the head has its old value again. Whoever has
taken a node marks it, so a node that two have is found.
"""

from __future__ import annotations

import threading

import pytest
from test_smp_native import CODE, DATA, MSR_LE, Two

NODES = DATA + 0x1000
TURNS = 300_000
#: r4 the stack (head, lock); r20 counts marks found; CTR turns
BY_CONDITIONAL_STORES = [
    0x7C6020A8,  # pop: ldarx r3,0,r4
    0xE8040008,  # ld r0,8(r4)
    0x2C200000,  # cmpdi r0,0
    0x4082FFF4,  # bne pop
    0x2C230000,  # cmpdi r3,0
    0x4182FFEC,  # beq pop
    0xE8A30000,  # ld r5,0(r3)
    0x7CA021AD,  # stdcx. r5,0,r4
    0x4082FFE0,  # bne pop
    0x4C00012C,  # isync
    0xE8C30008,  # ld r6,8(r3)
    0x7E943214,  # add r20,r20,r6
    0x38C00001,  # li r6,1
    0xF8C30008,  # std r6,8(r3)
    0x38C00000,  # li r6,0
    0xF8C30008,  # std r6,8(r3)
    0x7C2004AC,  # lwsync
    0x7CA020A8,  # push: ldarx r5,0,r4
    0xE8040008,  # ld r0,8(r4)
    0x2C200000,  # cmpdi r0,0
    0x4082FFF4,  # bne push
    0xF8A30000,  # std r5,0(r3)
    0x7C6021AD,  # stdcx. r3,0,r4
    0x4082FFE8,  # bne push
    0x4200FFA0,  # bdnz pop
    0x48000000,  # b .
]
#: the two uppermost nodes are taken; the first goes back, upon the one that r8 kept from last time
BY_ORDINARY_STORES = [
    0x38000001,  # lock: li r0,1
    0xF8040008,  # std r0,8(r4)
    0x7C0004AC,  # sync
    0xE8640000,  # ld r3,0(r4)
    0x2C230000,  # cmpdi r3,0
    0x41820048,  # beq out
    0xE8C30008,  # ld r6,8(r3)
    0x7E943214,  # add r20,r20,r6
    0xE8A30000,  # ld r5,0(r3)
    0x2C250000,  # cmpdi r5,0
    0x41820034,  # beq out
    0xE8C50008,  # ld r6,8(r5)
    0x7E943214,  # add r20,r20,r6
    0xF8050008,  # std r0,8(r5)
    0xE8E50000,  # ld r7,0(r5)
    0x2C280000,  # cmpdi r8,0
    0x41820014,  # beq none
    0x38C00000,  # li r6,0
    0xF8C80008,  # std r6,8(r8)
    0xF8E80000,  # std r7,0(r8)
    0x7D074378,  # mr r7,r8
    0x7CA82B78,  # none: mr r8,r5
    0xF8E30000,  # std r7,0(r3)
    0x7C2004AC,  # out: lwsync
    0x38000000,  # li r0,0
    0xF8040008,  # std r0,8(r4)
    0x4200FF98,  # bdnz lock
    0x48000000,  # b .
]


def end_of(number: int, words: list[int]) -> int:
    return CODE + 0x10000 * number + 4 * (len(words) - 1)


@pytest.mark.parametrize("strategy", ["exact", "interp", "units"])
def test_no_node_of_a_stack_is_taken_twice(strategy):
    two = Two(strategy)
    nodes = [NODES + 128 * n for n in range(4)]
    for node, after in zip(nodes, [*nodes[1:], 0], strict=True):
        two.memory.write(node, after.to_bytes(8, "little") + bytes(8))
    two.memory.write(DATA, nodes[0].to_bytes(8, "little") + bytes(8))
    programs = [BY_CONDITIONAL_STORES, BY_ORDINARY_STORES]

    def work(number: int) -> None:
        cpu = two.cpus[number]
        while cpu.nia != end_of(number, programs[number]):
            cpu.run_for(50_000)

    for number, program in enumerate(programs):
        cpu = two.cpus[number]
        two.place(CODE + 0x10000 * number, *program)
        cpu.msr, cpu.nia = MSR_LE, CODE + 0x10000 * number
        cpu.gpr[4], cpu.gpr[8], cpu.gpr[20], cpu.ctr = DATA, 0, 0, TURNS
    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [False, False] == [thread.is_alive() for thread in threads]
    assert [0, 0] == [int(cpu.gpr[20]) for cpu in two.cpus]
    left, node = 0, int.from_bytes(two.memory.read(DATA, 8), "little")
    while node and left < 9:
        left, node = left + 1, int.from_bytes(two.memory.read(node, 8), "little")
    assert 3 == left
