"""Values that a hostile guest passes: edges, addresses that mean something, descriptors, noise."""

from jitppc.spapr.memory_map import MIB

RAM = 128 * MIB
M32, M64 = (1 << 32) - 1, (1 << 64) - 1
BLOCK = 0x20000
UNITS = [0x71000000 + n for n in range(8)]
LIOBNS = [*UNITS, 0x80000000, 0x80000001, 0x80000100]
BUID = 0x0800_0000_2000_0000

EDGES_32 = [0, 1, 2, 3, 4, 7, 8, 16, 64, 255, 256, 4095, 4096, 0x1000, 0x1100, 0x1300, BLOCK]
EDGES_32 += [RAM - 1, RAM - 4096, RAM, RAM + 4096, 1 << 31, M32 - 3, M32, 0x10000001, 0x40000000]
EDGES_32 += [*LIOBNS, 0x80000000 | 1 << 8, 0x2000, 0x9003, 0x9001, BUID >> 32, BUID & M32]
EDGES_64 = [*EDGES_32, 1 << 32, 1 << 45, 3 << 45, 1 << 59, 1 << 60, 1 << 63, M64, M64 - 1, BUID]
EDGES_64 += [0x2000_0000_0000, 0x2000_8000_0000, 0x2100_0000_0000, 0x2000_8000_1000]


def value32(rng):
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(EDGES_32)
    if kind < 0.7:
        return rng.randrange(512)
    if kind < 0.85:
        return rng.randrange(RAM) & -rng.choice((1, 4, 4096))
    return rng.getrandbits(32)


def value64(rng):
    """Also LAN descriptors, TCEs and CRQ elements' halves."""
    kind = rng.random()
    if kind < 0.6:
        return value32(rng)
    if kind < 0.75:
        return rng.choice(EDGES_64)
    if kind < 0.85:
        address = rng.randrange(0x100000) & -rng.choice((1, 4, 16, 4096))
        return 1 << 63 | rng.choice((0, 12, 16, 64, 512, 2048, 65536)) << 32 | address
    if kind < 0.9:
        valid, form = rng.choice((0x80, 0xC0, 0xFF, 0)), rng.choice((0, 1, 2, 3))
        return valid << 56 | form << 48 | rng.choice((0, 24, 64, 128, 256, 257))
    if kind < 0.95:
        return (rng.randrange(RAM) & -4096) | rng.randrange(4)
    return rng.getrandbits(64)
