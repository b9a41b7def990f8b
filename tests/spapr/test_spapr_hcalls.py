import pytest
from spapr_fakes import RAM

from jitppc.ir.hcalls import H, Hcall
from jitppc.ir.layout import LPCR
from jitppc.spapr.hcall.table import HCALLS, hcall
from jitppc.spapr.partition import VcpuState

M64 = (1 << 64) - 1
MEMORY = 0x30000


def ask(*calls):
    """A guest that makes these calls and returns the registers from r3 of each."""

    def program(vcpu):
        answers = []
        for one in calls:
            answers.append((yield from vcpu.hcall(*one)))  # noqa: PERF401 (`yield`)
        return answers

    return program


def codes(call, *calls):
    return [answer[0] for answer in call(ask(*calls))]


def u(code):
    return code & M64


def test_each_hypercall_is_answered_by_one_function():
    with pytest.raises(ValueError, match="defined twice"):
        hcall(Hcall.H_PUT_TERM_CHAR)(lambda cpu: H.SUCCESS)
    assert all(call % 4 == 0 or call >= 0xF000 for call in Hcall)
    assert set(Hcall) == set(HCALLS)


def test_a_problem_state_caller_is_refused(call):
    def program(vcpu):
        vcpu.msr |= 0x4000
        return (yield from vcpu.hcall(0x58, 0, 1, 0, 0))

    assert call(program)[0] == u(H.PRIVILEGE)


def test_registers_that_are_no_result_are_preserved(call):
    def program(vcpu):
        vcpu.gpr[:] = [0x68, 1, 2, 0x68, 0xFF, *range(100, 127)]
        yield
        return list(vcpu.gpr)

    assert call(program) == [0x68, 1, 2, 0, 0xFF, *range(100, 127)]


def test_process_table_registration_checks_and_applies_everywhere(call):
    base = 0x1000000
    assert codes(
        call,
        (0x37C, 0x1D, base, 0, 4),
        (0x37C, 0x1D, base + 1, 0, 4),
        (0x37C, 0x1D, 1 << 60, 0, 4),
        (0x37C, 0x1D, base, 1, 4),
        (0x37C, 0x1D, base, 0, 25),
        (0x37C, 0x1A, base, 0, 4),
        (0x37C, 0x20, base, 0, 4),
        (0x37C, 0x00, 0, 0, 0),
        (0x37C, 0x05, 0, 0, 0),
    ) == [0, u(H.P2), u(H.P2), u(H.P3), u(H.P4), u(H.PARAMETER), u(H.PARAMETER), u(H.PARAMETER), 0]
    assert call.machine.cpu.process_table == 1 << 63 | base | 4


def test_a_guest_goes_over_to_a_hashed_page_table_and_back(call):
    base = 0x1000000
    assert codes(
        call,
        (0x37C, 0x18, 0, 0, 0),
        (0x37C, 0x00, 0, 0, 0),
        (0x37C, 0x05, 0, 0, 0),
        (0x37C, 0x1D, base, 0, 4),
        (0x37C, 0x00, 0, 0, 0),
    ) == [0, 0, u(H.PARAMETER), 0, u(H.PARAMETER)]
    assert call.machine.cpu.hash_mode is False
    assert call.machine.memory.hash_table_log2 == 0
    assert codes(call, (0x37C, 0x18, 0, 0, 0)) == [0]
    machine = call.machine
    assert machine.cpu.hash_mode is True
    assert 1 << machine.memory.hash_table_log2 == machine.memory.size // 128


def test_process_table_without_gtse_clears_it_in_lpcr(call):
    def program(vcpu):
        vcpu.lpcr = M64
        yield from vcpu.hcall(0x37C, 0x1C, 0, 0, 4)
        return vcpu.lpcr

    assert call(program) == M64 & ~LPCR.GTSE


