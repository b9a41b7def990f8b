"""client-architecture-support: what the guest can do meets what the machine has.

The machine room offers interrupts by XICS, XIVE or both, and a hashed page table or, where the
processor has it, a radix MMU with guest translation shootdown (GTSE); `platform_support` says so
before the guest asks.
Ref: LoPAR appendix B.6.2.3 (ibm,client-architecture-support); reference §4.6.
"""

from dataclasses import dataclass, field

from jitppc.ir.hcalls import H
from jitppc.numa import Numa
from jitppc.spapr.associativity import Form
from jitppc.spapr.cpu_models import CpuModel, best_mode, compat_modes
from jitppc.spapr.guest_buffers import read_or_none
from jitppc.spapr.hash_pages import ResizeHpt
from jitppc.spapr.interrupts import IcMode
from jitppc.spapr.ports import GuestMemory

MAX_PVR_PAIRS = 512
OV_IGNORE = 0x80


def option_bit(byte: int, bit: int) -> tuple[int, int]:
    """(byte number, mask) of bit `bit`, counted from the most significant one."""
    return byte, 0x80 >> bit


FORM1_AFFINITY = option_bit(5, 0)
FORM2_AFFINITY = option_bit(5, 2)
HPT_RESIZE = option_bit(6, 7)
XIVE_BOTH = option_bit(23, 0)
XIVE_EXPLOIT = option_bit(23, 1)
MMU_BOTH = option_bit(24, 0)
RADIX = option_bit(24, 1)
RADIX_GTSE = option_bit(26, 1)

OV5_LAST_BYTE = 26


def platform_support(model: CpuModel, interrupts: IcMode) -> bytes:
    """`ibm,arch-vec-5-platform-support`: (byte of OV5, value) pairs. Ref: reference §4.2."""
    mmus = 0xC0 if model.has_radix else 0x00
    return bytes((23, interrupts.value, 24, mmus, 25, 0x00, 26, 0x40))


@dataclass(frozen=True, slots=True)
class Offer:
    """What the machine has to offer.

    `newest` is the newest compatibility mode allowed; with one given, there is no running without.
    """

    model: CpuModel
    newest: CpuModel | None = None
    interrupts: IcMode = IcMode.XICS
    vcpu_count: int = 1
    numa: Numa | None = None
    resize_hpt: ResizeHpt = ResizeHpt.ENABLED


@dataclass(frozen=True, slots=True)
class CasResult:
    """`status` for the guest and, on SUCCESS, the property value of ibm,architecture-vec-5.

    `mode` is whose compatibility mode the processor goes into; None: the guest knows the processor.
    """

    status: H
    architecture_vec_5: bytes = b""
    is_radix: bool = False
    is_xive: bool = False
    form: Form = Form.FORM1
    mode: CpuModel | None = None
    reason: str = ""
    option_vectors: dict[int, bytes] = field(default_factory=dict)


def _scan_pvrs(memory: GuestMemory, gra: int) -> tuple[list[tuple[int, int]], int] | None:
    """((mask, value) pairs, address after the list); None when the list is broken."""
    pairs = []
    for _ in range(MAX_PVR_PAIRS):
        pair = read_or_none(memory, gra, 8)
        if pair is None:
            return None
        gra += 8
        mask, value = int.from_bytes(pair[:4], "big"), int.from_bytes(pair[4:], "big")
        pairs.append((mask, value))
        if ~mask & value & 0xFFFFFFFF:
            return pairs, gra
    return None


def _read_option_vectors(memory: GuestMemory, gra: int) -> dict[int, bytes] | None:
    """Vector number to its bytes (index 0 is the length byte); None when they leave RAM."""
    count = read_or_none(memory, gra, 1)
    if count is None:
        return None
    gra += 1
    vectors = {}
    for number in range(1, count[0] + 2):
        length = read_or_none(memory, gra, 1)
        if length is None:
            return None
        vector = read_or_none(memory, gra, length[0] + 2)
        if vector is None:
            return None
        vectors[number] = vector
        gra += len(vector)
    return vectors


