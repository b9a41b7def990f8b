"""The vscsi adapter against a guest that builds its units by hand."""

import struct
import threading

import pytest
from vscsi_guest import DATA, PAGE, RING, UNIT, UNITS, VscsiGuest, command, lun, response_of

from jitppc.ir.hcalls import H
from jitppc.spapr.fdt_values import cells, get
from jitppc.spapr.vio import crq
from jitppc.spapr.vio.crq import MAX_WAITING

READ_2_BLOCKS = "28000000000400000200"
WRITE_2_BLOCKS = "2a000000000400000200"


@pytest.fixture
def guest():
    made = VscsiGuest()
    yield made
    made.vscsi.close()


def test_an_initialisation_is_answered_and_interrupts(guest):
    assert guest.send(valid=0xC0, form=1, size=0, where=0) == H.SUCCESS
    assert bytes((0xC0, 2)) + bytes(14) == guest.receive()
    assert 1 == guest.pulses_by_now()


def test_nothing_interrupts_while_signals_are_off(guest):
    assert guest.vscsi.set_signal(0)
    assert not guest.vscsi.set_signal(2)
    guest.send(valid=0xC0, form=1, size=0, where=0)
    assert guest.receive() is not None
    assert 0 == guest.pulses_by_now()


@pytest.mark.parametrize(("patience_ns", "expected"), [(0, 8), (1 << 60, 1)])
def test_the_guest_hears_in_time_of_what_is_done(guest, monkeypatch, patience_ns, expected):
    """Of each request if they take long, of all together if they do not."""
    monkeypatch.setattr(crq, "TELL_NS", patience_ns)
    with guest.vscsi._serving._busy:
        for _ in range(8):
            guest.send(valid=0xC0, form=1, size=0, where=0)
    for _ in range(8):
        assert guest.receive() is not None
    assert expected == guest.pulses_by_now()


def test_a_login_says_how_much_may_be_outstanding(guest):
    login = bytes(8) + (99).to_bytes(8, "big") + bytes(48)
    reply, element = guest.exchange(login)
    assert 0xC0 == reply[0]
    assert struct.unpack(">IQIIH", reply[4:26]) == (62, 99, 256, 256, 6)
    assert bytes((0x80, 1, 0, 0, 0, 0, 0, 52)) + (99).to_bytes(8, "big") == element


@pytest.mark.parametrize("cuts", [[1024], [512, 512], [1, 600, 423], [64] * 16])
def test_blocks_go_to_and_from_every_shape_of_buffer(guest, cuts):
    expected = bytes(range(256)) * 4
    pieces, at = [], 0
    for n, size in enumerate(cuts):
        where = DATA + n * PAGE + 4096 - size // 2
        guest.ram.memory[where : where + size] = expected[at : at + size]
        pieces.append((where, size))
        at += size
    buffers = (None, None)
    if len(cuts) > 10:
        raw = b"".join(struct.pack(">QII", where, 0, size) for where, size in pieces)
        guest.ram.memory[0x8000 : 0x8000 + len(raw)] = raw
        buffers = ((2, 0, struct.pack(">QIII", 0x8000, 0, len(raw), 1024)), None)
    reply, _ = guest.exchange(command(WRITE_2_BLOCKS, data_out=pieces, buffers=buffers))
    assert (0, 0, 0, 0, b"", b"") == response_of(reply)
    assert expected == guest.disk.data[4 * 512 : 6 * 512]
    guest.ram.written_ranges.clear()
    reply, _ = guest.exchange(command(READ_2_BLOCKS, data_in=[(0x40000, 1000), (0x50000, 24)]))
    assert (0, 0, 0, 0, b"", b"") == response_of(reply)
    found = guest.ram.memory[0x40000:0x403E8], guest.ram.memory[0x50000:0x50018]
    assert expected == b"".join(found)
    assert {(0x40000, 1000), (0x50000, 24)} <= set(guest.ram.written_ranges)


def test_a_failed_command_brings_its_sense(guest):
    reply, _ = guest.exchange(command("2800ffffffff00000100", data_in=[(DATA, 512)]))
    flags, status, _, residual, sense, _ = response_of(reply)
    assert (0x22, 2, 512) == (flags, status, residual)
    assert bytes.fromhex("700005000000000a00000000210000000000") == sense


def test_a_short_answer_leaves_zeroes_and_says_how_short(guest):
    guest.ram.memory[DATA : DATA + 255] = b"\xee" * 255
    reply, _ = guest.exchange(command("12000000ff00", data_in=[(DATA, 255)]))
    assert (0x20, 0, 0, 255 - 36) == response_of(reply)[:4]
    assert bytes(255 - 36) == guest.ram.memory[DATA + 36 : DATA + 255]


def test_a_place_without_a_unit_is_empty(guest):
    reply, _ = guest.exchange(command("120000002400", lun(5), data_in=[(DATA, 36)]))
    assert 0 == response_of(reply)[1]
    inquiry = guest.ram.memory[DATA : DATA + 36]
    assert (0x7F, b"QEMU EMPTY") == (inquiry[0], inquiry[16:26])
    reply, _ = guest.exchange(command("000000000000", lun(5)))
    assert (2, 0x25) == (response_of(reply)[1], response_of(reply)[4][12])


def test_lun_0_reports_every_unit_to_firmware(guest):
    reply, _ = guest.exchange(command("a0" + "00" * 8 + "400000", 0, data_in=[(DATA, 64)]))
    assert 0 == response_of(reply)[1]
    listed = guest.ram.memory[DATA : DATA + 24]
    assert bytes.fromhex("000000100000000000000000000000008200000000000000") == listed


