"""Guest memory for tests of devices: a `DmaSpace` that keeps what was said of written bytes."""

from jitppc.devices.ports import DmaError


class FakeRam:
    """RAM from address 0. `written_ranges` are those that were announced."""

    def __init__(self, size=1 << 20):
        self.size = size
        self.data = bytearray(size)
        self.written_ranges = []

    def _check(self, address, count, is_write):
        if not 0 <= address <= address + count <= self.size:
            raise DmaError(address, count, is_write)

    def read(self, address, count):
        self._check(address, count, is_write=False)
        return bytes(self.data[address : address + count])

    def write(self, address, data):
        self._check(address, len(data), is_write=True)
        self.data[address : address + len(data)] = data
        self.written_ranges.append((address, len(data)))

    def views(self, address, count, is_write):
        self._check(address, count, is_write)
        view = memoryview(self.data)[address : address + count]
        return [view if is_write else view.toreadonly()]

    def written(self, address, count):
        self.written_ranges.append((address, count))
