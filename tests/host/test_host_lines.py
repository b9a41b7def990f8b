"""Laws of serial lines: what one end writes the other reads, and ends may come and go."""

import os
import queue
import socket
import tty
from pathlib import Path

import pytest

from jitppc.errors import OptionError
from jitppc.host.chardev.streams import MAX_WAITING, FileLine, PtyLine, SocketLine
from jitppc.host.net.frames import Endpoint

SECONDS = 20


def typed(line):
    keys = queue.Queue()
    line.start(keys.put)
    return keys


def read(fd, count):
    data = b""
    while len(data) < count:
        data += os.read(fd, count - len(data))
    return data


def test_a_file_keeps_what_is_written(tmp_path):
    path = tmp_path / "log"
    for appends, expected in ((False, b"ab"), (True, b"abab"), (False, b"ab")):
        line = FileLine(path, appends=appends)
        line.start(lambda _: None)
        line.write(b"a")
        line.write(b"b")
        line.close()
        assert expected == path.read_bytes()
    with pytest.raises(OptionError, match="Is a directory"):
        FileLine(tmp_path)


def test_a_full_disk_loses_output_and_says_so_once(caplog):
    line = FileLine(Path("/dev/full"))
    line.write(b"a")
    line.write(b"b")
    line.close()
    assert 1 == caplog.text.count("console output is lost")


def test_a_pseudo_terminal_may_be_opened_again():
    line = PtyLine()
    keys = typed(line)
    for n in range(2):
        fd = os.open(line.name, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(fd)
        line.write(b"out%d" % n)
        assert b"out%d" % n == read(fd, 4)
        os.write(fd, b"in%d" % n)
        assert b"in%d" % n == keys.get(timeout=SECONDS)
        os.close(fd)
    line.close()


def test_a_socket_waits_for_the_next_caller_and_keeps_what_came_meanwhile(tmp_path):
    path = str(tmp_path / "line")
    line = SocketLine(Endpoint("line", path, is_server=True))
    keys = typed(line)
    for n in range(2):
        line.write(b"out%d" % n)
        with socket.socket(socket.AF_UNIX) as other:
            other.settimeout(SECONDS)
            other.connect(path)
            assert b"out%d" % n == other.recv(4)
            other.sendall(b"in%d" % n)
            assert b"in%d" % n == keys.get(timeout=SECONDS)
    line.close()
    assert not Path(path).exists()


def test_a_reader_that_does_not_read_stops_no_guest(tmp_path):
    path = str(tmp_path / "line")
    line = SocketLine(Endpoint("line", path, is_server=True))
    typed(line)
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(path)
        for _ in range(100):
            line.write(bytes(65536))
        assert len(line._waiting) <= MAX_WAITING
    line.close()
