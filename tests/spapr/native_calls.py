"""Hypercalls as a guest makes them, on a vCPU with native code."""

from jitppc.ir.layout import MSR
from jitppc.runtime.engine import Engine
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.vcpu import Vcpu
from jitppc.spapr.dma import RamDma

RAM = 1 << 20
CODE = 0x8000
SC1, STAY = 0x44000022, 0x48000000
POWER9 = 0x004E1202


class NativeRam(RamDma):
    """RAM that native code reaches; `memory` is its bytes."""

    def __init__(self, memory):
        super().__init__(memory)
        self.memory = memory.view(0, memory.size)


class Caller:
    """A vCPU that makes hypercalls."""

    def __init__(self, ram=RAM):
        self.memory = GuestMemory(ram)
        self.vcpu = Vcpu(Engine(), self.memory, 0, POWER9)
        self.memory.write(CODE, SC1.to_bytes(4, "big") + STAY.to_bytes(4, "big"))

    def call(self, opcode, *arguments):
        """The answer of native code, or None when it leaves the call to Python."""
        self.vcpu.gpr[3 : 4 + len(arguments)] = [opcode, *arguments]
        self.vcpu.msr, self.vcpu.nia = MSR.SF | MSR.ME, CODE
        if self.vcpu.run_for(1).reason.name == "HCALL":
            assert self.vcpu.gpr[3] == opcode
            return None
        return self.vcpu.gpr[3]

    def count(self, counter):
        """One of `ir.layout.COUNTER`."""
        return int(self.vcpu.state["counters"][counter])
