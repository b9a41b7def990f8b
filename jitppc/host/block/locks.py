"""Locks on images that QEMU understands: open-file-description locks on single bytes.

Each permission is a bit. Who uses permission i holds a read lock on byte 100 + i; who does not
let others use it holds one on byte 200 + i. Ref: QEMU, docs/system/images (image locking).
"""

import errno
import fcntl
import os
import struct

from jitppc.errors import OptionError

USED, REFUSED = 100, 200
CONSISTENT_READ, WRITE, WRITE_UNCHANGED, RESIZE = range(4)
ALL = frozenset(range(4))

# struct flock of x86-64 Linux: l_type, l_whence, l_start, l_len, l_pid
_FLOCK = "hhqqi4x"
# Linux's numbers; the module `fcntl` has them in Python 3.9+ only where libc's headers did.
_OFD_GETLK, _OFD_SETLK = 36, 37


def lock(fd: int, path: os.PathLike[str], *, is_writer: bool) -> None:
    """The image is ours: a writer alone, readers together; OptionError when others have it.

    The locks end with the open file description. File systems without locks are left alone.
    """
    used = {CONSISTENT_READ, WRITE, RESIZE} if is_writer else {CONSISTENT_READ}
    refused = ALL - {CONSISTENT_READ, WRITE_UNCHANGED}
    wanted = [USED + bit for bit in used] + [REFUSED + bit for bit in refused]
    checked = [REFUSED + bit for bit in used] + [USED + bit for bit in refused]
    try:
        for byte in wanted:
            fcntl.fcntl(fd, _OFD_SETLK, _flock(fcntl.F_RDLCK, byte))
        for byte in checked:
            answer = fcntl.fcntl(fd, _OFD_GETLK, _flock(fcntl.F_WRLCK, byte))
            if struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK:
                verb = "write" if is_writer else "read"
                raise OptionError(
                    f"{path}: another process uses this image; to {verb} it as well: snapshot=on, "
                    "or file.locking=off when you know better"
                )
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EAGAIN}:
            raise OptionError(f"{path}: another process has locked this image") from None
        if error.errno not in {errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP}:
            raise OptionError(f"{path} cannot be locked: {error.strerror}") from None


def _flock(kind: int, byte: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, byte, 1, 0)
