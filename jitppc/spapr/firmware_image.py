"""Firmware that runs in the guest: an image at address 0, such as SLOF's slof.bin.

It is entered as the reference machine enters one: 32-bit big-endian real mode at 0x100, with the
flattened device tree's address in r3. The tree then says where the kernel is; BARs have no
addresses yet, and what the client interface does is the image's own affair. It reaches the
machine by hypercalls only (`hcall/firmware.py` has those that are for firmware alone).
Ref: reference §1.6, §1.7 (memory map), §5.3.
"""

from dataclasses import dataclass
from pathlib import Path

from jitppc.errors import KernelError
from jitppc.ir.layout import MSR
from jitppc.spapr.kernel_image import read_file
from jitppc.spapr.memory_map import GIB, MIB, rma_size
from jitppc.spapr.ports import GuestMemory, Vcpu

ENTRY_GRA = 0x100
SIZE_MAX = 4 * MIB
TREE_SIZE_MAX = 2 * MIB


@dataclass(frozen=True, slots=True)
class BootWish:
    """Letters of devices to try (c disk, d CD, n network), and those for the first boot."""

    order: str = ""
    once: str = ""
    has_menu: bool = False

    def at(self, reboots: int) -> str:
        return self.order if reboots else self.once or self.order


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """What is loaded at 0 at every (re)boot."""

    path: Path
    data: bytes

    def load(self, memory: GuestMemory, tree: bytes) -> None:
        """Image and tree are in memory; the rest of the image's room is zero."""
        memory.write(0, self.data.ljust(SIZE_MAX, b"\0"))
        memory.write(tree_gra(memory.size), tree)

    def enter(self, vcpu: Vcpu, ram_size: int) -> None:
        """The vCPU stands at the image's reset vector."""
        vcpu.msr = MSR.ME | MSR.FP
        vcpu.nia = ENTRY_GRA
        vcpu.gpr[3] = tree_gra(ram_size)


def tree_gra(ram_size: int) -> int:
    """The tree is at the end of what 32-bit code can reach of the RMA."""
    return min(rma_size(ram_size), 2 * GIB) - TREE_SIZE_MAX


def read_firmware(path: Path) -> FirmwareImage:
    """The image, checked before a machine is made; KernelError otherwise."""
    data = read_file(path, "firmware")
    if not ENTRY_GRA < len(data) <= SIZE_MAX:
        raise KernelError(
            f"firmware {path} has {len(data)} bytes; an image has at most {SIZE_MAX // MIB} MiB "
            f"and starts at {ENTRY_GRA:#x}"
        )
    return FirmwareImage(path, data)
