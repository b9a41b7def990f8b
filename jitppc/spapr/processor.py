"""One vCPU on its host thread: runs guest code and answers what it stops for."""

from collections.abc import Callable
from typing import Any

from jitppc.spapr.hcall.table import HcallDispatcher, name_of
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.partition import VcpuState, deliver_fwnmi_reset
from jitppc.spapr.ports import EXIT_NAMES, Exit, Vcpu
from jitppc.spapr.stop import Stop, StopLatch
from jitppc.spapr.vio.vty_output import ConsoleOutput

HcallObserver = Callable[[str, Vcpu], None]


class Processor:
    """`run` is the body of the vCPU's host thread; it owns the vCPU while it runs."""

    def __init__(
        self, cpu: PaprCpu, dispatcher: HcallDispatcher, latch: StopLatch, output: ConsoleOutput
    ) -> None:
        self._cpu = cpu
        self._dispatcher = dispatcher
        self._latch = latch
        self._output = output
        self.on_hcall: HcallObserver | None = None

    def run(self) -> None:
        """Returns when the latch is set. An exception of ours or of the user's code sets it."""
        try:
            while not self._latch.is_requested:
                self.step()
        except BaseException as error:  # noqa: BLE001 (it leaves `run` on the caller's thread)
            self._latch.fail(error)

    def step(self, run: Callable[[Any], Exit] | None = None) -> None:
        """The vCPU runs (by `run`, if given) until it needs this room once, and is answered."""
        record = self._cpu.record
        if record.state is VcpuState.STOPPED:
            record.wake.clear()
            if record.state is VcpuState.STOPPED and not self._latch.is_requested:
                record.wake.wait()
            return
        if record.has_fwnmi_reset:
            deliver_fwnmi_reset(self._cpu.partition, record, self._cpu.memory)
        self._answer(record.vcpu.run() if run is None else run(record.vcpu))

    def _answer(self, exit_: Exit) -> None:
        name = exit_.reason.name
        assert name in EXIT_NAMES, f"vcpu.run returned an unknown reason {exit_.reason!r}"
        if name == "HCALL":
            if self._output.settle() and self._latch.is_requested:
                self._dispatcher.restart(self._cpu)     # what was printed before has stopped us
                return
            self._observe()
            self._dispatcher.dispatch(self._cpu)
        elif name == "CHECKSTOP":
            self._latch.set(Stop("panic", f"the processor has stopped: {exit_.detail}"))

    def _observe(self) -> None:
        """The user sees the hypercall first; it is still answered when the user's code raises."""
        if self.on_hcall is None:
            return
        vcpu = self._cpu.vcpu
        try:
            self.on_hcall(name_of(int(vcpu.gpr[3])), vcpu)
        except BaseException as error:  # noqa: BLE001 (it leaves `run` on the caller's thread)
            self._latch.fail(error)
