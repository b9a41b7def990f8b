"""H_SEND_CRQ and H_VIO_SIGNAL in native code: a vscsi adapter that is asked by real hypercalls."""

import random
import struct

import pytest
from native_calls import Caller
from vscsi_guest import DATA, RING, UNIT, UNITS, VscsiGuest, command

from jitppc.ir.crq_layout import MAX_WAITING
from jitppc.ir.hcalls import H
from jitppc.ir.layout import COUNTER
from jitppc.runtime.crq import NativeInbox
from jitppc.spapr.vio.crq import PlainInbox

SEND, SIGNAL = 0x108, 0x104
OTHER = UNIT + 1


@pytest.fixture(scope="module")
def caller():
    made = Caller()
    made.guest = VscsiGuest(inbox=NativeInbox(made.memory, UNIT))
    made.spare = NativeInbox(made.memory, OTHER)
    yield made
    made.guest.vscsi.close()


def send(caller, element):
    high, low = struct.unpack(">QQ", element)
    return caller.call(SEND, UNIT, high, low)


def test_commands_by_hypercall_are_done(caller):
    guest = caller.guest
    for n in range(3 * 256):                # more than the ring of the guest has elements
        guest.disk.data[:512] = n.to_bytes(4, "big") * 128
        iu = command("28000000000000000100", tag=n, data_in=[(DATA, 512)])
        guest.ram.memory[UNITS : UNITS + 256] = iu.ljust(256, b"\0")
        assert send(caller, struct.pack(">BB4xHQ", 0x80, 1, 256, UNITS)) == H.SUCCESS
        element = guest.receive()
        assert element is not None
        assert element[8:] == n.to_bytes(8, "big")
        assert guest.ram.memory[DATA : DATA + 512] == n.to_bytes(4, "big") * 128
    assert caller.count(COUNTER["vio_calls"]) >= 3 * 256


def test_the_guest_says_whether_it_wants_interrupts(caller):
    guest = caller.guest
    for wanted in (0, 1):
        assert caller.call(SIGNAL, UNIT, wanted) == H.SUCCESS
        guest.pulses.clear()
        assert send(caller, struct.pack(">BB4xHQ", 0xC0, 1, 0, 0)) == H.SUCCESS
        assert guest.receive()[:2] == bytes((0xC0, 2))
        assert wanted == guest.pulses_by_now()
    assert caller.call(SIGNAL, UNIT, 2) is None
    assert caller.call(SIGNAL, UNIT + 7, 1) is None


def test_a_device_without_a_ring_is_left_to_python(caller):
    guest = caller.guest
    guest.vscsi.free_crq()
    assert send(caller, bytes(16)) is None
    assert guest.vscsi.register_crq(RING, guest.ring_size) == H.SUCCESS
    guest.at = 0
    assert send(caller, bytes(16)) == H.SUCCESS


def test_both_inboxes_hold_the_same_whatever_is_done(caller, pytestconfig):
    """Puts by hypercall and from Python, takes and clears: the same elements in the same order."""
    rng, mine, judge, opened, fullest = random.Random(3), caller.spare, PlainInbox(), False, 0
    for _ in range(3000 * pytestconfig.getoption("hostile_rounds")):
        what, element = rng.random(), rng.randbytes(16)
        if what < 0.02:
            opened = rng.random() < 0.9
            mine.set_open(is_open=opened)
        elif what < 0.021:
            mine.clear()
            judge.clear()
        elif what < 0.25:
            assert judge.take() == mine.take()
        else:
            expected = opened and judge.put(element)
            if what < 0.7:
                assert expected == mine.put(element)
            else:
                answer = caller.call(SEND, OTHER, *struct.unpack(">QQ", element))
                assert answer == (H.SUCCESS if expected else None)
        fullest = max(fullest, len(judge._waiting))
    assert MAX_WAITING == fullest
