"""virtio-9p: messages go through, as they are; a real server answers in the last tests."""

import socket
import struct
import threading

import pytest
from virtio_driver import Driver

from jitppc.devices.virtio.p9 import MAX_MESSAGE, Virtio9p, attach_as, error_message
from jitppc.host.folders import DiodFolder

HEADER = struct.Struct("<IBH")


def message(kind, tag, body=b""):
    return HEADER.pack(HEADER.size + len(body), kind, tag) + body


def text(value):
    return struct.pack("<H", len(value)) + value.encode()


class Server:
    """A server under the test's control."""

    tree, user = "/tree", 1000

    def __init__(self):
        self.sessions = []

    def close(self):
        pass

    def connect(self):
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        self.sessions.append(ours)
        return theirs

    def read(self):
        ours = self.sessions[-1]
        data = ours.recv(4, socket.MSG_WAITALL)
        rest = int.from_bytes(data, "little") - 4
        return data + ours.recv(rest, socket.MSG_WAITALL)

    def answer(self, data):
        self.sessions[-1].sendall(data)


@pytest.fixture
def server():
    made = Server()
    yield made
    for session in made.sessions:
        session.close()


@pytest.fixture
def driver(server):
    with Driver(Virtio9p("tag", server)) as made:
        yield made


def ask(driver, out, room=256):
    """A request is under way; where its answer will be."""
    memory = driver.bump(len(out) + room)
    driver.ram.put(memory, out)
    driver.send(0, [(memory, len(out), False), (memory + len(out), room, True)])
    return memory + len(out)


def test_answers_find_their_requests_in_any_order(driver, server):
    places = {tag: ask(driver, message(100, tag, b"x" * tag)) for tag in range(1, 6)}
    assert [message(100, tag, b"x" * tag) for tag in places] == [server.read() for _ in places]
    for tag in (3, 1, 5, 2, 4):
        server.answer(message(101, tag, bytes([tag]) * 9))
    assert 5 == len(driver.wait_used(0, 5))
    for tag, at in places.items():
        assert message(101, tag, bytes([tag]) * 9) == driver.ram.read(at, 16)


def test_the_host_says_which_tree_and_which_user(driver, server):
    body = struct.pack("<II", 1, 0xFFFFFFFF) + text("root") + text("") + struct.pack("<I", 0)
    ask(driver, message(104, 7, body))
    fids = struct.pack("<II", 1, 0xFFFFFFFF)
    expected = fids + text("") + text("/tree") + struct.pack("<I", 1000)
    assert message(104, 7, expected) == server.read()


def test_an_attach_that_cannot_be_read_stays_as_it_is():
    for body in (b"", bytes(8), bytes(8) + b"\xff\xff" + bytes(9), bytes(13)):
        assert message(104, 1, body) == attach_as(message(104, 1, body), "/tree", 0)


def test_what_is_no_message_is_answered_with_an_error(driver):
    wrong = [b"x", b"1234567", message(100, 1)[:-1], struct.pack("<IBH", 6, 100, 1)]
    wrong.append(struct.pack("<IBH", 0xFFFFFFFF, 100, 1))
    for one in wrong:
        at = ask(driver, one)
        driver.wait_used(0)
        assert 7 == driver.ram.read(at, 5)[4]


def test_a_tag_that_is_in_use_is_refused(driver, server):
    ask(driver, message(100, 5))
    server.read()
    at = ask(driver, message(100, 5))
    driver.wait_used(0)
    assert error_message(5) == driver.ram.read(at, 11)


def test_an_answer_that_does_not_fit_is_an_error(driver, server):
    at = ask(driver, message(100, 5), room=20)
    server.read()
    server.answer(message(101, 5, bytes(100)))
    driver.wait_used(0)
    assert error_message(5) == driver.ram.read(at, 11)


def test_what_was_flushed_comes_back_empty(driver, server):
    ask(driver, message(116, 5))
    ask(driver, message(108, 6, struct.pack("<H", 5)))
    server.read()
    server.read()
    server.answer(message(109, 6))
    assert [0, 7] == sorted(length for _, length in driver.wait_used(0, 2))


def test_when_the_server_goes_requests_fail_and_so_do_later_ones(driver, server):
    at = ask(driver, message(100, 5))
    server.read()
    server.sessions[-1].close()
    driver.wait_used(0)
    assert error_message(5) == driver.ram.read(at, 11)
    at = ask(driver, message(100, 6))
    driver.wait_used(0)
    assert error_message(6) == driver.ram.read(at, 11)


@pytest.mark.parametrize("size", [0, 6, MAX_MESSAGE + 1, 0xFFFFFFFF])
def test_a_server_that_talks_nonsense_is_left(driver, server, size):
    at = ask(driver, message(100, 5))
    server.answer(struct.pack("<IBH", size, 101, 5))
    driver.wait_used(0)
    assert error_message(5) == driver.ram.read(at, 11)


def test_a_reset_ends_the_session_and_the_next_one_is_new(driver, server):
    ask(driver, message(100, 5))
    server.read()
    driver.device.reset()
    assert b"" == server.sessions[0].recv(1)
    driver.build()
    driver.activate()
    ask(driver, message(100, 5))
    assert message(100, 5) == server.read()
    assert 2 == len(server.sessions)


def test_the_tag_is_in_the_configuration_space(driver):
    assert b"\3\0ta" == driver.device.read_config(0, 4)


def test_diod_serves_a_folder(tmp_path, require_tool):
    """The judge of the protocol is a server that others wrote."""
    require_tool("diod", "/usr/sbin/diod")
    (tmp_path / "file").write_bytes(b"from the host" * 1000)
    server = DiodFolder(tmp_path)
    with Driver(Virtio9p("tag", server)) as driver:

        def rpc(kind, body, tag=1):
            room = 20000
            at = ask(driver, message(kind, tag, body), room)
            ((_, length),) = driver.wait_used(0)
            answer = driver.ram.read(at, length)
            assert (length, kind + 1, tag) == HEADER.unpack_from(answer)
            driver.next = at
            return answer[HEADER.size :]

        rpc(100, struct.pack("<I", 16384) + text("9P2000.L"), tag=0xFFFF)
        everyone = struct.pack("<I", 0xFFFFFFFF)
        rpc(104, struct.pack("<I", 1) + everyone + text("") + text("") + struct.pack("<I", 0))
        rpc(110, struct.pack("<IIH", 1, 2, 1) + text("file"))
        rpc(12, struct.pack("<II", 2, 0))
        data = rpc(116, struct.pack("<IQI", 2, 0, 13000))
        assert (b"from the host" * 1000)[:13000] == data[4:]
        (process,) = server._processes
    server.close()
    assert 0 == process.returncode
    assert not [t for t in threading.enumerate() if t.name == "9p"]