def test_set_mode(call):
    assert codes(
        call,
        (0x31C, 3, 3, 0, 0),
        (0x31C, 2, 3, 0, 0),
        (0x31C, 3, 3, 1, 0),
        (0x31C, 3, 3, 0, 1),
        (0x31C, 1, 4, 0, 0),
        (0x31C, 2, 4, 0, 0),
        (0x31C, 0, 1, 0x1003, 0),
        (0x31C, 0, 1, 0x1001, 0),
        (0x31C, 0, 2, 0x2000, 0x13),
        (0x31C, 0, 2, 0x2000, 0x4),
        (0x31C, 0, 5, 0, 0),
        (0x31C, 0, 99, 0, 0),
    ) == [
        0, u(H.UNSUPPORTED_FLAG), u(H.P3), u(H.P4), 0, u(H.UNSUPPORTED_FLAG),
        u(H.P3), 0, 0, u(H.P4), u(H.P2), u(H.P2),
    ]  # fmt: skip
    cpu = call.machine.cpu
    assert (cpu.ail, cpu.ile) == (3, True)
    assert cpu.spr == {"CIABR": 0x1001, "DAWR0": 0x2000, "DAWRX0": 0x13}


VPA, DTL, SHADOW = 1 << 45, 2 << 45, 3 << 45
UN = 4 << 45


def test_virtual_processor_areas_are_registered_in_order(call):
    def program(vcpu):
        vcpu.memory.write(MEMORY + 4, (640).to_bytes(2, "big"))
        vcpu.memory.write(MEMORY + 0x1004, (4096).to_bytes(4, "big"))
        calls = [
            (DTL, 0, MEMORY + 0x1000),
            (VPA, 0, 0),
            (VPA, 0, MEMORY + 64),
            (VPA, 0, MEMORY + 0xF80),
            (VPA, 1, MEMORY),
            (VPA + 1, 0, MEMORY),
            (4 << 45, 0, MEMORY),
            (VPA, 0, RAM - 64),
            (VPA, 0, MEMORY),
            (DTL, 0, MEMORY + 0x1000),
            (SHADOW, 0, MEMORY + 0x1000),
            (VPA | UN, 0, 0),
            (DTL | UN, 0, 0),
            (SHADOW | UN, 0, 0),
            (VPA | UN, 0, 0),
        ]
        answers = []
        for flags, vcpu_id, gra in calls:
            answers.append((yield from vcpu.hcall(0xDC, flags, vcpu_id, gra))[0])
        return answers

    parameter, resource = u(H.PARAMETER), u(H.RESOURCE)
    assert call(program) == [
        resource, u(H.HARDWARE), parameter, parameter, parameter, parameter, parameter,
        parameter, 0, 0, 0, resource, 0, 0, 0,
    ]  # fmt: skip
    assert call.machine.memory.read(MEMORY + 9, 1) == b"\x02"


def test_cede_enables_interrupts_and_counts_dispatches(call):
    def program(vcpu):
        vcpu.memory.write(MEMORY + 4, (640).to_bytes(2, "big"))
        yield from vcpu.hcall(0xDC, VPA, 0, MEMORY)
        vcpu.set_external(True)
        yield from vcpu.hcall(0xE0)
        return vcpu.msr, vcpu.memory.read(MEMORY + 0x100, 4)

    assert call(program) == (0x3000 | 0x8000, (2).to_bytes(4, "big"))


def test_a_prod_beforehand_keeps_cede_from_waiting(call):
    assert codes(call, (0xE8, 0), (0xE0,), (0xE8, 1), (0xE4, 5, 0)) == [
        0, 0, u(H.PARAMETER), u(H.PARAMETER),
    ]  # fmt: skip


def test_confer_to_oneself_waits_for_prod_and_survives_a_stop(machine_with):
    def program(vcpu):
        yield from vcpu.hcall(0xE4, 0, 0)
        yield from vcpu.put(b"woken")

    machine = machine_with(program)
    assert machine.run(timeout=0.1).reason == "timeout"
    assert machine.cpu.gpr[3] == 0xE4
    record = machine._partition.records[0]

    def again(vcpu):
        yield
        yield from vcpu.put(b"woken")

    machine.cpu.guest = again(machine.cpu)
    record.prod()
    assert machine.run(until="woken", timeout=20).reason == "until"


def test_join(call):
    def program(vcpu):
        vcpu.msr &= ~0x8000
        last = (yield from vcpu.hcall(0x298))[0]
        vcpu.msr |= 0x8000
        return last, (yield from vcpu.hcall(0x298))[0]

    assert call(program) == (H.CONTINUE, u(H.BAD_MODE))


def test_signal_system_reset(call):
    assert codes(call, (0x380, 0), (0x380, M64 - 1), (0x380, 7)) == [0, 0, u(H.PARAMETER)]
    assert call.machine.cpu.system_reset


