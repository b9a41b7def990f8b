"""What the guest asks of its host bridges: registers, messages, DMA windows."""


import pytest
from spapr_fakes import RAM

from jitppc.devices.pci.config_space import Command, Reg
from jitppc.devices.pci.function import Identity, PciFunction
from jitppc.devices.ports import DmaError
from jitppc.ir.hcalls import H
from jitppc.spapr.hardware import Device, Hardware
from jitppc.spapr.pci.msi import FIRST_MSI, MSI_ADDRESS
from jitppc.spapr.tce import MAX_ENTRIES

BUID = 0x08000000, 0x20000000
BAD = 0xFFFFFFFF
HARDWARE, PARAMETER = BAD, BAD - 2
READ, WRITE, SOURCE, CHANGE = 0x2016, 0x2017, 0x2018, 0x2019
QUERY, CREATE, REMOVE, RESET = 0x2026, 0x2027, 0x2028, 0x2029
M64 = (1 << 64) - 1
RNG = Hardware(devices=(Device("virtio-rng-pci", {"addr": "3"}),))
AT_3 = 3 << 11


def ask(*calls):
    """A guest that makes these RTAS calls, (token, nret, args...), and returns all results."""

    def program(vcpu):
        answers = []
        for token, nret, *args in calls:
            answers.append((yield from vcpu.rtas(token, *args, nret=nret)))
        return answers

    return program


def read(register, size, where=AT_3):
    return READ, 2, where | register, *BUID, size


def write(register, size, value, where=AT_3):
    return WRITE, 1, where | register, *BUID, size, value


def test_configuration_space_answers_aligned_accesses_of_functions(call):
    good = [read(0, 4), read(0, 2), read(2, 2), read(0xB, 1)]
    bad = [
        read(0, 4, 0),
        read(0, 4, AT_3 | 1 << 8),
        read(0, 4, AT_3 | 1 << 16),
        read(2, 4),
        read(0, 8),
        read(0, 0),
        read(1 << 28, 4),
        (READ, 2, AT_3, BUID[0], BUID[1] + 1, 4),
        (0x2014, 2, AT_3, 4),
    ]
    answers = call(ask(*good, *bad), hardware=RNG)
    assert answers[: len(good)] == [[0, 0x10441AF4], [0, 0x1AF4], [0, 0x1044], [0, 0]]
    assert answers[len(good) :] == [[HARDWARE, BAD]] * len(bad)


def test_what_is_written_to_configuration_space_is_read_back(call):
    answers = call(
        ask(write(0x3C, 1, 0x1AB), read(0x3C, 1), write(0x3C, 1, 0, 0), write(0x3D, 2, 0)),
        hardware=RNG,
    )
    assert answers == [[0], [0, 0xAB], [HARDWARE], [HARDWARE]]


def change(what, count, sequence=1, where=AT_3):
    return CHANGE, 4, where, *BUID, what, count, sequence


def source(vector, where=AT_3):
    return SOURCE, 3, where, *BUID, vector


def test_firmware_sets_messages_up(call):
    answers = call(
        ask(
            source(0),
            change(4, 2),
            source(0),
            source(1),
            source(2),
            change(1, 5),
            change(3, 1),
            change(1, 1, 7),
            source(1),
            change(4, 0),
            change(4, 0),
            change(4, 1, 1, 0),
        ),
        hardware=RNG,
    )
    assert [answer[0] for answer in answers] == [
        *(HARDWARE, 0, 0, 0, HARDWARE),
        *(0, HARDWARE, 0, HARDWARE, 0, PARAMETER, PARAMETER),
    ]
    assert answers[1] == [0, 2, 2, 2]
    assert answers[2:4] == [[0, FIRST_MSI, 1], [0, FIRST_MSI + 1, 1]]
    assert answers[5] == [0, 2, 2, 2]
    assert answers[7] == [0, 1, 8, 2]
    assert not call.machine._interrupts.has_source(FIRST_MSI)


def test_a_message_of_a_function_interrupts_the_guest(call):
    def program(vcpu):
        yield from vcpu.hcall(0x68, 0xFF)  # H_CPPR
        yield from vcpu.rtas(CHANGE, AT_3, *BUID, 4, 2, 1, nret=4)
        yield from vcpu.rtas(0x200A, FIRST_MSI + 1, 0, 5)  # ibm,set-xive
        function = call.machine.board.bridges[0].functions[AT_3 >> 8]
        at = function._msix_offset
        yield from vcpu.rtas(WRITE, AT_3 | at, *BUID, 4, 0x8000_0000)
        yield from vcpu.rtas(WRITE, AT_3 | Reg.COMMAND, *BUID, 2, Command.BUS_MASTER)
        function.msix.notify(1)
        return (yield from vcpu.hcall(0x74))[1]  # H_XIRR

    assert call(program, hardware=RNG) == 0xFF << 24 | FIRST_MSI + 1


