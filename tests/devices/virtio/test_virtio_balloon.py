"""virtio-balloon: pages that go, sizes, statistics, free pages reported."""

import struct
import threading

import pytest
from virtio_driver import Driver

from jitppc.devices.virtio import balloon
from jitppc.devices.virtio.balloon import VirtioBalloon

MEMORY = 64 << 20
PAGE = 4096


@pytest.fixture
def gone():
    return []


@pytest.fixture
def device(gone):
    give_back = lambda address, count: gone.append((address, count))  # noqa: E731
    return VirtioBalloon(MEMORY, give_back, free_page_reporting=True)


@pytest.fixture
def driver(device):
    with Driver(device) as made:
        yield made


def pages(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


def test_neighbouring_pages_go_together(driver, device, gone):
    driver.request(0, pages(7, 3, 5, 4, 9, 9, 8), 0, cut=(4, 9))
    assert [(3 * PAGE, 3 * PAGE), (7 * PAGE, 3 * PAGE)] == gone
    driver.request(1, pages(7), 0)
    assert 2 == len(gone)
    assert 6 * PAGE == device.given_back


def test_page_numbers_behind_four_gigabytes_are_whole(driver, gone):
    driver.request(0, pages(0xFFFF_FFFF, 0), 0)
    assert [(0, PAGE), (0xFFFF_FFFF * PAGE, PAGE)] == gone


def test_the_target_is_told_and_the_guest_tells_how_far_it_is(driver, device):
    device.set_target(MEMORY - (10 << 20))
    assert 1 == driver.transport.config_changes
    assert struct.pack("<II", 2560, 0) == device.read_config(0, 8)
    device.write_config(4, struct.pack("<I", 2000))
    assert MEMORY - 2000 * PAGE == device.guest_memory
    assert struct.pack("<I", 2000) == device.read_config(4, 4)
    device.set_target(MEMORY * 2)
    assert bytes(4) == device.read_config(0, 4)


def put_stats(driver, *entries):
    data = b"".join(struct.pack("<HQ", tag, value) for tag, value in entries)
    address = driver.bump(len(data))
    driver.ram.put(address, data)
    driver.send(2, [(address, len(data), False)])


def test_statistics_are_asked_for_by_giving_the_buffer_back(driver, device):
    put_stats(driver, (4, 1000), (99, 5), (0, 7))

    def guest():
        driver.wait_used(2)
        put_stats(driver, (5, 3000), (4, 2000))

    # The first numbers were the driver's own; the next come for the asking.
    assert device.wait_for(lambda: device._statistics_round == 1, 20)
    thread = threading.Thread(target=guest)
    thread.start()
    assert {"total-memory": 3000, "free-memory": 2000} == device.statistics(timeout=20)
    thread.join()


def test_old_statistics_serve_when_the_guest_does_not_answer(driver, device):
    assert {} == device.statistics(timeout=0.05)
    put_stats(driver, (4, 1000))
    assert device.wait_for(lambda: device._statistics_round == 1, 20)
    assert {"free-memory": 1000} == device.statistics(timeout=0.05)


def test_reported_pages_go_before_the_report_is_acknowledged(driver, gone):
    """Only whole pages do. Linux numbers the queue by what is negotiated."""
    base = driver.bump(16 * PAGE, PAGE)
    driver.send(4, [(base, 4 * PAGE, True), (base + 8 * PAGE + 1, 2 * PAGE, True)])
    driver.wait_used(4)
    assert [(base, 4 * PAGE), (base + 9 * PAGE, PAGE)] == gone


def test_without_hints_reports_come_on_the_queue_before(device, gone):
    features = device.features & ~balloon.F_FREE_PAGE_HINT
    with Driver(device, features=features, sizes=[256] * 4 + [None]) as driver:
        base = driver.bump(4 * PAGE, PAGE)
        driver.send(3, [(base, 4 * PAGE, True)])
        driver.wait_used(3)
        assert [(base, 4 * PAGE)] == gone


def test_poisoned_pages_stay_as_they_are(device, gone):
    device.write_config(12, struct.pack("<I", 0xAAAAAAAA))
    with Driver(device) as driver:
        base = driver.bump(4 * PAGE, PAGE)
        driver.send(4, [(base, 4 * PAGE, True)])
        driver.wait_used(4)
        assert [] == gone
        assert b"\xaa" * 4 == device.read_config(12, 4)
