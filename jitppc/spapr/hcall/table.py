"""One table of hypercalls. A handler is a function of the caller's view and of r4, r5, ...

Ref: LoPAR 14.5.1 (hypervisor call functions), 14.5.1.2 (register usage).
"""

import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from jitppc.ir.hcalls import H, Hcall
from jitppc.ir.layout import MSR
from jitppc.spapr.papr_cpu import PaprCpu

M64 = (1 << 64) - 1
MAX_UNKNOWN = 1024


class Resume(Enum):
    """Answers that are no return code."""

    RESTART = "the same `sc` executes again when the vCPU next runs"


HcallResult = H | int | tuple[int, ...] | Resume
"""A return code, or a code followed by the values of r4, r5, ..."""

Handler = Callable[..., HcallResult]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: number, handler, number of arguments taken from r4 upwards."""

    call: Hcall
    handler: Handler
    argument_count: int
    may_block: bool


HCALLS: dict[int, Row] = {}


def hcall(call: Hcall, *, may_block: bool = False) -> Callable[[Handler], Handler]:
    """The decorated function answers `call`; one that may block runs without the lock."""

    def register(handler: Handler) -> Handler:
        if call in HCALLS:
            raise ValueError(f"hypercall {call.name} ({call:#x}) is defined twice")
        argument_count = len(inspect.signature(handler).parameters) - 1
        HCALLS[call] = Row(call, handler, argument_count, may_block)
        return handler

    return register


def name_of(opcode: int) -> str:
    """The LoPAR name of an opcode, or the opcode in hexadecimal."""
    try:
        return Hcall(opcode).name
    except ValueError:
        return f"{opcode:#x}"


class HcallDispatcher:
    """Calls handlers and counts: `calls` by name, `unknown` by opcode."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.unknown: Counter[int] = Counter()

    def dispatch(self, cpu: PaprCpu) -> None:
        """The hypercall in r3 of the caller is answered in its registers."""
        gpr = cpu.vcpu.gpr
        opcode, *args = gpr[3:13]
        result = self._call(cpu, opcode, args)
        if isinstance(result, Resume):
            self.restart(cpu)
            return
        values = result if isinstance(result, tuple) else (result,)
        for index, value in enumerate(values):
            gpr[3 + index] = int(value) & M64

    def restart(self, cpu: PaprCpu) -> None:
        """The caller's `sc` executes again when it next runs."""
        cpu.vcpu.nia = cpu.vcpu.nia - 4 & M64

    def _call(self, cpu: PaprCpu, opcode: int, args: list[int]) -> HcallResult:
        if cpu.vcpu.msr & MSR.PR:
            return H.PRIVILEGE
        row = HCALLS.get(opcode)
        if row is None:
            if opcode in self.unknown or len(self.unknown) < MAX_UNKNOWN:
                self.unknown[opcode] += 1
            return H.FUNCTION
        self.calls[row.call.name] += 1
        if row.may_block:
            return row.handler(cpu, *args[: row.argument_count])
        with cpu.partition.lock:
            return row.handler(cpu, *args[: row.argument_count])
