"""A bus for one PCI function: what it is asked to do is kept in lists."""

from devices.fake_ram import FakeRam


class FakeBus:
    def __init__(self, ram=None):
        self.dma = self.memory = FakeRam() if ram is None else ram
        self.intx, self.messages, self.changes = [], [], 0

    def set_intx(self, level):
        self.intx.append(level)

    def send_msi(self, address, data):
        self.messages.append((address, data))

    def decoding_changed(self):
        self.changes += 1


class FakeRegion:
    """Registers that note accesses."""

    def __init__(self, size_bytes):
        self.size_bytes = size_bytes
        self.stores = []

    def load(self, offset, size):
        return offset & (1 << 8 * size) - 1

    def store(self, offset, size, value):
        self.stores.append((offset, size, value))
