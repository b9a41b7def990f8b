"""Vector cryptography: AES rounds, the sigma functions of SHA-2, polynomial products. Ref: Book I 6.11."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import binary, each, read, write

AES, SHA, PRODUCT = "Book I 6.11.1", "Book I 6.11.2", "Book I 6.11.3"

for _name, _xo in (("vcipher", 1288), ("vcipherlast", 1289), ("vncipher", 1352), ("vncipherlast", 1353)):
    def _round(b: Builder, lane: int, x: Value, y: Value, kind: str = _name[1:]) -> Value:
        return b.aes_round(kind, x, y)
    binary("One AES round on the state VRA with the round key VRB.", [(_name, _xo, 8)], _round, since="2.07", ref=AES)


@insn("VX", "000100 VRT VRA ///// 10111001000", "VRT,VRA", since="2.07", ref=AES)
def vsbox(b: Builder, i: Fields) -> None:
    """VRT <- SubBytes(VRA)."""
    [vra] = read(b, i.VRA)
    write(b, i, b.aes_sub_bytes(vra))


binary("Sums of the two polynomial products in each pair of elements.",
       [("vpmsumb", 1032, 8), ("vpmsumh", 1096, 16), ("vpmsumw", 1160, 32), ("vpmsumd", 1224, 64)],
       lambda b, n, x, y: b.vpmsum(n, x, y), since="2.07", ref=PRODUCT)

#: (lane, ST) -> for the functions sigma0 and sigma1 two rotations and a shift, for Sigma0 and Sigma1 three rotations
SIGMA = {(32, 0): ((7, 18, 3), (17, 19, 10)), (32, 1): ((2, 13, 22), (6, 11, 25)),
         (64, 0): ((1, 8, 7), (19, 61, 6)), (64, 1): ((28, 34, 39), (14, 18, 41))}


def sha_sigma(b: Builder, i: Fields, lane: int) -> None:
    """Sigma functions of SHA-2: ST chooses the large ones, SIX for each element the one with 1 in its name."""
    [vra] = read(b, i.VRA)

    def right(amount: int) -> Value:
        return b.vrotl(lane, vra, each(lane, lane - amount))

    results = []
    for first, second, third in SIGMA[lane, i.ST]:
        last = right(third) if i.ST else b.vlshr(lane, vra, each(lane, third))
        results.append(b.xor(b.xor(right(first), right(second)), last))
    own_bit = sum(8 >> k * lane // 32 << 128 - lane * (k + 1) for k in range(128 // lane))
    is_0 = b.vcmpeq(lane, b.and_(b.vsplat(lane, i.SIX), own_bit), 0)
    write(b, i, b.vselect(is_0, *results))


@insn("VX", "000100 VRT VRA ST SIX:4 11010000010", "VRT,VRA,ST,SIX", since="2.07", ref=SHA, static=("ST",))
def vshasigmaw(b: Builder, i: Fields) -> None:
    """Sigma functions of SHA-256 on words."""
    sha_sigma(b, i, 32)


@insn("VX", "000100 VRT VRA ST SIX:4 11011000010", "VRT,VRA,ST,SIX", since="2.07", ref=SHA, static=("ST",))
def vshasigmad(b: Builder, i: Fields) -> None:
    """Sigma functions of SHA-512 on doublewords."""
    sha_sigma(b, i, 64)
