"""Rings: chains against a slow model, and every rule that a driver can break."""

import struct

import pytest
from devices.fake_ram import FakeRam
from hypothesis import given, settings
from hypothesis import strategies as st
from virtio_driver import DESC, DriverQueue

from jitppc.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC
from jitppc.devices.virtio.queue import (
    QueueBroken,
    QueueLayout,
    SplitQueue,
    gather,
    scatter,
    skip,
)
from jitppc.ir.virtq_layout import DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE, SIGNALLED, USED

SIZE = 8
DATA = 0x8000


class Pair:
    """A driver's queue and the device's on the same memory."""

    def __init__(self, size: int = SIZE, features: int = F_INDIRECT_DESC | F_EVENT_IDX, page=0):
        self.ram = FakeRam(1 << 16, base=0x10000, page=page)
        self.next = self.ram.base
        self.driver = DriverQueue(self.ram, size, self.bump, features)
        d = self.driver
        layout = QueueLayout(size, d.descriptors, d.available, d.used, size)
        event, indirect = bool(features & F_EVENT_IDX), bool(features & F_INDIRECT_DESC)
        self.device = SplitQueue(self.ram, layout, event, indirect)

    def bump(self, count, alignment):
        address = -(-self.next // alignment) * alignment
        self.next = address + count
        return address

    def put(self, *descriptors, heads=(0,), table=None):
        """Raw descriptors, and the heads made available."""
        for n, fields in enumerate(descriptors):
            self.ram.put((table or self.driver.descriptors) + 16 * n, DESC.pack(*fields))
        for head in heads:
            self.driver.offer(head)
        self.driver.expose()


BASE = 0x10000
IN, OUT = True, False


def test_a_chain_is_what_the_driver_put():
    pair = Pair()
    pair.ram.put(BASE + DATA, b"hello")
    pair.driver.offer(pair.driver.put_chain([(BASE + DATA, 5, OUT), (BASE + DATA + 16, 4, IN)]))
    assert pair.driver.expose()
    (chain,) = pair.device.pop_all()
    assert b"hello" == chain.read(99)
    assert 3 == chain.write(b"abc")
    pair.device.push(chain, 3)
    assert pair.device.publish()
    assert [(chain.head, 3)] == pair.driver.take_used()
    assert b"abc\0" == pair.ram.read(BASE + DATA + 16, 4)
    assert [(BASE + DATA + 16, 4)] == pair.ram.written_ranges


def test_nothing_is_available_before_the_index_says_so():
    pair = Pair()
    pair.driver.offer(pair.driver.put_chain([(BASE + DATA, 1, OUT)]))
    assert [] == pair.device.pop_all()
    assert pair.device.pop() is None


LONG = 1 << 31
N, W, I = DESC_F_NEXT, DESC_F_WRITE, DESC_F_INDIRECT
TABLE = BASE + 0x4000
BROKEN = {
    "loops on itself": [(BASE, 4, N, 0)],
    "loops through another": [(BASE, 4, N, 1), (BASE, 4, N, 0)],
    "names a descriptor behind the table": [(BASE, 4, N, SIZE)],
    "is before memory": [(BASE - 1, 4, 0, 0)],
    "is behind memory": [(BASE + 0xFFFF, 2, 0, 0)],
    "wraps around the address space": [((1 << 64) - 2, 4, 0, 0)],
    "writes outside memory": [(BASE + 0x10000, 1, W, 0)],
    "has a readable buffer after a writable one": [(BASE, 4, N | W, 1), (BASE, 4, 0, 0)],
    "has a table outside memory": [(0, 32, I, 0)],
    "has an empty table": [(TABLE, 0, I, 0)],
    "has a table of half a descriptor": [(TABLE, 24, I, 0)],
    "has a table longer than the queue": [(TABLE, 16 * (SIZE + 1), I, 0)],
    "goes on after a table": [(TABLE, 16, I | N, 1), (BASE, 4, 0, 0)],
}


@pytest.mark.parametrize("descriptors", BROKEN.values(), ids=BROKEN)
def test_a_chain_is_refused_that(descriptors):
    pair = Pair()
    pair.put(*descriptors)
    with pytest.raises(QueueBroken):
        pair.device.pop_all()


BROKEN_TABLES = {
    "loops": [(BASE, 4, N, 0)],
    "holds another table": [(TABLE, 16, I, 0)],
    "names a descriptor behind it": [(BASE, 4, N, 2), (BASE, 4, 0, 0)],
}


@pytest.mark.parametrize("descriptors", BROKEN_TABLES.values(), ids=BROKEN_TABLES)
def test_a_table_is_refused_that(descriptors):
    pair = Pair()
    pair.put(*descriptors, heads=(), table=TABLE)
    pair.put((TABLE, 16 * len(descriptors), I, 0))
    with pytest.raises(QueueBroken):
        pair.device.pop()


def test_a_table_is_refused_when_not_negotiated():
    pair = Pair(features=0)
    pair.put((BASE, 4, 0, 0), heads=(), table=TABLE)
    pair.put((TABLE, 16, I, 0))
    with pytest.raises(QueueBroken):
        pair.device.pop()


def test_direct_descriptors_may_lead_to_a_table():
    pair = Pair()
    pair.put((BASE + DATA, 2, N, 1), (TABLE, 32, I | W, 0))
    pair.put((BASE + DATA + 2, 2, N, 1), (BASE + DATA + 8, 4, W, 0), heads=(), table=TABLE)
    chain = pair.device.pop()
    assert (4, 4) == (chain.readable_bytes(), chain.writable_bytes())


def test_a_chain_of_the_whole_queue_is_the_longest():
    pair = Pair()
    whole = [(BASE + n, 1, N * (n < SIZE - 1), n + 1) for n in range(SIZE)]
    pair.put(*whole)
    assert SIZE == pair.device.pop().readable_bytes()


def test_more_buffers_than_the_queue_has_are_refused():
    pair = Pair()
    pair.put((BASE, 4, 0, 0), heads=[0] * (SIZE + 1))
    with pytest.raises(QueueBroken):
        pair.device.pop_all()


def test_a_head_behind_the_table_is_refused():
    pair = Pair()
    pair.put(heads=[SIZE])
    with pytest.raises(QueueBroken):
        pair.device.pop()


LAYOUTS = {
    "empty": {"size": 0},
    "no power of two": {"size": 6},
    "larger than offered": {"size": 16},
    "unaligned descriptors": {"descriptors": BASE + 8},
    "unaligned available ring": {"available": BASE + 0x1001},
    "unaligned used ring": {"used": BASE + 0x2002},
    "descriptors outside": {"descriptors": BASE + 0x10000 - 16},
    "available ring outside": {"available": 0},
    "used ring outside": {"used": BASE + 0x10000 - 64},
}


@pytest.mark.parametrize("wrong", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_is_refused_that_is(wrong):
    right = {"size": 8, "descriptors": BASE, "available": BASE + 0x1000, "used": BASE + 0x2000}
    SplitQueue(FakeRam(1 << 16, BASE), QueueLayout(**right, max_size=8), True, True)
    with pytest.raises(QueueBroken):
        SplitQueue(FakeRam(1 << 16, BASE), QueueLayout(**right | wrong, max_size=8), True, True)


def test_interrupts_come_when_the_used_index_passes_the_wish():
    """Ref: virtio 1.2, 2.7.7: the formula there, over all distances and around the wrap."""
    for start in (0, 0xFFFC):
        for wish in range(-3, 4):
            for count in range(1, 4):
                pair = Pair()
                pair.device.state[USED] = pair.device.state[SIGNALLED] = start
                pair.driver.want_interrupt_after((start + wish) & 0xFFFF)
                for _ in range(count):
                    pair.put((BASE, 4, 0, 0))
                for chain in pair.device.pop_all():
                    pair.device.push(chain, 0)
                assert (0 <= wish < count) == pair.device.publish()


@pytest.mark.parametrize("flag", [0, 1])
def test_without_event_index_the_flag_decides(flag):
    pair = Pair(features=0)
    pair.ram.put16(pair.driver.available, flag)
    pair.put((BASE, 4, 0, 0))
    pair.device.push(pair.device.pop(), 0)
    assert (not flag) == pair.device.publish()
    assert not pair.device.publish(), "nothing new was pushed"


@pytest.mark.parametrize("features", [0, F_EVENT_IDX])
def test_the_doorbell_is_asked_for_by_listen_only(features):
    pair = Pair(features=features)
    assert pair.device.listen()
    pair.driver.offer(pair.driver.put_chain([(BASE, 1, OUT)]))
    assert pair.driver.expose()
    pair.device.silence()
    pair.device.pop_all()
    pair.driver.offer(pair.driver.put_chain([(BASE, 1, OUT)]))
    assert not pair.driver.expose()
    assert not pair.device.listen(), "one is there already"
    pair.device.pop_all()
    assert pair.device.listen()


@st.composite
def chain_plans(draw):
    """Buffers as (length, writable), readable ones first; and whether they are in a table."""
    readable = draw(st.lists(st.integers(0, 300), max_size=4))
    writable = draw(st.lists(st.integers(0, 300), max_size=4))
    if not readable and not writable:
        readable = [draw(st.integers(0, 300))]
    plan = [(n, False) for n in readable] + [(n, True) for n in writable]
    return plan, draw(st.booleans())


@given(
    rounds=st.lists(st.lists(chain_plans(), max_size=4), max_size=12),
    page=st.sampled_from([0, 64, 4096]),
    event_index=st.booleans(),
)
@settings(max_examples=150)
def test_random_chains_arrive_as_the_model_says(rounds, page, event_index):
    """What was put into the chains comes out, in order; what is written lands; nothing is lost."""
    features = F_INDIRECT_DESC | (F_EVENT_IDX if event_index else 0)
    pair = Pair(size=32, features=features, page=page)
    fill = 0
    for plans in rounds:
        at, expected = BASE + DATA, []
        for plan, in_table in plans:
            buffers, contents = [], b""
            table = BASE + 0x4000 + 0x200 * len(expected) if in_table else None
            for length, writable in plan:
                if not writable:
                    data = bytes((fill + n) & 0xFF for n in range(length))
                    fill += length
                    pair.ram.put(at, data)
                    contents += data
                buffers.append((at, length, writable))
                at += length
            head = pair.driver.put_chain(buffers, table)
            pair.driver.offer(head)
            expected.append((head, contents, [b for b in buffers if b[2] and b[1]]))
        pair.driver.expose()
        found = pair.device.pop_all()
        assert [(head, contents) for head, contents, _ in expected] == [
            (chain.head, chain.read(1 << 20)) for chain in found
        ]
        answers = []
        for chain, (head, _, writable) in zip(found, expected, strict=True):
            room = sum(length for _, length, _ in writable)
            assert room == chain.writable_bytes()
            answer = bytes((head + n) & 0xFF for n in range(room))
            assert room == chain.write(answer)
            pair.device.push(chain, room)
            answers.append((head, room, answer, writable))
        pair.device.publish()
        assert [(head, room) for head, room, *_ in answers] == pair.driver.take_used()
        for _, _, answer, writable in answers:
            assert answer == b"".join(pair.ram.read(start, n) for start, n, _ in writable)
    assert pair.ram.is_sound()


@given(st.lists(st.binary(max_size=9), max_size=5), st.integers(0, 50))
def test_views_are_one_string(parts, count):
    whole = b"".join(parts)
    views = [memoryview(bytearray(part)) for part in parts]
    assert whole[:count] == gather(views, count)
    assert whole[count:] == b"".join(skip(views, count))
    data = bytes(range(1, 1 + count))
    assert min(count, len(whole)) == scatter(views, data)
    assert (data + whole[count:])[: len(whole)] == b"".join(views)


def test_used_elements_are_whole_in_paged_memory():
    """Rings over several pages are written like others."""
    for page in (0, 16):
        pair = Pair(page=page)
        for n in range(20):
            head = pair.driver.put_chain([(BASE + DATA, 8, IN)])
            pair.driver.offer(head)
            pair.driver.expose()
            pair.device.push(pair.device.pop(), 0x10000 + n)
            pair.device.publish()
            assert [(head, 0x10000 + n)] == pair.driver.take_used()
    assert struct.calcsize("<QIHH") == DESC.size