def test_firmware_assisted_system_reset_saves_r3_and_goes_to_the_registered_vector(machine_with):
    def program(vcpu):
        (instance,) = yield from vcpu.prom("open", "/rtas")
        yield from vcpu.prom("call-method", "instantiate-rtas", instance, 0x100000, nret=2)
        yield from vcpu.rtas(0x202B, 0x5000, 0x6000)
        yield from vcpu.hcall(0x31C, 1, 4, 0, 0)
        vcpu.nia, vcpu.msr = 0xC000, 1 << 63 | 0x9033
        yield from vcpu.hcall(0x380, 0)
        state.update(nia=vcpu.nia, msr=vcpu.msr, r3=vcpu.gpr[3], spr=dict(vcpu.spr))
        yield from vcpu.put(b"reset")

    state = {}
    machine = machine_with(program)
    machine.run(until="reset", timeout=20)
    assert state["nia"] == 0x5000
    assert state["msr"] == 1 << 63 | 0x1001
    assert state["r3"] == 0x100000 + 2048
    assert state["spr"]["SRR0"] == 0xC004
    assert machine.memory.read(state["r3"], 8) == bytes(8)
    assert not machine.cpu.system_reset


def test_page_init(call):
    def program(vcpu):
        vcpu.memory.write(MEMORY, b"x" * 4096)
        zero, copy = 1 << 15, 1 << 14
        calls = [
            (copy, MEMORY + 0x1000, MEMORY),
            (zero, MEMORY, 0),
            (zero, MEMORY + 1, 0),
            (zero, RAM, 0),
            (copy, MEMORY, RAM),
            (zero | copy, MEMORY, MEMORY),
            (1, MEMORY, MEMORY),
        ]
        answers = []
        for one in calls:
            answers.append((yield from vcpu.hcall(0x2C, *one))[0])  # noqa: PERF401 (`yield`)
        return answers

    assert call(program) == [0, 0] + [u(H.PARAMETER)] * 5
    assert call.machine.memory.read(MEMORY, 8192) == bytes(4096) + b"x" * 4096


def test_logical_loads_and_stores(call):
    answers = call(
        ask(
            (0x40, 8, MEMORY, 0x0102030405060708),
            (0x3C, 2, MEMORY + 2),
            (0x48, 1, MEMORY, 0xAAFF),
            (0x44, 4, MEMORY),
            (0x3C, 3, MEMORY),
            (0x3C, 8, RAM - 4),
            (0x3C, 4, 5 << 60 | MEMORY),
            (0x4C, MEMORY),
            (0x50, MEMORY),
        )
    )
    assert [a[:2] for a in answers[:4]] == [[0, 8], [0, 0x0304], [0, 1], [0, 0xFF020304]]
    assert [a[0] for a in answers[4:]] == [u(H.PARAMETER), u(H.PARAMETER), 0, 0, 0]
    assert answers[6][1] == 0xFF020304


def test_memop_copies_overlapping_areas_and_inverts(call):
    def program(vcpu):
        vcpu.memory.write(MEMORY, bytes(range(16)))
        answers = [
            (yield from vcpu.hcall(0xF001, MEMORY + 4, MEMORY, 0, 12, 0))[0],
            (yield from vcpu.hcall(0xF001, MEMORY + 16, MEMORY, 3, 1, 1))[0],
            (yield from vcpu.hcall(0xF001, MEMORY, MEMORY + 1, 2, 1, 0))[0],
            (yield from vcpu.hcall(0xF001, MEMORY, MEMORY, 4, 1, 0))[0],
            (yield from vcpu.hcall(0xF001, MEMORY, MEMORY, 0, 1 << 40, 0))[0],
        ]
        return answers, vcpu.memory.read(MEMORY, 24)

    answers, data = call(program)
    assert answers == [0, 0] + [u(H.PARAMETER)] * 3
    assert data[:16] == bytes((0, 1, 2, 3, *range(12)))
    assert data[16:] == bytes(byte ^ 0xFF for byte in data[:8])


def test_characteristics_ask_for_no_cache_flush(call):
    _, character, behaviour, *_ = call(ask((0x1C8,)))[0]
    assert character == 1 << 62 | 1 << 58
    assert behaviour == 1 << 63 | 1 << 56 | 1 << 55


