"""`jitppc run -lockstep`: two whole machines behind one console, with a kernel of a few words."""

from __future__ import annotations

import subprocess
import sys

import pytest
from bench import HCALL, STAY
from word_kernels import H_PUT_TERM_CHAR, kernel_file, li, put

H_GET_TERM_CHAR, H_RANDOM = 0x54, 0x300
BRANCH_IF_EQUAL = 0x41820000
CMPDI_R4_0 = 0x2C240000
MFTB_R5, DARN_R6, MR_R6_R5 = 0x7CAC42E6, 0x7CC105E6, 0x7CA62B78


@pytest.fixture
def run(tmp_path):
    """Run words as a kernel in lockstep: (status, console, messages)."""

    def go(words: list[int], *options: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        path = kernel_file(tmp_path / "vmlinux", words)
        line = ["-lockstep", "interp,exact", "-m", "256M", "-kernel", str(path), "-nographic"]
        line += ["-timeout", "30"]
        done = subprocess.run(
            [sys.executable, "-m", "jitppc", "run", *line, *options],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=100,
        )
        return done.returncode, done.stdout, done.stderr

    return go


#: the Time Base and random numbers, many times
LOOK_AROUND = [li(8, 30000), 0x7D0903A6, MFTB_R5, DARN_R6, 0x4200FFF8]


def test_the_console_is_seen_once_and_time_and_chance_are_equal(run):
    assert (0, b"ok", b"") == run([*LOOK_AROUND, *put(b"ok"), STAY], "-until", "ok")


def test_random_numbers_of_the_machine_are_equal(run):
    status, _, _ = run([li(3, H_RANDOM), HCALL, *put(b"ok"), STAY], "-until", "ok")
    assert status == 0


def test_what_is_typed_reaches_both(run):
    """The guest asks for input until there is some, and says it back."""
    ask = [li(3, H_GET_TERM_CHAR), li(4, 0), HCALL, CMPDI_R4_0]
    wait = [*ask, BRANCH_IF_EQUAL | -4 * len(ask) & 0xFFFC]
    answer = [MR_R6_R5, li(3, H_PUT_TERM_CHAR), li(4, 0), li(5, 3), li(7, 0), HCALL, STAY]
    assert (0, b"abc") == run([*wait, *answer], "-until", "abc", stdin=b"abc")[:2]


def test_a_run_that_takes_too_long_ends_with_124(run):
    status, _, says = run([STAY], "-timeout", "0.5")
    assert (124, b"jitppc: 0.5 seconds are over\n") == (status, says)


def test_one_strategy_must_be_able_to_stop_anywhere(run):
    status, _, says = run([STAY], "-lockstep", "interp,regions")
    assert status == 2
    assert b"exact" in says
