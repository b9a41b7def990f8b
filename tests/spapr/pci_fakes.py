"""A chipset whose interrupts and messages are lists, over the memory of tests."""

from devices.fake_ram import FakeRam

from jitppc.spapr.pci.host_bridge import Chipset
from jitppc.spapr.pci.mmio import MmioMap
from jitppc.spapr.pci.msi import MsiPool
from jitppc.spapr.tce import TceTables


class FakeSources:
    """Interrupt sources: those that exist, pulses and levels in order."""

    def __init__(self):
        self.claimed, self.pulses, self.levels = {}, [], {}

    def claim(self, number, is_level=False):
        assert number not in self.claimed
        self.claimed[number] = is_level

    def release(self, number):
        del self.claimed[number]

    def pulse(self, number):
        self.pulses.append(number)

    def set_level(self, number, level):
        self.levels[number] = level


def make_chipset(sources=None, ram=None):
    sources = FakeSources() if sources is None else sources
    return Chipset(
        mmio=MmioMap(),
        msis=MsiPool(sources),
        tces=TceTables(),
        memory=FakeRam() if ram is None else ram,
        claim_lsi=lambda number: sources.claim(number, is_level=True),
        set_lsi=sources.set_level,
    )
