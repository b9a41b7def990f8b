"""Laws of the host's networks: frames arrive whole, and a link that goes comes again."""

import fcntl
import os
import queue
import random
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

from jitppc.devices.ports import NetOffloads
from jitppc.errors import OptionError
from jitppc.host.net.frames import Endpoint, FrameNet
from jitppc.host.net.passt import BUFFER_BYTES, Forward, UserNet, open_user_net
from jitppc.host.net.tap import Tap

SECONDS = 20


class Guest:
    """Collects what a back end says."""

    def __init__(self, net):
        self.frames, self.links = queue.Queue(), queue.Queue()
        self.net = net
        net.start(self.frames.put, self.links.put)

    def link(self, level):
        assert level == self.links.get(timeout=SECONDS)


@pytest.fixture
def cable(tmp_path):
    """Two machines on one UNIX socket: (the one that is called, the one that calls)."""
    path = str(tmp_path / "wire")
    nets = [FrameNet(Endpoint("wire", path, is_server=n == 0)) for n in range(2)]
    guests = [Guest(net) for net in nets]
    for guest in guests:
        guest.link(True)
    yield guests
    for net in nets:
        net.close()


def test_frames_of_all_sizes_arrive_in_order(cable):
    rng = random.Random(1)
    frames = [rng.randbytes(rng.choice((1, 60, 1514, 9000, 65535))) for _ in range(500)]
    sender = threading.Thread(target=lambda: [cable[0].net.send(memoryview(f)) for f in frames])
    sender.start()
    assert frames == [cable[1].frames.get(timeout=SECONDS) for _ in frames]
    sender.join(SECONDS)


def test_a_frame_no_cable_carries_is_dropped(cable):
    cable[0].net.send(b"")
    cable[0].net.send(bytes(70000))
    cable[0].net.send(b"next")
    assert b"next" == cable[1].frames.get(timeout=SECONDS)


def test_the_link_is_down_until_the_other_end_is_there_again(tmp_path):
    path = str(tmp_path / "wire")
    guest = Guest(FrameNet(Endpoint("wire", path, is_server=True)))
    for text in (b"first", b"second"):
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(path)
            guest.link(True)
            other.sendall(struct.pack(">I", len(text)) + text)
            assert text == guest.frames.get(timeout=SECONDS)
        guest.link(False)
        guest.net.send(b"into the void")
    guest.net.close()
    assert not Path(path).exists()


def test_a_length_that_is_none_ends_the_stream_and_not_the_machine(tmp_path):
    path = str(tmp_path / "wire")
    guest = Guest(FrameNet(Endpoint("wire", path, is_server=True)))
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(path)
        guest.link(True)
        other.sendall(b"\xff" * 64)
        guest.link(False)
    guest.net.close()


def test_an_address_in_use_is_said_at_once(tmp_path):
    first = Endpoint("x", ("127.0.0.1", 0), is_server=True)
    with pytest.raises(OSError, match="in use"):
        Endpoint("x", ("127.0.0.1", first.port), is_server=True)
    first.close()


MAC = bytes.fromhex("525400123456")
ME, GATEWAY = bytes((10, 0, 2, 15)), bytes((10, 0, 2, 2))


def arp_question():
    head = b"\xff" * 6 + MAC + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
    return head + MAC + ME + bytes(6) + GATEWAY


def is_answer(frame):
    return frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\x02" and frame[28:32] == GATEWAY


def ask(guest):
    guest.net.send(arp_question())
    while not is_answer(guest.frames.get(timeout=SECONDS)):
        pass


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_passt_answers_and_comes_again_when_it_is_killed(require_tool):
    require_tool("passt")
    port = free_port()
    guest = Guest(open_user_net(UserNet((Forward("tcp", "127.0.0.1", port, 22),))))
    guest.link(True)
    ask(guest)
    # Who connects to the port knocks at the guest's.
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS):
        frame = guest.frames.get(timeout=SECONDS)
        while frame[12:14] != b"\x08\x00" or frame[23] != 6:
            frame = guest.frames.get(timeout=SECONDS)
        assert 22 == int.from_bytes(frame[36:38], "big")
    first = guest.net._source._process
    first.kill()
    guest.link(False)
    guest.link(True)
    ask(guest)
    second = guest.net._source._process
    guest.net.close()
    assert None not in {first.poll(), second.poll()}


