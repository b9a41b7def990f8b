"""What devices ask of their neighbours: guest memory, interrupts, and the host's disks and nets.

The machine side (`jitppc.spapr`, `jitppc.runtime`) and the host side (`jitppc.host`) implement
these; tests use small fakes.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

#: Nanoseconds after which a guest is told at the latest of what is done: it works on while the rest
#: is done.
TELL_NS = 100_000


class DmaError(Exception):
    """A device address that the guest has not made reachable: outside RAM, or no such TCE."""

    def __init__(self, address: int, count: int, is_write: bool) -> None:
        self.address, self.count, self.is_write = address, count, is_write
        super().__init__(f"{'write' if is_write else 'read'} of {count} bytes at {address:#x}")


class DmaSpace(Protocol):
    """Guest memory as a device addresses it. Every method may be called from any thread.

    All of them raise `DmaError`, and then nothing was written.
    """

    def read(self, address: int, count: int) -> bytes: ...

    def write(self, address: int, data: bytes | memoryview) -> None: ...

    def views(self, address: int, count: int, is_write: bool) -> list[memoryview]:
        """The bytes in place, in order, in as few pieces as the mapping allows.

        Whoever writes to them calls `written` before the guest is told.
        """

    def written(self, address: int, count: int) -> None:
        """Bytes there were changed through `views`: translations of them are gone on return."""


class BlockError(Exception):
    """The host could not do a transfer; `errno` says why (ENOSPC, EIO, EROFS, ...)."""

    def __init__(self, errno: int, what: str) -> None:
        self.errno = errno
        super().__init__(what)


class BlockBackend(Protocol):
    """A disk image. Offsets and counts are in bytes; calls may come from several threads at once.

    A range outside [0, size) raises BlockError(EINVAL); a write to a read-only image EROFS.
    """

    @property
    def size(self) -> int: ...

    @property
    def is_read_only(self) -> bool: ...

    @property
    def serial(self) -> str:
        """What the guest sees as the disk's serial number; may be empty."""

    def read_into(self, offset: int, views: Sequence[memoryview]) -> None: ...

    def write_from(self, offset: int, views: Sequence[memoryview]) -> None:
        """Written when this returns, as the cache mode defines it; durable after `flush`."""

    def flush(self) -> None:
        """Every write that has returned before this call is durable when this returns."""

    def discard(self, offset: int, count: int) -> None:
        """The contents are not needed any more."""

    def write_zeroes(self, offset: int, count: int, may_unmap: bool) -> None: ...

    def close(self) -> None:
        """Everything is durable and the host's resources are given back."""


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file of the host that holds a disk byte by byte: native code may use it by itself.

    Fields:
        fd: open as long as the back end is.
        alignment: offsets, lengths and addresses of transfers are multiples.
        write_flags: of pwritev2(2), for what the cache mode promises of a write.
        flush_error: address of a doubleword of the host: with which errno a flush has failed, and
            all will from now on, or 0. Whoever flushes looks there first, and says so there. 0:
            there is nothing to flush.
    """

    fd: int
    alignment: int
    write_flags: int
    flush_error: int


@runtime_checkable
class FileBackend(BlockBackend, Protocol):
    """A BlockBackend that is a file."""

    @property
    def file(self) -> HostFile: ...


class NetBackend(Protocol):
    """One end of an Ethernet cable on the host's side. Frames have no preamble and no FCS."""

    def start(self, receive: Callable[[bytes], None], link: Callable[[bool], None]) -> None:
        """From now on frames go to `receive` and changes of the link to `link`.

        Both are called on a thread of the back end; `receive` may block, and the back end then
        stops reading (nothing is dropped here).
        """

    def send(self, frame: bytes | memoryview) -> None:
        """The frame is on its way, or dropped as a cable would when the link is down."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class NetOffloads:
    """Work on frames that one side of a cable leaves to the other.

    Fields:
        header: frames begin with a virtio_net_hdr of 12 bytes (virtio 1.2, 5.1.6), little-endian.
        checksum: TCP and UDP checksums need not be there.
        tso4, tso6: TCP over IPv4 (IPv6) comes in segments longer than the cable's MTU.
        ecn: also of connections with explicit congestion notification.
    """

    header: bool = False
    checksum: bool = False
    tso4: bool = False
    tso6: bool = False
    ecn: bool = False


@runtime_checkable
class OffloadingNetBackend(Protocol):
    """What a NetBackend has besides, when it can do or spare a guest's work."""

    @property
    def offloads(self) -> NetOffloads:
        """What `send` takes. With `header`, all frames both ways may have one; see `accept`."""

    @property
    def is_trusted(self) -> bool:
        """Frames received need no check of their checksums: they never were on a wire."""

    def accept(self, offloads: NetOffloads) -> None:
        """What `receive` takes from now on; its `header` says whether frames both ways have one.

        Until the first call: nothing.
        """


class FrameCarrier(Protocol):
    """Moves frames between a guest and a stream of the host's."""

    def carry(self, fd: int) -> None:
        """Frames go both ways until the stream ends, each behind its length: 4 bytes, big-endian.

        Called on a thread of the back end, which does not touch the stream meanwhile.
        """


@runtime_checkable
class StreamingNetBackend(NetBackend, Protocol):
    """A NetBackend that can leave its streams to a device."""

    def start_carried(self, carrier: FrameCarrier, link: Callable[[bool], None]) -> None:
        """As `start`, for a device that carries the frames itself; nobody calls `send`."""


class Chardev(Protocol):
    """One end of a serial line on the host's side. Ref: reference §7.1."""

    def start(self, receive: Callable[[bytes], object]) -> None:
        """From now on what is typed goes to `receive`, on a thread of the back end."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class FolderServer(Protocol):
    """A 9P server (9P2000.L) of one folder of the host."""

    @property
    def tree(self) -> str:
        """What to attach to."""

    @property
    def user(self) -> int | None:
        """Everything is done as this user of the host; None: as whom the guest says."""

    def connect(self) -> socket.socket:
        """A new session's connection; OSError when there is none."""

    def close(self) -> None:
        """Every session has ended."""
