"""The console on a pseudo-terminal and on pipes."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitppc.host.console import Console, Keys

FAKE = Path(__file__).parents[1] / "cli" / "fake_machine.py"


def parts(*typed):
    keys = Keys()
    return [item for piece in typed for item in keys.feed(piece)]


def test_ordinary_keys_pass():
    assert [b"ls -l\r"] == parts(b"ls -l\r")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (b"\x01x", ["quit"]),
        (b"\x01X", ["quit"]),
        (b"\x01\x18", ["quit"]),
        (b"\x01h", ["help"]),
        (b"\x01c", ["monitor"]),
        (b"\x01\x01", [b"\x01"]),
        (b"\x01a", [b"\x01"]),
        (b"a\x01\x01b", [b"a", b"\x01", b"b"]),
        (b"\x01qrest", [b"rest"]),
        (b"a\x01", [b"a"]),
    ],
)
def test_ctrl_a_begins_a_command(typed, expected):
    assert expected == parts(typed)


@given(typed=st.binary(), cut=st.integers(min_value=0, max_value=100))
def test_keys_mean_the_same_however_they_arrive(typed, cut):
    def flat(items):
        text = [item if isinstance(item, bytes) else f"<{item}>".encode() for item in items]
        return b"".join(text)

    assert flat(parts(typed)) == flat(parts(typed[:cut], typed[cut:]))


@given(typed=st.binary().map(lambda typed: typed.replace(b"\x01", b"")))
def test_without_ctrl_a_every_byte_passes(typed):
    assert typed == b"".join(parts(typed))


class Terminal:
    """The command on a pseudo-terminal of its own, with a fake machine."""

    def __init__(self, append, *words, stderr=None):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, FAKE, "run", "-kernel", "k", *words, "-append", append],
            stdin=self.slave,
            stdout=self.slave,
            stderr=stderr or self.slave,
            start_new_session=True,
        )

    def wait_for(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.seen, re.DOTALL):
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{pattern} did not appear in {self.seen}"
            self.seen += os.read(self.master, 4096)

    def type(self, keys):
        os.write(self.master, keys)

    def is_restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal():
    made = []

    def make(*words, **keywords):
        made.append(Terminal(*words, **keywords))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_keys_reach_the_guest_one_by_one_and_unechoed(terminal):
    tty = terminal("ready echo poweroff")
    tty.wait_for(rb"Ctrl-A X quits, Ctrl-A H helps.*ready")
    assert not tty.is_restored()
    tty.type(b"a")
    tty.wait_for(rb"\[b'a'\]")
    tty.type(b"\x03\x1a")
    tty.wait_for(rb"\\x03")
    tty.wait_for(rb"\\x1a")
    tty.type(b"\x01\x01")
    tty.wait_for(rb"\[b'\\x01'\]")
    tty.type(b"\x04")
    assert 0 == tty.process.wait(20)
    assert tty.is_restored()


def test_ctrl_a_x_quits_with_status_0(terminal):
    tty = terminal("ready echo")
    tty.wait_for(rb"ready")
    tty.type(b"\x01x")
    assert 0 == tty.process.wait(20)
    assert tty.is_restored()


def test_ctrl_a_h_shows_the_keys(terminal):
    tty = terminal("ready echo")
    tty.wait_for(rb"ready")
    tty.type(b"\x01h")
    tty.wait_for(rb"send Ctrl-A to the guest")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_restore_the_terminal_and_end_the_guest(terminal, number):
    tty = terminal("ready echo")
    tty.wait_for(rb"ready")
    tty.process.send_signal(number)
    assert 128 + number == tty.process.wait(20)
    assert tty.is_restored()


def test_a_machine_that_does_not_stop_is_left(terminal):
    tty = terminal("ready deaf")
    tty.wait_for(rb"ready")
    started = time.monotonic()
    tty.process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert tty.is_restored()
    assert 128 + signal.SIGTERM == tty.process.wait(30)
    assert 3 < time.monotonic() - started < 25


def test_continuing_after_a_stop_makes_the_terminal_raw_again(terminal):
    tty = terminal("ready echo")
    tty.wait_for(rb"ready")
    raw = termios.tcgetattr(tty.slave)
    os.kill(tty.process.pid, signal.SIGSTOP)
    termios.tcsetattr(tty.slave, termios.TCSANOW, tty.before)
    os.kill(tty.process.pid, signal.SIGCONT)
    tty.type(b"a")
    tty.wait_for(rb"\[b'a")
    assert raw == termios.tcgetattr(tty.slave)


@pytest.mark.parametrize("append", ["panic:it_is_over", "poweroff", "nonsense"])
def test_every_end_restores_the_terminal(terminal, append):
    tty = terminal(f"ready {append}")
    tty.process.wait(20)
    assert tty.is_restored()


def test_the_end_of_a_pipe_does_not_stop_the_guest():
    done = subprocess.run(
        [sys.executable, FAKE, "run", "-kernel", "k", "-append", "echo", "-timeout", "1"],
        input=b"\x01x",
        capture_output=True,
        timeout=30,
        check=False,
    )
    # A pipe is no terminal: Ctrl-A is an ordinary byte, and there is no banner.
    assert (124, rb"[b'\x01x']") == (done.returncode, done.stdout)
    assert b"Ctrl-A" not in done.stderr


def test_before_output_is_called_once_before_the_first_output():
    read_end, write_end = os.pipe()
    calls = []
    console = Console(
        lambda typed: None, lambda: None, lambda: calls.append(1), stdin=None, stdout=write_end
    )
    assert [] == calls
    console.write(b"a")
    console.write(b"b")
    assert [1] == calls
    assert b"ab" == os.read(read_end, 10)
    os.close(read_end)
    os.close(write_end)


def test_a_closed_reader_asks_for_the_end_once_and_is_remembered():
    read_end, write_end = os.pipe()
    os.close(read_end)
    quits = []
    console = Console(lambda typed: None, lambda: quits.append(1), stdin=None, stdout=write_end)
    console.write(b"a")
    console.write(b"b")
    assert ([1], True) == (quits, console.output_closed)
    os.close(write_end)