def test_there_is_room_for_all_that_a_window_of_tcp_holds(require_tool, monkeypatch):
    """passt drops what does not fit, and such a loss costs seconds."""
    require_tool("passt")
    made, pair = [], socket.socketpair

    def noting():
        ends = pair()
        made.extend(end.dup() for end in ends)
        return ends

    monkeypatch.setattr(socket, "socketpair", noting)
    guest = Guest(open_user_net(UserNet()))
    guest.link(True)
    limit = int(Path("/proc/sys/net/core/wmem_max").read_text())
    for end in made:
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= min(BUFFER_BYTES, limit)
        end.close()
    guest.net.close()


def test_a_port_in_use_is_one_line_of_passts(require_tool):
    require_tool("passt")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OptionError, match="passt cannot be started") as caught:
            open_user_net(UserNet((Forward("tcp", "127.0.0.1", port, 22),)))
    assert "\n" not in str(caught.value)


def may_make_interfaces():
    return os.geteuid() == 0 and Path("/dev/net/tun").exists()


@pytest.mark.skipif(not may_make_interfaces(), reason="needs /dev/net/tun and root")
def test_a_tap_device_gives_and_takes_frames():
    tap = Tap("jitt%d")
    guest = Guest(tap)
    guest.link(True)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.settimeout(SECONDS)
        request = struct.pack("16sH14x", tap.name.encode(), 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(wire, 0x8914, request)  # SIOCSIFFLAGS
        wire.bind((tap.name, 3))
        out = b"\xff" * 6 + MAC + b"\x88\xb5" + b"to the host".ljust(50, b".")
        tap.send(out)
        while wire.recv(2048) != out:
            pass
        back = MAC + b"\x02" * 6 + b"\x88\xb5" + b"to the guest".ljust(50, b".")
        wire.send(back)
        end = time.monotonic() + SECONDS
        while guest.frames.get(timeout=SECONDS) != back:
            assert time.monotonic() < end
    tap.close()


#: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers; ref: virtio 1.2, 5.1.6
HEADER = struct.Struct("<BBHHHHH")
NEEDS_CHECKSUM = 1
UDP_CHECKSUM_OFFSET = 6


@pytest.mark.skipif(not may_make_interfaces(), reason="needs /dev/net/tun and root")
def test_a_tap_device_leaves_checksums_to_a_guest_that_wants_them():
    tap = Tap("jitt%d")
    assert tap.offloads.header
    assert tap.offloads.checksum
    guest = Guest(tap)
    try:
        for command in (f"addr add 10.213.7.1/24 dev {tap.name}", f"link set {tap.name} up",
                        f"neigh add 10.213.7.2 lladdr {MAC.hex(':')} dev {tap.name}"):
            subprocess.run(["ip", *command.split()], check=True)
        tap.accept(NetOffloads(header=True, checksum=True))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(SECONDS)
            sender.bind(("10.213.7.1", 0))
            sender.sendto(b"a datagram", ("10.213.7.2", 9))
            frame = datagram(guest)
            flags, _, _, _, start, offset, _ = HEADER.unpack_from(frame)
            assert (NEEDS_CHECKSUM, 34, UDP_CHECKSUM_OFFSET) == (flags, start, offset)
            # Back, with the sum as unfinished: the host's kernel completes it.
            ip = bytearray(frame[26:46])
            ip[12:16], ip[16:20] = ip[16:20], ip[12:16]
            udp = frame[48:50] + frame[46:48] + frame[50:]
            ethernet = frame[18:24] + frame[12:18] + frame[24:26]
            tap.send(frame[:12] + ethernet + bytes(ip) + udp)
            assert b"a datagram" == sender.recv(100)
            tap.accept(NetOffloads())
            sender.sendto(b"a datagram", ("10.213.7.2", 9))
            assert b"\x08\0" == datagram(guest)[12:14]
    finally:
        tap.close()


def datagram(guest):
    """The next frame that holds it."""
    while b"a datagram" not in (frame := guest.frames.get(timeout=SECONDS)):
        pass
    return frame
