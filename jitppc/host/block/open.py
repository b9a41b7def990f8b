"""One door for all images: `open_image` takes what is said about one and gives what reads it."""

import re
import socket
from pathlib import Path

from jitppc.devices.ports import BlockBackend
from jitppc.errors import OptionError
from jitppc.host.block.formats import detect
from jitppc.host.block.nbd import NbdClient
from jitppc.host.block.options import ImageOptions
from jitppc.host.block.raw import RawImage
from jitppc.host.block.server import ServedImage


def open_image(options: ImageOptions) -> BlockBackend:
    """The image is open; OptionError says in one line why it cannot be."""
    served = served_at(options.path)
    if served is not None:
        return _connect(options, *served)
    image_format = options.format or detect(options.path)
    if image_format != "raw" or options.is_snapshot:
        _look(options)
        return ServedImage(options, image_format)
    return RawImage(options)


def _look(options: ImageOptions) -> None:
    """What the server would say less clearly."""
    try:
        with options.path.open("rb" if options.is_read_only or options.is_snapshot else "r+b"):
            pass
    except OSError as error:
        raise OptionError(f"{options.path}: {error.strerror}") from None


def served_at(path: Path) -> tuple[int, str | tuple[str, int], str] | None:
    """Family, address and export of QEMU's `nbd:unix:PATH`, `nbd:HOST:PORT`, `nbd://HOST/EXPORT`,
    `nbd+unix:///EXPORT?socket=PATH`; None when it is none of them.
    """
    text = str(path)
    # pathlib has made one slash of two.
    if match := re.fullmatch(r"nbd\+unix:/+([^?]*)\?socket=(.+)", text):
        return socket.AF_UNIX, match[2], match[1]
    if match := re.fullmatch(r"nbd:/+([^:/]+)(?::(\d+))?(?:/(.*))?", text):
        return socket.AF_INET, (match[1], int(match[2] or 10809)), match[3] or ""
    if match := re.fullmatch(r"nbd:unix:(.+?)(?::exportname=(.*))?", text):
        return socket.AF_UNIX, match[1], match[2] or ""
    if match := re.fullmatch(r"nbd:([^:/]+):(\d+)(?::exportname=(.*))?", text):
        return socket.AF_INET, (match[1], int(match[2])), match[3] or ""
    return None


def _connect(
    options: ImageOptions, family: int, address: str | tuple[str, int], export: str
) -> BlockBackend:
    if options.is_snapshot or options.format not in {"", "raw"}:
        raise OptionError(f"{options.path}: an NBD server's export is taken as it is, as raw")
    try:
        if isinstance(address, tuple):
            connection = socket.create_connection(address, timeout=10)
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            connection = socket.socket(family)
            connection.connect(address)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OptionError(f"{options.path}: no NBD server answers there: {reason}") from None
    return NbdClient(
        connection,
        str(options.path),
        export=export,
        is_read_only=options.is_read_only,
        is_write_through=options.is_write_through,
        serial=options.serial,
    )
