"""A TAP device of the host: a network interface whose cable ends here.

The host's kernel takes frames without checksums and TCP segments longer than the MTU, and gives
such, each behind a virtio_net_hdr that says what is left to do. A guest that can do the same is
spared the work; for others the header is put on and taken off here.
Ref: Linux, tuntap.rst; virtio 1.2, 5.1.6 (virtio_net_hdr).
"""

import contextlib
import errno
import fcntl
import os
import select
import struct
import subprocess
import threading
from collections.abc import Callable

from jitppc.devices.ports import NetOffloads
from jitppc.errors import OptionError

_TUNSETIFF, _TUNGETIFF = 0x400454CA, 0x800454D2
_TUNSETOFFLOAD, _TUNSETVNETHDRSZ = 0x400454D0, 0x400454D8
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 2, 0x1000, 0x4000
_F_CSUM, _F_TSO4, _F_TSO6, _F_TSO_ECN = 1, 2, 4, 8
_HEADER_BYTES = 12
_NO_HEADER = bytes(_HEADER_BYTES)
"""Nothing is left to do with the frame behind it."""
_MAX_FRAME = _HEADER_BYTES + 65536 + 64


class Tap:
    """A NetBackend. Frames that the interface cannot take at once are dropped, as by a cable."""

    def __init__(
        self, name: str = "", script: str = "", downscript: str = "", fd: int | None = None
    ) -> None:
        """`name` may have a %d for a free number; `fd` is a TAP device opened by someone else."""
        self.name, self._downscript = name, downscript
        if fd is None:
            self._fd = self._open(name)
        else:
            self._fd = fd
        self._has_header = self._prepare_header()
        self._passes_header = False
        os.set_blocking(self._fd, False)
        if script:
            _run(script, self.name)
        self._wake_read, self._wake_write = os.pipe()
        self._thread: threading.Thread | None = None

    def _open(self, name: str) -> int:
        try:
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise OptionError(f"/dev/net/tun: {error.strerror}") from None
        flags = _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR
        request = struct.pack("16sH22x", (name or "tap%d").encode()[:15], flags)
        try:
            answer = fcntl.ioctl(fd, _TUNSETIFF, request)
        except OSError as error:
            os.close(fd)
            raise OptionError(f"TAP device {name or 'tap%d'}: {error.strerror}") from None
        self.name = answer[:16].rstrip(b"\0").decode()
        return fd

    def _prepare_header(self) -> bool:
        """Whether frames have headers here: a device of someone else's may have none."""
        try:
            answer = fcntl.ioctl(self._fd, _TUNGETIFF, bytes(40))
            if not struct.unpack_from("16xH", answer)[0] & _IFF_VNET_HDR:
                return False
            fcntl.ioctl(self._fd, _TUNSETVNETHDRSZ, struct.pack("i", _HEADER_BYTES))
        except OSError as error:
            raise OptionError(f"TAP device {self.name}: {error.strerror}") from None
        return True

    @property
    def offloads(self) -> NetOffloads:
        has = self._has_header
        return NetOffloads(header=has, checksum=has, tso4=has, tso6=has, ecn=has)

    @property
    def is_trusted(self) -> bool:
        """The header says which frames are good."""
        return False

    def accept(self, offloads: NetOffloads) -> None:
        if not self._has_header:
            return
        flags = 0
        if offloads.header and offloads.checksum:
            flags = _F_CSUM | _F_TSO4 * offloads.tso4 | _F_TSO6 * offloads.tso6
            flags |= _F_TSO_ECN * (offloads.ecn and (offloads.tso4 or offloads.tso6))
        # What the kernel cannot leave to the guest, it does itself.
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, _TUNSETOFFLOAD, flags)
        self._passes_header = offloads.header

    def start(self, receive: Callable[[bytes], None], link: Callable[[bool], None]) -> None:
        link(True)
        self._thread = threading.Thread(
            target=self._run, args=(receive,), name=f"net {self.name}", daemon=True
        )
        self._thread.start()

    def _run(self, receive: Callable[[bytes], None]) -> None:
        while True:
            ready = select.select([self._fd, self._wake_read], [], [])[0]
            if self._wake_read in ready:
                return
            try:
                frame = os.read(self._fd, _MAX_FRAME)
                is_as_wanted = not self._has_header or self._passes_header
                receive(frame if is_as_wanted else frame[_HEADER_BYTES:])
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno == errno.EBADFD:
                    return
                # An interface that is down (EIO) has nothing to say until it is up.
                if select.select([self._wake_read], [], [], 0.2)[0]:
                    return

    def send(self, frame: bytes | memoryview) -> None:
        with contextlib.suppress(OSError):
            if self._has_header and not self._passes_header:
                os.writev(self._fd, [_NO_HEADER, frame])
            else:
                os.write(self._fd, frame)

    def close(self) -> None:
        os.write(self._wake_write, b"\0")
        if self._thread is not None:
            self._thread.join(10)
        if self._downscript:
            with contextlib.suppress(OptionError):
                _run(self._downscript, self.name)
        for fd in (self._fd, self._wake_read, self._wake_write):
            os.close(fd)


def _run(script: str, name: str) -> None:
    try:
        status = subprocess.run([script, name], check=False, timeout=30).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OptionError(f"network script {script}: {error}") from None
    if status:
        raise OptionError(f"network script {script} ends with status {status}")
