"""The Open Firmware client interface, served by the host: one hypercall, one argument block.

An argument block is an array of big-endian 32-bit cells: pointer to the service's name, number of
arguments, number of results, arguments, results. Services are in `of_services`, the methods of
`call-method` in `of_methods`.
Ref: IEEE 1275-1994 6.3 (client interface), PowerPC binding 8.5 (argument arrays).
"""

from jitppc.ir.hcalls import H
from jitppc.spapr.fdt_values import cells, get, put
from jitppc.spapr.guest_buffers import read_c_string, read_cells, write_if_inside
from jitppc.spapr.memory_map import GRA_MASK
from jitppc.spapr.of_services import SERVICES
from jitppc.spapr.of_state import PROM_ERROR, OfState

MAX_ARGUMENTS = 10
MAX_SERVICE_NAME = 64


class OfClient:
    """Answers calls of the client interface. `calls` counts services by name, unknown ones too."""

    def __init__(self, state: OfState) -> None:
        self.state = state
        self.calls: dict[str, int] = {}
        self._publish_instances()
        state.publish_available()

    def _publish_instances(self) -> None:
        """/chosen has `stdout` and `stdin`, both instances of the console."""
        tree = self.state.tree
        chosen = tree.find("/chosen")
        raw = None if chosen is None else get(chosen, "stdout-path")
        if chosen is None or raw is None:
            return
        path = raw.rstrip(b"\0").decode("ascii", "replace")
        for name in ("stdin", "stdout"):
            put(chosen, name, cells(tree.open(path)))

    def call(self, gra: int) -> H:
        """The service asked for by the block at `gra` has run and its results are stored.

        Returns:
            PARAMETER when the block or its name is not readable, else SUCCESS; a service that does
            not exist or fails answers -1 in its first result.
        """
        memory = self.state.memory
        gra &= GRA_MASK
        header = read_cells(memory, gra, 3)
        if header is None:
            return H.PARAMETER
        name_gra, nargs, nret = header
        if nargs + nret > MAX_ARGUMENTS:
            return H.PARAMETER
        args = read_cells(memory, gra + 12, nargs)
        name = read_c_string(memory, name_gra, MAX_SERVICE_NAME)
        if args is None or name is None or not memory.contains(gra + 12, 4 * (nargs + nret)):
            return H.PARAMETER
        results = self._serve(name, args, nret)
        stored = cells(*results[:nret]) + bytes(4 * max(0, nret - len(results)))
        write_if_inside(memory, gra + 12 + 4 * nargs, stored)
        return H.SUCCESS

    def _serve(self, name: str, args: list[int], nret: int) -> tuple[int, ...]:
        key = name if name in SERVICES or len(self.calls) < 64 else "(others)"
        self.calls[key] = self.calls.get(key, 0) + 1
        found = SERVICES.get(name)
        if found is None:
            return (PROM_ERROR,)
        argument_count, service = found
        if argument_count < 0:
            answer = service(self.state, args)
        elif len(args) < argument_count:
            return (PROM_ERROR,)
        else:
            answer = service(self.state, *args[:argument_count])
        return answer if isinstance(answer, tuple) else (answer,)