def test_functions_with_both_kinds_get_the_kind_asked_for(call):
    function = PciFunction("thing", Identity(0x1234, 1, 0x020000))
    function.add_msix(4, 1)
    function.add_msi(8)

    def program(vcpu):
        call.machine.board.bridges[0].plug(function, "3")
        answers = []
        for what, count in ((1, 5), (4, 4), (3, 9), (3, 8)):
            answers.append((yield from vcpu.rtas(CHANGE, AT_3, *BUID, what, count, 1, nret=4)))
        return answers

    answers = call(program)
    assert [answer[:2] + answer[3:] for answer in answers] == [
        [0, 5, 1],
        [0, 4, 2],
        [0, 8, 1],
        [0, 8, 1],
    ]
    at = function.config_read(Reg.CAPABILITIES, 1)
    at = function.config_read(at + 1, 1)
    assert function.config_read(at + 4, 4) | function.config_read(at + 8, 4) << 32 == MSI_ADDRESS
    assert function.config_read(at + 12, 2) == FIRST_MSI


def test_reset_takes_sources_and_windows_back(machine_with):
    machine = machine_with(hardware=RNG)
    bridge = machine.board.bridges[0]
    bridge.set_msi_grant(AT_3, bridge.chipset.msis.take(2))
    bridge.dma_windows.create(16, 20)
    bridge.functions[0x18].config_write(Reg.COMMAND, 2, 0)
    machine.reset()
    assert bridge.msi_grant(AT_3) is None
    assert not machine._interrupts.has_source(FIRST_MSI)
    assert [table.liobn for table in bridge.dma_windows.tables] == [0x80000000]
    assert bridge.functions[0x18].mapped()


def query(nret):
    return QUERY, nret, 0, *BUID


def create(page_shift, window_shift):
    return CREATE, 4, 0, *BUID, page_shift, window_shift


def test_the_guest_makes_and_removes_dma_windows(call):
    answers = call(
        ask(
            query(6),
            query(5),
            create(24, 31),
            query(6),
            create(16, 20),
            (REMOVE, 1, 0x80000000),
            create(16, 20),
            (REMOVE, 1, 0x80000000),
            (REMOVE, 1, 0x80000001),
            query(6),
        )
    )
    assert answers[0] == [0, 1, 0, MAX_ENTRIES, 0x107, 0]
    assert answers[1] == [0, 1, MAX_ENTRIES, 0x107, 0]
    assert answers[2] == [0, 0x80000001, 0x08000000, 0]
    assert answers[3][1] == 0
    assert answers[4][0] == HARDWARE
    assert answers[6] == [0, 0x80000000, 0x08000000, 0]
    assert [answers[i] for i in (5, 7, 8)] == [[0]] * 3
    assert answers[9][1] == 1
    table = call.machine._tces.get(0x80000000)
    assert (table.bus_offset, table.size_bytes) == (0, 1 << 30)


def test_without_any_window_the_next_one_begins_at_0(call):
    answers = call(ask((REMOVE, 1, 0x80000000), create(16, 30), (RESET, 1, 0, *BUID)))
    assert answers == [[0], [0, 0x80000000, 0, 0], [0]]


def test_windows_that_cannot_be_are_refused(call):
    shapes = [(13, 30), (24, 23), (12, 35), (12, 63), (0, 0), (BAD, 1)]
    assert MAX_ENTRIES == 1 << 34 - 12
    unknown = [(REMOVE, 1, 0x80000100), (QUERY, 6, 0, 1, 2), (RESET, 1, 0, 1, 2)]
    answers = call(ask(*(create(*shape) for shape in shapes), *unknown))
    assert [answer[0] for answer in answers] == [HARDWARE] * len(shapes) + [PARAMETER] * 3


def test_functions_reach_memory_through_windows(machine_with):
    machine = machine_with()
    bridge = machine.board.bridges[0]
    with pytest.raises(DmaError):
        bridge.dma.read(0x1000, 4)
    table = bridge.dma_windows.create(16, 24)
    table.put(0, [0x30000 | 3])
    bridge.dma.write(table.bus_offset + 4, b"data")
    assert machine.memory.read(0x30004, 4) == b"data"
    bridge.memory.write(0x40000, b"past it")
    with pytest.raises(DmaError):
        bridge.memory.read(RAM - 2, 4)


def test_registers_answer_logical_loads_and_stores(call):
    def program(vcpu):
        base = 0x2100_0000_0000
        yield from vcpu.hcall(0x40, 1, base + 20, 1)  # device status: ACKNOWLEDGE
        one = (yield from vcpu.hcall(0x3C, 1, base + 20))[:2]
        queues = (yield from vcpu.hcall(0x3C, 2, base + 18))[:2]
        nothing = [(yield from vcpu.hcall(0x3C, 4, base + 0x10000))[0]]
        nothing.append((yield from vcpu.hcall(0x40, 4, base + 0x3FFE, 0))[0])
        nothing.append((yield from vcpu.hcall(0x3C, 3, base))[0])
        return one, queues, nothing

    one, queues, nothing = call(program, hardware=RNG)
    assert (one, queues) == ([0, 1], [0, 0x0100])
    assert nothing == [H.PARAMETER & M64] * 3
