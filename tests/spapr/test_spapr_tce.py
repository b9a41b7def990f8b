import numpy as np
import pytest
from devices.fake_ram import FakeRam
from hypothesis import given
from hypothesis import strategies as st

from jitppc.devices.ports import DmaError
from jitppc.ir.hcalls import H
from jitppc.spapr.tce import MAX_ENTRIES, TceDma, TceTable, TceTables

M64 = (1 << 64) - 1
PARAMETER = H.PARAMETER & M64
PAGE = 4096
LIOBN, WINDOW = 0x71000003, 0x20000
RAM = 1 << 20
LIST = 0x40000


@pytest.fixture
def ask(call):
    """A function: the answers of hypercalls to a machine with a table of 16 pages of 4 KiB."""

    def make(*calls, tces=()):
        def program(vcpu):
            call.machine._tces.add(TceTable(LIOBN, WINDOW, 12, 16))
            call.machine.memory.write(LIST, b"".join(tce.to_bytes(8, "big") for tce in tces))
            answers = []
            for one in calls:
                answers.append((yield from vcpu.hcall(*one))[:2])  # noqa: PERF401 (`yield`)
            return answers

        return call(program)

    return make


def test_put_tce_is_what_get_tce_answers(ask):
    answers = ask((0x20, LIOBN, WINDOW + 5 * PAGE, 0x7003), (0x1C, LIOBN, WINDOW + 5 * PAGE + 8))
    assert answers[0][0] == 0
    assert answers[1] == [0, 0x7003]


def test_addresses_outside_the_window_and_unknown_tables_are_refused(ask):
    outside = (WINDOW - 1, WINDOW + 16 * PAGE, 0, M64)
    for ioba in outside:
        assert ask((0x20, LIOBN, ioba, 3), (0x1C, LIOBN, ioba)) == [
            [PARAMETER, LIOBN],
            [PARAMETER, LIOBN],
        ]
    assert ask((0x20, LIOBN + 1, WINDOW, 3))[0][0] == PARAMETER


def test_indirect_and_stuffed_entries_are_all_or_nothing(ask):
    tces = [0x1000 * i | 3 for i in range(1, 5)]
    put = (0x13C, LIOBN, WINDOW + 12 * PAGE, LIST, 4)
    too_many = (0x13C, LIOBN, WINDOW + 13 * PAGE, LIST, 4)
    get = (0x1C, LIOBN, WINDOW + 14 * PAGE)
    stuff = (0x138, LIOBN, WINDOW, 0x9001, 16)
    too_long = (0x138, LIOBN, WINDOW, 0, 17)
    answers = ask(put, too_many, get, stuff, too_long, get, tces=tces)
    assert [a[0] for a in answers] == [0, PARAMETER, 0, 0, PARAMETER, 0]
    assert answers[2][1] == tces[2]
    assert answers[5][1] == 0x9001


def test_a_list_of_entries_is_one_page_of_ram(ask):
    calls = [(LIST + 8, 1), (LIST, 513), (1 << 40, 1)]
    assert [a[0] for a in ask(*((0x13C, LIOBN, WINDOW, *c) for c in calls))] == [PARAMETER] * 3


@pytest.fixture
def space():
    ram = FakeRam(RAM)
    table = TceTable(LIOBN, WINDOW, 12, 16)
    return ram, table, TceDma(lambda: [table], ram)


def test_pages_that_follow_one_another_are_one_view(space):
    ram, table, dma = space
    table.put(0, [0x8003, 0x9003, 0x4003])
    assert [len(v) for v in dma.views(WINDOW + 16, 3 * PAGE - 16, True)] == [2 * PAGE - 16, PAGE]
    ram.write(0x4000, b"x")
    assert dma.read(WINDOW + 2 * PAGE - 1, 2) == b"\0x"


def test_a_page_without_the_right_stops_the_whole_transfer(space):
    ram, table, dma = space
    table.put(0, [0x8003, 0x9001, 0xA002])
    before = bytes(ram.memory)
    with pytest.raises(DmaError):
        dma.write(WINDOW + PAGE - 4, b"12345678")
    assert bytes(ram.memory) == before
    assert dma.read(WINDOW + PAGE, 4) == bytes(4)
    with pytest.raises(DmaError):
        dma.read(WINDOW + 2 * PAGE, 4)
    dma.write(WINDOW + 2 * PAGE, b"abcd")
    assert ram.read(0xA000, 4) == b"abcd"


def test_a_page_outside_ram_stops_a_write_before_its_first_byte(space):
    ram, table, dma = space
    table.put(0, [0x8003, RAM | 3])
    with pytest.raises(DmaError):
        dma.write(WINDOW, bytes([1]) * 2 * PAGE)
    assert not any(ram.memory)


def test_a_bypassed_table_leads_to_guest_real_addresses(space):
    ram, table, dma = space
    table.is_bypassed = True
    dma.write(WINDOW + 3, b"real")
    assert ram.read(WINDOW + 3, 4) == b"real"
    last = RAM - 4
    assert table.index(last) is None
    dma.write(last, b"last")
    assert ram.read(last, 4) == b"last"
    table.reset()
    with pytest.raises(DmaError):
        dma.read(WINDOW + 3, 4)


@given(
    st.lists(st.integers(0, 17).map(lambda page: page << 12 | 3), min_size=16, max_size=16),
    st.integers(0, 16 * PAGE),
    st.integers(0, 3 * PAGE),
)
def test_what_is_written_through_a_table_is_where_its_pages_are(tces, offset, count):
    count = min(count, 16 * PAGE - offset)
    ram = FakeRam(18 * PAGE)
    table = TceTable(LIOBN, 1 << 59, 12, 16)
    table.put(0, tces)
    dma = TceDma(lambda: [table], ram)
    data = np.random.default_rng(count).integers(0, 256, count, np.uint8).tobytes()
    expected = bytearray(ram.memory)
    for i, byte in enumerate(data):
        page, within = divmod(offset + i, PAGE)
        expected[(tces[page] & ~3) + within] = byte
    if count or offset < 16 * PAGE:
        dma.write((1 << 59) + offset, data)
        dma.written((1 << 59) + offset, count)
    assert bytes(ram.memory) == expected
    if count and len(set(tces)) == 16:
        assert dma.read((1 << 59) + offset, count) == data


def test_a_table_of_the_greatest_size_costs_nothing_until_used():
    table = TceTable(1, 0, 16, MAX_ENTRIES)
    table.put(MAX_ENTRIES - 1, [3])
    assert table.get(MAX_ENTRIES - 1) == 3
    table.reset()
    assert table.get(MAX_ENTRIES - 1) == 0
    for count in (0, MAX_ENTRIES + 1):
        with pytest.raises(ValueError, match="entries"):
            TceTable(1, 0, 16, count)


def test_tables_have_numbers_of_their_own():
    tables = TceTables()
    tables.add(TceTable(5, 0, 12, 1))
    with pytest.raises(ValueError, match="taken"):
        tables.add(TceTable(5, 0, 12, 1))
    tables.remove(5)
    assert tables.get(5) is None
    assert list(tables) == []
