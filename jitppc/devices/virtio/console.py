"""virtio-console: serial lines, the first of them maybe the console, others by name.

Ref: virtio 1.2, 5.3 (console device).
"""

import struct
import threading
from collections import deque
from dataclasses import dataclass, field

from jitppc.devices.ports import Chardev
from jitppc.devices.virtio.queue import Chain
from jitppc.devices.virtio.served import ServedDevice, ServedQueue

F_SIZE = 1 << 0
F_MULTIPORT = 1 << 1
F_EMERG_WRITE = 1 << 2

DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY = range(4)
CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME = range(4, 8)

#: id, event, value
MESSAGE = struct.Struct("<IHH")
SIZE = struct.Struct("<HH")
CONFIG = struct.Struct("<HHII")
EMERG_WRITE_OFFSET = 8

CONTROL_IN, CONTROL_OUT = 2, 3
DATA_QUEUE_SIZE = 128
CONTROL_QUEUE_SIZE = 64
#: A driver that asks for messages and never takes them is not answered any more.
MAX_MESSAGES = 4096
#: What is typed waits for the guest up to here; the rest is refused.
MAX_WAITING = 1 << 20


@dataclass(slots=True)
class Port:
    """One line. `is_console`: the guest may make hvcN of it; others are /dev/vportNpM."""

    number: int
    chardev: Chardev
    name: str = ""
    is_console: bool = False
    guest_is_open: bool = False
    waiting: bytearray = field(default_factory=bytearray)


def first_queue(port: int) -> int:
    """Index of a port's receive queue; its transmit queue is the next."""
    return 0 if port == 0 else 2 + 2 * port


def port_of(queue: int) -> int:
    """The port whose data queue has this index."""
    return 0 if queue < 2 else queue // 2 - 1


class VirtioConsole(ServedDevice):
    """Ports are added before the machine starts; there may be `max_ports`, from 1 to 511."""

    device_id = 3
    class_code = 0x078000
    name = "virtio-console"

    def __init__(self, max_ports: int = 31, columns: int = 80, rows: int = 25) -> None:
        sizes = [DATA_QUEUE_SIZE] * 2 + [CONTROL_QUEUE_SIZE] * 2
        sizes += [DATA_QUEUE_SIZE] * 2 * (max_ports - 1)
        super().__init__(F_SIZE | F_MULTIPORT | F_EMERG_WRITE, sizes)
        self.max_ports = max_ports
        self.size = columns, rows
        self.ports: dict[int, Port] = {}
        self._lock = threading.Lock()  # of ports' `waiting` and of `_messages`
        self._messages: deque[bytes] = deque()

    def add_port(
        self,
        chardev: Chardev,
        *,
        name: str = "",
        is_console: bool = False,
        number: int | None = None,
    ) -> Port:
        """A line on the lowest free number, or on `number`; ValueError when that is not free.

        Port 0 is for a console: drivers without multiport take it for one.
        """
        free = [n for n in range(self.max_ports) if n not in self.ports and (n or is_console)]
        number = (free[0] if free else self.max_ports) if number is None else number
        if number not in free:
            raise ValueError(f"port {number} is taken, or there is none")
        port = Port(number, chardev, name, is_console)
        self.ports[number] = port
        chardev.start(lambda data: self._typed(port, data))
        return port

    def resize(self, columns: int, rows: int) -> None:
        """The terminal of the consoles has another size.

        Drivers disagree on the order of the two numbers in the message; this is the book's.
        """
        self.size = columns, rows
        for port in self.ports.values():
            if port.is_console:
                self._send(port.number, RESIZE, 0, SIZE.pack(columns, rows))
        self.config_changed()

    # Configuration. Ref: virtio 1.2, 5.3.4.

    def config(self) -> bytes:
        return CONFIG.pack(*self.size, self.max_ports, 0)

    def write_config(self, offset: int, data: bytes) -> None:
        if offset == EMERG_WRITE_OFFSET and 0 in self.ports:
            self.ports[0].chardev.write(data[:1])

    # Life.

    def has_thread(self, index: int) -> bool:
        is_control = index in {CONTROL_IN, CONTROL_OUT}
        return is_control if is_control else port_of(index) in self.ports

    def activated(self) -> None:
        if not self.negotiated & F_MULTIPORT:
            for port in self.ports.values():
                port.guest_is_open = port.number == 0

    def deactivated(self) -> None:
        with self._lock:
            self._messages.clear()
            for port in self.ports.values():
                port.guest_is_open = False

    def serve(self, queue: ServedQueue) -> None:
        if queue.index == CONTROL_IN:
            self._give_messages(queue)
        elif queue.index != CONTROL_OUT and not queue.index & 1:
            self._give_typed(queue, self.ports[port_of(queue.index)])
        else:
            super().serve(queue)

    def handle(self, queue: ServedQueue, chain: Chain) -> int:
        """The guest's output, or a message of its driver."""
        if queue.index == CONTROL_OUT:
            self._obey(chain.read(MESSAGE.size))
            return 0
        port = self.ports[port_of(queue.index)]
        for view in chain.readable:
            port.chardev.write(bytes(view))
        return 0

    # To the guest.

    def _typed(self, port: Port, data: bytes) -> int:
        """Host input: how many bytes were taken; it waits until the guest has the port open."""
        with self._lock:
            taken = data[: MAX_WAITING - len(port.waiting)]
            port.waiting += taken
        self._ring(first_queue(port.number))
        return len(taken)

    def _ring(self, index: int) -> None:
        queue = self.queues[index]
        if queue is not None:
            queue.doorbell.ring()

    def _give_typed(self, queue: ServedQueue, port: Port) -> None:
        while port.waiting and port.guest_is_open and (chain := queue.take()) is not None:
            with self._lock:
                done = chain.write(bytes(port.waiting[: chain.writable_bytes()]))
                del port.waiting[:done]
            queue.give_back(chain, done)

    def _give_messages(self, queue: ServedQueue) -> None:
        while self._messages and (chain := queue.take()) is not None:
            with self._lock:
                message = self._messages.popleft() if self._messages else b""
            queue.give_back(chain, chain.write(message))

    def _send(self, port: int, event: int, value: int, more: bytes = b"") -> None:
        """The driver gets the message as soon as it has a buffer for it."""
        if not self.negotiated & F_MULTIPORT:
            return
        with self._lock:
            if len(self._messages) < MAX_MESSAGES:
                self._messages.append(MESSAGE.pack(port, event, value) + more)
        self._ring(CONTROL_IN)

    # Messages of the driver. Ref: virtio 1.2, 5.3.6.2 (multiport device operation).

    def _obey(self, message: bytes) -> None:
        """Messages about ports that are not there, and unknown ones, change nothing."""
        if len(message) < MESSAGE.size:
            return
        number, event, value = MESSAGE.unpack(message)
        if event == DEVICE_READY and value:
            for known in sorted(self.ports):
                self._send(known, DEVICE_ADD, 1)
            return
        port = self.ports.get(number)
        if port is None:
            return
        if event == PORT_READY and value:
            if port.is_console:
                self._send(number, CONSOLE_PORT, 1)
            if port.name:
                self._send(number, PORT_NAME, 1, port.name.encode())
            self._send(number, PORT_OPEN, 1)
        elif event == PORT_OPEN:
            port.guest_is_open = bool(value)
            self._ring(first_queue(number))