@pytest.mark.parametrize(
    ("function", "where", "expected"),
    [(1, 0, 0), (2, 0, 0), (4, 0, 0), (8, 0, 0), (0x40, 0, 4), (8, 9, 2), (3, 0, 2)],
)
def test_task_management_is_answered(guest, function, where, expected):
    request = bytes((1,)) + bytes(7) + (5).to_bytes(8, "big") + bytes(4)
    request += lun(where).to_bytes(8, "big") + bytes((0, 0, function, 0)) + bytes(16)
    reply, _ = guest.exchange(request)
    flags, _, _, _, _, data = response_of(reply)
    assert (1, bytes((0, 0, 0, expected))) == (flags, data)
    reply, _ = guest.exchange(command("000000000000"))
    is_told = response_of(reply)[4][2:3] == b"\6"
    assert is_told == (function == 8 and expected == 0)


def test_the_adapter_says_who_it_is(guest):
    datagram = struct.pack(">IHHQQ", 3, 0, 148, 77, DATA)
    reply, element = guest.exchange(datagram, form=2)
    assert (3, 0) == struct.unpack(">IH", reply[:6])
    assert (2, 77) == (element[1], int.from_bytes(element[8:], "big"))
    info = bytes(guest.ram.memory[DATA : DATA + 148])
    assert b"16.a" == info[:4]
    assert (0, 1, 2, 2 << 20) == struct.unpack(">IIII", info[104:120])


@pytest.mark.parametrize(("kind", "status"), [(1, 0xF1), (2, 0xF1), (9, 0), (10, 0xF1)])
def test_other_datagrams_are_answered(guest, kind, status):
    guest.ram.memory[DATA : DATA + 92] = b"\xff" * 92
    reply, _ = guest.exchange(struct.pack(">IHHQQ", kind, 0xAA, 92, 77, DATA), form=2)
    assert (kind, status) == struct.unpack(">IH", reply[:6])
    if kind == 9:
        assert bytes(4) == guest.ram.memory[DATA : DATA + 4]


def test_memory_that_is_not_mapped_fails_the_command_only(guest):
    guest.window.table.fill(DATA // PAGE, 1, 0)
    reply, _ = guest.exchange(command(READ_2_BLOCKS, data_in=[(DATA, 1024)]))
    assert (2, 4, 0x44) == (
        response_of(reply)[1],
        response_of(reply)[4][2],
        response_of(reply)[4][12],
    )
    assert guest.send(where=DATA) == H.SUCCESS
    guest.window.table.fill(UNITS // PAGE, 1, UNITS | 1)
    guest.ram.memory[UNITS : UNITS + 256] = command("000000000000").ljust(256, b"\0")
    guest.send()
    assert 0x10 == guest.receive()[3]


def test_a_ring_has_whole_mapped_pages(guest):
    vscsi = guest.vscsi
    assert H.RESOURCE == vscsi.register_crq(RING, PAGE)
    vscsi.free_crq()
    assert H.CLOSED == guest.send()
    for ioba, size in [
        (RING + 16, PAGE),
        (RING, 0),
        (RING, 100),
        (RING, 512 << 20),
        (0x900000, PAGE),
    ]:
        assert H.PARAMETER == vscsi.register_crq(ioba, size)
    assert H.SUCCESS == vscsi.register_crq(RING, PAGE)


def test_a_full_ring_and_a_flood_of_elements_are_survived(guest):
    for _ in range(PAGE // 16 + 8):
        while guest.send(valid=0xC0, form=1, size=0, where=0) == H.DROPPED:
            pass
    answers = 0
    while guest.receive(0.2) is not None:
        answers += 1
    assert PAGE // 16 <= answers <= PAGE // 16 + 8
    results = {guest.send(valid=0, size=0) for _ in range(20 * MAX_WAITING)}
    assert results <= {H.SUCCESS, H.DROPPED}


def test_after_quiesce_nothing_is_reached(guest):
    guest.vscsi.quiesce()
    assert H.CLOSED == guest.send()
    assert 0 == guest.window.table.get(DATA // PAGE)


def test_its_node_is_that_of_the_reference(guest):
    node = guest.vscsi.tree_node()
    assert "v-scsi@71000002" == node.name
    assert cells(UNIT, 0, 0, 0, 0x10000000) == get(node, "ibm,my-dma-window")
    assert cells(0x1102, 0) == get(node, "interrupts")


def test_a_reset_waits_for_the_transfer_in_flight_and_forgets_the_rest(guest):
    """Nothing reaches memory once it has returned."""
    is_reading, may_go_on = threading.Event(), threading.Event()
    read = guest.disk.read_into

    def read_into(offset, views):
        is_reading.set()
        assert may_go_on.wait(5)
        read(offset, views)

    guest.disk.read_into = read_into
    iu = command(READ_2_BLOCKS, data_in=[(DATA, 1024)])
    guest.ram.memory[UNITS : UNITS + 256] = iu.ljust(256, b"\0")
    for _ in range(5):
        assert guest.send() == H.SUCCESS
    assert is_reading.wait(5)
    resetting = threading.Thread(target=guest.vscsi.reset)
    resetting.start()
    resetting.join(0.1)
    assert resetting.is_alive()
    may_go_on.set()
    resetting.join(5)
    assert not resetting.is_alive()
    before, pulses = bytes(guest.ram.memory), len(guest.pulses)
    is_reading.clear()
    assert not is_reading.wait(0.1)
    assert (before, pulses) == (bytes(guest.ram.memory), len(guest.pulses))
    assert pulses <= 1
