"""The XICS controller: what each call does, and laws of any sequence of them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from spapr_fakes import Line, fake_xics

from jitppc.ir.xics_layout import IPI_SOURCE, LEAST_FAVOURED
from jitppc.spapr.xics import Xics


def controller(count=1, cppr=0xFF):
    lines = [Line() for _ in range(count)]
    xics = Xics(fake_xics(lines))
    xics.claim(0x1100)
    xics.claim(0x1101)
    xics.claim(0x1200, is_level=True)
    for server in range(count):
        xics.set_cppr(server, cppr)
    return xics, lines


def test_a_pulse_is_accepted_once_and_sets_the_cppr():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.pulse(0x1100)
    assert line.external
    assert xics.poll(0) == (0xFF001100, 0xFF)
    assert xics.accept(0) == 0xFF001100
    assert not line.external
    assert xics.accept(0) == 0x05000000
    xics.end_of_interrupt(0, 0xFF001100)
    assert not line.external
    assert xics.poll(0)[0] == 0xFF000000


def test_a_masked_pulse_is_delivered_when_unmasked():
    xics, (line,) = controller()
    xics.pulse(0x1100)
    assert not line.external
    xics.set_xive(0x1100, 0, 5)
    assert line.external
    xics.accept(0)
    xics.mask(0x1100)
    xics.pulse(0x1100)
    xics.end_of_interrupt(0, 0xFF001100)
    assert not line.external
    xics.unmask(0x1100)
    assert xics.get_xive(0x1100) == (0, 5)
    assert line.external


def test_pulses_while_in_service_come_back_after_end_of_interrupt():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.pulse(0x1100)
    xics.accept(0)
    xics.pulse(0x1100)
    assert not line.external
    xics.end_of_interrupt(0, 0xFF001100)
    assert line.external


def test_a_more_favoured_source_displaces_a_pending_one_which_comes_back():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.set_xive(0x1101, 0, 4)
    xics.pulse(0x1100)
    xics.pulse(0x1101)
    assert xics.accept(0) & 0xFFFFFF == 0x1101
    assert not line.external
    xics.end_of_interrupt(0, 0xFF001101)
    assert xics.accept(0) & 0xFFFFFF == 0x1100


def test_a_lower_cppr_sends_the_pending_interrupt_back_to_its_source():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.pulse(0x1100)
    xics.set_cppr(0, 5)
    assert not line.external
    xics.set_cppr(0, 6)
    assert line.external


def test_an_ipi_is_source_2_and_lasts_until_mfrr_is_cleared():
    xics, lines = controller(2)
    xics.set_mfrr(1, 4)
    assert [line.external for line in lines] == [False, True]
    assert xics.accept(1) == 0xFF000002
    xics.end_of_interrupt(1, 0xFF000002)
    assert lines[1].external
    assert xics.accept(1) == 0xFF000002
    xics.set_mfrr(1, 0xFF)
    xics.end_of_interrupt(1, 0xFF000002)
    assert not lines[1].external


def test_an_ipi_that_is_withdrawn_before_it_is_taken_lowers_the_line():
    xics, (line,) = controller()
    xics.set_mfrr(0, 4)
    xics.set_mfrr(0, 0xFF)
    assert not line.external
    assert xics.accept(0) == 0xFF000000


def test_a_level_source_comes_back_until_its_level_falls():
    xics, (line,) = controller()
    xics.set_xive(0x1200, 0, 5)
    xics.set_level(0x1200, True)
    assert xics.accept(0) & 0xFFFFFF == 0x1200
    xics.end_of_interrupt(0, 0xFF001200)
    assert line.external
    xics.accept(0)
    xics.set_level(0x1200, False)
    xics.end_of_interrupt(0, 0xFF001200)
    assert not line.external


def test_reset_masks_everything_and_lowers_the_lines():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.pulse(0x1100)
    xics.reset()
    assert not line.external
    assert xics.get_xive(0x1100) == (0, LEAST_FAVOURED)
    assert xics.poll(0) == (0, 0xFF)


@pytest.mark.parametrize("number", [0x1100, 0xFFF, 0x2000, -1])
def test_sources_outside_the_range_or_taken_are_a_programming_error(number):
    with pytest.raises(ValueError):
        controller()[0].claim(number)


def test_a_released_source_has_nothing_pending_and_does_nothing_any_more():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.pulse(0x1100)
    xics.release(0x1100)
    assert not line.external
    xics.pulse(0x1100)
    xics.set_cppr(0, 0xFF)
    assert xics.poll(0)[0] == 0xFF000000
    xics.claim(0x1100)
    assert xics.get_xive(0x1100) == (0, LEAST_FAVOURED)
    xics.set_xive(0x1101, 0, 5)
    xics.pulse(0x1101)
    assert xics.accept(0) == 0xFF001101


def test_an_edge_that_waits_at_one_server_comes_at_its_new_one():
    xics, lines = controller(2)
    xics.set_cppr(0, 5)
    xics.set_xive(0x1100, 0, 5)
    xics.pulse(0x1100)
    assert not lines[0].external
    xics.set_xive(0x1100, 1, 5)
    assert xics.accept(1) == 0xFF001100
    xics.pulse(0x1101)
    xics.set_xive(0x1101, 0, 6)
    assert not lines[0].external
    xics.set_xive(0x1101, 0, 4)
    assert xics.accept(0) == 0x05001101


def test_all_sources_there_can_be_are_known():
    xics, (line,) = controller()
    for number in range(0x1000, 0x2000):
        if not xics.has_source(number):
            xics.claim(number)
    xics.set_xive(0x1FFF, 0, 5)
    xics.set_cppr(0, 0)
    xics.pulse(0x1FFF)
    assert not line.external
    xics.set_cppr(0, 0xFF)
    assert xics.accept(0) == 0xFF001FFF


SERVERS = st.integers(0, 2)
EDGES = [0x1100, 0x1101]
SOURCES = st.sampled_from(EDGES)
LEVEL = 0x1200


class XicsLaws(RuleBasedStateMachine):
    """No pulse is ever lost, and a line says exactly whether something is pending."""

    def __init__(self):
        super().__init__()
        self.xics, self.lines = controller(3)
        self.owed = set()
        self.in_service = [[] for _ in self.lines]
        self.requests = [LEAST_FAVOURED] * len(self.lines)

    @rule(number=SOURCES)
    def pulse(self, number):
        self.xics.pulse(number)
        self.owed.add(number)

    @rule(level=st.booleans())
    def set_level(self, level):
        self.xics.set_level(LEVEL, level)

    @rule(number=st.sampled_from([*EDGES, LEVEL]), server=SERVERS,
          priority=st.sampled_from([3, 5, 7, 0xFF]))  # fmt: skip
    def set_xive(self, number, server, priority):
        self.xics.set_xive(number, server, priority)
        assert (server, priority) == self.xics.get_xive(number)

    @rule(number=st.sampled_from([*EDGES, LEVEL]))
    def off_and_on(self, number):
        before = self.xics.get_xive(number)
        self.xics.mask(number)
        assert self.xics.get_xive(number) == (before[0], LEAST_FAVOURED)
        self.xics.unmask(number)

    @rule(server=SERVERS, cppr=st.integers(0, 0xFF))
    def set_cppr(self, server, cppr):
        if not self.in_service[server]:
            self.xics.set_cppr(server, cppr)

    @rule(server=SERVERS, mfrr=st.sampled_from([0, 4, 0xFF]))
    def set_mfrr(self, server, mfrr):
        self.xics.set_mfrr(server, mfrr)
        self.requests[server] = mfrr

    @rule(server=SERVERS)
    def accept(self, server):
        expected, request = self.xics.poll(server)
        assert request == self.requests[server]
        xirr = self.xics.accept(server)
        assert xirr == expected
        if xirr & 0xFFFFFF:
            assert self.xics.poll(server)[0] >> 24 < xirr >> 24
            self.in_service[server].append(xirr)
            self.owed.discard(xirr & 0xFFFFFF)

    @rule(server=SERVERS)
    def end_of_interrupt(self, server):
        if self.in_service[server]:
            self.xics.end_of_interrupt(server, self.in_service[server].pop())

    @invariant()
    def a_line_is_up_exactly_when_something_is_pending(self):
        for server, line in enumerate(self.lines):
            assert line.external == bool(self.xics.poll(server)[0] & 0xFFFFFF)

    @invariant()
    def a_request_that_is_favoured_is_presented_or_something_better_is(self):
        for server, line in enumerate(self.lines):
            assert line.external or self.requests[server] >= self.xics.poll(server)[0] >> 24

    def teardown(self):
        self.xics.set_level(LEVEL, False)
        taken = set()
        for server in range(len(self.lines)):
            while self.in_service[server]:
                self.end_of_interrupt(server)
            self.xics.set_mfrr(server, 0xFF)
            self.xics.set_cppr(server, 0xFF)
        for number in EDGES:
            self.xics.set_xive(number, 0, 5)
        for server in range(len(self.lines)):
            while (xirr := self.xics.accept(server)) & 0xFFFFFF:
                taken.add(xirr & 0xFFFFFF)
                self.xics.end_of_interrupt(server, xirr)
        assert self.owed <= taken
        assert IPI_SOURCE not in taken


TestXicsLaws = XicsLaws.TestCase


@given(st.data())
def test_cppr_always_bars_less_favoured_sources(data):
    xics, (line,) = controller(cppr=data.draw(st.integers(0, 255)))
    priority = data.draw(st.integers(0, 254))
    xics.set_xive(0x1100, 0, priority)
    xics.pulse(0x1100)
    assert line.external == (priority < xics.poll(0)[0] >> 24)


def test_whatever_a_guest_says_stays_inside():
    """50,000 random operations: the lines agree with what is pending."""
    xics, lines = controller(3)
    rng = random.Random(6)
    odd = [0, 2, 0xFFF, 0x1000, 0x1100, 0x1101, 0x1200, 0x1FFF, 0x2000, 0xFFFFFF, (1 << 64) - 1]
    for _ in range(50_000):
        server, number = rng.randrange(3), rng.choice(odd)
        kind = rng.randrange(7)
        if kind == 0:
            xics.end_of_interrupt(server, rng.choice((0, 5, 0xFF, 1 << 40)) << 24 | number)
        elif kind == 1:
            xics.set_cppr(server, rng.choice(odd))
        elif kind == 2:
            xics.set_mfrr(server, rng.choice(odd))
        elif kind == 3:
            assert xics.accept(server) < 1 << 32
        elif kind == 4:
            xics.pulse(number)
        elif kind == 5:
            xics.set_level(number, rng.random() < 0.5)
        elif xics.has_source(number):
            xics.set_xive(number, server, rng.randrange(256))
        for which, line in enumerate(lines):
            assert line.external == bool(xics.poll(which)[0] & 0xFFFFFF)