def test_home_node_associativity(call):
    answers = call(ask((0x2EC, 1, 0), (0x2EC, 0, 0), (0x2EC, 1, 9)))
    assert answers[0][:7] == [0, 0, 0, 0xFFFFFFFF, M64, M64, M64]
    assert [answers[1][0], answers[2][0]] == [u(H.FUNCTION), u(H.P2)]


def test_random_numbers_differ(call):
    first, second = call(ask((0x300,), (0x300,)))
    assert first[0] == 0
    assert first[1] != second[1]


def test_watchdog_calls(call):
    start, stop = 1 << 8, 2 << 8
    assert codes(
        call,
        (0x45C, start | 1, 1, 60000),
        (0x45C, start | 1, 1, 60000),
        (0x45C, stop, 1),
        (0x45C, stop, 1),
        (0x45C, start | 2, 4, M64),
        (0x45C, stop, M64),
        (0x45C, stop, M64),
        (0x45C, start | 1, 0, 60000),
        (0x45C, stop, 0),
        (0x45C, start | 1, 5, 60000),
        (0x45C, start | 1, 1, 0),
        (0x45C, start | 4, 1, 60000),
        (0x45C, 5 << 8, 1, 60000),
        (0x45C, 1 << 17 | start | 1, 1, 60000),
    ) == [
        0, 0, 0, u(H.NOOP), 0, 0, u(H.NOOP), u(H.P2), u(H.P2), u(H.P2), u(H.P3),
        u(H.PARAMETER), u(H.PARAMETER), u(H.PARAMETER),
    ]  # fmt: skip
    assert call(ask((0x45C, 3 << 8)))[0][:2] == [0, 1 << 48 | 4 << 32]


def test_terminal_calls_check_unit_and_length(call):
    assert codes(
        call,
        (0x58, 0, 17, 0, 0),
        (0x58, 0x71000001, 1, 0, 0),
        (0x58, 5, 1, 0, 0),
        (0x54, 5),
        (0x58, 0, 0, 0, 0),
        (0x58, 0x71000000, 16, 0x4142434445464748, 0x494A4B4C4D4E4F50),
    ) == [u(H.PARAMETER)] * 4 + [0, 0]
    assert call.machine.console_output == b"ABCDEFGHIJKLMNOP"


def test_registers_that_power9_has_not_are_hardware_errors(call):
    assert codes(call, (0x28, 0), (0x134, 0x1000, 3), (0x134, 0x1000, 4), (0x134, 0, 0)) == [
        u(H.HARDWARE), u(H.HARDWARE), u(H.PARAMETER), u(H.PARAMETER),
    ]  # fmt: skip


def test_sprg0_and_vio_signal(call):
    vty = 0x71000000
    assert codes(call, (0x24, 77), (0x104, vty, 0), (0x104, vty, 1), (0x104, 9, 0)) == [
        0, 0, u(H.PARAMETER), u(H.PARAMETER),
    ]  # fmt: skip
    assert call.machine.cpu.sprg0 == 77


def test_a_stopped_vcpu_waits_for_start_cpu(machine_with):
    def program(vcpu):
        yield from vcpu.rtas(0x2007, nret=0)
        yield from vcpu.put(b"never")

    machine = machine_with(program)
    assert machine.run(until="never", timeout=0.1).reason == "timeout"
    assert machine._partition.records[0].state is VcpuState.STOPPED


def test_a_hashed_page_table_is_resized_in_two_steps(call):
    prepare, commit = 0x36C, 0x370
    assert codes(
        call,
        (prepare, 0, 22),
        (0x37C, 0x18, 0, 0, 0),
        (prepare, 1, 22),
        (prepare, 0, 17),
        (prepare, 0, 47),
        (prepare, 0, 30),
        (commit, 0, 19),
        (prepare, 0, 19),
        (commit, 0, 20),
        (commit, 1, 19),
        (commit, 0, 19),
        (commit, 0, 19),
        (prepare, 0, 20),
        (prepare, 0, 0),
        (commit, 0, 20),
    ) == [
        *(H.NOT_AVAILABLE, 0, u(H.PARAMETER), u(H.PARAMETER), u(H.PARAMETER), u(H.RESOURCE)),
        *(H.CLOSED, 0, H.CLOSED, u(H.PARAMETER), 0, H.CLOSED, 0, 0, H.CLOSED),
    ]
    assert call.machine.cpu.hash_table_log2 == 19
