import threading
import time

import pytest
from spapr_fakes import FakeExit, Reason

from jitppc.errors import UserError
from jitppc.spapr.fdt import EPOW_IRQ
from jitppc.spapr.memory_map import KERNEL_GRA, PROM_ENTRY_GRA, PROM_STUB


def says(text):
    def program(vcpu):
        yield from vcpu.put(text)

    return program


def test_machine_stands_at_the_kernel_as_the_firmware_would_leave_it(machine_with, tmp_path):
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"I" * 5000)
    machine = machine_with(initrd=initrd)
    assert machine.cpu.nia == KERNEL_GRA
    assert machine.cpu.msr == 0x3000
    assert machine.cpu.gpr[3:6] == [0x420000, 5000, PROM_ENTRY_GRA]
    assert machine.memory.read(0x420000, 5000) == b"I" * 5000
    assert machine.memory.read(0x100, 20) == PROM_STUB
    assert 0x8000 < machine.cpu.gpr[1] < 0x10000


def test_until_stops_at_the_match_and_the_search_goes_on_behind_it(machine_with):
    machine = machine_with(says(b"one login: two login: three"))
    assert machine.run(until=r"log\w+:", timeout=20).detail == "login:"
    assert machine.run(until="login:", timeout=20).reason == "until"
    assert machine.run(until="login:", timeout=0.05).reason == "timeout"
    assert machine.console_output == b"one login: two login: three"


def test_timeout_is_a_stop_with_status_124_and_the_run_can_go_on(machine_with):
    machine = machine_with()
    stop = machine.run(timeout=0.05)
    assert (stop.reason, stop.exit_status) == ("timeout", 124)
    assert machine.run(timeout=0.05).reason == "timeout"


def test_power_off_and_panic_leave_the_machine_off_until_reset(machine_with):
    def program(vcpu):
        text = b"Kernel panic - not syncing: no init\0"
        vcpu.memory.write(0x20000, text)
        yield from vcpu.rtas(0x201F, 0x20000)

    machine = machine_with(program)
    stop = machine.run(timeout=20)
    assert (stop.reason, stop.exit_status) == ("panic", 1)
    assert stop.detail == "Kernel panic - not syncing: no init"
    assert machine.run(timeout=20) == stop
    machine.reset()
    assert machine.run(timeout=20) == stop

    def off(vcpu):
        yield from vcpu.rtas(0x2003, 0, 0)

    stop = machine_with(off).run(timeout=20)
    assert (stop.reason, stop.exit_status) == ("poweroff", 0)


def test_reboot_starts_the_kernel_again_in_place(machine_with):
    def program(vcpu):
        yield from vcpu.put(b"boot ")
        vcpu.memory.write(KERNEL_GRA, b"garbage")
        if machine.reboots < 2:
            yield from vcpu.rtas(0x2004)
        yield from vcpu.put(b"end")

    machine = machine_with(program)
    assert machine.run(until="end", timeout=20).reason == "until"
    assert machine.console_output == b"boot boot boot end"
    assert machine.reboots == 2

    machine = machine_with(program, no_reboot=True)
    machine.reboots = 0
    assert machine.run(timeout=20).reason == "reboot"
    assert machine.memory.read(KERNEL_GRA, 7) == b"garbage"


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_what_a_callback_raises_leaves_run_and_the_machine_goes_on(machine_with, error):
    machine = machine_with(says(b"hello world, hello moon"))
    raised = []

    def callback(data):
        if not raised:
            raised.append(data)
            raise error

    machine.on_console = callback
    with pytest.raises(type(error)) as caught:
        machine.run(timeout=20)
    assert caught.value is error
    assert machine.cpu.gpr[3] == 0
    assert machine.run(until="moon", timeout=20).reason == "until"


def test_on_hcall_sees_the_name_before_the_answer(machine_with):
    machine = machine_with(says(b"x"))
    seen = []

    def callback(name, vcpu):
        seen.append((name, vcpu.gpr[3]))
        raise LookupError

    machine.on_hcall = callback
    with pytest.raises(LookupError):
        machine.run(timeout=20)
    assert seen == [("H_PUT_TERM_CHAR", 0x58)]
    assert machine.console_output == b"x"


