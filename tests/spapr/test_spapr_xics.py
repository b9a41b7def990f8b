import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jitppc.spapr.xics import LEAST_FAVOURED, Xics


class Line:
    level = False

    def set_external(self, level):
        self.level = level


def controller(count=1, cppr=0xFF):
    lines = [Line() for _ in range(count)]
    xics = Xics(lines)
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
    assert line.level
    assert xics.poll(0) == (0xFF001100, 0xFF)
    assert xics.accept(0) == 0xFF001100
    assert not line.level
    assert xics.accept(0) == 0x05000000
    xics.end_of_interrupt(0, 0xFF001100)
    assert not line.level
    assert xics.poll(0)[0] == 0xFF000000


def test_a_masked_pulse_is_delivered_when_unmasked():
    xics, (line,) = controller()
    xics.pulse(0x1100)
    assert not line.level
    xics.set_xive(0x1100, 0, 5)
    assert line.level
    xics.accept(0)
    xics.mask(0x1100)
    xics.pulse(0x1100)
    xics.end_of_interrupt(0, 0xFF001100)
    assert not line.level
    xics.unmask(0x1100)
    assert xics.get_xive(0x1100) == (0, 5)
    assert line.level


def test_pulses_while_in_service_come_back_after_end_of_interrupt():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.pulse(0x1100)
    xics.accept(0)
    xics.pulse(0x1100)
    assert not line.level
    xics.end_of_interrupt(0, 0xFF001100)
    assert line.level


def test_a_more_favoured_source_displaces_a_pending_one_which_comes_back():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.set_xive(0x1101, 0, 4)
    xics.pulse(0x1100)
    xics.pulse(0x1101)
    assert xics.accept(0) & 0xFFFFFF == 0x1101
    assert not line.level
    xics.end_of_interrupt(0, 0xFF001101)
    assert xics.accept(0) & 0xFFFFFF == 0x1100


def test_a_lower_cppr_sends_the_pending_interrupt_back_to_its_source():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.pulse(0x1100)
    xics.set_cppr(0, 5)
    assert not line.level
    xics.set_cppr(0, 6)
    assert line.level


def test_an_ipi_is_source_2_and_lasts_until_mfrr_is_cleared():
    xics, lines = controller(2)
    xics.set_mfrr(1, 4)
    assert [line.level for line in lines] == [False, True]
    assert xics.accept(1) == 0xFF000002
    xics.end_of_interrupt(1, 0xFF000002)
    assert lines[1].level
    assert xics.accept(1) == 0xFF000002
    xics.set_mfrr(1, 0xFF)
    xics.end_of_interrupt(1, 0xFF000002)
    assert not lines[1].level


def test_an_ipi_that_is_withdrawn_before_it_is_taken_lowers_the_line():
    xics, (line,) = controller()
    xics.set_mfrr(0, 4)
    xics.set_mfrr(0, 0xFF)
    assert not line.level
    assert xics.accept(0) == 0xFF000000


def test_a_level_source_comes_back_until_its_level_falls():
    xics, (line,) = controller()
    xics.set_xive(0x1200, 0, 5)
    xics.set_level(0x1200, True)
    assert xics.accept(0) & 0xFFFFFF == 0x1200
    xics.end_of_interrupt(0, 0xFF001200)
    assert line.level
    xics.accept(0)
    xics.set_level(0x1200, False)
    xics.end_of_interrupt(0, 0xFF001200)
    assert not line.level


def test_reset_masks_everything_and_lowers_the_lines():
    xics, (line,) = controller()
    xics.set_xive(0x1100, 0, 5)
    xics.pulse(0x1100)
    xics.reset()
    assert not line.level
    assert xics.get_xive(0x1100) == (0, LEAST_FAVOURED)
    assert xics.poll(0) == (0, 0xFF)


@pytest.mark.parametrize("number", [0x1100, 0xFFF, 0x2000, -1])
def test_sources_outside_the_range_or_taken_are_a_programming_error(number):
    with pytest.raises(ValueError):
        controller()[0].claim(number)


SOURCES = st.sampled_from([0x1100, 0x1101])


class XicsLaws(RuleBasedStateMachine):
    """No pulse is ever lost, and the line says exactly whether something is pending."""

    def __init__(self):
        super().__init__()
        self.xics, (self.line,) = controller()
        self.owed = set()
        self.in_service = []

    @rule(number=SOURCES)
    def pulse(self, number):
        self.xics.pulse(number)
        self.owed.add(number)

    @rule(number=SOURCES, priority=st.sampled_from([3, 5, 7, 0xFF]))
    def set_xive(self, number, priority):
        self.xics.set_xive(number, 0, priority)

    @rule(number=SOURCES)
    def off_and_on(self, number):
        self.xics.mask(number)
        self.xics.unmask(number)

    @rule(cppr=st.integers(0, 0xFF))
    def set_cppr(self, cppr):
        if not self.in_service:
            self.xics.set_cppr(0, cppr)

    @rule(mfrr=st.sampled_from([0, 4, 0xFF]))
    def set_mfrr(self, mfrr):
        self.xics.set_mfrr(0, mfrr)

    @rule()
    def accept(self):
        xirr = self.xics.accept(0)
        if xirr & 0xFFFFFF:
            self.in_service.append(xirr)
            self.owed.discard(xirr & 0xFFFFFF)

    @rule()
    def end_of_interrupt(self):
        if self.in_service:
            self.xics.end_of_interrupt(0, self.in_service.pop())

    @invariant()
    def line_is_up_exactly_when_something_is_pending(self):
        assert self.line.level == bool(self.xics.poll(0)[0] & 0xFFFFFF)

    def teardown(self):
        while self.in_service:
            self.xics.end_of_interrupt(0, self.in_service.pop())
        self.xics.set_mfrr(0, 0xFF)
        self.xics.set_cppr(0, 0xFF)
        for number in (0x1100, 0x1101):
            self.xics.set_xive(number, 0, 5)
        taken = set()
        while (xirr := self.xics.accept(0)) & 0xFFFFFF:
            taken.add(xirr & 0xFFFFFF)
            self.xics.end_of_interrupt(0, xirr)
        assert self.owed <= taken


TestXicsLaws = XicsLaws.TestCase


@given(st.data())
def test_cppr_always_bars_less_favoured_sources(data):
    xics, (line,) = controller(cppr=data.draw(st.integers(0, 255)))
    priority = data.draw(st.integers(0, 254))
    xics.set_xive(0x1100, 0, priority)
    xics.pulse(0x1100)
    assert line.level == (priority < xics.poll(0)[0] >> 24)
