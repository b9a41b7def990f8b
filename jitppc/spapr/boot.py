"""Kernel and initrd in guest memory, and the state in which our own firmware enters the kernel.

Ref: Linux booting-without-of (r3, r4, r5 at entry); reference §5.
"""

from dataclasses import dataclass
from pathlib import Path

from jitppc.errors import KernelError
from jitppc.ir.layout import MSR
from jitppc.spapr.kernel_image import KernelImage, read_file
from jitppc.spapr.memory_map import (
    FIRMWARE_END,
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

STACK_FRAME = 0x70
INITRD_ALIGN = 0x10000


@dataclass(frozen=True, slots=True)
class BootImages:
    """What is loaded at every (re)boot; without a kernel, firmware looks for one.

    `initrd_gra` is 0 without an initrd.
    """

    kernel: KernelImage | None = None
    initrd: bytes = b""
    initrd_gra: int = 0

    @property
    def initrd_range(self) -> tuple[int, int] | None:
        return (self.initrd_gra, self.initrd_gra + len(self.initrd)) if self.initrd else None

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Where kernel and initrd are going to be, each as [start, end)."""
        kernel = [] if self.kernel is None else [(self.kernel.start, self.kernel.end)]
        return kernel if self.initrd_range is None else [*kernel, self.initrd_range]

    def load(self, memory: GuestMemory) -> list[tuple[int, int]]:
        """Kernel and initrd are in memory; the (start, size) ranges that are taken."""
        taken = []
        if self.kernel is not None:
            for segment in self.kernel.segments:
                memory.write(segment.gra, segment.data)
                rest = segment.size - len(segment.data)
                if rest:
                    memory.write(segment.gra + len(segment.data), bytes(rest))
            taken.append((self.kernel.start, self.kernel.end - self.kernel.start))
        if self.initrd:
            memory.write(self.initrd_gra, self.initrd)
            taken.append((self.initrd_gra, len(self.initrd)))
        return taken


def place(
    kernel: KernelImage, initrd_path: Path | None, ram_size: int, firmware_end: int = FIRMWARE_END
) -> BootImages:
    """The initrd follows the kernel; both end well below the end of the RMA or of 2 GiB."""
    limit = min(rma_size(ram_size), KERNEL_LIMIT) - KERNEL_HEADROOM
    if kernel.start < firmware_end:
        raise KernelError(
            f"kernel {kernel.path} would begin at {kernel.start:#x}, where firmware is; "
            "give another kernel-addr"
        )
    if kernel.end > limit:
        raise KernelError(
            f"kernel {kernel.path} needs {kernel.end // MIB} MiB of memory, "
            f"{max(limit, 0) // MIB} MiB are usable; give the guest more memory"
        )
    if initrd_path is None:
        return BootImages(kernel)
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


def load_client_stub(memory: GuestMemory) -> tuple[int, int]:
    """Our own firmware's few instructions are in memory; its (start, size)."""
    memory.write(0, bytes(FIRMWARE_END))
    memory.write(PROM_ENTRY_GRA, PROM_STUB)
    return 0, FIRMWARE_END


def enter_kernel(images: BootImages, vcpu: Vcpu) -> None:
    """The vCPU stands at the kernel's first instruction, 32-bit big-endian, translation off.

    r1 = stack, r3 and r4 = initrd address and size, r5 = client interface entry. A little-endian
    kernel starts with words that switch the byte order when they are executed big endian.
    Ref: reference §5.1, §5.2.
    """
    assert images.kernel is not None
    vcpu.msr = MSR.ME | MSR.FP
    vcpu.nia = images.kernel.entry
    vcpu.gpr[1] = STACK_GRA + STACK_SIZE - STACK_FRAME
    vcpu.gpr[3] = images.initrd_gra
    vcpu.gpr[4] = len(images.initrd)
    vcpu.gpr[5] = PROM_ENTRY_GRA
