"""What the client interface works on: memory, tree, claims, what it may do to the host.

Ref: IEEE 1275-1994 6.3 (client interface).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from jitppc.spapr.cas import CasResult, Offer
from jitppc.spapr.fdt_values import cells64, put
from jitppc.spapr.of_claim import ClaimMap
from jitppc.spapr.of_tree import OfTree
from jitppc.spapr.ports import GuestMemory

PROM_ERROR = 0xFFFFFFFF


@dataclass(slots=True)
class OfHost:
    """What the firmware side may do to its machine."""

    write_console: Callable[[int, bytes], None]
    """(unit address of the vty, text)"""
    leave: Callable[[str], None]
    """The client program ended through `exit`."""
    note: Callable[[str], None]
    """Something the user of jitppc should read."""
    may_negotiate: Callable[[], bool] = lambda: True
    """False while other vCPUs run, when client-architecture-support has to wait."""
    negotiated: Callable[[CasResult], None] = lambda result: None
    """What client-architecture-support has agreed holds from now on."""


@dataclass(slots=True)
class OfState:
    """All that services and methods see."""

    memory: GuestMemory
    tree: OfTree
    claims: ClaimMap
    offer: Offer
    host: OfHost
    rtas_base: int | None = None
    is_quiescent: bool = False
    has_negotiated: bool = False
    refusal: str = "it never called ibm,client-architecture-support"
    started_ns: int = field(default_factory=time.monotonic_ns)

    def publish_available(self) -> None:
        """`/memory@0 available` says what is not claimed. Ref: IEEE 1275-1994 3.7.6."""
        memory_node = self.tree.find("/memory@0")
        if memory_node is not None:
            gaps = [value for gap in self.claims.available() for value in gap]
            put(memory_node, "available", cells64(*gaps))


ServiceResult = int | tuple[int, ...]
Service = Callable[..., ServiceResult]
