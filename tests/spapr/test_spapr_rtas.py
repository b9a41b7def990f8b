import time
from datetime import UTC, datetime

import pytest
from spapr_fakes import RAM

from jitppc.spapr.rtas.clock import RtcClock, RtcWish
from jitppc.spapr.rtas.table import RTAS_CALLS, advertised_tokens, rtas

BAD = 0xFFFFFFFF
PARAMETER = BAD - 2
BUFFER = 0x30000


def ask(*calls):
    """A guest that makes these RTAS calls, (token, args, nret), and returns all results."""

    def program(vcpu):
        answers = []
        for token, args, nret in calls:
            answers.append((yield from vcpu.rtas(token, *args, nret=nret)))
        return answers

    return program


def statuses(call, *calls):
    return [answer[0] for answer in call(ask(*calls))]


def test_tokens_are_those_of_the_reference_without_gaps_or_duplicates():
    assert sorted(RTAS_CALLS) == list(range(0x2000, 0x202D))
    assert len({row.name for row in RTAS_CALLS.values()}) == len(RTAS_CALLS)
    assert advertised_tokens()["get-time-of-day"] == 0x2001
    assert "ibm,set-eeh-option" not in advertised_tokens()
    for number, name in ((1, "other"), (0x7F, "power-off")):
        with pytest.raises(ValueError, match="defined twice"):
            rtas(number, name, (0, 1))(lambda cpu: 0)


def test_unknown_tokens_and_wrong_counts_answer_minus_3(call):
    def program(vcpu):
        unknown = yield from vcpu.rtas(0x3000)
        code = vcpu.gpr[3]
        few = yield from vcpu.rtas(0x2003, 0)
        return unknown, code, few, vcpu.gpr[3]

    assert call(program) == ([PARAMETER], (1 << 64) - 4, [PARAMETER], 0)


def test_time_of_day_is_the_hosts_until_it_is_set(call):
    before = datetime.now(UTC).replace(microsecond=0)
    now, bad, good, then = call(
        ask(
            (0x2001, (), 8),
            (0x2002, (2001, 2, 30, 0, 0, 0, 0), 1),
            (0x2002, (2030, 12, 31, 23, 59, 58, 999), 1),
            (0x2001, (), 8),
        )
    )
    assert now[0] == 0
    assert before <= datetime(*now[1:7], tzinfo=UTC) <= datetime.now(UTC)
    assert (bad, good) == ([PARAMETER], [0])
    assert then[:5] == [0, 2030, 12, 31, 23]


def test_display_character_prints_under_both_tokens(call):
    assert statuses(call, (0x2000, (ord("h"),), 1), (0xA, (0x169,), 1)) == [0, 0]
    assert call.machine.console_output == b"hi"


def test_processor_states(call):
    answers = call(
        ask(
            (0x2005, (0,), 2),
            (0x2005, (1,), 2),
            (0x2006, (0, 0x100, 0), 1),
            (0x2006, (9, 0x100, 0), 1),
        )
    )
    assert answers == [[0, 2], [PARAMETER, 0], [BAD], [PARAMETER]]


def test_system_parameters(call):
    def program(vcpu):
        results = []
        for parameter, length in ((20, 200), (20, 6), (42, 10), (48, 20), (99, 20)):
            status = yield from vcpu.rtas(0x2008, parameter, BUFFER, length)
            results.append((status[0], vcpu.memory.read(BUFFER, 8)))
        text = yield from vcpu.rtas(0x2008, 20, BUFFER, 200)
        n = int.from_bytes(vcpu.memory.read(BUFFER, 2), "big")
        outside = yield from vcpu.rtas(0x2008, 20, RAM - 2, 200)
        writes = [(yield from vcpu.rtas(0x2009, 20, BUFFER)), (yield from vcpu.rtas(0x2009, 7, 0))]
        return results, text, vcpu.memory.read(BUFFER + 2, n), outside, writes

    results, text, value, outside, writes = call(program)
    assert [status for status, _ in results] == [0, 0, 0, 0, PARAMETER]
    assert results[2][1][:3] == b"\0\1\0"
    assert text == [0]
    assert value == b"MaxEntCap=100,DesMem=128,DesProcs=1,MaxPlatProcs=1,HostThrs=4\0"
    assert outside == [PARAMETER]
    assert writes == [[BAD - 9001], [PARAMETER]]


