"""A kernel as a file: what it is for, where its segments go and where it starts.

Vmlinux and zImage.pseries of either byte order. A zImage for big-endian kernels is a 32-bit
program that runs only where it is linked; everything else is loaded at `kernel-addr`.
Ref: 64-bit ELF V2 ABI; System V ABI, PowerPC supplement; reference §1.7.
"""

from dataclasses import dataclass
from pathlib import Path

from jitppc.errors import KernelError
from jitppc.spapr.elf_header import DamagedElfError, ElfHeader
from jitppc.spapr.memory_map import KERNEL_GRA

VADDR_MASK = 0x0FFF_FFFF
BOOTABLE_TYPES = (2, 3)
"""ET_EXEC, ET_DYN."""
PSERIES_MARK = b"ibm,client-architecture-support"
ZIMAGE_SECTION = b".kernel:vmlinux.strip"
PPC, PPC64 = 20, 21
ARCHITECTURES = {62: "x86-64", 3: "x86", 183: "64-bit ARM", 20: "32-bit PowerPC"}
"""By e_machine."""


@dataclass(frozen=True, slots=True)
class Segment:
    """`data`, then zeroes up to `size` bytes, at guest real address `gra`."""

    gra: int
    data: memoryview
    size: int


@dataclass(frozen=True, slots=True)
class KernelImage:
    """A checked kernel: where its segments go and where it starts."""

    path: Path
    entry: int
    segments: tuple[Segment, ...]
    is_little_endian: bool = True

    @property
    def start(self) -> int:
        return min(segment.gra for segment in self.segments)

    @property
    def end(self) -> int:
        return max(segment.gra + segment.size for segment in self.segments)


def read_file(path: Path, what: str) -> bytes:
    """The contents of a regular file; KernelError says in one line why there are none."""
    try:
        if path.is_dir():
            raise KernelError(f"{what} {path} is a directory")
        return path.read_bytes()
    except FileNotFoundError:
        raise KernelError(f"{what} {path} does not exist") from None
    except OSError as error:
        raise KernelError(f"{what} {path}: {error.strerror}") from error


def _refuse_non_elf(path: Path, data: bytes) -> None:
    if not data:
        raise KernelError(f"kernel {path} is empty")
    if data[0x202:0x206] == b"HdrS":
        raise KernelError(f"kernel {path} is an x86 kernel (bzImage), not a PowerPC64 one")
    if data[:4] != b"\x7fELF":
        raise KernelError(f"kernel {path} is not an ELF file; pass a vmlinux or zImage.pseries")


def _refuse_other_machines(path: Path, elf: ElfHeader, is_wrapped: bool) -> None:
    if (elf.machine, elf.elf_class) != (PPC64, 2) and not (is_wrapped and elf.machine == PPC):
        name = ARCHITECTURES.get(elf.machine, f"machine {elf.machine}")
        raise KernelError(f"kernel {path} is for {name}, not for 64-bit PowerPC")
    if elf.type not in BOOTABLE_TYPES:
        raise KernelError(f"kernel {path} is no executable image (ELF type {elf.type})")


def _segments(path: Path, elf: ElfHeader, data: bytes, base: int) -> tuple[Segment, ...]:
    found, whole = [], memoryview(data)
    for header in elf.loaded():
        end = header.offset + header.filesz
        if end > len(data) or header.filesz > header.memsz:
            raise KernelError(f"kernel {path} is truncated: it ends inside a segment")
        gra = (header.vaddr & VADDR_MASK) + base
        found.append(Segment(gra, whole[header.offset : end], header.memsz))
    if not found:
        raise KernelError(f"kernel {path} has nothing to load")
    return tuple(found)


def read_kernel(
    path: Path, kernel_gra: int | None = None, *, is_client: bool = True
) -> KernelImage:
    """A pseries kernel, checked before a machine is made; KernelError otherwise.

    Args:
        kernel_gra: what is added to its linked addresses; None: where such a file can run.
        is_client: it will be started as a client program of Open Firmware, and must be able to.
    """
    data = read_file(path, "kernel")
    _refuse_non_elf(path, data)
    try:
        elf = ElfHeader(data)
        is_wrapped = elf.has_section(ZIMAGE_SECTION)
        _refuse_other_machines(path, elf, is_wrapped)
        if elf.end_of_sections > len(data):
            raise KernelError(f"kernel {path} is truncated: its section table is missing")
        if kernel_gra is None:
            kernel_gra = 0 if elf.elf_class == 1 else KERNEL_GRA
        segments = _segments(path, elf, data, kernel_gra)
    except DamagedElfError as error:
        raise KernelError(f"kernel {path} is a truncated or damaged ELF file") from error
    if is_client and not is_wrapped and PSERIES_MARK not in data:
        raise KernelError(f"kernel {path} is not built for pseries machines")
    entry = (elf.entry & VADDR_MASK) + kernel_gra
    return KernelImage(path, entry, segments, elf.is_little_endian)
