"""virtio-rng: bytes of its source, within its limit."""

import time

from virtio_driver import Driver

from jitppc.devices.virtio.rng import VirtioRng


def test_buffers_are_filled_from_the_source():
    with Driver(VirtioRng(lambda count: b"\xa5" * count)) as driver:
        assert b"\xa5" * 300 == driver.request(0, b"", 300, cut=(7, 64))


def test_no_two_answers_are_the_same():
    with Driver(VirtioRng()) as driver:
        assert 100 == len({driver.request(0, b"", 16) for _ in range(100)})


def test_the_limit_holds_in_each_period():
    with Driver(VirtioRng(lambda count: b"\xa5" * count, max_bytes=10, period=0.2)) as driver:
        start = time.monotonic()
        assert b"\xa5" * 10 + bytes(10) == driver.request(0, b"", 20)
        assert b"\xa5" * 3 == driver.request(0, b"", 3)
        assert time.monotonic() - start > 0.15


def test_a_reset_ends_the_wait_for_the_next_period():
    device = VirtioRng(max_bytes=1, period=3600)
    driver = Driver(device)
    driver.activate()
    driver.request(0, b"", 1)
    driver.send(0, [(driver.bump(4), 4, True)])
    start = time.monotonic()
    device.close()
    assert time.monotonic() - start < 5
