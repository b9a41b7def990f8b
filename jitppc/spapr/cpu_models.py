"""The processors that a guest may be given. Ref: Power ISA 3.0B; reference §1.4, §4.3.2."""

from dataclasses import dataclass

from jitppc.errors import OptionError


def _pa_features_isa_3_00() -> bytes:
    """`ibm,pa-features` of an ISA 3.00 processor, less what the CPU room does not execute.

    Ref: LoPAR appendix C.6.2 (bit meanings). Left out: storage access order (byte 4), event based
    branches (byte 5 bit 2, byte 34), transactional memory (byte 22), copy-paste (byte 38).
    """
    bits = bytearray(66)
    bits[0:6] = bytes.fromhex("f6 3f c7 c0 00 d0")
    for index in (6, 16, 18, 20, 24, 26, 28, 32, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62):
        bits[index] = 0x80
    return bytes((len(bits), 0)) + bytes(bits)


@dataclass(frozen=True, slots=True)
class CpuModel:
    """Identity of a processor: what its registers and the device tree say about it."""

    name: str
    pvr: int
    logical_pvr: int
    tree_name: str
    decrementer_bits: int
    pa_features: bytes
    radix_ap_encodings: tuple[int, ...]
    timebase_hz: int = 512_000_000
    clock_hz: int = 1_000_000_000


def _power9(name: str, pvr: int) -> CpuModel:
    return CpuModel(
        name=name,
        pvr=pvr,
        logical_pvr=0x0F000005,
        tree_name="PowerPC,POWER9",
        decrementer_bits=56,
        pa_features=_pa_features_isa_3_00(),
        radix_ap_encodings=(0x0000000C, 0xA0000010, 0x20000015, 0x4000001E),
    )


CPU_MODELS = {
    "power9": _power9("power9_v2.2", 0x004E1202),
    "power9_v2.0": _power9("power9_v2.0", 0x004E1200),
    "power9_v2.2": _power9("power9_v2.2", 0x004E1202),
}


def cpu_model(name: str) -> CpuModel:
    """The model called `name` in any letter case; OptionError names those that exist."""
    model = CPU_MODELS.get(name.strip().lower())
    if model is None:
        raise OptionError(f"unknown CPU {name!r}; this release has {', '.join(CPU_MODELS)}")
    return model
