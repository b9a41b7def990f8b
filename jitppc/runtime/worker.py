"""A compile worker: a process that reads requests on stdin and answers on stdout, both as
length-prefixed pickles.

llvmlite holds one lock per process for all of LLVM, so compiling beside a running machine needs
processes. They are children of ours over pipes of ours; nothing else can reach them.
"""

from __future__ import annotations

import gc
import os
import pickle
import struct
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import IO, Any

from jitppc.frontend.levels import DEFAULT_MODEL
from jitppc.ir.layout import PageMode
from jitppc.strategies import RegionOptions

from .native_source import native_object

HEADER = struct.Struct("<Q")
#: collecting garbage in the middle of tasks takes a twentieth of their time
TASKS_PER_COLLECTION = 16


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(HEADER.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message; EOFError when the other side is gone."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    data = stream.read(HEADER.unpack(header)[0])
    return pickle.loads(data)  # noqa: S301  (both ends are ours)


def compile_module(text: str, level: int) -> bytes:
    """One module of LLVM text to an object."""
    from jitppc.backend.objects import compile_text

    return compile_text(text, level)


def compile_region(
    pages: dict[int, tuple[bytes, bytes]],
    entry: int,
    options: RegionOptions,
    models: int = DEFAULT_MODEL.bit,
    targets: Mapping[int, int] = MappingProxyType({}),
    mode: int = PageMode.LE64,
) -> tuple[bytes, int, list[int]] | None:
    """One region to (image, guest instructions, their words), or None when there is nothing to
    translate.

    `pages` go by distance from the entry's page: 4096 bytes of code, and which words have run. The
    image depends on the arguments and on nothing else. `models` is the bit of the processor whose
    instructions they are, or of several: then every row is one. Words count from the page's first;
    `targets` says of some where their indirect jumps went last. `mode` is the pages' PageMode.
    """
    from jitppc.backend.image import image_of
    from jitppc.backend.region import compile_region_text

    from .region_translation import translate_region

    found = translate_region(pages, entry, options, models, targets, mode)
    if found is None:
        return None
    image = image_of(compile_region_text(found.text, options.level))
    return image.to_bytes(), found.region.instructions, list(found.region.words)


def prepare() -> None:
    """Load what the first region would have to wait for."""
    from jitppc.backend.image import image_of
    from jitppc.backend.region import compile_region_text

    from . import region_translation  # noqa: F401

    image_of(compile_region_text("", RegionOptions().level))


TASKS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (compile_module, compile_region, native_object, prepare)
}


def main() -> None:
    """Serve until stdin closes. The argument is the niceness of the process."""
    os.nice(int(sys.argv[1]))
    gc.disable()                     # while all is loaded that stays
    tasks = 0
    inbox, outbox = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing printed by accident may reach the pipe
    while True:
        try:
            name, arguments = receive(inbox)
        except (EOFError, KeyboardInterrupt):
            return
        answer: tuple[bool, Any]
        try:
            answer = (True, TASKS[name](*arguments))
        except Exception as error:  # noqa: BLE001  (the parent decides what it means)
            said = " ".join(str(error).split())          # LLVM's messages have several lines
            answer = (False, f"{type(error).__name__}: {said}")
        try:
            send(outbox, answer)
        except BrokenPipeError:  # killed, and could not say so
            os._exit(0)
        tasks += 1
        if tasks == 1:               # what was imported stays: no need to look at it again
            gc.freeze()
        elif tasks % TASKS_PER_COLLECTION == 0:
            gc.collect()


if __name__ == "__main__":
    main()