def test_interrupt_sources(call):
    answers = call(
        ask(
            (0x200A, (0x1100, 0, 5), 1),
            (0x200B, (0x1100,), 3),
            (0x200C, (0x1100,), 1),
            (0x200B, (0x1100,), 3),
            (0x200D, (0x1100,), 1),
            (0x200B, (0x1100,), 3),
            (0x200A, (0x1100, 1, 5), 1),
            (0x200A, (0x1100, 0, 0x100), 1),
            (0x200A, (0x1999, 0, 5), 1),
            (0x200B, (2,), 3),
            (0x200C, (0,), 1),
            (0x200D, (0,), 1),
        )
    )
    assert answers[:6] == [[0], [0, 0, 5], [0], [0, 0, 0xFF], [0], [0, 0, 5]]
    assert [answer[0] for answer in answers[6:]] == [PARAMETER] * 6


def test_nvram_keeps_what_is_stored_over_a_reboot(call):
    def program(vcpu):
        vcpu.memory.write(BUFFER, b"payload!")
        stored = yield from vcpu.rtas(0x2013, 0x900, BUFFER, 8, nret=2)
        fetched = yield from vcpu.rtas(0x2012, 0x902, BUFFER + 0x100, 4, nret=2)
        bad = []
        for token, offset, gra, n in (
            (0x2012, 0xFFFF, BUFFER, 2),
            (0x2013, 0xFFFF, BUFFER, 2),
            (0x2012, 0, RAM, 2),
            (0x2013, 0, RAM, 2),
            (0x2013, 0, BUFFER, BAD),
        ):
            bad.append((yield from vcpu.rtas(token, offset, gra, n, nret=2)))
        return stored, fetched, vcpu.memory.read(BUFFER + 0x100, 4), bad

    stored, fetched, data, bad = call(program)
    assert (stored, fetched, data) == ([0, 8], [0, 4], b"yloa")
    assert bad == [[PARAMETER, 0]] * 5
    call.machine.reset()
    assert call.machine.board.nvram.fetch(0x900, 8) == b"payload!"


def test_pci_configuration_space_is_empty(call):
    answers = call(
        ask(
            (0x2014, (0, 4), 2),
            (0x2015, (0, 4, 1), 1),
            (0x2016, (0, 0x8000000, 0x20000000, 4), 2),
            (0x2017, (0, 0x8000000, 0x20000000, 4, 1), 1),
        )
    )
    assert answers == [[BAD, BAD], [BAD], [BAD, BAD], [BAD]]


def test_indicators_power_levels_and_absent_devices(call):
    assert call(
        ask(
            (0x201A, (9001, 0, 1), 1),
            (0x201B, (BAD, 50), 2),
            (0x201C, (BAD,), 2),
            (0x201C, (0,), 2),
            (0x201D, (9003, 0), 2),
            (0x2011, (), 1),
            (0x2020, (0, 0, 0, 1), 1),
            (0x202A, (), 1),
        )
    ) == [
        [PARAMETER], [0, 100], [0, 100], [PARAMETER, 0], [PARAMETER, 0], [0], [PARAMETER],
        [PARAMETER],
    ]  # fmt: skip


def test_nmi_vectors_must_be_low(call):
    assert statuses(
        call,
        (0x202C, (), 1),
        (0x202B, (32 << 20, 0x4000), 1),
        (0x202B, (0x5000, 32 << 20), 1),
        (0x202B, (0x5000, 0x4000), 1),
        (0x202C, (), 1),
    ) == [PARAMETER, PARAMETER, PARAMETER, 0, 0]


