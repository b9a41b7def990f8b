"""Laws of disk images, raw and behind qemu-nbd, judged by a plain array of bytes and by qemu-io."""

import errno
import os
import random
import subprocess
import threading
import time
from pathlib import Path

import pytest

from jitppc.devices.ports import BlockError
from jitppc.errors import OptionError
from jitppc.host.block.formats import detect
from jitppc.host.block.open import open_image
from jitppc.host.block.options import CACHE_MODES, ImageOptions

SIZE = 1 << 20


def made(directory, kind, size=SIZE):
    path = directory / f"disk.{kind}"
    if kind == "raw":
        path.write_bytes(bytes(size))
    else:
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", kind, path, str(size)], check=True, timeout=60
        )
    return path


def image(path, **options):
    options.setdefault("format", path.suffix[1:])
    return open_image(ImageOptions(path, **options))


def read(backend, offset, count):
    data = bytearray(count)
    backend.read_into(offset, [memoryview(data)])
    return bytes(data)


@pytest.fixture(params=["raw", "qcow2"])
def kind(request, require_tool):
    if request.param != "raw":
        require_tool("qemu-nbd")
    return request.param


@pytest.fixture
def directory(tmp_path_factory):
    """On a disk: a file system in memory may have no direct access."""
    return tmp_path_factory.mktemp("images")


def pieces_of(data, rng):
    """`data` as a few memoryviews, in sectors."""
    view, views = memoryview(data), []
    while view:
        n = min(len(view), 512 * rng.randint(1, 20))
        views.append(view[:n])
        view = view[n:]
    return views


