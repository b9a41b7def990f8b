"""Where things are in guest real memory, and the few instructions that this room places there.

No firmware runs in the guest. Two stubs of five words each turn a call of Open Firmware or of RTAS
into a hypercall; their words are data here:

```
    PROM_ENTRY_GRA (0x100)                  rtas-base (where the guest asked for it)
    7c641b78  mr   r4,r3                    7c641b78  mr   r4,r3
    3c600000  lis  r3,0                     3c600000  lis  r3,0
    6063f005  ori  r3,r3,0xf005             6063f000  ori  r3,r3,0xf000
    44000022  sc   1                        44000022  sc   1
    4e800020  blr                           4e800020  blr
```

The boot vCPU enters the kernel with r5 = PROM_ENTRY_GRA and a stack of 32 KiB, on which Linux runs
its `prom_init`. Firmware memory below FIRMWARE_END is claimed, everything else is the kernel's.
"""

from jitppc.ir.hcalls import Hcall

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

GRA_MASK = (1 << 60) - 1
"""Addresses given to hypercalls lose their top four bits (Linux passes real-mode ones)."""

PROM_ENTRY_GRA = 0x100
STACK_GRA = 0x8000
STACK_SIZE = 32 * KIB
FIRMWARE_END = STACK_GRA + STACK_SIZE
KERNEL_GRA = 4 * MIB

LMB_SIZE = 256 * MIB
RMA_MIN = 128 * MIB
RMA_MAX = 1 << 40
KERNEL_LIMIT = 2 * GIB
KERNEL_HEADROOM = 40 * MIB
"""Kernel and initrd end at least this far below the end of the RMA, so that the tree has room."""


def hypercall_stub(call: Hcall) -> bytes:
    """Five big-endian instruction words that pass r3 as r4 of a hypercall and return."""
    words = (0x7C641B78, 0x3C600000, 0x60630000 | call, 0x44000022, 0x4E800020)
    return b"".join(word.to_bytes(4, "big") for word in words)


PROM_STUB = hypercall_stub(Hcall.H_PROM)
RTAS_STUB = hypercall_stub(Hcall.H_RTAS)

RTAS_ERROR_LOG_MAX = 2048


def rtas_size(vcpu_count: int) -> int:
    """Bytes of the RTAS area: stub, one error log, saved r3 and 16 bytes for each vCPU.

    Ref: LoPAR 7.3.14 (FWNMI); reference §3.1.
    """
    return len(RTAS_STUB) + RTAS_ERROR_LOG_MAX + 8 + 16 * vcpu_count


def rma_size(ram_size: int) -> int:
    """The real mode area: the largest power of two that RAM holds, at most 1 TiB."""
    return min(1 << (ram_size.bit_length() - 1), RMA_MAX)


HASH_TABLE_MIN_LOG2, HASH_TABLE_MAX_LOG2 = 18, 46


def hash_table_size_log2(ram_size: int) -> int:
    """log2 of the hashed page table's bytes: RAM / 128, from 256 KiB. Ref: reference §1.7."""
    return max(HASH_TABLE_MIN_LOG2, (ram_size - 1).bit_length() - 7)
