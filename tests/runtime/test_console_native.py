"""Whole machines whose guests print by native code: what is seen, when, and where they stop."""

from __future__ import annotations

import threading

import pytest
from bench import HCALL, STAY
from word_kernels import H_PUT_TERM_CHAR, kernel_file, li, lis, put

from jitppc.spapr.machine import Machine

H_RANDOM, UNIT = 0x300, 0x7100
MTCTR_R8, MFCTR_R6, BDNZ = 0x7D0903A6, 0x7CC902A6, 0x42000000
MANY = 20_000


def count_down(times: int) -> list[int]:
    """The counter is printed so many times, as eight bytes."""
    loop = [MFCTR_R6, li(3, H_PUT_TERM_CHAR), lis(4, UNIT), li(5, 8), HCALL]
    return [li(8, times), MTCTR_R8, *loop, BDNZ | -4 * len(loop) & 0xFFFC]


COUNTED = b"".join(n.to_bytes(8, "big") for n in range(MANY, 0, -1))
RANDOM = [li(3, H_RANDOM), HCALL]


@pytest.fixture
def machine_of(tmp_path):
    """A function: a machine with these words as its kernel."""
    made = []

    def make(words, **options):
        path = kernel_file(tmp_path / "vmlinux", words)
        made.append(Machine(path, memory="256M", strategy="interp", **options))
        return made[-1]

    yield make
    for machine in made:
        machine.close()


class Line:
    """A console whose back end takes its time."""

    def __init__(self):
        self.data, self.may_go_on, self.pieces = b"", threading.Event(), 0

    def write(self, data):
        assert self.may_go_on.wait(20)
        self.data += data
        self.pieces += 1


def native_calls(machine):
    return machine.cpu.statistics()["vio_calls"]


def test_nothing_is_lost_before_a_back_end_that_is_slow(machine_of):
    line = Line()
    machine = machine_of([*count_down(MANY), *put(b"ok", UNIT), STAY], console=line)
    threading.Timer(0.3, line.may_go_on.set).start()
    assert machine.run(until="ok", timeout=60).reason == "until"
    assert COUNTED + b"ok" == line.data == machine.console_output
    assert line.pieces < MANY / 10
    assert MANY / 2 < native_calls(machine) <= MANY + 1
    assert machine.statistics()["hypercalls"]["H_PUT_TERM_CHAR"] == MANY + 1


def test_all_is_on_the_host_when_time_is_up(machine_of):
    machine = machine_of([*count_down(100), STAY])
    assert machine.run(timeout=1).reason == "timeout"
    assert COUNTED[-800:] == machine.console_output


def test_a_pattern_stops_the_machine_before_the_next_call_of_python(machine_of):
    words = [*put(b"ok", UNIT), *RANDOM, *put(b"no", UNIT), *RANDOM, STAY]
    machine = machine_of(words)
    for times, text in enumerate(("ok", "no")):
        assert machine.run(until=text, timeout=20).reason == "until"
        assert machine.hcalls.calls["H_RANDOM"] == times
    assert native_calls(machine) == 2


def test_what_is_printed_while_the_guest_runs_on_is_seen_at_once(machine_of):
    seen = threading.Event()

    class Seer:
        def write(self, data):
            seen.set()

    machine = machine_of([*put(b"ok", UNIT), STAY], console=Seer())
    runs = threading.Thread(target=machine.run)
    runs.start()
    assert seen.wait(20)
    machine.quit()
    runs.join()


@pytest.mark.parametrize("is_repeatable", [False, True])
def test_an_observer_and_a_repeatable_run_see_each_piece_on_the_vcpus_thread(
    machine_of, is_repeatable
):
    words = [*put(b"a", UNIT), *put(b"b", UNIT), STAY]
    machine = machine_of(words, clock="insns" if is_repeatable else "host")
    seen = []
    if not is_repeatable:
        machine.on_console = lambda data: seen.append((data, threading.current_thread().name))
    assert machine.run(until="b", timeout=20).reason == "until"
    assert native_calls(machine) == 0
    if not is_repeatable:
        assert seen == [(b"a", "vcpu-0"), (b"b", "vcpu-0")]
        machine.on_console = None


def test_what_a_console_raises_leaves_run(machine_of):
    class Broken:
        def write(self, data):
            raise LookupError(data)

    machine = machine_of([*put(b"ok", UNIT), STAY], console=Broken())
    with pytest.raises(LookupError):
        machine.run(timeout=20)
    assert machine.console_output == b"ok"


def test_a_pattern_that_is_printed_in_time_counts_when_time_is_up(machine_of, monkeypatch):
    machine = machine_of([STAY])
    monkeypatch.setattr(machine._output, "settle", lambda: machine._tap.write(b"the end"))
    assert machine.run(until="the end", timeout=0.1).reason == "until"
