"""What this room asks of its neighbours; `jitppc.runtime` and `jitppc.host` implement it.

Nothing here imports the runtime room, so that the pseries side can be tested with small fakes.
"""

from collections.abc import Callable, MutableMapping, MutableSequence, Sequence
from typing import Any, Protocol


class Exit(Protocol):
    """Why `Vcpu.run` came back: `reason` is an enum member whose `name` is one of `EXIT_NAMES`."""

    @property
    def reason(self) -> Any: ...

    @property
    def detail(self) -> Any: ...


EXIT_NAMES = ("HCALL", "STOP_REQUESTED", "BUDGET", "CHECKSTOP")


class Vcpu(Protocol):
    """One virtual processor. All registers are plain Python ints, unsigned."""

    vcpu_id: int
    nia: int
    msr: int
    lr: int
    ctr: int
    cr: int
    lpcr: int
    sprg0: int
    vpa: int
    """Real address of the virtual processor area, all of it in RAM; or 0. Kept at reset."""
    dispatches: int
    """The dispatch counter in it. Kept at reset."""
    is_prodded: bool
    """H_PROD came, and no call that waits for it has returned. Any thread may set it."""
    waits_for_prod: bool
    """The vCPU's thread waits for that: its H_PROD comes to this room."""
    shows_hcalls: bool
    """`run` returns for every hypercall, also for those that it could answer. Kept at reset."""

    @property
    def gpr(self) -> MutableSequence[int]: ...

    @property
    def spr(self) -> MutableMapping[str, int]:
        """Special purpose registers by their book names."""

    @property
    def timebase(self) -> int: ...

    def run(self) -> Exit:
        """Guest code has run until something needed this room; for HCALL nia is after `sc`."""

    def request_stop(self) -> None:
        """`run` and `wait_for_interrupt` return soon (also the next one). Any thread may call."""

    def set_process_table(self, dw1: int) -> None:
        """The partition table's second doubleword is dw1; LPCR UPRT, HR and GTSE follow it."""

    def set_hash_mode(self, is_on: bool) -> None:
        """Translation goes by segments and the hashed page table; until reset."""

    def resize_hash_table(self, size_log2: int) -> bool:
        """The hashed page table has this size and the bolted entries of the old one.

        False when it has no room for them; then nothing changed. No vCPU executes meanwhile.
        """

    def set_ail(self, ail: int) -> None: ...

    def set_watchpoint(self, number: int, address: int, control: int) -> None:
        """DAWR0 or DAWR1 and its DAWRX; until reset."""

    def set_ile(self, little: bool) -> None: ...

    def set_compat(self, family: str | None) -> None:
        """Problem state executes what this processor does (None: what ours does); until reset."""

    def wait_for_interrupt(self, timeout_s: float | None) -> bool:
        """Blocks until an interrupt or a stop request is pending; False when the time ran out."""

    def pend_system_reset(self) -> None: ...

    def reset(self, *, keeps_time: bool = False) -> None:
        """The state after power-on; the Time Base, common to all, begins at 0 unless kept."""


class GuestMemory(Protocol):
    """Guest real memory (RAM only), byte addressed from 0."""

    @property
    def size(self) -> int: ...

    def read(self, gra: int, n: int) -> bytes:
        """The n bytes at gra; IndexError when one of them is outside RAM."""

    def write(self, gra: int, data: bytes | memoryview) -> None:
        """RAM holds data at gra and translations of that range are gone; IndexError outside RAM."""

    def contains(self, gra: int, n: int) -> bool: ...

    def view(self, gra: int, n: int) -> memoryview:
        """The n bytes at gra in place; IndexError outside RAM."""

    def written(self, gra: int, n: int) -> None:
        """Bytes were changed through a view: translations of them are gone on return."""

    def give_back(self, gra: int, n: int) -> None:
        """Whole pages of these bytes are the host's again, and zero; others are left out."""

    def make_hash_table(self, size_log2: int, page_limit_log2: int = 16) -> None:
        """An empty hashed page table of 1 << size_log2 bytes outside RAM; 0 for none.

        Pages above 1 << page_limit_log2 bytes cannot be entered.
        """

    def attach_mmio(
        self,
        ranges: Sequence[tuple[int, int]],
        mmio: "Mmio",
        fail: Callable[[BaseException], None],
    ) -> None:
        """`mmio` answers for one or two guest real ranges [start, end) outside RAM.

        `fail` hears what it raises.
        """


class Mmio(Protocol):
    """Loads and stores of device addresses, on a vCPU's thread.

    A value is the bytes at gra, read as a little-endian number.
    """

    def load(self, gra: int, size: int, vcpu_id: int) -> int: ...

    def store(self, gra: int, size: int, value: int, vcpu_id: int) -> None: ...


class XicsEvents(Protocol):
    """The XICS controller's sources and servers. Any thread may call."""

    is_active: bool

    @property
    def count(self) -> int:
        """Processors."""

    def has_source(self, number: int) -> bool: ...

    def ask(self, what: int, a: int = 0, b: int = 0, c: int = 0) -> int:
        """An operation of `ir/xics_layout.py`."""


class XiveEvents(Protocol):
    """The XIVE controller's sources, queues and contexts, by number.

    Fields are those of XIVE_SOURCE and XIVE_QUEUE (ir/xive_layout.py). Any thread may call.
    """

    is_active: bool

    @property
    def count(self) -> int:
        """Processors."""

    def load(self, gra: int, size: int, vcpu_id: int) -> int:
        """A load from the pages; the bytes as a little-endian number, ones where nothing is."""

    def store(self, gra: int, size: int, value: int, vcpu_id: int) -> None: ...

    def pulse(self, number: int) -> None: ...

    def set_level(self, number: int, level: bool) -> None: ...

    def reset(self) -> None:
        """No processor takes interrupts or has any pending."""

    def sources(self) -> Sequence[int]:
        """Those that exist."""

    def source(self, number: int) -> dict[str, int]: ...

    def set_source(self, number: int, /, **fields: int) -> None: ...

    def queue(self, index: int) -> dict[str, int]: ...

    def set_queue(self, index: int, /, **fields: int) -> None: ...


class Chardev(Protocol):
    """The host side of a console."""

    def write(self, data: bytes) -> None: ...
