"""Kernel and initrd in guest memory, and the state in which the boot vCPU enters the kernel.

Ref: 64-bit ELF V2 ABI; Linux booting-without-of (r3, r4, r5 at entry); reference §5.
"""

from dataclasses import dataclass
from pathlib import Path

from jitppc.errors import KernelError
from jitppc.ir.layout import MSR
from jitppc.spapr.elf_header import DamagedElfError, ElfHeader
from jitppc.spapr.memory_map import (
    FIRMWARE_END,
    KERNEL_GRA,
    KERNEL_HEADROOM,
    KERNEL_LIMIT,
    MIB,
    PROM_ENTRY_GRA,
    PROM_STUB,
    STACK_GRA,
    STACK_SIZE,
    rma_size,
)
from jitppc.spapr.ports import GuestMemory, Vcpu

VADDR_MASK = 0x0FFF_FFFF
STACK_FRAME = 0x70
INITRD_ALIGN = 0x10000
BOOTABLE_TYPES = (2, 3)
"""ET_EXEC, ET_DYN."""
PSERIES_MARK = b"ibm,client-architecture-support"
ZIMAGE_SECTION = b".kernel:vmlinux.strip"
PPC64 = 21
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

    @property
    def end(self) -> int:
        return max(segment.gra + segment.size for segment in self.segments)


@dataclass(frozen=True, slots=True)
class BootImages:
    """What is loaded at every (re)boot. `initrd_gra` is 0 without an initrd."""

    kernel: KernelImage
    initrd: bytes
    initrd_gra: int

    @property
    def initrd_range(self) -> tuple[int, int] | None:
        return (self.initrd_gra, self.initrd_gra + len(self.initrd)) if self.initrd else None


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


def to_gra(vaddr: int) -> int:
    """Where a linked address is loaded. Ref: reference §1.7."""
    return (vaddr & VADDR_MASK) + KERNEL_GRA


def _refuse_non_elf(path: Path, data: bytes) -> None:
    if not data:
        raise KernelError(f"kernel {path} is empty")
    if data[0x202:0x206] == b"HdrS":
        raise KernelError(f"kernel {path} is an x86 kernel (bzImage), not a PowerPC64 one")
    if data[:4] != b"\x7fELF":
        raise KernelError(f"kernel {path} is not an ELF file; pass the ppc64el vmlinux")


def _refuse_other_machines(path: Path, elf: ElfHeader) -> None:
    if elf.machine != PPC64 or elf.elf_class != 2:
        name = ARCHITECTURES.get(elf.machine, f"machine {elf.machine}")
        raise KernelError(f"kernel {path} is for {name}, not for 64-bit PowerPC")
    # The only place that knows of byte order: drop it when big-endian kernels are supported.
    if not elf.is_little_endian:
        raise KernelError(f"kernel {path} is big endian; this release boots ppc64le kernels only")
    if elf.type not in BOOTABLE_TYPES:
        raise KernelError(f"kernel {path} is no executable image (ELF type {elf.type})")


def _segments(path: Path, elf: ElfHeader, data: bytes) -> tuple[Segment, ...]:
    found, whole = [], memoryview(data)
    for header in elf.loaded():
        end = header.offset + header.filesz
        if end > len(data) or header.filesz > header.memsz:
            raise KernelError(f"kernel {path} is truncated: it ends inside a segment")
        found.append(Segment(to_gra(header.vaddr), whole[header.offset : end], header.memsz))
    if not found:
        raise KernelError(f"kernel {path} has nothing to load")
    return tuple(found)


def read_kernel(path: Path) -> KernelImage:
    """A PowerPC64 pseries kernel, checked before a machine is made; KernelError otherwise."""
    data = read_file(path, "kernel")
    _refuse_non_elf(path, data)
    try:
        elf = ElfHeader(data)
        _refuse_other_machines(path, elf)
        if elf.end_of_sections > len(data):
            raise KernelError(f"kernel {path} is truncated: its section table is missing")
        segments = _segments(path, elf, data)
        is_wrapped = elf.has_section(ZIMAGE_SECTION)
    except DamagedElfError as error:
        raise KernelError(f"kernel {path} is a truncated or damaged ELF file") from error
    if not is_wrapped and PSERIES_MARK not in data:
        raise KernelError(f"kernel {path} is not built for pseries machines")
    return KernelImage(path, to_gra(elf.entry), segments)


def place(kernel: KernelImage, initrd_path: Path | None, ram_size: int) -> BootImages:
    """The initrd follows the kernel; both end well below the end of the RMA or of 2 GiB."""
    limit = min(rma_size(ram_size), KERNEL_LIMIT) - KERNEL_HEADROOM
    if kernel.end > limit:
        raise KernelError(
            f"kernel {kernel.path} needs {kernel.end // MIB} MiB of memory, "
            f"{max(limit, 0) // MIB} MiB are usable; give the guest more memory"
        )
    if initrd_path is None:
        return BootImages(kernel, b"", 0)
    initrd = read_file(initrd_path, "initrd")
    if not initrd:
        raise KernelError(f"initrd {initrd_path} is empty")
    start = (kernel.end + 2 * INITRD_ALIGN - 1) & -INITRD_ALIGN
    if start + len(initrd) > limit:
        raise KernelError(
            f"initrd {initrd_path} ({-(-len(initrd) // MIB)} MiB) does not fit: "
            f"{max(limit - start, 0) // MIB} MiB are left behind the kernel; "
            "give the guest more memory"
        )
    return BootImages(kernel, initrd, start)


def load(images: BootImages, memory: GuestMemory) -> list[tuple[int, int]]:
    """Firmware stub, kernel and initrd are in memory; the (start, size) ranges that are taken."""
    memory.write(0, bytes(FIRMWARE_END))
    memory.write(PROM_ENTRY_GRA, PROM_STUB)
    for segment in images.kernel.segments:
        memory.write(segment.gra, segment.data)
        rest = segment.size - len(segment.data)
        if rest:
            memory.write(segment.gra + len(segment.data), bytes(rest))
    taken = [(0, FIRMWARE_END), (KERNEL_GRA, images.kernel.end - KERNEL_GRA)]
    if images.initrd:
        memory.write(images.initrd_gra, images.initrd)
        taken.append((images.initrd_gra, len(images.initrd)))
    return taken


def enter_kernel(images: BootImages, vcpu: Vcpu) -> None:
    """The vCPU stands at the kernel's first instruction, 32-bit big-endian, translation off.

    r1 = stack, r3 and r4 = initrd address and size, r5 = client interface entry. A little-endian
    kernel starts with words that switch the byte order when they are executed big endian.
    Ref: reference §5.1, §5.2.
    """
    vcpu.msr = MSR.ME | MSR.FP
    vcpu.nia = images.kernel.entry
    vcpu.gpr[1] = STACK_GRA + STACK_SIZE - STACK_FRAME
    vcpu.gpr[3] = images.initrd_gra
    vcpu.gpr[4] = len(images.initrd)
    vcpu.gpr[5] = PROM_ENTRY_GRA
