"""An idle vCPU is woken at once, or sleeps as long as it asked for."""

import threading
import time

from jitppc.runtime import alarm
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
    monkeypatch.setattr(alarm, "SELECTABLE", 0)
    test_a_ring_ends_the_wait()
    test_nobody_rings_who_is_not_waited_for()


def test_a_time_in_the_past_is_over():
    Alarm().wait(-1.0)