@pytest.mark.parametrize("cache", CACHE_MODES)
def test_random_transfers_agree_with_an_array_of_bytes(directory, kind, cache):
    rng = random.Random(cache)
    path = made(directory, kind)
    model = bytearray(SIZE)
    backend = image(path, cache=cache, discard="unmap")
    assert SIZE == backend.size
    for _ in range(400):
        offset = 512 * rng.randrange(SIZE // 512)
        count = 512 * rng.randint(1, min(100, (SIZE - offset) // 512))
        match rng.randrange(6):
            case 0 | 1:
                data = rng.randbytes(count)
                backend.write_from(offset, pieces_of(data, rng))
                model[offset : offset + count] = data
            case 2 | 3:
                data = bytearray(count)
                backend.read_into(offset, pieces_of(data, rng))
                assert model[offset : offset + count] == data
            case 4:
                backend.write_zeroes(offset, count, rng.random() < 0.5)
                model[offset : offset + count] = bytes(count)
            case 5:
                backend.flush()
    backend.close()
    backend = image(path, is_read_only=True)
    assert model == read(backend, 0, SIZE)
    backend.close()


def test_threads_may_transfer_at_the_same_time(directory, kind):
    backend = image(made(directory, kind))
    wrong = []

    def work(number):
        rng = random.Random(number)
        start = number * (SIZE // 8)
        for _ in range(50):
            data = rng.randbytes(4096)
            offset = start + 4096 * rng.randrange(SIZE // 8 // 4096)
            backend.write_from(offset, [memoryview(data)])
            if read(backend, offset, 4096) != data:
                wrong.append(offset)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    backend.close()
    assert [] == wrong


def test_what_is_outside_or_not_allowed_is_refused(directory, kind):
    path = made(directory, kind)
    backend = image(path)
    buffer = memoryview(bytearray(1024))
    for act in (
        lambda: backend.read_into(SIZE - 512, [buffer]),
        lambda: backend.write_from(SIZE, [buffer]),
        lambda: backend.read_into(-512, [buffer]),
        lambda: backend.discard(SIZE - 512, 1024),
        lambda: backend.write_zeroes(1 << 63, 512, False),
    ):
        with pytest.raises(BlockError) as caught:
            act()
        assert errno.EINVAL == caught.value.errno
    backend.close()
    backend = image(path, is_read_only=True)
    assert backend.is_read_only
    for act in (
        lambda: backend.write_from(0, [buffer]),
        lambda: backend.discard(0, 512),
        lambda: backend.write_zeroes(0, 512, True),
    ):
        with pytest.raises(BlockError) as caught:
            act()
        assert errno.EROFS == caught.value.errno
    backend.close()


def test_an_image_of_odd_size_ends_in_zeros(directory):
    path = directory / "odd.raw"
    path.write_bytes(b"x" * 5000)
    for cache in ("writeback", "none"):
        backend = image(path, cache=cache)
        assert 5120 == backend.size
        assert b"x" * 5000 + bytes(120) == read(backend, 0, 5120)
        backend.close()
    backend = image(path)
    backend.write_from(4608, [memoryview(b"y" * 512)])
    backend.close()
    assert b"x" * 4608 + b"y" * 512 == path.read_bytes()


def test_discard_gives_back_room_only_when_asked(directory):
    for mode, is_smaller in (("ignore", False), ("unmap", True)):
        path = directory / f"{mode}.raw"
        path.write_bytes(os.urandom(SIZE))
        backend = image(path, discard=mode)
        before = path.stat().st_blocks
        backend.discard(0, SIZE // 2)
        assert is_smaller == (path.stat().st_blocks < before)
        backend.write_zeroes(0, SIZE // 2, True)
        assert bytes(SIZE // 2) == read(backend, 0, SIZE // 2)
        backend.close()


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_only_readers_share_an_image(directory, kind, first, second):
    path = made(directory, kind)
    holder = image(path, is_read_only=first)
    if first and second:
        image(path, is_read_only=True).close()
    else:
        with pytest.raises(OptionError) as caught:
            image(path, is_read_only=second)
        assert "lock" in str(caught.value) or "another process" in str(caught.value)
    image(path, is_read_only=True, is_locked=False).close()
    holder.close()
    image(path).close()


def test_qemus_tools_see_our_lock_and_we_see_theirs(directory, require_tool):
    require_tool("qemu-io")
    path = made(directory, "raw")
    command = ["qemu-io", "-f", "raw", str(path)]
    holder = image(path)
    done = subprocess.run(
        [*command, "-c", "write 0 512"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "lock" in done.stdout + done.stderr
    holder.close()
    holder = image(path, is_read_only=True)
    for more, works in ((["-r", "-c", "read 0 512"], True), (["-c", "write 0 512"], False)):
        done = subprocess.run(
            [*command, *more], capture_output=True, text=True, timeout=60, check=False
        )
        assert works == ("lock" not in done.stdout + done.stderr)
    holder.close()
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert b"qemu-io>" in other.stdout.read(8)
        with pytest.raises(OptionError, match="another process"):
            image(path)
    finally:
        other.communicate(b"quit\n", timeout=60)


def test_a_snapshot_is_gone_afterwards(directory, kind, require_tool):
    require_tool("qemu-nbd")
    path = made(directory, kind)
    before = path.read_bytes()
    backend = image(path, is_snapshot=True)
    backend.write_from(0, [memoryview(b"z" * 512)])
    backend.flush()
    assert b"z" * 512 == read(backend, 0, 512)
    image(path, is_snapshot=True).close()
    backend.close()
    assert before == path.read_bytes()
    assert [path] == list(directory.iterdir())


def test_a_server_that_dies_is_an_error_and_no_hang(directory, require_tool, caplog):
    require_tool("qemu-nbd")
    backend = image(made(directory, "qcow2"))
    failures = []

    def work():
        try:
            while True:
                backend.write_from(0, [memoryview(bytes(65536))])
        except BlockError as error:
            failures.append(error.errno)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    backend._process.kill()
    for thread in threads:
        thread.join(20)
    assert [errno.EIO] * 3 == failures
    with pytest.raises(BlockError):
        backend.flush()
    assert 1 == caplog.text.count("its server has ended")
    backend.close()


def test_a_server_ends_with_the_process_that_started_it(directory, require_tool):
    require_tool("qemu-nbd")
    path = made(directory, "qcow2")
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from jitppc.host.block.open import open_image\n"
        "from jitppc.host.block.options import ImageOptions\n"
        "b = open_image(ImageOptions(Path(sys.argv[1]), 'qcow2'))\n"
        "b.write_from(0, [memoryview(b'q' * 512)])\n"
        "b.flush()\n"
        "print(b._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    import sys

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, timeout=60, check=False
    )
    server = Path(f"/proc/{int(done.stdout)}/cmdline")
    end = time.monotonic() + 20
    while server.exists() and b"qemu-nbd" in server.read_bytes():
        assert time.monotonic() < end
        time.sleep(0.05)
    backend = image(path)
    assert b"q" * 512 == read(backend, 0, 512)
    backend.close()


@pytest.mark.parametrize(
    ("name", "begin", "answer"),
    [
        ("a.img", b"", "raw"),
        ("a.qcow2", b"QFI\xfb", "qcow2"),
        ("a", b"QFI\xfb", "qcow2"),
        ("a.iso", b"", "raw"),
        ("a.img", b"QFI\xfb", None),
        ("a.raw", b"KDMV", None),
        ("a.qcow2", b"", None),
        ("a.vdi", bytes(0x40) + b"\x7f\x10\xda\xbe", "vdi"),
    ],
)
def test_a_format_is_found_or_the_user_is_asked(tmp_path, name, begin, answer):
    path = tmp_path / name
    path.write_bytes(begin.ljust(1024, b"\0"))
    if answer:
        assert answer == detect(path)
    else:
        with pytest.raises(OptionError, match=r"say .*format=raw"):
            detect(path)


def test_what_cannot_be_opened_is_one_line(tmp_path, require_tool):
    require_tool("qemu-nbd")
    (tmp_path / "junk.qcow2").write_bytes(b"junk" * 1000)
    for path in (tmp_path / "absent.raw", tmp_path, tmp_path / "junk.qcow2"):
        with pytest.raises(OptionError) as caught:
            open_image(ImageOptions(path, "qcow2" if path.suffix == ".qcow2" else "raw"))
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_export_of_another_server_is_a_disk(tmp_path, require_tool):
    require_tool("nbdkit")
    socket_path = tmp_path / "sock"
    server = subprocess.Popen(
        ["nbdkit", "--foreground", "--exit-with-parent", "-U", socket_path, "memory", str(SIZE)]
    )
    try:
        end = time.monotonic() + 20
        while not socket_path.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        for address in (f"nbd:unix:{socket_path}", f"nbd+unix:///?socket={socket_path}"):
            backend = open_image(ImageOptions(Path(address)))
            assert SIZE == backend.size
            backend.write_from(512, [memoryview(b"n" * 512)])
            backend.discard(0, 512)
            backend.write_zeroes(4096, 4096, True)
            assert b"n" * 512 == read(backend, 512, 512)
            backend.close()
    finally:
        server.terminate()
        server.wait(20)
