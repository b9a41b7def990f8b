"""The processors that a guest may be given, and those it may take them for.

A logical PVR stands for a level of the architecture. A guest that does not know a processor may
know its level, or an older one: then the processor runs it in that level's compatibility mode, in
which problem state executes no instruction that came later.
Ref: Power ISA 3.1 Book III 2.5 (PCR); LoPAR appendix B.6.2.3; reference §1.4, §4.3.2.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from jitppc.errors import OptionError

FEATURE_BYTES = (6, 16, 18, 20, 24, 26, 28, 32, *range(40, 64, 2), 72)
"""Bytes of `ibm,pa-features` behind the first ones whose top bit is set, where a level has them.

Left out is what the CPU room does not execute: storage access order (byte 4), event based branches
(byte 5 bit 2, byte 34), transactional memory (byte 22), copy-paste (byte 38), DEXCR (byte 68).
Ref: LoPAR appendix C.6.2 (bit meanings).
"""
SECOND_DAWR = 64


def _pa_features(size: int) -> bytes:
    """`ibm,pa-features` of a level of the architecture that has so many bytes of them."""
    bits = bytearray(size)
    bits[0:6] = bytes.fromhex("f6 3f c7 c0 00 d0")
    for index in FEATURE_BYTES:
        if index < size:
            bits[index] = 0x80
    if size > SECOND_DAWR + 2:                       # ISA 3.0 ends there, without it
        bits[SECOND_DAWR] = 0x80
    return bytes((size, 0)) + bytes(bits)


@dataclass(frozen=True, slots=True)
class CpuModel:
    """Identity of a processor: what its registers and the device tree say about it.

    `family` is its name in `frontend.levels.MODELS`, which says what it executes. `vector` is 2
    for the vector and VSX facilities, 1 for the vector facility alone, 0 for none. `is_basic`:
    pages of 4 KiB and 16 MiB, each in segments of their own, of 256 MiB; neither PURR nor keys.
    """

    name: str
    family: str
    pvr: int
    logical_pvr: int
    tree_name: str
    decrementer_bits: int
    pa_features: bytes
    radix_ap_encodings: tuple[int, ...]
    vector: int = 2
    is_basic: bool = False
    timebase_hz: int = 512_000_000
    clock_hz: int = 1_000_000_000

    @property
    def has_radix(self) -> bool:
        """It can translate by radix trees; all can by a hashed page table."""
        return bool(self.radix_ap_encodings)

    @property
    def has_xive(self) -> bool:
        """It can take interrupts from XIVE; all can from XICS."""
        return self.has_radix

    @property
    def has_large_decrementer(self) -> bool:
        return self.decrementer_bits > SMALL_DECREMENTER

    @property
    def slb_size(self) -> int:
        """Entries of the segment look-aside buffer."""
        return 64 if self.is_basic else 32

    @property
    def instruction_cache_bytes(self) -> int:
        return 0x10000 if self.is_basic else 0x8000

    @property
    def has_decimal(self) -> bool:
        """The tree tells of decimal floating point: as the reference, from ISA 2.06 on."""
        return self.vector == 2


SMALL_DECREMENTER = 32
RADIX_AP_ENCODINGS = (0x0000000C, 0xA0000010, 0x20000015, 0x4000001E)


# Of a family: logical PVR, name in the tree, bits of the decrementer, features, page sizes, vector.
_ISA_2_06 = bytes.fromhex("06 00 f6 3f c7 00 00 c0")
_ISA_2_07, _ISA_3_00, _ISA_3_1 = (_pa_features(size) for size in (24, 66, 74))
_FAMILIES: dict[str, tuple] = {
    "power5+": (0, "PowerPC,POWER5", 32, b"", (), 0, True),
    "power6": (0x0F000002, "PowerPC,POWER6", 32, b"", (), 1),
    "power7": (0x0F000003, "PowerPC,POWER7", 32, _ISA_2_06, ()),
    "power8": (0x0F000004, "PowerPC,POWER8", 32, _ISA_2_07, ()),
    "power9": (0x0F000005, "PowerPC,POWER9", 56, _ISA_3_00, RADIX_AP_ENCODINGS),
    "power10": (0x0F000006, "PowerPC,POWER10", 56, _ISA_3_1, RADIX_AP_ENCODINGS),
    "power11": (0x0F000007, "PowerPC,Power11", 56, _ISA_3_1, RADIX_AP_ENCODINGS),
}
# What `-cpu` may say, and the model's name, family and PVR.
_ROWS = (
    (("power5+", "power5p_v2.1"), "power5p_v2.1", "power5+", 0x003B0201),
    (("power7", "power7_v2.3"), "power7_v2.3", "power7", 0x003F0203),
    (("power7+", "power7p_v2.1"), "power7p_v2.1", "power7", 0x004A0201),
    (("power8", "power8_v2.0"), "power8_v2.0", "power8", 0x004D0200),
    (("power8e", "power8e_v2.1"), "power8e_v2.1", "power8", 0x004B0201),
    (("power8nvl", "power8nvl_v1.0"), "power8nvl_v1.0", "power8", 0x004C0100),
    (("power9", "power9_v2.2"), "power9_v2.2", "power9", 0x004E1202),
    (("power9_v2.0",), "power9_v2.0", "power9", 0x004E1200),
    (("power10", "power10_v2.0"), "power10_v2.0", "power10", 0x00801200),
    (("power11", "power11_v2.0"), "power11_v2.0", "power11", 0x00821200),
)
CPU_MODELS = {
    spelling: CpuModel(name, family, pvr, *_FAMILIES[family])
    for spellings, name, family, pvr in _ROWS
    for spelling in spellings
}
_LEVEL_2_06_PLUS = 0x0F100003


def _modes() -> Iterator[CpuModel]:
    for family in list(_FAMILIES)[1:]:
        mode = CpuModel(family, family, 0, *_FAMILIES[family])
        yield mode
        if family == "power7":
            yield replace(mode, name="power7+", logical_pvr=_LEVEL_2_06_PLUS)


COMPAT_MODES = {mode.name: mode for mode in _modes()}
"""What `max-cpu-compat` may say, oldest first. POWER5+ has none of them."""


def compat_modes(model: CpuModel, newest: CpuModel | None = None) -> list[CpuModel]:
    """The modes in which `model` can run, none newer than `newest`; the newest one first."""
    modes = list(COMPAT_MODES.values())
    last = max((n for n, mode in enumerate(modes) if mode.family == model.family), default=-1)
    if newest is not None:
        last = min(last, modes.index(newest))
    return modes[: last + 1][::-1]


def best_mode(modes: Iterable[CpuModel], pairs: Iterable[tuple[int, int]]) -> CpuModel | None:
    """The first mode whose logical PVR fits one of a guest's (mask, value) pairs."""
    pairs = list(pairs)
    return next(
        (m for m in modes if any(m.logical_pvr & mask == value for mask, value in pairs)), None
    )


def cpu_model(name: str) -> CpuModel:
    """The model called `name` in any letter case; OptionError names those that exist."""
    model = CPU_MODELS.get(name.strip().lower())
    if model is None:
        raise OptionError(f"unknown CPU {name!r}; this release has {', '.join(CPU_MODELS)}")
    return model


def newest_mode(model: CpuModel, name: str | None) -> CpuModel | None:
    """The newest compatibility mode of `model` that the user allows; None for no limit."""
    if name is None:
        return None
    mode = COMPAT_MODES.get(name.strip().lower())
    if mode is None or mode not in compat_modes(model):
        known = ", ".join(m.name for m in compat_modes(model))
        has = f"the modes {known}" if known else "no compatibility mode"
        raise OptionError(f"max-cpu-compat {name!r}: {model.name} has {has}")
    return mode


def with_small_decrementer(model: CpuModel) -> CpuModel:
    """The model, with a decrementer of 32 bits. Ref: reference §1.3 (cap-large-decr)."""
    return replace(model, decrementer_bits=SMALL_DECREMENTER)