def _has(vector: bytes, option: tuple[int, int]) -> bool:
    byte, mask = option
    return byte < len(vector) and bool(vector[byte] & mask)


def architecture_vec_5(agreed: list[tuple[int, int]]) -> bytes:
    """The property: number of the last byte less one, then bytes 1 to the last."""
    last = max((byte for byte, _ in agreed), default=1)
    vector = bytearray(last + 1)
    vector[0] = last - 1
    for byte, mask in agreed:
        vector[byte] |= mask
    return bytes(vector)


def _refusal(ov5: bytes, processor: CpuModel, offer: Offer) -> str:
    """Why these wishes cannot be granted, or nothing."""
    if _has(ov5, XIVE_BOTH) or _has(ov5, MMU_BOTH):
        return "the guest asks for two interrupt controllers or MMUs at once"
    if _has(ov5, RADIX) and not processor.has_radix:
        return "the guest asks for an MMU that it cannot have"
    is_fixed = not _has(ov5, RADIX) and not _has(ov5, HPT_RESIZE)
    if is_fixed and offer.resize_hpt is ResizeHpt.REQUIRED:
        return "the guest does not resize its hashed page table (resize-hpt=required)"
    if _has(ov5, XIVE_EXPLOIT):
        if offer.interrupts is IcMode.XICS or not processor.has_xive:
            return "the guest insists on XIVE; this machine has XICS"
    elif offer.interrupts is IcMode.XIVE:
        return "the guest wants XICS; this machine has XIVE only (ic-mode)"
    return ""


def negotiate(memory: GuestMemory, gra: int, offer: Offer) -> CasResult:
    """What both sides can do, from the guest's structure at `gra`; nothing is changed yet.

    Returns:
        HARDWARE when no processor fits, PARAMETER when the structure is broken or OV1 or OV5 is
        missing, UNSUPPORTED when the guest insists on what it cannot have.
    Ref: LoPAR appendix B.6.2.3.   Differs: contradictory requests are refused, the machine runs on.
    """
    model, newest = offer.model, offer.newest
    scanned = _scan_pvrs(memory, gra)
    if scanned is None:
        return CasResult(H.PARAMETER, reason="the processor list has no end in RAM")
    pairs, gra = scanned
    is_known = newest is None and any(model.pvr & mask == value for mask, value in pairs)
    mode = None if is_known else best_mode(compat_modes(model, newest), pairs)
    if not is_known and mode is None:
        return CasResult(H.HARDWARE, reason=f"the guest does not run on {model.name}")
    vectors = _read_option_vectors(memory, gra)
    if vectors is None:
        return CasResult(H.PARAMETER, reason="the option vectors leave RAM")
    if 1 not in vectors or 5 not in vectors:
        return CasResult(H.PARAMETER, reason="option vector 1 or 5 is missing")
    ov5 = vectors[5]
    refusal = _refusal(ov5, mode or model, offer)
    if refusal:
        return CasResult(H.UNSUPPORTED, reason=refusal)
    is_radix, is_xive = _has(ov5, RADIX), _has(ov5, XIVE_EXPLOIT)
    form = Form.FORM2 if offer.numa and _has(ov5, FORM2_AFFINITY) else Form.FORM1
    wanted = [FORM2_AFFINITY if form is Form.FORM2 else FORM1_AFFINITY, XIVE_EXPLOIT, RADIX]
    if is_radix:
        wanted.append(RADIX_GTSE)
    if offer.resize_hpt is not ResizeHpt.DISABLED:
        wanted.append(HPT_RESIZE)
    vector = architecture_vec_5([option for option in wanted if _has(ov5, option)])
    return CasResult(H.SUCCESS, vector, is_radix, is_xive, form, mode, option_vectors=vectors)
