"""One table of RTAS calls. A handler is a function of the caller's view and of its argument cells.

An argument block is an array of big-endian 32-bit cells: token, number of arguments, number of
results, arguments, results; the first result is the status.
Ref: LoPAR 7.2.6 (RTAS argument call buffer), 7.3 (RTAS calls); tokens as reference §3.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitppc.ir.hcalls import H
from jitppc.spapr.fdt_values import cells
from jitppc.spapr.guest_buffers import read_cells, write_if_inside
from jitppc.spapr.memory_map import GRA_MASK
from jitppc.spapr.rtas.status import Status

if TYPE_CHECKING:
    from jitppc.spapr.papr_cpu import PaprCpu

TOKEN_BASE = 0x2000
TOKEN_DISPLAY_CHARACTER_OLD = 0xA
MAX_CELLS = 16

RtasResult = Status | int | tuple[int, ...]
"""A status, or a status followed by the other results."""

Handler = Callable[..., RtasResult]


@dataclass(frozen=True, slots=True)
class RtasCall:
    """One row. `counts` is the possible (arguments, results); -3 is answered to any other.

    A caller may also want no results at all: SLOF does.
    """

    token: int
    name: str
    handler: Handler
    counts: tuple[tuple[int, int], ...]
    is_advertised: bool
    is_told_results: bool = False

    def takes(self, argument_count: int, result_count: int) -> bool:
        return any(
            argument_count == args and result_count in {0, results} for args, results in self.counts
        )


RTAS_CALLS: dict[int, RtasCall] = {}


def rtas(
    number: int,
    name: str,
    *counts: tuple[int, int],
    advertised: bool = True,
    tell_results: bool = False,
) -> Callable[[Handler], Handler]:
    """The decorated function answers token 0x2000 + number.

    With `tell_results` it is given `result_count`, the number of results the caller wants.
    """

    def register(handler: Handler) -> Handler:
        token = TOKEN_BASE + number
        if token in RTAS_CALLS or any(row.name == name for row in RTAS_CALLS.values()):
            raise ValueError(f"RTAS call {name} ({token:#x}) is defined twice")
        RTAS_CALLS[token] = RtasCall(token, name, handler, counts, advertised, tell_results)
        return handler

    return register


def advertised_tokens() -> dict[str, int]:
    """Name to token of the calls that the tree names."""
    rows = sorted(RTAS_CALLS.values(), key=lambda row: row.token)
    return {row.name: row.token for row in rows if row.is_advertised}


def call_rtas(cpu: "PaprCpu", gra: int) -> H:
    """The call of the argument block at `gra` has run and its results are stored.

    Returns:
        PARAMETER when the block is not readable or its token is unknown, else SUCCESS.
    """
    memory = cpu.memory
    gra &= GRA_MASK
    header = read_cells(memory, gra, 3)
    if header is None:
        return H.PARAMETER
    token, nargs, nret = header
    if nargs + nret > MAX_CELLS or not memory.contains(gra + 12, 4 * (nargs + nret)):
        return H.PARAMETER
    args = read_cells(memory, gra + 12, nargs) or []
    token = TOKEN_BASE if token == TOKEN_DISPLAY_CHARACTER_OLD else token
    row = RTAS_CALLS.get(token)
    results: tuple[int, ...] = (Status.PARAMETER,)
    if row is not None and row.takes(nargs, nret):
        told = {"result_count": nret} if row.is_told_results else {}
        answer = row.handler(cpu, *args, **told)
        results = answer if isinstance(answer, tuple) else (answer,)
    stored = cells(*results[:nret]) + bytes(4 * max(0, nret - len(results)))
    write_if_inside(memory, gra + 12 + 4 * nargs, stored)
    return H.PARAMETER if row is None else H.SUCCESS