def test_the_power_button_is_an_epow_event_that_is_fetched_once(machine_with):
    def program(vcpu):
        yield from vcpu.rtas(0x200A, 0x1000, 0, 5)
        yield from vcpu.hcall(0x68, 0xFF)
        yield from vcpu.put(b"ready")
        while not vcpu.external:
            yield from vcpu.hcall(0xE0)
        xirr = (yield from vcpu.hcall(0x74))[1]
        events = []
        for mask, n in ((0x80000000, 2048), (0x40000000, 2048), (0x40000000, 2048)):
            vcpu.memory.write(BUFFER, bytes(4096))
            status = yield from vcpu.rtas(0x200E, 0x500, xirr & 0xFFFFFF, mask, 0, BUFFER, n)
            events.append((status[0], vcpu.memory.read(BUFFER, 200)))
        seen.append((xirr, events))
        yield from vcpu.put(b"done")

    seen = []
    machine = machine_with(program)
    machine.run(until="ready", timeout=20)
    machine.power_button()
    assert machine.run(until="done", timeout=20).reason == "until"
    xirr, events = seen[0]
    assert xirr & 0xFFFFFF == 0x1000
    assert [status for status, _ in events] == [1, 0, 1]
    log = events[1][1]
    length = int.from_bytes(log[4:8], "big")
    assert log[0] == 6
    assert log[3] == 0x40
    assert log[8 + 12 : 8 + 16] == b"IBM\0"
    sections, position = [], 8 + 16
    while position < 8 + length:
        sections.append(log[position : position + 2])
        position += int.from_bytes(log[position + 2 : position + 4], "big")
    assert (sections, position) == ([b"PH", b"UH", b"EP"], 8 + length)


def test_check_exception_writes_no_more_than_the_caller_has_room_for(machine_with):
    def program(vcpu):
        vcpu.memory.write(BUFFER, b"\xee" * 64)
        status = yield from vcpu.rtas(0x200E, 0x500, 0, 0x40000000, 0, BUFFER, 16)
        seen.append((status, vcpu.memory.read(BUFFER, 64)))
        seen.append((yield from vcpu.rtas(0x200F, 0xFFFFFFFF, 0, BUFFER, 16)))
        machine.quit()

    seen = []
    machine = machine_with(program)
    machine.power_button()
    assert machine.run(timeout=20).reason == "quit"
    assert seen[0][0] == [0]
    assert seen[0][1][16:] == b"\xee" * 48
    assert seen[1] == [1]


def test_the_clock_of_the_guest_survives_a_reset(call):
    call(ask((0x2002, (2040, 1, 1, 0, 0, 0, 0), 1)))
    call.machine.reset()
    assert call.machine._clock.now_ns() > time.time_ns() + 10**9


@pytest.mark.parametrize(
    ("wish", "is_repeatable", "start"),
    [
        (RtcWish(), False, None),
        (RtcWish(base=1_000_000_000), False, 1_000_000_000),
        (RtcWish(base=1_000_000_000, clock="rt"), False, 1_000_000_000),
        (RtcWish(base=1_000_000_000, clock="vm"), False, 1_000_000_000),
        (RtcWish(clock="vm"), False, None),
        (RtcWish(base=1_000_000_000), True, 1_000_000_000),
        (RtcWish(), True, 77),
    ],
)
def test_the_clock_starts_when_the_user_says(wish, is_repeatable, start):
    """Without a word it is the host's; a repeatable machine has a day of its own (77 here)."""
    clock = wish.make(lambda: 77_000_000_000, is_repeatable)
    assert abs(clock.now_ns() // 10**9 - (time.time() if start is None else start)) <= 2


def test_local_time_is_ahead_of_utc_by_the_zone(monkeypatch):
    monkeypatch.setenv("TZ", "XYZ-5:30")
    time.tzset()
    try:
        ahead = RtcWish("localtime").make(lambda: 0, False).now_ns() - RtcClock().now_ns()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert abs(ahead // 10**9 - 5.5 * 3600) <= 2


def test_a_caller_that_wants_no_results_is_served(call):
    """SLOF asks so for `ibm,set-tce-bypass`."""
    tokens = advertised_tokens()
    assert call(ask((tokens["set-time-of-day"], [2001, 9, 9, 1, 46, 40, 0], 0))) == [[]]
    answer = call.machine._clock.now_ns()
    assert 0 <= answer // 10**9 - 1_000_000_000 <= 60