def test_an_interrupt_of_the_caller_stops_all_vcpus_and_is_raised(machine_with, monkeypatch):
    machine = machine_with()

    def interrupted(timeout_s):
        raise KeyboardInterrupt

    monkeypatch.setattr(machine._latch, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.run()
    assert threading.active_count() < 10
    monkeypatch.undo()
    assert machine.run(timeout=0.01).reason == "timeout"


def test_input_typed_on_the_host_reaches_the_guest_with_an_interrupt(machine_with):
    def program(vcpu):
        yield from vcpu.rtas(0x200A, 0x1100, 0, 5)
        yield from vcpu.hcall(0x68, 0xFF)
        yield from vcpu.put(b"ready")
        line = b""
        while not line.endswith(b"\r"):
            yield from vcpu.hcall(0xE0)
            xirr = (yield from vcpu.hcall(0x74))[1]
            assert xirr == 0xFF001100 or xirr & 0xFFFFFF == 0
            while True:
                _, n, hi, lo, *_ = yield from vcpu.hcall(0x54, 0x71000000)
                if not n:
                    break
                line += (hi << 64 | lo).to_bytes(16, "big")[:n]
            yield from vcpu.hcall(0x64, xirr)
        yield from vcpu.put(b"got " + line)

    machine = machine_with(program)
    assert machine.run(until="ready", timeout=20).reason == "until"
    machine.type("a long line of more than sixteen bytes\r")
    assert machine.run(until="got a long line of more than sixteen bytes\r", timeout=20)
    assert machine.hcalls.calls["H_CEDE"] >= 1


def test_unknown_hypercalls_answer_h_function_and_are_counted(call):
    def program(vcpu):
        answers = []
        for opcode in (0x374, 0x374, 0xF004, 1 << 63):
            answers.append((yield from vcpu.hcall(opcode))[0])  # noqa: PERF401 (`yield`)
        return answers

    assert call(program) == [(1 << 64) - 2] * 4
    assert call.machine.hcalls.unknown == {0x374: 2, 0xF004: 1, 1 << 63: 1}


def test_checkstop_is_a_panic_with_its_detail(machine_with):
    def program(vcpu):
        yield FakeExit(Reason.CHECKSTOP, "no progress at nia 0x700")

    stop = machine_with(program).run(timeout=20)
    assert (stop.reason, stop.exit_status) == ("panic", 1)
    assert "no progress" in stop.detail


def test_quit_from_another_thread_ends_a_waiting_guest(machine_with):
    def program(vcpu):
        while True:
            yield from vcpu.hcall(0xE0)

    machine = machine_with(program)
    timer = threading.Timer(0.05, machine.quit)
    timer.start()
    started = time.monotonic()
    assert machine.run(timeout=20).reason == "quit"
    assert time.monotonic() - started < 10


def test_watchdog_powers_off_a_guest_that_hangs(machine_with):
    def program(vcpu):
        yield from vcpu.hcall(0x45C, 1 << 8 | 1, 1, 20)

    assert machine_with(program).run(timeout=20).reason == "poweroff"


def test_a_kernel_without_agreement_ends_with_a_reason_instead_of_hanging(machine_with):
    def program(vcpu):
        yield from vcpu.prom("quiesce", nret=0)

    stop = machine_with(program).run(timeout=20)
    assert stop.reason == "panic"
    assert "client-architecture-support" in stop.detail


@pytest.mark.parametrize(
    "options",
    [
        {"cpu": "power4"},
        {"memory": "64M"},
        {"memory": "2000T"},
        {"memory": "much"},
        {"memory": "128.0001M"},
        {"memory": -1},
        {"smp": 0},
        {"smp": 65},
        {"smp": 2, "clock": "insns"},
        {"append": "x" * 3000},
        {"clock": "sundial"},
        {"initrd": "/nonexistent"},
        {"nvram": "/nonexistent/nvram"},
    ],
)
def test_impossible_options_are_refused_in_one_line(machine_with, options):
    with pytest.raises(UserError) as caught:
        machine_with(**options)
    assert "\n" not in str(caught.value)


def test_cpu_names_are_case_insensitive(machine_with):
    for name in ("POWER9", "power9_v2.0", "Power9_V2.2"):
        machine_with(cpu=name)


def test_an_impossible_pattern_is_refused_in_one_line(machine_with):
    with pytest.raises(UserError):
        machine_with().run(until="(")


def test_repeatable_machines_see_the_same_numbers_and_date(machine_with):
    def program(vcpu):
        seen.append((yield from vcpu.hcall(0x300))[1])
        seen.append((yield from vcpu.rtas(0x2001, nret=8)))
        yield from vcpu.put(b"done")

    runs = []
    for _ in range(2):
        seen = []
        machine = machine_with(program, clock="insns")
        machine.run(until="done", timeout=20)
        runs.append((seen, machine.device_tree()))
    assert runs[0] == runs[1]
    assert runs[0][0][1][1] == 2026


def test_a_second_vcpu_is_started_prodded_and_interrupted(machine_with):
    def program(vcpu):
        if vcpu.vcpu_id == 0:
            yield from vcpu.hcall(0x31C, 1, 4, 0, 0)
            assert (yield from vcpu.rtas(0x2005, 1, nret=2)) == [0, 0]
            assert (yield from vcpu.rtas(0x2006, 1, 0x4000, 77)) == [0]
            assert (yield from vcpu.rtas(0x2005, 1, nret=2)) == [0, 2]
            while not seen.get("joined"):
                yield from vcpu.hcall(0xE4, (1 << 64) - 1, 0)
            yield from vcpu.hcall(0xE8, 1)
            while not seen.get("ready"):
                yield from vcpu.hcall(0xE4, 1, 1)
            yield from vcpu.hcall(0x6C, 1, 4)
        else:
            seen.update(nia=vcpu.nia, r3=vcpu.gpr[3], ile=vcpu.ile, msr=vcpu.msr)
            seen["joined"] = True
            yield from vcpu.hcall(0x298)
            yield from vcpu.hcall(0x68, 0xFF)
            seen["ready"] = True
            while not vcpu.external:
                yield from vcpu.hcall(0xE0)
            seen["xirr"] = (yield from vcpu.hcall(0x74))[1]
            yield from vcpu.put(b"done")

    seen = {}
    machine = machine_with(program, smp=2)
    assert machine.run(until="done", timeout=20).reason == "until"
    assert seen["xirr"] == 0xFF000002
    assert (seen["nia"], seen["r3"], seen["ile"], seen["msr"]) == (
        0x4000,
        77,
        True,
        1 << 63 | 0x1000,
    )


def test_what_devices_did_last_is_not_pending_after_a_reset(machine_with, monkeypatch):
    machine = machine_with()
    stop = machine.board.reset

    def reset():
        machine._interrupts.pulse(EPOW_IRQ)
        stop()

    monkeypatch.setattr(machine.board, "reset", reset)
    machine.reset()
    xics = machine._interrupts.xics
    xics.set_cppr(0, 0xFF)
    xics.set_xive(EPOW_IRQ, 0, 5)
    assert xics.poll(0) == (0xFF000000, 0xFF)
