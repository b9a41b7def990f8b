"""An idle vCPU is woken at once, or sleeps as long as it asked for."""

import signal
import threading
import time

from jitppc import bell
from jitppc.bell import Bell
from jitppc.runtime.alarm import Alarm


def test_a_ring_ends_the_wait():
    one = Alarm()
    one.arm()
    threading.Timer(0.05, one.ring).start()
    started = time.monotonic()
    one.wait(60)
    assert 0.04 < time.monotonic() - started < 30


def test_a_ring_between_arming_and_waiting_counts_once():
    one = Alarm()
    one.arm()
    one.ring()
    one.wait(60)
    started = time.monotonic()
    one.wait(0.05)
    assert time.monotonic() - started >= 0.04


def test_nobody_rings_who_is_not_waited_for():
    one = Alarm()
    one.ring()
    one.arm()
    one.disarm()
    one.ring()
    started = time.monotonic()
    one.wait(0.05)
    assert time.monotonic() - started >= 0.04


def test_high_file_descriptors_work_too(monkeypatch):
    monkeypatch.setattr(bell, "SELECTABLE", 0)
    test_a_ring_ends_the_wait()
    test_nobody_rings_who_is_not_waited_for()


def test_a_time_in_the_past_is_over():
    Alarm().wait(-1.0)


def test_a_signal_is_no_ring():
    one, woken = Bell(), []
    waiter = threading.Thread(target=lambda: (one.wait(), woken.append(True)))
    before = signal.signal(signal.SIGCONT, lambda *_: None)  # as the console has it, for Ctrl-Z
    try:
        waiter.start()
        time.sleep(0.02)
        signal.pthread_kill(waiter.ident, signal.SIGCONT)
        time.sleep(0.02)
        assert not woken
        one.ring()
        waiter.join(60)
        assert woken
    finally:
        signal.signal(signal.SIGCONT, before)
